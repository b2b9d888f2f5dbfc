/** The state of the theory's attention model: feature–position and positional correlations, which carry all that a dense query–key matrix would. */
import {
  type NdArray,
  ShapeError,
  array,
  matmul,
  matrixTranspose,
  zeros,
} from "@provably/core-tensor";
import { check, checkOptions, recordWith, tensor } from "@provably/core-tensor/internal";

import { finiteCopy } from "../internal/check.js";
import { type SpatialDistribution, checkDistribution } from "../data/distribution.js";

/**
 * The attention correlations of a distribution of $P$ patches and $F$ features.
 * @category Model
 */
export interface Correlations {
  /** $\Phi_{p \to (k,j)} = e_p^\top Q v_{k,j}$, feature–position correlations, shape `[P, F]`. */
  readonly phi: NdArray;
  /** $\Upsilon_{p \to q} = e_p^\top Q e_q$, positional correlations, shape `[P, P]`. */
  readonly upsilon: NdArray;
}

/**
 * The correlations of $Q = 0$, where training starts: every patch attends to every other alike.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @returns zeros, float64
 * @example
 * ```ts
 * import { createSpatialDistribution, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * zeroCorrelations(createSpatialDistribution([[[0, 1], [2]]])).phi.shape; // => [3, 2]
 * ```
 * @category Model
 */
export function zeroCorrelations(distribution: SpatialDistribution): Correlations {
  checkDistribution("zeroCorrelations", distribution);
  const { numPatches, numFeatures } = distribution;
  return {
    phi: zeros([numPatches, numFeatures], { dtype: "float64" }),
    upsilon: zeros([numPatches, numPatches], { dtype: "float64" }),
  };
}

/**
 * Options of {@link toDenseQ}.
 * @category Model
 */
export interface BasisOptions {
  readonly basis?: NdArray;
}
const BASIS = { basis: tensor };

/**
 * The dense query–key matrix $Q = \sum_p e_p \big(\sum_f \Phi_{pf} v_f + \sum_q \Upsilon_{pq} e_q\big)^\top$ of given correlations.
 *
 * Gradient descent on $Q$ from 0 stays of this form, so nothing is lost by training the correlations instead.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param options - `basis`: orthonormal rows, shape `[F + P, d]`, features first and then positions; default the unit vectors
 * @returns array of shape `[d, d]`, float64
 * @throws `ShapeError` when the basis does not fit
 * @example
 * ```ts
 * import { createSpatialDistribution, toDenseQ, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1], [2]]]);
 * toDenseQ(distribution, zeroCorrelations(distribution)).shape; // => [5, 5]
 * ```
 * @category Model
 */
export function toDenseQ(
  distribution: SpatialDistribution,
  correlations: Correlations,
  options: BasisOptions = {},
): NdArray {
  checkDistribution("toDenseQ", distribution);
  checkOptions<BasisOptions>("toDenseQ", options, BASIS);
  const { numPatches, numFeatures } = distribution;
  const dim = numFeatures + numPatches;
  const { phi, upsilon } = checkCorrelations("toDenseQ", distribution, correlations);
  const data = new Float64Array(dim * dim);
  for (let p = 0; p < numPatches; p++) {
    const row = (numFeatures + p) * dim;
    for (let f = 0; f < numFeatures; f++) data[row + f] = phi[p * numFeatures + f]!;
    for (let q = 0; q < numPatches; q++) data[row + numFeatures + q] = upsilon[p * numPatches + q]!;
  }
  const canonical = array(data, { shape: [dim, dim] });
  if (options.basis === undefined) return canonical;
  const basis = checkBasis("toDenseQ", options.basis, dim);
  return matmul(matrixTranspose(basis), matmul(canonical, basis));
}

/**
 * The correlations of a dense query–key matrix: $\Phi_{pf} = e_p^\top Q v_f$ and $\Upsilon_{pq} = e_p^\top Q e_q$.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param denseQ - shape `[d, d]`
 * @param options - `basis`: as in {@link toDenseQ}
 * @returns see {@link Correlations}
 * @throws `ShapeError` when the shapes do not fit
 * @example
 * ```ts
 * import { createSpatialDistribution, fromDenseQ, toDenseQ, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0], [1]]]);
 * fromDenseQ(distribution, toDenseQ(distribution, zeroCorrelations(distribution))).phi; // => [[0, 0], [0, 0]]
 * ```
 * @category Model
 */
export function fromDenseQ(
  distribution: SpatialDistribution,
  denseQ: NdArray,
  options: BasisOptions = {},
): Correlations {
  checkDistribution("fromDenseQ", distribution);
  checkOptions<BasisOptions>("fromDenseQ", options, BASIS);
  check("fromDenseQ", "denseQ", denseQ, tensor);
  const { numPatches, numFeatures } = distribution;
  const dim = numFeatures + numPatches;
  const basis =
    options.basis === undefined ? undefined : checkBasis("fromDenseQ", options.basis, dim);
  const width = basis?.shape[1] ?? dim;
  if (denseQ.shape.length !== 2 || denseQ.shape[0] !== width || denseQ.shape[1] !== width)
    throw new ShapeError(
      `fromDenseQ: denseQ must be [${width}, ${width}], got [${denseQ.shape.join(", ")}]`,
    );
  const canonical =
    basis === undefined ? denseQ : matmul(basis, matmul(denseQ, matrixTranspose(basis)));
  const rows = canonical.lo(numFeatures, 0);
  return { phi: rows.hi(numPatches, numFeatures), upsilon: rows.lo(0, numFeatures) };
}

/** The correlations as flat copies, checked. */
export function checkCorrelations(
  fn: string,
  { numPatches, numFeatures }: SpatialDistribution,
  correlations: Correlations,
): { readonly phi: Float64Array; readonly upsilon: Float64Array } {
  const { phi, upsilon } = check(
    fn,
    "correlations",
    correlations,
    recordWith({ phi: tensor, upsilon: tensor }),
  );
  return {
    phi: finiteCopy(fn, "correlations.phi", phi, [numPatches, numFeatures]),
    upsilon: finiteCopy(fn, "correlations.upsilon", upsilon, [numPatches, numPatches]),
  };
}

function checkBasis(fn: string, basis: NdArray, dim: number): NdArray {
  check(fn, "basis", basis, tensor);
  if (basis.shape.length !== 2 || basis.shape[0] !== dim)
    throw new ShapeError(`${fn}: basis must be [${dim}, d], got [${basis.shape.join(", ")}]`);
  return basis;
}
