/** Matrices that stay in the kernels' memory from their second product on: the same bits, never out of date, within bounds. */
import { describe, expect, it } from "vitest";
import { array, matmul, reshape, toTypedArray, transpose } from "../../../src/index.js";
import type { NdArray } from "../../../src/index.js";
import { markLent } from "../../../src/array/lent.js";
import { simdLevel } from "../../../src/exec/wasm/index.js";
import { boundKept, keptMatrix } from "../../../src/exec/wasm/kept.js";

type Floats = typeof Float32Array | typeof Float64Array;

function numbers(count: number, seed: number, Kind: Floats): Float32Array | Float64Array {
  return new Kind(count).map((_, i) => Math.sin(seed + i * i));
}

describe.skipIf(simdLevel() === "off")("a matrix that comes again", () => {
  const [k, n] = [300, 400];

  it.each([Float32Array, Float64Array])("gives the same bits every time, in %o", (Kind) => {
    const w = array(numbers(k * n, 1, Kind), { shape: [k, n] });
    const t = transpose(array(numbers(k * n, 1, Kind), { shape: [n, k] }));
    for (const m of [1, 2, 4]) {
      const x = array(numbers(m * k, 2, Kind), { shape: [m, k] });
      const y = array(numbers(n * m, 3, Kind), { shape: [n, m] });
      for (const weights of [w, t]) {
        // storage that somebody may write to is copied in at every call
        const lent = (a: NdArray): NdArray =>
          array(toTypedArray(a), { shape: a.shape, copy: false });
        const wanted = [
          toTypedArray(matmul(x, weights === w ? lent(w) : transpose(lent(transpose(t))))),
          toTypedArray(matmul(weights === w ? lent(w) : transpose(lent(transpose(t))), y)),
        ];
        for (let i = 0; i < 4; i++)
          expect([toTypedArray(matmul(x, weights)), toTypedArray(matmul(weights, y))]).toEqual(
            wanted,
          );
      }
    }
  });

  it("is never out of date where the user may write to it", () => {
    const data = new Float32Array(k * n).fill(1);
    const x = array(new Float32Array(k).fill(1), { shape: [1, k] });
    const weights = [
      array(data, { shape: [k, n], copy: false }),
      { data, shape: [k, n], stride: [n, 1], offset: 0 },
      reshape(data as unknown as NdArray, [k, n]),
    ];
    for (const w of weights)
      for (const value of [1, 2, 3, 4]) {
        data.fill(value);
        expect(toTypedArray(matmul(x, w as NdArray))[5]).toBe(k * value);
      }
  });

  it("has its copy from the second time on, if it is large and nobody can write to it", () => {
    const matrix = new Float32Array(k * n);
    const kept = (data: Float32Array): boolean[] =>
      [1, 2, 3].map(() => keptMatrix(data, 4, 4) !== undefined);
    expect(kept(matrix)).toEqual([false, true, true]);
    expect(kept(new Float32Array(1000))).toEqual([false, false, false]);
    expect(kept(markLent(new Float32Array(k * n)))).toEqual([false, false, false]);
    expect(kept(new Float32Array(2 * k * n).subarray(0, k * n))).toEqual([false, false, false]);
  });

  it("makes way for others when all copies together would take more than the bound", () => {
    const before = boundKept(4 << 20);
    try {
      const size = 2 ** 17;
      const matrices = Array.from({ length: 10 }, () => new Float32Array(size));
      const first = matrices[0]!;
      const uses = (data: Float32Array): boolean => keptMatrix(data, 4, 4) !== undefined;
      first[7] = 3;
      expect([uses(first), uses(first)]).toEqual([false, true]);
      for (const other of matrices.slice(1))
        expect([uses(other), uses(other)]).toEqual([false, true]);
      // it went, and comes back after two more products
      expect([uses(first), uses(first)]).toEqual([false, true]);
      const { memory, address } = keptMatrix(first, 4, 4)!;
      expect(memory[address / 4 + 7]).toBe(3);
      expect(memory.buffer.byteLength).toBeLessThan(40 << 20);
    } finally {
      boundKept(before);
    }
  });
});
