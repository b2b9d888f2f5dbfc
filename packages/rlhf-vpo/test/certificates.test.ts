import { describe, expect, it } from "vitest";
import { array, toTypedArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  certifyPessimism,
  certifyRewardCalibration,
  certifySuboptimality,
  fitRewardModel,
  mlpPolicy,
  optimalLogPolicy,
  solveVpo,
  suboptimality,
  trainPolicy,
  trainVpo,
} from "../src/index.js";
import { expectNear, flat } from "./fixtures.js";

const logReference = [[0.5, 0.3, 0.2].map(Math.log)];
const win = (a: number, b: number, times = 1): number[][] =>
  Array.from({ length: times }, () => [0, a, b]);
/** One feature for each response: the same problem as a table, by the other path. */
const oneHot = [[[1, 0, 0], [0, 1, 0], [0, 0, 1]]]; // prettier-ignore

describe("where no finite optimum exists", () => {
  const data = {
    "a response always wins": [...win(0, 1), ...win(1, 2, 2), ...win(2, 1)],
    "a response always loses": [...win(0, 1, 3), ...win(1, 0), ...win(0, 2)],
    "every pair agrees": [...win(0, 1, 2), ...win(1, 2, 2)],
  };
  it.each(Object.entries(data))("%s: the fit says so and is undecided", (_, data) => {
    for (const features of [undefined, oneHot]) {
      const problem = { data, logReference, ...(features && { features }) };
      const fit = fitRewardModel(problem);
      expect([fit.separable, fit.converged, fit.certificate.verdict]).toEqual([true, false, "undecided"]); // prettier-ignore
      expect(fit.certificate.note).toMatch(/no maximum exists/);
      const solved = solveVpo(problem, { beta: 1, alpha: 0 });
      expect([solved.converged, solved.certificate.verdict]).toEqual([false, "undecided"]);
      // ridge, or pessimism, has one
      expect(fitRewardModel(problem, { ridge: 0.1 }).certificate.verdict).toBe("holds");
      expect(solveVpo(problem, { beta: 1, alpha: 0.1 }).certificate.verdict).toBe("holds");
    }
  });

  it("pessimism calibrated by a policy that lacks a response is undecided where that response loses", () => {
    const calibration = [[0.5, 0.5, 0]];
    const problem = { data: [...win(0, 1, 2), ...win(1, 0), ...win(0, 2)], logReference, calibration }; // prettier-ignore
    const alone = solveVpo(problem, { beta: 1, alpha: 0.3 });
    expect([alone.converged, alone.certificate.verdict]).toEqual([false, "undecided"]);
    const features = solveVpo({ ...problem, features: oneHot }, { beta: 1, alpha: 0.3 });
    expect([features.converged, features.certificate.verdict]).toEqual([false, "undecided"]);
    const held = { ...problem, data: [...problem.data, ...win(2, 1)] };
    expect(solveVpo(held, { beta: 1, alpha: 0.3 }).certificate.verdict).toBe("holds");
  });

  it("responses that nobody compared do not matter to maximum likelihood", () => {
    const problem = { data: [...win(0, 1, 3), ...win(1, 0)], logReference };
    expect(fitRewardModel(problem).certificate.verdict).toBe("holds");
    expect(fitRewardModel({ ...problem, features: oneHot }).separable).toBe(false);
  });

  it("the comparison with maximum likelihood is undecided, and the gap still closes", () => {
    const problem = { data: win(0, 1, 3), logReference };
    const hyperparameters = { beta: 0.7, alpha: 0.2 };
    const certificates = certifyPessimism(problem, solveVpo(problem, hyperparameters), hyperparameters); // prettier-ignore
    expect(certificates.pessimism.verdict).toBe("undecided");
    expect(certificates.pessimism.note).toMatch(/no maximum-likelihood reward exists/);
    expect(certificates.dualityGap.verdict).toBe("holds");
  });
});

describe("the duality gap", () => {
  const hyperparameters = { beta: 0.7, alpha: 0.2 };
  const features = normal(key("features"), [1, 3, 2], { dtype: "float64" });
  const problems = {
    "a table": { data: [...win(0, 1, 4), ...win(1, 0), ...win(2, 1)], logReference },
    "a table with ties": { data: [[0, 0, 1, 0.5], [0, 1, 2, 0.8], [0, 2, 0, 0]], logReference }, // prettier-ignore
    features: { data: [...win(0, 1, 4), ...win(1, 0), ...win(2, 1)], logReference, features },
  };
  it.each(Object.entries(problems))(
    "of %s is 0 at the solution and bounds the objective elsewhere",
    (_, problem) => {
      const solved = solveVpo(problem, hyperparameters);
      const { dualityGap } = certifyPessimism(problem, solved, hyperparameters);
      expect(dualityGap.holds).toBe(true);
      expect(Math.abs(dualityGap.value)).toBeLessThan(1e-11);
      const best = solved.losses.get(solved.iterations);
      const early = trainVpo(problem, hyperparameters, { numSteps: 30 });
      const gap = certifyPessimism(problem, early, hyperparameters).dualityGap;
      expect(gap.holds).toBe(false);
      expect(gap.value).toBeGreaterThan(early.losses.get(30) - best - 1e-12);
    },
  );

  it("is refused for optimism", () => {
    const problem = problems["a table"];
    const solved = solveVpo(problem, hyperparameters);
    expect(() => certifyPessimism(problem, solved, { ...hyperparameters, attitude: "optimistic" })).toThrow(/certifyPessimism: attitude/); // prettier-ignore
  });
});

describe("certificates that go another way", () => {
  it("networks: the gradient of the policy form is that of the solver's closed form", () => {
    const problem = { data: [[0, 0, 1], [0, 2, 1, 0.5], [1, 0, 2]].map((r) => [...r, 1].slice(0, 4)), logReference: [logReference[0]!, logReference[0]!], calibration: [[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]], promptDistribution: [0.4, 0.6] }; // prettier-ignore
    const hyperparameters = { beta: 0.6, alpha: 0.4 };
    const table = { init: { r: normal(key(1), [2, 3], { dtype: "float64" }) }, scores: ({ r }: { r: never }) => r }; // prettier-ignore
    const trained = trainPolicy(table as never, problem, hyperparameters, { numSteps: 0 });
    const theta = [...toTypedArray(table.init.r)];
    const zeros = theta.map(() => 0);
    const state = { theta, first: zeros, second: zeros, step: 0 };
    const same = trainVpo(problem, hyperparameters, { numSteps: 0, state });
    expect(trained.certificate.value).toBeCloseTo(same.certificate.value, 12);
    expect(trained.certificate.holds).toBe(false);
  });

  it("the loss against the best policy as a difference is the divergence", () => {
    const reward = [[1, -0.5, 0.3], [0, 2, 1]]; // prettier-ignore
    const reference = [logReference[0]!, logReference[0]!];
    const options = { beta: 0.4, promptDistribution: [0.3, 0.7] };
    const policy = optimalLogPolicy([[0, 1, 0], [1, 0, 0]], reference, 1); // prettier-ignore
    expectNear(
      [certifySuboptimality(reward, policy, reference, options).value],
      [suboptimality(reward, policy, reference, options)],
      1e-12,
    );
  });

  it("the level of a reward is taken under the prompts that were given", () => {
    const half = [[0.5, 0.5], [0.5, 0.5]]; // prettier-ignore
    const reward = [[1, 1], [-3, -3]]; // prettier-ignore
    expect(certifyRewardCalibration(reward, half).holds).toBe(false);
    expect(certifyRewardCalibration(reward, half, { promptDistribution: [0.75, 0.25] }).holds).toBe(true); // prettier-ignore
  });

  it("notes say that exchanged columns cannot be seen", () => {
    const problem = { data: [...win(0, 1, 4), ...win(1, 0), ...win(2, 1), ...win(1, 2)], logReference }; // prettier-ignore
    const hyperparameters = { beta: 1, alpha: 0.1 };
    const policy = mlpPolicy([[[1], [2], [3]]], key(0), { hidden: [2] });
    const certificates = [
      solveVpo(problem, hyperparameters).certificate,
      fitRewardModel(problem).certificate,
      trainPolicy(policy, problem, hyperparameters, { numSteps: 1 }).certificate,
      certifyPessimism(problem, solveVpo(problem, hyperparameters), hyperparameters).dualityGap,
    ];
    for (const { note } of certificates) expect(note).toMatch(/exchanged cannot be seen/);
  });
});

describe("policies in the wrong form", () => {
  it("probabilities in place of logarithms are refused, with the remedy", () => {
    const half = [[0.5, 0.5]];
    const log = half.map((row) => row.map(Math.log));
    const calls = [
      () => solveVpo({ data: [[0, 0, 1]], logReference: half }, { beta: 1, alpha: 1 }),
      () => suboptimality([[1, 0]], half, log, { beta: 1 }),
      () => suboptimality([[1, 0]], log, half, { beta: 1 }),
      () => certifySuboptimality([[1, 0]], half, log, { beta: 1 }),
      () => optimalLogPolicy([[1, 0]], half, 1),
    ];
    for (const call of calls) expect(call).toThrow(/take the logarithm of probabilities/);
    expect(() => optimalLogPolicy([[1, 0]], [[2, 1]], 1)).toThrow(/row 0 sum to/);
  });

  it("float32 tables of logarithms are taken as their softmax left them", () => {
    const log32 = array(Float32Array.from([0.1, 0.2, 0.7], Math.log), { shape: [1, 3] });
    expect(flat(optimalLogPolicy([[0, 0, 0]], log32, 1))).toHaveLength(3);
  });
});
