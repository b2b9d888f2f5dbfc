/** Functions that only compiled programs have SIMD kernels for, against the language's own. */
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { key, normal, uniform } from "@provably/core-tensor/random";

type FloatType = "float32" | "float64";

const ulp = (dtype: FloatType, x: number): number => {
  const [bits, low] = dtype === "float32" ? [23, 2 ** -149] : [52, 2 ** -1074];
  return Math.max(low, 2 ** (Math.floor(Math.log2(Math.abs(x))) - bits));
};

/** Largest error in units of the last place; elements that must be exact, such as NaN and zeros, count as infinite when they differ. */
const worst = (dtype: FloatType, got: NdArray, want: readonly number[]): number => {
  const round = dtype === "float32" ? Math.fround : (x: number) => x;
  return Array.from(p.toTypedArray(got)).reduce((most, y, i) => {
    const truth = want[i]!;
    if (Object.is(y, round(truth))) return most;
    return Math.max(
      most,
      Number.isFinite(truth) && y !== 0 ? Math.abs(y - truth) / ulp(dtype, truth) : Infinity,
    );
  }, 0);
};

const calls = (f: (...args: never[]) => unknown): string => explain(f).split("\n\n").at(-1)!;

describe("sine and cosine in compiled programs", () => {
  const functions = [
    ["sin", p.sin, Math.sin],
    ["cos", p.cos, Math.cos],
  ] as const;

  describe.each(["float32", "float64"] as const)("of %s", (dtype) => {
    // the language's own functions are within one place, and so is the kernel
    const bound = dtype === "float32" ? 0.501 : 1.5;

    it.each(functions)(
      "%s stays within the last place, near zero, near multiples of π/2, and for large angles",
      (_name, f, truth) => {
        const multiples = p.mul(
          p.floor(uniform(key(3), [4000], { low: -1e6, high: 1e6, dtype: "float64" })),
          Math.PI / 2,
        );
        const angles = [
          uniform(key(1), [20_000], { low: -20, high: 20, dtype: "float64" }),
          p.mul(normal(key(2), [1001], { dtype: "float64" }), 1e-8),
          multiples,
          uniform(key(4), [1000], { low: -1e9, high: 1e9, dtype: "float64" }),
          p.exp(uniform(key(5), [501], { low: -80, high: 80, dtype: "float64" })),
        ];
        const run = compile(f);
        for (const angle of angles) {
          const x = p.asType(angle, dtype);
          const want = Array.from(p.toTypedArray(x), truth);
          expect(worst(dtype, run(x), want)).toBeLessThanOrEqual(bound);
        }
        expect(calls(run)).not.toMatch(/JavaScript/);
      },
    );

    it.each(functions)("%s keeps zeros' signs and gives NaN for infinities", (_name, f, truth) => {
      const x = p.array(
        [0, -0, Infinity, -Infinity, NaN, 1e-30, -1e-30, 3e38, 1.6e6, -1.6e6, 1.7e6],
        { dtype },
      );
      expect(worst(dtype, compile(f)(x), Array.from(p.toTypedArray(x), truth))).toBeLessThanOrEqual(
        bound,
      );
    });
  });

  it("equal eager evaluation of 32-bit floats inside larger groups", () => {
    const f = (x: NdArray): NdArray =>
      p.sum(p.mul(p.sin(p.mul(x, 3)), p.add(p.cos(x), p.exp(x))), { axis: -1 });
    const x = normal(key(6), [37, 53]);
    expect(
      p.allClose(compile(f)(x), f(x), { relativeTolerance: 1e-6, absoluteTolerance: 1e-5 }),
    ).toBe(true);
  });
});

describe("powers in compiled programs", () => {
  it("are those of IEEE 754, rounded, for all signs and special values", () => {
    const special = [
      0,
      -0,
      1,
      -1,
      2,
      -2,
      0.5,
      -0.5,
      3,
      -3,
      1e-40,
      -1e-40,
      3e38,
      Infinity,
      -Infinity,
      NaN,
      2 ** 24,
      7.5,
      -7.5,
      1e30,
    ];
    const [x, y] = [special.flatMap((a) => special.map(() => a)), special.flatMap(() => special)];
    const run = compile(p.pow);
    // the language has NaN for infinite powers of ±1, and for 1 to the power of NaN
    const ieee = (a: number, b: number): number =>
      a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
    const want = x.map((a, i) => ieee(Math.fround(a), Math.fround(y[i]!)));
    const got = p.toTypedArray(run(p.array(x), p.array(y)));
    want.forEach((truth, i) => {
      expect(got[i], `${x[i]} ** ${y[i]}`).toBe(Math.fround(truth));
    });
    expect(calls(run)).not.toMatch(/JavaScript/);
  });

  it("stay within the last place over the whole range", () => {
    const x = p.exp(uniform(key(1), [20_000], { low: -80, high: 80 }));
    const y = uniform(key(2), [20_000], { low: -3, high: 3 });
    const [a, b] = [p.toTypedArray(x), p.toTypedArray(y)];
    expect(
      worst(
        "float32",
        compile(p.pow)(x, y),
        Array.from(a, (v, i) => v ** b[i]!),
      ),
    ).toBeLessThanOrEqual(0.501);
  });

  it("by a constant, or of a broadcast base, are fused with what 64-bit lanes take", () => {
    const f = (x: NdArray, b: NdArray): NdArray => p.pow(p.add(p.abs(x), b), 1.5);
    const [x, b] = [normal(key(3), [7, 33]), normal(key(4), [33])];
    const g = (x: NdArray, b: NdArray): NdArray => p.pow(p.abs(b), p.square(x));
    expect(p.allClose(compile(f)(x, p.abs(b)), f(x, p.abs(b)), { relativeTolerance: 3e-7 })).toBe(
      true,
    );
    expect(p.allClose(compile(g)(x, b), g(x, b), { relativeTolerance: 3e-7 })).toBe(true);
  });

  it("of 64-bit floats run in JavaScript, where no digit is lost", () => {
    const run = compile((x: NdArray) => p.pow(x, 1.5));
    expect(p.toNested(run(p.array([2.5], { dtype: "float64" })))).toEqual([2.5 ** 1.5]);
    expect(calls(run)).toMatch(/pow \[in JavaScript: a power by logarithms would lose digits\]/);
  });
});
