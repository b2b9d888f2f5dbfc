import {
  DomainError,
  type NdArray,
  ShapeError,
  item,
  mean,
  reshape,
  sort,
  toNested,
  toTypedArray,
  variance,
} from "@provably/core-tensor";
import * as r from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { threefry2x32 } from "../../src/random/threefry.js";
import { ndtr } from "../../src/exec/js/special.js";

const f64 = { dtype: "float64" } as const;

describe("keys", () => {
  it("are pinned: these values never change", () => {
    expect([r.key(0), r.key("a"), r.foldIn(r.key(0), 1), r.split(r.key(0), 2)[1]])
      .toMatchInlineSnapshot(`
      [
        "e13fd37ee18a8e73db1d51f862da165d",
        "f0111c88a750143011b936e60aabfa2d",
        "4bdcfb1e3abd7800ebe0bfc5d2076325",
        "602bc59091a0f63fcdcde674ddc847de",
      ]
    `);
  });
  it("avalanche: flipping one bit of the folded number flips about half of the key", () => {
    const bits = (k: string): number[] =>
      [...k].flatMap((digit) =>
        [8, 4, 2, 1].map((b) => Number((Number.parseInt(digit, 16) & b) !== 0)),
      );
    let flipped = 0;
    const rounds = 400;
    for (let i = 0; i < rounds; i++) {
      const [a, b] = [bits(r.foldIn(r.key(5), i)), bits(r.foldIn(r.key(5), i ^ (1 << (i % 20))))];
      flipped += a.filter((bit, j) => bit !== b[j]).length;
    }
    // mean 64 of 128, standard error 5.66 / √400 = 0.28; 5 of them
    expect(Math.abs(flipped / rounds - 64)).toBeLessThan(1.5);
  });
  it("of splits, folds, seeds and texts are all different", () => {
    const all = [
      ...r.split(r.key(1), 50),
      ...Array.from({ length: 50 }, (_, i) => r.foldIn(r.key(1), i)),
      ...Array.from({ length: 50 }, (_, i) => r.foldIn(r.key(1), String(i))),
      ...Array.from({ length: 50 }, (_, i) => r.key(i)),
    ];
    expect(new Set(all).size).toBe(200);
  });
  it("refuse what is no key", () => {
    expect(() => r.normal("x" as r.RngKey, [1])).toThrow(/key must be made by/);
    expect(() => r.key(NaN)).toThrow(DomainError);
    expect(() => r.split(r.key(0), -1)).toThrow(DomainError);
  });
});

it("Threefry gives the published test vectors", ({ task }) => {
  const run = (k0: number, k1: number, c0: number, c1: number): string[] => {
    const block = Int32Array.of(c0, c1);
    threefry2x32(k0, k1, block);
    return [...block].map((w) => (w >>> 0).toString(16));
  };
  expect(run(0, 0, 0, 0)).toEqual(["6b200159", "99ba4efe"]);
  expect(run(-1, -1, -1, -1)).toEqual(["1cb996fc", "bb002be7"]);
  expect(run(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3 | 0)).toEqual(["c4923a9c", "483df7a0"]);
  task.meta.claim = {
    says: "The random bits are those of Threefry-2x32 with 20 rounds, which passes the tests of BigCrush",
    source: "Salmon, Moraes, Dror, Shaw (2011), known answers of Random123",
    measured: "3 of 3 known answers, bit for bit; BigCrush itself was not run again",
  };
});

/** Kolmogorov-Smirnov distance to a distribution function; above 1.95/√n with probability 0.001. */
function ks(x: NdArray, cdf: (v: number) => number): number {
  const sorted = toTypedArray(sort(x));
  let worst = 0;
  sorted.forEach(
    (v, i) =>
      (worst = Math.max(
        worst,
        Math.abs(cdf(v) - i / sorted.length),
        Math.abs(cdf(v) - (i + 1) / sorted.length),
      )),
  );
  return worst * Math.sqrt(sorted.length);
}

describe("draws follow their distributions", () => {
  const n = 20_000;
  const k = r.key("laws");
  it.each([
    ["uniform", r.uniform(k, [n], f64), (v: number) => v],
    ["normal", r.normal(k, [n], f64), ndtr],
    ["normalRows", r.normalRows(k, [n / 2, 2], f64), ndtr],
    [
      "exponential",
      r.exponential(k, [n], { ...f64, rate: 2 }),
      (v: number) => 1 - Math.exp(-2 * v),
    ],
    ["gumbel", r.gumbel(k, [n], f64), (v: number) => Math.exp(-Math.exp(-v))],
    [
      "truncatedNormal",
      r.truncatedNormal(k, [n], { ...f64, low: 0.5, high: 3 }),
      (v: number) => (ndtr(v) - ndtr(0.5)) / (ndtr(3) - ndtr(0.5)),
    ],
    ["gamma of shape 1", r.gamma(k, 1, [n], f64), (v: number) => 1 - Math.exp(-v)],
    ["gamma of shape ½", r.gamma(k, 0.5, [n], f64), (v: number) => 2 * ndtr(Math.sqrt(2 * v)) - 1],
    ["beta(2, 1)", r.beta(k, 2, 1, [n], f64), (v: number) => v * v],
  ] as const)("%s", (_, x, cdf) => {
    expect(ks(reshape(x, [x.size]), cdf)).toBeLessThan(1.95);
  });

  it("normals have the moments asked for", () => {
    const x = r.normal(k, [n], { ...f64, mean: 3, std: 2 });
    // standard errors 2/√n = 0.014 and 4√(2/n) = 0.04; 5 of each
    expect(Math.abs(item(mean(x)) - 3)).toBeLessThan(0.07);
    expect(Math.abs(item(variance(x)) - 4)).toBeLessThan(0.2);
  });
  it("Bernoulli, integers and classes come with their frequencies", () => {
    const share = (x: NdArray, v: number): number =>
      toTypedArray(x).filter((u) => u === v).length / x.size;
    // standard error at most 0.5/√n = 0.0036; 5 of them
    expect(Math.abs(share(r.bernoulli(k, 0.3, [n]), 1) - 0.3)).toBeLessThan(0.018);
    expect(Math.abs(share(r.randint(k, -1, 3, [n]), 2) - 0.25)).toBeLessThan(0.018);
    expect(Math.abs(share(r.choice(k, 3, [n], { weights: [1, 0, 3] }), 2) - 0.75)).toBeLessThan(
      0.018,
    );
    expect(share(r.choice(k, 3, [n], { weights: [1, 0, 3] }), 1)).toBe(0);
    const rows = Array.from({ length: n }, () => [Math.log(0.2), Math.log(0.8)]);
    expect(Math.abs(share(r.categorical(k, rows), 0) - 0.2)).toBeLessThan(0.018);
  });
  it("permutations hold every number once, choices without replacement none twice", () => {
    expect(toNested(sort(r.permutation(k, 100)))).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(new Set(toTypedArray(r.choice(k, 50, [20], { replace: false }))).size).toBe(20);
  });
  it("Dirichlet rows sum to one", () => {
    const x = r.dirichlet(k, [0.5, 2, 1], [100], f64);
    for (let i = 0; i < 100; i++)
      expect(x.get(i, 0) + x.get(i, 1) + x.get(i, 2)).toBeCloseTo(1, 12);
  });
});

describe("draws repeat", () => {
  it("float32 is float64, rounded", () => {
    const [a, b] = [r.normal(r.key(3), [50]), r.normal(r.key(3), [50], f64)];
    toTypedArray(b).forEach((v, i) => expect(a.get(i)).toBe(Math.fround(v)));
  });
  it("rows stand for themselves, wide or narrow, in parts or whole", () => {
    const whole = r.normalRows(r.key(4), [9, 5], f64);
    for (const [from, count] of [
      [0, 4],
      [4, 5],
      [8, 1],
    ] as const)
      expect(toNested(r.normalRows(r.key(4), [count, 5], { ...f64, firstRow: from }))).toEqual(
        (toNested(whole) as number[][]).slice(from, from + count),
      );
  });
  it("arguments are checked", () => {
    expect(() => r.normal(r.key(0), [2], { std: -1 })).toThrow(DomainError);
    expect(() => r.uniform(r.key(0), [2], { low: 1, high: 0 })).toThrow(DomainError);
    expect(() => r.normal(r.key(0), [-2])).toThrow(ShapeError);
    expect(() => r.choice(r.key(0), 3, [4], { replace: false })).toThrow(/without replacement/);
    expect(() => r.categorical(r.key(0), [[-Infinity, -Infinity]])).toThrow(/row 0/);
    expect(() => r.gamma(r.key(0), 0, [1])).toThrow(DomainError);
  });
});
