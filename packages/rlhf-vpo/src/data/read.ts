/** Streaming preferences from lines of JSON, an array, CSV or Parquet, in constant memory where the format allows it. */
import {
  type Guard,
  abortSignal,
  anyFunction,
  anyString,
  checkOptions,
  either,
  oneOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { csvRow } from "./csv.js";
import { parsePreferences } from "./layouts.js";
import { parquetRows } from "./parquet.js";
import { type Preference, type PreferenceErrorCode, PreferenceFormatError } from "./record.js";
import {
  type ChunkSource,
  type PreferenceFormat,
  type Recognised,
  concatenated,
  recognise,
} from "./source.js";
import { Pending, csvRecords, elements, lines } from "./split.js";

/**
 * Options of {@link readPreferences}.
 * @category Data
 */
export interface ReadOptions {
  /** What to do with a bad line: stop (`"throw"`, the default), leave it out, or call a function and leave it out. */
  readonly onError?: "throw" | "skip" | ((error: PreferenceFormatError) => void);
  /** Longest line, or record of an array, in bytes; default 16 MiB. Longer ones are an error and never held in memory whole. */
  readonly maxLineBytes?: number;
  /** A name of the source, such as that of the file, for errors. */
  readonly name?: string;
  /** Called at the end with what was read and what was not. */
  readonly onEnd?: (summary: PreferenceSummary) => void;
  /** Stops between two chunks. */
  readonly signal?: AbortSignal;
}

/**
 * What a reader found, and what it left out.
 * @category Data
 */
export interface PreferenceSummary {
  readonly format: PreferenceFormat;
  /** Rows that were not blank. */
  readonly rows: number;
  /** Preferences that they gave. */
  readonly records: number;
  /** Rows of each layout. */
  readonly layouts: Readonly<Record<string, number>>;
  /** Rows that were left out, by the reason of their error. */
  readonly skipped: Readonly<Partial<Record<PreferenceErrorCode, number>>>;
  /** Lists in which all responses are tied, so that they give no pair. */
  readonly allTied: number;
}

const READ = {
  onError: either(oneOf("throw", "skip"), anyFunction) as Guard,
  maxLineBytes: wholeNumber(),
  name: anyString,
  onEnd: anyFunction,
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

/**
 * Preferences from a file, one by one: lines of JSON, one JSON array, CSV with a header, or Parquet, in any layout that {@link parsePreferences} knows. What
 * was recognised stands beside every record. Blank lines are skipped; a byte-order mark, CRLF and a missing last newline are understood; lines and characters
 * may be split across chunks.
 *
 * Memory stays at one chunk and one record, whatever the size of the file; a Parquet file is held whole, and read by the optional package `hyparquet`. A row
 * with several pairs, such as a ranking, gives one after the other. What was left out, and why, is counted for `onEnd`; see also {@link loadPreferences}.
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
    name,
    onEnd,
    signal,
  } = checkOptions<ReadOptions>("readPreferences", options, READ);
  signal?.throwIfAborted();
  const recognised = await recognise(source);
  const counts = { rows: 0, records: 0, allTied: 0 };
  const layouts: Record<string, number> = {};
  const skipped: Partial<Record<PreferenceErrorCode, number>> = {};
  for await (const { line, value } of rowsOf(recognised, maxLineBytes, signal)) {
    counts.rows++;
    try {
      const { layout, records } = parsePreferences(value(), line);
      layouts[layout] = (layouts[layout] ?? 0) + 1;
      counts.records += records.length;
      if (records.length === 0) counts.allTied++;
      for (const record of records) yield { line, layout, record };
    } catch (error) {
      if (!(error instanceof PreferenceFormatError)) throw error;
      const { reason, detail } = error;
      const placed = new PreferenceFormatError(reason, error.line, detail, name);
      if (onError === "throw") throw placed;
      skipped[reason] = (skipped[reason] ?? 0) + 1;
      if (onError !== "skip") onError(placed);
    }
  }
  onEnd?.({ format: recognised.format, ...counts, layouts, skipped });
}

/**
 * All preferences of a source that fits into memory, with what was recognised and what was left out.
 *
 * @param source - see {@link ChunkSource}
 * @param options - see {@link ReadOptions}
 * @returns `preferences`, in order, and their `summary`
 * @throws as {@link readPreferences}
 * @example
 * ```ts
 * import { loadPreferences } from "@provably/rlhf-vpo";
 *
 * const csv = 'prompt,chosen,rejected,weight\n2+2?,4,"5, or so",2\nq,a,a,\n';
 * const { preferences, summary } = await loadPreferences(csv, { onError: "skip" });
 * preferences[0].record.rejected; // => "5, or so"
 * [summary.format, summary.rows, summary.skipped.IDENTICAL_RESPONSES]; // => ["CSV", 2, 1]
 * ```
 * @category Data
 */
export async function loadPreferences(
  source: ChunkSource,
  options: ReadOptions = {},
): Promise<{
  readonly preferences: readonly FoundPreference[];
  readonly summary: PreferenceSummary;
}> {
  checkOptions<ReadOptions>("loadPreferences", options, READ);
  const preferences: FoundPreference[] = [];
  let summary: PreferenceSummary | undefined;
  const onEnd = (end: PreferenceSummary): void => {
    summary = end;
    options.onEnd?.(end);
  };
  for await (const found of readPreferences(source, { ...options, onEnd })) preferences.push(found);
  return { preferences, summary: summary! };
}

/** A row that was found; asking for its value may throw that it has none. */
interface RawRow {
  readonly line: number;
  readonly value: () => unknown;
}

async function* rowsOf(
  recognised: Recognised,
  most: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<RawRow> {
  if (recognised.format === "Parquet") {
    let line = 0;
    for await (const value of wholeParquet(recognised, signal)) yield { line: ++line, value };
    return;
  }
  const { dialect, format } = recognised;
  const array = format === "JSON array" ? elements() : undefined;
  const pending = new Pending(most);
  let split = array ?? (dialect ? csvRecords(dialect.delimiter.charCodeAt(0)) : lines);
  // a line of CSV counts as the record that it is, without the header
  let line = dialect ? -1 : array ? 0 : recognised.blankLines;
  let inside = array !== undefined;

  /** A finished record, if there is anything in it. */
  const finish = (mayBeEmpty: boolean, ended = true): RawRow | undefined => {
    line++;
    const at = line;
    let text: string;
    try {
      text = pending.take(at);
      if (!ended) throw new PreferenceFormatError("INVALID_JSON", at, "the array does not end");
    } catch (error) {
      return { line: at, value: () => raise(error) };
    }
    if (text.trim() === "" && mayBeEmpty) {
      if (dialect) line--;
      return undefined;
    }
    if (dialect && at === 0) return undefined;
    return {
      line: at,
      value: () => (dialect ? csvRow(text, dialect, at) : jsonOf(text.trim(), at)),
    };
  };

  let skip = array ? 1 : 0;
  for await (const bytes of recognised.chunks) {
    signal?.throwIfAborted();
    let from = Math.min(skip, bytes.length);
    skip -= from;
    for (let at = split(bytes, from); at >= 0; at = split(bytes, from)) {
      pending.add(bytes.subarray(from, at));
      from = at + 1;
      const closed = inside && array!.state.depth === 0;
      const row = finish(!inside || (closed && line === 0));
      if (row) yield row;
      if (!closed) continue;
      // after the bracket nothing but white space
      inside = false;
      split = lines;
    }
    // What is left of the chunk is copied, so that a source may reuse its buffer.
    pending.add(bytes.slice(from));
  }
  const last = inside ? finish(false, false) : pending.empty ? undefined : finish(true);
  if (last) yield last;
}

function raise(error: unknown): never {
  throw error;
}

function jsonOf(text: string, line: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new PreferenceFormatError("INVALID_JSON", line, `no JSON: ${text.slice(0, 40)}`);
  }
}

async function* wholeParquet(
  { chunks }: Recognised,
  signal: AbortSignal | undefined,
): AsyncGenerator<() => unknown> {
  const parts: Uint8Array[] = [];
  for await (const part of chunks) {
    signal?.throwIfAborted();
    parts.push(part.slice());
  }
  yield* parquetRows(concatenated(parts));
}
