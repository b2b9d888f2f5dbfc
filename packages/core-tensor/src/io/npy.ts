/** The `.npy` format of NumPy: a short text header, then the elements. */
import { type DType, type TypedArray, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { halfToNumber, numberToHalf } from "../array/half.js";
import { kindOf } from "../array/realm.js";
import { MAX_SIZE, checkShape, sizeOf } from "../array/shape.js";
import {
  NONE,
  type Schema,
  anyList,
  check,
  checkOptions,
  oneOf,
  recordOf,
  satisfying,
} from "../check/index.js";
import { DTypeError, DomainError, FormatError, ShapeError } from "../errors.js";
import { toBytes } from "./bytes.js";
import { transpose } from "../ops/reshape.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

type Reader = (view: DataView, at: number, little: boolean) => number;

/** Type codes: how NumPy names an element type, its width, how to read one element, and what it becomes here. */
const CODES: Readonly<Record<string, { width: number; dtype: DType; read: Reader }>> = {
  f2: { width: 2, dtype: "float32", read: (v, at, le) => halfToNumber(v.getUint16(at, le)) },
  f4: { width: 4, dtype: "float32", read: (v, at, le) => v.getFloat32(at, le) },
  f8: { width: 8, dtype: "float64", read: (v, at, le) => v.getFloat64(at, le) },
  i1: { width: 1, dtype: "int8", read: (v, at) => v.getInt8(at) },
  u1: { width: 1, dtype: "uint8", read: (v, at) => v.getUint8(at) },
  i2: { width: 2, dtype: "int32", read: (v, at, le) => v.getInt16(at, le) },
  u2: { width: 2, dtype: "int32", read: (v, at, le) => v.getUint16(at, le) },
  i4: { width: 4, dtype: "int32", read: (v, at, le) => v.getInt32(at, le) },
  b1: { width: 1, dtype: "bool", read: (v, at) => Number(v.getUint8(at) !== 0) },
};

/** Integers that need not fit any element type: exact here, then put into the nearest one. */
const WIDE: Readonly<
  Record<string, { width: number; read: (v: DataView, at: number, little: boolean) => bigint }>
> = {
  u4: { width: 4, read: (v, at, le) => BigInt(v.getUint32(at, le)) },
  i8: { width: 8, read: (v, at, le) => v.getBigInt64(at, le) },
  u8: { width: 8, read: (v, at, le) => v.getBigUint64(at, le) },
};

/** Pairs of floats: width of both, and of what type. */
const COMPLEX: Readonly<Record<string, { width: number; part: "f4" | "f8" }>> = {
  c8: { width: 8, part: "f4" },
  c16: { width: 16, part: "f8" },
};

const OTHERS: Readonly<Record<string, string>> = {
  O: "Python objects, which only Python can read, and which may run code when read",
  U: "text",
  S: "bytes of text",
  a: "bytes of text",
  V: "raw records",
  M: "dates; save them as numbers",
  m: "spans of time; save them as numbers",
  f: "floats of another width; save them as float64",
};

const NAMES: Readonly<Record<DType, string>> = {
  float32: "<f4",
  float64: "<f8",
  int32: "<i4",
  int8: "|i1",
  uint8: "|u1",
  bool: "|b1",
};

/** What a file says of itself, and where its elements are. */
interface File {
  readonly type: string;
  readonly little: boolean;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  readonly size: number;
  readonly view: DataView;
  readonly from: number;
}

function opened(fn: string, file: Uint8Array | ArrayBufferLike): File {
  const bytes = toBytes(fn, "file", file);
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new FormatError(`${fn}: bytes do not begin like a .npy file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3)
    throw new FormatError(`${fn}: version ${major} of the format is not known`);
  const wide = major > 1;
  if (wide && bytes.length < 12) throw new FormatError(`${fn}: the header is cut off`);
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  if (start + length > bytes.length)
    throw new FormatError(`${fn}: the header of ${length} bytes is cut off`);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const { type, little, fortran, shape } = parseHeader(fn, header);
  const size = sizeOf(shape);
  const from = start + length;
  const width = (CODES[type] ?? WIDE[type] ?? COMPLEX[type]!).width;
  if (!(size <= MAX_SIZE) || size * width !== bytes.length - from)
    throw new FormatError(
      `${fn}: shape [${shape.join(", ")}] needs ${size * width} bytes, the file has ${bytes.length - from}`,
    );
  return { type, little, fortran, shape, size, view, from };
}

/** The elements in the order of the file as an array; column-major ones as a transposed view. */
function shaped({ fortran, shape }: File, data: TypedArray, dtype: DType): NdArray {
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

function wideOf({ type, little, size, view, from }: File): bigint[] {
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
  return rowMajorData(transpose(file));
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

function parseHeader(
  fn: string,
  header: string,
): { type: string; little: boolean; fortran: boolean; shape: number[] } {
  if (/'descr'\s*:\s*\[/.test(header))
    throw new FormatError(
      `${fn}: the elements are records of several fields; save each field as an array of its own`,
    );
  const descr = /'descr'\s*:\s*'([<>|=])([a-zA-Z]\d*)(?:\[[^\]]*\])?'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const extents = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header);
  if (descr === null || order === null || extents === null)
    throw new FormatError(`${fn}: the header cannot be read: ${header.slice(0, 80)}`);
  const type = descr[2]!;
  if (![CODES, WIDE, COMPLEX].some((table) => Object.hasOwn(table, type)))
    throw new FormatError(
      `${fn}: elements of type ${type} cannot be read: ${OTHERS[type[0]!] ?? "arrays have no such type"}; known are ${[CODES, WIDE, COMPLEX].flatMap(Object.keys).join(", ")}`,
    );
  const shape = extents[1]!
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  if (shape.length > 32 || !shape.every(Number.isSafeInteger))
    throw new FormatError(`${fn}: the shape (${extents[1]}) cannot be used`);
  return { type, little: descr[1] !== ">", fortran: order[1] === "True", shape };
}

/**
 * Options of {@link encodeNpy}.
 * @category Files
 */
export interface NpyOptions {
  /** Element type in the file; default that of the array. Every value must be one of that type, but floats are rounded to float16. */
  readonly type?: "float16" | "int16" | "uint16" | "uint32" | "int64" | "uint64";
}

const NPY: Schema<NpyOptions> = {
  type: oneOf("float16", "int16", "uint16", "uint32", "int64", "uint64"),
};

type FileType = NonNullable<NpyOptions["type"]>;

/** How files name the types that arrays do not have: range of values, width, and how one is written. */
const FILE_TYPES: Readonly<
  Record<
    FileType,
    {
      descr: string;
      width: number;
      low: number;
      high: number;
      write: (v: DataView, at: number, x: number) => void;
    }
  >
> = {
  float16: {
    descr: "<f2",
    width: 2,
    low: -65504,
    high: 65504,
    write: (v, at, x) => v.setUint16(at, numberToHalf(x), true),
  },
  int16: {
    descr: "<i2",
    width: 2,
    low: -(2 ** 15),
    high: 2 ** 15 - 1,
    write: (v, at, x) => v.setInt16(at, x, true),
  },
  uint16: {
    descr: "<u2",
    width: 2,
    low: 0,
    high: 2 ** 16 - 1,
    write: (v, at, x) => v.setUint16(at, x, true),
  },
  uint32: {
    descr: "<u4",
    width: 4,
    low: 0,
    high: 2 ** 32 - 1,
    write: (v, at, x) => v.setUint32(at, x, true),
  },
  int64: {
    descr: "<i8",
    width: 8,
    low: -(2 ** 53),
    high: 2 ** 53,
    write: (v, at, x) => v.setBigInt64(at, BigInt(x), true),
  },
  uint64: {
    descr: "<u8",
    width: 8,
    low: 0,
    high: 2 ** 53,
    write: (v, at, x) => v.setBigUint64(at, BigInt(x), true),
  },
};

/**
 * The bytes of a `.npy` file with the array.
 *
 * @param x - any array
 * @param options - see {@link NpyOptions}
 * @returns the whole file, little-endian, row-major
 * @throws `DomainError` when a value is none of the type asked for
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { encodeNpy } from "@provably/core-tensor/io";
 *
 * encodeNpy(zeros([2, 2])).length; // => 144
 * encodeNpy(zeros([2, 2]), { type: "float16" }).length; // => 136
 * ```
 * @category Files
 */
export function encodeNpy(x: ArrayInput, options: NpyOptions = NONE): Uint8Array {
  const { type } = checkOptions("encodeNpy", options, NPY);
  const a = toConcrete("encodeNpy", x);
  const data = rowMajorData(a);
  return type === undefined
    ? fileOf(NAMES[a.dtype], a.shape, littleEndianBytes(data))
    : fileOf(FILE_TYPES[type].descr, a.shape, convertedBytes(type, data));
}

function convertedBytes(type: FileType, data: TypedArray): Uint8Array {
  const { width, low, high, write } = FILE_TYPES[type];
  const bytes = new Uint8Array(data.length * width);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    const fits =
      type === "float16"
        ? !Number.isFinite(value) || (value >= low && value <= high)
        : Number.isInteger(value) && value >= low && value <= high;
    if (!fits) throw new DomainError(`encodeNpy: element ${i} is ${value}, which is no ${type}`);
    write(view, i * width, value);
  }
  return bytes;
}

/**
 * The bytes of a `.npy` file with integers of 64 bits.
 *
 * @param x - elements in row-major order and their shape
 * @returns the whole file, little-endian
 * @throws `ShapeError` when the shape does not hold as many elements
 * @throws `DomainError` when the elements are in no `BigInt64Array` or `BigUint64Array`
 * @example
 * ```ts
 * import { encodeNpyBigInt } from "@provably/core-tensor/io";
 *
 * encodeNpyBigInt({ data: BigUint64Array.of(1n, 2n), shape: [2] }).length; // => 144
 * ```
 * @category Files
 */
export function encodeNpyBigInt(x: BigIntArray): Uint8Array {
  const fn = "encodeNpyBigInt";
  check(fn, "x", x, recordOf({ data: bigIntegers, shape: anyList }));
  checkShape(fn, x.shape, "x.shape");
  const { data, shape } = x;
  if (sizeOf(shape) !== data.length)
    throw new ShapeError(
      `${fn}: shape [${shape.join(", ")}] holds ${sizeOf(shape)} elements, data has ${data.length}`,
    );
  const bytes = new Uint8Array(data.length * 8);
  const view = new DataView(bytes.buffer);
  const signed = kindOf(data) === "BigInt64Array";
  for (let i = 0; i < data.length; i++)
    if (signed) view.setBigInt64(i * 8, data[i]!, true);
    else view.setBigUint64(i * 8, data[i]!, true);
  return fileOf(signed ? "<i8" : "<u8", shape, bytes);
}

const bigIntegers = satisfying<BigInt64Array | BigUint64Array>(
  "a BigInt64Array or a BigUint64Array",
  (x) => kindOf(x) === "BigInt64Array" || kindOf(x) === "BigUint64Array",
);

function fileOf(descr: string, extents: readonly number[], body: Uint8Array): Uint8Array {
  const shape = extents.length === 1 ? `${extents[0]},` : extents.join(", ");
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + "\n";
  const out = new Uint8Array(10 + padded.length + body.length);
  out.set([...MAGIC, 1, 0, padded.length & 255, padded.length >> 8]);
  out.set(new TextEncoder().encode(padded), 10);
  out.set(body, 10 + padded.length);
  return out;
}

/** The elements as little-endian bytes, whatever the machine's order. */
export function littleEndianBytes(data: TypedArray): Uint8Array {
  const width = data.BYTES_PER_ELEMENT;
  const out = new Uint8Array(data.length * width);
  if (width === 1) {
    out.set(data);
    return out;
  }
  const view = new DataView(out.buffer);
  for (let i = 0; i < data.length; i++) {
    if (data instanceof Float64Array) view.setFloat64(i * 8, data[i]!, true);
    else if (data instanceof Float32Array) view.setFloat32(i * 4, data[i]!, true);
    else if (data instanceof Int32Array) view.setInt32(i * 4, data[i]!, true);
    else throw new DTypeError(`littleEndianBytes: no such storage, ${width} bytes an element`);
  }
  return out;
}
