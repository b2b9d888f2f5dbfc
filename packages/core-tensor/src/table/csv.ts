/** Tables from text: comma-separated values and their relatives. */
import Papa from "papaparse";
import {
  type Guard,
  type Schema,
  anyNumber,
  anyString,
  checkOptions,
  either,
  listOf,
  oneOf,
  satisfying,
  show,
  trueOrFalse,
} from "../check/index.js";
import { DomainError, FormatError } from "../errors.js";
import { readText } from "./decode.js";
import { type NumberFormat, numberReader } from "./numbers.js";
import {
  type ColumnSpec,
  type RecognisedColumn,
  columnSpecs,
  missingTest,
  recogniseColumn,
} from "./recognise.js";
import { type Table, makeTable, noColumn } from "./types.js";

/**
 * Options of {@link tableFromCsv}.
 * @category Tables
 */
export interface CsvOptions extends NumberFormat {
  /** The sign between fields, one character; default `"auto"`: whichever of `,` `;` tab `|` splits every line alike. */
  readonly delimiter?: string;
  /**
   * `true`: the first line has the names. `false`: it is data, and the names are column1, column2, … A list: it is data, and these are the
   * names. Default `"auto"`: the names, unless there is a number among them, which is refused.
   */
  readonly header?: "auto" | boolean | readonly string[];
  /**
   * What stands for a missing value, beside blanks: text as it is written, numbers by their value. Default `["NA", "N/A", "NaN", "nan",
   * "null", "NULL"]`; a list given replaces it.
   */
  readonly missing?: readonly (string | number)[];
  /** What columns hold, by name; the others are recognised. */
  readonly columns?: Readonly<Record<string, ColumnSpec>>;
  /** Leave out columns without a name, such as an index written by pandas, instead of refusing them; default false. */
  readonly skipUnnamed?: boolean;
}

/**
 * A table read from text, and how it was read.
 * @category Tables
 */
export interface CsvTable extends Table {
  /** The sign between fields. */
  readonly delimiter: string;
  /** Whether the first line was taken for names. */
  readonly hasHeader: boolean;
  /** Lines without anything in them, which were passed over. */
  readonly numBlankLines: number;
  /** What each column was recognised as. */
  readonly recognised: readonly RecognisedColumn[];
}

/** A list of codes of missing values. */
export const missingCodes: Guard<readonly (string | number)[]> = listOf(
  either(anyString, anyNumber),
);

/** A sign between fields. */
const delimiter: Guard<string> = satisfying(
  '"auto" or one character, but no quote, letter, digit or line break',
  (x) => x === "auto" || (typeof x === "string" && /^[^"\p{L}\p{N}\r\n\ufeff.+-]$/u.test(x)),
);

const CSV: Schema<CsvOptions> = {
  delimiter,
  header: either(either(oneOf("auto"), trueOrFalse), listOf(anyString)),
  missing: missingCodes,
  columns: columnSpecs,
  skipUnnamed: trueOrFalse,
  decimal: oneOf(".", ","),
  thousands: oneOf("", ",", ".", " ", "'", "_"),
};

/**
 * The table in comma-separated text, by RFC 4180 and its usual relatives: quotes, quotes doubled inside quotes, any line ends, a byte order
 * mark, blank lines.
 *
 * Nothing is guessed in silence: a column is taken for numbers when every value in it is one, for categories when none is, and
 * `recognised` says so; mixtures, numbers with signs of thousands or decimal commas that were not announced, unequal lines, double or
 * missing names are refused with line and column. Whole numbers with leading zeros are categories, since they are names. White space
 * around a value is no part of it. Takes time and memory in proportion to the text.
 *
 * @param text - the whole text, or its bytes in UTF-8 or UTF-16
 * @param options - see {@link CsvOptions}
 * @returns the table, with what was recognised
 * @throws `FormatError` with line and column when the text cannot be read without doubt
 * @throws `DomainError` for options that are unknown, wrong, or name a column that is not there
 * @example
 * ```ts
 * import { column, tableFromCsv } from "@provably/core-tensor/table";
 *
 * const table = tableFromCsv("age,group\n31,b\nNA,a\n47,b\n", { delimiter: "auto" });
 * table.recognised.map(({ name, kind }) => `${name}: ${kind}`); // => ["age: number", "group: category"]
 * const group = column(table, "group");
 * group.kind === "category" && [...group.codes]; // => [1, 0, 1]
 * ```
 * @see RFC 4180, "Common format and MIME type for comma-separated values"
 * @category Tables
 */
export function tableFromCsv(
  text: string | Uint8Array | ArrayBuffer,
  options: CsvOptions = {},
): CsvTable {
  const fn = "tableFromCsv";
  const settings = checkOptions(fn, options, CSV);
  const {
    header = "auto",
    missing = ["NA", "N/A", "NaN", "nan", "null", "NULL"],
    columns = {},
  } = settings;
  if (settings.thousands !== undefined && settings.thousands === (settings.decimal ?? "."))
    throw new DomainError(
      `${fn}: thousands and decimal must differ, got ${show(settings.thousands)} for both`,
    );
  const lines = readText(fn, text);
  const sign = chosenDelimiter(fn, lines, settings.delimiter ?? "auto");
  const { rows, lineOf, numBlankLines } = parsed(fn, lines, sign);
  const read = numberReader(settings);
  const hasHeader = header === true || header === "auto";
  const first = rows[0]!.map((field) => field.trim());
  if (header === "auto") refuseNumbers(fn, first, read);
  const names = Array.isArray(header)
    ? [...(header as readonly string[])]
    : hasHeader
      ? first
      : first.map((_, c) => `column${c + 1}`);
  const kept = checkNames(fn, names, first.length, settings.skipUnnamed ?? false);
  const from = hasHeader ? 1 : 0;
  refuseRagged(fn, rows, lineOf, first.length);
  const isMissing = missingTest(missing, read);
  const byName = kept.map((c) => ({ name: names[c]!, at: c }));
  for (const name of Object.keys(columns))
    if (!byName.some((known) => known.name === name)) throw noColumn(fn, name, byName);
  const found = byName.map(({ name, at: c }) =>
    recogniseColumn(
      {
        name,
        numRows: rows.length - from,
        at: (row) => {
          const cell = rows[row + from]![c]!.trim();
          return cell === "" || isMissing(cell) ? undefined : cell;
        },
        fail: (row, says) =>
          new FormatError(`${fn}: line ${lineOf(row + from)}, column ${show(name)}: ${says}`),
        textMayBeNumbers: true,
        read,
      },
      Object.hasOwn(columns, name) ? columns[name] : undefined,
    ),
  );
  const table = makeTable(
    rows.length - from,
    found.map(({ column }) => column),
  );
  return Object.freeze({
    ...table,
    delimiter: sign,
    hasHeader,
    numBlankLines,
    recognised: Object.freeze(found.map(({ note }) => note)),
  });
}

interface Parsed {
  readonly rows: readonly (readonly string[])[];
  /** The line of the text on which a row begins, from 1. */
  readonly lineOf: (row: number) => number;
  readonly numBlankLines: number;
}

const isBlank = (row: readonly string[]): boolean => row.length === 1 && row[0]!.trim() === "";

/** The fields of every line that is not blank. */
function parsed(fn: string, text: string, delimiter: string): Parsed {
  const { data, errors } = Papa.parse<string[]>(text, { delimiter, newline: "\n" });
  const line = (row: number): number => {
    let at = 1;
    for (let r = 0; r < row; r++)
      at += 1 + data[r]!.reduce((n, f) => n + f.split("\n").length - 1, 0);
    return at;
  };
  const wrong = errors[0];
  if (wrong !== undefined)
    throw new FormatError(`${fn}: line ${line(wrong.row ?? 0)}: ${wrong.message}`);
  const places: number[] = [];
  for (let r = 0; r < data.length; r++) if (!isBlank(data[r]!)) places.push(r);
  if (places.length === 0) throw new FormatError(`${fn}: text has no line with anything in it`);
  // the empty row behind the last line break is no line
  const numBlankLines = data.length - places.length - (text.endsWith("\n") ? 1 : 0);
  const rows = numBlankLines === data.length ? data : places.map((r) => data[r]!);
  return { rows, lineOf: (row) => line(places[row]!), numBlankLines };
}

const DELIMITERS = [",", ";", "\t", "|"];

/** The sign that splits all of the first lines into the same number of fields, more than one; a comma when there is one column. */
function chosenDelimiter(fn: string, text: string, given: string): string {
  if (given !== "auto") return given;
  const counts = DELIMITERS.map((sign) =>
    Papa.parse<string[]>(text, { delimiter: sign, newline: "\n", preview: 50 })
      .data.filter((row) => !isBlank(row))
      .map((row) => row.length),
  );
  if (counts[0]!.length === 0) return ",";
  const even = DELIMITERS.filter((_, d) => counts[d]!.every((n) => n > 1 && n === counts[d]![0]));
  if (even.length === 1) return even[0]!;
  if (even.length > 1)
    throw new FormatError(
      `${fn}: ${even.map(show).join(" and ")} each split every line alike; set delimiter`,
    );
  // uneven lines: the sign of the first line, so that what is said about the others makes sense
  const most = Math.max(...counts.map((list) => list[0] ?? 0));
  return DELIMITERS[counts.findIndex((list) => (list[0] ?? 0) === most)]!;
}

function refuseNumbers(
  fn: string,
  first: readonly string[],
  read: (text: string) => number | undefined,
): void {
  const at = first.findIndex((field) => read(field) !== undefined);
  if (at >= 0)
    throw new FormatError(
      `${fn}: line 1 has the number ${show(first[at])} in column ${at + 1}, so it may be data or names; set header to true, false or a list of names`,
    );
}

/** Places of the columns that have a name. */
function checkNames(
  fn: string,
  names: readonly string[],
  width: number,
  skipUnnamed: boolean,
): number[] {
  if (names.length !== width)
    throw new DomainError(
      `${fn}: header has ${names.length} names, the first line ${width} fields`,
    );
  const kept: number[] = [];
  for (const [c, name] of names.entries()) {
    const before = names.indexOf(name);
    if (name === "" && !skipUnnamed)
      throw new FormatError(
        `${fn}: line 1: column ${c + 1} has no name; skipUnnamed: true leaves such columns out`,
      );
    if (name !== "" && before < c)
      throw new FormatError(
        `${fn}: line 1: columns ${before + 1} and ${c + 1} are both named ${show(name)}`,
      );
    if (name !== "") kept.push(c);
  }
  return kept;
}

function refuseRagged(
  fn: string,
  rows: Parsed["rows"],
  lineOf: Parsed["lineOf"],
  width: number,
): void {
  const r = rows.findIndex((row) => row.length !== width);
  if (r >= 0)
    throw new FormatError(
      `${fn}: line ${lineOf(r)} has ${rows[r]!.length} fields, the first line ${width}`,
    );
}
