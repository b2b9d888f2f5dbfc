/**
 * Balancing: a similar matrix whose rows and columns are alike in size, so that rounding hurts small eigenvalues less.
 * Parlett, Reinsch (1969), "Balancing a matrix for calculation of eigenvalues and eigenvectors".
 */

const MAX_SWEEPS = 64;
/** Exponents of the factors stay so small that no product of a matrix near 1 and two of them leaves the range. */
const MAX_EXPONENT = 400;

export interface Balanced {
  /** `B = D⁻¹ Pᵀ A P D`, row-major. */
  readonly matrix: Float64Array;
  /** `P`: row i of B comes from row `order[i]` of A. */
  readonly order: readonly number[];
  /** The diagonal of `D`: powers of two. */
  readonly factors: Float64Array;
}

/** Moves eigenvalues that stand alone in a row or column to the ends, and scales what is left between them. */
export function balance(a: Float64Array, n: number): Balanced {
  const { order, from, to } = isolate(a, n);
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) matrix[i * n + j] = a[order[i]! * n + order[j]!]!;
  const exponents = new Int32Array(n);
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let settled = true;
    for (let i = from; i < to; i++) {
      const shift = imbalance(matrix, n, i, from, to);
      if (shift === 0 || Math.abs(exponents[i]! + shift) > MAX_EXPONENT) continue;
      settled = false;
      exponents[i]! += shift;
      const factor = 2 ** shift;
      for (let j = 0; j < n; j++) matrix[i * n + j]! /= factor;
      for (let j = 0; j < n; j++) matrix[j * n + i]! *= factor;
    }
    if (settled) break;
  }
  return { matrix, order, factors: Float64Array.from(exponents, (e) => 2 ** e) };
}

/**
 * The exponent of the power of two that makes row and column i alike: 0 when it would shorten their sum by less than a twentieth.
 * Lengths are Euclidean, which does not spoil matrices that a reduction has already made small below the diagonal (James, Langou, Lowery 2014).
 */
function imbalance(matrix: Float64Array, n: number, i: number, from: number, to: number): number {
  let [row, column] = [0, 0];
  for (let j = from; j < to; j++) {
    row = Math.hypot(row, matrix[i * n + j]!);
    column = Math.hypot(column, matrix[j * n + i]!);
  }
  if (row === 0 || column === 0) return 0;
  const shift = Math.round((Math.log2(row) - Math.log2(column)) / 2);
  const factor = 2 ** shift;
  return column * factor + row / factor < 0.95 * (row + column) ? shift : 0;
}

/** An order of the rows in which those before `from` and from `to` on are triangular. */
function isolate(
  a: Float64Array,
  n: number,
): { readonly order: number[]; readonly from: number; readonly to: number } {
  const [front, back]: [number[], number[]] = [[], []];
  const rest = Array.from({ length: n }, (_, i) => i);
  const alone = (i: number, entry: (j: number) => number): boolean =>
    rest.every((j) => j === i || entry(j) === 0);
  const drain = (list: number[], entry: (i: number, j: number) => number): void => {
    for (;;) {
      const at = rest.findLastIndex((i) => alone(i, (j) => entry(i, j)));
      if (at < 0) return;
      list.push(...rest.splice(at, 1));
    }
  };
  drain(back, (i, j) => a[i * n + j]!);
  drain(front, (i, j) => a[j * n + i]!);
  const from = front.length;
  return { order: [...front, ...rest, ...back.reverse()], from, to: from + rest.length };
}
