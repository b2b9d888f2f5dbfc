/** Thin tables, against enumerations by SciPy and R, and how often a true hypothesis is rejected. */
import { foldIn, key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { rankTest } from "../../src/hierarchy/index.js";
import { type Stream, streamOf } from "../../src/hierarchy/rank/draws.js";
import { expectRelative, load } from "./fixtures.js";

interface Golden {
  readonly rank1: readonly {
    readonly counts: number[][];
    readonly kind: string;
    readonly method: "enumeration" | "monteCarlo" | "trivial";
    readonly pFisherFreemanHalton: number;
    readonly pearson: number;
    readonly standardErrors?: readonly number[];
  }[];
  readonly rank2: readonly {
    readonly counts: number[][];
    readonly statistic: number;
    readonly pBootstrap: number;
    readonly standardError: number;
    readonly logLikelihood: number;
  }[];
  readonly sizes: {
    readonly rows: readonly {
      readonly n: number;
      readonly prevalences: readonly [number, number];
      readonly levels: readonly number[];
      readonly fisher: readonly number[];
    }[];
  };
}
const { rank1, rank2, sizes } = load<Golden>("sparse_tests");
const text = (counts: number[][]): string => JSON.stringify(counts);

describe("independence in thin tables", () => {
  it.each(rank1.map((c) => [text(c.counts), c] as const))(
    "of %s: the p-value of Fisher, Freeman and Halton",
    (_, { counts, method, pFisherFreemanHalton: p, pearson, standardErrors }) => {
      const { pValue, statistic, warnings } = rankTest(counts, { method: "fisher" });
      if (pearson > 0) expectRelative(statistic, pearson, 1e-9);
      else expect(statistic).toBeLessThan(1e-9);
      if (method === "trivial") return expect(pValue).toBe(1);
      const drawn = warnings.join().includes("drawn");
      if (method === "enumeration" && !drawn) return expectRelative(pValue, p, 1e-6);
      // drawn by us, by the oracle, or both: five combined standard errors, and the floor of ours
      if (warnings.join().includes("bound")) return expect(pValue).toBeGreaterThanOrEqual(p);
      const own = drawn ? Math.sqrt((p * (1 - p)) / 500) : 0;
      expect(Math.abs(pValue - p)).toBeLessThan(
        5 * Math.hypot(own, standardErrors?.[0] ?? 0) + 1 / 9999,
      );
    },
  );

  it("is what auto tests wherever a cell is thin", () => {
    for (const { counts } of rank1) {
      const [auto, fisher] = [rankTest(counts), rankTest(counts, { method: "fisher" })];
      if (auto.method === "fisher") expect(auto.pValue).toBe(fisher.pValue);
      else expect(auto.method).toBe("pearson");
    }
  });
});

describe("rank 2 of thin tables", () => {
  it.each(rank2.map((c) => [text(c.counts), c] as const))(
    "of %s: statistic and bootstrap",
    (_, { counts, statistic, pBootstrap, standardError }) => {
      const numReplicates = 1999;
      const got = rankTest(counts, { rank: 2, method: "bootstrap", statistic: "pearson", numReplicates }); // prettier-ignore
      expectRelative(got.statistic, statistic, 1e-6);
      const own = Math.sqrt((pBootstrap * (1 - pBootstrap)) / numReplicates);
      expect(Math.abs(got.pValue - pBootstrap)).toBeLessThan(5 * Math.hypot(standardError, own) + 0.01); // prettier-ignore
    },
  );
});

/** A table of independent columns with the given probabilities of their states. */
function independent(
  next: Stream,
  n: number,
  a: readonly number[],
  b: readonly number[],
): number[][] {
  const pick = (p: readonly number[]): number => {
    let u = next();
    let s = 0;
    while (s < p.length - 1 && (u -= p[s]!) >= 0) s++;
    return s;
  };
  const table = a.map(() => b.map(() => 0));
  for (let i = 0; i < n; i++) table[pick(a)]![pick(b)]!++;
  return table;
}

/** ln C(n, k) for the sum over margins below. */
const lnFactorials: number[] = [0];
const lnFactorial = (n: number): number => {
  for (let i = lnFactorials.length; i <= n; i++)
    lnFactorials.push(lnFactorials[i - 1]! + Math.log(i));
  return lnFactorials[n]!;
};
const lnChoose = (n: number, k: number): number =>
  lnFactorial(n) - lnFactorial(k) - lnFactorial(n - k);

/** How often the test rejects at each level, exactly: over all margins, and all tables with them, that are not too improbable. */
function exactSize(
  n: number,
  [p, q]: readonly [number, number],
  levels: readonly number[],
): number[] {
  const rates = levels.map(() => 0);
  const margin = (rate: number): [number, number][] =>
    Array.from({ length: n + 1 }, (_, k) => [k, Math.exp(lnChoose(n, k) + k * Math.log(rate) + (n - k) * Math.log1p(-rate))] as [number, number]).filter(([k, w]) => k > 0 && k < n && w > 1e-9); // prettier-ignore
  const known = new Map<string, { p: number; weight: number }[]>();
  for (const [a, wa] of margin(p))
    for (const [b, wb] of margin(q)) {
      const mark = [a, b].sort((x, y) => x - y).join();
      let tables = known.get(mark);
      if (tables === undefined) {
        tables = [];
        for (let x = Math.max(0, a + b - n); x <= Math.min(a, b); x++) {
          const weight = Math.exp(lnChoose(a, x) + lnChoose(n - a, b - x) - lnChoose(n, b));
          if (weight < 1e-12) continue;
          tables.push({ weight, p: rankTest([[n - a - b + x, a - x], [b - x, x]]).pValue }); // prettier-ignore
        }
        known.set(mark, tables);
      }
      for (const table of tables)
        levels.forEach((level, l) => {
          if (table.p <= level) rates[l]! += wa * wb * table.weight;
        });
    }
  return rates;
}

describe("size of auto with rare states", () => {
  it.each(
    sizes.rows
      .filter(({ n }) => n <= 300)
      .map((row) => [row.n, row.prevalences.join(" and "), row] as const),
  )(
    "n = %d, prevalences %s: never above the level, by summing over all tables",
    (_, __, { n, prevalences, levels, fisher }) => {
      const rates = exactSize(n, prevalences, levels);
      rates.forEach((rate, l) => {
        expect(rate).toBeLessThanOrEqual(levels[l]!);
        expect(Math.abs(rate - fisher[l]!)).toBeLessThanOrEqual(1e-6 + 1e-4 * fisher[l]!);
      });
    },
  );

  const slow = process.env["RUN_SLOW"] !== undefined;
  it.each(sizes.rows.map((row, i) => [row.n, row.prevalences.join(" and "), i, row] as const))(
    "n = %d, prevalences %s: not above the level in tables that were drawn",
    { timeout: 3_600_000 },
    (_, __, i, { n, prevalences: [p, q], levels }) => {
      const count = slow ? 200_000 : 2000;
      const next = streamOf(foldIn(key("sparse"), i));
      const above = levels.map(() => 0);
      const known = new Map<string, number>();
      for (let t = 0; t < count; t++) {
        const table = independent(next, n, [1 - p, p], [1 - q, q]);
        const mark = text(table);
        const value = known.get(mark) ?? rankTest(table).pValue;
        known.set(mark, value);
        levels.forEach((level, l) => (above[l]! += value <= level ? 1 : 0));
      }
      levels.forEach(
        (level, l) =>
        expect(above[l]! / count).toBeLessThanOrEqual(level + 3 * Math.sqrt((level * (1 - level)) / count) + 1 / count), // prettier-ignore
      );
    },
  );

  it.each([0.002, 0.01, 0.05, 0.2])(
    "three and four states, all but one at %d: not above the level",
    { timeout: 3_600_000 },
    (rate) => {
      const levels = [0.05, 0.01, 0.001, 0.0001];
      const count = slow ? 20_000 : 40;
      const next = streamOf(foldIn(key("sparse, larger"), rate * 1000));
      const above = levels.map(() => 0);
      for (let t = 0; t < count; t++) {
        const table = independent(next, 500, [1 - 2 * rate, rate, rate], [1 - 3 * rate, rate, rate, rate]); // prettier-ignore
        const { pValue } = rankTest(table, { key: foldIn(key("drawn"), t) });
        levels.forEach((level, l) => (above[l]! += pValue <= level ? 1 : 0));
      }
      levels.forEach(
        (level, l) =>
        expect(above[l]! / count).toBeLessThanOrEqual(level + 3 * Math.sqrt((level * (1 - level)) / count) + 1 / count), // prettier-ignore
      );
    },
  );
});
