/** Generated loops on the scratch memory, beside the kernels that work on tiles there. */
import { loopMemory } from "./runtime.js";
import type { TileKernel } from "./tile-kernels.js";
import { type UnaryName, kernelOf } from "./unary.js";

/**
 * A generated module as a function of addresses; undefined where the page's policy forbids compiling WebAssembly. Modules import the
 * memory as `e.m` and kernels as `e.name.type`.
 */
export function loopOn(
  bytes: Uint8Array<ArrayBuffer>,
  kernels: readonly { readonly kernel: TileKernel; readonly type: "float32" | "float64" }[],
): ((...args: number[]) => void) | undefined {
  try {
    const imports = kernels.map(
      ({ kernel, type }) =>
        // loops of eager code have no other kernels
        [`${kernel}.${type}`, kernelOf(kernel as UnaryName, type === "float32")!] as const,
    );
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, {
      e: { m: loopMemory(), ...Object.fromEntries(imports) },
    });
    return exports["run"] as (...args: number[]) => void;
  } catch {
    return undefined;
  }
}
