// Mixtures on a line, and a note: what several of the files beside this one use.
import { toTypedArray } from "@provably/core-tensor";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import { gaussianMixture } from "@provably/score-diffusion";

/** A number between two others, by its name. */
export const u = (seed, name, low, high) =>
  low + (high - low) * toTypedArray(uniform(foldIn(key(seed), name), [1], { dtype: "float64" }))[0];

/** Where a test at its level sees most, but not all, at this number of draws. */
export const power = { note: "the power of the test at this size" };

/** Two clusters on a line, apart but not far. */
export const lineLaw = (seed) =>
  gaussianMixture({
    weights: [u(seed, "weight", 0.3, 0.7), 1],
    means: [[-u(seed, "left", 0.8, 1.4)], [u(seed, "right", 0.8, 1.4)]],
    variances: [u(seed, "first", 0.08, 0.25), u(seed, "second", 0.08, 0.25)],
  });
