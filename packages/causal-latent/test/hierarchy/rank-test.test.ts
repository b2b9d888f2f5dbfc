import { foldIn, key } from "@provably/core-tensor/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type RankTestMethod, estimateRank, rankTest } from "../../src/hierarchy/index.js";
import { multinomial } from "../../src/hierarchy/rank/rank-test.js";
import { wilsonInterval } from "../../src/matte/index.js";

const tables = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }))
  .chain(([p, q]) =>
    fc.array(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: q, maxLength: q }), {
      minLength: p,
      maxLength: p,
    }),
  )
  .filter((table) => table.flat().some((x) => x > 0));
const methods: readonly RankTestMethod[] = [
  "auto",
  "kp",
  "pearson",
  "bartlett",
  "bartlettLawley",
  "lr",
  "exact",
];

describe("rankTest", () => {
  it("is Pearson's chi-square for rank 1", () => {
    // Σ (observed − expected)² / expected by hand: margins 30, 30 and 20, 40
    const expected = [10, 20, 10, 20];
    const statistic = [15, 15, 5, 25].reduce(
      (sum, x, i) => sum + (x - expected[i]!) ** 2 / expected[i]!,
      0,
    );
    expect(rankTest([[15, 15], [5, 25]], { method: "pearson" }).statistic).toBeCloseTo(statistic, 10); // prettier-ignore
  });

  it("gives a finite statistic and a p-value in [0, 1] for every table, however sparse", () => {
    fc.assert(
      fc.property(
        tables,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(...methods),
        (table, rank, method) => {
          const { statistic, pValue, df } = rankTest(table, { rank, method, restarts: 2 });
          expect(Number.isFinite(statistic) && pValue >= 0 && pValue <= 1 && df >= 0).toBe(true);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });

  it("does not depend on the order of rows and columns, nor on which are which", () => {
    fc.assert(
      fc.property(tables, fc.constantFrom("kp", "pearson", "bartlett"), (table, method) => {
        const turned = table[0]!.map((_, j) => table.map((row) => row[j]!)).reverse();
        const [a, b] = [rankTest(table, { method }), rankTest(turned, { method })];
        expect(Math.abs(a.statistic - b.statistic)).toBeLessThanOrEqual(1e-7 * (1 + a.statistic));
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it("drops empty rows and columns and says so", () => {
    const { shape, warnings, df } = rankTest([[5, 0, 7], [0, 0, 0], [9, 0, 4]], { method: "pearson" }); // prettier-ignore
    expect(shape).toEqual([2, 2]);
    expect(df).toBe(1);
    expect(warnings.join()).toMatch(/1 empty rows dropped.*1 empty columns dropped/);
  });

  it("has nothing to test where one row or column is left", () => {
    const { statistic, df, pValue, rejected } = rankTest([[5, 7, 9]]);
    expect([statistic, df, pValue, rejected]).toEqual([0, 0, 1, false]);
  });

  it("warns where counts are too thin for the method that is asked for", () => {
    const thin = rankTest([[1, 0, 2, 1], [0, 2, 1, 0], [1, 1, 0, 1]], { rank: 2, method: "kp" }); // prettier-ignore
    expect(thin.warnings.join()).toMatch(/below 10/);
  });

  it("lets auto fall back on exact and simulated p-values where a state is rare", () => {
    expect(rankTest([[1, 0, 2, 1], [0, 2, 1, 0], [1, 1, 0, 1]], { rank: 2 }).method).toBe("bootstrap"); // prettier-ignore
    // the only table with these margins beside it has its single observation in the other column
    expect(rankTest([[990, 9], [0, 1]]).pValue).toBeCloseTo(0.01, 10); // prettier-ignore
    expect(rankTest([[1, 0], [0, 1]])).toMatchObject({ pValue: 1, statistic: 2 }); // prettier-ignore
  });

  it("pools rare states before a test of rank 2, and says so", () => {
    const table = [[300, 80, 60, 1], [70, 200, 40, 2], [60, 50, 150, 1], [2, 0, 1, 0], [1, 1, 0, 0]]; // prettier-ignore
    const { shape, warnings, method } = rankTest(table, { rank: 2 });
    expect([method, shape]).toEqual(["bootstrap", [4, 3]]);
    expect(warnings.join()).toMatch(/2 rows with few observations pooled into one/);
  });

  it("keeps the level of rank 2 with rare states", () => {
    // P = ½ a bᵀ + ½ c dᵀ with a state of 1 % on either side
    const [a, b, c, d] = [[0.6, 0.29, 0.1, 0.01], [0.5, 0.39, 0.1, 0.01], [0.1, 0.3, 0.59, 0.01], [0.15, 0.25, 0.59, 0.01]]; // prettier-ignore
    const cells = Float64Array.from({ length: 16 }, (_, i) => 0.5 * a[i >> 2]! * b[i & 3]! + 0.5 * c[i >> 2]! * d[i & 3]!); // prettier-ignore
    const count = 150;
    let rejected = 0;
    for (let r = 0; r < count; r++) {
      const counts = multinomial(foldIn(key("rare"), r), cells, 600);
      const table = Array.from({ length: 4 }, (_, i) => [...counts.subarray(4 * i, 4 * i + 4)]);
      if (rankTest(table, { rank: 2, numReplicates: 199, restarts: 3, key: foldIn(key("own"), r) }).pValue <= 0.05) rejected++; // prettier-ignore
    }
    expect(rejected / count).toBeLessThanOrEqual(0.05 + 4 * Math.sqrt((0.05 * 0.95) / count));
  });

  it("takes a table that equals its own diagonal: two identical variables", () => {
    const { pValue } = rankTest([[50, 0], [0, 50]], { method: "kp" }); // prettier-ignore
    expect(pValue).toBeLessThan(1e-10);
  });

  it("repeats a bootstrap for the same key and accepts what is true", () => {
    const table = multinomial(key(5), Float64Array.of(0.2, 0.1, 0.3, 0.4), 500);
    const counts = [[table[0]!, table[1]!], [table[2]!, table[3]!]]; // prettier-ignore
    const run = (): number =>
      rankTest(counts, { method: "bootstrap", key: key(1), numReplicates: 99 }).pValue;
    expect(run()).toBe(run());
    expect(rankTest([[60, 5], [5, 60]], { method: "permutation", key: key(2) }).pValue).toBe(1 / 200); // prettier-ignore
  });

  it.each([
    [() => rankTest([[1, -1]]), "InvalidDataError", /row 0, column 1/],
    [() => rankTest([[1, NaN]]), "InvalidDataError", /NaN/],
    [() => rankTest([[0, 0]]), "InvalidDataError", /all be 0/],
    [() => rankTest([1, 2]), "ShapeError", /\[p, q\]/],
    [() => rankTest([[1, 2]], { rank: 0 }), "DomainError", /rank must/],
    [() => rankTest([[1, 2]], { method: "wald" as "kp" }), "DomainError", /method must/],
    [() => rankTest([[1, 2]], { method: "permutation", rank: 2 }), "DomainError", /rank 1 only/],
  ])("names what is wrong (%#)", (run, name, message) => {
    expect(run).toThrow(
      expect.objectContaining({ name, message: expect.stringMatching(message) as string }),
    );
  });

  it("estimates a rank", () => {
    const counts = multinomial(key(7), rankTwo, 20_000);
    expect(
      estimateRank(Array.from({ length: 4 }, (_, i) => [...counts.subarray(4 * i, 4 * i + 4)])),
    ).toBe(2);
  });
});

// P = ½ a bᵀ + ½ c dᵀ: rank 2, smallest cell 0.0325
const [a, b, c, d] = [[0.4, 0.3, 0.2, 0.1], [0.35, 0.3, 0.2, 0.15], [0.1, 0.2, 0.3, 0.4], [0.1, 0.25, 0.25, 0.4]]; // prettier-ignore
const rankTwo = Float64Array.from(
  { length: 16 },
  (_, i) => 0.5 * a[i >> 2]! * b[i & 3]! + 0.5 * c[i >> 2]! * d[i & 3]!,
);
const rankOne = Float64Array.from({ length: 16 }, (_, i) => a[i >> 2]! * d[i & 3]!);

/** Share of tables on which a true hypothesis is rejected at the 5 % level. With B replicates a p-value of (B + 1)/20 ranks, not below it, is a rejection. */
function size(
  method: RankTestMethod,
  rank: 1 | 2,
  n: number,
  count: number,
  numReplicates: number,
): number {
  let rejected = 0;
  for (let r = 0; r < count; r++) {
    const counts = multinomial(foldIn(key("size"), r), rank === 1 ? rankOne : rankTwo, n);
    const table = Array.from({ length: 4 }, (_, i) => [...counts.subarray(4 * i, 4 * i + 4)]);
    if (
      rankTest(table, { rank, method, restarts: 2, numReplicates, key: foldIn(key("starts"), r) })
        .pValue <= 0.05
    )
      rejected++;
  }
  return rejected / count;
}

const SOURCES: Partial<Record<RankTestMethod, string>> = {
  kp: "Kleibergen, Paap (2006), theorem 1",
  pearson: "Pearson (1900) for rank 1; for rank 2 near a chi-square only",
  bartlett: "Bartlett's correction as used by Huang and others (2022)",
  bartlettLawley: "Lawley's correction as used by Dong and others (2024)",
  lr: "Wilks (1938), for the latent-class model",
  auto: "our choice by the smallest fitted cell: here pearson for rank 1, kp for rank 2",
  permutation: "exact by exchangeability, for every number B of replicates with 0.05 (B + 1) whole",
  bootstrap:
    "Dufour (2006): right in the limit for every number B of replicates with 0.05 (B + 1) whole",
};

/** Shares on 10⁴ tables, of rank 1 and 2, as RUN_SLOW=1 last measured them, 27 November 2026. */
const ON_MANY: Partial<Record<RankTestMethod, readonly number[]>> = {
  kp: [0.0571, 0.0471],
  pearson: [0.0494, 0.0457],
  bartlett: [0.0494, 0.0456],
  bartlettLawley: [0.0494, 0.0484],
  lr: [0.0503, 0.046],
  auto: [0.0494, 0.0471],
  permutation: [0.0487],
  bootstrap: [0.0503, 0.0477],
};

describe("size of the tests at the 5 % level, 4 × 4 tables, n = 2000", () => {
  const slow = process.env["RUN_SLOW"] !== undefined;
  // sd of a share is √(0.05 · 0.95 / N): 0.0022 for 10⁴ tables, where [3 %, 7 %] is asked for, 0.0109 for 400, where the band is wider by 4 of these
  const [count, numReplicates] = [slow ? 10_000 : 400, 19];
  const margin = slow ? 0 : 4 * Math.sqrt((0.05 * 0.95) / count);
  const cases = Object.keys(SOURCES).flatMap((m) =>
    (m === "permutation" ? [1] : [1, 2]).map((rank) => [m, rank] as [RankTestMethod, 1 | 2]),
  );
  it.for(cases)("%s, rank %d", { timeout: 3_600_000 }, ([method, rank], { task }) => {
    const share = size(method, rank, 2000, count, numReplicates);
    const known = ON_MANY[method]![rank - 1]!;
    const { interval } = wilsonInterval(Math.round(known * 10_000), 10_000);
    const range = interval.map((x) => (100 * x).toFixed(1)).join(" to ");
    task.meta.claim = {
      says: `The test \`${method}\` of rank ${rank} rejects a true hypothesis as often as its level says`,
      source: SOURCES[method]!,
      measured: `${(100 * known).toFixed(1)} % (95 % interval ${range}) at the 5 % level, 10⁴ tables of 4 × 4, n = 2000 (RUN_SLOW=1); ${(100 * share).toFixed(1)} % on ${count}`,
    };
    if (slow) console.log(`size of ${method}, rank ${rank}: ${share}`);
    if (slow) expect(Math.abs(share - known)).toBeLessThan(0.001); // one table in a thousand may fall otherwise where logarithms round otherwise
    expect(share).toBeGreaterThanOrEqual(0.03 - margin);
    expect(share).toBeLessThanOrEqual(0.07 + margin);
  });
});
