/** Arrays from the `.npy` format of NumPy: a short text header, then the elements. */
import { type DType, type TypedArray, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { sizeOf } from "../array/shape.js";
import { FormatError } from "../errors.js";
import { transpose } from "../ops/reshape.js";
import { CODES, COMPLEX, type NpyFile, WIDE, opened } from "./npy-header.js";

/** The elements in the order of the file as an array; column-major ones as a transposed view. */
function shaped({ fortran, shape }: NpyFile, data: TypedArray, dtype: DType): NdArray {
  if (!fortran || shape.length < 2) return dense<DType>(data, dtype, [...shape]);
  return transpose(dense<DType>(data, dtype, [...shape].reverse()));
}

/**
 * The array in the bytes of a `.npy` file, as NumPy writes them: row-major or column-major, of either order of bytes.
 *
 * Every element keeps its value. float16 becomes float32; integers of 16 bits int32; uint32, int64 and uint64 become int32 when all
 * of them fit, else float64 when all are exact in it, else they are refused and {@link decodeNpyBigInt} reads them.
 *
 * @param file - all of its bytes, in a typed array or a buffer
 * @returns array; column-major data as a transposed view
 * @throws `FormatError` when the bytes are not such a file, are cut off, hold integers beyond $2^{53}$, or a type that arrays do not
 * have: complex numbers (see {@link decodeNpyComplex}), objects, text, dates, records
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { decodeNpy, encodeNpy } from "@provably/core-tensor/io";
 *
 * toNested(decodeNpy(encodeNpy(array([1, 2])))); // => [1, 2]
 * ```
 * @see NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays"
 * @category Files
 */
export function decodeNpy(file: Uint8Array | ArrayBufferLike): NdArray {
  return decodeNpyAs("decodeNpy", file);
}

/** {@link decodeNpy} under the name of another function. */
export function decodeNpyAs(fn: string, file: Uint8Array | ArrayBufferLike): NdArray {
  const opening = opened(fn, file);
  const { type, little, size, view, from } = opening;
  if (type in COMPLEX)
    throw new FormatError(
      `${fn}: the elements are complex numbers; decodeNpyComplex reads them as two arrays`,
    );
  if (type in WIDE) {
    const { data, dtype } = nearest(fn, wideOf(opening), type);
    return shaped(opening, data, dtype);
  }
  const code = CODES[type]!;
  const data = allocate(code.dtype, size);
  for (let i = 0; i < size; i++) data[i] = code.read(view, from + i * code.width, little);
  return shaped(opening, data, code.dtype);
}

function wideOf({ type, little, size, view, from }: NpyFile): bigint[] {
  const { width, read } = WIDE[type]!;
  return Array.from({ length: size }, (_, i) => read(view, from + i * width, little));
}

/** Integers in int32 when they fit, else in float64 when it holds them. */
function nearest(
  fn: string,
  values: readonly bigint[],
  type: string,
): { data: TypedArray; dtype: DType } {
  if (values.every((v) => v >= -(2n ** 31n) && v < 2n ** 31n))
    return { data: Int32Array.from(values, Number), dtype: "int32" };
  const lost = values.findIndex((v) => BigInt(Number(v)) !== v);
  if (lost >= 0)
    throw new FormatError(
      `${fn}: element ${lost} of type ${type} is ${values[lost]}, which neither int32 nor float64 holds; decodeNpyBigInt reads such files`,
    );
  return { data: Float64Array.from(values, Number), dtype: "float64" };
}

/**
 * Integers of 64 bits with their shape.
 * @category Files
 */
export interface BigIntArray {
  /** The elements in row-major order. */
  readonly data: BigInt64Array | BigUint64Array;
  /** Extents, outermost first. */
  readonly shape: readonly number[];
}

/**
 * The integers in the bytes of a `.npy` file of type int64 or uint64, every one exact.
 *
 * @param file - all of its bytes, in a typed array or a buffer
 * @returns elements in row-major order and their shape
 * @throws `FormatError` when the bytes are not such a file or hold another type
 * @example
 * ```ts
 * import { decodeNpyBigInt, encodeNpyBigInt } from "@provably/core-tensor/io";
 *
 * const file = encodeNpyBigInt({ data: BigInt64Array.of(2n ** 60n + 1n), shape: [1] });
 * decodeNpyBigInt(file).data[0]; // => 1152921504606846977n
 * ```
 * @category Files
 */
export function decodeNpyBigInt(file: Uint8Array | ArrayBufferLike): BigIntArray {
  const opening = opened("decodeNpyBigInt", file);
  const { type, fortran, shape, size } = opening;
  if (type !== "i8" && type !== "u8")
    throw new FormatError(
      `decodeNpyBigInt: the elements must be int64 or uint64, got ${type}; decodeNpy reads them`,
    );
  const values = wideOf(opening);
  const data = type === "i8" ? new BigInt64Array(size) : new BigUint64Array(size);
  const places = fortran && shape.length > 1 ? rowMajorPlaces(shape) : undefined;
  for (let i = 0; i < size; i++) data[i] = values[places === undefined ? i : places[i]!]!;
  return { data, shape };
}

/** For each element in row-major order its place in a column-major file. */
function rowMajorPlaces(shape: readonly number[]): ArrayLike<number> {
  const size = sizeOf(shape);
  const file = dense<DType>(
    Float64Array.from({ length: size }, (_, i) => i),
    "float64",
    [...shape].reverse(),
  );
  return rowMajorData(file.transpose());
}

/**
 * The complex numbers in the bytes of a `.npy` file of type complex64 or complex128.
 *
 * @param file - all of its bytes, in a typed array or a buffer
 * @returns real parts and imaginary parts, float32 or float64 arrays of one shape
 * @throws `FormatError` when the bytes are not such a file or hold another type
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { decodeNpyComplex, encodeNpy } from "@provably/core-tensor/io";
 *
 * let said = "";
 * try {
 *   decodeNpyComplex(encodeNpy(zeros([2])));
 * } catch (error) {
 *   said = (error as Error).message;
 * }
 * said; // => "decodeNpyComplex: the elements must be complex numbers, got f4; decodeNpy reads them"
 * ```
 * @category Files
 */
export function decodeNpyComplex(file: Uint8Array | ArrayBufferLike): {
  readonly re: NdArray;
  readonly im: NdArray;
} {
  const opening = opened("decodeNpyComplex", file);
  const { type, little, size, view, from } = opening;
  const found = COMPLEX[type];
  if (found === undefined)
    throw new FormatError(
      `decodeNpyComplex: the elements must be complex numbers, got ${type}; decodeNpy reads them`,
    );
  const { dtype, read, width } = CODES[found.part]!;
  const part = (offset: number): NdArray => {
    const data = allocate(dtype, size);
    for (let i = 0; i < size; i++) data[i] = read(view, from + i * found.width + offset, little);
    return shaped(opening, data, dtype);
  };
  return { re: part(0), im: part(width) };
}
