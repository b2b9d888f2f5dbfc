/**
 * The one-layer model as it is defined, patch by patch: the second pair of eyes of the certificates.
 *
 * Shares nothing with the loops that train, which gather keys by area and multiply exponentials. Features and areas are found again from the clusters that
 * the caller gave.
 */
import { toTypedArray } from "@provably/core-tensor";
import type { SpatialDistribution } from "../data/distribution.js";
import type { MaskedImage } from "../data/sampling.js";
import type { Correlations } from "./correlations.js";

/** One masked query of an image. */
export interface NaiveQuery {
  /** Area of the query in the image's cluster; 0 is the global one. */
  readonly own: number;
  /** Attention to the seen patches of each area. */
  readonly toArea: readonly number[];
  /** Whether any patch of its own area is seen. */
  readonly ownSeen: boolean;
  /** $\tfrac12 \lVert X_p - Y_p \rVert^2$, less that of the best output for this mask. */
  readonly excess: number;
}

/** Every masked query of an image, by $\operatorname{softmax}_q(e_p^\top Q (X_q 1\lbrace q \text{ seen}\rbrace + e_q))$ over all patches. */
export function naiveQueries(
  { clusters, numPatches }: SpatialDistribution,
  { phi, upsilon }: Correlations,
  { cluster, latents, mask }: MaskedImage,
): NaiveQuery[] {
  const [f, u] = [toTypedArray(phi), toTypedArray(upsilon)];
  const numFeatures = clusters.reduce((count, areas) => count + areas.length, 0);
  const first = clusters.slice(0, cluster).reduce((count, areas) => count + areas.length, 0);
  const areas = clusters[cluster]!;
  const areaOf = (q: number): number => areas.findIndex((area) => area.includes(q));
  const code = Array.from({ length: numPatches }, (_, q) => areaOf(q));
  return Array.from({ length: numPatches }, (_, p) => p)
    .filter((p) => mask[p] === 1)
    .map((p) => {
      const scores = code.map((area, q) => {
        const content = mask[q] === 1 ? 0 : latents[area]! * f[p * numFeatures + first + area]!;
        return content + u[p * numPatches + q]!;
      });
      const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((a, b) => a + b, 0);
      const toArea = areas.map((area) =>
        area.reduce((sum, q) => sum + (mask[q] === 1 ? 0 : weights[q]! / total), 0),
      );
      const own = code[p]!;
      const ownSeen = areas[own]!.some((q) => mask[q] === 0);
      const loss = toArea.reduce(
        (sum, a, j) => sum + (latents[j]! * (a - (j === own ? 1 : 0))) ** 2 / 2,
        0,
      );
      return { own, toArea, ownSeen, excess: loss - (ownSeen ? 0 : latents[own]! ** 2 / 2) };
    });
}
