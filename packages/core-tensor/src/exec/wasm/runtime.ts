/**
 * The WebAssembly side of the executor: which build runs, and the scratch memory it runs in.
 *
 * Values live in ordinary garbage-collected arrays; this memory only holds operands and results while one call runs, and no
 * view of it ever leaves this folder. Growth detaches the views, so that they are asked for again after every `reserve`.
 */
import { decodeHex } from "./hex.js";

/** Storage with kernels. */
export type FloatArray = Float32Array | Float64Array;

/** `off`: plain JavaScript only; `simd`: deterministic 128-bit kernels; `relaxed`: with fused multiply-add. */
export type SimdLevel = "off" | "simd" | "relaxed";

/** A kernel module in its builds; without `relaxed` the deterministic one serves both levels. */
export interface KernelBinary {
  readonly simd: string;
  readonly relaxed?: string;
}

const PAGE_BYTES = 65536;

/** The first page holds the tables of the kernels. */
export const SCRATCH_START = PAGE_BYTES;

/** Scratch never exceeds 1 GiB; larger calls fall back to JavaScript. */
const MAX_PAGES = 16384;

/** A function of no arguments that returns a vector: `op` applied to zeros, or nothing when the engine lacks it. */
function probe(op: readonly number[], operands: number): boolean {
  const body = [
    1,
    1,
    0x7b,
    ...new Array<readonly number[]>(operands).fill([0x20, 0]).flat(),
    ...op,
    0x0b,
  ];
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const sections = [
    1,
    5,
    1,
    0x60,
    0,
    1,
    0x7b,
    3,
    2,
    1,
    0,
    10,
    body.length + 2,
    1,
    body.length,
    ...body,
  ];
  return WebAssembly.validate(new Uint8Array([...header, ...sections]));
}

const F32X4_ADD = [0xfd, 0xe4, 1];
const F32X4_RELAXED_MADD = [0xfd, 0x85, 2];

/** What the environment or a global of this name says. */
export function wish(name: string): unknown {
  // Neither name is declared in every environment this runs in.
  const realm = globalThis as unknown as Record<string, unknown> & {
    process?: { env?: Record<string, unknown> };
  };
  try {
    const wanted = realm.process?.env?.[name];
    if (wanted !== undefined) return wanted;
  } catch {
    // Deno without the permission to read the environment
  }
  return realm[name];
}

function decideLevel(): SimdLevel {
  const wanted = wish("PROVABLY_WASM");
  if (wanted === "off" || typeof WebAssembly === "undefined" || !probe(F32X4_ADD, 2)) return "off";
  return wanted !== "simd" && probe(F32X4_RELAXED_MADD, 3) ? "relaxed" : "simd";
}

let level: SimdLevel | undefined;

/** Build in use, decided once: the wish in `PROVABLY_WASM` (environment or global), as far as the engine supports it. */
export function simdLevel(): SimdLevel {
  return (level ??= decideLevel());
}

/** The module of a kernel in the build for this engine. */
export function kernelBytes(binary: KernelBinary): Uint8Array<ArrayBuffer> {
  return decodeHex((simdLevel() === "relaxed" ? binary.relaxed : undefined) ?? binary.simd);
}

/** Exports of a kernel bound to `memory`, or `undefined` where the page's policy forbids compiling WebAssembly. */
export function instantiate<Exports>(
  binary: KernelBinary,
  memory: WebAssembly.Memory,
): Exports | undefined {
  if (simdLevel() === "off") return undefined;
  try {
    const module = new WebAssembly.Module(kernelBytes(binary));
    // The exports' types are fixed by the AssemblyScript source, which TypeScript cannot see.
    return new WebAssembly.Instance(module, { env: { memory } }).exports as Exports;
  } catch {
    level = "off";
    return undefined;
  }
}

let scratch: WebAssembly.Memory | undefined;

/** Views of the scratch memory, valid until the next `reserve`. */
export let scratchF32 = new Float32Array(0);
export let scratchF64 = new Float64Array(0);
export let scratchI32 = new Int32Array(0);
export let scratchU8 = new Uint8Array(0);

function scratchMemory(): WebAssembly.Memory {
  return (scratch ??= new WebAssembly.Memory({ initial: 32, maximum: MAX_PAGES }));
}

/** The scratch memory, for generated loops to import. */
export function loopMemory(): WebAssembly.Memory {
  return scratchMemory();
}

/** Lazily compiled kernel on the scratch memory. */
export function kernel<Exports>(binary: KernelBinary): () => Exports | undefined {
  let loaded: Exports | undefined;
  return () =>
    simdLevel() === "off" ? undefined : (loaded ??= instantiate<Exports>(binary, scratchMemory()));
}

/** Makes `bytes` available from `SCRATCH_START` and refreshes the views; false when the memory cannot grow so far. */
export function reserve(bytes: number): boolean {
  const memory = scratchMemory();
  const missing = SCRATCH_START + bytes - memory.buffer.byteLength;
  if (missing > 0) {
    const pages = memory.buffer.byteLength / PAGE_BYTES;
    const needed = Math.ceil(missing / PAGE_BYTES);
    if (pages + needed > MAX_PAGES) return false;
    try {
      memory.grow(Math.max(needed, Math.min(pages, MAX_PAGES - pages)));
    } catch {
      return false;
    }
  }
  if (scratchF32.buffer !== memory.buffer) {
    scratchF32 = new Float32Array(memory.buffer);
    scratchF64 = new Float64Array(memory.buffer);
    scratchI32 = new Int32Array(memory.buffer);
    scratchU8 = new Uint8Array(memory.buffer);
  }
  return true;
}

/** The view of the scratch memory with the element type of `like`. */
export function scratchLike<T extends FloatArray>(like: T): T {
  // Two views, two element types: the conditional picks the one that T names.
  return (like instanceof Float32Array ? scratchF32 : scratchF64) as T;
}

/** Zeroed array of the same element type. */
export function freshLike<T extends FloatArray>(like: T, size: number): T {
  // The conditional picks the constructor that T names.
  return (like instanceof Float32Array ? new Float32Array(size) : new Float64Array(size)) as T;
}

/** Next multiple of 16. */
export function align(bytes: number): number {
  return (bytes + 15) & ~15;
}
