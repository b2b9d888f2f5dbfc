/** How far the path of a stochastic sampler is from the true reverse process, by quadrature in one dimension. */
import { DomainError, ShapeError, array, toTypedArray } from "@provably/core-tensor";
import { anyRecord, checkOptions } from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import { type Schedule, checkSchedule } from "../schedule/schedule.js";
import {
  type GaussianMixture,
  checkMixture,
  mixtureLogDensity,
} from "../score/gaussian-mixture.js";
import { type Model, checkModel } from "../score/prediction.js";
import { type Sampler, checkSampler, rowsOf } from "../sampler/sampler.js";
import { midpoints, stepOnLine } from "./step-on-line.js";

const OPTIONS = { model: anyRecord };

/** Places at which the start of a step is sampled, places of its end, and places of the inner noise. */
const STARTS = 96;
const ENDS = 96;
const INNER = 64;
/** Half width of the grids in standard deviations. */
const REACH = 8;

const logNormal = (x: number, mean: number, variance: number): number =>
  -0.5 * (((x - mean) * (x - mean)) / variance + Math.log(2 * Math.PI * variance));

/**
 * The Kullback-Leibler divergence of the path of a stochastic sampler from the true reverse process of a one-dimensional mixture,
 * $\sum_{t=2}^{T} \mathbb E_{x_t}\, \mathrm{KL}\!\left(q(x_{t-1} \mid x_t)\,\|\,p(x_{t-1} \mid x_t)\right)$.
 *
 * The sampler's transition is measured from its own step function: the spread of its last noise by calling the step with that noise on and off, the
 * effect of an earlier noise by integrating over it. So a step with the wrong noise is seen. Pinsker turns the value into a bound:
 * total variation $\le \sqrt{\mathrm{KL}/2}$.
 *
 * @param sampler - stochastic sampler whose last noise enters linearly
 * @param mixture - distribution of the data, d = 1
 * @param schedule - noise schedule
 * @param options - `model`: the score that the sampler uses, default the exact one of the mixture
 * @returns the divergence, in nats
 * @throws `DomainError` for a deterministic sampler, whose transitions have no density
 * @throws `ShapeError` when the mixture is not one-dimensional
 * @example
 * ```ts
 * import { acceleratedSde, ddpm, gaussianMixture, pathKl1d, theorySchedule } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.1, 0.1] });
 * const schedule = theorySchedule(25, { c0: 1 });
 * pathKl1d(acceleratedSde, mixture, schedule) < pathKl1d(ddpm, mixture, schedule); // => true
 * ```
 * @see Li, Huang, Efimov, Wei, Chi, Chen (2024), "Accelerating convergence of score-based diffusion models, provably", proof by Pinsker's inequality
 * @category Certificates
 */
export function pathKl1d<Row extends { readonly level: NoiseLevel }>(
  sampler: Sampler<Row>,
  mixture: GaussianMixture,
  schedule: Schedule,
  options: { readonly model?: Model } = {},
): number {
  const fn = "pathKl1d";
  const { model = mixture } = checkOptions(fn, options, OPTIONS);
  checkSampler(fn, sampler);
  checkMixture(fn, mixture);
  checkModel(fn, model);
  if (sampler.numNoises === 0)
    throw new DomainError(
      `pathKl1d: ${sampler.name} is deterministic; its transitions have no density`,
    );
  if (sampler.numNoises > 2)
    throw new DomainError(
      `pathKl1d: ${sampler.name} takes ${sampler.numNoises} noises a step; at most two can be integrated over`,
    );
  if (mixture.means.shape[1] !== 1)
    throw new ShapeError(
      `pathKl1d: the mixture must be one-dimensional, got d = ${mixture.means.shape[1]}`,
    );
  const { alphaBar } = checkSchedule(fn, schedule);
  const rows = rowsOf(fn, sampler, schedule, { stopAt: 1 });
  let total = 0;
  rows.forEach((row, i) => {
    const t = alphaBar.length - i;
    total += stepKl(
      sampler,
      mixture,
      model,
      row,
      levelOf(alphaBar[t - 1]!),
      levelOf(alphaBar[t - 2]!),
    );
  });
  return total;
}

function stepKl<Row>(
  sampler: Sampler<Row>,
  mixture: GaussianMixture,
  model: Model,
  row: Row,
  from: NoiseLevel,
  to: NoiseLevel,
): number {
  const reach = Math.max(
    ...Array.from({ length: mixture.means.shape[0]! }, (_, k) => {
      const sd = Math.sqrt(from.alpha ** 2 * mixture.eigenvalues.get(k, 0) + from.sigma ** 2);
      return Math.abs(from.alpha * mixture.means.get(k, 0)) + REACH * sd;
    }),
  );
  const starts = midpoints(-reach, reach, STARTS);
  const mass = toTypedArray(
    mixtureLogDensity(mixture, array(starts.points, { shape: [STARTS, 1] }), from),
  ).map((l) => Math.exp(l) * starts.width);
  const { centres, spread, weights } = transition(sampler, model, row, starts.points);
  let total = 0;
  for (let i = 0; i < STARTS; i++) {
    if (mass[i]! < 1e-14) continue;
    total +=
      mass[i]! *
      klAt(
        mixture,
        starts.points[i]!,
        from,
        to,
        centres.subarray(i * weights.length, (i + 1) * weights.length),
        spread,
        weights,
      );
  }
  return total;
}

/** p(x_{t−1} | x_t) as a mixture of normals of one variance: centres for each start, their weights, the variance. */
function transition<Row>(
  sampler: Sampler<Row>,
  model: Model,
  row: Row,
  x: Float64Array,
): { centres: Float64Array; spread: number; weights: Float64Array } {
  const inner =
    sampler.numNoises === 1
      ? { points: Float64Array.of(0), width: 1 }
      : midpoints(-REACH, REACH, INNER);
  const weights =
    sampler.numNoises === 1
      ? Float64Array.of(1)
      : inner.points.map((z) => Math.exp(logNormal(z, 0, 1)) * inner.width);
  const m = weights.length;
  const spreadStarts = Float64Array.from({ length: x.length * m }, (_, i) => x[Math.floor(i / m)]!);
  const spreadInner = Float64Array.from({ length: x.length * m }, (_, i) => inner.points[i % m]!);
  const call = (last: number): Float64Array => {
    const lastNoise = new Float64Array(x.length * m).fill(last);
    return stepOnLine(
      sampler,
      model,
      row,
      spreadStarts,
      sampler.numNoises === 1 ? [lastNoise] : [spreadInner, lastNoise],
    ).x;
  };
  const [centres, moved] = [call(0), call(1)];
  return { centres, spread: (moved[0]! - centres[0]!) ** 2, weights };
}

/** KL of the exact reverse transition from one start, a mixture of normals in closed form, to the sampler's. */
function klAt(
  mixture: GaussianMixture,
  x: number,
  from: NoiseLevel,
  to: NoiseLevel,
  centres: Float64Array,
  spread: number,
  weights: Float64Array,
): number {
  const ratio = (from.alpha / to.alpha) ** 2;
  const components = Array.from({ length: mixture.means.shape[0]! }, (_, k) => {
    const mean = to.alpha * mixture.means.get(k, 0);
    const variance = to.alpha ** 2 * mixture.eigenvalues.get(k, 0) + to.sigma ** 2;
    const total = ratio * variance + 1 - ratio;
    const gain = (Math.sqrt(ratio) * variance) / total;
    return {
      log: Math.log(mixture.weights.get(k)) + logNormal(x, Math.sqrt(ratio) * mean, total),
      mean: mean + gain * (x - Math.sqrt(ratio) * mean),
      variance: (variance * (1 - ratio)) / total,
    };
  });
  const peak = Math.max(...components.map((c) => c.log));
  const norm = peak + Math.log(components.reduce((s, c) => s + Math.exp(c.log - peak), 0));
  const alive = components.filter((c) => c.log - norm > -40);
  const low = Math.min(...alive.map((c) => c.mean - REACH * Math.sqrt(c.variance)));
  const high = Math.max(...alive.map((c) => c.mean + REACH * Math.sqrt(c.variance)));
  const ends = midpoints(low, high, ENDS);
  let total = 0;
  for (const y of ends.points) {
    const logQ = logSum(alive.map((c) => c.log - norm + logNormal(y, c.mean, c.variance)));
    const q = Math.exp(logQ) * ends.width;
    if (q < 1e-16) continue;
    let best = -Infinity;
    for (const c of centres) best = Math.max(best, -((y - c) ** 2));
    let p = 0;
    for (let j = 0; j < centres.length; j++)
      p += weights[j]! * Math.exp((-((y - centres[j]!) ** 2) - best) / (2 * spread));
    total +=
      q * (logQ - (Math.log(p) + best / (2 * spread) - 0.5 * Math.log(2 * Math.PI * spread)));
  }
  return total;
}

function logSum(values: readonly number[]): number {
  const peak = Math.max(...values);
  return peak + Math.log(values.reduce((s, v) => s + Math.exp(v - peak), 0));
}
