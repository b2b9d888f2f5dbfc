/** How far samples are from a posterior that is known exactly. */
import {
  type ArrayInput,
  type Certificate,
  type NdArray,
  ShapeError,
  asType,
} from "@provably/core-tensor";
import {
  certificate,
  check,
  checkOptions,
  nonNegativeNumber,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { randomDirections, slicedWasserstein } from "../metrics/wasserstein.js";
import type { GaussianMixture } from "../score/gaussian-mixture.js";
import { mixtureSamples } from "../score/mixture-posterior.js";

const OPTIONS = {
  tolerance: nonNegativeNumber,
  numDirections: wholeNumber(1),
  numReplicates: wholeNumber(1),
};

/**
 * Options of {@link certifyPosterior}.
 * @category Certificates
 */
export interface PosteriorDistanceOptions {
  /** Distance that is allowed beyond what exact samples show; default 0. */
  readonly tolerance?: number;
  /** Directions of the sliced distance; default 64. */
  readonly numDirections?: number;
  /** Sets of exact samples to compare with; default 99, for 1 % false alarms. */
  readonly numReplicates?: number;
}

/**
 * A certificate that samples follow a known distribution: their sliced $W_2$ distance to as many exact samples is not greater than exact samples show among
 * themselves.
 *
 * The bound is the greatest distance of 99 more sets of exact samples to the same reference, so that exact samples pass with probability 0.99. Give the
 * posterior of {@link mixturePosterior} for linear measurements of a mixture, with noise $\sigma^2 I + \eta^2AA^\top$ for {@link dpnp} at a constant $\eta$, or
 * {@link posteriorByRejection} for any likelihood in few dimensions.
 *
 * @param samples - independent samples, `[n, d]`
 * @param exact - the distribution, as a mixture or as a function that draws n samples of it
 * @param key - random key
 * @param options - see {@link PosteriorDistanceOptions}
 * @returns certificate with the distance
 * @throws `DomainError` when an option is out of range
 * @throws `ShapeError` when samples and distribution do not fit
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { certifyPosterior, gaussianMixture } from "@provably/score-diffusion";
 *
 * const exact = gaussianMixture({ weights: [1], means: [[0, 0]], variances: [1] });
 * certifyPosterior(normal(key(0), [500, 2]), exact, key(1)).holds; // => true
 * certifyPosterior(normal(key(0), [500, 2], { std: 1.3 }), exact, key(1)).holds; // => false
 * ```
 * @see Bonneel, Rabin, Peyré, Pfister (2015), "Sliced and Radon Wasserstein barycenters of measures", for the distance
 * @category Certificates
 */
export function certifyPosterior(
  samples: ArrayInput,
  exact: GaussianMixture | ((key: RngKey, n: number) => NdArray),
  key: RngKey,
  options: PosteriorDistanceOptions = {},
): Certificate {
  const {
    tolerance = 0,
    numDirections = 64,
    numReplicates = 99,
  } = checkOptions("certifyPosterior", options, OPTIONS);
  check("certifyPosterior", "key", key, rngKey);
  const x = asType(samples, "float64");
  const [n, d] = x.shape;
  if (x.shape.length !== 2 || n === undefined || d === undefined || n < 2)
    throw new ShapeError(
      `certifyPosterior: samples must be [n ≥ 2, d], got [${x.shape.join(", ")}]`,
    );
  const drawn = (name: string | number): NdArray => {
    const setKey = foldIn(key, name);
    return typeof exact === "function"
      ? arrayOf("certifyPosterior", "what exact returns", exact(setKey, n))
      : mixtureSamples(exact, setKey, n);
  };
  const reference = drawn("reference");
  if (reference.shape.join() !== x.shape.join())
    throw new ShapeError(
      `certifyPosterior: exact must give [${n}, ${d}] like samples, got [${reference.shape.join(", ")}]`,
    );
  const directions = randomDirections(foldIn(key, "directions"), numDirections, d);
  const value = slicedWasserstein(x, reference, directions);
  let greatest = 0;
  for (let r = 0; r < numReplicates; r++)
    greatest = Math.max(greatest, slicedWasserstein(drawn(r), reference, directions));
  return certificate({
    claim: "sliced W2 distance of the samples to exact samples of the posterior",
    kind: "statistical",
    value,
    expected: [0, greatest + tolerance],
    tolerance,
    confidence: 1 - 1 / (numReplicates + 1),
    verdict: value <= greatest + tolerance,
    note: `${n} samples, ${numDirections} directions; other sets of exact samples are at most ${greatest.toPrecision(3)} away`,
  });
}
