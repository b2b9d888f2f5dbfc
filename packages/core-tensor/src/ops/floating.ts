/** What the format of floating-point numbers is about: infinities, signs, closeness, whole quotients. */
import {
  NONE,
  type Schema,
  anyNumber,
  checkOptions,
  nonNegativeNumber,
  trueOrFalse,
  within,
} from "../check/index.js";
import { type DType, isFloat } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { DomainError } from "../errors.js";
import { convert, promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { abs, add, div, mod, mul, neg, reciprocal, sub } from "./arithmetic.js";
import {
  equal,
  greater,
  isFinite,
  isNan,
  less,
  lessEqual,
  logicalAnd,
  logicalOr,
  notEqual,
  where,
} from "./comparison.js";
import { floor } from "./rounding.js";

/** The greatest finite number; devices have no infinity to compare with. */
const LARGEST: Readonly<Partial<Record<DType, number>>> = {
  float32: 3.4028234663852886e38,
  float64: 1.7976931348623157e308,
};

/**
 * Whether each element is infinite, of either sign.
 *
 * @param x - any shape
 * @returns bool array of the shape of `x`
 * @example
 * ```ts
 * import { isInf, toNested } from "@provably/core-tensor";
 *
 * toNested(isInf([1, -Infinity, NaN])); // => [0, 1, 0]
 * ```
 * @category Comparison
 */
export function isInf(x: ArrayInput): NdArray {
  return within("isInf", () => {
    const a = toArray("isInf", x);
    return isFloat(a.dtype) ? greater(abs(a), LARGEST[a.dtype]!) : notEqual(a, a);
  });
}

/**
 * Whether each element is $+\infty$.
 *
 * @param x - any shape
 * @returns bool array of the shape of `x`
 * @example
 * ```ts
 * import { isPosInf, toNested } from "@provably/core-tensor";
 *
 * toNested(isPosInf([Infinity, -Infinity])); // => [1, 0]
 * ```
 * @category Comparison
 */
export function isPosInf(x: ArrayInput): NdArray {
  return within("isPosInf", () => {
    const a = toArray("isPosInf", x);
    return isFloat(a.dtype) ? greater(a, LARGEST[a.dtype]!) : notEqual(a, a);
  });
}

/**
 * Whether each element is $-\infty$.
 *
 * @param x - any shape
 * @returns bool array of the shape of `x`
 * @example
 * ```ts
 * import { isNegInf, toNested } from "@provably/core-tensor";
 *
 * toNested(isNegInf([Infinity, -Infinity])); // => [0, 1]
 * ```
 * @category Comparison
 */
export function isNegInf(x: ArrayInput): NdArray {
  return within("isNegInf", () => {
    const a = toArray("isNegInf", x);
    return isFloat(a.dtype) ? less(a, -LARGEST[a.dtype]!) : notEqual(a, a);
  });
}

/**
 * Options of {@link isClose}.
 * @category Comparison
 */
export interface IsCloseOptions {
  /** Default 1e-5. */
  readonly relativeTolerance?: number;
  /** Default 1e-8. */
  readonly absoluteTolerance?: number;
  /** Whether NaN is close to NaN; default false. */
  readonly equalNan?: boolean;
}

const IS_CLOSE: Schema<IsCloseOptions> = {
  relativeTolerance: nonNegativeNumber,
  absoluteTolerance: nonNegativeNumber,
  equalNan: trueOrFalse,
};

/**
 * Whether $|a - b| \le \text{absolute} + \text{relative} \cdot |b|$, element by element; infinities are close to themselves.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @param options - see {@link IsCloseOptions}
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { isClose, toNested } from "@provably/core-tensor";
 *
 * toNested(isClose([1, 2], [1.000001, 2.1], { absoluteTolerance: 0 })); // => [1, 0]
 * ```
 * @category Comparison
 */
export function isClose(a: ArrayInput, b: ArrayInput, options: IsCloseOptions = NONE): NdArray {
  const settings = checkOptions("isClose", options, IS_CLOSE);
  const { relativeTolerance = 1e-5, absoluteTolerance = 1e-8, equalNan = false } = settings;
  return within("isClose", () => {
    const [p, q] = promote("isClose", a, b);
    const [x, y] = isFloat(p.dtype) ? [p, q] : [convert(p, "float64"), convert(q, "float64")];
    const bound = add(mul(abs(y), relativeTolerance), absoluteTolerance);
    const near = logicalAnd(isFinite(y), lessEqual(abs(sub(x, y)), bound));
    const close = logicalOr(near, equal(x, y));
    return equalNan ? logicalOr(close, logicalAnd(isNan(x), isNan(y))) : close;
  });
}

/**
 * Options of {@link nanToNum}.
 * @category Comparison
 */
export interface NanToNumOptions {
  /** What stands for NaN; default 0. */
  readonly nan?: number;
  /** What stands for $+\infty$; default the largest finite number of the type. */
  readonly posInf?: number;
  /** What stands for $-\infty$; default the least finite number of the type. */
  readonly negInf?: number;
}

const NAN_TO_NUM: Schema<NanToNumOptions> = {
  nan: anyNumber,
  posInf: anyNumber,
  negInf: anyNumber,
};

/**
 * The elements with numbers in place of NaN and the infinities.
 *
 * @param x - any shape
 * @param options - see {@link NanToNumOptions}
 * @returns array of the shape and type of `x`
 * @example
 * ```ts
 * import { nanToNum, toNested } from "@provably/core-tensor";
 *
 * toNested(nanToNum([NaN, 1, -Infinity], { negInf: -9 })); // => [0, 1, -9]
 * ```
 * @category Comparison
 */
export function nanToNum(x: ArrayInput, options: NanToNumOptions = NONE): NdArray {
  const { nan = 0, posInf, negInf } = checkOptions("nanToNum", options, NAN_TO_NUM);
  return within("nanToNum", () => {
    const a = toArray("nanToNum", x);
    if (!isFloat(a.dtype)) return a;
    const most = LARGEST[a.dtype]!;
    const numbers = where(isNan(a), nan, a);
    const below = where(greater(a, most), posInf ?? most, numbers);
    return where(less(a, -most), negInf ?? -most, below);
  });
}

/** Whether the sign bit is set; of NaN it is not looked at. */
function isNegative(x: NdArray): NdArray {
  return logicalOr(less(x, 0), less(reciprocal(x), 0));
}

/**
 * The magnitude of `a` with the sign of `b`, the sign of −0 included.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`; NaN counts as positive
 * @returns array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { copysign, toNested } from "@provably/core-tensor";
 *
 * toNested(copysign([3, -3], [-1, 2])); // => [-3, 3]
 * ```
 * @category Arithmetic
 */
export function copysign(a: ArrayInput, b: ArrayInput): NdArray {
  return within("copysign", () => {
    const [x, y] = promote("copysign", a, b, true);
    const flips = notEqual(isNegative(x), isNegative(y));
    return where(flips, neg(x), add(x, broadcastZero(y)));
  });
}

/** Zeros that give their shape and nothing else. */
const broadcastZero = (y: NdArray): NdArray => where(equal(y, y), -0, -0);

/**
 * The step function: 0 below zero, 1 above, and `atZero` at zero.
 *
 * @param x - any shape; NaN stays NaN
 * @param atZero - any shape that broadcasts with that of `x`
 * @returns array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { heaviside, toNested } from "@provably/core-tensor";
 *
 * toNested(heaviside([-2, 0, 3], 0.5)); // => [0, 0.5, 1]
 * ```
 * @category Comparison
 */
export function heaviside(x: ArrayInput, atZero: ArrayInput): NdArray {
  return within("heaviside", () => {
    const [a, middle] = promote("heaviside", x, atZero, true, ["x", "atZero"]);
    const sides = where(greater(a, 0), 1, where(isNan(a), a, 0));
    return where(equal(a, 0), middle, sides);
  });
}

/**
 * Whether exactly one of two elements is non-zero.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns bool array of the broadcast shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { logicalXor, toNested } from "@provably/core-tensor";
 *
 * toNested(logicalXor([0, 1, 2], [1, 1, 0])); // => [1, 0, 1]
 * ```
 * @category Comparison
 */
export function logicalXor(a: ArrayInput, b: ArrayInput): NdArray {
  return within("logicalXor", () => {
    const [x, y] = [toArray("logicalXor", a, "a"), toArray("logicalXor", b, "b")];
    return notEqual(notEqual(x, 0), notEqual(y, 0));
  });
}

/**
 * The greatest integer not above the quotient, $\lfloor a / b \rfloor$, consistent with {@link mod}: $a = b \lfloor a/b \rfloor + \mathrm{mod}(a, b)$.
 *
 * @param a - any shape
 * @param b - any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of integers for integers; floats divided by 0 give what the quotient gives
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @throws {@link DomainError} when integers are divided by a number that is 0
 * @example
 * ```ts
 * import { floorDivide, toNested } from "@provably/core-tensor";
 *
 * toNested(floorDivide([7, -7], 2)); // => [3, -4]
 * ```
 * @category Arithmetic
 */
export function floorDivide(a: ArrayInput, b: ArrayInput): NdArray {
  return within("floorDivide", () => {
    if (b === 0 && typeof a === "object" && !isFloat(toArray("floorDivide", a, "a").dtype))
      throw new DomainError("floorDivide: b must not be 0 for integers");
    const [p, q] = promote("floorDivide", a, b);
    const [x, y] = [convert(p, "float64"), convert(q, "float64")];
    const quotient = div(x, y);
    // whole but for its rounding; half way, where a difference was rounded up, the lower one is right
    const near = div(sub(x, mod(x, y)), y);
    const low = floor(near);
    const whole = where(greater(sub(near, low), 0.5), add(low, 1), low);
    // a zero divisor or an infinity: the quotient says it all
    const settled = logicalAnd(isFinite(quotient), notEqual(y, 0));
    const signed = where(equal(whole, 0), copysignZero(quotient), whole);
    return convert(
      where(logicalAnd(settled, isFinite(y)), signed, infiniteCase(x, y, quotient)),
      p.dtype,
    );
  });
}

/** 0 with the sign of the quotient. */
const copysignZero = (quotient: NdArray): NdArray => mul(quotient, 0);

/** What division by infinity and by zero gives: the quotient, but −1 where a number is divided by an infinity of the other sign. */
function infiniteCase(x: NdArray, y: NdArray, quotient: NdArray): NdArray {
  const opposite = notEqual(less(x, 0), less(y, 0));
  const beyond = logicalAnd(
    logicalAnd(isInf(y), isFinite(x)),
    logicalAnd(opposite, notEqual(x, 0)),
  );
  return where(beyond, -1, quotient);
}
