/** Labelled data and joint distributions, checked once, and the cross tables that everything is read from. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  isNdArray,
} from "@provably/core-tensor";
import {
  anyList,
  anyString,
  anything,
  check,
  type Guard,
  isRecord,
  listOf,
  nearestName,
  optional,
  recordOf,
  show,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { InvalidDataError, TableSizeError } from "../errors.js";
import { float64Of, product, sumOf, toInts } from "../internal/arrays.js";
import type { Cells } from "../rank/table.js";

/**
 * Rows of labels.
 * @category Data
 */
export interface LabelData {
  /** Whole numbers ≥ 0, [n, q]; codes that no row has are dropped, see {@link recodeLabels}. */
  readonly data: ArrayInput;
  /** State counts of the columns, when states may be missing from the data; then labels are 0, 1, … */
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

/** Codes of a column beyond which numbers are taken for measurements, not labels. */
const MOST_CODES = 2 ** 31;
/** Used codes of a column beyond which it is taken for an id or a measurement. */
const MOST_USED = 100;
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
  /** For each column the code that every state had in the data. */
  readonly codes: readonly (readonly number[])[];
  /** What was done to the data, in words. */
  readonly warnings: readonly string[];
}

const defaultNames = (q: number): string[] => Array.from({ length: q }, (_, j) => `X${j + 1}`);

function checkedNames(
  fn: string,
  names: readonly string[] | undefined,
  q: number,
): readonly string[] {
  if (names === undefined) return defaultNames(q);
  check(fn, "names", names, listOf(anyString));
  if (names.length !== q)
    throw new ShapeError(
      `${fn}: names must have one name for each of the ${q} variables, got ${names.length}`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new InvalidDataError(`${fn}: names must differ, "${twice}" comes twice`);
  return names;
}

/** Numbers of a table [n, q], or what is no number in it by its place. */
function tableOf(
  fn: string,
  data: ArrayInput,
  nameOf: (column: number) => string,
): { readonly data: Float64Array; readonly n: number; readonly q: number } {
  const shapeError = (got: string): ShapeError =>
    new ShapeError(`${fn}: data must be rows of labels, shape [n, q], got ${got}`);
  if (Array.isArray(data)) {
    const width = Array.isArray(data[0]) ? data[0].length : undefined;
    (data as readonly unknown[]).forEach((row, i) => {
      if (ArrayBuffer.isView(row) || isNdArray(row)) return;
      if (!Array.isArray(row)) throw shapeError(`${show(row)} for row ${i}`);
      if (width !== undefined && row.length !== width)
        throw shapeError(`${width} labels in row 0 and ${row.length} in row ${i}`);
      row.forEach((x: unknown, j) => {
        if (typeof x === "number" || typeof x === "boolean") return;
        const remedy =
          typeof x === "string"
            ? "; number the answers of each column from 0"
            : x === null || x === undefined
              ? "; rows with missing values must be left out, or the values filled in"
              : "";
        throw new InvalidDataError(
          `${fn}: data must hold whole numbers, got ${show(x)} in row ${i}, column ${nameOf(j)}${remedy}`,
        );
      });
    });
  }
  if (data === undefined || data === null)
    throw new DomainError(`${fn}: input.data must be given, got ${show(data)}`);
  const { data: flat, shape } = float64Of(data);
  if (shape.length !== 2) throw shapeError(`[${shape.join(", ")}]`);
  const [n, q] = shape as [number, number];
  if (n === 0 || q === 0)
    throw new InvalidDataError(
      `${fn}: data must have at least one row and one column, got [${n}, ${q}]`,
    );
  return { data: flat, n, q };
}

const FIELDS = ["data", "names", "states"];

/** The record itself; rows alone, and a misspelt field, are told what is wanted. */
function checkInput(fn: string, input: LabelData): LabelData {
  if (!isRecord(input) || isNdArray(input))
    throw new DomainError(
      `${fn}: input must be { data, names?, states? } with rows of labels as data, got ${show(input)}; write ${fn}({ data: rows })`,
    );
  const missing = FIELDS.filter((name) => (input as Record<string, unknown>)[name] === undefined);
  for (const name of Object.keys(input)) {
    const meant = FIELDS.includes(name) ? undefined : nearestName(name, missing);
    if (meant !== undefined)
      throw new DomainError(
        `${fn}: unknown field "${name}" of input; did you mean "${meant}"? known: ${FIELDS.join(", ")}`,
      );
  }
  return input;
}

/**
 * Data as distinct rows with counts. Codes that no row has are dropped, unless `keepCodes`: where a
 * graph says how many states there are, labels are the states themselves. `constant` columns throw
 * unless they are allowed.
 */
export function rowsOfLabels(
  fn: string,
  input: LabelData,
  options: { readonly allowConstant?: boolean; readonly keepCodes?: boolean } = {},
): Rows {
  const { names: given, states: stated } = checkInput(fn, input);
  const nameOf = (j: number): string =>
    (Array.isArray(given) ? (given as readonly string[])[j] : undefined) ?? `X${j + 1}`;
  const { data, n, q } = tableOf(fn, input.data, nameOf);
  const names = checkedNames(fn, given, q);
  if (stated !== undefined && check(fn, "states", stated, anyList).length !== q)
    throw new ShapeError(
      `${fn}: states must have one number for each of the ${q} columns, got ${stated.length}`,
    );
  const warnings: string[] = [];
  const columns = names.map((name, j) => {
    const column = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      const x = data[i * q + j]!;
      if (!(Number.isInteger(x) && x >= 0 && x < MOST_CODES))
        throw new InvalidDataError(
          `${fn}: data must hold whole numbers ≥ 0 and below 2³¹, got ${x} in row ${i}, column ${name}${x === -1 || Number.isNaN(x) ? "; rows with missing values must be left out, or the values filled in" : ""}`,
        );
      column[i] = x;
    }
    const used = [...new Set(column)].sort((x, y) => x - y);
    if (used.length > MOST_USED || (used.length === n && n > 20))
      throw new InvalidDataError(
        `${fn}: column ${name} has ${used.length} codes in ${n} rows, at most ${MOST_USED} are taken for states; leave an id out, cut a measurement into few classes`,
      );
    if (options.allowConstant !== true && used.length === 1)
      throw new InvalidDataError(
        `${fn}: column ${name} is constant (${used[0]} in all ${n} rows); leave it out`,
      );
    const told = stated?.[j];
    if (told !== undefined) {
      if (!(Number.isInteger(told) && told >= 1 && told <= MOST_USED))
        throw new InvalidDataError(
          `${fn}: states of ${name} must be an integer from 1 to ${MOST_USED}, got ${show(told)}`,
        );
      if (used.at(-1)! >= told)
        throw new InvalidDataError(
          `${fn}: column ${name} has label ${used.at(-1)}, but only ${told} states; labels are 0 to ${told - 1}`,
        );
    }
    const all = Array.from(
      { length: told ?? (used.at(-1)! < MOST_USED ? used.at(-1)! + 1 : 0) },
      (_, x) => x,
    );
    if (told !== undefined || used.length === all.length) return { column, codes: all };
    if (options.keepCodes === true) {
      if (all.length > 0) return { column, codes: all };
      throw new InvalidDataError(
        `${fn}: column ${name} has label ${used.at(-1)}; labels must be the states of the graph, numbered from 0, see recodeLabels()`,
      );
    }
    const state = new Map(used.map((code, s) => [code, s]));
    warnings.push(
      `column ${name}: the ${used.length} codes in use, ${listed(used)}, are its states 0 to ${used.length - 1}; codes that no row has are dropped`,
    );
    return { column: column.map((x) => state.get(x)!), codes: used };
  });
  return {
    ...distinct(
      columns.map(({ column }) => column),
      n,
      columns.map(({ codes }) => codes.length),
    ),
    names,
    codes: columns.map(({ codes }) => codes),
    warnings,
  };
}

const listed = (codes: readonly number[]): string =>
  codes.length <= 8 ? codes.join(", ") : `${codes.slice(0, 7).join(", ")}, …, ${codes.at(-1)}`;

/**
 * Labels that are numbered without gaps: the codes in use, in their order, become the states 0, 1, …
 *
 * Surveys count their answers from 1, or by tens, and write 99 for what is missing. The search does
 * the same by itself and says so in its warnings; functions that take a graph do not, for there
 * the labels are the states of the graph. A code for missing values stays a state of its own: leave
 * such rows out first.
 *
 * @param input - labels, see {@link LabelData}
 * @returns `data` int32 [n, q], `states`, `names`, and for each column the `codes` of its states
 * @throws `InvalidDataError` for bad labels, or a column with more than 100 codes in use
 * @example
 * ```ts
 * import { recodeLabels } from "@provably/causal-latent/hierarchy";
 *
 * const { data, codes } = recodeLabels({ data: [[10, 1], [20, 2], [20, 1]] });
 * data; // => [[0, 0], [1, 1], [1, 0]]
 * codes; // => [[10, 20], [1, 2]]
 * ```
 * @category Data
 */
export function recodeLabels(input: LabelData): {
  readonly data: NdArray<"int32">;
  readonly states: readonly number[];
  readonly names: readonly string[];
  readonly codes: readonly (readonly number[])[];
} {
  const { names, states, codes } = rowsOfLabels("recodeLabels", input, { allowConstant: true });
  const { data, shape } = float64Of(input.data);
  const [n, q] = shape as [number, number];
  const stateOf = codes.map((own) => new Map(own.map((code, s) => [code, s])));
  return {
    data: toInts(
      Int32Array.from(data, (x, i) => stateOf[i % q]!.get(x)!),
      [n, q],
    ),
    states,
    names,
    codes,
  };
}

function distinct(
  data: readonly Int32Array[],
  n: number,
  states: readonly number[],
): Pick<Rows, "states" | "columns" | "weights" | "total" | "exact"> {
  const counts = new Map<string | number, { row: number; count: number }>();
  const numeric = product(states) < Number.MAX_SAFE_INTEGER;
  for (let i = 0; i < n; i++) {
    let mark: string | number = 0;
    if (numeric) for (let j = 0; j < data.length; j++) mark = mark * states[j]! + data[j]![i]!;
    else mark = data.map((column) => column[i]!).join();
    const seen = counts.get(mark);
    if (seen === undefined) counts.set(mark, { row: i, count: 1 });
    else seen.count++;
  }
  const kept = [...counts.values()];
  return {
    states,
    columns: data.map((column) => Int32Array.from(kept, ({ row }) => column[row]!)),
    weights: Float64Array.from(kept, ({ count }) => count),
    total: n,
    exact: false,
  };
}

const JOINT = recordOf<JointData>({
  joint: anything,
  names: optional(anyList as Guard<readonly string[]>),
  normalize: optional(trueOrFalse),
});

/** A joint distribution as rows with probabilities. */
export function rowsOfJoint(fn: string, input: JointData): Rows {
  const { joint, names: given, normalize = false } = check(fn, "input", input, JOINT);
  const { data, shape } = float64Of(joint);
  if (shape.length === 0)
    throw new ShapeError(`${fn}: joint must have one axis for each variable, got a single number`);
  const names = checkedNames(fn, given, shape.length);
  data.forEach((x, i) => {
    if (!(x >= 0 && x < Infinity))
      throw new InvalidDataError(
        `${fn}: joint must hold probabilities, got ${x} at flat index ${i}`,
      );
  });
  const total = sumOf(data);
  if (!(total > 0) || (!normalize && !(Math.abs(total - 1) <= 1e-8)))
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
    codes: shape.map((extent) => Array.from({ length: extent }, (_, s) => s)),
    warnings: [],
  };
}

/** The same with rows that are equal put together, as after a merge of states. */
export function compactRows(rows: Rows): Rows {
  const place = new Map<string, number>();
  const kept: number[] = [];
  const weights: number[] = [];
  rows.weights.forEach((weight, r) => {
    const mark = rows.columns.map((column) => column[r]!).join();
    const at = place.get(mark);
    if (at === undefined) {
      place.set(mark, kept.length);
      kept.push(r);
      weights.push(weight);
    } else weights[at]! += weight;
  });
  return {
    ...rows,
    columns: rows.columns.map((column) => Int32Array.from(kept, (r) => column[r]!)),
    weights: Float64Array.from(weights),
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
