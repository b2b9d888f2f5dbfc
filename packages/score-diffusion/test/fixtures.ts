/** Golden files of this package, from test/fixtures or from the folder that PROVABLY_FIXTURES names. */
import type { ArrayInput } from "@provably/core-tensor";
import {
  expectNear as expectNearWithin,
  f64,
  goldenFiles,
} from "../../../scripts/testing/golden.js";
import { type GaussianMixture, gaussianMixture } from "../src/index.js";

export { type Nested, f64 } from "../../../scripts/testing/golden.js";

export const load = goldenFiles(new URL("./fixtures", import.meta.url), "score-diffusion");

export interface GoldenMixture {
  readonly weights: number[];
  readonly means: number[][];
  readonly covs: number[][][];
}

export function mixtureOf({ weights, means, covs }: GoldenMixture): GaussianMixture {
  return gaussianMixture({ weights: f64(weights), means: f64(means), covariances: f64(covs) });
}

/** |a − b| ≤ atol + rtol |b| everywhere. */
export const expectNear = (
  actual: ArrayInput,
  golden: ArrayInput,
  rtol = 1e-10,
  atol = rtol,
): void => expectNearWithin(actual, golden, rtol, atol);
