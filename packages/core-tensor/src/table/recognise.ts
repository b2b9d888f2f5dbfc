/** From cells to columns: what is a number, what a category, what is missing. */
import {
  type Guard,
  anyRecord,
  anyString,
  either,
  listOf,
  mapOf,
  oneOf,
  optional,
  recordOf,
  show,
  trueOrFalse,
} from "../check/index.js";
import { hasLeadingZeros, losesDigits, looksFormatted, type NumberReader } from "./numbers.js";
import type { CategoryColumn, Column, NumberColumn } from "./types.js";

/**
 * What a column holds: numbers, categories under their own names in order of the names, or categories of a given list.
 *
 * A list of levels gives the codes 0, 1, …; it is ordered unless `ordered: false` says that its order means nothing.
 * @category Tables
 */
export type ColumnSpec =
  "number" | "category" | { readonly levels: readonly string[]; readonly ordered?: boolean };

/**
 * What was recognised in a column, and why.
 * @category Tables
 */
export interface RecognisedColumn {
  /** The column's name. */
  readonly name: string;
  /** What it was read as. */
  readonly kind: "number" | "category";
  /** In words: what decided. */
  readonly reason: string;
  /** Number of rows without a value. */
  readonly numMissing: number;
}

const levels: Guard<readonly string[]> = (x) => {
  const fault = listOf(anyString)(x);
  if (fault !== undefined) return fault;
  const list = x as readonly string[];
  const twice = list.find((label, i) => list.indexOf(label) !== i);
  return twice === undefined && list.length > 0
    ? undefined
    : { path: "", expected: "different names, at least one", got: x };
};

const spec: Guard<ColumnSpec> = either(
  oneOf("number", "category"),
  recordOf<{ readonly levels: readonly string[]; readonly ordered?: boolean | undefined }>({
    levels,
    ordered: optional(trueOrFalse),
  }),
);

/** Guard of the specifications of columns by name. */
export const columnSpecs: Guard<Readonly<Record<string, ColumnSpec>>> = (x) =>
  anyRecord(x) ?? mapOf(spec)(x);

/** Cells of one column, wherever they come from. */
export interface Cells {
  readonly name: string;
  readonly numRows: number;
  /** The cell of a row: text is trimmed; `undefined` when it is missing. */
  readonly at: (row: number) => string | number | boolean | undefined;
  /** An error about a row: where it is, then what is wrong. */
  readonly fail: (row: number, says: string) => Error;
  /** Whether text may be taken for numbers without being told. */
  readonly textMayBeNumbers: boolean;
  readonly read: NumberReader;
}

/** A column and what was recognised in it. */
export interface Recognised {
  readonly column: Column;
  readonly note: RecognisedColumn;
}

/** The column of some cells: as specified, or as their content says where nothing is specified. */
export function recogniseColumn(cells: Cells, given: ColumnSpec | undefined): Recognised {
  const [kind, reason] = given === undefined ? kindOfCells(cells) : [given, "as specified"];
  const column =
    kind === "number"
      ? numberColumn(cells)
      : kind === "category"
        ? categoryColumn(cells, labelsOf(cells), false)
        : categoryColumn(cells, kind.levels, kind.ordered ?? true);
  let numMissing = 0;
  for (const mark of column.missing) numMissing += mark;
  const { name } = cells;
  return { column, note: Object.freeze({ name, kind: column.kind, reason, numMissing }) };
}

type Decision = readonly ["number" | "category", string];

/** What the cells say about themselves; mixtures and numbers in an unknown form are refused. */
function kindOfCells(cells: Cells): Decision {
  const { numRows, at, read, textMayBeNumbers } = cells;
  let firstNumber = -1;
  let firstOther = -1;
  let zeros = -1;
  let long = -1;
  for (let row = 0; row < numRows; row++) {
    const cell = at(row);
    if (cell === undefined) continue;
    const isNumber =
      typeof cell === "number" ||
      (typeof cell === "string" && textMayBeNumbers && read(cell) !== undefined);
    if (isNumber) {
      if (firstNumber < 0) firstNumber = row;
      if (typeof cell !== "string") continue;
      if (zeros < 0 && hasLeadingZeros(cell)) zeros = row;
      if (long < 0 && losesDigits(cell)) long = row;
    } else {
      if (typeof cell === "string" && textMayBeNumbers && looksFormatted(cell))
        throw cells.fail(row, formatted(cell, cells.name));
      if (firstOther < 0) firstOther = row;
    }
    if (firstNumber >= 0 && firstOther >= 0)
      throw cells.fail(
        Math.max(firstNumber, firstOther),
        `numbers and other values stand in one column (${show(at(firstNumber))}, ${show(at(firstOther))}); name the code of missing values in missing, or say columns: { ${show(cells.name)}: "category" }`,
      );
  }
  if (firstNumber < 0 && firstOther < 0) return ["number", "no row has a value"];
  if (firstOther >= 0) return ["category", "every value is text"];
  if (zeros >= 0) return ["category", `numbers with leading zeros, such as ${show(at(zeros))}`];
  if (long >= 0)
    throw cells.fail(
      long,
      `${show(at(long))} has more digits than a float64 number holds; say columns: { ${show(cells.name)}: "category" }, or "number" to round`,
    );
  return ["number", "every value is a number"];
}

const formatted = (cell: string, name: string): string =>
  `${show(cell)} looks like a number in a form that was not announced; set decimal or thousands, take signs of units away, or say columns: { ${show(name)}: "category" }`;

function numberColumn({ name, numRows, at, fail, read }: Cells): NumberColumn {
  const values = new Float64Array(numRows);
  const missing = new Uint8Array(numRows);
  for (let row = 0; row < numRows; row++) {
    const cell = at(row);
    const value = typeof cell === "string" ? read(cell) : cell;
    if (cell === undefined) missing[row] = 1;
    else if (typeof value !== "number")
      throw fail(
        row,
        typeof cell === "string" && looksFormatted(cell)
          ? formatted(cell, name)
          : `${show(cell)} is not a number`,
      );
    values[row] = cell === undefined ? NaN : (value as number);
  }
  return { name, kind: "number", values, missing };
}

const labelOf = (cell: string | number | boolean): string => String(cell);

/** All labels: in numerical order when all are numbers, else in order of their code units. */
function labelsOf({ numRows, at, read }: Cells): string[] {
  const found = new Set<string>();
  for (let row = 0; row < numRows; row++) {
    const cell = at(row);
    if (cell !== undefined) found.add(labelOf(cell));
  }
  const labels = [...found].sort();
  const numbers = labels.map(read);
  if (numbers.includes(undefined)) return labels;
  const order = labels.map((_, i) => i);
  order.sort((i, j) => (numbers[i] === numbers[j] ? i - j : numbers[i]! - numbers[j]!));
  return order.map((i) => labels[i]!);
}

function categoryColumn(cells: Cells, list: readonly string[], ordered: boolean): CategoryColumn {
  const { name, numRows, at, fail } = cells;
  const places = new Map(list.map((label, i) => [label, i]));
  const codes = new Int32Array(numRows);
  const missing = new Uint8Array(numRows);
  for (let row = 0; row < numRows; row++) {
    const cell = at(row);
    const code = cell === undefined ? -1 : places.get(labelOf(cell));
    if (code === undefined) throw fail(row, `${show(cell)} is not one of the levels ${show(list)}`);
    codes[row] = code;
    if (code < 0) missing[row] = 1;
  }
  return { name, kind: "category", codes, labels: Object.freeze([...list]), ordered, missing };
}

/** Whether a value is one of the codes of missing values: text by text, numbers by value. */
export function missingTest(
  codes: readonly (string | number)[],
  read: NumberReader,
): (cell: string | number) => boolean {
  const texts = new Set(codes.map(String));
  const numbers = new Set(codes.filter((code) => typeof code === "number"));
  if (numbers.size === 0) return (cell) => texts.has(String(cell));
  return (cell) => {
    if (texts.has(String(cell))) return true;
    const value = typeof cell === "number" ? cell : read(cell);
    return value !== undefined && numbers.has(value);
  };
}
