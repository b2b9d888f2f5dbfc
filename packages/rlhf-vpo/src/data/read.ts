/** Streaming preferences from lines of JSON or from one array, in constant memory. */
import { DomainError } from "@provably/core-tensor";
import {
  type Guard,
  abortSignal,
  anyFunction,
  checkOptions,
  either,
  oneOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { parsePreferences } from "./layouts.js";
import { type Preference, PreferenceFormatError } from "./record.js";

/**
 * Where text comes from: a Node stream, a Web stream, or any iterable of text or bytes in chunks of any size.
 * @category Data
 */
export type ChunkSource =
  AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array> | ReadableStream<Uint8Array>;

/**
 * Options of {@link readPreferences}.
 * @category Data
 */
export interface ReadOptions {
  /** What to do with a bad line: stop (`"throw"`, the default), leave it out, or call a function and leave it out. */
  readonly onError?: "throw" | "skip" | ((error: PreferenceFormatError) => void);
  /** Longest line, or record of an array, in bytes; default 16 MiB. Longer ones are an error and never held in memory whole. */
  readonly maxLineBytes?: number;
  /** Stops between two chunks. */
  readonly signal?: AbortSignal;
}

const READ = {
  onError: either(oneOf("throw", "skip"), anyFunction) as Guard,
  maxLineBytes: wholeNumber(),
  signal: abortSignal,
};

/**
 * A preference with where it was found, and in which layout.
 * @category Data
 */
export interface FoundPreference {
  /** Line, or record of a JSON array, from 1. */
  readonly line: number;
  /** What was recognised, see {@link parsePreferences}. */
  readonly layout: string;
  readonly record: Preference;
}

function encode(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return new TextEncoder().encode(chunk);
  if (Object.prototype.toString.call(chunk) === "[object Uint8Array]") return chunk as Uint8Array;
  throw new DomainError(`readPreferences: chunks must be text or bytes, got ${show(chunk)}`);
}

async function* chunksOf(source: ChunkSource): AsyncGenerator<Uint8Array> {
  if (typeof source === "string") {
    yield encode(source);
    return;
  }
  const record = typeof source === "object" && source !== null && !ArrayBuffer.isView(source);
  if (
    !record ||
    !("getReader" in source || Symbol.asyncIterator in source || Symbol.iterator in source)
  )
    throw new DomainError(
      `readPreferences: source must be text, a stream, or chunks to iterate over, got ${show(source)}`,
    );
  if ("getReader" in source) {
    const reader = source.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield encode(value);
      }
    } finally {
      reader.releaseLock();
    }
  }
  for await (const chunk of source) yield encode(chunk);
}

/** One record's bytes as they come in, no more of them than fit the limit. */
class Pending {
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
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes).trim();
    } catch {
      throw new PreferenceFormatError("INVALID_JSON", line, "no UTF-8 text");
    }
  }
}

/** A place of a stream of bytes where a record may end. */
type Splitter = (chunk: Uint8Array, from: number) => number;

const [NEWLINE, OPEN, CLOSE, QUOTE, ESCAPE, COMMA] = [10, 91, 93, 34, 92, 44];
const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);
const MARK = [0xef, 0xbb, 0xbf];

const lines: Splitter = (chunk, from) => chunk.indexOf(NEWLINE, from);

/** The ends of an array's elements: commas between them, and the bracket that closes it. */
function elements(): Splitter & { readonly state: { depth: number } } {
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

/**
 * Preferences from a file, one by one: lines of JSON, or one JSON array, in any layout that {@link parsePreferences} knows. Blank lines are skipped; a
 * byte-order mark, CRLF and a missing last newline are understood; lines and characters may be split across chunks.
 *
 * Memory stays at one chunk and one record, whatever the size of the file. A row with several pairs, such as a ranking, gives one after the other.
 *
 * @param source - see {@link ChunkSource}
 * @param options - see {@link ReadOptions}
 * @returns asynchronous iterator of {@link FoundPreference}
 * @throws `PreferenceFormatError` for a bad line, with its number, unless `onError` says otherwise
 * @example
 * ```ts
 * import { readPreferences } from "@provably/rlhf-vpo";
 *
 * const text = '{"prompt":"2+2?","chosen":"4","rejected":"5"}\n';
 * const found = [];
 * for await (const { record } of readPreferences([text])) found.push(record.chosen);
 * found; // => ["4"]
 * ```
 * @category Data
 */
export async function* readPreferences(
  source: ChunkSource,
  options: ReadOptions = {},
): AsyncGenerator<FoundPreference> {
  const {
    onError = "throw",
    maxLineBytes = 16 * 2 ** 20,
    signal,
  } = checkOptions<ReadOptions>("readPreferences", options, READ);
  const pending = new Pending(maxLineBytes);
  let split: Splitter | undefined;
  let array: ReturnType<typeof elements> | undefined;
  let line = 0;
  const parse = (json: string): readonly FoundPreference[] => {
    let value: unknown;
    try {
      value = JSON.parse(json);
    } catch {
      throw new PreferenceFormatError("INVALID_JSON", line, `no JSON: ${json.slice(0, 40)}`);
    }
    const { layout, records } = parsePreferences(value, line);
    return records.map((record) => ({ line, layout, record }));
  };
  /** What a finished record says; between two lines and in an empty array there need be nothing. */
  const finish = (mayBeEmpty: boolean, ended = true): readonly FoundPreference[] => {
    line++;
    try {
      const text = pending.take(line);
      if (!ended) throw new PreferenceFormatError("INVALID_JSON", line, "the array does not end");
      if (text === "" && mayBeEmpty) return [];
      return parse(text);
    } catch (error) {
      if (!(error instanceof PreferenceFormatError) || onError === "throw") throw error;
      if (onError !== "skip") onError(error);
      return [];
    }
  };
  for await (const bytes of chunksOf(source)) {
    signal?.throwIfAborted();
    let from = 0;
    // an array is one whose first character is a bracket
    if (split === undefined) {
      while (from < bytes.length && (isSpace(bytes[from]!) || MARK.includes(bytes[from]!))) {
        if (bytes[from] === NEWLINE) line++;
        from++;
      }
      if (from === bytes.length) continue;
      if (bytes[from] === OPEN) {
        array = elements();
        from++;
        line = 0;
      }
      split = array ?? lines;
    }
    for (let at = split(bytes, from); at >= 0; at = split(bytes, from)) {
      pending.add(bytes.subarray(from, at));
      from = at + 1;
      const closed = array?.state.depth === 0;
      yield* finish(array === undefined || (closed && line === 0));
      if (!closed) continue;
      // after the bracket nothing but white space
      array = undefined;
      split = lines;
    }
    // What is left of the chunk is copied, so that a source may reuse its buffer.
    pending.add(bytes.slice(from));
  }
  if (array !== undefined) yield* finish(false, false);
  else if (!pending.empty) yield* finish(true);
}
