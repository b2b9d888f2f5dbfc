/** A contingency table made ready for rank tests: empty rows and columns dropped, margins, and the matrix whose singular values the tests read. */
import { type ArrayInput, ShapeError } from "@provably/core-tensor";
import { svd } from "@provably/core-tensor/linalg";
import { InvalidDataError } from "../errors.js";
import { float64Of, sumOf, toArray } from "../internal/arrays.js";

/** Counts or probabilities with p rows and q columns, row-major. */
export interface Cells {
  readonly p: number;
  readonly q: number;
  readonly data: Float64Array;
}

/** A table without empty rows and columns, as proportions. */
export interface Proportions extends Cells {
  /** Number of observations. */
  readonly n: number;
  /** Row and column margins. */
  readonly a: Float64Array;
  readonly b: Float64Array;
  /** Which rows and columns of the original table these are. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly warnings: readonly string[];
}

/** Counts from a caller, checked. */
export function countsOf(fn: string, input: ArrayInput): Cells {
  const { data, shape } = float64Of(input);
  if (shape.length !== 2 || shape[0] === 0 || shape[1] === 0)
    throw new ShapeError(
      `${fn}: counts must have shape [p, q] with p, q ≥ 1, got [${shape.join(", ")}]`,
    );
  const q = shape[1]!;
  data.forEach((x, i) => {
    if (!(x >= 0 && x < Infinity))
      throw new InvalidDataError(
        `${fn}: counts must be finite and ≥ 0, got ${x} in row ${Math.floor(i / q)}, column ${i % q}`,
      );
  });
  if (sumOf(data) === 0) throw new InvalidDataError(`${fn}: counts must not all be 0`);
  return { p: shape[0]!, q, data };
}

export function proportionsOf({ p, q, data }: Cells): Proportions {
  const rows = Array.from({ length: p }, (_, i) => i).filter(
    (i) => sumOf(data.subarray(i * q, i * q + q)) > 0,
  );
  const columns = Array.from({ length: q }, (_, j) => j).filter((j) =>
    rows.some((i) => data[i * q + j]! > 0),
  );
  const n = sumOf(data);
  const kept = new Float64Array(rows.length * columns.length);
  const [a, b] = [new Float64Array(rows.length), new Float64Array(columns.length)];
  for (let i = 0; i < rows.length; i++)
    for (let j = 0; j < columns.length; j++) {
      const x = data[rows[i]! * q + columns[j]!]! / n;
      kept[i * columns.length + j] = x;
      a[i]! += x;
      b[j]! += x;
    }
  const warnings: string[] = [];
  if (rows.length < p) warnings.push(`${p - rows.length} empty rows dropped`);
  if (columns.length < q) warnings.push(`${q - columns.length} empty columns dropped`);
  return { p: rows.length, q: columns.length, data: kept, n, a, b, rows, columns, warnings };
}

/** Thin decomposition, vectors as columns of row-major matrices with `m = min(p, q)` columns. */
export interface Decomposition {
  readonly m: number;
  readonly u: Float64Array;
  readonly s: Float64Array;
  readonly v: Float64Array;
}

export function decompose({ p, q, data }: Cells): Decomposition {
  const { u, singularValues, v } = svd(toArray(data, [p, q]));
  return {
    m: Math.min(p, q),
    u: float64Of(u).data,
    s: float64Of(singularValues).data,
    v: float64Of(v).data,
  };
}

/** $D_a^{-1/2} P D_b^{-1/2}$: its greatest singular value is 1, the others are the canonical correlations of the indicators. */
export function normalized({ p, q, data, a, b }: Proportions): Cells {
  const out = new Float64Array(p * q);
  for (let i = 0; i < p; i++)
    for (let j = 0; j < q; j++) out[i * q + j] = data[i * q + j]! / Math.sqrt(a[i]! * b[j]!);
  return { p, q, data: out };
}

/** The smallest expected count in the best rank-k approximation of a table. */
export function smallestFitted(
  { p, q, a, b, n }: Proportions,
  { m, u, s, v }: Decomposition,
  k: number,
): number {
  let least = Infinity;
  for (let i = 0; i < p; i++)
    for (let j = 0; j < q; j++) {
      let x = 0;
      for (let l = 0; l < k; l++) x += u[i * m + l]! * s[l]! * v[j * m + l]!;
      least = Math.min(least, n * x * Math.sqrt(a[i]! * b[j]!));
    }
  return least;
}
