/** What public functions accept as an array, and how it becomes one. */
import { show } from "../check/index.js";
import {
  ConcretizationError,
  DTypeError,
  DomainError,
  ShapeError,
  TracerLeakError,
} from "../errors.js";
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
import { TWO_COPIES, isBranded } from "../array/copies.js";
import { markLent } from "../array/lent.js";
import { kindOf, ownStorage } from "../array/realm.js";
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
  if (input instanceof DenseArray) return input;
  if (input instanceof Tracer) return alive(fn, input);
  if (typeof input === "number") return scalar(input, weakDType(input, beside ?? "float32"));
  if (typeof input === "boolean") return scalar(input ? 1 : 0, "bool");
  if (Array.isArray(input)) return fromNested(fn, input as readonly Nested[], argument);
  if (isNdArrayLike(input)) return fromLike(fn, input, argument);
  const kind = kindOf(input);
  if (kind !== undefined && isStorage(kind)) {
    const data = input as unknown as TypedArray;
    return fromLike(fn, { data, shape: [data.length], stride: [1], offset: 0 }, argument);
  }
  throw new DTypeError(
    `${fn}: ${argument} must be an array, an ndarray, a number or nested lists of numbers, got ${show(input)}${remedy(input)}`,
  );
}

/** A traced array whose transform has not finished: the others stand for nothing any more. */
function alive(fn: string, x: Tracer): Tracer {
  if (x.trace.finished)
    throw new TracerLeakError(
      `${fn}: a traced array outlived the ${x.trace.transform} that made it; return it from the traced function instead of storing it`,
    );
  return x;
}

/** What to do with values that people often bring in place of numbers. */
function remedy(x: unknown): string {
  if (typeof x === "bigint") return "; convert with Number()";
  if (typeof x === "string")
    return x.trim() === "" || Number.isNaN(Number(x)) ? "" : "; convert with Number()";
  if (x instanceof Promise) return "; await it first";
  return isNdArray(x) ? "; join arrays with stack or concat" : "";
}

/** Like {@link toArray}, but only for concrete values: a traced array is refused with advice. */
export function toConcrete(fn: string, input: ArrayInput, argument = "x"): DenseArray {
  // the value under a traced array may be looked at for as long as there is one
  const x = input instanceof Tracer ? input : toArray(fn, input, argument);
  if (x instanceof DenseArray) {
    if (isLost(x))
      throw new ShapeError(
        `${fn}: ${argument} has no storage any more; was its buffer transferred to a worker?`,
      );
    return x as DenseArray;
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

/** Whether something is storage or an ndarray of any make, and no list. */
export function isArrayLike(x: object): x is NdArrayLike {
  const kind = kindOf(x);
  return kind === undefined ? isNdArrayLike(x) : isStorage(kind);
}

/** Storage that holds plain numbers. */
function isStorage(kind: string): boolean {
  return kind !== "DataView" && !kind.startsWith("Big");
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
  // a traced array of another copy has no elements
  if (isBranded(like) && !("size" in like && Object.hasOwn(like, "data")))
    throw new DomainError(`${fn}: ${argument} cannot be used, ${TWO_COPIES}`);
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
    const isBool = like.dtype === "bool" && own === "uint8";
    const dtype = isBool ? "bool" : own;
    const bytes = markLent(ownStorage(like.data)!);
    const data = isBool ? truths(bytes) : bytes;
    return new DenseArray<DType>(data, dtype, shape, stride, like.offset, sizeOf(shape));
  }
  const kind = kindOf(like.data);
  const dtype =
    kind === "Uint16Array" || kind === "Int16Array"
      ? "int32"
      : kind === "Uint32Array"
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

/** Storage of a bool array: the same where it holds 0 and 1 only, else a copy that says which numbers are not zero. */
function truths(data: TypedArray): TypedArray {
  return data.every((v) => v === 0 || v === 1) ? data : data.map((v) => Number(v !== 0));
}

const MAX_DEPTH = 32;

const missing = (x: unknown): string =>
  x === null || x === undefined ? "; NaN can stand for what is missing" : "";

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
  const at: number[] = [];
  const here = (): string => `${argument}${at.map((i) => `[${i}]`).join("")}`;
  const walk = (node: Nested, axis: number): void => {
    if (axis === shape.length) {
      if (Array.isArray(node))
        throw new ShapeError(
          `${fn}: ${argument} must hold lists of equal length and depth, got a list at ${here()}, where the first entry has a number`,
        );
      if (typeof node !== "number" && typeof node !== "boolean")
        throw new ShapeError(
          `${fn}: ${argument} must hold numbers, got ${show(node)} at ${here()}${missing(node)}${remedy(node)}`,
        );
      if (typeof node === "number") booleans = false;
      values.push(Number(node));
      return;
    }
    if (!Array.isArray(node) || node.length !== shape[axis])
      throw new ShapeError(
        `${fn}: ${argument} must hold lists of equal length; expected ${shape[axis]} entries at ${here()}, got ${Array.isArray(node) ? node.length : show(node)}`,
      );
    for (let i = 0; i < node.length; i++) {
      at[axis] = i;
      walk((node as readonly Nested[])[i]!, axis + 1);
    }
    at.length = axis;
  };
  walk(list, 0);
  const type: DType = dtype ?? (booleans && values.length > 0 ? "bool" : "float32");
  const data: TypedArrayOf[DType] = allocate(type, values.length);
  if (type === "bool") values.forEach((v, i) => (data[i] = Number(v !== 0)));
  else data.set(values);
  return dense(data, type, shape as Shape);
}
