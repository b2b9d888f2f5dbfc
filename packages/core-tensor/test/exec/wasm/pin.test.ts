import { describe, expect, it } from "vitest";
import { KINDS, LEVELS, atLevel, noise } from "./level.js";

describe.each(LEVELS)("pinned matrices at level %s", (level) => {
  const { wasm, supported } = atLevel(level);

  describe.skipIf(!supported).each(KINDS)("%s", (kind) => {
    it("give the same product as the copied matrix, bit for bit", () => {
      for (const [rows, cols] of [
        [1, 600],
        [37, 41],
        [64, 1030],
        [1030, 9],
      ] as const) {
        const matrix = noise(kind, rows * cols, rows);
        const x = noise(kind, rows, cols);
        const pinned = wasm().pinMatrix(matrix, rows, cols)!;
        expect(wasm().pinnedMatvec(pinned, x)).toEqual(
          wasm().gemm(x, 0, rows, 1, matrix, 0, cols, 1, 1, cols, rows),
        );
        pinned.free();
      }
    });

    it("keep their own copy", () => {
      const matrix = noise(kind, 64, 1);
      const x = noise(kind, 8, 2);
      const pinned = wasm().pinMatrix(matrix, 8, 8)!;
      const before = wasm().pinnedMatvec(pinned, x);
      matrix.fill(7);
      const others = [1, 2, 3].map((seed) =>
        wasm().pinMatrix(noise(kind, 90_000, seed), 300, 300)!,
      );
      expect(wasm().pinnedMatvec(pinned, x)).toEqual(before);
      [pinned, ...others].forEach((p) => {
        p.free();
      });
    });

    it("reuse freed memory without touching their neighbours", () => {
      const x = noise(kind, 32, 2);
      const matrices = Array.from({ length: 12 }, (_, i) => noise(kind, 32 * (20 + i), i));
      const pins = matrices.map((m) => wasm().pinMatrix(m, 32, m.length / 32)!);
      const products = pins.map((p) => wasm().pinnedMatvec(p, x));
      for (const i of [3, 4, 9, 5]) pins[i]!.free();
      for (const i of [9, 4, 3, 5])
        pins[i] = wasm().pinMatrix(matrices[i]!, 32, matrices[i]!.length / 32)!;
      expect(pins.map((p) => wasm().pinnedMatvec(p, x))).toEqual(products);
      pins.forEach((p) => {
        p.free();
      });
    });

    it("answer nothing once freed, for another length or another element type", () => {
      const pinned = wasm().pinMatrix(noise(kind, 64, 1), 8, 8)!;
      expect(wasm().pinnedMatvec(pinned, noise(kind, 7, 1))).toBeUndefined();
      expect(
        wasm().pinnedMatvec(pinned, noise(kind === "float32" ? "float64" : "float32", 8, 1)),
      ).toBeUndefined();
      pinned.free();
      pinned.free();
      expect(wasm().pinnedMatvec(pinned, noise(kind, 8, 1))).toBeUndefined();
    });
  });
});

describe("pinned matrices when SIMD is off", () => {
  const { wasm } = atLevel("off");

  it("are left to the caller", () => {
    expect(wasm().pinMatrix(new Float32Array(64), 8, 8)).toBeUndefined();
  });
});
