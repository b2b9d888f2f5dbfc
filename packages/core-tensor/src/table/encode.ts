/** From tables to numbers: indicators of categories, and matrices. */
import { type Schema, anyString, checkOptions, listOf, show, trueOrFalse } from "../check/index.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { DomainError } from "../errors.js";
import {
  type CategoryColumn,
  type Column,
  type NumberColumn,
  type Table,
  checkTable,
  findColumns,
  makeTable,
} from "./types.js";

/**
 * Options of {@link oneHotColumns}.
 * @category Tables
 */
export interface OneHotColumnsOptions {
  /** Columns of categories; default all of them. */
  readonly columns?: readonly string[];
  /** Leave out the first label of each, whose indicator follows from the others; default false. */
  readonly dropFirst?: boolean;
}

const ONE_HOT: Schema<OneHotColumnsOptions> = {
  columns: listOf(anyString),
  dropFirst: trueOrFalse,
};

/**
 * The table in which every category is replaced, in its place, by one column of 0 and 1 for each label, named `column=label`.
 *
 * Where a category is missing, so are its indicators.
 *
 * @param table - any table
 * @param options - see {@link OneHotColumnsOptions}
 * @returns a table with the same rows
 * @throws `DomainError` for columns of numbers among those named, and when a new name is taken
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { oneHotColumns, tableFromRows, toMatrix } from "@provably/core-tensor/table";
 *
 * const table = oneHotColumns(tableFromRows([{ g: "a" }, { g: "b" }]), { columns: ["g"] });
 * table.columns.map(({ name }) => name); // => ["g=a", "g=b"]
 * toNested(toMatrix(table)); // => [[1, 0], [0, 1]]
 * ```
 * @category Tables
 */
export function oneHotColumns(table: Table, options: OneHotColumnsOptions = {}): Table {
  const fn = "oneHotColumns";
  const { numRows, columns } = checkTable(fn, table);
  const { columns: names, dropFirst = false } = checkOptions(fn, options, ONE_HOT);
  const chosen = new Set<Column>(
    names === undefined
      ? columns.filter(({ kind }) => kind === "category")
      : findColumns(fn, table, names),
  );
  const made = columns.flatMap((column): Column[] => {
    if (!chosen.has(column)) return [column];
    if (column.kind !== "category")
      throw new DomainError(
        `${fn}: column ${show(column.name)} must hold categories, it holds numbers`,
      );
    return column.labels.map((_, code) => indicator(column, code)).slice(dropFirst ? 1 : 0);
  });
  const seen = new Set<string>();
  for (const { name } of made) {
    if (seen.has(name)) throw new DomainError(`${fn}: two columns would be named ${show(name)}`);
    seen.add(name);
  }
  return makeTable(numRows, made);
}

function indicator(column: CategoryColumn, code: number): NumberColumn {
  const values = Float64Array.from(column.codes, (c) => (c < 0 ? NaN : Number(c === code)));
  return {
    name: `${column.name}=${column.labels[code]}`,
    kind: "number",
    values,
    missing: column.missing,
  };
}

/**
 * The matrix of columns of numbers, a row for each row.
 *
 * @param table - any table
 * @param names - columns of numbers without gaps; default all columns
 * @returns float64 array of shape `[numRows, columns]`
 * @throws `DomainError` for categories, which {@link oneHotColumns} makes into numbers, and for missing values, with row and column
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { tableFromCsv, toMatrix } from "@provably/core-tensor/table";
 *
 * toNested(toMatrix(tableFromCsv("x,y,who\n1,2,a\n3,4,b"), ["y", "x"])); // => [[2, 1], [4, 3]]
 * ```
 * @category Tables
 */
export function toMatrix(table: Table, names?: readonly string[]): NdArray<"float64"> {
  const fn = "toMatrix";
  const { numRows } = checkTable(fn, table);
  const chosen = findColumns(fn, table, names);
  const width = chosen.length;
  const out = new Float64Array(numRows * width);
  for (const [c, column] of chosen.entries()) {
    if (column.kind !== "number")
      throw new DomainError(
        `${fn}: column ${show(column.name)} holds categories; name columns of numbers, or make indicators with oneHotColumns`,
      );
    const gap = column.missing.indexOf(1);
    if (gap >= 0)
      throw new DomainError(
        `${fn}: row ${gap}, column ${show(column.name)}: the value is missing; dropMissing leaves such rows out`,
      );
    for (let row = 0; row < numRows; row++) out[row * width + c] = column.values[row]!;
  }
  return dense<"float64">(out, "float64", [numRows, width]);
}
