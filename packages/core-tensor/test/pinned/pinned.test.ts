import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type * as Core from "../../src/index.js";
import type * as PinnedModule from "../../src/pinned/index.js";
import { noise } from "../exec/wasm/level.js";

const DTYPES = ["float32", "int16", "int8"] as const;

describe.each(["off", "simd", "relaxed"] as const)("pinned matrices, WebAssembly %s", (level) => {
  let pinned: typeof PinnedModule;
  let core: typeof Core;
  beforeAll(async () => {
    vi.stubEnv("PROVABLY_WASM", level);
    vi.resetModules();
    core = await import("../../src/index.js");
    pinned = await import("../../src/pinned/index.js");
    core.matmul(core.ones([40, 40]), core.ones([40, 40])); // the level is decided at the first kernel
    pinned.pinMatrix([[1]]);
    vi.unstubAllEnvs();
  });
  afterAll(() => vi.resetModules());

  const matrix = (n: number, m: number, seed: number) =>
    core.array(noise("float32", n * m, seed), { shape: [n, m] });

  /** Products in double precision with the weights as they are stored. */
  const reference = (
    w: PinnedModule.PinnedMatrix,
    x: Float32Array,
    rows: readonly number[],
    transposed: boolean,
  ): number[] => {
    const full = pinned.unpinned(w);
    const m = w.shape[1];
    const width = transposed ? m : rows.length;
    const out: number[] = [];
    for (let t = 0; t < x.length / width; t++)
      for (let o = 0; o < (transposed ? rows.length : m); o++) {
        let sum = 0;
        for (let i = 0; i < width; i++)
          sum += x[t * width + i]! * (transposed ? full.get(rows[o]!, i) : full.get(rows[i]!, o));
        out.push(sum);
      }
    return out;
  };

  describe.each(DTYPES)("%s", (dtype) => {
    it.each([
      [1, 1, 1],
      [5, 7, 1],
      [37, 41, 2],
      [64, 1030, 1],
      [1030, 9, 3],
      [33, 129, 7],
      [70, 40, 300],
    ])("rows [%i, %i] with %i vectors give the products of the stored weights", (n, m, count) => {
      const w = pinned.pinMatrix(matrix(n, m, n), { dtype });
      const all = Array.from({ length: n }, (_, i) => i);
      const some = all.filter((i) => i % 3 !== 1);
      for (const rows of [all, some]) {
        const options = rows === all ? {} : { rows: Int32Array.from(rows) };
        for (const transposed of [true, false]) {
          const x = noise("float32", count * (transposed ? m : rows.length), 5) as Float32Array;
          const y = transposed ? pinned.dotRows(w, x, options) : pinned.combineRows(w, x, options);
          const expected = reference(w, x, rows, transposed);
          expect(y.length).toBe(expected.length);
          // terms below 1: rounding of sums in single precision; whole numbers also round the vector to 2⁻¹⁶
          const tolerance = (dtype === "float32" ? 1e-6 : 4e-5) * Math.sqrt(Math.max(n, m)) + 1e-6;
          expected.forEach((value, i) => {
            if (!(Math.abs(y[i]! - value) <= tolerance))
              expect.fail(`element ${i} is ${y[i]}, expected ${value}`);
          });
        }
      }
      const picked = pinned.gatherPinned(w, Int32Array.from(some));
      expect(core.toNested(pinned.unpinned(picked))).toEqual(
        core.toNested(pinned.unpinned(w, Int32Array.from(some))),
      );
      w.free();
      picked.free();
    });

    it("is off by at most half a step of storage", () => {
      const w = matrix(20, 30, 3);
      const stored = pinned.unpinned(pinned.pinMatrix(w, { dtype }));
      for (let i = 0; i < 20; i++) {
        const peak = Math.max(...Array.from({ length: 30 }, (_, j) => Math.abs(w.get(i, j))));
        const step = dtype === "float32" ? 0 : peak / (dtype === "int8" ? 127 : 16383);
        for (let j = 0; j < 30; j++)
          expect(Math.abs(stored.get(i, j) - w.get(i, j))).toBeLessThanOrEqual(
            step / 2 + peak * 2 ** -23,
          );
      }
    });

    it("keeps its own copy, while others come and go", () => {
      const x = noise("float32", 32, 2) as Float32Array;
      const pins = Array.from({ length: 8 }, (_, i) =>
        pinned.pinMatrix(matrix(20 + i, 32, i), { dtype }),
      );
      const products = pins.map((p) => pinned.dotRows(p, x));
      for (const i of [2, 3, 6]) pins[i]!.free();
      for (const i of [6, 2, 3]) pins[i] = pinned.pinMatrix(matrix(20 + i, 32, i), { dtype });
      expect(pins.map((p) => pinned.dotRows(p, x))).toEqual(products);
    });

    it("names the culprit", () => {
      const w = pinned.pinMatrix([[1, 2]], { dtype });
      expect(() => pinned.dotRows(w, new Float32Array(3))).toThrow(/dotRows: x .*length 2, got 3/);
      expect(() =>
        pinned.combineRows(w, new Float32Array(2), { rows: Int32Array.of(0, 1) }),
      ).toThrow(/rows\[1\]/);
      expect(() => pinned.pinMatrix([[1, NaN]], { dtype })).toThrow(/w\[0, 1\] is NaN/);
      w.free();
      w.free();
      expect(() => pinned.dotRows(w, new Float32Array(2))).toThrow(/freed/);
    });
  });

  it.each([
    [4, 2, 8, 1, 0],
    [9, 3, 64, 70, 0],
    [6, 6, 5, 33, 20],
    [4, 1, 16, 7, 3],
  ])(
    "attention of %i heads over %i heads of keys of %i numbers, tokens %i, seen from %i, is that of the array function",
    (heads, groups, d, n, start) => {
      const draw = (size: number, seed: number) => noise("float32", size, seed) as Float32Array;
      const [query, keys, values] = [
        draw(heads * d, 1),
        draw((n + 2) * groups * d, 2),
        draw((n + 2) * groups * d, 3),
      ];
      const rows = (x: Float32Array) =>
        core.transpose(
          core.array(x.slice(start * groups * d, n * groups * d), {
            shape: [n - start, groups, d],
          }),
          [1, 0, 2],
        );
      const expected = core.toTypedArray(
        core.attention(core.array(query, { shape: [heads, 1, d] }), rows(keys), rows(values)),
      );
      const actual = pinned.attendRows(query, {
        keys,
        values,
        numKvHeads: groups,
        headDim: d,
        start,
        stop: n,
      });
      expected.forEach((value, i) => {
        expect(Math.abs(actual[i]! - value)).toBeLessThan(2e-6);
      });
      expect(() =>
        pinned.attendRows(query, {
          keys,
          values,
          numKvHeads: groups,
          headDim: d,
          start: n,
          stop: n,
        }),
      ).toThrow(/attendRows: tokens/);
      expect(() =>
        pinned.attendRows(query.subarray(1), {
          keys,
          values,
          numKvHeads: groups,
          headDim: d,
          stop: n,
        }),
      ).toThrow(/query must hold/);
    },
  );

  it("gives zero for rows and vectors of zeros in bytes", () => {
    const w = pinned.pinMatrix(
      [
        [0, 0],
        [1, -1],
      ],
      { dtype: "int8" },
    );
    expect([...pinned.dotRows(w, Float32Array.of(2, 1))]).toEqual([0, expect.closeTo(1, 4)]);
    expect([...pinned.dotRows(w, new Float32Array(2))]).toEqual([0, 0]);
  });
});
