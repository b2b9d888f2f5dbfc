import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ReduceKind } from "../../../src/exec/wasm/index.js";
import { KINDS, LEVELS, atLevel, noise } from "./level.js";

const REDUCERS: Record<ReduceKind, (x: readonly number[]) => number> = {
  sum: (x) => x.reduce((a, b) => a + b, 0),
  sumSquares: (x) => x.reduce((a, b) => a + b * b, 0),
  max: (x) => x.reduce((a, b) => Math.max(a, b)),
  min: (x) => x.reduce((a, b) => Math.min(a, b)),
};
const NAMES = Object.keys(REDUCERS) as ReduceKind[];

describe.each(LEVELS)("reductions at level %s", (level) => {
  const { wasm, supported } = atLevel(level);

  describe.skipIf(!supported).each(KINDS)("%s", (kind) => {
    const epsilon = kind === "float32" ? 2 ** -23 : 2 ** -52;

    /** Checks one reduced value: extrema exactly, sums to a small multiple of ε times the sum of sizes. */
    function expectReduced(name: ReduceKind, got: number, x: readonly number[]) {
      const want = REDUCERS[name](x);
      if (name === "max" || name === "min") {
        expect(got).toBe(want);
        return;
      }
      const size = x.reduce((a, b) => a + Math.abs(name === "sum" ? b : b * b), 0);
      // A lane adds at most 64 terms of a block; blocks meet in float64, or, for columns, eight at a time.
      expect(Math.abs(got - want)).toBeLessThanOrEqual(80 * epsilon * size);
    }

    it.each(NAMES)("%s of rows equals the loop", (name) => {
      const extent = fc.integer({ min: 1, max: 70 });
      fc.assert(
        fc.property(extent, extent, fc.integer(), (rows, cols, seed) => {
          const x = noise(kind, rows * cols, seed);
          const y = wasm().reduceRows(name, x, rows, cols);
          for (let i = 0; i < rows; i++)
            expectReduced(name, y![i]!, Array.from(x.subarray(i * cols, (i + 1) * cols)));
        }),
      );
    });

    it.each(NAMES)("%s of a middle axis equals the loop", (name) => {
      const extent = fc.integer({ min: 1, max: 25 });
      fc.assert(
        fc.property(extent, extent, extent, fc.integer(), (outer, rows, cols, seed) => {
          const x = noise(kind, outer * rows * cols, seed);
          const y = wasm().reduceColumns(name, x, outer, rows, cols);
          for (let p = 0; p < outer; p++)
            for (let j = 0; j < cols; j++)
              expectReduced(
                name,
                y![p * cols + j]!,
                Array.from({ length: rows }, (_, i) => x[(p * rows + i) * cols + j]!),
              );
        }),
      );
    });

    it.each(NAMES)("%s has the same bits in a batch and in its parts", (name) => {
      const rows = noise(kind, 37 * 11, 5);
      const all = wasm().reduceRows(name, rows, 37, 11)!;
      for (let i = 0; i < 37; i++)
        expect(wasm().reduceRows(name, rows.subarray(11 * i, 11 * i + 11), 1, 11)![0]).toBe(all[i]);
      // 300 numbers in each column make two blocks, 700 columns two strips
      const columns = noise(kind, 300 * 700, 6);
      const wide = wasm().reduceColumns(name, columns, 1, 300, 700)!;
      for (const j of [0, 1, 2, 511, 512, 699])
        expect(
          wasm().reduceColumns(
            name,
            columns.filter((_, at) => at % 700 === j),
            1,
            300,
            1,
          )![0],
        ).toBe(wide[j]);
    });

    it.each(NAMES)("%s of rows and columns longer than a tile equals the loop", (name) => {
      const x = noise(kind, 150_001, 4);
      const values = Array.from(x);
      expectReduced(name, wasm().reduceRows(name, x, 1, x.length)![0]!, values);
      expectReduced(name, wasm().reduceColumns(name, x, 1, x.length, 1)![0]!, values);
      const wide = wasm().reduceColumns(name, x.subarray(0, 150_000), 1, 3, 50_000)!;
      for (const j of [0, 1, 49_999])
        expectReduced(name, wide[j]!, [x[j]!, x[50_000 + j]!, x[100_000 + j]!]);
    });

    it("propagates NaN through max and min wherever it stands", () => {
      for (const at of [0, 3, 17, 255, 299]) {
        const x = noise(kind, 300, 1);
        x[at] = NaN;
        expect(wasm().reduceRows("max", x, 1, 300)![0]).toBeNaN();
        expect(wasm().reduceRows("min", x, 1, 300)![0]).toBeNaN();
        expect(wasm().reduceColumns("max", x, 1, 30, 10)![at % 10]).toBeNaN();
        expect(wasm().reduceRows("max", noise(kind, 300, 1).fill(-Infinity), 1, 300)![0]).toBe(
          -Infinity,
        );
      }
    });

    it("sums a million small numbers without losing digits", () => {
      const x = noise(kind, 1_000_000, 1).fill(0.1);
      // A lane adds 64 equal terms to at most 6.4, each time rounding by at most half a unit of that.
      const error = wasm().reduceRows("sum", x, 1, x.length)![0]! / (x[0]! * x.length) - 1;
      expect(Math.abs(error)).toBeLessThanOrEqual(32 * epsilon);
    });

    it("reduces adjacent axes of a shape and leaves scattered ones to the caller", () => {
      const x = noise(kind, 2 * 6 * 5 * 7, 9);
      const sum = (shape: number[], axes: number[]) => wasm().reduceSum(x, shape, axes);
      expect(sum([2, 6, 5, 7], [1, 2])).toEqual(wasm().reduceColumns("sum", x, 2, 30, 7));
      expect(sum([2, 6, 5, 7], [2, 3])).toEqual(wasm().reduceRows("sum", x, 12, 35));
      expect(sum([2, 6, 5, 7], [0, 1])).toEqual(wasm().reduceColumns("sum", x, 1, 12, 35));
      expect(sum([2, 6, 1, 35], [0, 1, 2, 3])).toEqual(wasm().reduceRows("sum", x, 1, 420));
      expect(sum([2, 6, 5, 7], [0, 2])).toBeUndefined();
      expect(wasm().reduceSum(new Int32Array(420), [420], [0])).toBeUndefined();
    });

    it("computes inner products of any length", () => {
      for (const size of [256, 257, 1023, 40_000]) {
        const x = noise(kind, size, 1);
        const y = noise(kind, size, 2);
        const terms = Array.from(x, (v, i) => v * y[i]!);
        const scale = terms.reduce((a, b) => a + Math.abs(b), 0);
        expect(Math.abs(wasm().dot(x, y)! - REDUCERS.sum(terms))).toBeLessThanOrEqual(
          80 * epsilon * scale,
        );
      }
      expect(wasm().dot(noise(kind, 10, 1), noise(kind, 10, 1))).toBeUndefined();
    });
  });
});
