/** Tables from lists of objects. */
import {
  type Schema,
  anyList,
  anyString,
  check,
  checkOptions,
  isRecord,
  listOf,
  show,
} from "../check/index.js";
import { DomainError } from "../errors.js";
import { missingCodes } from "./csv.js";
import { numberReader } from "./numbers.js";
import {
  type ColumnSpec,
  type RecognisedColumn,
  columnSpecs,
  missingTest,
  recogniseColumn,
} from "./recognise.js";
import { type Table, makeTable, noColumn } from "./types.js";

/**
 * Options of {@link tableFromRows}.
 * @category Tables
 */
export interface RowsOptions {
  /** What stands for a missing value, beside `undefined`, `null`, NaN and fields left out: text by itself, numbers by value; default none. */
  readonly missing?: readonly (string | number)[];
  /** What columns hold, by name; the others are recognised by the types of their values. */
  readonly columns?: Readonly<Record<string, ColumnSpec>>;
  /** Which columns, in which order; default all fields, in the order in which they first come. */
  readonly names?: readonly string[];
}

/**
 * A table made of objects, and how they were understood.
 * @category Tables
 */
export interface RowsTable extends Table {
  /** What each column was recognised as. */
  readonly recognised: readonly RecognisedColumn[];
}

const ROWS: Schema<RowsOptions> = {
  missing: missingCodes,
  columns: columnSpecs,
  names: listOf(anyString),
};

/**
 * The table of a list of objects, one a row: numbers become columns of numbers, text and truth values columns of categories.
 *
 * Text is taken for numbers only where `columns` says `"number"`. Time and memory in proportion to the number of values.
 *
 * @param rows - objects with numbers, text, truth values; `undefined`, `null`, NaN or no field for what is missing
 * @param options - see {@link RowsOptions}
 * @returns the table, with what was recognised
 * @throws `DomainError` with row and column for values of other kinds, for mixtures, and for names that no row has
 * @example
 * ```ts
 * import { column, tableFromRows } from "@provably/core-tensor/table";
 *
 * const table = tableFromRows([{ age: 31, smokes: true }, { age: 47 }], { names: ["age", "smokes"] });
 * [...column(table, "smokes").missing]; // => [0, 1]
 * ```
 * @category Tables
 */
export function tableFromRows(
  rows: readonly Readonly<Record<string, unknown>>[],
  options: RowsOptions = {},
): RowsTable {
  const fn = "tableFromRows";
  check(fn, "rows", rows, anyList);
  const { missing = [], columns = {}, names: wanted } = checkOptions(fn, options, ROWS);
  const names = new Set<string>();
  for (const [r, row] of rows.entries()) {
    if (!isRecord(row))
      throw new DomainError(`${fn}: rows[${r}] must be an object, got ${show(row)}`);
    for (const name of Object.keys(row)) names.add(name);
  }
  const known = [...names].map((name) => ({ name }));
  for (const name of [...(wanted ?? []), ...Object.keys(columns)])
    if (!names.has(name)) throw noColumn(fn, name, known);
  const chosen = wanted ?? [...names];
  const twice = chosen.find((name, i) => chosen.indexOf(name) !== i);
  if (twice !== undefined) throw new DomainError(`${fn}: names has ${show(twice)} twice`);
  const read = numberReader({});
  const isMissing = missingTest(missing, read);
  const found = chosen.map((name) => {
    const fail = (row: number, says: string): Error =>
      new DomainError(`${fn}: row ${row}, column ${show(name)}: ${says}`);
    const at = (row: number): string | number | boolean | undefined => {
      const cell = Object.hasOwn(rows[row]!, name) ? rows[row]![name] : undefined;
      if (cell === undefined || cell === null || Number.isNaN(cell)) return undefined;
      if (typeof cell === "boolean") return cell;
      if (typeof cell !== "string" && typeof cell !== "number")
        throw fail(row, `must be a number, text, true or false, got ${show(cell)}`);
      const value = typeof cell === "string" ? cell.trim() : cell;
      return isMissing(value) ? undefined : value;
    };
    const cells = { name, numRows: rows.length, at, fail, textMayBeNumbers: false, read };
    return recogniseColumn(cells, Object.hasOwn(columns, name) ? columns[name] : undefined);
  });
  const table = makeTable(
    rows.length,
    found.map(({ column }) => column),
  );
  return Object.freeze({ ...table, recognised: Object.freeze(found.map(({ note }) => note)) });
}
