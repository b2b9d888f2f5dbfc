/** Making arrays, and getting numbers out of them again. */
import {
  NONE,
  type Schema,
  anything,
  checkOptions,
  show,
  trueOrFalse,
  extended,
} from "../check/index.js";
import { DTypeError, DomainError, ShapeError } from "../errors.js";
import { convert } from "../trace/elementwise.js";
import {
  type DType,
  type TypedArray,
  type TypedArrayOf,
  allocate,
  checkDType,
  dtypeOf,
  isDetached,
} from "../array/dtype.js";
import {
  type ArrayInput,
  type Nested,
  fromNested,
  scalar,
  toArray,
  toConcrete,
} from "../trace/input.js";
import { type NdArray, contiguous, dense, rowMajorData } from "../array/ndarray.js";
import { markLent } from "../array/lent.js";
import { ownStorage } from "../array/realm.js";
import { type Shape, checkShape, formatShape, sizeOf } from "../array/shape.js";

/**
 * Options of functions that make arrays.
 * @category Creation
 */
export interface CreateOptions<D extends DType = DType> {
  /** Element type; default `float32`. */
  readonly dtype?: D;
}

/**
 * Options of {@link array}.
 * @category Creation
 */
export interface ArrayOptions<D extends DType = DType> {
  /** Element type; default that of a typed array, `bool` for lists of booleans, `float32` for other lists. */
  readonly dtype?: D;
  /** Extents; default those of the nesting, or one axis for a typed array. */
  readonly shape?: Shape;
  /** `false` keeps a typed array as the storage instead of copying it; it must not be written to afterwards. Default true. */
  readonly copy?: boolean;
}

/** Types and extents have errors of their own. */
const CREATE: Schema<CreateOptions> = { dtype: anything };
const ARRAY: Schema<ArrayOptions> = /* @__PURE__ */ extended(CREATE, {
  shape: anything,
  copy: trueOrFalse,
});

/**
 * An array of the given numbers.
 *
 * Nested lists give the shape by their nesting; flat lists and typed arrays take it from `options.shape`.
 * The values are copied, so later writes to `values` are not seen, unless `copy` is false.
 *
 * @param values - numbers in nested lists, a typed array, or another array
 * @param options - see {@link ArrayOptions}
 * @returns row-major array
 * @throws {@link ShapeError} when lists are ragged or `shape` does not hold as many elements as there are values
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 *
 * const x = array([[1, 2], [3, 4]]);
 * x.shape; // => [2, 2]
 * toNested(array(Float64Array.of(1, 2, 3, 4), { shape: [2, 2] })); // => [[1, 2], [3, 4]]
 * ```
 * @category Creation
 */
export function array<D extends DType = DType>(
  values: ArrayInput | TypedArray,
  options: ArrayOptions<D> = NONE,
): NdArray<D> {
  const { dtype, shape, copy = true } = checkOptions("array", options, ARRAY) as ArrayOptions<D>;
  if (dtype !== undefined) checkDType("array", dtype);
  let x: NdArray;
  if (typeof values === "number") {
    x = scalar<DType>(values, dtype ?? "float32");
  } else if (Array.isArray(values)) {
    x = fromNested("array", values as readonly Nested[], "values", dtype);
  } else if (dtypeOf(values) !== undefined) {
    const data = ownStorage(values)!;
    if (isDetached(data))
      throw new ShapeError("array: values has no storage; was its buffer transferred to a worker?");
    x = dense<DType>(copy ? data.slice() : markLent(data), dtypeOf(values)!, [data.length]);
  } else {
    x = toArray("array", values as ArrayInput, "values");
  }
  if (dtype !== undefined) x = convert(x, dtype);
  if (shape === undefined) return x as NdArray<D>;
  checkShape("array", shape);
  if (sizeOf(shape) !== x.size)
    throw new ShapeError(
      `array: shape ${formatShape(shape)} holds ${sizeOf(shape)} elements, got ${x.size} values`,
    );
  const flat = contiguous(toConcrete("array", x, "values"));
  return dense(rowMajorData(flat) as TypedArrayOf[D], flat.dtype as D, shape);
}

/**
 * An array with every element the same.
 *
 * @param shape - extents, integers ≥ 0
 * @param value - the element
 * @param options - see {@link CreateOptions}
 * @returns array of shape `shape`
 * @throws {@link ShapeError} for extents that are not integers ≥ 0
 * @example
 * ```ts
 * import { full, toNested } from "@provably/core-tensor";
 *
 * toNested(full([3], 7)); // => [7, 7, 7]
 * ```
 * @category Creation
 */
export function full<D extends DType = "float32">(
  shape: Shape,
  value: number,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  return filled("full", shape, value, options);
}

function filled<D extends DType>(
  fn: string,
  shape: Shape,
  value: number,
  options: CreateOptions<D>,
): NdArray<D> {
  checkShape(fn, shape);
  const dtype = typeOf(fn, options);
  if (typeof value !== "number")
    throw new DTypeError(`${fn}: value must be a number, got ${show(value)}`);
  const data = allocate(dtype, sizeOf(shape));
  if (value !== 0) data.fill(dtype === "bool" ? 1 : value);
  return dense(data, dtype, [...shape]);
}

function typeOf<D extends DType>(fn: string, options: CreateOptions<D>): D {
  const { dtype = "float32" } = checkOptions<CreateOptions>(fn, options, CREATE);
  checkDType(fn, dtype);
  return dtype as D;
}

/**
 * An array of zeros.
 *
 * @param shape - extents, integers ≥ 0
 * @param options - see {@link CreateOptions}
 * @returns array of shape `shape`
 * @throws {@link ShapeError} for extents that are not integers ≥ 0
 * @example
 * ```ts
 * import { toNested, zeros } from "@provably/core-tensor";
 *
 * toNested(zeros([2, 2])); // => [[0, 0], [0, 0]]
 * ```
 * @category Creation
 */
export function zeros<D extends DType = "float32">(
  shape: Shape,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  return filled("zeros", shape, 0, options);
}

/**
 * An array of ones.
 *
 * @param shape - extents, integers ≥ 0
 * @param options - see {@link CreateOptions}
 * @returns array of shape `shape`
 * @throws {@link ShapeError} for extents that are not integers ≥ 0
 * @example
 * ```ts
 * import { ones, toNested } from "@provably/core-tensor";
 *
 * toNested(ones([2])); // => [1, 1]
 * ```
 * @category Creation
 */
export function ones<D extends DType = "float32">(
  shape: Shape,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  return filled("ones", shape, 1, options);
}

/**
 * Evenly stepped numbers $s, s + h, s + 2h, \dots$ below `stop`.
 *
 * @param start - first value, or the end when it stands alone (then counting from 0)
 * @param stop - end, not included
 * @param step - $h \neq 0$, default 1
 * @param options - see {@link CreateOptions}
 * @returns array of shape `[⌈(stop − start)/step⌉]`, empty when that is negative
 * @throws {@link DomainError} for a step of zero or values that are not finite
 * @example
 * ```ts
 * import { arange, toNested } from "@provably/core-tensor";
 *
 * toNested(arange(4)); // => [0, 1, 2, 3]
 * toNested(arange(1, 2, 0.25)); // => [1, 1.25, 1.5, 1.75]
 * ```
 * @category Creation
 */
export function arange<D extends DType = "float32">(
  start: number,
  stop?: number,
  step = 1,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (!Number.isFinite(from) || !Number.isFinite(to) || !Number.isFinite(step) || step === 0)
    throw new DomainError(
      `arange: start, stop and step must be finite and step not 0, got ${show(from)}, ${show(to)}, ${show(step)}`,
    );
  const shape = [Math.max(0, Math.ceil((to - from) / step))];
  checkShape("arange", shape);
  return fill(shape, typeOf("arange", options), (i) => from + i * step);
}

/**
 * `num` numbers evenly spaced from `start` to `stop`, both included.
 *
 * @param start - first value
 * @param stop - last value
 * @param num - how many, an integer ≥ 0
 * @param options - see {@link CreateOptions}
 * @returns array of shape `[num]`
 * @throws {@link ShapeError} when `num` is not an integer ≥ 0
 * @throws {@link DomainError} when `start` or `stop` is not finite
 * @example
 * ```ts
 * import { linspace, toNested } from "@provably/core-tensor";
 *
 * toNested(linspace(0, 1, 5)); // => [0, 0.25, 0.5, 0.75, 1]
 * ```
 * @category Creation
 */
export function linspace<D extends DType = "float32">(
  start: number,
  stop: number,
  num: number,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  checkShape("linspace", [num], "num");
  if (!Number.isFinite(start) || !Number.isFinite(stop))
    throw new DomainError(
      `linspace: start and stop must be finite, got ${show(start)} and ${show(stop)}`,
    );
  return fill([num], typeOf("linspace", options), (i) =>
    i === num - 1 && num > 1 ? stop : start + (i * (stop - start)) / Math.max(1, num - 1),
  );
}

/**
 * The matrix with ones on the diagonal and zeros elsewhere.
 *
 * @param n - rows
 * @param m - columns, default `n`
 * @param options - see {@link CreateOptions}
 * @returns array of shape `[n, m]`
 * @throws {@link ShapeError} when an extent is not an integer ≥ 0
 * @example
 * ```ts
 * import { eye, toNested } from "@provably/core-tensor";
 *
 * toNested(eye(2)); // => [[1, 0], [0, 1]]
 * ```
 * @category Creation
 */
export function eye<D extends DType = "float32">(
  n: number,
  m: number = n,
  options: CreateOptions<D> = NONE,
): NdArray<D> {
  checkShape("eye", [n, m]);
  return fill([n, m], typeOf("eye", options), (i) =>
    Number(i % (m + 1) === 0 && i < n * (m + 1) && Math.floor(i / m) === i % m),
  );
}

/**
 * The same numbers as another element type; rounds towards zero into integers, and every non-zero becomes true.
 *
 * @param x - any array
 * @param dtype - element type of the result
 * @returns array of the shape of `x`; `x` itself when it has that type. Plain numbers and lists lose no digits on the way to float64
 * @throws {@link DTypeError} for an unknown type
 * @example
 * ```ts
 * import { array, asType } from "@provably/core-tensor";
 *
 * asType(array([1, 2]), "float64").dtype; // => "float64"
 * ```
 * @category Creation
 */
export function asType<D extends DType>(x: ArrayInput, dtype: D): NdArray<D> {
  checkDType("asType", dtype);
  // plain numbers are float64: read as float32 first, they would lose digits on the way
  const wide =
    typeof x === "number"
      ? scalar(x, "float64")
      : Array.isArray(x)
        ? fromNested("asType", x, "x", "float64")
        : toArray("asType", x);
  return convert(wide, dtype) as NdArray<D>;
}

/**
 * The one number in an array of one element.
 *
 * Works on traced arrays too, so that ordinary `if` and `while` can look at values inside `grad`; the number is a constant to the derivative.
 *
 * @param x - array of size 1, any rank
 * @returns its element
 * @throws {@link ShapeError} when `x` holds another number of elements
 * @example
 * ```ts
 * import { array, item } from "@provably/core-tensor";
 *
 * item(array([[3]])); // => 3
 * ```
 * @category Creation
 */
export function item(x: ArrayInput): number {
  const value = toConcrete("item", x);
  if (value.size !== 1)
    throw new ShapeError(
      `item: x must hold exactly one element, got shape ${formatShape(value.shape)}`,
    );
  return value.storage[value.offset]!;
}

/**
 * The elements in a new typed array, in row-major order.
 *
 * @param x - any array
 * @returns copy of the elements, of length `x.size`
 * @example
 * ```ts
 * import { array, toTypedArray } from "@provably/core-tensor";
 *
 * toTypedArray(array([[1, 2], [3, 4]]).T); // => Float32Array.of(1, 3, 2, 4)
 * ```
 * @category Creation
 */
export function toTypedArray<D extends DType>(x: NdArray<D>): TypedArrayOf[D];
export function toTypedArray(x: ArrayInput): TypedArray;
export function toTypedArray(x: ArrayInput): TypedArray {
  const value = toConcrete("toTypedArray", x);
  const data = rowMajorData(value);
  return data.buffer === value.storage.buffer ? data.slice() : data;
}

/**
 * The elements in nested lists; a plain number for rank 0.
 *
 * @param x - any array
 * @returns numbers nested as deep as `x` has axes (0 and 1 for `bool`)
 * @example
 * ```ts
 * import { toNested, zeros } from "@provably/core-tensor";
 *
 * toNested(zeros([1, 2])); // => [[0, 0]]
 * ```
 * @category Creation
 */
export function toNested(x: ArrayInput): Nested {
  const { storage: data, shape, stride, offset } = toConcrete("toNested", x);
  const walk = (axis: number, at: number): Nested =>
    axis === shape.length
      ? data[at]!
      : Array.from({ length: shape[axis]! }, (_, i) => walk(axis + 1, at + i * stride[axis]!));
  return walk(0, offset);
}

function fill<D extends DType>(shape: Shape, dtype: D, value: (i: number) => number): NdArray<D> {
  const data = allocate(dtype, sizeOf(shape));
  const hold = dtype === "bool" ? (v: number): number => Number(v !== 0) : (v: number): number => v;
  for (let i = 0; i < data.length; i++) data[i] = hold(value(i));
  return dense(data, dtype, shape);
}
