/** Whether a model removes the right amount of noise: the network itself, held against clean examples at every level. */
import {
  type ArrayInput,
  type Certificate,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  mean,
  mul,
  reshape,
  sign,
  sub,
  sum,
  take,
  toTypedArray,
} from "@provably/core-tensor";
import {
  abortSignal,
  anyList,
  certificate,
  check,
  checkOptions,
  type Guard,
  positiveNumber,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { type Process, drive, driveAsync } from "../sampler/drive.js";
import { type NoiseLevel, addNoise, checkLevel, levelOfLambda } from "../schedule/level.js";
import { trainedLambdas } from "../schedule/training.js";
import { type AsyncModel, type Model, checkModel } from "../score/prediction.js";

/**
 * Options of {@link certifyScore} and {@link certifyScoreAsync}.
 * @category Certificates
 */
export interface CertifyScoreOptions {
  /** Noise levels to look at; default eight from the cleanest to the noisiest step of the training, or $\sigma/\alpha$ from 0.02 to 50, evenly in its logarithm. */
  readonly levels?: readonly NoiseLevel[];
  /** Noisy points at each level; examples are used more than once where there are fewer. Default 40,000 numbers, from 64 to 4096 points. */
  readonly numSamples?: number;
  /** Share by which the predicted noise may be too large or too small; default 0.1. */
  readonly tolerance?: number;
  /** Stops between two levels, and {@link certifyScoreAsync} while it waits for the model. */
  readonly signal?: AbortSignal;
}

const OPTIONS = {
  levels: anyList as Guard<readonly NoiseLevel[]>,
  numSamples: wholeNumber(2),
  tolerance: positiveNumber,
  signal: abortSignal,
};

/** A step aside, as a share of the noise, for differences: long enough for float32, short against the blur. */
const STEP = 0.1;
const F64 = { dtype: "float64" } as const;

/** By how much the predicted noise is too large at a level, as a share, and the standard error of that. */
interface Excess {
  readonly share: number;
  readonly error: number;
}

/**
 * A certificate that a model takes out as much noise as is there, on clean examples at every noise level.
 *
 * The noise $\hat\varepsilon$ that an exact score predicts at $y = \alpha x_0 + \sigma\varepsilon$ obeys three rules, whatever the data: what it misses is orthogonal to
 * it, $\mathbb E\langle\varepsilon - \hat\varepsilon, \hat\varepsilon\rangle = 0$; and by parts $\mathbb E\langle\hat\varepsilon, y - \mathbb E y\rangle = \sigma d$ and
 * $\mathbb E\|\hat\varepsilon\|^2 = \sigma\,\mathbb E\,\nabla\!\cdot\hat\varepsilon$. Each says by what share $\hat\varepsilon$ is too large; the one with the smallest
 * standard error is taken. Two evaluations a point. A network that is asked about another level than the one meant (steps counted from 1, another schedule, no step at all), whose
 * prediction is of another kind, or that was trained on data of another scale fails.
 *
 * The value is the greatest share over levels. It fails where a level is beyond the tolerance by four standard errors; it is undecided where the examples are too few to tell.
 *
 * @param model - exact score or network
 * @param data - clean examples like those of the training, not of it, shape `[N, …]`, N ≥ 2
 * @param key - random key
 * @param options - see {@link CertifyScoreOptions}
 * @returns certificate with the greatest share by which the predicted noise is too large or too small
 * @throws `DomainError` when an option is out of range or the model returns NaN
 * @throws `ShapeError` when the data have no rows
 * @example
 * ```ts
 * import { mul } from "@provably/core-tensor";
 * import { key, normal } from "@provably/core-tensor/random";
 * import { certifyScore, gaussian } from "@provably/score-diffusion";
 *
 * const distribution = gaussian({ mean: [0, 0], covariance: [[1, 0], [0, 1]] });
 * const data = normal(key(0), [4000, 2], { dtype: "float64" });
 * certifyScore(distribution, data, key(1)).holds; // => true
 * const loud = { prediction: "score", evaluate: (x, level) => mul(1.5, distribution.evaluate(x, level)) };
 * certifyScore(loud, data, key(1)).verdict; // => "fails"
 * ```
 * @see Hyvärinen (2005), "Estimation of non-normalized statistical models by score matching", theorem 1
 * @category Certificates
 */
export function certifyScore(
  model: Model,
  data: ArrayInput,
  key: RngKey,
  options: CertifyScoreOptions = {},
): Certificate {
  const fn = "certifyScore";
  return drive(fn, checkModel(fn, model), process(fn, model, data, key, options));
}

/**
 * {@link certifyScore} for a model that answers later.
 *
 * @param model - network whose `evaluate` returns a promise
 * @param data - clean examples, shape `[N, …]`
 * @param key - random key
 * @param options - see {@link CertifyScoreOptions}
 * @returns promise of the certificate
 * @throws `DomainError` when an option is out of range or the model returns NaN
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { certifyScoreAsync, gaussian } from "@provably/score-diffusion";
 *
 * const distribution = gaussian({ mean: [0], covariance: [[1]] });
 * const later = { prediction: distribution.prediction, evaluate: async (x, level) => distribution.evaluate(x, level) };
 * (await certifyScoreAsync(later, normal(key(0), [4000, 1]), key(1))).holds; // => true
 * ```
 * @category Certificates
 */
export async function certifyScoreAsync(
  model: AsyncModel,
  data: ArrayInput,
  key: RngKey,
  options: CertifyScoreOptions = {},
): Promise<Certificate> {
  const fn = "certifyScoreAsync";
  checkModel(fn, model);
  const { signal } = checkOptions<CertifyScoreOptions>(fn, options, OPTIONS);
  return driveAsync(fn, model, process(fn, model, data, key, options), signal);
}

function* process(
  fn: string,
  model: Model | AsyncModel,
  data: ArrayInput,
  key: RngKey,
  options: CertifyScoreOptions,
): Process<Certificate> {
  const x0 = asType(data, "float64");
  const [n = 0, ...rest] = x0.shape;
  const d = rest.reduce((a, b) => a * b, 1);
  if (rest.length === 0 || n < 2 || d === 0)
    throw new ShapeError(`${fn}: data must be [N ≥ 2, …], got [${x0.shape.join(", ")}]`);
  const {
    levels = defaultLevels(model),
    numSamples = Math.min(4096, Math.max(64, Math.ceil(40_000 / d))),
    tolerance = 0.1,
    signal,
  } = checkOptions<CertifyScoreOptions>(fn, options, OPTIONS);
  check(fn, "key", key, rngKey);
  levels.forEach((level, i) => {
    check(fn, `levels[${i}].sigma`, checkLevel(fn, level, `levels[${i}]`).sigma, positiveNumber);
  });
  const rows = array(
    Int32Array.from({ length: numSamples }, (_, i) => i % n),
    { dtype: "int32" },
  );
  const clean = take(x0, rows, { axis: 0 });
  let worst = { share: 0, error: 0, ratio: 0 };
  let [fails, unsure] = [false, 0];
  for (const [i, level] of levels.entries()) {
    signal?.throwIfAborted();
    const noise = normal(foldIn(key, i), clean.shape, F64);
    const y = addNoise(clean, noise, level);
    const eps = yield { x: y, level, want: "eps", where: `at level ${i}` };
    // a step aside in random directions, for the divergence
    const aside = mul(STEP * level.sigma, sign(normal(foldIn(key, `aside ${i}`), y.shape, F64)));
    const there = yield { x: add(y, aside), level, want: "eps", where: `at level ${i}` };
    const found = excessOf({ eps, there, aside, noise, y }, level, Math.min(n, numSamples));
    if (Math.abs(found.share) > Math.abs(worst.share) || i === 0)
      worst = { ...found, ratio: level.sigma / level.alpha };
    if (Math.abs(found.share) - 4 * found.error > tolerance) fails = true;
    if (found.error > tolerance / 2 || Math.abs(found.share) > tolerance + 2 * found.error)
      unsure++;
  }
  return certificate({
    claim: "greatest share by which the predicted noise is too large or too small at a level",
    kind: "statistical",
    value: Math.abs(worst.share),
    expected: [0, tolerance],
    tolerance,
    verdict: fails ? "fails" : unsure > 0 ? "undecided" : "holds",
    note: `${levels.length} levels, ${numSamples} points each from ${n} examples; worst at sigma/alpha = ${worst.ratio.toPrecision(3)}: ${worst.share.toPrecision(2)} ± ${worst.error.toPrecision(1)}${unsure > 0 && !fails ? `; too few examples for ${unsure} levels` : ""}; sees the size of the predicted noise, not errors across it`,
  });
}

function defaultLevels(model: Model | AsyncModel): NoiseLevel[] {
  const [noisiest, cleanest] = trainedLambdas(model);
  const [low, high] = [Math.max(noisiest, -Math.log(50)), Math.min(cleanest, Math.log(50))];
  return Array.from({ length: 8 }, (_, i) => levelOfLambda(high + (i * (low - high)) / 7));
}

/** The estimate with the smallest error of the three, over examples: noises of one example are averaged first. */
function excessOf(
  seen: Readonly<Record<"eps" | "there" | "aside" | "noise" | "y", NdArray>>,
  { sigma }: NoiseLevel,
  examples: number,
): Excess {
  const n = seen.y.shape[0]!;
  const rows = (x: NdArray): NdArray => reshape(x, [n, x.size / n]);
  const [predicted, noise, aside] = [rows(seen.eps), rows(seen.noise), rows(seen.aside)];
  const centred = rows(sub(seen.y, mean(seen.y, { axis: 0, keepDims: true })));
  const turned = sub(rows(seen.there), predicted);
  const dots = (a: NdArray, b: NdArray): Float64Array =>
    averaged(toTypedArray(sum(mul(a, b), { axis: 1 })) as Float64Array, examples);
  const d = predicted.shape[1]!;
  const squares = dots(predicted, predicted);
  const unit = new Float64Array(examples).fill(sigma * d);
  // σ ∇·ε̂ from a step aside by h: ⟨ε̂(y + h) − ε̂(y), h⟩ / ‖h‖² for each coordinate
  const growth = dots(turned, aside).map((value) => value / (STEP * STEP * sigma));
  const excess = (part: Float64Array): Float64Array => squares.map((value, i) => value - part[i]!);
  const estimates = [
    ratioOf(dots(sub(predicted, noise), predicted), squares),
    ratioOf(excess(growth), growth),
    ratioOf(
      dots(predicted, centred).map((value) => value - sigma * d),
      unit,
    ),
  ];
  return estimates.reduce((a, b) => (b.error < a.error ? b : a));
}

function averaged(values: Float64Array, examples: number): Float64Array {
  const [sums, counts] = [new Float64Array(examples), new Float64Array(examples)];
  for (let i = 0; i < values.length; i++) {
    sums[i % examples]! += values[i]!;
    counts[i % examples]!++;
  }
  return sums.map((value, i) => value / counts[i]!);
}

/** The ratio of two means over the same examples, and its standard error. */
function ratioOf(above: Float64Array, below: Float64Array): Excess {
  const n = above.length;
  const average = (x: Float64Array): number => x.reduce((a, b) => a + b, 0) / n;
  const bottom = average(below);
  const share = average(above) / bottom;
  let squares = 0;
  for (let i = 0; i < n; i++) squares += (above[i]! - share * below[i]!) ** 2;
  const error = Math.sqrt(squares / (n * (n - 1))) / Math.abs(bottom);
  return Number.isFinite(error) ? { share, error } : { share: 0, error: Infinity };
}
