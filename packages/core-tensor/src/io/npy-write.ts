/** Arrays in the `.npy` format of NumPy. */
import type { DType, TypedArray } from "../array/dtype.js";
import { numberToHalf } from "../array/half.js";
import { rowMajorData } from "../array/ndarray.js";
import { kindOf } from "../array/realm.js";
import { checkShape, sizeOf } from "../array/shape.js";
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
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";
import { littleEndianBytes } from "./bytes.js";
import { MAGIC } from "./npy-header.js";
import type { BigIntArray } from "./npy-read.js";

const NAMES: Readonly<Record<DType, string>> = {
  float32: "<f4",
  float64: "<f8",
  int32: "<i4",
  int8: "|i1",
  uint8: "|u1",
  bool: "|b1",
};

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
