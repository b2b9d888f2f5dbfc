import { describe, expect, it, vi } from "vitest";
import { atLevel } from "./level.js";

const load = async () => {
  vi.resetModules();
  return import("../../../src/exec/wasm/index.js");
};

describe("simdLevel", () => {
  it("follows the environment, then the global, and reads them once", async () => {
    vi.stubEnv("PROVABLY_WASM", "off");
    const off = await load();
    expect(off.simdLevel()).toBe("off");
    vi.stubEnv("PROVABLY_WASM", "simd");
    expect(off.simdLevel()).toBe("off");
    expect((await load()).simdLevel()).toBe("simd");
    vi.stubEnv("PROVABLY_WASM", undefined);
    vi.stubGlobal("PROVABLY_WASM", "off");
    expect((await load()).simdLevel()).toBe("off");
    vi.unstubAllGlobals();
    expect((await load()).simdLevel()).not.toBe("off");
    vi.unstubAllEnvs();
  });

  it("is off without WebAssembly, and every kernel then leaves the work to the caller", async () => {
    vi.stubEnv("PROVABLY_WASM", undefined);
    vi.stubGlobal("WebAssembly", undefined);
    const wasm = await load();
    expect(wasm.simdLevel()).toBe("off");
    expect(wasm.unary("exp", new Float32Array(100))).toBeUndefined();
    expect(wasm.softmaxRows(new Float32Array(100), 10, 10)).toBeUndefined();
    expect(wasm.reduceRows("sum", new Float32Array(1000), 1, 1000)).toBeUndefined();
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
  });

  it("turns off where a policy forbids compiling", async () => {
    vi.stubEnv("PROVABLY_WASM", undefined);
    const wasm = await load();
    const compile = vi.spyOn(WebAssembly, "Module").mockImplementation(() => {
      throw new WebAssembly.CompileError("forbidden by policy");
    });
    expect(wasm.unary("exp", new Float32Array(100))).toBeUndefined();
    expect(wasm.simdLevel()).toBe("off");
    compile.mockRestore();
    vi.unstubAllEnvs();
  });
});

describe("the scratch memory", () => {
  const { wasm } = atLevel("simd");

  it("grows under a call and keeps serving calls of every size", () => {
    for (const n of [8, 700, 16, 1200, 32]) {
      const a = new Float64Array(n * n).fill(1);
      expect(
        wasm()
          .gemm(a, 0, n, 1, a, 0, n, 1, n, n, n)!
          .every((v) => v === n),
      ).toBe(true);
    }
  });

  it("leaves the call to the caller when it cannot grow", () => {
    const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
      throw new RangeError("out of memory");
    });
    const a = new Float32Array(4_000_000);
    expect(wasm().gemm(a, 0, 2000, 1, a, 0, 2000, 1, 2000, 2000, 2000)).toBeUndefined();
    grow.mockRestore();
  });
});
