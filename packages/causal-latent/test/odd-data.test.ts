import { array, zeros } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import * as hierarchy from "../src/hierarchy/index.js";
import * as matte from "../src/matte/index.js";

const { conceptGraph, presetGraph, randomCpts, sampleHierarchy } = hierarchy;
const star = presetGraph("star");
const cpts = randomCpts(star, key(0));
const rows = sampleHierarchy(star, cpts, 400, key(1));
const nested = (n: number, row: (i: number) => number[]): number[][] =>
  Array.from({ length: n }, (_, i) => row(i));
const bits = (n: number, i: number): number[] =>
  nested(400, (r) => [0, 1, 2, 3, 4].map((j) => rows.data.get(r, j)))[i % n]!;

/** Every number of a result, whatever it is made of. */
function numbersIn(x: unknown): number[] {
  if (typeof x === "number") return [x];
  if (ArrayBuffer.isView(x)) return Array.from(x as Float64Array);
  if (x instanceof Map) return [...x.values()].flatMap(numbersIn);
  return typeof x === "object" && x !== null
    ? Object.values("stride" in x ? { data: Reflect.get(x, "data") as unknown } : x).flatMap(
        numbersIn,
      )
    : [];
}
/** p-values of edges that no test made are NaN, as documented. */
const withoutEdges = (x: hierarchy.HierarchyResult): unknown => ({
  ...x,
  edges: [],
  covers: [],
  log: [],
});

/** The same calls for every kind of odd data; each gives numbers or a typed error. */
const calls: Record<string, (data: number[][]) => unknown> = {
  collapseStates: (data) => hierarchy.collapseStates({ data }, 2),
  discoverHierarchy: (data) => withoutEdges(hierarchy.discoverHierarchy({ data })),
  "discoverHierarchy, latent states unknown": (data) =>
    withoutEdges(hierarchy.discoverHierarchy({ data }, { latentStates: "auto" })),
  "discoverHierarchy on covariances": (data) =>
    withoutEdges(hierarchy.discoverHierarchy({ data }, { featureCoding: "gaussian" })),
  dataOracle: (data) => hierarchy.dataOracle({ data }).rankAtMost([[0], [1]], [[2], [3]], 2),
  covarianceOracle: (data) =>
    hierarchy.covarianceOracle({ data }).rankAtMost([[0], [1]], [[2], [3]], 1),
  bootstrapHierarchy: (data) =>
    hierarchy.bootstrapHierarchy({ data }, key(2), { numReplicates: 2, refine: false }).together,
  certifyHierarchy: (data) => hierarchy.certifyHierarchy(star, { data }),
  certifyFit: (data) => hierarchy.certifyFit({ graph: star, cpts }, { data }),
  fitHierarchy: (data) =>
    hierarchy.fitHierarchy(star, { data }, key(3), { restarts: 2, maxIterations: 50 }),
  inferConcepts: (data) => hierarchy.inferConcepts({ graph: star, cpts }, { data }),
};

const datasets: Record<string, number[][]> = {
  "one row": nested(1, () => [0, 1, 0, 1, 0]),
  "fewer rows than cells": nested(6, (i) => bits(6, i)),
  "all rows the same": nested(30, () => [1, 0, 1, 0, 1]),
  "a constant column": nested(100, (i) => [...bits(100, i).slice(0, 4), 1]),
  "a state that never occurs": nested(100, (i) =>
    bits(100, i).map((x, j) => (j === 0 ? 2 * x : x)),
  ),
  "two identical columns": nested(200, (i) => [...bits(200, i).slice(0, 4), bits(200, i)[0]!]),
  "every column the same": nested(200, (i) => [0, 1, 2, 3, 4].map(() => bits(200, i)[0]!)),
  "as many states as rows": nested(60, (i) => [i, ...bits(60, i).slice(1)]),
};

describe.each(Object.entries(datasets))("data with %s", (_, data) => {
  it.each(Object.entries(calls))("%s gives numbers or says what is wrong", (__, call) => {
    let result: unknown;
    try {
      result = call(data);
    } catch (error) {
      expect(error).toMatchObject({
        code: expect.stringMatching(/^ERR_/) as string,
        message: expect.stringMatching(/^\w+: /) as string,
      });
      return;
    }
    expect(numbersIn(result).filter(Number.isNaN)).toEqual([]);
  });
});

describe("variables with one state", () => {
  const graph = conceptGraph(
    { L: [], X1: ["L"], X2: ["L"], X3: ["L"] },
    { states: { L: 1, X1: 2, X2: 2, X3: 1 } },
  );
  const tables = randomCpts(graph, key(4), { minSingular: 0 });

  it("are drawn, fitted and inferred", () => {
    const sample = sampleHierarchy(graph, tables, 50, key(5));
    expect(numbersIn(sample.latents).every((x) => x === 0)).toBe(true);
    expect(Number.isFinite(hierarchy.fitHierarchy(graph, sample, key(6)).bic)).toBe(true);
    expect(
      numbersIn(hierarchy.inferConcepts({ graph, cpts: tables }, sample)).filter(Number.isNaN),
    ).toEqual([]);
    expect(
      hierarchy.checkIdentifiability(graph).some(({ condition }) => condition === "states"),
    ).toBe(true);
  });

  it("make a joint distribution that is searched without NaN", () => {
    const joint = hierarchy.exactJoint(graph, tables);
    expect(joint.shape).toEqual([2, 2, 1]);
    expect(hierarchy.discoverHierarchy({ joint }).warnings.join()).toMatch(/too few/);
    expect(hierarchy.jointOracle({ joint }).rankAtMost([[0]], [[2]], 1).pValue).toBe(1);
  });
});

describe("tables with empty cells", () => {
  it.each([
    "auto",
    "kp",
    "pearson",
    "bartlett",
    "bartlettLawley",
    "lr",
    "bootstrap",
    "permutation",
    "exact",
  ] as const)("%s", (method) => {
    const options = { method, numReplicates: 9, restarts: 2 };
    for (const counts of [
      [
        [5, 0],
        [0, 0],
      ],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
      [
        [0, 7, 0],
        [3, 0, 0],
      ],
      [[1]],
    ])
      // prettier-ignore
      expect(numbersIn(hierarchy.rankTest(counts, options)).filter(Number.isNaN)).toEqual([]);
  });

  it("have a nonnegative rank", () => {
    expect(hierarchy.nonnegativeRank([[1, 0], [0, 0]]).value).toBe(1); // prettier-ignore
  });
});

describe("continuous data", () => {
  const line = nested(40, (i) => [i < 20 ? -3 : 3, (i % 7) / 7]);
  it("with a constant column, too few rows or NaN is refused by name", () => {
    expect(() => hierarchy.learnConcepts(nested(9, (i) => [i, 1]), key(0))).toThrow(/learnConcepts: column 1 of x is constant/); // prettier-ignore
    expect(() => hierarchy.learnConcepts([[1, 2]], key(0))).toThrow(/at least two rows/);
    expect(() => hierarchy.learnConcepts([[1, NaN], [2, 3]], key(0))).toThrow(/row 0, column 1/); // prettier-ignore
    expect(() => hierarchy.learnConcepts([[1], [2]], key(0), { blocks: [[0]], states: 3 })).toThrow(/states\[0\] must be at most the 2 rows/); // prettier-ignore
  });

  it("with fewer rows than components, or a column twice, gives labels", () => {
    for (const x of [line.slice(18, 22), line.map(([a]) => [a!, a!])])
      for (const method of ["mixture", "connected"] as const) {
        const { posteriors } = hierarchy.learnConcepts(x, key(1), { blocks: [[0, 1]], method });
        expect(numbersIn(posteriors).filter(Number.isNaN)).toEqual([]);
      }
  });

  it("ends where distances overflow", () => {
    expect(() => hierarchy.factorStates([[0, 0], [0, Infinity], [5, 0], [5, 1]], [2, 2])).toThrow(/centres must be finite/); // prettier-ignore
    expect(() => hierarchy.factorStates([[0, 0], [0, 1e300], [1e300, 0], [1, 1]], [2, 2])).not.toThrow(TypeError); // prettier-ignore
  });
});

describe("arguments of the wrong kind are named", () => {
  const model = matte.initMatte(matte.matteConfig({ kind: "vectors", size: 4 }), key(0));
  const wrong = <T>(x: unknown): T => x as T;
  it.each([
    [
      () => hierarchy.discoverHierarchy(wrong(undefined)),
      /discoverHierarchy: input must be \{ data, names\?, states\? \}/,
    ],
    [
      () => hierarchy.discoverHierarchy(rows, wrong(null)),
      /discoverHierarchy: options must be an object/,
    ],
    [
      () =>
        hierarchy.discoverHierarchy(rows, { background: { forbiddenClusters: wrong([[1, 2]]) } }),
      /background.forbiddenClusters\[0\]\[0\] must be text/,
    ],
    [
      () => hierarchy.discoverHierarchy(rows, { significance: wrong(10n) }),
      /significance must be in \(0, 1\), got 10/,
    ],
    [
      () => hierarchy.discoverHierarchy(rows, { onProgress: wrong(3) }),
      /onProgress must be a function/,
    ],
    [() => hierarchy.discoverHierarchy({ data: [[1e300]] }), /whole numbers ≥ 0 and below/], // prettier-ignore
    [
      () => hierarchy.graphRank({ ...star, order: [...star.order].reverse() }, ["X1"], ["X2"]),
      /graph must be made by conceptGraph/,
    ],
    [() => hierarchy.graphRank(star, ["toString"], ["X2"]), /no variable of the graph/],
    [() => hierarchy.conceptGraph({ L: wrong("X") }), /parents of "L" must be a list/],
    [() => hierarchy.toDot(star, { labels: { X1: wrong(7) } }), /labels\[0\] must be text/],
    [
      () => hierarchy.randomCpts(conceptGraph({ L: [], X: ["L"] }, { states: 1e6 }), key(0)),
      /at most 16777216 are allowed/,
    ],
    [() => hierarchy.dataOracle(rows).rankAtMost([[0]], [[0]], 1), /at most once/],
    [() => hierarchy.graphOracle(star).rankAtMost([[9]], [[0]], 1), /integers in \[0, 5\), got 9/],
    [() => hierarchy.matchLatents(wrong([["L"]]), [], []), /must be two names/],
    [
      () => hierarchy.bootstrapHierarchy(rows, key(0), { numReplicates: 2 ** 31 }),
      /numReplicates must be an integer ≥ 1 and below 2³¹/,
    ],
    [
      () => matte.encodeLatents(wrong({ ...model, params: {} }), zeros([1, 4])),
      /encodeLatents: params.network must be an object/,
    ],
    [
      () =>
        matte.encodeLatents(
          { ...model, config: { ...model.config, contentSize: wrong("4") } },
          zeros([1, 4]),
        ),
      /contentSize must be an integer/,
    ],
    [
      () => matte.counterfactual(model, zeros([1, 4]), wrong({ kind: "flip" })),
      /flip.kind must be .*noise.*reflect/,
    ],
    [
      () => matte.counterfactual(model, zeros([1, 4]), wrong({ kind: "reflect" })),
      /flip.poles must be an object/,
    ],
    [
      () => matte.matteLoss(model, { observed: zeros([1, 4]) }, zeros([1, 2])),
      /epsilon must have shape \[1, 6\]/,
    ],
    [
      () =>
        matte.trainMatte({ observed: zeros([2, 4]) }, model.config, key(0), { numSteps: 2 ** 31 }),
      /numSteps must be an integer ≥ 1 and below 2³¹/,
    ],
    [
      () =>
        matte.trainMatte({ observed: zeros([2, 4]) }, model.config, key(0), {
          state: wrong({ step: 1 }),
        }),
      /params must be an object/,
    ],
    [() => matte.loadMatte(wrong("abc")), /bytes must be a Uint8Array/],
    [() => matte.vocabularyOf(wrong(["a", 1])), /sentences\[1\] must be text/],
    [
      () => matte.decodeSentences(matte.vocabularyOf(["a"]), array([1, 2])),
      /tokens must have shape \[B, T\]/,
    ],
    [() => matte.corpusBleu(wrong([1]), ["a"]), /references\[0\] must be a list/],
    [() => matte.classifyStyle(wrong({ bias: 0 }), ["a"]), /classifier.evidence must be an object/],
    [
      () => matte.lexiconPolarity(["a"], wrong({ ...matte.reviewLexicon, shared: {} })),
      /lexicon.shared.pos must be a list/,
    ],
    [() => matte.reviewSentence(wrong({ domain: "toString" }), 1), /content.domain must be one of/],
    [
      () =>
        matte.certifyCounterfactual(
          model,
          { observed: zeros([2, 4]), labels: [0, 1] },
          { kind: "noise" },
          wrong({}),
        ),
      /judge.style must be a function/,
    ],
    [() => matte.linearGaussianMatte({ a: [[0]], b: [[1]], W: [[[2]]], v: [[0]], e: [[1]], M: [[1, 0], [0, 1]] }).counterfactual([[1, 5]], [3]), /domains\[0\] must be an integer in \[0, 1\)/], // prettier-ignore
  ])("%#", (run, message) => {
    expect(run).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^ERR_/) as string,
        message: expect.stringMatching(message) as string,
      }),
    );
  });

  it("and a file may not reach the prototype of all objects", () => {
    const bytes = matte.saveMatte(model);
    const text = new TextDecoder("latin1")
      .decode(bytes)
      .replaceAll("params.domains", "__proto__.domai");
    expect(() => matte.loadMatte(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toThrow(
      /loadMatte/,
    );
    expect(({} as Record<string, unknown>)["domai"]).toBeUndefined();
  });
});
