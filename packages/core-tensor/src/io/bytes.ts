/** Bytes of files, and the check that they are some. */
import { bytesOf } from "../array/realm.js";
import { show } from "../check/index.js";
import { FormatError } from "../errors.js";

/** The bytes of a `Uint8Array` or of a buffer of any realm, not copied. */
export function toBytes(
  fn: string,
  argument: string,
  value: Uint8Array | ArrayBufferLike,
): Uint8Array {
  const bytes = bytesOf(value);
  if (bytes === undefined)
    throw new FormatError(
      `${fn}: ${argument} must be a Uint8Array or an ArrayBuffer, got ${show(value)}`,
    );
  return bytes;
}
