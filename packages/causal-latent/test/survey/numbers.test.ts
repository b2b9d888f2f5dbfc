import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { column, tableFromCsv, tableFromRows } from "@provably/core-tensor/table";
import { describe, expect, it } from "vitest";
import {
  conceptGraph,
  factorAnalysis,
  itemCorrelations,
  randomCpts,
  toBif,
  toGraphml,
  toJsonGraph,
} from "../../src/hierarchy/index.js";
import { key } from "@provably/core-tensor/random";
import { polychoric } from "../../src/hierarchy/survey/correlations.js";
import { fitOfGroups } from "../../src/hierarchy/survey/fit-of-groups.js";
import { below, bivariate, quantile } from "../../src/hierarchy/survey/normal.js";
import { oblimin, varimax } from "../../src/hierarchy/survey/rotate.js";
import { load } from "../hierarchy/fixtures.js";

/** P(X ≤ h, Y ≤ k) by Simpson's rule over x. */
function byQuadrature(h: number, k: number, rho: number): number {
  const [from, cells] = [-9, 4000];
  const width = (h - from) / cells;
  let sum = 0;
  for (let i = 0; i <= cells; i++) {
    const x = from + i * width;
    const weight = i === 0 || i === cells ? 1 : i % 2 === 1 ? 4 : 2;
    const inner = below((k - rho * x) / Math.sqrt(1 - rho * rho));
    sum += (weight * Math.exp(-0.5 * x * x) * inner) / Math.sqrt(2 * Math.PI);
  }
  return (sum * width) / 3;
}

describe("the normal distribution", () => {
  it("in one dimension agrees with tables, and its quantile is the inverse", () => {
    expect(below(1.959963984540054)).toBeCloseTo(0.975, 14);
    expect(below(-6)).toBeCloseTo(9.865876450376946e-10, 15);
    for (const p of [1e-12, 1e-5, 0.01, 0.3, 0.5, 0.9, 0.99999])
      expect(Math.abs(below(quantile(p)) / p - 1)).toBeLessThan(1e-13);
  });

  it("in two dimensions agrees with quadrature, and with the angle at the origin", () => {
    for (const rho of [-0.95, -0.6, -0.1, 0.3, 0.7, 0.9, 0.97])
      for (const [h, k] of [
        [0.3, -0.4],
        [-1.5, -1.2],
        [2, 1],
        [0.5, 0.5],
      ] as const)
        // prettier-ignore
        expect(Math.abs(bivariate(rho)(h, k) - byQuadrature(h, k, rho))).toBeLessThan(1e-8);
    expect(bivariate(0.6)(0, 0)).toBeCloseTo(0.25 + Math.asin(0.6) / (2 * Math.PI), 12);
  });
});

describe("polychoric correlations", () => {
  it("of an exact table are the correlation that made it", () => {
    const rows = Float64Array.of(-Infinity, -1, 0.2, 1.3, Infinity);
    const columns = Float64Array.of(-Infinity, -0.5, 0.8, Infinity);
    for (const rho of [-0.8, -0.2, 0, 0.45, 0.93]) {
      const joint = bivariate(rho);
      const table = new Float64Array(12);
      for (let i = 0; i < 4; i++)
        for (let j = 0; j < 3; j++)
          table[i * 3 + j] =
            1e6 * (joint(rows[i + 1]!, columns[j + 1]!) - joint(rows[i]!, columns[j + 1]!) - joint(rows[i + 1]!, columns[j]!) + joint(rows[i]!, columns[j]!)); // prettier-ignore
      expect(polychoric(table, rows, columns).r).toBeCloseTo(rho, 5);
    }
  });

  it("of two questions halved at the median are sin(π/2 (2a − 1/2)·2), a the share of both low", () => {
    // a quarter of the rows low in both would be independence; here three eighths: sin(π/4)
    const rows = Array.from({ length: 800 }, (_, i) => ({ a: i % 2, b: i % 8 < 6 ? i % 2 : 1 - (i % 2) })); // prettier-ignore
    const share = rows.filter(({ a, b }) => a === 0 && b === 0).length / 800;
    const { matrix } = itemCorrelations(tableFromRows([...rows, ...rows.map(({ a, b }) => ({ a: 1 - a, b: 1 - b }))])); // prettier-ignore
    expect(matrix.get(0, 1)).toBeCloseTo(Math.sin(2 * Math.PI * (share - 0.25)), 6);
  });

  it("use the rows that answered both, and weights", () => {
    const rows = Array.from({ length: 400 }, (_, i) => ({ a: i % 2, b: i < 200 ? i % 2 : (i >> 1) % 2, w: i < 200 ? 0 : 1 })); // prettier-ignore
    const table = tableFromRows(rows);
    expect(Math.abs(itemCorrelations(table, { weights: "w" }).matrix.get(0, 1))).toBeLessThan(1e-6);
    const absent = tableFromRows(rows.map(({ a, b }, i) => ({ a, b: i < 200 ? null : b })));
    expect(Math.abs(itemCorrelations(absent).matrix.get(0, 1))).toBeLessThan(1e-6);
    expect(itemCorrelations(table, { items: ["a", "b"] }).matrix.get(0, 1)).toBeGreaterThan(0.4);
  });
});

describe("how columns become items", () => {
  const read = (values: readonly (string | number)[], options = {}): ReturnType<typeof itemCorrelations> => // prettier-ignore
    itemCorrelations(tableFromRows(Array.from({ length: 60 }, (_, i) => ({ q: values[i % values.length]!, other: ((i * 7) % 11) % 4 }))), options); // prettier-ignore

  it.each([
    ["agreement in words", ["Strongly agree", "agree", "Neutral", "disagree", "strongly disagree"]],
    ["frequencies", ["never", "sometimes", "always"]],
    ["numbered answers", ["1 - no, never", "2 - perhaps", "3 - yes"]],
    ["yes and no", ["yes", "no"]],
  ])("%s have a known order", (_, values) => {
    expect(read(values).names).toEqual(["q", "other"]);
  });

  it("words without a known order are set aside, unless the order is given", () => {
    const colours = ["red", "green", "blue"];
    expect(read(colours).setAside).toEqual([
      {
        name: "q",
        reason: expect.stringMatching(/no order of its answers is known.*orders/) as string,
      },
    ]);
    expect(read(colours, { orders: { q: ["blue", "green", "red"] } }).names).toEqual([
      "q",
      "other",
    ]);
    expect(() => read(colours, { orders: { q: ["blue", "green"] } })).toThrow(/it lacks "red"/);
  });

  it("codes far from the answers are missing, neighbours are not", () => {
    expect(read([1, 2, 3, 4, 5, 99]).notes.join()).toMatch(/99 was taken/);
    expect(read([1, 2, 3, 4, 5, 9]).notes.join()).toMatch(/9 was taken/);
    expect(read([0, 1, 2, -9, -8]).notes.join()).toMatch(/-9, -8 were taken/);
    for (const values of [
      [1, 2, 3, 4, 5, 6, 7],
      [-1, 0, 1],
      [7, 8, 9],
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      [-2, -1, 0, 1, 2],
    ])
      // prettier-ignore
      expect(read(values).notes).toEqual([]);
    expect(read([1, 2, 3, 9], { missing: [] }).notes).toEqual([]);
  });

  it("answers that hardly anybody gave go with their neighbours, and that is told", () => {
    const values = [...new Array<number>(30).fill(1), ...new Array<number>(28).fill(2), 3, 3];
    expect(read(values).notes.join()).toMatch(/2 or 3 are one state/);
  });
});

describe("models of correlations", () => {
  const { factors, confirmatory } = load<{ factors: Record<string, string[]>; confirmatory: { chiSquare: number; df: number; cfi: number; rmsea: number; standardisedLoadings: Record<string, number> } }>("holzinger"); // prettier-ignore
  const folder = process.env["PROVABLY_FIXTURES"] ?? fileURLToPath(new URL("../fixtures", import.meta.url)); // prettier-ignore
  const table = tableFromCsv(readFileSync(join(folder, "causal-latent/holzinger.csv"), "utf8"));
  const names = Object.values(factors).flat();
  const columns = names.map((name) => {
    const found = column(table, name);
    return found.kind === "number" ? found.values : new Float64Array(0);
  });
  const n = table.numRows;
  const inner = (x: Float64Array, y: Float64Array): number => {
    const [mx, my] = [x, y].map((z) => z.reduce((s, v) => s + v, 0) / n) as [number, number];
    return x.reduce((s, v, i) => s + (v - mx) * (y[i]! - my), 0);
  };
  const pearson = Float64Array.from({ length: 81 }, (_, at) => {
    const [x, y] = [columns[Math.floor(at / 9)]!, columns[at % 9]!];
    return inner(x, y) / Math.sqrt(inner(x, x) * inner(y, y));
  });

  it("of groups fit as lavaan's confirmatory analysis does", () => {
    const groups = Object.values(factors).map((own) => ({ items: own.map((name) => ({ name })) }));
    const fit = fitOfGroups(pearson, names, groups, n);
    expect(fit.df).toBe(confirmatory.df);
    expect(fit.chiSquare).toBeCloseTo(confirmatory.chiSquare, 2);
    expect(fit.cfi).toBeCloseTo(confirmatory.cfi, 3);
    expect(fit.rmsea).toBeCloseTo(confirmatory.rmsea, 3);
    for (const name of names)
      expect(fit.loadings[name]).toBeCloseTo(confirmatory.standardisedLoadings[name]!, 2);
  });

  it("of factors recover exact loadings, and count as many by parallel analysis", () => {
    const pattern = [0.8, 0.7, 0.6, 0.75, 0.65, 0.55];
    const r = pattern.map((x, i) => pattern.map((y, j) => (i === j ? 1 : i < 3 === j < 3 ? x * y : 0.4 * x * y))); // prettier-ignore
    const { loadings, factorCorrelations, numFactors, rmsea } = factorAnalysis(r, 2000);
    expect([numFactors, rmsea]).toEqual([2, 0]);
    expect(Math.abs(factorCorrelations.get(0, 1))).toBeCloseTo(0.4, 2);
    pattern.forEach((x, i) => {
      const own = [0, 1].map((f) => Math.abs(loadings.get(i, f)));
      expect(Math.max(...own)).toBeCloseTo(x, 2);
      expect(Math.min(...own)).toBeLessThan(0.01);
    });
    expect(factorAnalysis(pearson.length === 81 ? [...names.keys()].map((i) => [...pearson.subarray(9 * i, 9 * i + 9)]) : [], n).numFactors).toBe(3); // prettier-ignore
  });

  it("turned by varimax and oblimin find simple structure that was turned away", () => {
    const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
    const simple = [[0.8, 0], [0.7, 0], [0.6, 0], [0, 0.9], [0, 0.5], [0, 0.6]]; // prettier-ignore
    const away = Float64Array.from(simple.flatMap(([x, y]) => [c * x! - s * y!, s * x! + c * y!]));
    for (const found of [varimax(away, 6, 2), oblimin(away, 6, 2).loadings])
      simple.forEach((row, i) => {
        const own = [found[2 * i]!, found[2 * i + 1]!].map(Math.abs).sort((a, b) => a - b);
        expect(own[0]).toBeLessThan(1e-4);
        expect(own[1]).toBeCloseTo(Math.max(...row), 4);
      });
  });

  it.each([
    ["not square", () => factorAnalysis([[1, 0, 0]], 100), /shape \[p, p\]/],
    ["not symmetric", () => factorAnalysis([[1, 0.5, 0], [0.4, 1, 0], [0, 0, 1]], 100), /symmetric/],
    ["not positive definite", () => factorAnalysis([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]], 100), /positive definite/],
    ["with too many factors", () => factorAnalysis([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 100, { numFactors: 2 }), /degrees of freedom/],
    ["of no rows", () => factorAnalysis([[1, 0, 0], [0, 1, 0], [0, 0, 1]], 0), /size must be/],
  ])("%s are typed errors", (_, call, message) => {
    expect(call).toThrow(message);
  }); // prettier-ignore
});

describe("graphs for other programs", () => {
  const graph = conceptGraph({ "A&B": [], X: ["A&B"], Y: ["A&B"] });

  it("are well-formed GraphML and JSON", () => {
    expect(toGraphml(graph)).toContain('<edge source="A&#38;B" target="X"/>');
    const { graph: read } = JSON.parse(toJsonGraph(graph)) as { graph: { nodes: Record<string, { metadata: { latent: boolean } }> } }; // prettier-ignore
    expect(Object.entries(read.nodes).map(([name, { metadata }]) => [name, metadata.latent])).toEqual([["A&B", true], ["X", false], ["Y", false]]); // prettier-ignore
  });

  it("in BIF list every row of every table, and refuse names that BIF cannot have", () => {
    const plain = conceptGraph({ L: [], M: [], X: ["L", "M"] }, { states: { L: 2, M: 3 } });
    const text = toBif(plain, randomCpts(plain, key(0)));
    const rows = [...text.matchAll(/\(s(\d), s(\d)\) (.*);/g)];
    expect(rows.map(([, l, m]) => `${l} ${m}`)).toEqual(["0 0", "0 1", "0 2", "1 0", "1 1", "1 2"]);
    for (const [, , , numbers] of rows)
      expect(numbers!.split(", ").reduce((sum, x) => sum + Number(x), 0)).toBeCloseTo(1, 12);
    expect(() => toBif(graph, randomCpts(graph, key(0)))).toThrow(/toBif: names must be/);
  });
});
