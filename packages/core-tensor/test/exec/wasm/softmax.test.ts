import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Kind, KINDS, LEVELS, atLevel, noise } from "./level.js";

/** Largest element, and Σ exp(x - top) in float64. */
function normaliser(x: readonly number[]): { top: number; sum: number } {
  const top = Math.max(...x);
  let sum = 0;
  let lost = 0; // Kahan's compensation: a plain sum of thousands is less accurate than the kernel
  for (const v of x) {
    const term = Math.exp(v - top) - lost;
    const next = sum + term;
    lost = next - sum - term;
    sum = next;
  }
  return { top, sum };
}

const arrayOf = (kind: Kind, values: number[]) =>
  kind === "float32" ? Float32Array.from(values) : Float64Array.from(values);

describe.each(LEVELS)("softmax at level %s", (level) => {
  const { wasm, supported } = atLevel(level);

  describe.skipIf(!supported).each(KINDS)("%s", (kind) => {
    const epsilon = kind === "float32" ? 2 ** -23 : 2 ** -52;

    it("equals the float64 formulas for every shape, tails and tiles included", () => {
      const shape = fc.oneof(
        fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
        fc.constantFrom<[number, number]>([3, 5_001], [700, 33], [1, 9_000]),
      );
      fc.assert(
        fc.property(
          shape,
          fc.constantFrom(1, 20, 300),
          fc.integer(),
          ([rows, cols], spread, seed) => {
            const x = noise(kind, rows * cols, seed).map((v) => v * spread);
            const soft = wasm().softmaxRows(x, rows, cols);
            const logs = wasm().logSoftmaxRows(x, rows, cols);
            const norms = wasm().logSumExpRows(x, rows, cols);
            let worst = 0; // largest error in units of its bound
            for (let i = 0; i < rows; i++) {
              const row = Array.from(x.subarray(i * cols, (i + 1) * cols));
              const { top, sum } = normaliser(row);
              const norm = top + Math.log(sum);
              worst = Math.max(
                worst,
                Math.abs(norms![i]! - norm) / (16 * epsilon * (1 + Math.abs(norm))),
              );
              row.forEach((v, j) => {
                const want = Math.exp(v - top) / sum;
                // A lane adds up to 512 terms; the shifted argument is rounded; quotients below the normal range are flushed.
                const bound =
                  (32 + Math.abs(v - top)) * epsilon * want +
                  (kind === "float32" ? 2 ** -125 : 2 ** -1021);
                worst = Math.max(worst, Math.abs(soft![i * cols + j]! - want) / bound);
                worst = Math.max(
                  worst,
                  Math.abs(logs![i * cols + j]! - (v - top - Math.log(sum))) /
                    (16 * epsilon * (1 + Math.abs(v) + Math.abs(norm))),
                );
              });
            }
            expect(worst).toBeLessThanOrEqual(1);
          },
        ),
        { numRuns: 60 },
      );
    });

    it("gives a row the same bits alone and among many", () => {
      const x = noise(kind, 40 * 5, 8);
      const [soft, logs, norms] = [
        wasm().softmaxRows(x, 40, 5)!,
        wasm().logSoftmaxRows(x, 40, 5)!,
        wasm().logSumExpRows(x, 40, 5)!,
      ];
      for (let i = 0; i < 40; i++) {
        const row = x.subarray(5 * i, 5 * i + 5);
        expect(wasm().softmaxRows(row, 1, 5)).toEqual(soft.slice(5 * i, 5 * i + 5));
        expect(wasm().logSoftmaxRows(row, 1, 5)).toEqual(logs.slice(5 * i, 5 * i + 5));
        expect(wasm().logSumExpRows(row, 1, 5)![0]).toBe(norms[i]);
      }
    });

    it("sums to one in every row, even a very long one", () => {
      const y = wasm().softmaxRows(noise(kind, 200_000, 1), 1, 200_000)!;
      let sum = 0;
      for (const v of y) sum += v;
      expect(sum).toBeCloseTo(1, kind === "float32" ? 6 : 13);
    });

    it("is shift-invariant where exp would overflow", () => {
      const x = noise(kind, 100, 2).map((v) => Math.round(v * 64) / 64);
      expect(
        wasm().softmaxRows(
          x.map((v) => v + 1024),
          10,
          10,
        ),
      ).toEqual(wasm().softmaxRows(x, 10, 10));
    });

    it("keeps NaN and infinities as the formulas do", () => {
      const rows = [
        [1, NaN, 2, 3, 4, 5, 6, 7, 8],
        [1, Infinity, 2, 3, 4, 5, 6, 7, 8],
        new Array<number>(9).fill(-Infinity),
        [-Infinity, NaN, ...new Array<number>(7).fill(-Infinity)],
        [-Infinity, 0, -Infinity, 0, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
        [1, 2, 3, 4, 5, 6, 7, 8, 9],
        [Infinity, NaN, 1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 0],
      ];
      const x = arrayOf(kind, rows.flat());
      const norms = Array.from(wasm().logSumExpRows(x, 8, 9)!);
      expect(norms.slice(0, 4)).toEqual([NaN, Infinity, -Infinity, NaN]);
      expect(norms[4]).toBeCloseTo(Math.LN2, 6);
      expect(norms[6]).toBeNaN();
      expect(norms[7]).toBeCloseTo(Math.log(9), 6);
      const soft = wasm().softmaxRows(x, 8, 9)!;
      for (const row of [0, 2, 3, 6]) expect(soft[row * 9]).toBeNaN();
      expect(soft[9 + 1]).toBeNaN();
      expect(Array.from(soft.subarray(36, 45))).toEqual([0, 0.5, 0, 0.5, 0, 0, 0, 0, 0]);
      const logs = wasm().logSoftmaxRows(x, 8, 9)!;
      expect(logs[36]).toBe(-Infinity);
      expect(logs[37]).toBeCloseTo(-Math.LN2, 6);
    });
  });
});
