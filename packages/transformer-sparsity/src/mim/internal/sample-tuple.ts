/** Drawing the tuples of the contrastive objectives. */
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import type { SpatialDistribution } from "../data/distribution.js";
import { type MaskedImage, drawImage, drawMaskedImages, sampleMask } from "../data/sampling.js";
import type { ContrastiveTuple } from "../theory/contrastive.js";

export function sampleTuple(
  distribution: SpatialDistribution,
  key: RngKey,
  numNegatives: number,
  maskRatio: number,
): ContrastiveTuple {
  const image = drawImage(distribution, key);
  const masked = (name: string): MaskedImage => ({
    ...image,
    mask: sampleMask(distribution.numPatches, foldIn(key, name), { maskRatio }),
  });
  return {
    anchor: masked("anchor"),
    positive: masked("positive"),
    negatives: drawMaskedImages(
      "sampleTuple",
      distribution,
      foldIn(key, "negatives"),
      numNegatives,
      maskRatio,
    ),
  };
}
