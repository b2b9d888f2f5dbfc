/** Columns of numbers on a common scale. */
import {
  type Schema,
  anyString,
  checkOptions,
  finiteNumber,
  listOf,
  positiveNumber,
  recordOf,
  show,
} from "../check/index.js";
import { DomainError } from "../errors.js";
import {
  type NumberColumn,
  type Table,
  checkTable,
  findColumn,
  findColumns,
  makeTable,
} from "./types.js";

/**
 * Mean and standard deviation of a column, as measured on the rows that it was fitted to.
 * @category Tables
 */
export interface ColumnScale {
  /** The column's name. */
  readonly name: string;
  /** Mean of the values that are there. */
  readonly mean: number;
  /** Standard deviation of the values that are there, with n as the divisor. */
  readonly std: number;
}

/**
 * Options of {@link standardize}.
 * @category Tables
 */
export interface StandardizeOptions {
  /** Columns of numbers; default all of them. */
  readonly columns?: readonly string[];
  /** Scales measured elsewhere, such as on the rows for training, instead of those of this table. */
  readonly scales?: readonly ColumnScale[];
}

const scale = recordOf<ColumnScale>({ name: anyString, mean: finiteNumber, std: positiveNumber });
const STANDARDIZE: Schema<StandardizeOptions> = {
  columns: listOf(anyString),
  scales: listOf(scale),
};

/**
 * Columns of numbers with mean 0 and standard deviation 1: $(x - \bar x)/s$ with $s^2 = \frac1n\sum (x - \bar x)^2$.
 *
 * Missing values take no part and stay missing. `scales` of the result, given to another call, put other rows on the same scale.
 *
 * @param table - any table
 * @param options - see {@link StandardizeOptions}
 * @returns the table, and the scale of each of its columns that changed
 * @throws `DomainError` for categories, for infinite values, and for columns in which all values are the same
 * @example
 * ```ts
 * import { column, standardize, tableFromRows } from "@provably/core-tensor/table";
 *
 * const { table, scales } = standardize(tableFromRows([{ a: 1 }, { a: 3 }]), { columns: ["a"] });
 * const a = column(table, "a");
 * a.kind === "number" && [...a.values]; // => [-1, 1]
 * const other = standardize(tableFromRows([{ a: 5 }]), { scales });
 * const b = column(other.table, "a");
 * b.kind === "number" && [...b.values]; // => [3]
 * ```
 * @category Tables
 */
export function standardize(
  table: Table,
  options: StandardizeOptions = {},
): { readonly table: Table; readonly scales: readonly ColumnScale[] } {
  const fn = "standardize";
  const { numRows, columns } = checkTable(fn, table);
  const { columns: names, scales: given } = checkOptions(fn, options, STANDARDIZE);
  if (names !== undefined && given !== undefined)
    throw new DomainError(`${fn}: columns and scales cannot both be given`);
  const chosen =
    given?.map(({ name }) => findColumn(fn, table, name, "scales")) ??
    (names === undefined
      ? columns.filter(({ kind }) => kind === "number")
      : findColumns(fn, table, names));
  const scales = chosen.map((column, i) => {
    if (column.kind !== "number")
      throw new DomainError(
        `${fn}: column ${show(column.name)} must hold numbers, it holds categories`,
      );
    return given?.[i] ?? scaleOf(column);
  });
  const byName = new Map(scales.map((entry) => [entry.name, entry]));
  if (byName.size !== scales.length) throw new DomainError(`${fn}: scales names a column twice`);
  const changed = columns.map((column) => {
    const entry = byName.get(column.name);
    if (entry === undefined || column.kind !== "number") return column;
    return { ...column, values: column.values.map((x) => (x - entry.mean) / entry.std) };
  });
  return { table: makeTable(numRows, changed), scales: Object.freeze(scales) };
}

/** Two passes, the first divided as it goes, so that large values neither overflow nor cancel. */
function scaleOf({ name, values, missing }: NumberColumn): ColumnScale {
  const there = values.filter((_, row) => missing[row] === 0);
  const wrong = there.find((x) => !Number.isFinite(x));
  if (wrong !== undefined)
    throw new DomainError(`standardize: column ${show(name)} has the value ${wrong}`);
  const n = there.length;
  let mean = 0;
  for (let i = 0; i < n; i++) mean += (there[i]! - mean) / (i + 1);
  let squares = 0;
  for (const x of there) squares += (x - mean) ** 2;
  const std = Math.sqrt(squares / n);
  const constant = there.every((x) => x === there[0]);
  if (n === 0 || constant || !Number.isFinite(std) || std === 0)
    throw new DomainError(
      `standardize: column ${show(name)} has no scale: ${n === 0 ? "no value" : constant ? `every value is ${there[0]}` : `its standard deviation is ${std}`}`,
    );
  return Object.freeze({ name, mean, std });
}
