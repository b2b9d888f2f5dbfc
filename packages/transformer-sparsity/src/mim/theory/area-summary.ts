/** Where masked queries look, averaged over images: the numbers that tell diverse from collapsed attention. */
import { cosineDiversity, mutualInformation } from "../internal/diversity.js";
import { type Model, attend, mostAreas, prepare, queryAttention, view } from "../internal/model.js";
import type { SpatialDistribution } from "../data/distribution.js";
import type { MaskedImage } from "../data/sampling.js";
import type { Correlations } from "./correlations.js";
import { checkSamples } from "./masked-reconstruction.js";

/**
 * Area attention and diversity of a model on a set of masked images.
 * @category Training
 */
export interface AreaSummary {
  /** Attention of masked queries in local areas to the global area. */
  readonly localToGlobal: number;
  /** Attention of masked queries in local areas to their own area, where any of it is seen. */
  readonly localToOwn: number;
  /** Attention of masked queries in the global area to it. */
  readonly globalToGlobal: number;
  /** Mean cosine distance between the attention of two queries, see {@link attentionDiversity}. */
  readonly diversity: number;
  /** See {@link attentionMutualInformation}. */
  readonly mutualInformation: number;
}

/**
 * Where masked queries look, on average over images: at their own area, at the global one, and whether different queries look at different places.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param samples - masked images
 * @returns see {@link AreaSummary}; NaN where no query qualifies
 * @throws `ShapeError` or `DomainError` when an argument does not fit the distribution
 * @example
 * ```ts
 * import { createSpatialDistribution, summarizeAreas, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1], [2, 3]]]);
 * const image = { cluster: 0, latents: [1, 1], mask: [0, 0, 1, 0] };
 * const { localToGlobal, localToOwn, diversity } = summarizeAreas(distribution, zeroCorrelations(distribution), [image]);
 * [localToGlobal, localToOwn, diversity]; // => [0.5, 0.25, 0]
 * ```
 * @category Training
 */
export function summarizeAreas(
  distribution: SpatialDistribution,
  correlations: Correlations,
  samples: readonly MaskedImage[],
): AreaSummary {
  const model = prepare("summarizeAreas", distribution, correlations);
  checkSamples("summarizeAreas", distribution, samples);
  return areaSummary(model, samples);
}

export function areaSummary(model: Model, samples: readonly MaskedImage[]): AreaSummary {
  const { distribution } = model;
  const { numPatches } = distribution;
  const attention = queryAttention(mostAreas(distribution));
  const map = new Float64Array(numPatches * numPatches);
  const [toGlobal, toOwn, fromGlobal] = [average(), average(), average()];
  let [diversity, information] = [0, 0];
  for (const sample of samples) {
    const seen = view(distribution, sample);
    for (let p = 0; p < numPatches; p++) {
      attend(model, seen, p, attention);
      const { keys, at, factor, area } = attention;
      for (let q = 0; q < numPatches; q++)
        map[p * numPatches + q] = keys[at + q]! * factor[seen.code[q]!]!;
      if (!sample.mask[p]) continue;
      const own = seen.areaOf[p]!;
      if (own === 0) fromGlobal.add(area[0]!);
      else {
        toGlobal.add(area[0]!);
        if (distribution.clusters[sample.cluster]![own]!.some((q) => !sample.mask[q]))
          toOwn.add(area[own]!);
      }
    }
    diversity += cosineDiversity(map, numPatches, numPatches) / samples.length;
    information += mutualInformation(map, numPatches, numPatches) / samples.length;
  }
  return {
    localToGlobal: toGlobal.value(),
    localToOwn: toOwn.value(),
    globalToGlobal: fromGlobal.value(),
    diversity,
    mutualInformation: information,
  };
}

function average() {
  let [total, count] = [0, 0];
  return {
    add(x: number) {
      total += x;
      count++;
    },
    value: () => total / count,
  };
}
