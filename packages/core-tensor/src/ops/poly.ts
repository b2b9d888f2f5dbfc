/** Polynomials by their coefficients. */
import { within } from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { convert, promote } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { add, mul } from "./arithmetic.js";
import { reshape } from "./reshape.js";
import { sliceAxis } from "./slice.js";

/**
 * The values of a polynomial, $\sum_i p_i x^{n - 1 - i}$, by Horner's rule.
 *
 * @param p - coefficients, that of the highest power first, shape `[n]`
 * @param x - where, any shape
 * @returns float array of the shape of `x`
 * @throws {@link ShapeError} when the coefficients are no list
 * @example
 * ```ts
 * import { polyval, toNested } from "@provably/core-tensor";
 *
 * toNested(polyval([2, 0, 1], [0, 1, 3])); // => [1, 3, 19]
 * ```
 * @category Calculus
 */
export function polyval(p: ArrayInput, x: ArrayInput): NdArray {
  const [coefficients, given] = promote("polyval", p, x, true, ["p", "x"]);
  if (coefficients.shape.length !== 1)
    throw new ShapeError(`polyval: p must be a list, got shape ${formatShape(coefficients.shape)}`);
  return within("polyval", () => {
    const places = convert(given, floatDType(given.dtype));
    let y = mul(places, 0);
    for (let i = 0; i < coefficients.size; i++)
      y = add(mul(y, places), reshape(sliceAxis(coefficients, 0, i, i + 1), []));
    return y;
  });
}
