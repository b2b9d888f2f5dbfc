/** What the model attends to and reconstructs for one masked image. */
import { type NdArray, array } from "@provably/core-tensor";
import {
  type QueryAttention,
  type View,
  attend,
  prepare,
  queryAttention,
  view,
} from "../internal/model.js";
import { type MaskedImage, checkMaskedImage } from "../data/sampling.js";
import type { SpatialDistribution } from "../data/distribution.js";
import type { Correlations } from "./correlations.js";

/** One row for each query, filled by `write`. */
function rows(
  fn: string,
  distribution: SpatialDistribution,
  correlations: Correlations,
  image: MaskedImage,
  width: (seen: View) => number,
  write: (attention: QueryAttention, seen: View, row: Float64Array, p: number) => void,
): NdArray {
  const model = prepare(fn, distribution, correlations);
  checkMaskedImage(fn, distribution, image);
  const seen = view(distribution, image);
  const attention = queryAttention(seen.numAreas);
  const columns = width(seen);
  const data = new Float64Array(distribution.numPatches * columns);
  for (let p = 0; p < distribution.numPatches; p++) {
    attend(model, seen, p, attention);
    write(attention, seen, data.subarray(p * columns, (p + 1) * columns), p);
  }
  return array(data, { shape: [distribution.numPatches, columns], copy: false });
}

/**
 * The scores $s_{pq} = \Upsilon_{pq} + 1\lbrace q \text{ seen}\rbrace\, z_{a(k,q)} \Phi_{p \to (k, a(k,q))}$ of all pairs of patches.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param image - see {@link MaskedImage}
 * @returns array of shape `[P, P]`, queries by keys
 * @throws `ShapeError` or `DomainError` when image or correlations do not fit the distribution
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionScores, createSpatialDistribution, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0], [1]]]);
 * const correlations = { ...zeroCorrelations(distribution), phi: array([[1, 2], [3, 4]]) };
 * attentionScores(distribution, correlations, { cluster: 0, latents: [1, 0.5], mask: [1, 0] }); // => [[0, 1], [0, 2]]
 * ```
 * @category Model
 */
export function attentionScores(
  distribution: SpatialDistribution,
  correlations: Correlations,
  image: MaskedImage,
): NdArray {
  const { phi, upsilon } = prepare("attentionScores", distribution, correlations);
  return rows(
    "attentionScores",
    distribution,
    correlations,
    image,
    () => distribution.numPatches,
    (_, { code, z, offset, numAreas }, row, p) => {
      for (let q = 0; q < row.length; q++) {
        const j = code[q]!;
        row[q] =
          upsilon[p * distribution.numPatches + q]! +
          (j === numAreas ? 0 : z[j]! * phi[p * distribution.numFeatures + offset + j]!);
      }
    },
  );
}

/**
 * The attention map of an image: the softmax of {@link attentionScores} over all keys, masked ones included.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param image - see {@link MaskedImage}
 * @returns array of shape `[P, P]`, rows sum to 1
 * @throws `ShapeError` or `DomainError` when image or correlations do not fit the distribution
 * @example
 * ```ts
 * import { createSpatialDistribution, maskedAttention, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0], [1]]]);
 * maskedAttention(distribution, zeroCorrelations(distribution), { cluster: 0, latents: [1, 1], mask: [1, 0] }); // => [[0.5, 0.5], [0.5, 0.5]]
 * ```
 * @category Model
 */
export function maskedAttention(
  distribution: SpatialDistribution,
  correlations: Correlations,
  image: MaskedImage,
): NdArray {
  return rows(
    "maskedAttention",
    distribution,
    correlations,
    image,
    () => distribution.numPatches,
    ({ keys, at, factor }, { code }, row) => {
      for (let q = 0; q < row.length; q++) row[q] = keys[at + q]! * factor[code[q]!]!;
    },
  );
}

/**
 * The area attention $\mathrm{Attn}_{p \to j}$: the attention of each query to the seen patches of each area.
 *
 * A row sums to less than 1; the rest lies on masked keys.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param image - see {@link MaskedImage}
 * @returns array of shape `[P, N]` for the $N$ areas of the image's cluster
 * @throws `ShapeError` or `DomainError` when image or correlations do not fit the distribution
 * @example
 * ```ts
 * import { areaAttentionScores, createSpatialDistribution, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0], [1]]]);
 * areaAttentionScores(distribution, zeroCorrelations(distribution), { cluster: 0, latents: [1, 1], mask: [1, 0] }); // => [[0, 0.5], [0, 0.5]]
 * ```
 * @category Model
 */
export function areaAttentionScores(
  distribution: SpatialDistribution,
  correlations: Correlations,
  image: MaskedImage,
): NdArray {
  return rows(
    "areaAttentionScores",
    distribution,
    correlations,
    image,
    ({ numAreas }) => numAreas,
    ({ area }, _, row) => row.set(area.subarray(0, row.length)),
  );
}

/**
 * The output $Y_p = \sum_q \mathrm{attn}_{pq} X_q$ in coordinates of the features: $Y_p = \sum_j z_j \mathrm{Attn}_{p \to j}\, v_{k,j}$.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param image - see {@link MaskedImage}
 * @returns coefficients, shape `[P, N]` for the $N$ areas of the image's cluster
 * @throws `ShapeError` or `DomainError` when image or correlations do not fit the distribution
 * @example
 * ```ts
 * import { createSpatialDistribution, reconstruct, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0], [1]]]);
 * reconstruct(distribution, zeroCorrelations(distribution), { cluster: 0, latents: [1, 3], mask: [1, 0] }); // => [[0, 1.5], [0, 1.5]]
 * ```
 * @category Model
 */
export function reconstruct(
  distribution: SpatialDistribution,
  correlations: Correlations,
  image: MaskedImage,
): NdArray {
  return rows(
    "reconstruct",
    distribution,
    correlations,
    image,
    ({ numAreas }) => numAreas,
    ({ area }, { z }, row) => {
      for (let j = 0; j < row.length; j++) row[j] = z[j]! * area[j]!;
    },
  );
}
