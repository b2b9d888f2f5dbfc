/** Surveys as people bring them: codes, words, weights, and columns that are no items. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import { tableFromCsv } from "@provably/core-tensor/table";
import { describe, expect, it } from "vitest";
import {
  type GroupsResult,
  certifyGroups,
  discoverGroups,
  itemCorrelations,
  scoreGroups,
  toLavaan,
} from "../../src/hierarchy/index.js";
import { fiveFactorSurvey, tableOf } from "./simulated.js";

const NAMES = [1, 2, 3, 4, 5, 16, 17, 18, 19, 20].map((i) => `q${i}`);
const n = 600;
/** Ten answers from 1 to 6, five on each of two latents. */
const answers: Readonly<Record<string, readonly number[]>> = Object.fromEntries(
  fiveFactorSurvey(n, 77, 0).columns.flatMap((c) => (c.kind === "number" && NAMES.includes(c.name) ? [[c.name, [...c.values]]] : [])),
); // prettier-ignore
const chance = (seed: number): Float64Array => uniform(foldIn(key(7), seed), [n], { dtype: "float64" }).data as Float64Array; // prettier-ignore

type Answers = Readonly<Record<string, readonly number[]>>;
const changed = (change: (x: number, row: number, j: number) => number): Answers =>
  Object.fromEntries(NAMES.map((name, j) => [name, answers[name]!.map((x, r) => change(x, r, j))]));
const fast = { numReplicates: 0 } as const;
const namesIn = ({ groups }: GroupsResult): string[] => groups.map(({ items }) => items.map(({ name }) => name).sort().join(" ")).sort(); // prettier-ignore
const TWO = ["q1 q2 q3 q4 q5", "q16 q17 q18 q19 q20"];
const found = discoverGroups(tableOf(answers), fast);

describe("codes for no answer", () => {
  const hidden = NAMES.map((_, j) => chance(j));
  it.each([
    ["999 behind a slider from 0 to 100", 999, (x: number, r: number, j: number) => 15 * x + Math.floor(hidden[(j + 1) % 10]![r]! * 10)],
    ["−9 before a measurement with decimals", -9, (x: number, r: number, j: number) => x + hidden[(j + 1) % 10]![r]!],
    ["9 behind answers from 1 to 7", 9, (x: number, r: number, j: number) => x + Number(hidden[(j + 1) % 10]![r]! < 0.5)],
    ["−1 before answers from 0 to 5", -1, (x: number) => x - 1],
  ])("%s are told and dropped", (_, code, answer) => {
    const table = tableOf(changed((x, r, j) => (hidden[j]![r]! < 0.1 ? code : answer(x, r, j))));
    const { notes, ...rest } = discoverGroups(table, fast);
    expect(notes.filter((note) => note.includes(`${code} was taken for "no answer"`)).length).toBe(10);
    expect(namesIn({ notes, ...rest })).toEqual(TWO);
  }); // prettier-ignore

  it("are none where a scale goes from −2 to 2, or measurements go on to 99", () => {
    const scale = itemCorrelations(tableOf(changed((x) => Math.min(x, 5) - 3)));
    expect(scale.notes.filter((note) => note.includes("no answer"))).toEqual([]);
    const open = itemCorrelations(tableOf(changed((x, r, j) => 10 * x + (((r + j) * 7) % 40)))); // prettier-ignore
    expect(open.notes.filter((note) => note.includes("no answer"))).toEqual([]);
  });

  it("in words leave a scale known", () => {
    const words = ["disagree", "neither", "agree"];
    const line = (r: number): string => NAMES.map((name, j) => ((r + j) % 17 === 0 ? "Refused" : words[Math.floor((answers[name]![r]! - 1) / 2)]!)).join(","); // prettier-ignore
    const text = [NAMES.join(","), ...Array.from({ length: n }, (_, r) => line(r))].join("\n");
    const read = discoverGroups(tableFromCsv(text), fast);
    expect(namesIn(read)).toEqual(TWO);
    expect(read.notes.join()).toContain('q1: "Refused" was taken for "no answer"');
  });
});

describe("columns that are no items", () => {
  it("of the Holzinger file are set aside by name, and the three abilities are found without naming items", () => {
    const folder = process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url)); // prettier-ignore
    const file = readFileSync(join(folder, "causal-latent", "holzinger.csv"));
    const { setAside, ...rest } = discoverGroups(tableFromCsv(file), fast);
    expect(setAside.map(({ name }) => name).sort()).toEqual(["agemo", "ageyr", "grade", "id", "school", "sex"]); // prettier-ignore
    expect(namesIn({ setAside, ...rest })).toEqual(["x1 x2 x3", "x4 x5 x6", "x7 x8 x9"]);
  });

  it("are items when they are answered as others are, or when they are named", () => {
    const { q1, ...others } = answers as { readonly q1: readonly number[] };
    const table = tableOf({ school: q1, ...others });
    expect(discoverGroups(table, fast).items).toContain("school");
    const sex = tableOf({ ...answers, sex: answers["q1"]!.map((x) => Number(x > 4)) });
    expect(discoverGroups(sex, fast).items).not.toContain("sex");
    expect(discoverGroups(sex, { ...fast, items: [...NAMES, "sex"] }).items).toContain("sex");
  });

  it("but are not known by name are warned about where most items are answered alike", () => {
    const total = answers["q1"]!.map((_, r) => NAMES.slice(0, 5).reduce((sum, name) => sum + answers[name]![r]!, 0)); // prettier-ignore
    const { warnings } = discoverGroups(tableOf({ ...answers, total }), fast);
    expect(warnings.join()).toMatch(/total has others/);
    expect(found.warnings).toEqual([]);
  });

  it("repeat another in another unit or with the other sign", () => {
    const time = [...chance(20)];
    const repeats = { ...answers, time, minutes: time.map((x) => 60 * x), left: time.map((x) => -x) }; // prettier-ignore
    const reasons = discoverGroups(tableOf(repeats), fast).setAside.map(({ name, reason }) => `${name}: ${reason}`); // prettier-ignore
    expect(reasons).toEqual(["minutes: it repeats time", "left: it repeats time"]);
  });
});

describe("weights", () => {
  const twice = NAMES.map((name, j) => [name, answers[name]!.map((x, r) => (j < 5 ? 10 * x + ((r * 7 + j) % 10) : x))] as const); // prettier-ignore
  const w = Array.from({ length: n }, (_, r) => 1 + (r % 3));

  it("of whole numbers are rows that come several times, for continuous items too", () => {
    const repeated = Object.fromEntries(twice.map(([name, x]) => [name, x.flatMap((y, r) => Array.from({ length: w[r]! }, () => y))])); // prettier-ignore
    const a = itemCorrelations(tableOf({ ...Object.fromEntries(twice), w }), { weights: "w" }).matrix; // prettier-ignore
    const b = itemCorrelations(tableOf(repeated)).matrix;
    for (let i = 0; i < 10; i++)
      for (let j = 0; j < 10; j++) expect(Math.abs(a.get(i, j) - b.get(i, j))).toBeLessThan(1e-9);
  });

  it("of 0 take rows out of certificates", () => {
    const half = Object.fromEntries(NAMES.map((name) => [name, answers[name]!.slice(0, n / 2)]));
    const mixed = changed((x, r, j) => (r < n / 2 ? x : 1 + Math.floor(6 * chance(j)[r]!)));
    const on = Array.from({ length: n }, (_, r) => Number(r < n / 2));
    const values = [certifyGroups(found, tableOf({ ...mixed, on }), { weights: "on" }), certifyGroups(found, tableOf(half))].map((c) => [c.items.value, c.separate.value, c.together.value]); // prettier-ignore
    values[0]!.forEach((x, c) => expect(Math.abs(x - values[1]![c]!)).toBeLessThan(0.01));
  });
});

describe("what is asked for", () => {
  it("counts for numbers too: an order of their answers", () => {
    const order = ["6", "5", "4", "3", "2", "1"];
    const turned = discoverGroups(tableOf(answers), { ...fast, orders: { q2: order } });
    const q2 = (result: GroupsResult): number => result.groups.flatMap(({ items }) => items).find(({ name }) => name === "q2")!.loading; // prettier-ignore
    expect(q2(turned)).toBeCloseTo(-q2(found), 3);
  });

  it("gets a latent of lavaan a name that no item has", () => {
    const { q1, ...others } = answers as { readonly q1: readonly number[] };
    const model = toLavaan(discoverGroups(tableOf({ G1: q1, ...others }), fast));
    expect(model).toMatch(/^latent_G1 =~ .*\bG1\b/);
  });

  const half = Object.fromEntries(NAMES.map((name) => [name, answers[name]!.slice(0, 300)]));
  const apart = { ...half, q1: half["q1"]!.map((x, r) => (r < 150 ? x : NaN)), q2: half["q2"]!.map((x, r) => (r < 150 ? NaN : x)) }; // prettier-ignore
  it.each([
    ["items, which the groups say, of certifyGroups", () => certifyGroups(found, tableOf(half), { items: ["q1"] } as never), /unknown option "items"/],
    ["items, which the groups say, of scoreGroups", () => scoreGroups(found, tableOf(half), { items: ["q1"] } as never), /unknown option "items"/],
    ["a table in which one item repeats another", () => certifyGroups(found, tableOf({ ...half, q1: half["q2"]! })), /item "q1" cannot be judged on table: it repeats q2/],
    ["a table in which two items were never answered together", () => certifyGroups(found, tableOf(apart)), /cannot be judged on table: fewer than 10 rows/],
    ["a table to score in which one item repeats another", () => scoreGroups(found, tableOf({ ...half, q1: half["q2"]! })), /item "q1" cannot be scored/],
    ["an order with an answer twice", () => discoverGroups(tableOf(answers), { orders: { q1: ["1", "1"] } }), /orders.q1 has "1" twice/],
    ["an order that lacks an answer, in the name of the function called", () => itemCorrelations(tableOf(answers), { orders: { q1: ["1", "2"] } }), /^itemCorrelations: orders.q1 must have every answer/],
  ])("is refused by name: %s", (_, call, message) => {
    expect(call).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) as string, message: expect.stringMatching(message) as string })); // prettier-ignore
  }); // prettier-ignore
});
