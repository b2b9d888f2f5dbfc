/**
 * Matrices kept resident in WebAssembly memory, for repeated products with vectors.
 *
 * A product with one vector reads every weight once, so that copying the weights in would double its cost. Resident matrices
 * live in a memory of their own, in blocks that return to a free list when their handle is collected or freed.
 */
import { vecmatF32, vecmatF64 } from "./binaries/vecmat.js";
import type { VecmatKernel } from "./gemm.js";
import { type FloatArray, align, instantiate } from "./runtime.js";

/** Opaque handle of a resident copy of a matrix. The memory returns when the handle is collected, or on `free`. */
export interface PinnedMatrix {
  readonly rows: number;
  readonly cols: number;
  readonly dtype: "float32" | "float64";
  /** Releases the memory now; the handle then answers `undefined`. */
  free(): void;
}

const PAGE_BYTES = 65536;

/** The vector and its product lie below this address; matrices whose vectors do not fit are not pinned. */
const VECTORS_END = 16 * PAGE_BYTES;

/** Just under the 4 GiB that 32-bit addresses reach. */
const MAX_PAGES = 65535;

/** A stretch of the memory. */
interface Block {
  address: number;
  bytes: number;
}

/** The memory of pinned matrices and what is bound to it. */
interface Store {
  readonly memory: WebAssembly.Memory;
  readonly vecmat32: VecmatKernel;
  readonly vecmat64: VecmatKernel;
  /** Free blocks in order of address, none touching the next. */
  readonly free: Block[];
  f32: Float32Array;
  f64: Float64Array;
}

let store: Store | undefined;

function openStore(): Store | undefined {
  if (store) return store;
  const memory = new WebAssembly.Memory({ initial: VECTORS_END / PAGE_BYTES, maximum: MAX_PAGES });
  const vecmat32 = instantiate<VecmatKernel>(vecmatF32, memory);
  const vecmat64 = instantiate<VecmatKernel>(vecmatF64, memory);
  if (!vecmat32 || !vecmat64) return undefined;
  return (store = {
    memory,
    vecmat32,
    vecmat64,
    free: [],
    f32: new Float32Array(memory.buffer),
    f64: new Float64Array(memory.buffer),
  });
}

/** First free block that is large enough, from fresh pages when there is none. */
function take({ memory, free }: Store, bytes: number): Block | undefined {
  let block = free.find((b) => b.bytes >= bytes);
  if (!block) {
    const end = memory.buffer.byteLength;
    const last = free.at(-1);
    const missing = bytes - (last && last.address + last.bytes === end ? last.bytes : 0);
    const pages = Math.ceil(missing / PAGE_BYTES);
    if (end / PAGE_BYTES + pages > MAX_PAGES) return undefined;
    try {
      memory.grow(pages);
    } catch {
      return undefined;
    }
    give(free, { address: end, bytes: pages * PAGE_BYTES });
    block = free.at(-1)!;
  }
  const taken = { address: block.address, bytes };
  block.address += bytes;
  block.bytes -= bytes;
  if (block.bytes === 0) free.splice(free.indexOf(block), 1);
  return taken;
}

/** Returns a block to the free list and joins it to its neighbours. */
function give(free: Block[], block: Block): void {
  const at = free.findIndex((b) => b.address > block.address);
  const i = at === -1 ? free.length : at;
  free.splice(i, 0, { ...block });
  for (const j of [i, i - 1]) {
    const [left, right] = [free[j], free[j + 1]];
    if (left && right && left.address + left.bytes === right.address) {
      left.bytes += right.bytes;
      free.splice(j + 1, 1);
    }
  }
}

/** Addresses of live handles; a freed or foreign handle has none. */
const blocks = new WeakMap<PinnedMatrix, Block>();
const collected = new FinalizationRegistry<Block>((block) => {
  if (store) give(store.free, block);
});

/** Resident copy of the contiguous row-major matrix `data` `[rows, cols]`. */
export function pinMatrix(data: FloatArray, rows: number, cols: number): PinnedMatrix | undefined {
  const bytes = data.BYTES_PER_ELEMENT;
  if (rows * cols === 0 || align(rows * bytes) + align(cols * bytes) > VECTORS_END)
    return undefined;
  const home = openStore();
  const block = home && take(home, align(rows * cols * bytes));
  if (!block) return undefined;
  refresh(home);
  if (data instanceof Float32Array) home.f32.set(data.subarray(0, rows * cols), block.address / 4);
  else home.f64.set(data.subarray(0, rows * cols), block.address / 8);
  const handle: PinnedMatrix = {
    rows,
    cols,
    dtype: bytes === 4 ? "float32" : "float64",
    free() {
      if (!blocks.delete(handle)) return;
      collected.unregister(handle);
      give(home.free, block);
    },
  };
  blocks.set(handle, block);
  collected.register(handle, block, handle);
  return handle;
}

/** Growth of the memory detaches its views. */
function refresh(home: Store): void {
  if (home.f32.buffer === home.memory.buffer) return;
  home.f32 = new Float32Array(home.memory.buffer);
  home.f64 = new Float64Array(home.memory.buffer);
}

/**
 * Product of `x` `[rows]` with the pinned matrix `[rows, cols]`: `[cols]`; `undefined` for a freed handle, another element type
 * or another length.
 */
export function pinnedMatvec<T extends FloatArray>(matrix: PinnedMatrix, x: T): T | undefined {
  const block = blocks.get(matrix);
  const bytes = x.BYTES_PER_ELEMENT;
  const { rows, cols } = matrix;
  if (!store || !block || x.length !== rows || (bytes === 4) !== (matrix.dtype === "float32"))
    return undefined;
  // The view with the element type of x, which is the matrix's.
  const view = (bytes === 4 ? store.f32 : store.f64) as T;
  const yAt = align(rows * bytes);
  view.set(x, 0);
  (bytes === 4 ? store.vecmat32 : store.vecmat64).axpyRows(
    0,
    block.address,
    cols * bytes,
    yAt,
    1,
    cols,
    rows,
  );
  return view.slice(yAt / bytes, yAt / bytes + cols) as T;
}
