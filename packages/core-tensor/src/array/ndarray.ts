/**
 * The value type: an n-dimensional view of a typed array with the interface of an npm `ndarray`.
 *
 * A plain record rather than a genuine scijs object: scijs generates its constructors with `new Function`, which strict
 * content-security policies forbid. Every scijs function takes these records all the same, since it asks for nothing but the fields.
 */
import { show } from "../check/index.js";
import { AxisError, DTypeError, ImmutableError, ShapeError } from "../errors.js";
import { ARRAY } from "./copies.js";
import { lentOf } from "./lent.js";
import { type DType, type TypedArray, type TypedArrayOf, allocate } from "./dtype.js";
import { formatArray } from "./print.js";
import {
  type Shape,
  collapseAxes,
  formatShape,
  isRowMajor,
  rowMajorStrides,
  sizeOf,
} from "./shape.js";

/**
 * An n-dimensional array: an immutable value, garbage-collected, with the fields and methods of an npm `ndarray`.
 *
 * Element $(i_0, i_1, \dots)$ is `data[offset + Σ i_k stride[k]]`. Views (`transpose`, `pick`, `lo`, `hi`, `step`) share `data` and cost nothing.
 * Traced arrays, which stand for values inside `grad`, `vmap` and their kin, have the same type; only their raw elements cannot be read.
 *
 * @category Arrays
 */
export interface NdArray<D extends DType = DType> {
  /**
   * Storage; shared between views. Read only, which no engine can enforce: results of earlier calls never change with it, later calls on this array
   * see what was written, views may. `toTypedArray` gives elements to write to.
   */
  readonly data: TypedArrayOf[D];
  /** Extents, outermost first. */
  readonly shape: Shape;
  /** Elements to skip for one step along each axis; may be zero or negative. */
  readonly stride: readonly number[];
  /** Position of element (0, 0, …) in `data`. */
  readonly offset: number;
  /** Element type. */
  readonly dtype: D;
  /** Number of elements. */
  readonly size: number;
  /** Number of axes. */
  readonly dimension: number;
  /** Axes sorted by growing stride. */
  readonly order: readonly number[];
  /** The element at the given indices. */
  get(...indices: number[]): number;
  /** Always throws {@link ImmutableError}: arrays are values. */
  set(...indicesAndValue: number[]): never;
  /** Position in `data` of the element at the given indices. */
  index(...indices: number[]): number;
  /** View without the first `starts[k]` entries of each axis. */
  lo(...starts: number[]): NdArray<D>;
  /** View of the first `ends[k]` entries of each axis. */
  hi(...ends: number[]): NdArray<D>;
  /** View of every `steps[k]`-th entry of each axis; negative steps run backwards. */
  step(...steps: number[]): NdArray<D>;
  /** View with permuted axes; reversed when no order is given. */
  transpose(...axes: number[]): NdArray<D>;
  /** View at fixed indices; axes given as null or left out stay. */
  pick(...indices: (number | null)[]): NdArray<D>;
  /** The transposed view. */
  readonly T: NdArray<D>;
  /** The elements in brackets, abbreviated when there are many. */
  toString(): string;
  /** Nested lists of the elements, a number for an array without axes. */
  toArray(): NestedNumbers;
  /** What `JSON.stringify` writes: nested lists, with `"NaN"`, `"Infinity"` and `"-Infinity"` as text, since JSON has no such numbers. */
  toJSON(): unknown;
  /** The entries along the first axis: numbers where it is the only one, else views. */
  [Symbol.iterator](): Iterator<number | NdArray<D>>;
  /** `"NdArray"`. */
  readonly [Symbol.toStringTag]: string;
  /** Text where text is wanted; a number, as operators want, is refused. */
  [Symbol.toPrimitive](hint: string): string;
}

/**
 * Numbers in lists in lists, as deep as an array has axes.
 * @category Options
 */
export type NestedNumbers = number | readonly NestedNumbers[];

/** From so many elements on it is noticed when others read the storage; smaller ones are copied where something keeps or awaits them. */
const GUARDED = 8192;

const LENDING: PropertyDescriptor & ThisType<DenseArray> = {
  configurable: true,
  enumerable: true,
  get() {
    return this.lend();
  },
};

/** The concrete array. Not exported by the package: arrays are made by functions. */
export class DenseArray<D extends DType = DType> implements NdArray<D> {
  declare readonly data: TypedArrayOf[D];
  #storage: TypedArrayOf[D];

  constructor(
    data: TypedArrayOf[D],
    readonly dtype: D,
    readonly shape: Shape,
    readonly stride: readonly number[],
    readonly offset: number,
    readonly size: number,
  ) {
    this.#storage = data;
    // own properties, both: a structured clone has them
    if (data.length < GUARDED) this.data = data;
    else Object.defineProperty(this, "data", LENDING);
  }

  /** The elements' place, for this package's own reading. */
  get storage(): TypedArrayOf[D] {
    return this.#storage;
  }

  /** The storage for others, who may write into it: a copy where something still reads what is there now. */
  lend(): TypedArrayOf[D] {
    return (this.#storage = lentOf(this.#storage));
  }

  static {
    Object.defineProperty(this.prototype, ARRAY, { value: true });
  }

  get dimension(): number {
    return this.shape.length;
  }

  get order(): readonly number[] {
    return this.stride
      .map((_, i) => i)
      .sort((a, b) => Math.abs(this.stride[a]!) - Math.abs(this.stride[b]!));
  }

  index(...indices: number[]): number {
    let at = this.offset;
    for (let i = 0; i < this.stride.length; i++) at += (indices[i] ?? 0) * this.stride[i]!;
    return at;
  }

  get(...indices: number[]): number {
    return this.storage[this.index(...indices)]!;
  }

  set(): never {
    throw new ImmutableError(
      "set: arrays are immutable values; build a new one, for instance with `where` or `scatterAdd`",
    );
  }

  lo(...starts: number[]): DenseArray<D> {
    const start = this.shape.map((extent, i) => clampIndex(starts[i] ?? 0, extent));
    return view(
      this,
      this.shape.map((extent, i) => extent - start[i]!),
      this.stride,
      this.index(...start),
    );
  }

  hi(...ends: number[]): DenseArray<D> {
    return view(
      this,
      this.shape.map((extent, i) => clampIndex(ends[i] ?? extent, extent)),
      this.stride,
      this.offset,
    );
  }

  step(...steps: number[]): DenseArray<D> {
    let offset = this.offset;
    const shape = this.shape.map((extent, i) => {
      const by = steps[i] ?? 1;
      if (!Number.isInteger(by) || by === 0)
        throw new ShapeError(`step: steps must be non-zero integers, got ${show(by)}`);
      if (by < 0) offset += (extent - 1) * this.stride[i]!;
      return Math.ceil(extent / Math.abs(by));
    });
    const stride = this.stride.map((s, i) => s * (steps[i] ?? 1));
    return view(this, shape, stride, sizeOf(shape) === 0 ? this.offset : offset);
  }

  transpose(...axes: number[]): DenseArray<D> {
    const order = axes.length === 0 ? this.shape.map((_, i) => this.shape.length - 1 - i) : axes;
    if (
      order.length !== this.shape.length ||
      new Set(order).size !== order.length ||
      order.some((a) => !(a in this.shape))
    )
      throw new AxisError(
        `transpose: axes ${show(axes)} are not a permutation of the ${this.shape.length} axes`,
      );
    return view(
      this,
      order.map((a) => this.shape[a]!),
      order.map((a) => this.stride[a]!),
      this.offset,
    );
  }

  get T(): DenseArray<D> {
    return this.transpose();
  }

  pick(...indices: (number | null)[]): DenseArray<D> {
    const kept = this.shape
      .map((_, i) => i)
      .filter((i) => (indices[i] ?? null) === null || indices[i]! < 0);
    const at = this.shape.map((_, i) => (kept.includes(i) ? 0 : indices[i]!));
    return view(
      this,
      kept.map((i) => this.shape[i]!),
      kept.map((i) => this.stride[i]!),
      this.index(...at),
    );
  }

  toString(): string {
    return formatArray(this);
  }

  toArray(): NestedNumbers {
    const walk = (axis: number, at: number): NestedNumbers =>
      axis === this.shape.length
        ? this.storage[at]!
        : Array.from({ length: this.shape[axis]! }, (_, i) =>
            walk(axis + 1, at + i * this.stride[axis]!),
          );
    return walk(0, this.offset);
  }

  toJSON(): unknown {
    const walk = (x: NestedNumbers): unknown =>
      typeof x !== "number" ? x.map(walk) : Number.isFinite(x) ? x : String(x);
    return walk(this.toArray());
  }

  *[Symbol.iterator](): Iterator<number | NdArray<D>> {
    if (this.shape.length === 0)
      throw new ShapeError("iterate: an array without axes has no entries; item(x) is its number");
    for (let i = 0; i < this.shape[0]!; i++)
      yield this.shape.length === 1 ? this.get(i) : this.pick(i);
  }

  get [Symbol.toStringTag](): string {
    return "NdArray";
  }

  /** In `2 * x` or `x > y` JavaScript would quietly make NaN, or text, of an array. */
  [Symbol.toPrimitive](hint: string): string {
    if (hint === "string") return this.toString();
    throw new DTypeError(
      "operators such as + and > do not work on arrays: use add, mul, greater …, or item(x) for the number of an array of one element",
    );
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return formatArray(this);
  }
}

function clampIndex(i: number, extent: number): number {
  return Math.min(Math.max(Math.trunc(i), 0), extent);
}

/**
 * Whether an array has lost its storage, as when the buffer of an array made with `copy: false` was transferred to a worker. One whose
 * elements are still to be computed has not.
 */
export function isLost(x: DenseArray & { readonly isPending?: boolean }): boolean {
  return x.isPending !== true && x.storage.length === 0 && x.size > 0;
}

/** Row-major array over storage that belongs to it alone. */
export function dense<D extends DType>(
  data: TypedArrayOf[D],
  dtype: D,
  shape: Shape,
): DenseArray<D> {
  return new DenseArray(data, dtype, shape, rowMajorStrides(shape), 0, data.length);
}

/** Another view of the same storage. */
export function view<D extends DType>(
  x: DenseArray<D>,
  shape: Shape,
  stride: readonly number[],
  offset: number,
): DenseArray<D> {
  return new DenseArray(x.storage, x.dtype, shape, stride, offset, sizeOf(shape));
}

/** The elements in row-major order: the storage itself where that is already so, else a copy. Never written to. */
export function rowMajorData<D extends DType>(x: DenseArray<D>): TypedArrayOf[D] {
  if (isRowMajor(x.shape, x.stride)) {
    if (x.offset === 0 && x.storage.length === x.size) return x.storage;
    return x.storage.subarray(x.offset, x.offset + x.size) as TypedArrayOf[D];
  }
  const out = allocate(x.dtype, x.size);
  copyStrided(x.storage, x.shape, x.stride, x.offset, out);
  return out;
}

/** The same elements in row-major storage; `x` itself where it is already so. */
export function contiguous<D extends DType>(x: DenseArray<D>): DenseArray<D> {
  return isRowMajor(x.shape, x.stride) ? x : dense(rowMajorData(x), x.dtype, x.shape);
}

/** Copies a strided block into `out` in row-major order. */
export function copyStrided(
  data: TypedArray,
  shape: Shape,
  stride: readonly number[],
  offset: number,
  out: TypedArray,
): void {
  if (out.length === 0) return;
  const merged = collapseAxes(shape, [stride]);
  const extents = merged.shape;
  const steps = merged.strides[0]!;
  const rank = extents.length;
  const n = rank > 0 ? extents[rank - 1]! : 1;
  const inner = rank > 0 ? steps[rank - 1]! : 0;
  const counter = new Array<number>(rank).fill(0);
  let at = offset;
  for (let to = 0; to < out.length;) {
    for (let j = 0, from = at; j < n; j++, from += inner) out[to++] = data[from]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      at += steps[axis]!;
      if (++counter[axis]! < extents[axis]!) break;
      at -= steps[axis]! * extents[axis]!;
      counter[axis] = 0;
    }
  }
}

/** Throws unless a strided view stays inside its storage. */
export function checkBounds(
  fn: string,
  length: number,
  shape: Shape,
  stride: readonly number[],
  offset: number,
): void {
  if (stride.length !== shape.length)
    throw new ShapeError(
      `${fn}: shape ${formatShape(shape)} and stride ${formatShape(stride)} differ in length`,
    );
  if (sizeOf(shape) === 0) return;
  if (![offset, ...stride].every(Number.isInteger))
    throw new ShapeError(
      `${fn}: stride and offset must be integers, got ${show(stride)} and ${show(offset)}`,
    );
  let low = offset;
  let high = offset;
  for (let i = 0; i < shape.length; i++) {
    const reach = stride[i]! * (shape[i]! - 1);
    if (reach < 0) low += reach;
    else high += reach;
  }
  if (!(low >= 0 && high < length))
    throw new ShapeError(
      `${fn}: a view of shape ${formatShape(shape)}, stride ${formatShape(stride)}, offset ${show(offset)} reaches outside its storage of ${length} elements`,
    );
}
