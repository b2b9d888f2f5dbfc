/** Labelled data and joint distributions, checked once, and the cross tables that everything is read from. */
import { type ArrayInput, ShapeError, array } from "@provably/core-tensor";
import { anyList, anyRecord, check, show } from "@provably/core-tensor/internal";
import { checkStrings } from "../../internal/check.js";
import { InvalidDataError, TableSizeError } from "../errors.js";
import { float64Of, product, sumOf } from "../internal/arrays.js";
import type { Cells } from "../rank/table.js";

/**
 * Rows of labels.
 * @category Data
 */
export interface LabelData {
  /** Whole numbers from 0, [n, q]. */
  readonly data: ArrayInput;
  /** State counts of the columns; default one more than the greatest label of each. */
  readonly states?: readonly number[];
  /** Names of the columns; default X1, X2, …. */
  readonly names?: readonly string[];
}

/**
 * A joint distribution, known exactly.
 * @category Data
 */
export interface JointData {
  /** Probabilities, one axis a variable. */
  readonly joint: ArrayInput;
  /** Names of the axes; default X1, X2, …. */
  readonly names?: readonly string[];
  /** Accept a table that does not sum to 1, and divide by its sum; default false. */
  readonly normalize?: boolean;
}

/** States of a variable beyond which numbers are taken for measurements, not labels. */
const MOST_STATES = 2 ** 20;
/** Cells of a table beyond which it is refused. */
const MOST_CELLS = 2 ** 26;

/** Distinct rows with their weights: counts for data, probabilities for a joint distribution. */
export interface Rows {
  readonly names: readonly string[];
  readonly states: readonly number[];
  /** One column a variable, all of the same length. */
  readonly columns: readonly Int32Array[];
  readonly weights: Float64Array;
  /** Number of observations; 1 for a joint distribution. */
  readonly total: number;
  readonly exact: boolean;
}

const defaultNames = (q: number): string[] => Array.from({ length: q }, (_, j) => `X${j + 1}`);

function checkedNames(
  fn: string,
  names: readonly string[] | undefined,
  q: number,
): readonly string[] {
  if (names === undefined) return defaultNames(q);
  checkStrings(fn, "names", names);
  if (names.length !== q)
    throw new ShapeError(
      `${fn}: names must have one name for each of the ${q} variables, got ${names.length}`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new InvalidDataError(`${fn}: names must differ, "${twice}" comes twice`);
  return names;
}

/** Data as distinct rows with counts. `constant` columns throw unless they are allowed. */
export function rowsOfLabels(
  fn: string,
  input: LabelData,
  options: { readonly allowConstant?: boolean } = {},
): Rows {
  const { data, shape } = float64Of(check(fn, "input", input, anyRecord).data);
  const [n, q] = shape;
  if (shape.length !== 2)
    throw new ShapeError(`${fn}: data must have shape [n, q], got [${shape.join(", ")}]`);
  if (n === 0 || q === 0)
    throw new InvalidDataError(
      `${fn}: data must have at least one row and one column, got [${n}, ${q}]`,
    );
  const names = checkedNames(fn, input.names, q!);
  const greatest = new Int32Array(q!);
  for (let i = 0; i < data.length; i++) {
    const x = data[i]!;
    if (!(Number.isInteger(x) && x >= 0 && x < MOST_STATES))
      throw new InvalidDataError(
        `${fn}: data must hold whole numbers ≥ 0 and below ${MOST_STATES}, got ${x} in row ${Math.floor(i / q!)}, column ${names[i % q!]!}`,
      );
    greatest[i % q!] = Math.max(greatest[i % q!]!, x);
  }
  if (input.states !== undefined && check(fn, "states", input.states, anyList).length !== q)
    throw new ShapeError(
      `${fn}: states must have one number for each of the ${q} columns, got ${input.states.length}`,
    );
  const states = Array.from(greatest, (top, j) => {
    const given = input.states?.[j] ?? top + 1;
    if (!Number.isInteger(given) || given < 1 || given > MOST_STATES)
      throw new InvalidDataError(
        `${fn}: states of ${names[j]!} must be an integer from 1 to ${MOST_STATES}, got ${show(given)}`,
      );
    if (top >= given)
      throw new InvalidDataError(
        `${fn}: column ${names[j]!} has label ${top}, but only ${given} states`,
      );
    return given;
  });
  if (options.allowConstant !== true)
    for (let j = 0; j < q!; j++) {
      const first = data[j]!;
      let constant = true;
      for (let i = 1; i < n! && constant; i++) constant = data[i * q! + j] === first;
      if (constant)
        throw new InvalidDataError(
          `${fn}: column ${names[j]!} is constant (${first} in all ${n} rows); leave it out`,
        );
    }
  return distinct(data, n!, states, names);
}

function distinct(
  data: Float64Array,
  n: number,
  states: readonly number[],
  names: readonly string[],
): Rows {
  const q = states.length;
  const counts = new Map<string | number, { row: number; count: number }>();
  const numeric = product(states) < Number.MAX_SAFE_INTEGER;
  for (let i = 0; i < n; i++) {
    let mark: string | number = 0;
    if (numeric) for (let j = 0; j < q; j++) mark = mark * states[j]! + data[i * q + j]!;
    else mark = data.subarray(i * q, i * q + q).join();
    const seen = counts.get(mark);
    if (seen === undefined) counts.set(mark, { row: i, count: 1 });
    else seen.count++;
  }
  const kept = [...counts.values()];
  return {
    names,
    states,
    columns: states.map((_, j) => Int32Array.from(kept, ({ row }) => data[row * q + j]!)),
    weights: Float64Array.from(kept, ({ count }) => count),
    total: n,
    exact: false,
  };
}

/** A joint distribution as rows with probabilities. */
export function rowsOfJoint(fn: string, input: JointData): Rows {
  const { data, shape } = float64Of(
    array(check(fn, "input", input, anyRecord).joint, { dtype: "float64" }),
  );
  if (shape.length === 0)
    throw new ShapeError(`${fn}: joint must have one axis for each variable, got a single number`);
  const names = checkedNames(fn, input.names, shape.length);
  data.forEach((x, i) => {
    if (!(x >= 0 && x < Infinity))
      throw new InvalidDataError(
        `${fn}: joint must hold probabilities, got ${x} at flat index ${i}`,
      );
  });
  const total = sumOf(data);
  if (!(total > 0) || (input.normalize !== true && !(Math.abs(total - 1) <= 1e-8)))
    throw new InvalidDataError(
      `${fn}: joint must sum to 1 (or pass normalize: true), got a sum of ${total}`,
    );
  const cells = Int32Array.from(data.keys()).filter((i) => data[i]! > 0);
  const columns = shape.map((extent, axis) => {
    const inner = product(shape.slice(axis + 1));
    return cells.map((cell) => Math.floor(cell / inner) % extent);
  });
  return {
    names,
    states: [...shape],
    columns,
    weights: Float64Array.from(cells, (cell) => data[cell]! / total),
    total: 1,
    exact: true,
  };
}

/** The table of two sets of variables; rows and columns are their joint states, the last variable fastest. */
export function crossTable(rows: Rows, a: readonly number[], b: readonly number[]): Cells {
  const p = product(a.map((j) => rows.states[j]!));
  const q = product(b.map((j) => rows.states[j]!));
  if (p * q > MOST_CELLS) {
    const names = [...a, ...b].map((j) => rows.names[j]!);
    throw new TableSizeError(
      `the table of ${names.join(", ")} would have ${p * q} cells, at most ${MOST_CELLS} are allowed; merge states with collapseStates`,
    );
  }
  const data = new Float64Array(p * q);
  const order = [...a, ...b];
  const columns = order.map((j) => rows.columns[j]!);
  const extents = order.map((j) => rows.states[j]!);
  for (let r = 0; r < rows.weights.length; r++) {
    let cell = 0;
    for (let c = 0; c < columns.length; c++) cell = cell * extents[c]! + columns[c]![r]!;
    data[cell]! += rows.weights[r]!;
  }
  return { p, q, data };
}

/** Throws when one side of a table would have too many states. */
export function checkCells(
  fn: string,
  rows: Rows,
  side: readonly number[],
  maxCells: number,
): void {
  const cells = product(side.map((j) => rows.states[j]!));
  if (cells > maxCells)
    throw new TableSizeError(
      `${fn}: ${side.map((j) => rows.names[j]!).join(", ")} have ${cells} joint states, maxCells is ${maxCells}`,
    );
}
