/** Sensors that see no more than so much light. */
import { DomainError, type NdArray, clip, less, mul } from "@provably/core-tensor";
import {
  check,
  finiteNumber,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Operator, batchOf } from "./operator.js";

const OPTIONS = recordOf({
  size: wholeNumber(1),
  scale: optional(positiveNumber),
  low: optional(finiteNumber),
  high: optional(finiteNumber),
});

/**
 * Options of {@link saturation}.
 * @category Forward models
 */
export interface SaturationOptions {
  /** Numbers in a point. */
  readonly size: number;
  /** Factor of the light, default 2. */
  readonly scale?: number;
  /** Least value of the sensor, default −1. */
  readonly low?: number;
  /** Greatest value of the sensor, default 1. */
  readonly high?: number;
}

/**
 * Saturation, the forward model of high dynamic range: $\min(\max(s x, l), h)$ for every number by itself.
 *
 * Its derivative is $s$ strictly inside $(l, h)$ and 0 elsewhere: what is saturated pulls on nothing.
 *
 * @param options - see {@link SaturationOptions}
 * @returns operator on points `[n, size]`
 * @throws `DomainError` when an option is out of range, or `low` is not below `high`
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { saturation } from "@provably/score-diffusion";
 *
 * toNested(saturation({ size: 3 }).apply([[-2, 0.25, 0.75]])); // => [[-1, 0.5, 1]]
 * ```
 * @category Forward models
 */
export function saturation(options: SaturationOptions): Operator {
  const fn = "saturation";
  const { size, scale = 2, low = -1, high = 1 } = check(fn, "options", options, OPTIONS);
  if (!(low < high))
    throw new DomainError(`${fn}: options.low must be below options.high, got ${low} and ${high}`);
  const scaled = (x: NdArray): NdArray => mul(scale, batchOf(fn, "x", x, size));
  return {
    name: "saturation",
    inputSize: size,
    outputSize: size,
    norm: scale,
    apply: (x) => clip(scaled(x), low, high),
    vjp(x) {
      const raw = scaled(x);
      const inside = mul(less(low, raw), less(raw, high));
      return [clip(raw, low, high), (cotangent) => mul(mul(scale, inside), cotangent)];
    },
  };
}
