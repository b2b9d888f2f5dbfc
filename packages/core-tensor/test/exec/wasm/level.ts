/** Fresh copies of the SIMD executor at a chosen level, and numbers to feed it. */
import { afterAll, beforeAll, vi } from "vitest";
import type * as Wasm from "../../../src/exec/wasm/index.js";

export type Kind = "float32" | "float64";
export const KINDS: readonly Kind[] = ["float32", "float64"];
export const LEVELS = ["simd", "relaxed"] as const;

/** Bytes of a module with one relaxed instruction. */
const RELAXED_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 1, 1, 123, 32, 0,
  32, 0, 32, 0, 253, 133, 2, 11,
];

/** The executor as it runs under `PROVABLY_WASM=level`; `supported` tells whether this engine has that level. */
export function atLevel(level: Wasm.SimdLevel): { wasm: () => typeof Wasm; supported: boolean } {
  let loaded: typeof Wasm | undefined;
  beforeAll(async () => {
    vi.stubEnv("PROVABLY_WASM", level);
    vi.resetModules();
    loaded = await import("../../../src/exec/wasm/index.js");
    if (loaded.simdLevel() !== level && supported)
      throw new Error(`expected level ${level}, got ${loaded.simdLevel()}`);
    vi.unstubAllEnvs();
  });
  afterAll(() => {
    loaded = undefined;
  });
  const supported = level !== "relaxed" || WebAssembly.validate(new Uint8Array(RELAXED_PROBE));
  return { wasm: () => loaded!, supported };
}

/** Numbers in (-1, 1), the same for the same seed. */
export function noise(kind: Kind, size: number, seed: number): Float32Array | Float64Array {
  let state = seed | 0;
  const draw = () =>
    (state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0) / 2 ** 31;
  return kind === "float32"
    ? Float32Array.from({ length: size }, draw)
    : Float64Array.from({ length: size }, draw);
}
