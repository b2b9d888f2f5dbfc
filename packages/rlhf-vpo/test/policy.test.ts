import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { cosineDecay } from "@provably/core-tensor/optim";
import { key, normal } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type FinitePolicy,
  type PolicyState,
  type PreferenceProblem,
  mlpPolicy,
  vpoObjective,
  solveVpo,
  trainVpo,
  trainPolicy,
} from "../src/index.js";

const log = Math.log;
const problem: PreferenceProblem = {
  data: [
    [0, 0, 1],
    [0, 2, 1],
    [1, 1, 2],
    [1, 1, 0],
    [1, 0, 2],
  ],
  logReference: [
    [log(0.5), log(0.3), log(0.2)],
    [log(0.25), log(0.5), log(0.25)],
  ],
};
const hyperparameters = { beta: 0.7, alpha: 0.3 };
const list = (x: NdArray): number[] => Array.from(toTypedArray(x));
const table: FinitePolicy<{ r: NdArray }> = {
  init: { r: array(new Float64Array(6), { shape: [2, 3] }) },
  scores: ({ r }) => r,
};
const features = normal(key("features"), [2, 3, 4], { dtype: "float64" });

describe("policies of one's own", () => {
  it("a table is the log-linear policy with one feature for each response, step for step", () => {
    const ours = trainPolicy(table, problem, hyperparameters, {
      learningRate: 0.05,
      weightDecay: 0.01,
      numSteps: 40,
    });
    const theirs = trainVpo(problem, hyperparameters, {
      learningRate: 0.05,
      weightDecay: 0.01,
      numSteps: 40,
    });
    list(ours.losses).forEach((x, i) => expect(x).toBeCloseTo(theirs.losses.get(i), 12));
    list(ours.logPolicy).forEach((x, i) => expect(x).toBeCloseTo(list(theirs.logPolicy)[i]!, 10));
  });

  it("ends at the minimum of the convex problem, and the certificate says so there only", () => {
    const best = solveVpo(problem, hyperparameters);
    const trained = trainPolicy(table, problem, hyperparameters, {
      learningRate: 0.02,
      numSteps: 3000,
    });
    list(trained.logPolicy).forEach((x, i) => expect(x).toBeCloseTo(list(best.logPolicy)[i]!, 4));
    expect(trained.certificate.holds).toBe(true);
    expect(trainPolicy(table, problem, hyperparameters, { numSteps: 2 }).certificate.holds).toBe(
      false,
    );
  });

  it("the first step of a perceptron goes down its own objective, which starts at that of the reference", () => {
    const policy = mlpPolicy(features, key(1), { hidden: [8, 5] });
    const { losses, logPolicy } = trainPolicy(policy, problem, hyperparameters, { numSteps: 200 });
    expect(losses.get(0)).toBeCloseTo(
      vpoObjective(problem, array(new Float64Array(6)), hyperparameters).value,
      12,
    );
    expect(losses.get(200)).toBeLessThan(losses.get(0));
    for (let x = 0; x < 2; x++)
      expect([0, 1, 2].reduce((sum, y) => sum + Math.exp(logPolicy.get(x, y)), 0)).toBeCloseTo(
        1,
        12,
      );
  });

  it("goes on from a state to the same bits", () => {
    const policy = mlpPolicy(features, key(2));
    const whole = trainPolicy(policy, problem, hyperparameters, { numSteps: 30 });
    const half = trainPolicy(policy, problem, hyperparameters, { numSteps: 17 });
    const rest = trainPolicy(policy, problem, hyperparameters, {
      numSteps: 13,
      state: JSON.parse(JSON.stringify(half.state)) as PolicyState,
    });
    expect(list(rest.logPolicy)).toEqual(list(whole.logPolicy));
  });

  it("stops at a signal, and names what does not fit", () => {
    const policy = mlpPolicy(features, key(3));
    const stop = new AbortController();
    expect(() =>
      trainPolicy(policy, problem, hyperparameters, {
        signal: stop.signal,
        onProgress: ({ iteration }) => iteration === 3 && stop.abort(new Error("enough")),
      }),
    ).toThrow("enough");
    expect(() =>
      trainPolicy({ init: {}, scores: () => array([[1, 2]]) }, problem, hyperparameters),
    ).toThrow(/policy\.scores .*\[2, 3\].*\[1, 2\]/);
    expect(() => trainPolicy({ init: { r: array([NaN]) }, scores: () => array([[NaN, 0, 0], [0, 0, 0]]) }, problem, hyperparameters)).toThrow(/policy\.init.* must be finite/); // prettier-ignore
    expect(() => mlpPolicy([[1]], key(0))).toThrow(/features must have shape \[X, Y, F\]/);
    expect(() => mlpPolicy(features, key(0), { hidden: [0] })).toThrow(/hidden\[0\]/);
    expect(() => trainPolicy(policy, problem, { beta: 0, alpha: 1 })).toThrow(/beta/);
  });

  it("learns from batches as from all data on the average, and goes on in the middle of a pass", () => {
    const options = { batchSize: 2, key: key("order"), learningRate: cosineDecay(0.02, 600), clipNorm: 1 }; // prettier-ignore
    const whole = trainPolicy(table, problem, hyperparameters, { ...options, numSteps: 600 });
    const half = trainPolicy(table, problem, hyperparameters, { ...options, numSteps: 301 });
    const state = JSON.parse(JSON.stringify(half.state)) as PolicyState;
    const rest = trainPolicy(table, problem, hyperparameters, { ...options, numSteps: 299, state });
    expect(list(rest.logPolicy)).toEqual(list(whole.logPolicy));
    const best = solveVpo(problem, hyperparameters);
    list(whole.logPolicy).forEach((x, i) => expect(Math.abs(x - list(best.logPolicy)[i]!)).toBeLessThan(0.2)); // prettier-ignore
    expect(() => trainPolicy(table, problem, hyperparameters, { batchSize: 2 })).toThrow(/batchSize needs a key/); // prettier-ignore
    expect(() => trainPolicy(table, problem, hyperparameters, { batchSize: 6, key: key(0) })).toThrow(/data have 5 rows/); // prettier-ignore
  });

  it("steps no further than the length of the clipped gradient allows", () => {
    // before the moments have history, Adam divides the length away: the moments themselves tell
    const norm = (clipNorm: number): number => {
      const { state } = trainPolicy(table, problem, hyperparameters, { clipNorm, numSteps: 1 });
      return 10 * Math.hypot(...state.first);
    };
    expect(norm(1e-3)).toBeCloseTo(1e-3, 12);
    expect(norm(100)).toBeGreaterThan(0.1);
  });

  it("stops when held-out preferences say so, and gives the parameters that were best on them", () => {
    // trained on one answer and judged by the other: every step away from a coin makes it worse
    const half = [[log(0.5), log(0.5)]];
    const policy = { init: { r: array(new Float64Array(2), { shape: [1, 2] }) }, scores: ({ r }: { r: NdArray }) => r }; // prettier-ignore
    const evaluation = { data: [[0, 1, 0]], every: 5, patience: 3 };
    const options = { evaluation, numSteps: 500, learningRate: 0.05 };
    const data = { data: [[0, 0, 1]], logReference: half };
    const run = trainPolicy(policy, data, { beta: 1, alpha: 0 }, options);
    expect(run.stoppedEarly).toBe(true);
    expect(run.evaluations.map(({ step }) => step)).toEqual([5, 10, 15, 20]);
    const seen = run.evaluations.map(({ nll }) => nll);
    expect(Math.min(...seen)).toBe(seen[0]);
    expect(run.state.best?.waited).toBe(3);
    const five = trainPolicy(policy, data, { beta: 1, alpha: 0 }, { numSteps: 5, learningRate: 0.05 }); // prettier-ignore
    expect(list(run.logPolicy)).toEqual(list(five.logPolicy));
    expect(seen[0]).toBeCloseTo(Math.log1p(Math.exp(five.logPolicy.get(0, 0) - five.logPolicy.get(0, 1))), 12); // prettier-ignore
  });
});
