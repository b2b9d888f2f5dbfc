/** Operators of grey images on images of several channels. */
import { type NdArray, ShapeError, reshape } from "@provably/core-tensor";
import { check, wholeNumber } from "@provably/core-tensor/internal";
import {
  type LinearOperator,
  type Operator,
  batchOf,
  checkOperator,
  isLinear,
  linearize,
  spectralArguments,
} from "./operator.js";

/**
 * An operator on every channel of an image by itself: points are `[n, C · d]`, channel after channel, and so are measurements.
 *
 * A linear operator stays one, with its adjoint, its norm and its function of the spectrum; the cost is that of $C$ images.
 *
 * @param operator - operator of one channel, $d$ numbers to $m$
 * @param channels - $C$, such as 3 for colour
 * @returns operator from `[n, C · d]` to `[n, C · m]`
 * @throws `DomainError` when `operator` is none, or `channels` is no whole number ≥ 1
 * @throws `ShapeError` when it is given points of another size
 * @example
 * ```ts
 * import { blur, gaussianKernel, perChannel } from "@provably/score-diffusion";
 *
 * perChannel(blur({ height: 8, width: 8, kernel: gaussianKernel(5, 1) }), 3).inputSize; // => 192
 * ```
 * @category Forward models
 */
export function perChannel(operator: LinearOperator, channels: number): LinearOperator;
export function perChannel(operator: Operator, channels: number): Operator;
export function perChannel(operator: Operator, channels: number): Operator {
  const fn = "perChannel";
  const { inputSize, outputSize, name, norm } = checkOperator(fn, operator);
  check(fn, "channels", channels, wholeNumber(1));
  const [d, m] = [channels * inputSize, channels * outputSize];
  const split = (what: string, x: NdArray, size: number): NdArray =>
    reshape(batchOf(fn, what, x, channels * size), [x.shape[0]! * channels, size]);
  const joined = (x: NdArray, size: number): NdArray => {
    if (x.size % (channels * size) !== 0)
      throw new ShapeError(`${fn}: ${name} must return [n, ${size}], got [${x.shape.join(", ")}]`);
    return reshape(x, [x.size / (channels * size), channels * size]);
  };
  const apply = (x: NdArray): NdArray =>
    joined(operator.apply(split("x", x, inputSize)), outputSize);
  const base = { name: `${name} × ${channels}`, inputSize: d, outputSize: m, norm, apply };
  if (!isLinear(operator))
    return {
      ...base,
      vjp(x) {
        const [value, back] = linearize(operator, split("x", x, inputSize));
        return [
          joined(value, outputSize),
          (cotangent) => joined(back(split("cotangent", cotangent, outputSize)), inputSize),
        ];
      },
    };
  const linear: LinearOperator = {
    ...base,
    adjoint: (y) => joined(operator.adjoint(split("y", y, outputSize)), inputSize),
  };
  const spectrum = operator.normalFunction;
  if (spectrum === undefined) return linear;
  const whole: LinearOperator = {
    ...linear,
    normalFunction(f, v) {
      const points = spectralArguments(fn, f, v, d);
      return joined(spectrum.call(operator, f, split("v", points, inputSize)), inputSize);
    },
  };
  return whole;
}
