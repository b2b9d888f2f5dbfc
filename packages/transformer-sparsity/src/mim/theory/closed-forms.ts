/** Two values of the masked reconstruction loss that need no training: at the start, and the least possible. */
import { DomainError, array, lgamma, toTypedArray } from "@provably/core-tensor";
import { checkOptions } from "@provably/core-tensor/internal";
import { type SpatialDistribution, checkDistribution } from "../data/distribution.js";
import { latentSecondMoment } from "../data/latent.js";
import { MASK, type MaskOptions, countMasked } from "../data/sampling.js";

/**
 * The infimum of the masked reconstruction loss over all correlations,
 *
 * $$L^\star = \frac{E[z^2]}{2K} \sum_k \sum_{j :\, C_{kj} \le m} C_{kj} \binom{P - C_{kj}}{m - C_{kj}} \Big/ \binom Pm .$$
 *
 * What is left is the loss of areas that are masked entirely: nothing is known about them, and the best output is 0. It is approached only as correlations
 * diverge. Computed from logarithms of factorials, so that no size overflows.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param options - `maskRatio`: $\gamma$, default 0.5
 * @returns $L^\star$
 * @throws `DomainError` when the ratio does not fit
 * @example
 * ```ts
 * import { createSpatialDistribution, optimalReconstructionLoss } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0], [1]]], { latent: { kind: "discrete", values: [1] } });
 * optimalReconstructionLoss(distribution); // => 0.5
 * ```
 * @category Closed forms
 */
export function optimalReconstructionLoss(
  distribution: SpatialDistribution,
  options: MaskOptions = {},
): number {
  checkDistribution("optimalReconstructionLoss", distribution);
  const { numPatches, clusters, latent } = distribution;
  const { maskRatio = 0.5 } = checkOptions<MaskOptions>("optimalReconstructionLoss", options, MASK);
  const masked = countMasked("optimalReconstructionLoss", numPatches, maskRatio);
  const logFactorial = toTypedArray(
    lgamma(array(Float64Array.from({ length: numPatches + 1 }, (_, n) => n + 1))),
  );
  const logBinomial = (n: number, k: number): number =>
    logFactorial[n]! - logFactorial[k]! - logFactorial[n - k]!;
  let total = 0;
  for (const areas of clusters)
    for (const { length } of areas)
      if (length <= masked)
        total +=
          length *
          Math.exp(
            logBinomial(numPatches - length, masked - length) - logBinomial(numPatches, masked),
          );
  return (latentSecondMoment(latent) / 2 / clusters.length) * total;
}

/**
 * The masked reconstruction loss when all correlations are 0 and every patch attends to every other alike.
 *
 * An average over hypergeometric counts of seen patches: exact for every distribution, since only the common second moment of the latents enters.
 *
 * @param distribution - see {@link SpatialDistribution}, with at least 3 patches
 * @param options - `maskRatio`: $\gamma$, default 0.5
 * @returns $L(0)$
 * @throws `DomainError` when the ratio does not fit
 * @example
 * ```ts
 * import { createSpatialDistribution, reconstructionLossAtZero } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1, 2]]], { latent: { kind: "discrete", values: [1] } });
 * reconstructionLossAtZero(distribution, { maskRatio: 0.4 }).toFixed(6); // => "0.444444"
 * ```
 * @category Closed forms
 */
export function reconstructionLossAtZero(
  distribution: SpatialDistribution,
  options: MaskOptions = {},
): number {
  checkDistribution("reconstructionLossAtZero", distribution);
  const { numPatches: total, clusters, latent } = distribution;
  if (total < 3)
    throw new DomainError(
      `reconstructionLossAtZero: distribution must have at least 3 patches, got ${total}`,
    );
  const { maskRatio = 0.5 } = checkOptions<MaskOptions>("reconstructionLossAtZero", options, MASK);
  const masked = countMasked("reconstructionLossAtZero", total, maskRatio);
  // seen patches among c of the others, given that the query is masked
  const mean = (c: number): number => ((total - masked) * c) / (total - 1);
  const variance = (c: number): number =>
    (total - masked) * (c / (total - 1)) * (1 - c / (total - 1)) * ((masked - 1) / (total - 2));
  const square = (c: number): number => (variance(c) + mean(c) ** 2) / total ** 2;
  let sum = 0;
  for (const areas of clusters)
    areas.forEach(({ length }, j) => {
      const others = areas.reduce((rest, area, i) => rest + (i === j ? 0 : square(area.length)), 0);
      sum += length * (1 - (2 * mean(length - 1)) / total + square(length - 1) + others);
    });
  return (latentSecondMoment(latent) / 2) * (masked / total) * (sum / clusters.length);
}
