import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gemm } from "../../../src/exec/wasm/index.js";
import { type Kind, KINDS, LEVELS, atLevel, noise } from "./level.js";

interface Strided {
  readonly data: Float32Array | Float64Array;
  readonly offset: number;
  readonly rowStride: number;
  readonly colStride: number;
}

type Layout = "rows" | "columns" | "reversed" | "spread" | "broadcast";
const LAYOUTS: readonly Layout[] = ["rows", "columns", "reversed", "spread", "broadcast"];

/** A `[rows, cols]` matrix laid out in memory as named. */
function matrix(kind: Kind, layout: Layout, rows: number, cols: number, seed: number): Strided {
  switch (layout) {
    case "rows":
      return { data: noise(kind, rows * cols + 3, seed), offset: 3, rowStride: cols, colStride: 1 };
    case "columns":
      return { data: noise(kind, rows * cols, seed), offset: 0, rowStride: 1, colStride: rows };
    case "reversed":
      return {
        data: noise(kind, rows * cols, seed),
        offset: rows * cols - 1,
        rowStride: -cols,
        colStride: -1,
      };
    case "spread":
      return {
        data: noise(kind, rows * cols * 6, seed),
        offset: 1,
        rowStride: cols * 6,
        colStride: 5,
      };
    case "broadcast":
      return { data: noise(kind, cols, seed), offset: 0, rowStride: 0, colStride: 1 };
  }
}

/** Checks |C − AB| ≤ (k + 2) ε |A||B| for the product by a float64 triple loop. */
function expectProduct(
  kind: Kind,
  c: ArrayLike<number>,
  at: number,
  a: Strided,
  b: Strided,
  m: number,
  n: number,
  k: number,
) {
  const epsilon = kind === "float32" ? 2 ** -23 : 2 ** -52;
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      let size = 0;
      for (let p = 0; p < k; p++) {
        const term =
          a.data[a.offset + i * a.rowStride + p * a.colStride]! *
          b.data[b.offset + p * b.rowStride + j * b.colStride]!;
        sum += term;
        size += Math.abs(term);
      }
      const error = Math.abs(c[at + i * n + j]! - sum);
      if (!(error <= (k + 2) * epsilon * size))
        expect.fail(
          `(${i}, ${j}) of [${m}, ${k}] x [${k}, ${n}]: off by ${error}, sum of sizes ${size}`,
        );
    }
}

describe.each(LEVELS)("gemm at level %s", (level) => {
  const { wasm, supported } = atLevel(level);

  describe.skipIf(!supported).each(KINDS)("%s", (kind) => {
    const multiply = (a: Strided, b: Strided, m: number, n: number, k: number) =>
      wasm().gemm(
        a.data,
        a.offset,
        a.rowStride,
        a.colStride,
        b.data,
        b.offset,
        b.rowStride,
        b.colStride,
        m,
        n,
        k,
      );

    it("equals the float64 triple loop for every tile remainder", () => {
      for (let m = 1; m <= 14; m++)
        for (let n = 1; n <= 18; n++) {
          const k = Math.max(7, Math.ceil(512 / (m * n)));
          const a = matrix(kind, "rows", m, k, m);
          const b = matrix(kind, "rows", k, n, n);
          expectProduct(kind, multiply(a, b, m, n, k)!, 0, a, b, m, n, k);
        }
    });

    it("equals the float64 triple loop for every layout", () => {
      const extent = fc.integer({ min: 1, max: 40 });
      const layout = fc.constantFrom(...LAYOUTS);
      fc.assert(
        fc.property(
          extent,
          extent,
          extent,
          layout,
          layout,
          fc.integer(),
          (m, n, k, left, right, seed) => {
            const a = matrix(kind, left, m, k, seed);
            const b = matrix(kind, right, k, n, seed + 1);
            const c = multiply(a, b, m, n, k);
            expectProduct(kind, c!, 0, a, b, m, n, k);
          },
        ),
        { numRuns: 300 },
      );
    });

    it("crosses the block boundaries in every direction", () => {
      for (const [m, n, k] of [
        [125, 30, 261],
        [3, 1030, 517],
        [9, 1037, 20],
        [260, 3, 1031],
        [1, 2051, 19],
      ] as const)
        for (const left of ["rows", "columns"] as const)
          for (const right of ["rows", "columns"] as const) {
            const a = matrix(kind, left, m, k, 5);
            const b = matrix(kind, right, k, n, 6);
            expectProduct(kind, multiply(a, b, m, n, k)!, 0, a, b, m, n, k);
          }
    });

    it("leaves its operands alone and returns fresh storage", () => {
      const a = matrix(kind, "rows", 16, 16, 1);
      const before = a.data.slice();
      const first = multiply(a, a, 16, 16, 13)!;
      const copy = first.slice();
      const second = multiply(a, a, 16, 16, 13)!;
      expect(a.data).toEqual(before);
      expect(first).toEqual(copy);
      expect(second).toEqual(first);
      expect(second.buffer).not.toBe(first.buffer);
    });

    it("propagates NaN and infinity", () => {
      const a = matrix(kind, "rows", 9, 12, 1);
      const b = matrix(kind, "rows", 12, 9, 2);
      a.data[a.offset] = NaN;
      b.data[b.offset + 9 + 4] = Infinity;
      const c = multiply(a, b, 9, 9, 12)!;
      for (let j = 0; j < 9; j++) expect(c[j]).toBeNaN();
      for (let i = 1; i < 9; i++) expect(Math.abs(c[i * 9 + 4]!)).toBe(Infinity);
    });

    it("gives a row the same bits among more than four others, and among any where the columns are few", () => {
      const [rows, k] = [40, 23];
      const a = matrix(kind, "rows", rows, k, 1);
      for (const [n, parts] of [
        [9, [5, 6, 17, 35]],
        [3, [1, 2, 4, 5, 39]],
      ] as const) {
        const b = matrix(kind, "rows", k, n, 2);
        const whole = multiply(a, b, rows, n, k)!;
        for (const m of parts) {
          expect(multiply(a, b, m, n, k)).toEqual(whole.slice(0, m * n));
          expect(multiply({ ...a, offset: a.offset + m * k }, b, rows - m, n, k)).toEqual(
            whole.slice(m * n),
          );
        }
      }
    });

    it("leaves empty products to the caller", () => {
      const a = matrix(kind, "rows", 4, 4, 1);
      for (const [m, n, k] of [
        [0, 4, 4],
        [4, 0, 4],
        [4, 4, 0],
      ] as const)
        expect(multiply(a, a, m, n, k)).toBeUndefined();
    });

    it("multiplies stacks, broadcast and overlapping ones included", () => {
      const offsets = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 6 });
      const extent = fc.integer({ min: 1, max: 14 });
      fc.assert(
        fc.property(
          offsets,
          extent,
          extent,
          extent,
          fc.boolean(),
          fc.boolean(),
          (starts, m, n, k, shared, flip) => {
            const a = { data: noise(kind, 1000, 3), rowStride: k, colStride: 1 };
            const b = {
              data: noise(kind, 1000, 4),
              rowStride: flip ? 1 : n,
              colStride: flip ? k : 1,
            };
            const bOffsets = starts.map((start) => (shared ? 11 : 700 - start));
            const c = wasm().gemmBatched(
              a.data,
              starts,
              a.rowStride,
              a.colStride,
              b.data,
              bOffsets,
              b.rowStride,
              b.colStride,
              m,
              n,
              k,
            );
            starts.forEach((offset, p) => {
              expectProduct(
                kind,
                c!,
                p * m * n,
                { ...a, offset },
                { ...b, offset: bOffsets[p]! },
                m,
                n,
                k,
              );
            });
          },
        ),
        { numRuns: 200 },
      );
    });

    it("reads evenly stacked matrices against one shared right-hand side as one tall product", () => {
      const [m, n, k] = [3, 5, 40];
      const a = { data: noise(kind, 4 * m * k, 1), rowStride: k, colStride: 1 };
      const b = matrix(kind, "rows", k, n, 2);
      const starts = [0, 1, 2, 3].map((p) => p * m * k);
      const c = wasm().gemmBatched(
        a.data,
        starts,
        k,
        1,
        b.data,
        starts.map(() => b.offset),
        n,
        1,
        m,
        n,
        k,
      )!;
      starts.forEach((offset, p) => {
        expectProduct(kind, c, p * m * n, { ...a, offset }, b, m, n, k);
      });
    });
  });
});

describe("gemm when SIMD is off", () => {
  const { wasm } = atLevel("off");

  it("leaves everything to the caller", () => {
    const a = new Float32Array(256);
    expect(wasm().gemm(a, 0, 16, 1, a, 0, 16, 1, 16, 16, 16)).toBeUndefined();
    expect(wasm().gemmBatched(a, [0, 0], 16, 1, a, [0, 0], 16, 1, 16, 16, 16)).toBeUndefined();
  });

  it("is the same function at the default level", () => {
    const a = new Float64Array(256).fill(1);
    expect(gemm(a, 0, 16, 1, a, 0, 16, 1, 16, 16, 16)?.[7] ?? 16).toBe(16);
  });
});
