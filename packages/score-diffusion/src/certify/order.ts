/** The order of convergence of a sampler, measured. */
import {
  type Certificate,
  DomainError,
  type NdArray,
  add,
  div,
  item,
  median,
  ndtri,
  norm,
  stack,
  sub,
  mean,
  mul,
  square,
} from "@provably/core-tensor";
import {
  certificate,
  check,
  checkOptions,
  listOf,
  longWork,
  positiveNumber,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, permutation, uniform, normal } from "@provably/core-tensor/random";
import { probabilityFlow } from "../flow.js";
import { type NoiseLevel, addNoise, levelOf } from "../schedule/level.js";
import { type TheoryScheduleOptions, scheduleOfAlphaBar, theoryOf } from "../schedule/schedule.js";
import { type GaussianMixture, checkMixture, mixtureScore } from "../score/gaussian-mixture.js";
import { mixtureSamples } from "../score/mixture-posterior.js";
import { type Sampler, checkSampler } from "../sampler/sampler.js";
import { sample } from "../sampler/sample.js";
import { pathKl1d } from "./path-kl.js";

/**
 * Options of {@link certifyOrder} and {@link convergence}.
 * @category Certificates
 */
export interface ConvergenceOptions extends TheoryScheduleOptions {
  /** Numbers of steps to measure at, growing; default 80, 160, 320, 640 for deterministic samplers and 25, 50, 100 for stochastic ones. */
  readonly numSteps?: readonly number[];
  /** Number of paths of a deterministic sampler; default 128. */
  readonly numPaths?: number;
  /** Called after each measurement. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
  }) => void;
  /** Stops between two measurements. */
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  ...longWork,
  c0: positiveNumber,
  c1: positiveNumber,
  numSteps: listOf(wholeNumber(2)),
  numPaths: wholeNumber(1),
};

/**
 * Errors of a sampler at several numbers of steps.
 * @category Certificates
 */
export interface Convergence {
  /** Numbers of steps $T$. */
  readonly numSteps: readonly number[];
  /** Error at each. */
  readonly errors: readonly number[];
  /** What the error is. */
  readonly measure: "median distance to the exact flow at Y_1" | "square root of half the path KL";
  /** Slope of $\ln$ error against $\ln(\ln T / T)$, between the last two numbers of steps. */
  readonly order: number;
}

/** A Latin hypercube of standard normals, [n, d]: every coordinate has one number in each n-th of its distribution, so that few paths see all of it. */
function stratifiedNormals(key: RngKey, n: number, d: number): NdArray {
  const columns = Array.from({ length: d }, (_, axis) => {
    const place = foldIn(key, axis);
    return ndtri(
      div(
        add(permutation(foldIn(place, 0), n), uniform(foldIn(place, 1), [n], { dtype: "float64" })),
        n,
      ),
    );
  });
  return stack(columns, { axis: 1 });
}

/** The median over paths of their distance. A mean would be ruled by the few that pass close to the watershed between two modes. */
function distance(a: NdArray, b: NdArray): number {
  return item(median(norm(sub(a, b), { axis: 1 })));
}

/**
 * The errors of a sampler on a Gaussian mixture, whose score is exact, at growing numbers of steps of the theorems' schedule.
 *
 * Deterministic samplers are held against the probability flow, integrated to rounding from the same starting points. Stochastic ones against the true
 * reverse process by the Kullback-Leibler divergence of paths ({@link pathKl1d}, d = 1). Steps of this schedule are about $\ln T/T$ long, so orders are
 * slopes against that, not against $1/T$.
 *
 * @param sampler - which sampler
 * @param mixture - distribution of the data; one-dimensional for stochastic samplers
 * @param key - random key for the starting points
 * @param options - see {@link ConvergenceOptions}; `c0` default 1 here
 * @returns see {@link Convergence}
 * @throws `DomainError` when fewer than two numbers of steps are given
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { convergence, gaussianMixture } from "@provably/score-diffusion";
 * import { ddim } from "@provably/score-diffusion/samplers";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.2, 0.2] });
 * convergence(ddim(), mixture, key(0), { numSteps: [40, 80], numPaths: 8 }).errors.length; // => 2
 * ```
 * @category Certificates
 */
export function convergence<Row extends { readonly level: NoiseLevel }>(
  sampler: Sampler<Row>,
  mixture: GaussianMixture,
  key: RngKey,
  options: ConvergenceOptions = {},
): Convergence {
  return convergenceOf("convergence", sampler, mixture, key, options);
}

function convergenceOf<Row extends { readonly level: NoiseLevel }>(
  fn: string,
  sampler: Sampler<Row>,
  mixture: GaussianMixture,
  key: RngKey,
  options: ConvergenceOptions,
): Convergence {
  const deterministic = checkSampler(fn, sampler).numNoises === 0;
  checkMixture(fn, mixture);
  check(fn, "key", key, rngKey);
  const {
    numSteps = deterministic ? [80, 160, 320, 640] : [25, 50, 100],
    numPaths = 128,
    c0 = 1,
    c1 = 4,
  } = checkOptions<ConvergenceOptions>(fn, options, OPTIONS);
  if (numSteps.length < 2)
    throw new DomainError(
      `${fn}: numSteps must hold at least two numbers, got [${numSteps.join(", ")}]`,
    );
  const start = stratifiedNormals(foldIn(key, "start"), numPaths, mixture.means.shape[1]!);
  const errors = numSteps.map((steps, i) => {
    options.signal?.throwIfAborted();
    const schedule = theoryOf(fn, steps, { c0, c1 });
    const { alphaBar } = schedule;
    const error = deterministic
      ? distance(
          sample(sampler, mixture, key, { start, schedule, stopAt: 1 }).samples,
          probabilityFlow(mixture, start, levelOf(alphaBar[steps - 1]!), levelOf(alphaBar[0]!)),
        )
      : Math.sqrt(pathKl1d(sampler, mixture, schedule) / 2);
    options.onProgress?.({ iteration: i + 1, total: numSteps.length, metric: error });
    return error;
  });
  const last = numSteps.length - 1;
  const size = (t: number): number => Math.log(Math.log(t) / t);
  const order =
    (Math.log(errors[last]!) - Math.log(errors[last - 1]!)) /
    (size(numSteps[last]!) - size(numSteps[last - 1]!));
  return {
    numSteps,
    errors,
    measure: deterministic
      ? "median distance to the exact flow at Y_1"
      : "square root of half the path KL",
    order,
  };
}

/** Places of the noise, steps at each, their length, and the deviation that is taken for a wrong drift. */
const [PLACES, SHORT_STEPS, SHORT, DRIFT] = [[0.9, 0.5, 0.1], 16, 1e-4, 0.02];

/**
 * By what share short steps of a sampler miss the flow that it should follow: $\mathrm dx = \left(\tfrac x2 + \tfrac{1 + g^2}{2} s\right)\mathrm dt + g\,\mathrm dw$ with the $g$ of its own noise.
 *
 * An order alone is blind to a small error that does not vanish with the steps, as long as the error of the steps is greater.
 */
function driftError<Row>(sampler: Sampler<Row>, mixture: GaussianMixture, key: RngKey): number {
  return Math.max(
    ...PLACES.map((power) => {
      const levels = Array.from({ length: SHORT_STEPS + 1 }, (_, i) => power * (1 - SHORT) ** i);
      const schedule = scheduleOfAlphaBar(levels);
      const first = levelOf(levels[SHORT_STEPS]!);
      const clean = mixtureSamples(mixture, foldIn(key, "clean"), 64);
      const noise = normal(foldIn(key, "noise"), clean.shape, { dtype: "float64" });
      const start = addNoise(clean, noise, first);
      const [none, one] = [mul(0, start), add(mul(0, start), 1)];
      const run = (last = -1): NdArray => {
        const drawn = Array.from({ length: SHORT_STEPS }, (_, step) =>
          Array.from({ length: sampler.numNoises }, (__, i) =>
            step === SHORT_STEPS - 1 && i === last ? one : none,
          ),
        );
        return sample(sampler, mixture, key, { start, schedule, stopAt: 1, noise: drawn }).samples;
      };
      const end = run();
      let spread = 0;
      for (let i = 0; i < sampler.numNoises; i++)
        spread += item(mean(square(sub(run(i), end)))) / SHORT;
      const score = mul((1 + spread) / 2, mixtureScore(mixture, start, first));
      const moved = mul(1 / (SHORT_STEPS * SHORT), sub(end, start));
      const missed = sub(moved, add(mul(0.5, start), score));
      return Math.sqrt(item(mean(square(missed))) / item(mean(square(score))));
    }),
  );
}

/**
 * A certificate that a sampler converges, at the order that theory gives it, to the true flow: the measured slope lies in the sampler's interval, and short steps
 * move as the exact score says.
 *
 * @param sampler - which sampler
 * @param mixture - distribution of the data; one-dimensional for stochastic samplers
 * @param key - random key for the starting points
 * @param options - see {@link ConvergenceOptions}
 * @returns certificate with the measured order as its value
 * @throws `DomainError` when fewer than two numbers of steps are given, or the sampler has no order
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { acceleratedOde, certifyOrder, gaussianMixture } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [0.4, 0.6], means: [[-1.2], [1]], variances: [0.09, 0.16] });
 * certifyOrder(acceleratedOde, mixture, key(0)).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyOrder<Row extends { readonly level: NoiseLevel }>(
  sampler: Sampler<Row>,
  mixture: GaussianMixture,
  key: RngKey,
  options: ConvergenceOptions = {},
): Certificate {
  const { order: stated } = checkSampler("certifyOrder", sampler);
  if (stated === undefined)
    throw new DomainError(`certifyOrder: theory gives ${sampler.name} no order; see convergence`);
  const { expected, source } = stated;
  const { order, measure, numSteps } = convergenceOf(
    "certifyOrder",
    sampler,
    mixture,
    key,
    options,
  );
  const drift = driftError(sampler, mixture, foldIn(key, "drift"));
  return certificate({
    claim: "order of convergence in ln T / T, to the true flow",
    kind: "measured",
    value: order,
    expected,
    verdict: order >= expected[0] && order <= expected[1] && drift <= DRIFT,
    note: `${measure}, T = ${numSteps.join(", ")}; ${source}; short steps miss the flow by ${(100 * drift).toPrecision(2)} % (at most ${100 * DRIFT} %)`,
  });
}
