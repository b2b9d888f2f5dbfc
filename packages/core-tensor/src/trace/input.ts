/** What public functions accept as an array, and how it becomes one. */
import { show } from "../check/index.js";
import { ConcretizationError, DTypeError, ShapeError } from "../errors.js";
import { callerLocation } from "./location.js";
import { Tracer } from "./tracer.js";
import {
  type DType,
  type TypedArray,
  type TypedArrayOf,
  allocate,
  dtypeOf,
  isDetached,
  weakDType,
} from "../array/dtype.js";
import { DenseArray, type NdArray, checkBounds, dense, isLost } from "../array/ndarray.js";
import { type Shape, checkShape, sizeOf } from "../array/shape.js";

/**
 * Numbers or booleans in lists, nested to any depth, all rows of one length.
 * @category Arrays
 */
export type Nested = number | boolean | readonly Nested[];

/**
 * Storage that is read through a method, as scijs allows.
 * @category Arrays
 */
export interface GenericStorage {
  /** Number of elements. */
  readonly length: number;
  /** The element at a position. */
  get(i: number): number;
}

/**
 * A scijs `ndarray`, or anything with its fields.
 * @category Arrays
 */
export interface NdArrayLike {
  /** Storage: a typed array, a list, or anything with `get` and `length`. */
  readonly data: ArrayLike<number> | GenericStorage;
  /** Extents. */
  readonly shape: readonly number[];
  /** Elements to skip for one step along each axis. */
  readonly stride: readonly number[];
  /** Position of the first element. */
  readonly offset: number;
  /** Name of the element type; taken from the storage when left out. */
  readonly dtype?: string;
}

/**
 * What functions take as an array: one of ours, a scijs `ndarray` (not copied), a number, or nested lists of numbers.
 * @category Arrays
 */
export type ArrayInput = NdArray | NdArrayLike | Nested;

/**
 * Whether something is an array made by this package, traced ones included. A foreign scijs `ndarray` is not one, though functions take it.
 *
 * @param x - anything
 * @returns true or false
 * @example
 * ```ts
 * import { array, isNdArray } from "@provably/core-tensor";
 *
 * isNdArray(array([1])); // => true
 * isNdArray([1]); // => false
 * ```
 * @category Arrays
 */
export function isNdArray(x: unknown): x is NdArray {
  return x instanceof DenseArray || x instanceof Tracer;
}

/** The array that `input` describes; plain numbers take the type `beside` has, or float32. */
export function toArray(fn: string, input: ArrayInput, argument = "x", beside?: DType): NdArray {
  if (input instanceof DenseArray || input instanceof Tracer) return input;
  if (typeof input === "number") return scalar(input, weakDType(input, beside ?? "float32"));
  if (typeof input === "boolean") return scalar(input ? 1 : 0, "bool");
  if (Array.isArray(input)) return fromNested(fn, input as readonly Nested[], argument);
  if (isNdArrayLike(input)) return fromLike(fn, input, argument);
  if (dtypeOf(input) !== undefined) {
    const data = input as unknown as TypedArray;
    return fromLike(fn, { data, shape: [data.length], stride: [1], offset: 0 }, argument);
  }
  throw new DTypeError(
    `${fn}: ${argument} must be an array, an ndarray, a number or nested lists of numbers, got ${show(input)}`,
  );
}

/** Like {@link toArray}, but only for concrete values: a traced array is refused with advice. */
export function toConcrete(fn: string, input: ArrayInput, argument = "x"): DenseArray {
  const x = toArray(fn, input, argument);
  if (x instanceof DenseArray) {
    if (isLost(x))
      throw new ShapeError(
        `${fn}: ${argument} has no storage any more; was its buffer transferred to a worker?`,
      );
    return x;
  }
  const value = x instanceof Tracer ? x.concrete : undefined;
  if (value !== undefined) return toConcrete(fn, value, argument);
  throw new ConcretizationError(
    `${fn}: ${argument} must be a concrete array here, got ${String(x)}${callerLocation()}; its elements are not known while the function is traced: use where or cond, or compute it outside`,
  );
}

export function scalar<D extends DType>(value: number, dtype: D): DenseArray<D> {
  const data = allocate(dtype, 1);
  data[0] = dtype === "bool" ? Number(value !== 0) : value;
  return dense(data, dtype, []);
}

function isNdArrayLike(x: unknown): x is NdArrayLike {
  return (
    typeof x === "object" &&
    x !== null &&
    "data" in x &&
    "shape" in x &&
    "stride" in x &&
    "offset" in x
  );
}

/** Zero-copy where the storage is one we have; other storage (plain lists, 16-bit integers, …) is copied. */
function fromLike(fn: string, like: NdArrayLike, argument: string): DenseArray {
  for (const field of ["data", "shape", "stride"] as const)
    if (typeof like[field] !== "object" || like[field] === null)
      throw new DTypeError(`${fn}: ${argument}.${field} must be a list, got ${show(like[field])}`);
  const shape = Array.from(like.shape);
  const stride = Array.from(like.stride);
  checkShape(fn, shape, `${argument}.shape`);
  const { length } = like.data;
  if (!Number.isInteger(length) || length < 0)
    throw new DTypeError(`${fn}: ${argument}.data must have a length, got ${show(length)}`);
  const own = dtypeOf(like.data);
  if (own !== undefined && isDetached(like.data as TypedArray))
    throw new ShapeError(
      `${fn}: ${argument} has no storage; was its buffer transferred to a worker?`,
    );
  checkBounds(`${fn}: ${argument}`, length, shape, stride, like.offset);
  if (own !== undefined) {
    const dtype = like.dtype === "bool" && own === "uint8" ? "bool" : own;
    const raw = like.data as TypedArray | Uint8ClampedArray;
    const data =
      raw instanceof Uint8ClampedArray
        ? new Uint8Array(raw.buffer, raw.byteOffset, raw.length)
        : raw;
    return new DenseArray<DType>(data, dtype, shape, stride, like.offset, sizeOf(shape));
  }
  const dtype =
    like.data instanceof Uint16Array || like.data instanceof Int16Array
      ? "int32"
      : like.data instanceof Uint32Array
        ? "float64"
        : "float32";
  const copy = allocate(dtype, length);
  const source = like.data;
  const read =
    "get" in source && typeof source.get === "function"
      ? (i: number) => source.get(i)
      : (i: number) => (source as ArrayLike<number>)[i]!;
  for (let i = 0; i < length; i++) {
    const value = read(i);
    if (typeof value !== "number")
      throw new DTypeError(`${fn}: ${argument}.data must hold numbers, got ${show(value)} at ${i}`);
    copy[i] = value;
  }
  return new DenseArray<DType>(copy, dtype, shape, stride, like.offset, sizeOf(shape));
}

const MAX_DEPTH = 32;

/** Nested lists; `dtype` defaults to float32 for numbers and bool for booleans. */
export function fromNested<D extends DType>(
  fn: string,
  list: readonly Nested[],
  argument: string,
  dtype?: D,
): DenseArray {
  const shape: number[] = [];
  for (
    let level: Nested = list;
    Array.isArray(level);
    level = (level as readonly Nested[])[0] ?? 0
  ) {
    shape.push((level as readonly Nested[]).length);
    if (shape.length > MAX_DEPTH)
      throw new ShapeError(`${fn}: ${argument} is nested deeper than ${MAX_DEPTH} lists`);
  }
  checkShape(fn, shape, argument);
  let booleans = true;
  const values: number[] = [];
  const walk = (node: Nested, axis: number): void => {
    if (axis === shape.length) {
      if (typeof node !== "number" && typeof node !== "boolean")
        throw new ShapeError(
          `${fn}: ${argument} must hold numbers in lists of equal length, got ${show(node)} at depth ${axis}`,
        );
      if (typeof node === "number") booleans = false;
      values.push(Number(node));
      return;
    }
    if (!Array.isArray(node) || node.length !== shape[axis])
      throw new ShapeError(
        `${fn}: ${argument} must hold lists of equal length; expected ${shape[axis]} entries at depth ${axis}, got ${Array.isArray(node) ? node.length : show(node)}`,
      );
    for (const child of node as readonly Nested[]) walk(child, axis + 1);
  };
  walk(list, 0);
  const type: DType = dtype ?? (booleans && values.length > 0 ? "bool" : "float32");
  const data: TypedArrayOf[DType] = allocate(type, values.length);
  if (type === "bool") values.forEach((v, i) => (data[i] = Number(v !== 0)));
  else data.set(values);
  return dense(data, type, shape as Shape);
}
