/** Text from text or bytes, with one kind of line end. */
import { show } from "../check/index.js";
import { DomainError, FormatError } from "../errors.js";
import { toBytes } from "../io/bytes.js";

/** The text without a byte order mark, its lines ended by line feeds; what was decoded wrongly before is refused. */
export function readText(fn: string, text: string | Uint8Array | ArrayBuffer): string {
  const whole = typeof text === "string" ? text : decoded(fn, text);
  const marked = whole.startsWith("\ufeff") ? whole.slice(1) : whole;
  if (marked.includes("\u0000"))
    throw new FormatError(`${fn}: text has zero characters; UTF-16 read as UTF-8 looks like this`);
  if (marked.includes("\ufffd"))
    throw new FormatError(
      `${fn}: text has replacement characters (U+FFFD), so bytes were lost when it was decoded; pass the bytes`,
    );
  return marked.includes("\r") ? marked.replace(/\r\n?/g, "\n") : marked;
}

function decoded(fn: string, given: Uint8Array | ArrayBuffer): string {
  if (typeof given !== "object" || given === null)
    throw new DomainError(`${fn}: text must be text or bytes, got ${show(given)}`);
  const bytes = toBytes(fn, "text", given);
  const utf16 =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "utf-8";
  try {
    return new TextDecoder(utf16, { fatal: true }).decode(bytes);
  } catch {
    throw new FormatError(`${fn}: the bytes are not ${utf16.toUpperCase()}`);
  }
}
