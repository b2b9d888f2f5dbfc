/** Streaming preferences from lines of JSON, in constant memory. */
import { DomainError } from "@provably/core-tensor";
import { anyFunction, anyRecord, check, show } from "@provably/core-tensor/internal";
import { PreferenceFormatError, type PreferenceRecord, parsePreference } from "./record.js";

/**
 * Where lines come from: a Node stream, a Web stream, or any iterable of text or bytes in chunks of any size.
 * @category Data
 */
export type ChunkSource =
  AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array> | ReadableStream<Uint8Array>;

/**
 * Options of {@link readPreferenceJsonl}.
 * @category Data
 */
export interface ReadOptions {
  /** What to do with a bad line: stop (`"throw"`, the default), leave it out, or call a function and leave it out. */
  readonly onError?: "throw" | "skip" | ((error: PreferenceFormatError) => void);
  /** Longest line in bytes; default 16 MiB. Longer ones are an error and never held in memory whole. */
  readonly maxLineBytes?: number;
  /** Stops between two chunks. */
  readonly signal?: AbortSignal;
}

async function* chunksOf(source: ChunkSource): AsyncGenerator<string | Uint8Array> {
  if (typeof source === "string") {
    yield source;
    return;
  }
  const record = typeof source === "object" && source !== null && !ArrayBuffer.isView(source);
  if (
    !record ||
    !("getReader" in source || Symbol.asyncIterator in source || Symbol.iterator in source)
  )
    throw new DomainError(
      `readPreferenceJsonl: source must be text, a stream, or chunks to iterate over, got ${show(source)}`,
    );
  if ("getReader" in source) {
    const reader = source.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      reader.releaseLock();
    }
  }
  yield* source;
}

const NEWLINE = 10;

/**
 * Preferences from JSON lines `{"prompt", "chosen", "rejected"}`, one by one, with the line each came from. Blank lines are skipped; a byte-order mark,
 * CRLF and a missing last newline are understood; lines and characters may be split across chunks.
 *
 * Memory stays at one chunk and one line, whatever the size of the file.
 *
 * @param source - see {@link ChunkSource}
 * @param options - see {@link ReadOptions}
 * @returns asynchronous iterator of `{ line, record }`
 * @throws `PreferenceFormatError` for a bad line, with its number, unless `onError` says otherwise
 * @example
 * ```ts
 * import { readPreferenceJsonl } from "@provably/rlhf-vpo";
 *
 * const text = '{"prompt":"2+2?","chosen":"4","rejected":"5"}\n';
 * const found = [];
 * for await (const { record } of readPreferenceJsonl([text])) found.push(record.chosen);
 * found; // => ["4"]
 * ```
 * @category Data
 */
export async function* readPreferenceJsonl(
  source: ChunkSource,
  options: ReadOptions = {},
): AsyncGenerator<{ readonly line: number; readonly record: PreferenceRecord }> {
  const {
    onError = "throw",
    maxLineBytes = 16 * 2 ** 20,
    signal,
  } = check("readPreferenceJsonl", "options", options, anyRecord);
  if (!(typeof maxLineBytes === "number" && maxLineBytes >= 1))
    throw new DomainError(
      `readPreferenceJsonl: maxLineBytes must be positive, got ${show(maxLineBytes)}`,
    );
  if (onError !== "throw" && onError !== "skip")
    check("readPreferenceJsonl", "onError", onError, anyFunction);
  const encoder = new TextEncoder();
  let pending: Uint8Array[] = [];
  let size = 0;
  let line = 0;
  let tooLong = false;
  const decode = (): string => {
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of pending) {
      bytes.set(part, at);
      at += part.length;
    }
    return new TextDecoder().decode(bytes);
  };
  const finish = (): { readonly line: number; readonly record: PreferenceRecord } | undefined => {
    line++;
    const long = tooLong;
    const text = long ? "" : decode().trim();
    pending = [];
    size = 0;
    tooLong = false;
    try {
      if (long)
        throw new PreferenceFormatError("LINE_TOO_LONG", line, `longer than ${maxLineBytes} bytes`);
      if (text === "") return undefined;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        throw new PreferenceFormatError("INVALID_JSON", line, `no JSON: ${text.slice(0, 40)}`);
      }
      return { line, record: parsePreference(value, line) };
    } catch (error) {
      if (!(error instanceof PreferenceFormatError) || onError === "throw") throw error;
      if (onError !== "skip") onError(error);
      return undefined;
    }
  };
  const keep = (part: Uint8Array): void => {
    if (part.length === 0 || tooLong) return;
    size += part.length;
    if (size > maxLineBytes) {
      tooLong = true;
      pending = [];
      return;
    }
    pending.push(part);
  };
  for await (const chunk of chunksOf(source)) {
    signal?.throwIfAborted();
    const bytes = typeof chunk === "string" ? encoder.encode(chunk) : chunk;
    if (!(bytes instanceof Uint8Array))
      throw new DomainError(
        `readPreferenceJsonl: chunks must be text or bytes, got ${show(bytes)}`,
      );
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      keep(bytes.subarray(from, at));
      from = at + 1;
      const found = finish();
      if (found) yield found;
    }
    // What is left of the chunk is copied, so that a source may reuse its buffer.
    keep(bytes.slice(from));
  }
  if (size > 0 || tooLong) {
    const found = finish();
    if (found) yield found;
  }
}
