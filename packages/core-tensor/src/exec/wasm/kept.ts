/**
 * Large matrices that are multiplied by few rows again and again. Such a product reads every element once, so that copying the matrix
 * in costs more than the product. From its second product on a matrix has a copy in a memory of its own, up to a bound on all of them.
 */
import { isOurs } from "../../array/lent.js";
import { type Block, MAX_PAGES, type Space, giveBlock, takeBlock } from "./blocks.js";
import { vecmatF32, vecmatF64 } from "./binaries/vecmat.js";
import type { VecmatKernel } from "./vecmat-kernel.js";
import { type FloatArray, align, instantiate } from "./runtime.js";

/** Bytes from which on a copy is kept: below, the call costs more than the copying. */
const LEAST_BYTES = 1 << 18;

/** All copies together take no more; the one unused for longest goes first. */
let mostBytes = 1 << 28;

/** Sets the bound; gives what it was before. */
export function boundKept(bytes: number): number {
  const before = mostBytes;
  mostBytes = bytes;
  return before;
}

const PAGE_BYTES = 65536;

/** Rows and results lie below this address, after the first page. */
const OPERANDS_END = 128 * PAGE_BYTES;

interface Store extends Space {
  readonly float32: VecmatKernel;
  readonly float64: VecmatKernel;
  f32: Float32Array<ArrayBuffer>;
  f64: Float64Array<ArrayBuffer>;
}

/** What is known of a matrix: how often it came, and where its copy lies. It holds on to no elements. */
interface Entry {
  uses: number;
  block: Block | undefined;
}

let store: Store | "none" | undefined;
const entries = new WeakMap<FloatArray, Entry>();

/** Entries with a copy, the one unused for longest first. */
const copies = new Set<Entry>();
let bytesKept = 0;

const collected = /* @__PURE__ */ new FinalizationRegistry<Entry>(drop);

function drop(entry: Entry): void {
  if (entry.block === undefined || store === undefined || store === "none") return;
  giveBlock(store.free, entry.block);
  bytesKept -= entry.block.bytes;
  entry.block = undefined;
  entry.uses = 0;
  copies.delete(entry);
}

function open(): Store | "none" {
  const memory = new WebAssembly.Memory({ initial: OPERANDS_END / PAGE_BYTES, maximum: MAX_PAGES });
  const float32 = instantiate<VecmatKernel>(vecmatF32, memory);
  const float64 = instantiate<VecmatKernel>(vecmatF64, memory);
  if (float32 === undefined || float64 === undefined) return "none";
  return { memory, free: [], float32, float64, ...viewsOf(memory) };
}

function viewsOf({ buffer }: WebAssembly.Memory): Pick<Store, "f32" | "f64"> {
  return { f32: new Float32Array(buffer), f64: new Float64Array(buffer) };
}

/** Where a kept matrix lies, and what works on it there. */
export interface Kept<T> {
  readonly kernel: VecmatKernel;
  readonly address: number;
  /** Views of the memory, valid until the next call. */
  readonly memory: T;
  /** Addresses of the row and of the result. */
  readonly x: number;
  readonly y: number;
}

/**
 * The copy of all of `data`, with room for a row operand and a result of so many bytes; undefined where none is kept: storage that
 * somebody may write to, small matrices, the first product of a matrix.
 */
export function keptMatrix<T extends FloatArray>(
  data: T,
  xBytes: number,
  yBytes: number,
): Kept<T> | undefined {
  if (data.byteLength < LEAST_BYTES || data.byteLength > mostBytes || !isOurs(data))
    return undefined;
  const [x, y] = [PAGE_BYTES, PAGE_BYTES + align(xBytes)];
  if (y + align(yBytes) > OPERANDS_END) return undefined;
  let entry = entries.get(data);
  if (entry === undefined) entries.set(data, (entry = { uses: 0, block: undefined }));
  if (++entry.uses === 1) return undefined;
  store ??= open();
  if (store === "none") return undefined;
  if (entry.block === undefined && !copyIn(store, entry, data)) return undefined;
  copies.delete(entry);
  copies.add(entry);
  const narrow = data instanceof Float32Array;
  return {
    kernel: narrow ? store.float32 : store.float64,
    address: entry.block!.address,
    // two views, two element types: the conditional picks the one that T names
    memory: (narrow ? store.f32 : store.f64) as unknown as T,
    x,
    y,
  };
}

function copyIn(home: Store, entry: Entry, data: FloatArray): boolean {
  const bytes = align(data.byteLength) + 64;
  while (bytesKept + bytes > mostBytes && copies.size > 0) drop(copies.values().next().value!);
  const block = takeBlock(home, bytes, () => Object.assign(home, viewsOf(home.memory)));
  if (block === undefined) return false;
  const at = block.address / data.BYTES_PER_ELEMENT;
  if (data instanceof Float32Array) home.f32.set(data, at);
  else home.f64.set(data, at);
  entry.block = block;
  bytesKept += bytes;
  collected.register(data, entry);
  return true;
}
