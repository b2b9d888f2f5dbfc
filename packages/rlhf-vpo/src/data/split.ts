/** Cutting a stream of bytes into records. */
import { PreferenceFormatError } from "./record.js";

/** One record's bytes as they come in, no more of them than fit the limit. */
export class Pending {
  #parts: Uint8Array[] = [];
  #size = 0;
  readonly #most: number;
  constructor(most: number) {
    this.#most = most;
  }
  add(part: Uint8Array): void {
    this.#size += part.length;
    if (this.#size > this.#most) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }
  get empty(): boolean {
    return this.#size === 0;
  }
  /** The text of the record, which is then forgotten. */
  take(line: number): string {
    const [parts, size] = [this.#parts, this.#size];
    this.#parts = [];
    this.#size = 0;
    if (size > this.#most)
      throw new PreferenceFormatError("LINE_TOO_LONG", line, `longer than ${this.#most} bytes`);
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      throw new PreferenceFormatError("INVALID_JSON", line, "no UTF-8 text");
    }
  }
}

/** A place of a stream of bytes where a record may end. */
export type Splitter = (chunk: Uint8Array, from: number) => number;

export const [NEWLINE, OPEN, CLOSE, QUOTE, ESCAPE, COMMA] = [10, 91, 93, 34, 92, 44];
export const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);
export const MARK = [0xef, 0xbb, 0xbf];

export const lines: Splitter = (chunk, from) => chunk.indexOf(NEWLINE, from);

/** The ends of an array's elements: commas between them, and the bracket that closes it. */
export function elements(): Splitter & { readonly state: { depth: number } } {
  const state = { depth: 1, quoted: false, escaped: false };
  const splitter: Splitter = (chunk, from) => {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (state.escaped) state.escaped = false;
      else if (state.quoted) {
        if (byte === ESCAPE) state.escaped = true;
        else if (byte === QUOTE) state.quoted = false;
      } else if (byte === QUOTE) state.quoted = true;
      else if (byte === OPEN || byte === 123) state.depth++;
      else if (byte === CLOSE || byte === 125) {
        if (--state.depth === 0) return at;
      } else if (byte === COMMA && state.depth === 1) return at;
    }
    return -1;
  };
  return Object.assign(splitter, { state });
}

/** The ends of lines of CSV: a line break inside a quoted field is none. */
export function csvRecords(delimiter: number): Splitter {
  let [quoted, closed, atStart] = [false, false, true];
  return (chunk, from) => {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (quoted) {
        if (byte === QUOTE) [quoted, closed] = [false, true];
        continue;
      }
      // a quote right after the closing one is a doubled quote
      if (closed && byte === QUOTE) [quoted, closed] = [true, false];
      else if (atStart && byte === QUOTE) quoted = true;
      else {
        closed = false;
        atStart = byte === delimiter || byte === NEWLINE;
        if (byte === NEWLINE) return at;
        continue;
      }
      atStart = false;
    }
    return -1;
  };
}
