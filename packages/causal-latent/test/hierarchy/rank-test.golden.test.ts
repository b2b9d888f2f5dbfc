import { describe, expect, it } from "vitest";
import { chiSquareTail, nonnegativeRank, rankTest } from "../../src/hierarchy/index.js";
import { expectClose, expectRelative, load } from "./fixtures.js";

interface Test {
  readonly statistic: number;
  readonly df: number;
  readonly pValue: number;
}
interface Golden {
  readonly sampled: readonly {
    readonly counts: number[][];
    readonly n: number;
    readonly tests: readonly {
      readonly k: number;
      readonly pearson: Test;
      readonly bartlett: Test;
      readonly kp: Test;
      readonly lr?: Test;
    }[];
  }[];
  readonly exact: readonly { readonly P: number[][]; readonly rank: number }[];
  readonly nonnegativeRankGap: {
    readonly P: number[][];
    readonly rank: number;
    readonly nonnegativeRank: number;
    readonly bestKlRank3: number;
  };
}
const golden = load<Golden>("rank_tests");

describe("golden rank tests", () => {
  const cases = (golden?.sampled ?? []).map(
    (s) => [`${s.counts.length}×${s.counts[0]!.length}, n = ${s.n}`, s] as const,
  );

  it.each(cases)(
    "statistics, degrees of freedom and p-values of a table %s",
    (_, { counts, n, tests }) => {
      for (const { k, ...methods } of tests)
        for (const method of ["pearson", "bartlett", "kp"] as const) {
          const got = rankTest(counts, { rank: k, method });
          const want = methods[method];
          expect(got.n).toBe(n);
          expect(got.df).toBe(want.df);
          expectRelative(got.statistic, want.statistic, method === "kp" ? 1e-6 : 1e-9);
          if (want.pValue > 0) expectRelative(got.pValue, want.pValue, 1e-6);
          else expect(got.pValue).toBeLessThan(1e-300);
        }
    },
  );

  it.each(cases)(
    "likelihood ratios of a table %s are at least as small",
    (_, { counts, tests }) => {
      for (const { k, lr } of tests) {
        if (lr === undefined) continue;
        const got = rankTest(counts, { rank: k, method: "lr" });
        expect(got.df).toBe(lr.df);
        expect(got.statistic, `k = ${k}`).toBeLessThanOrEqual(lr.statistic + 1e-3);
        // a fit cannot be better than the best one of unrestricted rank-k tables by much: it stays positive
        expect(got.statistic).toBeGreaterThanOrEqual(0);
      }
    },
  );

  it("ranks of exact tables", () => {
    for (const { P, rank } of golden.exact) {
      expect(rankTest(P, { rank, method: "exact" }).rejected).toBe(false);
      if (rank > 1) expect(rankTest(P, { rank: rank - 1, method: "exact" }).rejected).toBe(true);
    }
  });

  it("a nonnegative rank above the rank", () => {
    const { P, rank, nonnegativeRank: wanted, bestKlRank3 } = golden.nonnegativeRankGap;
    expect(rankTest(P, { rank, method: "exact" }).rejected).toBe(false);
    const got = nonnegativeRank(P);
    expect(got.value).toBe(wanted);
    expect(got.certified).toBe(false);
    expectClose(got.klByRank[2]!, bestKlRank3, 1e-6);
  });

  it("chi-square tails far out", () => {
    // P(χ²₂ > x) = exp(−x/2), P(χ²₄ > x) = (1 + x/2) exp(−x/2)
    for (const x of [0.1, 1, 3, 10, 100, 1300]) {
      expectRelative(chiSquareTail(x, 2).p, Math.exp(-x / 2), 1e-12);
      expectRelative(chiSquareTail(x, 4).p, (1 + x / 2) * Math.exp(-x / 2), 1e-12);
    }
    expectRelative(chiSquareTail(10_000, 2).logP, -5000, 1e-14);
  });
});
