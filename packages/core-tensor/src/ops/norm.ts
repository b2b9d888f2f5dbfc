/** Norms of vectors along axes. */
import { type Schema, checkOptions, oneOf, within } from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { abs, square } from "./arithmetic.js";
import { equal, where } from "./comparison.js";
import { sqrt } from "./exponential.js";
import { max } from "./extremum.js";
import { REDUCE, type ReduceOptions, sum } from "./reduce.js";

/**
 * Options of {@link norm}.
 * @category Reductions
 */
export interface NormOptions extends ReduceOptions {
  /** 2 for the Euclidean norm (the default), 1 for the sum of magnitudes, Infinity for the greatest magnitude. */
  readonly ord?: number;
}

const NORM: Schema<NormOptions> = { ...REDUCE, ord: oneOf(1, 2, Infinity) };

/**
 * The norm of the elements over the given axes, as of one vector: $\|x\|_2$, $\|x\|_1$ or $\|x\|_\infty$. The derivative at 0 is 0.
 *
 * @param x - any shape
 * @param options - see {@link NormOptions}
 * @returns float array without the reduced axes
 * @throws {@link DomainError} for another `ord`
 * @example
 * ```ts
 * import { item, norm } from "@provably/core-tensor";
 *
 * item(norm([3, 4])); // => 5
 * ```
 * @category Reductions
 */
export function norm(x: ArrayInput, options: NormOptions = {}): NdArray {
  const { ord = 2, ...over } = checkOptions("norm", options, NORM);
  const given = toArray("norm", x);
  return within("norm", () => {
    const a = convert(given, floatDType(given.dtype));
    if (ord === Infinity) return max(abs(a), over);
    if (ord === 1) return sum(abs(a), over);
    const squares = sum(square(a), over);
    const atOrigin = equal(squares, 0);
    return where(atOrigin, 0, sqrt(where(atOrigin, 1, squares)));
  });
}
