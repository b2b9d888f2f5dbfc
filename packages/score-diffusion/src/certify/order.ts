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
} from "@provably/core-tensor";
import {
  anyRecord,
  certificate,
  check,
  checkHooks,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, permutation, uniform } from "@provably/core-tensor/random";
import { checkNumberList } from "../internal/check.js";
import { probabilityFlow } from "../flow.js";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import { type PaperScheduleOptions, paperSchedule } from "../schedule/schedule.js";
import { type GaussianMixture, checkMixture } from "../score/gaussian-mixture.js";
import { type Sampler, checkSampler, sample } from "../sampler/sampler.js";
import { pathKl1d } from "./path-kl.js";

/**
 * Options of {@link certifyOrder} and {@link convergence}.
 * @category Certificates
 */
export interface ConvergenceOptions extends PaperScheduleOptions {
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

/** A Latin hypercube of standard normals, [n, d]: every coordinate has one number in each n-th of its law, so that few paths see all of it. */
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
 * @param mixture - law of the data; one-dimensional for stochastic samplers
 * @param key - random key for the starting points
 * @param options - see {@link ConvergenceOptions}; `c0` default 1 here
 * @returns see {@link Convergence}
 * @throws `DomainError` when fewer than two numbers of steps are given
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { convergence, ddim, gaussianMixture } from "@provably/score-diffusion";
 *
 * const law = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.2, 0.2] });
 * convergence(ddim(), law, key(0), { numSteps: [40, 80], numPaths: 8 }).errors.length; // => 2
 * ```
 * @category Certificates
 */
export function convergence<Row extends { readonly level: NoiseLevel }>(
  sampler: Sampler<Row>,
  mixture: GaussianMixture,
  key: RngKey,
  options: ConvergenceOptions = {},
): Convergence {
  const deterministic = checkSampler("convergence", sampler).noises === 0;
  checkMixture("convergence", mixture);
  const {
    numSteps = deterministic ? [80, 160, 320, 640] : [25, 50, 100],
    numPaths = 128,
    c0 = 1,
    c1 = 4,
  } = check("convergence", "options", options, anyRecord);
  checkHooks("convergence", options);
  checkNumberList("convergence", "numSteps", numSteps);
  check("convergence", "numPaths", numPaths, wholeNumber(1));
  if (numSteps.length < 2)
    throw new DomainError(
      `convergence: numSteps must hold at least two numbers, got [${numSteps.join(", ")}]`,
    );
  const start = stratifiedNormals(foldIn(key, "start"), numPaths, mixture.means.shape[1]!);
  const errors = numSteps.map((steps, i) => {
    options.signal?.throwIfAborted();
    const schedule = paperSchedule(steps, { c0, c1 });
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

/**
 * A certificate that a sampler converges at the order that theory gives it: the measured slope lies in the sampler's interval.
 *
 * @param sampler - which sampler
 * @param mixture - law of the data; one-dimensional for stochastic samplers
 * @param key - random key for the starting points
 * @param options - see {@link ConvergenceOptions}
 * @returns certificate with the measured order as its value
 * @throws `DomainError` when fewer than two numbers of steps are given, or the sampler has no order
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { acceleratedOde, certifyOrder, gaussianMixture } from "@provably/score-diffusion";
 *
 * const law = gaussianMixture({ weights: [0.4, 0.6], means: [[-1.2], [1]], variances: [0.09, 0.16] });
 * certifyOrder(acceleratedOde, law, key(0)).holds; // => true
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
  const { order, measure, numSteps } = convergence(sampler, mixture, key, options);
  return certificate({
    claim: "order of convergence in ln T / T",
    kind: "measured",
    value: order,
    expected,
    verdict: order >= expected[0] && order <= expected[1],
    note: `${measure}, T = ${numSteps.join(", ")}; ${source}`,
  });
}
