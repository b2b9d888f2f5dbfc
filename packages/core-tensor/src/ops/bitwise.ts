/** Arithmetic on the bits of integers. */
import { type DType, allocate, isFloat } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { broadcastShapes, broadcastStrides, sizeOf } from "../array/shape.js";
import { DTypeError } from "../errors.js";
import { mapStrided } from "../exec/js/elementwise.js";
import { bindOne } from "../trace/bind.js";
import { promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";

/** A primitive on 32-bit words; narrower types keep their lowest bits. */
function bits(name: string, f: (a: number, b: number) => number): Primitive {
  return {
    name,
    shape(inputs) {
      const shapes = inputs.map((x) => x.shape);
      return [{ shape: broadcastShapes(name, shapes), dtype: inputs[0]!.dtype }];
    },
    evaluate(inputs, _attrs, [out]) {
      const data = allocate(out!.dtype, sizeOf(out!.shape));
      const operands = inputs.map((x) => ({
        data: rowMajorData(x),
        stride: broadcastStrides(x.shape, stepsOf(x.shape), out!.shape),
        offset: 0,
      }));
      mapStrided(f, out!.shape, operands, data);
      return [dense<DType>(data, out!.dtype, out!.shape)];
    },
    derivative: { kind: "none" },
    batching: { kind: "elementwise" },
  };
}

const stepsOf = (shape: readonly number[]): number[] =>
  shape.map((_, i) => sizeOf(shape.slice(i + 1)));

function integers(fn: string, x: NdArray, argument: string, allowBool = true): NdArray {
  if (isFloat(x.dtype) || (!allowBool && x.dtype === "bool"))
    throw new DTypeError(
      `${fn}: ${argument} must hold integers, got ${x.dtype}; convert with asType(…, "int32")`,
    );
  return x;
}

/** Lists of whole numbers are meant as integers. */
function whole(fn: string, x: ArrayInput, argument: string): ArrayInput {
  if (!Array.isArray(x)) return x;
  const listed = toArray(fn, x, argument);
  const numbers = rowMajorData(listed as never) as ArrayLike<number>;
  if (Array.from(numbers).every((v) => Number.isInteger(v) && Math.abs(v) < 2 ** 24)) {
    const data = Int32Array.from(numbers);
    return listed.dtype === "bool" ? listed : dense<DType>(data, "int32", listed.shape);
  }
  return listed;
}

function apply(primitive: Primitive, a: ArrayInput, b: ArrayInput, allowBool = true): NdArray {
  const fn = primitive.name;
  const [x, y] = promote(fn, whole(fn, a, "a"), whole(fn, b, "b"));
  return bindOne(
    primitive,
    [integers(fn, x, "a", allowBool), integers(fn, y, "b", allowBool)],
    undefined,
  );
}

const andPrimitive = /* @__PURE__ */ bits("bitwiseAnd", (a, b) => a & b);
const orPrimitive = /* @__PURE__ */ bits("bitwiseOr", (a, b) => a | b);
const xorPrimitive = /* @__PURE__ */ bits("bitwiseXor", (a, b) => a ^ b);
const notPrimitive = /* @__PURE__ */ bits("bitwiseNot", (a) => ~a);
// shifts by the width or more move every bit out
const leftPrimitive = /* @__PURE__ */ bits("leftShift", (a, b) => (b >= 0 && b < 32 ? a << b : 0));
const rightPrimitive = /* @__PURE__ */ bits(
  "rightShift",
  (a, b) => a >> (b >= 0 && b < 32 ? b : 31),
);

/**
 * The bits that are set in both of two integers.
 *
 * @param a - integers or bool, any shape
 * @param b - integers or bool, any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link DTypeError} for floats
 * @example
 * ```ts
 * import { bitwiseAnd, toNested } from "@provably/core-tensor";
 *
 * toNested(bitwiseAnd([6, 5], 3)); // => [2, 1]
 * ```
 * @category Bits
 */
export function bitwiseAnd(a: ArrayInput, b: ArrayInput): NdArray {
  return apply(andPrimitive, a, b);
}

/**
 * The bits that are set in at least one of two integers.
 *
 * @param a - integers or bool, any shape
 * @param b - integers or bool, any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link DTypeError} for floats
 * @example
 * ```ts
 * import { bitwiseOr, toNested } from "@provably/core-tensor";
 *
 * toNested(bitwiseOr([6, 4], 1)); // => [7, 5]
 * ```
 * @category Bits
 */
export function bitwiseOr(a: ArrayInput, b: ArrayInput): NdArray {
  return apply(orPrimitive, a, b);
}

/**
 * The bits that are set in exactly one of two integers.
 *
 * @param a - integers or bool, any shape
 * @param b - integers or bool, any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link DTypeError} for floats
 * @example
 * ```ts
 * import { bitwiseXor, toNested } from "@provably/core-tensor";
 *
 * toNested(bitwiseXor([6, 4], 5)); // => [3, 1]
 * ```
 * @category Bits
 */
export function bitwiseXor(a: ArrayInput, b: ArrayInput): NdArray {
  return apply(xorPrimitive, a, b);
}

/**
 * Every bit the other way round: $-x - 1$ for signed integers.
 *
 * @param x - integers, any shape
 * @returns array of the shape and type of `x`
 * @throws {@link DTypeError} for floats, and for bool, of which `logicalNot` is meant
 * @example
 * ```ts
 * import { bitwiseNot, toNested } from "@provably/core-tensor";
 *
 * toNested(bitwiseNot([0, 5])); // => [-1, -6]
 * ```
 * @category Bits
 */
export function bitwiseNot(x: ArrayInput): NdArray {
  const a = toArray("bitwiseNot", whole("bitwiseNot", x, "x"), "x", "int32");
  return bindOne(notPrimitive, [integers("bitwiseNot", a, "x", false)], undefined);
}

/**
 * The bits moved up by `b` places: $a \cdot 2^b$, wrapped to the type; 0 from the width of 32 bits on.
 *
 * @param a - integers, any shape
 * @param b - integers ≥ 0, any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link DTypeError} for floats and bool
 * @example
 * ```ts
 * import { leftShift, toNested } from "@provably/core-tensor";
 *
 * toNested(leftShift([1, 3], 2)); // => [4, 12]
 * ```
 * @category Bits
 */
export function leftShift(a: ArrayInput, b: ArrayInput): NdArray {
  return apply(leftPrimitive, a, b, false);
}

/**
 * The bits moved down by `b` places, the sign kept: $\lfloor a / 2^b \rfloor$.
 *
 * @param a - integers, any shape
 * @param b - integers ≥ 0, any shape that broadcasts with that of `a`
 * @returns array of the broadcast shape, of the type in which the two meet
 * @throws {@link DTypeError} for floats and bool
 * @example
 * ```ts
 * import { rightShift, toNested } from "@provably/core-tensor";
 *
 * toNested(rightShift([12, -5], 2)); // => [3, -2]
 * ```
 * @category Bits
 */
export function rightShift(a: ArrayInput, b: ArrayInput): NdArray {
  return apply(rightPrimitive, a, b, false);
}
