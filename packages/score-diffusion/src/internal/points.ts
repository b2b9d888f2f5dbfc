/** Samples as rows of numbers, for functions that run over pairs of them. */
import {
  type ArrayInput,
  DomainError,
  ShapeError,
  asType,
  toTypedArray,
} from "@provably/core-tensor";

/** Row-major [n, d]. */
export interface Points {
  readonly data: Float64Array;
  readonly n: number;
  readonly d: number;
}

/** Checks a sample `[n, d]`, or `[n]` on a line, of at least `least` finite points. */
export function pointsOf(fn: string, name: string, x: ArrayInput, least = 1): Points {
  const a = asType(x, "float64");
  const [n = 0, d = 1] = a.shape;
  if (a.shape.length < 1 || a.shape.length > 2 || n < least || d < 1)
    throw new ShapeError(`${fn}: ${name} must be [n ≥ ${least}, d], got [${a.shape.join(", ")}]`);
  const data = toTypedArray<"float64">(a);
  const bad = data.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0)
    throw new DomainError(
      `${fn}: ${name} must be finite, got ${data[bad]} in row ${Math.floor(bad / d)}`,
    );
  return { data, n, d };
}

/** Two samples of equal dimension. */
export function pairOfPoints(
  fn: string,
  x: ArrayInput,
  y: ArrayInput,
  least = 1,
): readonly [Points, Points] {
  const [a, b] = [pointsOf(fn, "x", x, least), pointsOf(fn, "y", y, least)];
  if (a.d !== b.d)
    throw new ShapeError(
      `${fn}: x and y must have the same dimension, got [${a.n}, ${a.d}] and [${b.n}, ${b.d}]`,
    );
  return [a, b];
}

/** ‖x_i − y_j‖², from differences: expanded squares would lose the digits of close points. */
export function squaredDistance(x: Points, i: number, y: Points, j: number): number {
  const { d } = x;
  let total = 0;
  for (let k = 0, p = i * d, q = j * d; k < d; k++, p++, q++) {
    const gap = x.data[p]! - y.data[q]!;
    total += gap * gap;
  }
  return total;
}

/** Σ_ij f(‖x_i − y_j‖²) over all pairs; of a sample with itself each pair is met once and counts twice, and the diagonal is left out. */
export function sumOverPairs(x: Points, y: Points, f: (squared: number) => number): number {
  let total = 0;
  if (x === y) {
    for (let i = 1; i < x.n; i++)
      for (let j = 0; j < i; j++) total += f(squaredDistance(x, i, x, j));
    return 2 * total;
  }
  for (let i = 0; i < x.n; i++)
    for (let j = 0; j < y.n; j++) total += f(squaredDistance(x, i, y, j));
  return total;
}
