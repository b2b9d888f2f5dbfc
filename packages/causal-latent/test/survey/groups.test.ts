import { tableFromCsv, type Table } from "@provably/core-tensor/table";
import { toTypedArray } from "@provably/core-tensor";
import { foldIn, key, randint } from "@provably/core-tensor/random";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  adjustedRandIndex,
  certifyGroups,
  describeGroups,
  discoverGroups,
  type GroupsResult,
  scoreGroups,
  toLavaan,
} from "../../src/hierarchy/index.js";
import { load } from "../hierarchy/fixtures.js";
import { type Misfit, misfitting } from "./misfit.js";
import { fiveFactors, fiveFactorSurvey, tableOf } from "./simulated.js";

const folder = process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url)); // prettier-ignore
const csv = (name: string): Table =>
  tableFromCsv(readFileSync(join(folder, "causal-latent", `${name}.csv`), "utf8"));

/** Number of the group of each item; items outside all groups are alone. */
const groupsOf = ({ groups }: GroupsResult, names: readonly string[]): number[] =>
  names.map((name, i) => {
    const g = groups.findIndex(({ items }) => items.some((item) => item.name === name));
    return g < 0 ? 100 + i : g;
  });

describe("discoverGroups on the tests of Holzinger and Swineford", () => {
  const { factors } = load<{ factors: Record<string, string[]> }>("holzinger");
  const names = Object.values(factors).flat();
  const found = discoverGroups(csv("holzinger"), { items: names, numReplicates: 5 });

  it("finds the three abilities, and the fit that is published for them", () => {
    const truth = Object.values(factors).flatMap((own, f) => own.map(() => f));
    expect(found.groups.length).toBe(3);
    expect(adjustedRandIndex(truth, groupsOf(found, names))).toBe(1);
    expect(found.parallelAnalysis).toBe(3);
    // lavaan on the scores themselves: chi-square 85.3 on 24, RMSEA .092, CFI .931; here on normal scores
    expect(found.fit.df).toBe(24);
    expect(Math.abs(found.fit.rmsea - 0.092)).toBeLessThan(0.01);
    expect(Math.abs(found.fit.cfi - 0.931)).toBeLessThan(0.02);
  });

  it("names the item with the largest modification index as doubtful", () => {
    const doubtful = found.groups.flatMap(({ items }) => items.filter((i) => i.crossLoading));
    expect(doubtful.map(({ name }) => name)).toEqual(["x9"]);
  });
});

describe("discoverGroups on a survey with strings, missing codes, an id and reversed items", () => {
  interface Truth {
    readonly items: readonly { readonly name: string; readonly factor: number; readonly loading: number; readonly reversed: boolean; readonly crossLoading: object | null; readonly higherFactor: number }[]; // prettier-ignore
    readonly constantColumn: string;
    readonly idColumn: string;
  }
  const truth = load<Truth>("survey_synthetic-truth");
  const found = discoverGroups(csv("survey_synthetic"), { numReplicates: 2 });
  const names = truth.items.map(({ name }) => name);

  it("finds every group, flags the three cross-loadings and nothing else", () => {
    expect(adjustedRandIndex(truth.items.map(({ factor }) => factor), groupsOf(found, names))).toBe(1); // prettier-ignore
    const flagged = found.groups.flatMap(({ items }) => items.filter((i) => i.crossLoading));
    const crossing = truth.items.filter((i) => i.crossLoading !== null);
    expect(flagged.map(({ name }) => name).sort()).toEqual(crossing.map(({ name }) => name).sort());
  });

  it("sets the constant and the id column aside by name, and takes 99 for no answer", () => {
    expect(found.setAside.map(({ name }) => name).sort()).toEqual([truth.constantColumn, truth.idColumn].sort()); // prettier-ignore
    expect(found.notes.filter((note) => note.includes("99")).length).toBeGreaterThan(3);
  });

  it("finds which items are reversed, and the two latents above the groups", () => {
    for (const { items } of found.groups) {
      const reversed = items.map((item) => [item.loading < 0, truth.items.find((i) => i.name === item.name)!.reversed]); // prettier-ignore
      // the direction of a latent is free
      expect(new Set(reversed.map(([own, given]) => own === given)).size).toBe(1);
    }
    expect(found.higher.length).toBe(2);
    for (const { groups } of found.higher) {
      const above = groups.map(({ name }) => truth.items.find((i) => i.name === found.groups.find((g) => g.name === name)!.items[0]!.name)!.higherFactor); // prettier-ignore
      expect([groups.length, new Set(above).size]).toEqual([3, 1]);
    }
  });

  it("estimates most loadings within 0.08 of the truth", () => {
    const inside = truth.items.filter(({ name, loading }) => {
      const item = found.groups.flatMap(({ items }) => items).find((i) => i.name === name)!;
      return Math.abs(Math.abs(item.loading) - Math.abs(loading)) < 0.08;
    });
    expect(inside.length).toBeGreaterThan(24);
  });
});

describe("discoverGroups on ordered surveys of five correlated factors", () => {
  it("finds the factors of 2400 people, disturbed or not", () => {
    for (const [seed, disturbance] of [
      [1, 0],
      [2, 0.5],
      [4, 2],
    ] as const) {
      // prettier-ignore
      const found = discoverGroups(fiveFactorSurvey(2400, seed, disturbance), { numReplicates: 0 });
      expect(found.groups.length).toBe(5);
      expect(adjustedRandIndex(fiveFactors, groupsOf(found, found.items))).toBeGreaterThanOrEqual(0.9); // prettier-ignore
    }
  });

  it("finds most of them from 600 people", () => {
    for (const seed of [5, 6]) {
      const found = discoverGroups(fiveFactorSurvey(600, seed), { numReplicates: 0 });
      expect(Math.abs(found.groups.length - 5)).toBeLessThanOrEqual(1);
      expect(adjustedRandIndex(fiveFactors, groupsOf(found, found.items))).toBeGreaterThanOrEqual(0.7); // prettier-ignore
    }
  });

  it("does not find more latents in more rows", () => {
    const found = discoverGroups(fiveFactorSurvey(12_000, 8, 1), { numReplicates: 0 });
    expect(found.groups.length).toBe(5);
  });

  it("gives the same bits for the same key, and says how stable every item is", () => {
    const table = fiveFactorSurvey(300, 9);
    const [a, b] = [1, 1].map((s) => discoverGroups(table, { numReplicates: 2, key: key(s) }));
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    for (const item of a!.groups.flatMap(({ items }) => items)) {
      expect(item.stability).toBeGreaterThanOrEqual(0);
      expect(item.interval![0]).toBeLessThanOrEqual(item.interval![1]);
    }
  });
});

describe("discoverGroups where much is no factor's", () => {
  const usual: Misfit = { loadings: [0.4, 0.75], agreement: 0.3, reversal: 0.2, pairs: 4, facet: 0.15, crossings: 7, careless: 0.03, missing: 0.03, sizes: [5, 5, 5, 5, 5] }; // prettier-ignore
  const kinds: Record<string, Misfit> = {
    usual,
    "agreement that outweighs weak items": { ...usual, agreement: 0.45, reversal: 0 },
    "habits, facets and shared wordings at once": { ...usual, agreement: 0.4, reversal: 0.3, pairs: 7, facet: 0.25 },
    "24 weak items in groups of four to six": { ...usual, loadings: [0.4, 0.6], sizes: [6, 4, 5, 4, 5] },
  }; // prettier-ignore

  it.each(Object.keys(kinds))("finds five groups of 2400 people and most of 600: %s", (kind) => {
    for (const [n, seed, least] of [[2400, 1, 0.9], [600, 2, 0.7]] as const) {
      const { table, truth } = misfitting(kinds[kind]!, n, seed);
      const found = discoverGroups(table, { numReplicates: 0 });
      expect(Math.abs(found.groups.length - 5)).toBeLessThanOrEqual(1);
      expect(adjustedRandIndex(truth, groupsOf(found, found.items))).toBeGreaterThanOrEqual(least);
    }
  }); // prettier-ignore

  it("says how much of an item agreement is, where reversed items tell it from a latent that all share", () => {
    const habit = discoverGroups(fiveFactorSurvey(2400, 7, 2), { numReplicates: 0 });
    // the habit has a loading of 0.4 on every item, and of a little more for those whose variance is not 1
    expect(habit.agreement).toBeGreaterThan(0.1);
    expect(habit.agreement).toBeLessThan(0.2);
    expect(describeGroups(habit)).toMatch(/Agreement with every statement/);
    expect(toLavaan(habit)).toMatch(/^agreement =~ 1\*q/m);
    // the same answers, all turned to one direction: a habit no longer, and not told from a latent above
    const table = fiveFactorSurvey(2400, 7, 0);
    const turned = { ...table, columns: table.columns.map((c) => (c.kind === "number" && c.values.length > 0 && ["q1", "q9", "q10", "q11", "q12", "q22", "q25"].includes(c.name) ? { ...c, values: c.values.map((x) => 7 - x) } : c)) }; // prettier-ignore
    expect(discoverGroups(turned, { numReplicates: 0 }).agreement).toBe(0);
  });

  it("keeps agreement out of people's scores", () => {
    const { table } = misfitting({ ...usual, agreement: 0.45 }, 1500, 3);
    const found = discoverGroups(table, { numReplicates: 0 });
    const { scores } = scoreGroups(found, table);
    const { scores: mixed } = scoreGroups({ ...found, agreement: 0 }, table);
    const means = Float64Array.from({ length: 1500 }, (_, r) => {
      const row = table.columns.map((c) => (c.kind === "number" ? c.values[r]! : NaN)).filter((x) => x === x); // prettier-ignore
      return row.reduce((a, b) => a + b, 0) / row.length;
    });
    const tied = (x: typeof scores): number =>
      found.groups.reduce((sum, _, g) => sum + Math.abs(correlation(means, Float64Array.from(means, (__, r) => x.get(r, g)))), 0); // prettier-ignore
    expect(tied(scores)).toBeLessThan(tied(mixed));
  });
});

function correlation(x: Float64Array, y: Float64Array): number {
  const mean = (a: Float64Array): number => a.reduce((s, b) => s + b, 0) / a.length;
  const [mx, my] = [mean(x), mean(y)];
  const product = (a: Float64Array, ma: number, b: Float64Array, mb: number): number => a.reduce((s, c, i) => s + (c - ma) * (b[i]! - mb), 0); // prettier-ignore
  return product(x, mx, y, my) / Math.sqrt(product(x, mx, x, mx) * product(y, my, y, my));
}

describe("certifyGroups", () => {
  const found = discoverGroups(fiveFactorSurvey(2000, 10, 0), { numReplicates: 0 });
  const fresh = fiveFactorSurvey(2000, 11, 0);
  const verdicts = (groups: GroupsResult["groups"]): string[] =>
    Object.values(certifyGroups({ groups }, fresh)).map(({ verdict }) => verdict);
  const [first, second, ...rest] = found.groups;

  it("holds for the groups that were found, on other people", () => {
    expect(verdicts(found.groups)).toEqual(["holds", "holds", "holds"]);
  });

  it("fails when two items change places, a group is split, or two are put together", () => {
    const swapped = [
      { ...first!, items: [second!.items[0]!, ...first!.items.slice(1)] },
      { ...second!, items: [first!.items[0]!, ...second!.items.slice(1)] },
      ...rest,
    ];
    expect(certifyGroups({ groups: swapped }, fresh).items.verdict).toBe("fails");
    const five = rest.find(({ items }) => items.some(({ name }) => name === "q16"))!;
    const halves = [
      { ...five, name: "A", items: five.items.slice(0, 2) },
      { ...five, name: "B", items: five.items.slice(2) },
    ];
    expect(certifyGroups({ groups: halves }, fresh).separate.verdict).toBe("fails");
    const joined = [{ ...first!, items: [...five.items, ...second!.items] }];
    expect(certifyGroups({ groups: joined }, fresh).together.verdict).toBe("fails");
  });
});

describe("what people read", () => {
  const table = fiveFactorSurvey(800, 12, 0);
  const found = discoverGroups(table, { numReplicates: 0 });

  it("is one paragraph that names every group, and a model of lavaan", () => {
    const text = describeGroups(found);
    for (const { name } of found.groups) expect(text).toContain(name);
    expect(toLavaan(found).trim().split("\n").length).toBe(5 + found.higher.length);
  });

  it("scores people so that scores agree with the sums of the items, and are 0 for who answered nothing", () => {
    const blank = { ...table, columns: table.columns.map((c) => (c.kind === "number" ? { ...c, values: c.values.map((x, r) => (r === 0 ? NaN : x)), missing: c.missing.map((m, r) => (r === 0 ? 1 : m)) } : c)) }; // prettier-ignore
    const { scores, precision } = scoreGroups(found, blank);
    expect([scores.get(0, 0), precision.get(0, 0)].map((x) => Math.abs(Math.round(1e9 * x)))).toEqual([0, 0]); // prettier-ignore
    const [group] = found.groups;
    const [own, sums] = [0, 0].map(() => new Float64Array(799)) as [Float64Array, Float64Array];
    for (let r = 1; r < 800; r++) {
      own[r - 1] = scores.get(r, 0);
      for (const { name, loading } of group!.items) {
        const column = table.columns.find((c) => c.name === name)!;
        if (column.kind === "number") sums[r - 1]! += Math.sign(loading) * column.values[r]!;
      }
    }
    const mean = (x: Float64Array): number => x.reduce((s, y) => s + y, 0) / x.length;
    const product = (x: Float64Array, y: Float64Array): number => x.reduce((s, a, i) => s + (a - mean(x)) * (y[i]! - mean(y)), 0); // prettier-ignore
    expect(product(own, sums) / Math.sqrt(product(own, own) * product(sums, sums))).toBeGreaterThan(0.9); // prettier-ignore
  });
});

describe("rubbish given to discoverGroups", () => {
  const n = 400;
  const noise = (j: number): number[] => [...toTypedArray(randint(foldIn(key(50), j), 0, 5, [n]))]; // prettier-ignore
  const items = Object.fromEntries([1, 2, 3, 4, 5].map((j) => [`n${j}`, noise(j)]));

  it("is set aside by name: constant, missing, id, repeated, dummies of one item", () => {
    const survey = fiveFactorSurvey(n, 13, 0);
    const extra = tableOf({
      constant: new Array<number>(n).fill(3),
      missing: new Array<number>(n).fill(NaN),
      id: Array.from({ length: n }, (_, i) => 5000 + i),
      again: survey.columns[0]!.kind === "number" ? survey.columns[0]!.values : [],
      red: Array.from({ length: n }, (_, i) => Number(i % 3 === 0)),
      green: Array.from({ length: n }, (_, i) => Number(i % 3 === 1)),
      blue: Array.from({ length: n }, (_, i) => Number(i % 3 === 2)),
    });
    const { setAside } = discoverGroups({ numRows: n, columns: [...survey.columns, ...extra.columns] }, { numReplicates: 0 }); // prettier-ignore
    expect(Object.fromEntries(setAside.map(({ name, reason }) => [name, reason.split(",")[0]!]))).toEqual({
      constant: "every value is 3",
      missing: "no row has a value",
      id: "every row has a whole number of its own",
      again: "it repeats q1",
      red: "red",
      green: "red",
      blue: "red",
    }); // prettier-ignore
  });

  it("that is independent has no groups, and says so", () => {
    const found = discoverGroups(tableOf(items));
    expect(found.groups).toEqual([]);
    expect(found.warnings.join()).toMatch(/no groups/);
    expect(describeGroups(found)).toMatch(/no groups/);
  });

  it.each([
    ["no items", () => discoverGroups(tableOf({ a: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1] })), /0 columns can be items/],
    ["nine rows", () => discoverGroups(tableOf({ a: [1, 2, 3, 4, 5, 6, 7, 8, 9] })), /at least 10 rows/],
    ["an unknown item", () => discoverGroups(tableOf(items), { items: ["x"] }), /items names "x"/],
    ["a constant item by name", () => discoverGroups(tableOf({ ...items, c: noise(1).map(() => 1) }), { items: ["c", "n1"] }), /item "c" cannot be used: every value is 1/],
    ["too many groups", () => discoverGroups(tableOf(items), { numGroups: 4 }), /cannot have numGroups 4/],
    ["an unknown option", () => discoverGroups(tableOf(items), { group: 3 } as never), /unknown option "group"/],
    ["rows instead of a table", () => discoverGroups([{ a: 1 }] as never), /table must be a table/],
    ["weights below 0", () => discoverGroups(tableOf({ ...items, w: noise(2).map((x) => x - 1) }), { weights: "w" }), /weights must be finite and ≥ 0/],
  ])("%s is a typed error", (_, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) as string, message: expect.stringMatching(message) as string })); // prettier-ignore
  }); // prettier-ignore

  it("of a million rows and a thousand states is read in part, and says so", () => {
    const rows = 1_000_000;
    const many = [1000, 3, 3, 3].map((states, j) =>
      new Float64Array(rows).map((_, i) => ((i * 7919 + j * 104_729) % 100_003) % states),
    );
    const columns = Object.fromEntries(many.map((x, j) => [`m${j}`, x]));
    const found = discoverGroups(tableOf(columns), { numReplicates: 0 });
    expect(found.notes.join()).toMatch(/50000 of 1000000 rows were drawn/);
  });

  it("stops when it is told to, and reports its stages before", () => {
    const stages = new Set<string>();
    const controller = new AbortController();
    const onProgress = ({ stage }: { stage: string }): void => {
      stages.add(stage);
      if (stage === "replicates") controller.abort();
    };
    expect(() => discoverGroups(fiveFactorSurvey(300, 14), { onProgress, signal: controller.signal })).toThrow(/abort/i); // prettier-ignore
    expect([...stages]).toEqual(["correlations", "levels", "replicates"]);
  });
});
