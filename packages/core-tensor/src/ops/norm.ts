/** Norms of vectors along axes. */
import { NONE, type Schema, checkOptions, oneOf, within, extended } from "../check/index.js";
import { floatDType } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { abs, div, mul, square } from "./arithmetic.js";
import {
  equal,
  greater,
  isFinite,
  less,
  logicalAnd,
  logicalNot,
  logicalOr,
  where,
} from "./comparison.js";
import { sqrt } from "./exponential.js";
import { max } from "./extremum.js";
import { REDUCE, type ReduceOptions, sum } from "./reduce.js";
import { reshape } from "./reshape.js";
import { stopGradient } from "./stop-gradient.js";

/**
 * Options of {@link norm}.
 * @category Reductions
 */
export interface NormOptions extends ReduceOptions {
  /** 2 for the Euclidean norm (the default), 1 for the sum of magnitudes, Infinity for the greatest magnitude. */
  readonly ord?: number;
}

const NORM: Schema<NormOptions> = /* @__PURE__ */ extended(REDUCE, {
  ord: /* @__PURE__ */ oneOf(1, 2, Infinity),
});

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
export function norm(x: ArrayInput, options: NormOptions = NONE): NdArray {
  const { ord = 2, ...over } = checkOptions("norm", options, NORM);
  const given = toArray("norm", x);
  return within("norm", () => {
    const a = convert(given, floatDType(given.dtype));
    if (ord === Infinity) return max(abs(a), over);
    if (ord === 1) return sum(abs(a), over);
    const unit = unitOf(a, over);
    const squares = sum(square(unit === undefined ? a : div(a, unit)), over);
    const atOrigin = equal(squares, 0);
    const length = where(atOrigin, 0, sqrt(where(atOrigin, 1, squares)));
    return unit === undefined ? length : mul(reshape(unit, length.shape), length);
  });
}

/** Magnitudes whose squares, and sums of very many of them, stay in the range of the type. */
const SAFE = { float32: [1e-12, 1e12], float64: [1e-100, 1e100] } as const;

/**
 * What the elements are measured in, reduced axes kept: their greatest magnitude where squares would leave the range of the type, else 1.
 * Undefined where there is no element.
 */
function unitOf(a: NdArray, over: ReduceOptions): NdArray | undefined {
  if (a.size === 0) return undefined;
  const greatest = max(abs(stopGradient(a)), { ...over, keepDims: true });
  const [least, most] = SAFE[a.dtype as "float32" | "float64"];
  const ordinary = logicalAnd(greater(greatest, least), less(greatest, most));
  // zero, infinity and NaN are what they are in any unit
  const odd = logicalOr(equal(greatest, 0), logicalNot(isFinite(greatest)));
  return where(logicalOr(ordinary, odd), 1, greatest);
}
