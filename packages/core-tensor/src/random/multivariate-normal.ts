/** Normal vectors with a covariance. */
import { type Schema, checkOptions } from "../check/index.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { type Shape, checkShape, formatShape, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import type { ArrayInput } from "../trace/input.js";
import type { RngKey } from "./key.js";
import { type RealRowOptions, ROW, checkedParameter, drawRows, spread } from "./rows.js";
import { DRAW, floatOption } from "./stream.js";

const FN = "multivariateNormal";
const OPTIONS: Schema<RealRowOptions> = { ...DRAW, ...ROW };

/**
 * Normal vectors with the given mean and covariance: $\mu + L z$ with $L L^\top = \Sigma$. A covariance may be singular: the vectors then lie in
 * a subspace. O(d³) a covariance, O(d²) a vector.
 *
 * @param key - random key
 * @param mean - $\mu$, `[…, d]`, of which the axes before the last broadcast to `shape`
 * @param covariance - $\Sigma$, `[…, d, d]`, symmetric and positive semidefinite, of which the axes before the last two broadcast to `shape`
 * @param shape - extents of the batch, rows first; default `[]`
 * @param options - see {@link RealRowOptions}
 * @returns float array of shape `[…shape, d]`
 * @throws `DomainError` when a number is not finite or a covariance is not symmetric and positive semidefinite within rounding;
 * `ShapeError` when the shapes do not fit
 * @example
 * ```ts
 * import { key, multivariateNormal } from "@provably/core-tensor/random";
 *
 * const covariance = [[2, 0.9], [0.9, 0.5]];
 * multivariateNormal(key(0), [1, -2], covariance, [100]).shape; // => [100, 2]
 * ```
 * @see Higham (2002), "Accuracy and stability of numerical algorithms", section 10.3
 * @category Draws
 */
export function multivariateNormal(
  key: RngKey,
  mean: ArrayInput,
  covariance: ArrayInput,
  shape: Shape = [],
  options: RealRowOptions = {},
): NdArray {
  const { firstRow = 0 } = checkOptions(FN, options, OPTIONS);
  checkShape(FN, shape);
  const dtype = floatOption(FN, options);
  const centre = checkedParameter(FN, "mean", mean, "finite", Number.isFinite);
  const sigma = checkedParameter(FN, "covariance", covariance, "finite", Number.isFinite);
  const d = centre.shape.at(-1);
  if (d === undefined || d === 0)
    throw new ShapeError(`${FN}: mean must be [..., d], got shape ${formatShape(centre.shape)}`);
  if (sigma.shape.length < 2 || sigma.shape.at(-1) !== d || sigma.shape.at(-2) !== d)
    throw new ShapeError(
      `${FN}: covariance must be [..., ${d}, ${d}], got shape ${formatShape(sigma.shape)}`,
    );
  const means = spread(FN, "mean", centre, [...shape, d]);
  const rounding = sigma.dtype === "float32" ? 2 ** -23 : 2 ** -52;
  const batch = sigma.shape.slice(0, -2);
  const factors = factorEach(rowMajorData(sigma as never), d, rounding);
  const which = placesOf(batch, shape);
  const z = new Float64Array(d);
  return drawRows(FN, key, { shape, tail: [d], firstRow }, dtype, (source, at, out) => {
    for (let i = 0; i < d; i++) z[i] = source.normal();
    const base = which(at) * d * d;
    for (let i = 0; i < d; i++) {
      let sum = means[at * d + i]!;
      for (let j = 0; j < d; j++) sum += factors[base + i * d + j]! * z[j]!;
      out[at * d + i] = sum;
    }
  });
}

/** Which member of `batch` belongs to a place of `shape`. */
function placesOf(batch: Shape, shape: Shape): (at: number) => number {
  const numbers = Float64Array.from({ length: sizeOf(batch) }, (_, i) => i);
  if (numbers.length === 1 && batch.length <= shape.length) return () => 0;
  const places = spread(FN, "covariance", dense(numbers, "float64", [...batch]), shape);
  return (at) => places[at]!;
}

/** One lower factor for every matrix, in the order of the variables given. */
function factorEach(matrices: ArrayLike<number>, d: number, rounding: number): Float64Array {
  const out = new Float64Array(matrices.length);
  for (let at = 0; at < matrices.length; at += d * d)
    out.set(
      semidefiniteFactor(
        Float64Array.from({ length: d * d }, (_, i) => matrices[at + i]!),
        d,
        rounding,
      ),
      at,
    );
  return out;
}

/**
 * A matrix L with L Lᵀ the given one: Cholesky with pivots on the correlations, so that neither the units of the variables nor a singular matrix
 * cost digits.
 */
function semidefiniteFactor(sigma: Float64Array, d: number, rounding: number): Float64Array {
  const tolerance = 16 * d * rounding;
  const deviation = Float64Array.from({ length: d }, (_, i) => Math.sqrt(sigma[i * d + i]!));
  const rest = correlations(sigma, deviation, tolerance);
  const factor = new Float64Array(d * d);
  const open = new Set(deviation.keys());
  for (let step = 0; step < d; step++) {
    let pivot = -1;
    for (const i of open) if (pivot < 0 || rest[i * d + i]! > rest[pivot * d + pivot]!) pivot = i;
    const size = rest[pivot * d + pivot]!;
    if (size <= tolerance) break;
    open.delete(pivot);
    const root = Math.sqrt(size);
    factor[pivot * d + step] = root;
    for (const i of open) factor[i * d + step] = rest[i * d + pivot]! / root;
    for (const i of open)
      for (const j of open) rest[i * d + j]! -= factor[i * d + step]! * factor[j * d + step]!;
  }
  // what is left of a semidefinite matrix is rounding; its root bounds the entries beside the diagonal
  for (const i of open)
    for (const j of open)
      if (Math.abs(rest[i * d + j]!) > 4 * tolerance)
        throw new DomainError(`${FN}: covariance must be positive semidefinite`);
  return factor.map((v, at) => v * deviation[Math.floor(at / d)]!);
}

/** The correlations of a covariance; 0 beside variables that do not vary. */
function correlations(
  sigma: Float64Array,
  deviation: Float64Array,
  tolerance: number,
): Float64Array {
  const d = deviation.length;
  const out = new Float64Array(d * d);
  for (let i = 0; i < d; i++)
    for (let j = 0; j < d; j++) {
      const [value, mirrored] = [sigma[i * d + j]!, sigma[j * d + i]!];
      const unit = deviation[i]! * deviation[j]!;
      if (!(Math.abs(value - mirrored) <= tolerance * Math.max(unit, Math.abs(value))))
        throw new DomainError(
          `${FN}: covariance must be symmetric with a diagonal ≥ 0, got ${value} and ${mirrored} at (${i}, ${j})`,
        );
      if (unit === 0 && value !== 0)
        throw new DomainError(
          `${FN}: covariance must be positive semidefinite, got ${value} at (${i}, ${j}) beside a variance of 0`,
        );
      if (unit > 0) out[i * d + j] = i === j ? 1 : value / unit;
    }
  return out;
}
