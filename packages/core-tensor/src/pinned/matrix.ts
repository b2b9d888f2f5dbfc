/** The pinned matrix: a handle of weights that stay in WebAssembly memory, or in plain storage where that is off. */
import { type Schema, anything, checkOptions, show } from "../check/index.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { kindOf } from "../array/realm.js";
import { formatShape } from "../array/shape.js";
import { DTypeError, DomainError, IndexError, ShapeError } from "../errors.js";
import { type Block, type Store, claim, release } from "../exec/wasm/resident.js";
import { align } from "../exec/wasm/runtime.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";

/**
 * How weights are stored: 32-bit floats, or whole numbers of 16 or 8 bits with one scale a row.
 * @category Pinned matrices
 */
export type PinnedDType = "float32" | "int16" | "int8";

/**
 * A matrix that stays where the kernels can read it. Immutable; its memory returns when the handle is collected or on `free`.
 * @category Pinned matrices
 */
export interface PinnedMatrix {
  /** `[n, m]`. */
  readonly shape: readonly [number, number];
  readonly dtype: PinnedDType;
  /** Bytes that the weights take, scales included. */
  readonly sizeBytes: number;
  /** Returns the memory now. A product with the handle then throws. */
  free(): void;
}

/**
 * Options of {@link pinMatrix}.
 * @category Pinned matrices
 */
export interface PinOptions {
  /** Storage of the weights; default `float32`. */
  readonly dtype?: PinnedDType;
}

/** What a handle stands for. Without a store the weights are ordinary arrays. */
export interface Pinned {
  readonly store?: Store;
  readonly block?: Block;
  /** Bytes from one row to the next. */
  readonly rowBytes: number;
  /** Scales of the rows, within the block when there is one. */
  readonly scalesAt: number;
  readonly values?: Float32Array | Int16Array | Int8Array;
  readonly scales?: Float32Array;
}

const contents = new WeakMap<PinnedMatrix, Pinned>();
const collected = new FinalizationRegistry<{ store: Store; block: Block }>(({ store, block }) => {
  release(store, block);
});

export function contentsOf(fn: string, w: PinnedMatrix): Pinned {
  const pinned = contents.get(w);
  if (!pinned) throw new DomainError(`${fn}: w is not a pinned matrix, or was freed`);
  return pinned;
}

/** Bytes of a weight. */
/** Vectors come as they are stored, without a conversion. */
export function checkFloats(fn: string, argument: string, x: Float32Array): void {
  if (kindOf(x) !== "Float32Array")
    throw new DTypeError(`${fn}: ${argument} must be a Float32Array, got ${show(x)}`);
}

const PIN: Schema<PinOptions> = { dtype: anything };

const WIDTH = { float32: 4, int16: 2, int8: 1 } as const;

/**
 * A copy of a matrix that stays in WebAssembly memory, so that {@link dotRows} and {@link combineRows} need not copy it at every call.
 *
 * With whole numbers, row $i$ is stored as $q_{ij} = \operatorname{round}(w_{ij}/s_i)$ with $s_i = \max_j |w_{ij}|/q_{\max}$, halves away from zero; $q_{\max}$ is 127 for `int8` and
 * 16383 for `int16`, whose error of $3\cdot10^{-5}$ of the largest weight of a row is below that of 16-bit floats for most weights. Where WebAssembly is off the
 * copy is an ordinary array and the products run in JavaScript.
 *
 * @param w - shape `[n, m]`
 * @param options - see {@link PinOptions}
 * @returns handle of the copy
 * @throws `ShapeError` unless `w` is a matrix; `DomainError` when a weight is not finite
 * @example
 * ```ts
 * import { dotRows, pinMatrix } from "@provably/core-tensor/pinned";
 *
 * const w = pinMatrix([[1, 2], [3, 4]]);
 * dotRows(w, Float32Array.of(1, 1)); // => Float32Array.of(3, 7)
 * ```
 * @category Pinned matrices
 */
export function pinMatrix(w: ArrayInput, options: PinOptions = {}): PinnedMatrix {
  const { dtype = "float32" } = checkOptions("pinMatrix", options, PIN);
  const a = toConcrete("pinMatrix", w, "w");
  if (typeof dtype !== "string" || !Object.hasOwn(WIDTH, dtype))
    throw new DTypeError(`pinMatrix: dtype must be float32, int16 or int8, got ${show(dtype)}`);
  if (a.shape.length !== 2)
    throw new ShapeError(`pinMatrix: w must be a matrix, got shape ${formatShape(a.shape)}`);
  const [n, m] = a.shape as [number, number];
  const data = rowMajorData(a);
  for (let i = 0; i < data.length; i++)
    if (!Number.isFinite(data[i]!))
      throw new DomainError(
        `pinMatrix: w[${Math.floor(i / m)}, ${i % m}] is ${data[i]}, expected a finite number`,
      );
  const { handle, values, scales } = allocate(n, m, dtype);
  if (dtype === "float32") values.set(data);
  else quantizeRows(data, m, TOP[dtype], values, scales!);
  return handle;
}

/** Largest whole number; two products of such and 16-bit numbers sum to less than 2³¹. */
const TOP = { int16: 16383, int8: 127 } as const;

/** Symmetric whole numbers up to `top`, one scale a row; halves go away from zero. */
function quantizeRows(
  data: ArrayLike<number>,
  m: number,
  top: number,
  values: { [i: number]: number },
  scales: Float32Array,
): void {
  for (let i = 0; i < scales.length; i++) {
    let peak = 0;
    for (let j = i * m; j < (i + 1) * m; j++) peak = Math.max(peak, Math.abs(data[j]!));
    scales[i] = peak / top;
    for (let j = i * m; j < (i + 1) * m; j++) {
      const q = peak === 0 ? 0 : (top * data[j]!) / peak;
      values[j] = Math.sign(q) * Math.round(Math.abs(q));
    }
  }
}

/** A handle with room for its weights, and views of that room, valid until something else is pinned. */
function allocate(
  n: number,
  m: number,
  dtype: PinnedDType,
): { handle: PinnedMatrix; values: Float32Array | Int16Array | Int8Array; scales?: Float32Array } {
  const rowBytes = m * WIDTH[dtype];
  const weightBytes = align(n * rowBytes);
  const scaleBytes = dtype === "float32" ? 0 : n * 4;
  // Kernels may read up to a vector beyond the last weight.
  const room = n * m > 0 ? claim(weightBytes + align(scaleBytes) + 16) : undefined;
  const handle: PinnedMatrix = {
    shape: [n, m],
    dtype,
    sizeBytes: n * rowBytes + scaleBytes,
    free() {
      if (!contents.delete(handle) || !room) return;
      collected.unregister(handle);
      release(room.store, room.block);
    },
  };
  const Storage = dtype === "float32" ? Float32Array : dtype === "int16" ? Int16Array : Int8Array;
  if (!room) {
    const values = new Storage(n * m);
    const scales = dtype === "float32" ? undefined : new Float32Array(n);
    contents.set(handle, { rowBytes, scalesAt: 0, values, ...(scales && { scales }) });
    return { handle, values, ...(scales && { scales }) };
  }
  const { store, block } = room;
  const scalesAt = block.address + weightBytes;
  contents.set(handle, { store, block, rowBytes, scalesAt });
  collected.register(handle, room, handle);
  const buffer = store.memory.buffer;
  const values = new Storage(buffer, block.address, n * m);
  return {
    handle,
    values,
    ...(dtype !== "float32" && { scales: new Float32Array(buffer, scalesAt, n) }),
  };
}

/** Views of the stored numbers, valid until something else is pinned. */
export function viewsOf(
  w: PinnedMatrix,
  { store, block, scalesAt, values, scales }: Pinned,
): { values: Float32Array | Int16Array | Int8Array; scales: Float32Array } {
  const [n, m] = w.shape;
  if (!store || !block) return { values: values!, scales: scales ?? new Float32Array(0) };
  const { buffer } = store.memory;
  const Storage =
    w.dtype === "float32" ? Float32Array : w.dtype === "int16" ? Int16Array : Int8Array;
  return {
    values: new Storage(buffer, block.address, n * m),
    scales: new Float32Array(buffer, scalesAt, w.dtype === "float32" ? 0 : n),
  };
}

/**
 * A pinned matrix of some rows of another, in the given order, as they are stored.
 *
 * @param w - see {@link PinnedMatrix}, `[n, m]`
 * @param rows - row numbers, `k` of them
 * @returns handle of shape `[k, m]`
 * @throws `IndexError` when a row does not exist
 * @example
 * ```ts
 * import { dotRows, gatherPinned, pinMatrix } from "@provably/core-tensor/pinned";
 *
 * dotRows(gatherPinned(pinMatrix([[1], [2], [3]]), Int32Array.of(2, 0)), Float32Array.of(1)); // => Float32Array.of(3, 1)
 * ```
 * @category Pinned matrices
 */
export function gatherPinned(w: PinnedMatrix, rows: Int32Array): PinnedMatrix {
  const source = contentsOf("gatherPinned", w);
  const [, m] = w.shape;
  checkRows("gatherPinned", w, rows);
  const target = allocate(rows.length, m, w.dtype);
  const from = viewsOf(w, source);
  // rows that follow each other are copied at once
  for (let i = 0; i < rows.length;) {
    const first = i++;
    while (i < rows.length && rows[i] === rows[i - 1]! + 1) i++;
    const row = rows[first]!;
    target.values.set(from.values.subarray(row * m, (row + i - first) * m), first * m);
  }
  if (target.scales)
    for (let i = 0; i < rows.length; i++) target.scales[i] = from.scales[rows[i]!]!;
  return target.handle;
}

export function checkRows(fn: string, w: PinnedMatrix, rows: Int32Array): void {
  const [n] = w.shape;
  if (kindOf(rows) !== "Int32Array")
    throw new DTypeError(`${fn}: rows must be an Int32Array, got ${show(rows)}`);
  for (let i = 0; i < rows.length; i++)
    if (!(rows[i]! >= 0 && rows[i]! < n))
      throw new IndexError(`${fn}: rows[${i}] must be in 0 … ${n - 1}, got ${rows[i]}`);
}

/**
 * The numbers that a pinned matrix stands for, rounded as they are stored.
 *
 * @param w - see {@link PinnedMatrix}, `[n, m]`
 * @param rows - only these rows; default all
 * @returns float32 array of shape `[n, m]`, or `[k, m]`
 * @throws `IndexError` when a row does not exist
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { pinMatrix, unpinned } from "@provably/core-tensor/pinned";
 *
 * toNested(unpinned(pinMatrix([[127, 63.6]], { dtype: "int8" }))); // => [[127, 64]]
 * ```
 * @category Pinned matrices
 */
export function unpinned(w: PinnedMatrix, rows?: Int32Array): NdArray<"float32"> {
  const pinned = contentsOf("unpinned", w);
  const [n, m] = w.shape;
  if (rows) checkRows("unpinned", w, rows);
  const count = rows?.length ?? n;
  const out = new Float32Array(count * m);
  const { values, scales } = viewsOf(w, pinned);
  for (let i = 0; i < count; i++) {
    const row = rows?.[i] ?? i;
    for (let j = 0; j < m; j++) {
      const stored = values[row * m + j]!;
      out[i * m + j] = w.dtype === "float32" ? stored : stored * scales[row]!;
    }
  }
  return dense(out, "float32", [count, m]);
}
