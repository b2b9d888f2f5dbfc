/** Normalising each channel over a batch, or by statistics that earlier batches left. */
import {
  type Schema,
  anything,
  checkOptions,
  numberIn,
  trueOrFalse,
  within,
  extended,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sizeOf } from "../array/shape.js";
import { floatDType } from "../array/dtype.js";
import { DomainError, ShapeError } from "../errors.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add, mul, sub } from "./arithmetic.js";
import { ones, zeros } from "./create.js";
import { rsqrt } from "./exponential.js";
import { mean, variance } from "./moments.js";
import { NORMALIZATION, type NormalizationOptions, scaleAndShift } from "./normalization.js";
import { reshape } from "./reshape.js";
import { stopGradient } from "./stop-gradient.js";

/**
 * Mean and variance of each channel, shapes `[C]`.
 * @category Networks
 */
export interface ChannelStatistics<A = NdArray> {
  /** Mean of each channel. */
  readonly mean: A;
  /** Variance of each channel. */
  readonly variance: A;
}

/**
 * Options of {@link batchNorm}.
 * @category Networks
 */
export interface BatchNormOptions extends NormalizationOptions {
  /** What earlier batches left; default mean 0 and variance 1 in training. Needed where `training` is false. */
  readonly running?: ChannelStatistics<ArrayInput>;
  /** Normalise by the batch itself, and move `running` towards it (true, the default); or normalise by `running`. */
  readonly training?: boolean;
  /** Weight of the new batch in what is left for the next, from 0 to 1; default 0.1. */
  readonly momentum?: number;
}

const FN = "batchNorm";
const BATCH_NORM: Schema<BatchNormOptions> = /* @__PURE__ */ extended(NORMALIZATION, {
  running: anything,
  training: trueOrFalse,
  momentum: /* @__PURE__ */ numberIn(0, 1),
});

/**
 * Each channel with mean 0 and variance 1 over the batch and all places, $\frac{x - \mu_c}{\sqrt{\sigma_c^2 + \varepsilon}}\,g_c + b_c$; in inference
 * by the statistics that training left.
 *
 * In training $\sigma^2$ divides by the number of values, as the derivative passes through both; what is left for the next batch,
 * $(1 - m)\,r + m\,\sigma^2 n/(n - 1)$, is the unbiased one, as in PyTorch, and carries no derivative.
 *
 * @param x - shape `[N, C, …]`
 * @param options - see {@link BatchNormOptions}; `scale` and `shift` of shape `[C]`
 * @returns `y`, float array of the shape of `x`, and `running`, to be given to the next call
 * @throws {@link ShapeError} when `x` has fewer than two axes, or statistics, `scale` or `shift` do not fit
 * @throws {@link DomainError} in training, when a channel has fewer than two values; in inference, without `running`
 * @example
 * ```ts
 * import { array, batchNorm, toNested } from "@provably/core-tensor";
 *
 * const { y, running } = batchNorm([[1], [3]], { epsilon: 0, momentum: 0.5 });
 * toNested(y); // => [[-1], [1]]
 * toNested(running.mean); // => [1]
 * toNested(batchNorm([[1], [3]], { running, training: false, epsilon: 2.5 }).y); // => [[0], [1]]
 * ```
 * @see Ioffe, Szegedy (2015), "Batch normalization"
 * @category Networks
 */
export function batchNorm(
  x: ArrayInput,
  options: BatchNormOptions = {},
): { readonly y: NdArray; readonly running: ChannelStatistics } {
  const settings = checkOptions(FN, options, BATCH_NORM);
  const { epsilon = 1e-5, training = true, momentum = 0.1, running } = settings;
  const given = toArray(FN, x);
  const a = convert(given, floatDType(given.dtype));
  const [n, channels, ...places] = a.shape;
  if (n === undefined || channels === undefined)
    throw new ShapeError(`${FN}: x must be [N, C, …], got ${formatShape(a.shape)}`);
  const before = running && statistics(running, channels, a);
  const perChannel = [channels, ...places.map(() => 1)];
  const normalized = ({ mean: m, variance: v }: ChannelStatistics): NdArray => {
    const y = mul(sub(a, reshape(m, perChannel)), rsqrt(add(reshape(v, perChannel), epsilon)));
    return scaleAndShift(FN, y, settings, channels, perChannel);
  };
  if (!training) {
    if (before === undefined)
      throw new DomainError(`${FN}: running must be given where training is false`);
    return within(FN, () => ({ y: normalized(before), running: before }));
  }
  const count = n * sizeOf(places);
  if (count < 2)
    throw new DomainError(
      `${FN}: training needs at least two values a channel, got ${count} in shape ${formatShape(a.shape)}`,
    );
  const axis = [0, ...places.map((_, i) => i + 2)];
  return within(FN, () => {
    const batch = { mean: mean(a, { axis }), variance: variance(a, { axis }) };
    const first = before ?? {
      mean: zeros([channels], { dtype: a.dtype }),
      variance: ones([channels], { dtype: a.dtype }),
    };
    const moved = (old: NdArray, now: NdArray, factor: number): NdArray =>
      add(mul(1 - momentum, old), mul(momentum * factor, stopGradient(now)));
    return {
      y: normalized(batch),
      running: {
        mean: moved(first.mean, batch.mean, 1),
        variance: moved(first.variance, batch.variance, count / (count - 1)),
      },
    };
  });
}

function statistics(
  running: ChannelStatistics<ArrayInput>,
  channels: number,
  x: NdArray,
): ChannelStatistics {
  const list = (name: "mean" | "variance"): NdArray => {
    const input = (running as Partial<typeof running> | null)?.[name];
    if (input === undefined)
      throw new DomainError(`${FN}: running must have mean and variance, ${name} is missing`);
    const s = convert(toArray(FN, input, `running.${name}`), x.dtype);
    if (s.shape.length !== 1 || s.shape[0] !== channels)
      throw new ShapeError(
        `${FN}: running.${name} must have shape [${channels}], got ${formatShape(s.shape)}`,
      );
    return s;
  };
  return { mean: list("mean"), variance: list("variance") };
}
