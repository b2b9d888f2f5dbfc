/**
 * The memories of resident matrices. A product with one vector reads every weight once, so that copying the weights in would double
 * its cost. Matrices live in blocks that return to a free list when their handle is collected or freed; when one memory is full,
 * another is opened.
 */
import { gemmF32 } from "./binaries/gemm.js";
import { residentF32, residentI16, residentI8 } from "./binaries/resident.js";
import { type Block, MAX_PAGES, giveBlock, takeBlock } from "./blocks.js";
import { align, instantiate } from "./runtime.js";

export type { Block } from "./blocks.js";

const PAGE_BYTES = 65536;

/** Vectors, row lists and work areas lie below this address. */
export const OPERANDS_END = 512 * PAGE_BYTES;

interface FloatKernel {
  dots(
    x: number,
    matrix: number,
    rowBytes: number,
    rows: number,
    y: number,
    m: number,
    n: number,
    k: number,
  ): void;
  combine(
    x: number,
    matrix: number,
    rowBytes: number,
    rows: number,
    y: number,
    n: number,
    k: number,
  ): void;
}
/** Whole numbers with scales. */
interface WholeKernel {
  dots(
    x: number,
    scale: number,
    matrix: number,
    rowBytes: number,
    scales: number,
    rows: number,
    y: number,
    n: number,
    k: number,
  ): void;
  combine(
    x: number,
    scale: number,
    matrix: number,
    rowBytes: number,
    rows: number,
    y: number,
    n: number,
    k: number,
    last: number,
  ): void;
  widen(from: number, scale: number, to: number, n: number): void;
}
interface GemmKernel {
  gemm(
    a: number,
    aRow: number,
    aCol: number,
    b: number,
    bRow: number,
    bCol: number,
    c: number,
    m: number,
    n: number,
    k: number,
    work: number,
  ): void;
  workBytes(n: number, k: number): number;
}

/** One memory, what is bound to it, and views that are renewed when it grows. */
export interface Store {
  readonly memory: WebAssembly.Memory;
  readonly float32: FloatKernel;
  readonly int16: WholeKernel;
  readonly int8: WholeKernel;
  readonly product: GemmKernel;
  /** Free blocks in order of address, none touching the next. */
  readonly free: Block[];
  u8: Uint8Array<ArrayBuffer>;
  i16: Int16Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  f32: Float32Array<ArrayBuffer>;
}

const stores: Store[] = [];

function openStore(): Store | undefined {
  const memory = new WebAssembly.Memory({ initial: OPERANDS_END / PAGE_BYTES, maximum: MAX_PAGES });
  const float32 = instantiate<FloatKernel>(residentF32, memory);
  const int16 = instantiate<WholeKernel>(residentI16, memory);
  const int8 = instantiate<WholeKernel>(residentI8, memory);
  const product = instantiate<GemmKernel>(gemmF32, memory);
  if (!float32 || !int16 || !int8 || !product) return undefined;
  const store: Store = { memory, float32, int16, int8, product, free: [], ...viewsOf(memory) };
  stores.push(store);
  return store;
}

function viewsOf({ buffer }: WebAssembly.Memory): Pick<Store, "u8" | "i16" | "i32" | "f32"> {
  return {
    u8: new Uint8Array(buffer),
    i16: new Int16Array(buffer),
    i32: new Int32Array(buffer),
    f32: new Float32Array(buffer),
  };
}

/** Room for `bytes` in some memory, or nothing where WebAssembly is off or the machine has no more. */
export function claim(bytes: number): { readonly store: Store; readonly block: Block } | undefined {
  for (const store of stores) {
    const block = takeFrom(store, bytes);
    if (block) return { store, block };
  }
  const store = openStore();
  const block = store && takeFrom(store, bytes);
  return store && block && { store, block };
}

function takeFrom(store: Store, bytes: number): Block | undefined {
  return takeBlock(store, bytes, () => Object.assign(store, viewsOf(store.memory)));
}

/** Some memory, for operands that come and go; nothing where WebAssembly is off. */
export function anyStore(): Store | undefined {
  return stores[0] ?? openStore();
}

/** Returns a block to the free list. */
export function release({ free }: Store, block: Block): void {
  giveBlock(free, block);
}

/** Consecutive stretches of the operands' area; nothing when they do not fit. */
export function layout(...bytes: number[]): number[] | undefined {
  let at = PAGE_BYTES;
  const places = bytes.map((size) => (at += align(size)) - align(size));
  return at <= OPERANDS_END ? places : undefined;
}
