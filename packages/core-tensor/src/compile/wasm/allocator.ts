/**
 * The memory of compiled programs: one for the realm, and a second one, shared with workers, once threads are asked for.
 *
 * Blocks are lent from a sorted free list. The arena, in which intermediate values of whatever program runs live, is one block that
 * all programs use in turn. Nothing outside this folder sees a view of the memory; growth makes old views stale, and `views` fresh ones.
 */
import { kernelBytes, simdLevel } from "../../exec/wasm/runtime.js";
import type { TypedArray, TypedArrayOf } from "../../array/dtype.js";
import { markLent } from "../../array/lent.js";
import { DomainError } from "../../errors.js";
import { WorkerPool, type KernelModule } from "./worker-pool.js";
import { MAX_PAGES } from "./encode.js";
import { sharedModule } from "./shared.js";
import { FAMILIES, type Family, type FloatType, type Kernel } from "./static-kernels.js";

const PAGE_BYTES = 65536;

/** Blocks begin and end at multiples of this, and a kernel may read less than this past the end of what it is given. */
export const ALIGNMENT = 64;

/** Results beyond this are copied out, unless they are all there is. */
export const MOST_RESULTS = 1 << 28;

export function aligned(bytes: number): number {
  return Math.ceil((bytes + ALIGNMENT) / ALIGNMENT) * ALIGNMENT;
}

export function outOfMemory(): never {
  throw new DomainError(
    "compile: the memory of compiled programs, 4 GiB, is full; free pinned arrays, or name arguments to donate",
  );
}

interface Block {
  address: number;
  bytes: number;
}

export class Allocator {
  private readonly free: Block[] = [];
  private readonly kernels = new Map<string, Kernel>();
  private arenaAddress = 0;
  private arenaBytes = 0;
  private current: TypedArrayOf | undefined;

  /** Bytes of results that stay in this memory, as far as nobody has freed them and their collection is not known. */
  resultBytes = 0;

  /** Stands around every step of programs made from now on; tests set it to see what a step touches. */
  watch: (<S extends object>(step: S) => S) | undefined;

  /** Threads that work on this memory; undefined for a memory of one thread. */
  readonly pool: WorkerPool | undefined;

  private constructor(
    readonly memory: WebAssembly.Memory,
    readonly isShared: boolean,
  ) {
    this.pool = isShared ? this.openPool() : undefined;
  }

  /** Undefined where there is no SIMD, or no shared memory when one is asked for. */
  static open(shared: boolean): Allocator | undefined {
    if (simdLevel() === "off") return undefined;
    if (
      shared &&
      (typeof SharedArrayBuffer === "undefined" ||
        (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated === false)
    )
      return undefined;
    try {
      // the first page holds the tables of the static kernels
      const allocator = new Allocator(
        new WebAssembly.Memory({ initial: 1, maximum: MAX_PAGES, shared }),
        shared,
      );
      // a page's policy may forbid compiling modules
      allocator.kernel("reduce", "float32");
      return allocator;
    } catch {
      return undefined;
    }
  }

  private openPool(): WorkerPool {
    const modules: KernelModule[] = [];
    const exports: Kernel[] = [];
    for (const family of Object.keys(FAMILIES) as Family[])
      for (const key of ["float32", "float64"] as const) {
        const kernel = this.kernel(family, key);
        exports.push(kernel);
        modules.push({
          key,
          bytes: sharedModule(kernelBytes(FAMILIES[family][key])),
          names: Object.keys(kernel),
        });
      }
    const boxes = this.take(WorkerPool.maxThreads * WorkerPool.boxBytes);
    const mail = this.take(WorkerPool.moduleBytes);
    return new WorkerPool(this.memory, modules, exports, boxes!, mail!);
  }

  kernel(family: Family, type: FloatType): Kernel {
    const key = family + type;
    let kernel = this.kernels.get(key);
    if (kernel === undefined) {
      const bytes = kernelBytes(FAMILIES[family][type]);
      const module = new WebAssembly.Module(this.isShared ? sharedModule(bytes) : bytes);
      // the exports of the AssemblyScript sources take and give numbers
      kernel = new WebAssembly.Instance(module, { env: { memory: this.memory } })
        .exports as unknown as Kernel;
      this.kernels.set(key, kernel);
    }
    return kernel;
  }

  /** Views of all the memory as it is now. */
  get views(): TypedArrayOf {
    const { buffer } = this.memory;
    if (this.current?.uint8.buffer !== buffer) {
      const uint8 = new Uint8Array(buffer);
      this.current = {
        uint8,
        bool: uint8,
        int8: new Int8Array(buffer),
        int32: new Int32Array(buffer),
        float32: new Float32Array(buffer),
        float64: new Float64Array(buffer),
      };
      // programs write here at any time: nothing that reads it may be put off
      for (const view of Object.values(this.current) as TypedArray[]) markLent(view);
    }
    return this.current;
  }

  /** Whether more results may stay: within a job the engine reports no collection, so that a loop would fill the memory. */
  hasRoomFor(more: number): boolean {
    return more <= 0 || this.resultBytes === 0 || this.resultBytes + more <= MOST_RESULTS;
  }

  /** Address of a block that is the caller's until `give`; undefined when the memory cannot grow so far. */
  take(bytes: number): number | undefined {
    const size = aligned(bytes);
    let block = this.free.find((b) => b.bytes >= size);
    if (block === undefined) {
      const end = this.memory.buffer.byteLength;
      const last = this.free.at(-1);
      const missing =
        size - (last !== undefined && last.address + last.bytes === end ? last.bytes : 0);
      const pages = end / PAGE_BYTES;
      const needed = Math.ceil(missing / PAGE_BYTES);
      // growing by an eighth at least keeps the number of growths small
      const wanted = Math.min(Math.max(needed, pages >> 3), MAX_PAGES - pages);
      if (wanted < needed) return undefined;
      try {
        this.memory.grow(wanted);
      } catch {
        return undefined;
      }
      this.insert({ address: end, bytes: wanted * PAGE_BYTES });
      block = this.free.at(-1)!;
    }
    const { address } = block;
    block.address += size;
    block.bytes -= size;
    if (block.bytes === 0) this.free.splice(this.free.indexOf(block), 1);
    return address;
  }

  /** Returns a block that was taken with the same number of bytes. */
  give(address: number, bytes: number): void {
    this.insert({ address, bytes: aligned(bytes) });
  }

  private insert(block: Block): void {
    const { free } = this;
    const at = free.findIndex((b) => b.address > block.address);
    const i = at === -1 ? free.length : at;
    free.splice(i, 0, block);
    for (const j of [i, i - 1]) {
      const [left, right] = [free[j], free[j + 1]];
      if (
        left !== undefined &&
        right !== undefined &&
        left.address + left.bytes === right.address
      ) {
        left.bytes += right.bytes;
        free.splice(j + 1, 1);
      }
    }
  }

  /** Address of at least `bytes` of working memory, the same for all programs: it holds nothing between runs. */
  arena(bytes: number): number | undefined {
    if (this.arenaBytes < bytes) {
      if (this.arenaBytes > 0) this.give(this.arenaAddress, this.arenaBytes);
      const address = this.take(bytes);
      this.arenaBytes = address === undefined ? 0 : bytes;
      if (address === undefined) return undefined;
      this.arenaAddress = address;
    }
    return this.arenaAddress;
  }

  /** Bytes of the whole memory. */
  get size(): number {
    return this.memory.buffer.byteLength;
  }
}

let single: Allocator | undefined;
let shared: Allocator | undefined;

/** The memory of programs that run on one thread. */
export function allocator(): Allocator | undefined {
  return (single ??= Allocator.open(false));
}

/** The memory of programs on several threads, with workers for them on their way; undefined where memory cannot be shared. */
export function sharedAllocator(threads: number): Allocator | undefined {
  shared ??= Allocator.open(true);
  shared?.pool?.grow(threads);
  return shared;
}
