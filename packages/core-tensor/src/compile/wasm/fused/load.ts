/** Generated loops as callable functions; equal ones are compiled once for each memory. */
import { TILE_KERNELS } from "../../../exec/wasm/tile-kernels.js";
import type { FusedCode } from "./spec.js";
import type { Allocator } from "../allocator.js";

/** Addresses of operands and results, of scratch and of constants, then the range. */
export type FusedFunction = (...args: number[]) => void;

/** Functions kept by key; the oldest goes when there are more. */
const KEPT = 1024;

const loaded = new WeakMap<Allocator, Map<string, FusedFunction>>();

export function loadFused(allocator: Allocator, code: FusedCode): FusedFunction {
  let functions = loaded.get(allocator);
  if (functions === undefined)
    loaded.set(allocator, (functions = new Map<string, FusedFunction>()));
  let fn = functions.get(code.key);
  if (fn === undefined) {
    const kernels = code.imports.map(
      ({ kernel, type }) =>
        [`${kernel}.${type}`, allocator.kernel(TILE_KERNELS[kernel], type)[kernel]!] as const,
    );
    const bytes = code.bytes(allocator.isShared);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      e: { m: allocator.memory, ...Object.fromEntries(kernels) },
    });
    fn = exports["run"] as FusedFunction;
    allocator.pool?.add(fn, bytes);
    functions.set(code.key, fn);
    if (functions.size > KEPT) functions.delete(functions.keys().next().value!);
  }
  return fn;
}
