/** Bytes of files, and the check that they are some. */
import { show } from "../check/index.js";
import { FormatError } from "../errors.js";

export function checkBytes(fn: string, argument: string, value: Uint8Array): void {
  if (!(value instanceof Uint8Array))
    throw new FormatError(`${fn}: ${argument} must be a Uint8Array, got ${show(value)}`);
}
