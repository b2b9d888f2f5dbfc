import { describe, expect, it } from "vitest";
import { array, mul, toTypedArray, treeLeaves } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  type MatteState,
  TrainingDivergedError,
  encodeSentences,
  loadMatte,
  makeReviewCorpus,
  makeVectors,
  matteConfig,
  saveMatte,
  trainMatte,
  vocabularyOf,
} from "../../src/matte/index.js";

const vectors = makeVectors(300, key(0), { size: 8, contentSize: 2, styleSize: 1, numDomains: 2 });
const data = {
  observed: vectors.observed,
  domains: vectors.domains,
  labels: vectors.domains.map((_, i) => (i % 3 === 0 ? i % 2 : -1)),
};
const config = matteConfig(
  { kind: "vectors", size: 8, hidden: [16] },
  { numDomains: 2, contentSize: 2, styleSize: 1 },
);

const corpus = makeReviewCorpus(120, key(1));
const vocabulary = vocabularyOf(corpus.sentences);
const text = {
  observed: encodeSentences(vocabulary, corpus.sentences).tokens,
  domains: corpus.domains,
  labels: corpus.labels,
};
const textConfig = matteConfig(
  { kind: "text", vocabularySize: vocabulary.words.length, embedding: 8, hidden: 12 },
  { numDomains: 4, contentSize: 4, styleSize: 1, flowHidden: 8 },
);

const bits = (tree: unknown): number[] => treeLeaves(tree).flatMap((x) => [...toTypedArray(x)]);

describe.each([
  ["vectors", data, config],
  ["text", text, textConfig],
] as const)("training on %s", (_, rows, settings) => {
  const options = { numSteps: 12, batchSize: 16 };
  const whole = trainMatte(rows, settings, key(2), options);

  it("repeats to the bit", () => {
    expect(bits(trainMatte(rows, settings, key(2), options).params)).toEqual(bits(whole.params));
    expect(bits(trainMatte(rows, settings, key(3), options).params)).not.toEqual(
      bits(whole.params),
    );
  });

  it("goes on from a stored state to the same bits", () => {
    const first = trainMatte(rows, settings, key(2), { ...options, maxSteps: 5 });
    expect(first.state.step).toBe(5);
    const stored = loadMatte(saveMatte(first, { state: first.state, metadata: { words: "w" } }));
    expect(stored.metadata["words"]).toBe("w");
    expect(stored.model.config).toEqual(settings);
    const rest = trainMatte(rows, settings, key(2), { ...options, state: stored.state! });
    expect(bits(rest.state)).toEqual(bits(whole.state));
    expect([...first.history, ...rest.history]).toEqual(whole.history);
  });

  it("reports every step and stops when asked, keeping what it has", () => {
    const controller = new AbortController();
    let state: MatteState | undefined;
    const run = (): unknown =>
      trainMatte(rows, settings, key(2), {
        ...options,
        signal: controller.signal,
        onProgress: (p) => {
          state = p.state;
          expect(p.total).toBe(12);
          if (p.iteration === 4) controller.abort(new Error("enough"));
        },
      });
    expect(run).toThrow("enough");
    expect(state!.step).toBe(4);
    expect(bits(trainMatte(rows, settings, key(2), { ...options, state: state! }).params)).toEqual(
      bits(whole.params),
    );
  });

  it("lowers the objective", () => {
    const { history } = trainMatte(rows, settings, key(4), {
      numSteps: 60,
      batchSize: 32,
      learningRate: 1e-2,
    });
    const mean = (list: typeof history): number =>
      list.reduce((total, h) => total + h.parts.reconstruction, 0) / list.length;
    expect(mean(history.slice(-10))).toBeLessThan(0.8 * mean(history.slice(0, 10)));
  });
});

describe("bad training", () => {
  const run = (change: object, settings = config, options: object = {}): unknown =>
    trainMatte({ ...data, ...change }, settings, key(0), { numSteps: 2, ...options });
  const broken = array(
    Float32Array.from({ length: 16 }, (_, i) => (i === 3 ? NaN : 1)),
    { shape: [2, 8] },
  );
  it.each([
    ["domains", () => run({ domains: data.domains.map(() => 7) })],
    ["domains", () => run({ domains: undefined })],
    ["labels", () => run({ labels: [0, 1] })],
    [String.raw`labels\[0\]`, () => run({ labels: data.domains.map(() => 2) })],
    ["observed", () => run({ observed: broken, domains: [0, 0], labels: undefined })],
    ["observed", () => run({ observed: array(new Float64Array(300 * 8), { shape: [300, 8] }) })],
    ["learningRate", () => run({}, config, { learningRate: -1 })],
    ["numSteps", () => run({}, config, { numSteps: 0 })],
    [
      String.raw`observed\[1\]`,
      () =>
        trainMatte(
          {
            observed: array(
              [
                [4, 2],
                [2, 0],
              ],
              { dtype: "int32" },
            ),
            domains: [0, 0],
          },
          textConfig,
          key(0),
        ),
    ],
    [
      "observed",
      () =>
        trainMatte(
          { observed: array([[4000, 2]], { dtype: "int32" }), domains: [0] },
          textConfig,
          key(0),
        ),
    ],
  ])("names %s", (name, attempt) => {
    expect(attempt).toThrow(new RegExp(`trainMatte: .*${name}`));
  });

  it.each([
    ["contentSize", { contentSize: 0 }],
    ["weights.content", { weights: { content: NaN } }],
    ["prior", { prior: "uniform" }],
    ["bins", { contentFlow: { kind: "rational-linear", bins: 5000 } }],
  ])("configurations name %s", (name, options) => {
    expect(() => matteConfig({ kind: "vectors", size: 8 }, options as object)).toThrow(
      new RegExp(name),
    );
  });

  it("stops when the objective leaves the numbers, with the weights before that", () => {
    const huge = { ...data, observed: mul(data.observed, 1e25) };
    try {
      trainMatte(huge, config, key(0), { numSteps: 3 });
      expect.fail("training went on");
    } catch (error) {
      expect(error).toBeInstanceOf(TrainingDivergedError);
      const { step, parts, params, code } = error as TrainingDivergedError;
      expect(step).toBe(0);
      expect(code).toBe("ERR_TRAINING_DIVERGED");
      expect(Number.isFinite(parts.reconstruction)).toBe(false);
      expect(bits(params).every(Number.isFinite)).toBe(true);
    }
  });
});
