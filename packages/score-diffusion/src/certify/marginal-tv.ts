/** How far the distribution of a sampler's end point is from the true one, by quadrature in one dimension. */
import { DomainError, ShapeError, array, exp, ndtr, toTypedArray } from "@provably/core-tensor";
import { anyRecord, checkOptions } from "@provably/core-tensor/internal";
import { checkSchedule, levelAt } from "../schedule/schedule.js";
import type { NoiseLevel } from "../schedule/level.js";
import type { Schedule } from "../schedule/schedule.js";
import {
  type GaussianMixture,
  checkMixture,
  mixtureLogDensity,
} from "../score/gaussian-mixture.js";
import { type Model, checkModel } from "../score/prediction.js";
import { type Sampler, checkSampler, rowsOf } from "../sampler/sampler.js";
import { midpoints, stepOnLine } from "./step-on-line.js";

const OPTIONS = { model: anyRecord };

/** Half width of grids in standard deviations, places of the start of deterministic paths, and of an inner noise. */
const [REACH, STARTS, INNER] = [8, 8000, 32];

/**
 * The total variation between the true distribution $p_{X_1}$ of a one-dimensional mixture and the distribution $p_{Y_1}$ of a sampler's end point, which the theorems bound.
 *
 * Deterministic samplers push the standard normal distribution forward, cell by cell, through distribution functions. Stochastic ones carry a density on a grid from
 * step to step: mass moves to where the step puts it, and spreads by its last noise, which must enter linearly. Nothing is drawn; the error is that of
 * quadrature, about 1e-4 of the value.
 *
 * @param sampler - with at most two noises a step
 * @param mixture - distribution of the data, d = 1
 * @param schedule - noise schedule
 * @param options - `model`: the score that the sampler uses, default the exact one of the mixture
 * @returns number in [0, 1]
 * @throws `ShapeError` when the mixture is not one-dimensional
 * @throws `DomainError` when the sampler takes more noises
 * @example
 * ```ts
 * import { acceleratedOde, gaussianMixture, marginalTv1d, pfOde, theorySchedule } from "@provably/score-diffusion";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.1, 0.1] });
 * const schedule = theorySchedule(40, { c0: 1 });
 * marginalTv1d(acceleratedOde, mixture, schedule) < marginalTv1d(pfOde, mixture, schedule) / 4; // => true
 * ```
 * @see Li, Wei, Chi, Chen (2024), "A sharp convergence theory for the probability flow ODEs of diffusion models", theorem 1
 * @category Certificates
 */
export function marginalTv1d<Row>(
  sampler: Sampler<Row>,
  mixture: GaussianMixture,
  schedule: Schedule,
  options: { readonly model?: Model } = {},
): number {
  const fn = "marginalTv1d";
  const { model = mixture } = checkOptions(fn, options, OPTIONS);
  checkSampler(fn, sampler);
  checkMixture(fn, mixture);
  checkModel(fn, model);
  if (mixture.means.shape[1] !== 1)
    throw new ShapeError(
      `marginalTv1d: the mixture must be one-dimensional, got d = ${mixture.means.shape[1]}`,
    );
  if (sampler.numNoises > 2)
    throw new DomainError(
      `marginalTv1d: ${sampler.name} takes ${sampler.numNoises} noises a step; at most two can be integrated over`,
    );
  const rows = rowsOf(fn, sampler, checkSchedule(fn, schedule), { stopAt: 1 });
  return sampler.numNoises === 0
    ? pushForward(sampler, model, mixture, rows, levelAt(schedule, 1))
    : spread(sampler, model, mixture, rows, levelAt(schedule, 1));
}

/** ½ Σ |P(cell) − Q(cell)| over the cells between the ends of the paths. */
function pushForward<Row>(
  sampler: Sampler<Row>,
  model: Model,
  mixture: GaussianMixture,
  rows: readonly Row[],
  end: NoiseLevel,
): number {
  const starts = Float64Array.from(
    { length: STARTS + 1 },
    (_, i) => (2 * i * REACH) / STARTS - REACH,
  );
  let state: ReturnType<typeof stepOnLine> = { x: starts };
  for (const row of rows) state = stepOnLine(sampler, model, row, state.x, [], state.memory);
  const below = toTypedArray(ndtr(array(starts))) as Float64Array;
  const edges = Float64Array.from(state.x).sort();
  // paths may cross when steps are long: each start cell spreads its mass evenly between its two ends
  const slopes = new Float64Array(edges.length + 1);
  for (let i = 0; i < STARTS; i++) {
    const [low, high] =
      state.x[i]! < state.x[i + 1]!
        ? [state.x[i]!, state.x[i + 1]!]
        : [state.x[i + 1]!, state.x[i]!];
    if (!(high > low)) continue;
    const density = (below[i + 1]! - below[i]!) / (high - low);
    slopes[lowerBound(edges, low)]! += density;
    slopes[lowerBound(edges, high)]! -= density;
  }
  const truth = distribution(mixture, edges, end);
  let total = truth[0]! + 1 - truth[truth.length - 1]!;
  for (let i = 0, density = 0; i + 1 < edges.length; i++) {
    density += slopes[i]!;
    total += Math.abs(density * (edges[i + 1]! - edges[i]!) - (truth[i + 1]! - truth[i]!));
  }
  return total / 2;
}

function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The distribution function of the mixture at a level. */
function distribution(
  mixture: GaussianMixture,
  x: Float64Array,
  { alpha, sigma }: NoiseLevel,
): Float64Array {
  const out = new Float64Array(x.length);
  for (let k = 0; k < mixture.means.shape[0]!; k++) {
    const [mean, sd] = [
      alpha * mixture.means.get(k, 0),
      Math.sqrt(alpha ** 2 * mixture.eigenvalues.get(k, 0) + sigma ** 2),
    ];
    const below = toTypedArray(ndtr(array(x.map((v) => (v - mean) / sd)))) as Float64Array;
    const weight = mixture.weights.get(k);
    for (let i = 0; i < x.length; i++) out[i]! += weight * below[i]!;
  }
  return out;
}

/** ½ ∫ |p − q| with q carried over a grid from step to step. */
function spread<Row>(
  sampler: Sampler<Row>,
  model: Model,
  mixture: GaussianMixture,
  rows: readonly Row[],
  end: NoiseLevel,
): number {
  const deviations = rows.map((row) => {
    const call = (z: number): number =>
      stepOnLine(
        sampler,
        model,
        row,
        Float64Array.of(0),
        sampler.numNoises === 1 ? [Float64Array.of(z)] : [Float64Array.of(0), Float64Array.of(z)],
      ).x[0]!;
    return Math.abs(call(1) - call(0));
  });
  const reach = Math.max(
    ...Array.from(
      { length: mixture.means.shape[0]! },
      (_, k) =>
        Math.abs(mixture.means.get(k, 0)) +
        REACH * Math.sqrt(Math.max(1, mixture.eigenvalues.get(k, 0))),
    ),
  );
  const n = Math.min(
    20_000,
    Math.max(2000, Math.ceil((6 * reach) / Math.min(...deviations.filter((s) => s > 0)))),
  );
  const grid = midpoints(-reach, reach, n);
  const inner =
    sampler.numNoises === 1
      ? { points: Float64Array.of(0), width: 1 }
      : midpoints(-REACH, REACH, INNER);
  const normal = (z: number): number => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);
  const weights =
    sampler.numNoises === 1 ? Float64Array.of(1) : inner.points.map((z) => normal(z) * inner.width);
  let mass: Float64Array = grid.points.map((x) => normal(x) * grid.width);
  rows.forEach((row, step) => {
    const alive = Array.from(mass.keys()).filter((i) => mass[i]! > 1e-18);
    const m = weights.length;
    const starts = Float64Array.from(
      { length: alive.length * m },
      (_, i) => grid.points[alive[Math.floor(i / m)]!]!,
    );
    const first = Float64Array.from({ length: alive.length * m }, (_, i) => inner.points[i % m]!);
    const still = new Float64Array(alive.length * m);
    const { x } = stepOnLine(
      sampler,
      model,
      row,
      starts,
      sampler.numNoises === 1 ? [still] : [first, still],
    );
    const moved = new Float64Array(n);
    x.forEach((place, i) => {
      deposit(
        moved,
        (place + reach) / grid.width - 0.5,
        mass[alive[Math.floor(i / m)]!]! * weights[i % m]!,
      );
    });
    mass = blurred(moved, deviations[step]! / grid.width);
  });
  const truth = toTypedArray(
    exp(mixtureLogDensity(mixture, array(grid.points, { shape: [n, 1] }), end)),
  );
  return mass.reduce((sum, q, i) => sum + Math.abs(q - truth[i]! * grid.width), 0) / 2;
}

/** Puts mass between grid points onto the four around it, so that its moments up to the third are kept. */
function deposit(grid: Float64Array, place: number, mass: number): void {
  const at = Math.floor(place);
  if (at < 1 || at + 2 >= grid.length) return;
  const f = place - at;
  grid[at - 1]! += (-mass * f * (f - 1) * (f - 2)) / 6;
  grid[at]! += (mass * (f + 1) * (f - 1) * (f - 2)) / 2;
  grid[at + 1]! += (-mass * (f + 1) * f * (f - 2)) / 2;
  grid[at + 2]! += (mass * (f + 1) * f * (f - 1)) / 6;
}

/** Mass on a grid after noise of a standard deviation given in cells. */
function blurred(mass: Float64Array, deviation: number): Float64Array {
  if (deviation === 0) return mass;
  const reach = Math.ceil(REACH * deviation);
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-0.5 * ((i - reach) / deviation) ** 2),
  );
  const total = kernel.reduce((a, b) => a + b, 0);
  const out = new Float64Array(mass.length);
  mass.forEach((value, i) => {
    if (Math.abs(value) < 1e-20) return;
    const share = value / total;
    const [from, to] = [Math.max(0, i - reach), Math.min(mass.length - 1, i + reach)];
    for (let j = from; j <= to; j++) out[j]! += share * kernel[j - i + reach]!;
  });
  return out;
}
