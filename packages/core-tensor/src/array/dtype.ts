/** Element types: their storage, their names, and how two of them meet in one operation. */
import { show } from "../check/index.js";
import { DTypeError, DomainError, ShapeError } from "../errors.js";
import { kindOf } from "./realm.js";
import { MAX_SIZE } from "./shape.js";

/**
 * Element type of an array. `bool` is stored as `uint8` with values 0 and 1.
 * @category Arrays
 */
export type DType = "float32" | "float64" | "int32" | "uint8" | "int8" | "bool";

/**
 * Storage of each element type.
 * @category Arrays
 */
export interface TypedArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  int8: Int8Array;
  bool: Uint8Array;
}

/**
 * Any storage an array may have.
 * @category Arrays
 */
export type TypedArray = TypedArrayOf[DType];

const RANK: Record<DType, number> = {
  bool: 0,
  uint8: 1,
  int8: 1,
  int32: 2,
  float32: 3,
  float64: 4,
};

export function isDType(name: unknown): name is DType {
  return typeof name === "string" && Object.hasOwn(RANK, name);
}

export function checkDType(fn: string, dtype: unknown): asserts dtype is DType {
  if (!isDType(dtype))
    throw new DTypeError(
      `${fn}: dtype must be one of ${Object.keys(RANK).join(", ")}, got ${show(dtype)}`,
    );
}

export function isFloat(dtype: DType): dtype is "float32" | "float64" {
  return dtype === "float32" || dtype === "float64";
}

/** Fresh zeroed storage. */
export function allocate<D extends DType>(dtype: D, size: number): TypedArrayOf[D];
export function allocate(dtype: DType, size: number): TypedArray {
  if (size > MAX_SIZE)
    throw new ShapeError(`array: ${size} elements are more than an array may have, 2^31 - 1`);
  try {
    return storage(dtype, size);
  } catch {
    throw new DomainError(`array: there is no memory for ${size} elements of type ${dtype}`);
  }
}

function storage(dtype: DType, size: number): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(size);
    case "float64":
      return new Float64Array(size);
    case "int32":
      return new Int32Array(size);
    case "int8":
      return new Int8Array(size);
    default:
      return new Uint8Array(size);
  }
}

/** The numbers as an element type holds them: integers wrap, a bool is whether its number is not zero. */
export function stored(values: Float64Array, dtype: DType): TypedArray {
  const data = allocate(dtype, values.length);
  data.set(dtype === "bool" ? values.map((v) => Number(v !== 0)) : values);
  return data;
}

/** Element type of a typed array, or undefined when it is none that arrays can hold. */
export function dtypeOf(data: unknown): Exclude<DType, "bool"> | undefined {
  const kind = kindOf(data);
  return kind === undefined ? undefined : KINDS[kind];
}

const KINDS: Readonly<Record<string, Exclude<DType, "bool"> | undefined>> = {
  Float32Array: "float32",
  Float64Array: "float64",
  Int32Array: "int32",
  Int8Array: "int8",
  Uint8Array: "uint8",
  Uint8ClampedArray: "uint8",
};

/** Element type in which two operands meet: the same stays, an integer yields to a float, `bool` to anything, uint8 with int8 gives int32. */
export function promoteDTypes(a: DType, b: DType): DType {
  if (a === b) return a;
  if (RANK[a] === RANK[b]) return "int32";
  return RANK[a] > RANK[b] ? a : b;
}

/** Element type of a plain number beside an array of type `dtype`: the array's, unless that cannot hold the number. */
export function weakDType(value: number, dtype: DType): DType {
  if (isFloat(dtype)) return dtype;
  if ((value | 0) !== value) return "float32";
  if (dtype === "uint8" && value >= 0 && value <= 255) return dtype;
  if (dtype === "int8" && value >= -128 && value <= 127) return dtype;
  return "int32";
}

/** Element type of a transcendental function: floats stay, everything else becomes float32. */
export function floatDType(dtype: DType): "float32" | "float64" {
  return isFloat(dtype) ? dtype : "float32";
}

/** Element type of sums and products: bool and bytes are counted in int32. */
export function countDType(dtype: DType): DType {
  return dtype === "bool" || dtype === "uint8" || dtype === "int8" ? "int32" : dtype;
}

/** Whether storage was transferred away. An empty buffer looks the same until somebody makes a view of it. */
export function isDetached({ buffer }: { readonly buffer: ArrayBufferLike }): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}
