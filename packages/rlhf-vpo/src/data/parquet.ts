/** Preferences in Parquet files, by `hyparquet`, which is loaded when a file needs it. */
import { show } from "@provably/core-tensor/internal";
import { PreferenceFormatError } from "./record.js";

/** The module `hyparquet`, as far as it is used here. */
interface Hyparquet {
  readonly parquetMetadataAsync: (file: ArrayBuffer) => Promise<Metadata>;
  readonly parquetReadObjects: (options: {
    readonly file: ArrayBuffer;
    readonly metadata: Metadata;
    readonly rowStart: number;
    readonly rowEnd: number;
  }) => Promise<readonly Record<string, unknown>[]>;
}

interface Metadata {
  readonly num_rows: bigint;
  readonly row_groups: readonly { readonly num_rows: bigint }[];
}

const fail = (line: number, detail: string): PreferenceFormatError =>
  new PreferenceFormatError("INVALID_PARQUET", line, detail);
const said = (error: unknown): string => (error instanceof Error ? error.message : show(error));

async function load(): Promise<Hyparquet> {
  try {
    return (await import("hyparquet")) as unknown as Hyparquet;
  } catch {
    throw fail(1, "a Parquet file is read by the package hyparquet: npm install hyparquet");
  }
}

/** Values as JSON would have them: whole numbers of 64 bits as numbers, dates as text. */
function plain(x: unknown, line: number): unknown {
  if (typeof x === "bigint") {
    const n = Number(x);
    if (!Number.isSafeInteger(n)) throw fail(line, `the whole number ${x} has too many digits`);
    return n;
  }
  if (Array.isArray(x)) return x.map((item) => plain(item, line));
  if (x instanceof Date) return x.toISOString();
  if (typeof x !== "object" || x === null || ArrayBuffer.isView(x)) return x;
  return Object.fromEntries(Object.entries(x).map(([name, item]) => [name, plain(item, line)]));
}

/** The rows of a file, one row group after the other. */
export async function* parquetRows(bytes: Uint8Array): AsyncGenerator<() => unknown> {
  const { parquetMetadataAsync, parquetReadObjects } = await load();
  const file = bytes.slice().buffer;
  let line = 0;
  let metadata: Metadata;
  try {
    metadata = await parquetMetadataAsync(file);
  } catch (error) {
    throw fail(1, `no Parquet file that can be read: ${said(error)}`);
  }
  for (const group of metadata.row_groups) {
    const rowEnd = line + Number(group.num_rows);
    let rows: readonly Record<string, unknown>[];
    try {
      rows = await parquetReadObjects({ file, metadata, rowStart: line, rowEnd });
    } catch (error) {
      throw fail(line + 1, `rows that cannot be read: ${said(error)}`);
    }
    for (const row of rows) {
      const at = ++line;
      yield () => plain(row, at);
    }
  }
}
