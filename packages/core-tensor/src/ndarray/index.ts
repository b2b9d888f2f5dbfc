/**
 * The bridge to scijs: genuine `ndarray` objects out of arrays, and strided copies by `ndarray-ops`.
 *
 * These two libraries build their loops with `new Function`, which a strict content-security policy forbids; that is why they live behind an entry
 * of their own. Passing scijs arrays *into* functions needs no bridge.
 *
 * @packageDocumentation
 */
import { anyRecord, check, show } from "../check/index.js";
import scijs, { type NdArray as ScijsArray } from "ndarray";
import ops from "ndarray-ops";
import { type TypedArray, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { DTypeError, ShapeError } from "../errors.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";

/**
 * A genuine scijs `ndarray` with a copy of the elements, row-major. Writing into it changes nothing else.
 *
 * @param x - any array
 * @returns `ndarray` of the shape of `x`; `bool` becomes uint8
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { toNdarray } from "@provably/core-tensor/ndarray";
 *
 * toNdarray(array([[1, 2], [3, 4]])).get(1, 0); // => 3
 * ```
 * @category Bridge
 */
export function toNdarray(x: ArrayInput): ScijsArray<TypedArray> {
  const a = toConcrete("toNdarray", x);
  const out = scijs(allocate(a.dtype, a.size), [...a.shape]);
  if (a.size > 0) ops.assign(out, view(a));
  return out;
}

/**
 * An array with a copy of the elements of a scijs `ndarray`, so that later writes into it are not seen.
 *
 * @param source - scijs array over a typed array of 8 or 32 bits
 * @returns row-major array
 * @throws `DTypeError` for storage that arrays do not have
 * @example
 * ```ts
 * import ndarray from "ndarray";
 * import { toNested } from "@provably/core-tensor";
 * import { fromNdarray } from "@provably/core-tensor/ndarray";
 *
 * toNested(fromNdarray(ndarray(new Float32Array([1, 2, 3, 4]), [2, 2]).transpose(1, 0))); // => [[1, 3], [2, 4]]
 * ```
 * @category Bridge
 */
export function fromNdarray(source: ScijsArray<TypedArray>): NdArray {
  const dtype: unknown = check("fromNdarray", "source", source, anyRecord).dtype;
  if (
    dtype !== "float32" &&
    dtype !== "float64" &&
    dtype !== "int32" &&
    dtype !== "uint8" &&
    dtype !== "int8"
  )
    throw new DTypeError(
      `fromNdarray: source must hold float32, float64, int32, uint8 or int8, got ${show(dtype)}`,
    );
  toConcrete("fromNdarray", source, "source"); // checks that it stays inside its storage
  const data = allocate(dtype, source.size);
  if (source.size > 0) ops.assign(scijs(data, [...source.shape]), source);
  return dense<typeof dtype>(data, dtype, [...source.shape]);
}

/**
 * Writes the elements of an array into a scijs `ndarray` of the same shape, whatever its strides. The one function here that writes into an argument.
 *
 * @param target - scijs array to be overwritten
 * @param x - any array of the same shape
 * @throws `ShapeError` when the shapes differ
 * @example
 * ```ts
 * import ndarray from "ndarray";
 * import { copyInto } from "@provably/core-tensor/ndarray";
 *
 * const image = ndarray(new Uint8Array(4), [2, 2]);
 * copyInto(image, [[1, 2], [3, 4]]);
 * image.get(1, 1); // => 4
 * ```
 * @category Bridge
 */
export function copyInto(target: ScijsArray<TypedArray>, x: ArrayInput): void {
  const a = toConcrete("copyInto", x);
  if (!("stride" in check("copyInto", "target", target, anyRecord)))
    throw new DTypeError(`copyInto: target must be a scijs ndarray, got ${show(target)}`);
  toConcrete("copyInto", target, "target"); // checks that it stays inside its storage
  if (!sameShape(target.shape, a.shape))
    throw new ShapeError(
      `copyInto: target has shape ${formatShape(target.shape)}, x has ${formatShape(a.shape)}`,
    );
  if (a.size > 0) ops.assign(target, view(a));
}

/** A scijs view of an array's own storage. */
function view(a: ReturnType<typeof toConcrete>): ScijsArray<TypedArray> {
  if (a.shape.length === 0) return scijs(rowMajorData(a), []);
  return scijs(a.data, [...a.shape], [...a.stride], a.offset);
}
