/** Where the bytes of preferences come from, and what they are. */
import { DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { type CsvDialect, csvDialect } from "./csv.js";
import { MARK, NEWLINE, OPEN, isSpace } from "./split.js";

/**
 * Where data come from: text or bytes, a `Blob` or `File`, a Node stream, a Web stream, or any iterable of text or bytes in chunks of any size.
 * @category Data
 */
export type ChunkSource =
  | string
  | Uint8Array
  | Blob
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>
  | ReadableStream<Uint8Array>;

/**
 * How a file is written.
 * @category Data
 */
export type PreferenceFormat = "JSON lines" | "JSON array" | "CSV" | "Parquet" | "empty";

/** A recognised source: its bytes from the first that counts. */
export interface Recognised {
  readonly format: PreferenceFormat;
  /** Of a CSV. */
  readonly dialect: CsvDialect | undefined;
  /** Line breaks before the first byte. */
  readonly blankLines: number;
  readonly chunks: AsyncGenerator<Uint8Array>;
}

const isBytes = (x: unknown): x is Uint8Array =>
  Object.prototype.toString.call(x) === "[object Uint8Array]";

function encode(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return new TextEncoder().encode(chunk);
  if (isBytes(chunk)) return chunk;
  throw new DomainError(`readPreferences: chunks must be text or bytes, got ${show(chunk)}`);
}

export async function* chunksOf(source: ChunkSource): AsyncGenerator<Uint8Array> {
  if (typeof source === "string" || isBytes(source)) {
    yield encode(source);
    return;
  }
  if (typeof Blob !== "undefined" && source instanceof Blob) {
    yield* chunksOf(source.stream());
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

/** The longest first line that may be a header. */
const HEADER = 65_536;
const PARQUET = [80, 65, 82, 49];

type Decision = Omit<Recognised, "chunks"> & { readonly from: number };

/** What the first bytes are; undefined where more of them are needed. */
function decide(head: Uint8Array, ended: boolean): Decision | undefined {
  let [from, blankLines] = [0, 0];
  while (from < head.length && (isSpace(head[from]!) || MARK.includes(head[from]!))) {
    if (head[from] === NEWLINE) blankLines++;
    from++;
  }
  const is = (format: PreferenceFormat, dialect?: CsvDialect): Decision => ({
    format,
    dialect,
    blankLines,
    from,
  });
  const first = head[from];
  if (first === undefined) return ended ? is("empty") : undefined;
  if (first === OPEN) return is("JSON array");
  if (first === 123) return is("JSON lines");
  if (head.length - from < PARQUET.length && !ended) return undefined;
  if (PARQUET.every((byte, i) => head[from + i] === byte)) return is("Parquet");
  const end = head.indexOf(NEWLINE, from);
  if (end < 0 && !ended && head.length - from < HEADER) return undefined;
  const line = head.subarray(from, end < 0 ? head.length : end);
  const dialect = csvDialect(new TextDecoder().decode(line));
  return dialect ? is("CSV", dialect) : is("JSON lines");
}

/** Reads as much as is needed to say what the source is, and loses none of it. */
export async function recognise(source: ChunkSource): Promise<Recognised> {
  const chunks = chunksOf(source);
  let head: Uint8Array = new Uint8Array(0);
  let decision: Decision | undefined;
  while (decision === undefined) {
    const next = await chunks.next();
    if (next.done !== true) head = concatenated([head, next.value]);
    decision = decide(head, next.done === true);
  }
  const { from, ...recognised } = decision;
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield head.subarray(from);
      yield* chunks;
    } finally {
      // whoever stops in the middle gives the source back
      await chunks.return(undefined);
    }
  }
  return { ...recognised, chunks: all() };
}

export function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
