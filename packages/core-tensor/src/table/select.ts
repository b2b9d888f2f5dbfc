/** Parts of tables: columns by name, rows by number, rows without gaps, rows for training and for testing. */
import {
  type Schema,
  anyString,
  check,
  checkOptions,
  listOf,
  numberInside,
  show,
} from "../check/index.js";
import { DomainError, IndexError } from "../errors.js";
import { numberList, rngKey } from "../internal/arrays.js";
import { permutation } from "../random/discrete.js";
import { type RngKey, foldIn } from "../random/key.js";
import { toTypedArray } from "../ops/create.js";
import {
  type CategoryColumn,
  type Column,
  type Table,
  checkTable,
  findColumn,
  findColumns,
  makeTable,
} from "./types.js";

/**
 * The column of a name.
 *
 * @param table - any table
 * @param name - the name
 * @returns the column itself, not a copy
 * @throws `DomainError` when there is no such column, with the nearest name
 * @example
 * ```ts
 * import { column, tableFromRows } from "@provably/core-tensor/table";
 *
 * column(tableFromRows([{ a: 1 }]), "a").kind; // => "number"
 * ```
 * @category Tables
 */
export function column(table: Table, name: string): Column {
  return findColumn("column", checkTable("column", table), name);
}

/**
 * The table of some columns only, in the order of the names.
 *
 * @param table - any table
 * @param names - names of columns, each once
 * @returns a table with the same rows
 * @throws `DomainError` for names that are not there or come twice
 * @example
 * ```ts
 * import { selectColumns, tableFromRows } from "@provably/core-tensor/table";
 *
 * selectColumns(tableFromRows([{ a: 1, b: 2, c: 3 }]), ["c", "a"]).columns.map((c) => c.name); // => ["c", "a"]
 * ```
 * @category Tables
 */
export function selectColumns(table: Table, names: readonly string[]): Table {
  const { numRows } = checkTable("selectColumns", table);
  check("selectColumns", "names", names, listOf(anyString));
  return makeTable(numRows, findColumns("selectColumns", table, names));
}

/**
 * The table of some rows, in the order given; a row may come several times.
 *
 * @param table - any table
 * @param rows - numbers of rows, from 0
 * @returns a table with the same columns
 * @throws `IndexError` for rows that are not there
 * @example
 * ```ts
 * import { column, selectRows, tableFromRows } from "@provably/core-tensor/table";
 *
 * const c = column(selectRows(tableFromRows([{ a: 1 }, { a: 2 }]), [1, 1, 0]), "a");
 * c.kind === "number" && [...c.values]; // => [2, 2, 1]
 * ```
 * @category Tables
 */
export function selectRows(table: Table, rows: ArrayLike<number>): Table {
  const { numRows } = checkTable("selectRows", table);
  check("selectRows", "rows", rows, numberList);
  for (let i = 0; i < rows.length; i++)
    if (!Number.isInteger(rows[i]) || rows[i]! < 0 || rows[i]! >= numRows)
      throw new IndexError(
        `selectRows: rows[${i}] must be an integer from 0 to ${numRows - 1}, got ${show(rows[i])}`,
      );
  return gathered(table, rows);
}

/** The rows of valid numbers. */
function gathered(table: Table, rows: ArrayLike<number>): Table {
  const columns = table.columns.map((given): Column => {
    const missing = Uint8Array.from(rows, (row) => given.missing[row]!);
    return given.kind === "number"
      ? { ...given, values: Float64Array.from(rows, (row) => given.values[row]!), missing }
      : { ...given, codes: Int32Array.from(rows, (row) => given.codes[row]!), missing };
  });
  return makeTable(rows.length, columns);
}

/**
 * Options of {@link dropMissing}.
 * @category Tables
 */
export interface DropMissingOptions {
  /** Columns that must have a value; default all. */
  readonly columns?: readonly string[];
}

const DROP: Schema<DropMissingOptions> = { columns: listOf(anyString) };

/**
 * The table of the rows in which nothing is missing.
 *
 * @param table - any table
 * @param options - see {@link DropMissingOptions}
 * @returns a table with the same columns, and labels as they were
 * @throws `DomainError` for names that are not there
 * @example
 * ```ts
 * import { dropMissing, tableFromCsv } from "@provably/core-tensor/table";
 *
 * const table = tableFromCsv("a,b\n1,x\n,y\n3,\n");
 * dropMissing(table).numRows; // => 1
 * dropMissing(table, { columns: ["a"] }).numRows; // => 2
 * ```
 * @category Tables
 */
export function dropMissing(table: Table, options: DropMissingOptions = {}): Table {
  const { numRows } = checkTable("dropMissing", table);
  const { columns } = checkOptions("dropMissing", options, DROP);
  const looked = findColumns("dropMissing", table, columns);
  const rows: number[] = [];
  for (let row = 0; row < numRows; row++)
    if (looked.every(({ missing }) => missing[row] === 0)) rows.push(row);
  return gathered(table, rows);
}

/**
 * Options of {@link splitTable}.
 * @category Tables
 */
export interface SplitOptions {
  /** Share of the rows for testing, in (0, 1); default 0.25. Rounded to whole rows, at least one on each side. */
  readonly testShare?: number;
  /** A column of categories whose shares are kept on both sides as nearly as whole rows allow; default none. */
  readonly stratify?: string;
}

const SPLIT: Schema<SplitOptions> = { testShare: numberInside(0, 1), stratify: anyString };

/**
 * Two tables of different rows, drawn at random: one for training and one for testing.
 *
 * Each row is in one of them, in its old order. The same key gives the same rows.
 *
 * @param table - at least two rows
 * @param key - random key
 * @param options - see {@link SplitOptions}
 * @returns `train` and `test`
 * @throws `DomainError` when there are not two rows, or the stratifying column is missing values or holds numbers
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { splitTable, tableFromRows } from "@provably/core-tensor/table";
 *
 * const rows = Array.from({ length: 10 }, (_, i) => ({ i }));
 * const { train, test } = splitTable(tableFromRows(rows), key(0), { testShare: 0.3 });
 * [train.numRows, test.numRows]; // => [7, 3]
 * ```
 * @category Tables
 */
export function splitTable(
  table: Table,
  key: RngKey,
  options: SplitOptions = {},
): { readonly train: Table; readonly test: Table } {
  const { numRows } = checkTable("splitTable", table);
  check("splitTable", "key", key, rngKey);
  const { testShare = 0.25, stratify } = checkOptions("splitTable", options, SPLIT);
  if (numRows < 2)
    throw new DomainError(`splitTable: table must have at least two rows, got ${numRows}`);
  const numTest = Math.min(numRows - 1, Math.max(1, Math.round(testShare * numRows)));
  const groups =
    stratify === undefined
      ? [Array.from({ length: numRows }, (_, i) => i)]
      : rowsByLabel(categoryOf(table, stratify));
  const isTest = new Uint8Array(numRows);
  const quotas = sharedOut(
    groups.map((rows) => (rows.length / numRows) * numTest),
    numTest,
  );
  for (const [g, rows] of groups.entries()) {
    const drawn = stratify === undefined ? key : foldIn(key, g);
    const order = toTypedArray(permutation(drawn, rows.length));
    for (let i = 0; i < quotas[g]!; i++) isTest[rows[order[i]!]!] = 1;
  }
  const where = (side: number): number[] => {
    const rows: number[] = [];
    for (let row = 0; row < numRows; row++) if (isTest[row] === side) rows.push(row);
    return rows;
  };
  return { train: gathered(table, where(0)), test: gathered(table, where(1)) };
}

function categoryOf(table: Table, name: string): CategoryColumn {
  const found = findColumn("splitTable", table, name, "stratify");
  if (found.kind !== "category" || found.missing.includes(1))
    throw new DomainError(
      `splitTable: stratify must name categories without gaps, ${show(name)} ${found.kind === "number" ? "holds numbers" : "has missing values"}`,
    );
  return found;
}

function rowsByLabel({ codes, labels }: CategoryColumn): number[][] {
  const groups = labels.map((): number[] => []);
  for (let row = 0; row < codes.length; row++) groups[codes[row]!]!.push(row);
  return groups;
}

/** Whole numbers next to real ones with the given sum: the largest fractions are rounded up. */
function sharedOut(shares: readonly number[], total: number): number[] {
  const whole = shares.map(Math.floor);
  const order = shares
    .map((_, g) => g)
    .sort((a, b) => shares[b]! - whole[b]! - (shares[a]! - whole[a]!) || a - b);
  const left = total - whole.reduce((sum, n) => sum + n, 0);
  for (const g of order.slice(0, Math.max(0, left))) whole[g]! += 1;
  return whole;
}
