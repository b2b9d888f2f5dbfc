/** Logarithms and powers of the bases 2 and 10. */
import type { NdArray } from "../array/ndarray.js";
import { floatDType } from "../array/dtype.js";
import { within } from "../check/index.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { abs, add, div, neg, reciprocal, sub } from "./arithmetic.js";
import { equal, less, logicalAnd, where } from "./comparison.js";
import { log } from "./exponential.js";
import { pow } from "./power.js";
import { round } from "./rounding.js";
import { stopGradient } from "./stop-gradient.js";

/** The quotient of logarithms, made exact where `x` is a whole power of the base. */
function logarithm(fn: string, base: number, input: ArrayInput): NdArray {
  return within(fn, () => {
    const given = toArray(fn, input);
    const x = convert(given, floatDType(given.dtype));
    const quotient = div(log(x), Math.log(base));
    const nearest = round(quotient);
    // beyond these exponents the power is no number of the type
    const whole = logicalAnd(equal(powerOf(base, nearest), x), less(abs(nearest), 1100));
    return add(quotient, stopGradient(where(whole, sub(nearest, quotient), 0)));
  });
}

/** Powers of two are exact; powers of ten are, as far as there are such numbers, and their reciprocals are rounded once. */
function powerOf(base: number, n: NdArray): NdArray {
  const power = pow(base, n);
  return base === 2 ? power : where(less(n, 0), reciprocal(pow(base, neg(n))), power);
}

/**
 * The logarithm to the base 2, $\log_2 x$; exact for powers of two.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`; NaN below 0, −Infinity at 0
 * @example
 * ```ts
 * import { log2, toNested } from "@provably/core-tensor";
 *
 * toNested(log2([1, 8, 0.5])); // => [0, 3, -1]
 * ```
 * @category Exponential
 */
export function log2(x: ArrayInput): NdArray {
  return logarithm("log2", 2, x);
}

/**
 * The logarithm to the base 10, $\log_{10} x$; exact for powers of ten from $10^{-22}$ to $10^{22}$.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`; NaN below 0, −Infinity at 0
 * @example
 * ```ts
 * import { log10, toNested } from "@provably/core-tensor";
 *
 * toNested(log10([1, 1000])); // => [0, 3]
 * ```
 * @category Exponential
 */
export function log10(x: ArrayInput): NdArray {
  return logarithm("log10", 10, x);
}

/**
 * Two to the power of each element, $2^x$.
 *
 * @param x - any shape
 * @returns float array of the shape of `x`
 * @example
 * ```ts
 * import { exp2, toNested } from "@provably/core-tensor";
 *
 * toNested(exp2([0, 3, -1])); // => [1, 8, 0.5]
 * ```
 * @category Exponential
 */
export function exp2(x: ArrayInput): NdArray {
  return within("exp2", () => {
    const given = toArray("exp2", x);
    return pow(2, convert(given, floatDType(given.dtype)));
  });
}
