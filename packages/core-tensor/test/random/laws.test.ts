// Draws at fixed keys against quantiles and probabilities of SciPy. A test of distribution that
// passes at p >= 1e-4 for a fixed key passes for ever.
import { readFileSync } from "node:fs";
import { type NdArray, toTypedArray } from "@provably/core-tensor";
import * as r from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { fixture } from "../golden/cases.js";

interface Law {
  readonly law: string;
  readonly params: Readonly<Record<string, never>>;
  readonly kind: string;
  readonly cdf?: [number, number][];
  readonly quantiles?: [number, number][];
  readonly bins?: [number, number, number][];
  readonly pmf?: [number[], number][];
  readonly mean?: number[];
  readonly covariance?: number[][];
  readonly projection?: { w: number[]; mean: number; variance: number };
  readonly mahalanobisQuantiles?: [number, number][];
}

const { laws } = JSON.parse(readFileSync(fixture("laws"), "utf8")) as { laws: Law[] };
const COUNT = 40_000;
/** Deviations of a normal with a p-value of 1e-4, both sides. */
const Z = 3.891;
const f64 = { dtype: "float64" } as const;

type Draw = (k: r.RngKey, p: Record<string, never>, n: number, firstRow: number) => NdArray;
const DRAWS: Readonly<Record<string, Draw>> = {
  laplace: (k, p, n, firstRow) => r.laplace(k, [n], { ...p, ...f64, firstRow }),
  logistic: (k, p, n, firstRow) => r.logistic(k, [n], { ...p, ...f64, firstRow }),
  studentT: (k, { df, ...p }, n, firstRow) => r.studentT(k, df!, [n], { ...p, ...f64, firstRow }),
  poisson: (k, p, n, firstRow) => r.poisson(k, p["rate"]!, [n], { firstRow }),
  binomial: (k, p, n, firstRow) => r.binomial(k, p["n"]!, p["p"]!, [n], { firstRow }),
  geometric: (k, p, n, firstRow) => r.geometric(k, p["p"]!, [n], { firstRow }),
  multinomial: (k, p, n, firstRow) => r.multinomial(k, p["n"]!, p["p"]!, [n], { firstRow }),
  multivariateNormal: (k, p, n, firstRow) =>
    r.multivariateNormal(k, p["mean"]!, p["covariance"]!, [n], { ...f64, firstRow }),
};

const labelled = laws.map((law, i) => [`${law.law} ${i} ${JSON.stringify(law.params)}`, law] as const); // prettier-ignore
const having = (field: keyof Law) => labelled.filter(([, law]) => law[field] !== undefined);

/** How many of a sorted list are at most x. */
function rank(xs: Float64Array, x: number): number {
  let [from, to] = [0, xs.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (xs[middle]! <= x) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Kolmogorov's distance at p = 1e-4 in the middle, five standard errors of the share at the ends. */
function expectShares(shares: readonly [number, number][], n: number): void {
  for (const [got, p] of shares)
    expect(Math.abs(got - p)).toBeLessThanOrEqual(
      Math.min(2.225, 5 * Math.sqrt(p * (1 - p))) / Math.sqrt(n) + 1e-12,
    );
}

/** Chi-square over bins, those that expect fewer than 5 draws joined. */
function expectCounts(counts: readonly [number, number][], n: number): void {
  let [got, wanted, statistic, degrees] = [0, 0, 0, -1];
  for (const [count, p] of counts) {
    if (p === 0) expect(count).toBe(0);
    got += count;
    wanted += p * n;
    if (wanted < 5) continue;
    statistic += (got - wanted) ** 2 / wanted;
    degrees++;
    [got, wanted] = [0, 0];
  }
  // what is left over is compared with a bound on a Poisson count
  expect(got).toBeLessThanOrEqual(wanted + 6 * Math.sqrt(wanted) + 6);
  if (degrees < 1) return;
  // Wilson and Hilferty's normal of a chi-square
  const z = (Math.cbrt(statistic / degrees) - 1 + 2 / (9 * degrees)) / Math.sqrt(2 / (9 * degrees));
  expect(z).toBeLessThan(Z);
}

const samples = ({ law, params }: Law, key: string): number[] => [
  ...toTypedArray(DRAWS[law]!(r.key(key), params, COUNT, 0)),
];

describe("draws at a fixed key", () => {
  it("cover every distribution of the fixture", () => {
    const known = new Set([...Object.keys(DRAWS), "choiceWithoutReplacement", "permutation"]);
    expect(laws.filter(({ law }) => !known.has(law))).toEqual([]);
    expect(laws.length).toBeGreaterThan(5);
  });

  it.each(labelled.filter(([, { kind }]) => kind === "continuous"))(
    "have the distribution function of %s",
    (label, law) => {
      const xs = Float64Array.from(samples(law, label)).sort();
      const points = [...law.cdf!, ...law.quantiles!.map(([q, x]) => [x, q] as const)];
      const below = (x: number): number => rank(xs, x) / COUNT;
      expectShares(
        points.map(([x, p]) => [below(x), p]),
        COUNT,
      );
    },
  );

  it.each(having("bins"))("have the probabilities of %s", (label, law) => {
    const xs = Float64Array.from(samples(law, label)).sort();
    const inside = law.bins!.map(([a, b, p]): [number, number] => [
      rank(xs, b) - rank(xs, a - 1),
      p,
    ]);
    expectCounts(inside, COUNT);
  });

  it.each(labelled.filter(([, { kind }]) => kind === "vector"))(
    "have the means and covariances of %s",
    (label, law) => {
      const xs = samples(law, label);
      const d = law.mean!.length;
      const at = (i: number, c: number): number => xs[i * d + c]! - law.mean![c]!;
      for (let a = 0; a < d; a++)
        for (let b = 0; b <= a; b++) {
          const va = law.covariance![a]![a]!;
          const vb = law.covariance![b]![b]!;
          let [sum, products] = [0, 0];
          for (let i = 0; i < COUNT; i++) {
            sum += at(i, a);
            products += at(i, a) * at(i, b);
          }
          expect(Math.abs(sum / COUNT)).toBeLessThanOrEqual(5 * Math.sqrt(va / COUNT));
          const off = Math.abs(products / COUNT - law.covariance![a]![b]!);
          expect(off).toBeLessThanOrEqual(5 * Math.sqrt((3 * va * vb) / COUNT));
        }
    },
  );

  it.each(having("projection"))("have the normal projection of %s", (label, law) => {
    const { w, mean, variance } = law.projection!;
    const xs = samples(law, label);
    const d = w.length;
    const scores = Array.from({ length: COUNT }, (_, i) =>
      (w.reduce((s, v, c) => s + v * xs[i * d + c]!, 0) - mean) / Math.sqrt(variance)); // prettier-ignore
    const normal = [[-2.3263478740408408, 0.01], [-1.2815515655446004, 0.1], [-0.6744897501960817, 0.25], [0, 0.5], [0.6744897501960817, 0.75], [1.2815515655446004, 0.9], [2.3263478740408408, 0.99]] as const; // prettier-ignore
    expectShares(
      normal.map(([x, p]) => [scores.filter((s) => s <= x).length / COUNT, p]),
      COUNT,
    );
  });

  it.each(labelled.filter(([, { law, pmf }]) => law === "multinomial" && pmf !== undefined))(
    "have the joint probabilities of %s",
    (label, law) => {
      const d = law.pmf![0]![0].length;
      expectCounts(tallied(samples(law, label), d, law.pmf!), COUNT);
    },
  );

  it.each(labelled.filter(([, { kind }]) => kind === "sequence"))(
    "have the ordered probabilities of %s",
    (label, { law, params, pmf }) => {
      const n = 10_000;
      const width = pmf![0]![0].length;
      const weights = params["weights"] as readonly number[] | undefined;
      const drawn = Array.from({ length: n }, (_, i) => {
        const k = r.foldIn(r.key(label), i);
        return law === "permutation"
          ? [...toTypedArray(r.permutation(k, width))]
          : [...toTypedArray(r.choice(k, weights!.length, [width], { weights: weights!, replace: false }))]; // prettier-ignore
      });
      expectCounts(tallied(drawn.flat(), width, pmf!), n);
    },
  );
});

function tallied(
  xs: readonly number[],
  width: number,
  pmf: readonly [number[], number][],
): [number, number][] {
  const counts = new Map<string, number>();
  for (let at = 0; at < xs.length; at += width) {
    const name = xs.slice(at, at + width).join();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return pmf.map(([outcome, p]) => [counts.get(outcome.join()) ?? 0, p]);
}

describe("a row of draws", () => {
  it.each(Object.keys(DRAWS))("of %s is the same in any part of the batch", (name) => {
    const { params } = laws.filter(({ law }) => law === name)[2]!;
    const all = [...toTypedArray(DRAWS[name]!(r.key(3), params, 40, 0))];
    const parts = [0, 5, 7].map((from, i) =>
      [...toTypedArray(DRAWS[name]!(r.key(3), params, [5, 2, 33][i]!, from))]); // prettier-ignore
    expect(parts.flat()).toEqual(all);
    expect([...toTypedArray(DRAWS[name]!(r.key(4), params, 40, 0))]).not.toEqual(all);
  });

  it("has parameters of its own, by broadcasting", () => {
    const means = r.multivariateNormal(r.key(0), [[0], [1e6]], [[[1]], [[1e-12]]], [2], f64);
    expect([...toTypedArray(means)].map((v) => Math.abs(Math.round(v / 1e6)))).toEqual([0, 1]);
    expect([...toTypedArray(r.binomial(r.key(0), [[3], [5]], [0, 1], [2, 2]))]).toEqual([0, 3, 0, 5]); // prettier-ignore
    expect([...toTypedArray(r.multinomial(r.key(0), [2, 7], [[0, 1], [1, 0]], [2]))]).toEqual([0, 2, 7, 0]); // prettier-ignore
  });
});

describe("a draw", () => {
  it.each([
    ["a scale of 0", () => r.laplace(r.key(0), [2], { scale: 0 }), /laplace: scale must be positive/], // prettier-ignore
    ["a location that does not fit", () => r.logistic(r.key(0), [2], { loc: [1, 2, 3] }), /logistic/], // prettier-ignore
    ["no degrees of freedom", () => r.studentT(r.key(0), 0, [2]), /studentT: df must be positive/],
    ["a negative rate", () => r.poisson(r.key(0), -1, [2]), /poisson: rate must be in/],
    ["a rate beyond int32", () => r.poisson(r.key(0), 1e10, [2]), /poisson: rate must be in/],
    ["half a trial", () => r.binomial(r.key(0), 1.5, 0.5, [2]), /binomial: n must be an integer/],
    ["a probability of 2", () => r.binomial(r.key(0), 1, 2, [2]), /binomial: p must be in/],
    ["a success that never comes", () => r.geometric(r.key(0), 0, [2]), /geometric: p must be in/],
    ["shares that miss 1", () => r.multinomial(r.key(0), 1, [0.5, 0.4]), /multinomial: p must sum/],
    ["a lopsided covariance", () => r.multivariateNormal(r.key(0), [0, 0], [[1, 0.5], [0, 1]]), /symmetric/], // prettier-ignore
    ["an indefinite covariance", () => r.multivariateNormal(r.key(0), [0, 0], [[1, 2], [2, 1]]), /semidefinite/], // prettier-ignore
    ["a negative variance", () => r.multivariateNormal(r.key(0), [0], [[-1]]), /multivariateNormal: covariance/], // prettier-ignore
    ["too few positive weights", () => r.choice(r.key(0), 3, [2], { weights: [1, 0, 0], replace: false }), /1 positive weights/], // prettier-ignore
  ])("of %s is refused by name", (_, call, message) => {
    expect(call).toThrow(message);
  });
});
