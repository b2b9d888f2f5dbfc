/** Tables: named columns of numbers and of categories, with what is missing marked. */
import {
  type Guard,
  anyList,
  anyString,
  byKind,
  check,
  listOf,
  nearestName,
  recordWith,
  show,
  trueOrFalse,
  wholeNumber,
} from "../check/index.js";
import { DomainError } from "../errors.js";
import { typedArray } from "../internal/arrays.js";

/**
 * A column of numbers.
 * @category Tables
 */
export interface NumberColumn {
  /** The name, unique in its table. */
  readonly name: string;
  readonly kind: "number";
  /** One number for each row; NaN where it is missing. Read only. */
  readonly values: Float64Array;
  /** 1 where the value is missing, else 0. Read only. */
  readonly missing: Uint8Array;
}

/**
 * A column of categories: a code for each row and a label for each code.
 * @category Tables
 */
export interface CategoryColumn {
  /** The name, unique in its table. */
  readonly name: string;
  readonly kind: "category";
  /** One place in `labels` for each row; −1 where it is missing. Read only. */
  readonly codes: Int32Array;
  /** What the codes stand for, all different. */
  readonly labels: readonly string[];
  /** Whether the order of `labels` means something, as in "low", "middle", "high". */
  readonly ordered: boolean;
  /** 1 where the value is missing, else 0. Read only. */
  readonly missing: Uint8Array;
}

/**
 * A column of a {@link Table}.
 * @category Tables
 */
export type Column = NumberColumn | CategoryColumn;

/**
 * Named columns of the same length: an immutable value.
 * @category Tables
 */
export interface Table {
  /** Number of rows. */
  readonly numRows: number;
  /** The columns, in order. */
  readonly columns: readonly Column[];
}

/** A table made of columns that are known to fit. */
export function makeTable(numRows: number, columns: readonly Column[]): Table {
  for (const column of columns) Object.freeze(column);
  return Object.freeze({ numRows, columns: Object.freeze([...columns]) });
}

const NUMBER = { kind: anyString, name: anyString, values: typedArray("Float64Array") };
const CATEGORY = {
  kind: anyString,
  name: anyString,
  codes: typedArray("Int32Array"),
  labels: listOf(anyString),
  ordered: trueOrFalse,
};
const marks = { missing: typedArray("Uint8Array") };
const COLUMN = byKind("kind", {
  number: recordWith({ ...NUMBER, ...marks }),
  category: recordWith({ ...CATEGORY, ...marks }),
});
const TABLE = recordWith({ numRows: wholeNumber(0), columns: anyList });

/**
 * A table: columns of one length under different names, codes that have a label, marks that agree with them.
 *
 * A guard as those of the vocabulary of checks.
 */
export const table: Guard<Table> = (got) => {
  const fault = TABLE(got);
  if (fault !== undefined) return { ...fault, expected: `a table (${fault.expected})` };
  const { numRows, columns } = got as Table;
  const names = new Set<string>();
  for (const [c, column] of columns.entries()) {
    const wrong = COLUMN(column);
    const at = `.columns[${c}]`;
    if (wrong !== undefined) return { ...wrong, path: `${at}${wrong.path}` };
    if (names.has(column.name))
      return { path: `${at}.name`, expected: "unlike the names before it", got: column.name };
    names.add(column.name);
    const says = columnFault(column, numRows);
    if (says !== undefined) return { path: at, expected: "", got: column, says };
  }
  return undefined;
};

/** What does not agree inside a column, in words that follow its place. */
function columnFault(column: Column, numRows: number): string | undefined {
  const places = column.kind === "number" ? column.values : column.codes;
  if (places.length !== numRows || column.missing.length !== numRows)
    return ` must have ${numRows} rows, got ${places.length} and ${column.missing.length} marks`;
  const { length } = column.kind === "category" ? column.labels : [];
  for (let i = 0; i < numRows; i++) {
    const value = places[i]!;
    const absent = column.kind === "number" ? Number.isNaN(value) : value === -1;
    if (absent !== (column.missing[i] === 1))
      return `: row ${i} holds ${value} and is ${column.missing[i] === 1 ? "" : "not "}marked as missing`;
    if (column.kind === "category" && (value < -1 || value >= length))
      return `: row ${i} has the code ${value}, there are ${length} labels`;
  }
  return undefined;
}

/** The table itself, or a typed error. */
export function checkTable(fn: string, value: Table, name = "table"): Table {
  return check(fn, name, value, table);
}

/** The column of a name, or an error that says which name is nearest. */
export function findColumn(
  fn: string,
  { columns }: Table,
  name: string,
  argument = "name",
): Column {
  check(fn, argument, name, anyString);
  const found = columns.find((candidate) => candidate.name === name);
  if (found === undefined) throw noColumn(fn, name, columns);
  return found;
}

/** The columns of several names, in their order; all of them when no names are given. */
export function findColumns(
  fn: string,
  of: Table,
  names: readonly string[] | undefined,
): readonly Column[] {
  if (names === undefined) return of.columns;
  check(fn, "columns", names, listOf(anyString));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new DomainError(`${fn}: columns names ${show(twice)} twice`);
  return names.map((name) => findColumn(fn, of, name));
}

/** The error of a name that no column has. */
export function noColumn(
  fn: string,
  name: string,
  columns: readonly { readonly name: string }[],
): DomainError {
  const known = columns.map((candidate) => candidate.name);
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? "" : `; did you mean ${show(nearest)}?`;
  return new DomainError(`${fn}: there is no column ${show(name)}${hint} known: ${show(known)}`);
}
