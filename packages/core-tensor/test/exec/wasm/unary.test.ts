import { describe, expect, it } from "vitest";
import type { UnaryName } from "../../../src/exec/wasm/index.js";
import { erf, erfc, normalMass } from "./error-function.js";
import { type Kind, KINDS, LEVELS, atLevel, noise } from "./level.js";

const sigmoid = (x: number) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

const SCALE = 2 * Math.sqrt(2 / Math.PI);

/** x σ(SCALE (x + 0.044715 x³)); e to the power of three parts, of which the large ones carry no rounding. */
function geluTanh(x: number): number {
  const [p, q] = [Math.fround(SCALE), Math.fround(SCALE * 0.044715)];
  const head = Math.trunc(Math.max(-64, Math.min(64, x)) * 16) / 16;
  const slope = SCALE * (1 + 0.044715 * (x * x + x * head + head * head));
  const rest = (SCALE - p) * head + (SCALE * 0.044715 - q) * head ** 3 + (x - head) * slope;
  const e = Math.exp(p * head) * Math.exp(q * head ** 3) * Math.exp(rest);
  return x > 0 || Number.isNaN(x) || x < -64
    ? x * sigmoid(SCALE * (x + 0.044715 * x ** 3))
    : (x * e) / (1 + e);
}

/** The functions in float64, from the language's own and from series. */
const TRUTH: Record<UnaryName, (x: number) => number> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  tanh: Math.tanh,
  sigmoid,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  silu: (x) => x * sigmoid(x),
  erf,
  erfc,
  gelu: (x) => x * normalMass(x),
  ndtr: normalMass,
  geluTanh,
};

const UNARY_NAMES = Object.keys(TRUTH) as UnaryName[];

/** Interval of a dense sweep. */
const SWEEP: Record<UnaryName, readonly [number, number]> = {
  exp: [-87, 88],
  expm1: [-30, 88],
  log: [0, 10],
  log1p: [-0.999, 10],
  tanh: [-12, 12],
  sigmoid: [-60, 60],
  softplus: [-60, 60],
  silu: [-60, 60],
  erf: [-5, 5],
  erfc: [-4, 4],
  gelu: [-8, 8],
  ndtr: [-8, 8],
  geluTanh: [-5, 5],
};

/**
 * Largest allowed error in units of the last place. The gated functions round their inner argument, which the tail of the gate
 * multiplies by its logarithmic slope; float64 adds the error of the reference itself, about one unit.
 */
const ULPS: Record<UnaryName, number> = {
  exp: 2,
  expm1: 4,
  log: 2,
  log1p: 3,
  tanh: 4,
  sigmoid: 4,
  softplus: 4,
  silu: 4,
  erf: 3,
  erfc: 4,
  gelu: 6,
  ndtr: 6,
  geluTanh: 10,
};

function ulp(kind: Kind, x: number): number {
  const size = Math.abs(x);
  if (kind === "float32")
    return size < 2 ** -126 ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23);
  return size < 2 ** -1022 ? 2 ** -1074 : 2 ** (Math.floor(Math.log2(size)) - 52);
}

const arrayOf = (kind: Kind, values: ArrayLike<number>) =>
  kind === "float32" ? Float32Array.from(values) : Float64Array.from(values);

describe.each(LEVELS)("unary kernels at level %s", (level) => {
  const { wasm, supported } = atLevel(level);

  describe.skipIf(!supported).each(KINDS)("%s", (kind) => {
    it.each(UNARY_NAMES)("%s stays within its ulps on a dense sweep", (name) => {
      const [low, high] = SWEEP[name];
      const points = /^(erf|gelu$|ndtr)/.test(name) ? 3_000 : 60_000;
      const sweep = noise(kind, points, 7).map((x) => low + ((x + 1) / 2) * (high - low));
      const near = noise(kind, 2_000, 8).map((x, i) => x * 10 ** -(i % 40));
      const x = arrayOf(kind, [...sweep, ...(low < 0 ? near : near.map(Math.abs))]);
      const y = wasm().unary(name, x)!;
      let worst = 0;
      let where = 0;
      x.forEach((at, i) => {
        const truth = TRUTH[name](at);
        const error = Math.abs(y[i]! - truth) / ulp(kind, truth);
        if (!(error <= worst)) [worst, where] = [error, at];
      });
      expect(worst, `${name}(${where})`).toBeLessThanOrEqual(ULPS[name]);
    });

    it.each(UNARY_NAMES)("%s treats the ends of the range like the language does", (name) => {
      const edge = kind === "float32" ? 3.4028234663852886e38 : Number.MAX_VALUE;
      const tiny = kind === "float32" ? 2 ** -149 : 2 ** -1074;
      const specials = [
        0,
        -0,
        Infinity,
        -Infinity,
        NaN,
        edge,
        -edge,
        tiny,
        -tiny,
        8 * tiny,
        2 ** -126,
        1,
        -1,
        2,
        -2,
        88.72,
        88.73,
        709.7,
        709.8,
        -87.4,
        -100,
        -104,
        -745,
        -746,
        1e-30,
        -1e-30,
        0.75,
        -0.75,
        30,
        -30,
        1.5,
        -1.5,
        5e5,
        -0.5,
      ];
      const x = arrayOf(kind, specials);
      const y = wasm().unary(name, x)!;
      const expected = arrayOf(kind, Array.from(x, TRUTH[name]));
      x.forEach((at, i) => {
        const want = expected[i]!;
        // A nonzero argument may reach zero by rounding, where half a unit decides; there the bound below applies.
        if (!Number.isFinite(want) || (want === 0 && Math.abs(at) !== tiny))
          expect(y[i], `${name}(${at})`).toBe(want);
        else {
          // A gate below the normal range is a multiple of `tiny`, and so is its error, times the argument.
          const gate = name === "silu" ? Math.abs(at) * tiny : 0;
          expect(Math.abs(y[i]! - want), `${name}(${at})`).toBeLessThanOrEqual(
            ULPS[name] * ulp(kind, want) + gate,
          );
        }
      });
    });

    it("gives every element the same value wherever it stands", () => {
      for (const name of UNARY_NAMES)
        for (const size of [1, 2, 31, 32, 33, 34, 35, 4096, 4097, 9000]) {
          const y = wasm().unary(name, arrayOf(kind, new Array<number>(size).fill(0.7)))!;
          expect(y).toHaveLength(size);
          expect(new Set(y).size).toBe(1);
        }
    });

    it("reads a subarray, leaves it alone and returns fresh storage", () => {
      const base = noise(kind, 200, 3);
      const before = base.slice();
      const y = wasm().unary("tanh", base.subarray(7, 107))!;
      expect(base).toEqual(before);
      expect(y).toHaveLength(100);
      expect(y.byteLength).toBe(y.buffer.byteLength);
      expect(y[3]).toBeCloseTo(Math.tanh(base[10]!), 6);
    });

    it("gives an element the same bits alone and among many", () => {
      for (const name of UNARY_NAMES) {
        const x = noise(kind, 40, 5).map((v) =>
          name === "log" ? Math.abs(v) : name === "log1p" ? v / 1000 : v,
        );
        const y = wasm().unary(name, x)!;
        for (let i = 0; i < x.length; i++)
          expect(wasm().unary(name, x.subarray(i, i + 1))![0]).toBe(y[i]);
      }
      expect(wasm().unary("exp", noise(kind, 0, 1))).toHaveLength(0);
    });
  });
});
