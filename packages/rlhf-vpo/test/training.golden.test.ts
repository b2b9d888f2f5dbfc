import { describe, expect, it } from "vitest";
import { key, normal, uniform } from "@provably/core-tensor/random";
import { bradleyTerryOracle, klDivergence, runOnline, suboptimality, trainOffline } from "../src/index.js";
import { expectNear, f64, flat, load } from "./fixtures.js";

interface Descent {
  readonly problems: {
    readonly problem: string;
    readonly data: number[][];
    readonly promptDist: number[];
    readonly logRef: number[][];
    readonly calibrationPolicy: number[][];
    readonly features: number[][][] | null;
    readonly runs: {
      name: string;
      beta: number;
      alphaMean: number;
      sign: 1 | -1;
      steps: number;
      learningRate: number;
      optimizer: "gd" | "adamw";
      weightDecay: number;
      loss: number[];
      theta: number[];
      policy: number[][];
      klToRef: number[];
    }[];
  }[];
}
const descent = load<Descent>("offline-gd");

describe.skipIf(descent === undefined)("golden gradient runs", () => {
  const runs = (descent?.problems ?? []).flatMap((p) =>
    p.runs.map((run) => [`${p.problem}, ${run.name}, ${run.optimizer}, α = ${run.alphaMean}`, p, run] as const),
  );
  it.each(runs)("%s", (_, { data, promptDist, logRef, calibrationPolicy, features }, run) => {
    const problem = { data, logReference: logRef, calibration: calibrationPolicy, promptDistribution: promptDist, ...(features ? { features } : {}) };
    const { beta, alphaMean: alpha, sign, steps, learningRate, optimizer, weightDecay } = run;
    const options = { optimizer, learningRate, weightDecay };
    const tolerance = optimizer === "gd" ? 1e-9 : 1e-7;
    const trained = trainOffline(problem, { beta, alpha, sign }, { ...options, steps });
    expectNear(trained.losses, run.loss, tolerance);
    expectNear(trained.theta, run.theta, tolerance);
    expectNear(flat(trained.logPolicy).map(Math.exp), run.policy, tolerance);
    expectNear(klDivergence(trained.logPolicy, logRef), run.klToRef, tolerance);
    const half = trainOffline(problem, { beta, alpha, sign }, { ...options, steps: 77 });
    const rest = trainOffline(
      problem,
      { beta, alpha, sign },
      { ...options, steps: steps - 77, state: JSON.parse(JSON.stringify(half.state)) as typeof half.state },
    );
    expect(flat(rest.theta)).toEqual(flat(trained.theta));
  });
});

interface Bandit {
  readonly logRef: number[][];
  readonly trueReward: number[][];
  readonly uniforms: number[][];
  readonly innerSteps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly runs: {
    alphaSum: number;
    sign: 1 | -1;
    secondResponse: "policy" | "reference";
    thetaNormBound: number | null;
    beta: number;
    data: number[][];
    regret: number[];
    lossAfterIteration: number[];
    policyAt: Record<string, number[]>;
    finalTheta: number[];
    finalPolicy: number[];
  }[];
}
const bandit = load<Bandit>("online-bandit");

describe.skipIf(bandit === undefined)("golden online runs", () => {
  it.each((bandit?.runs ?? []).map((run) => [`α = ${run.alphaSum}, second from ${run.secondResponse}, sign ${run.sign}`, run] as const))(
    "%s",
    (_, run) => {
      const { logRef, trueReward, uniforms, innerSteps, learningRate, weightDecay } = bandit!;
      const problem = { data: [], logReference: logRef };
      const options = {
        beta: run.beta,
        alphaSum: run.alphaSum,
        sign: run.sign,
        secondResponse: run.secondResponse,
        innerSteps,
        learningRate,
        weightDecay,
        ...(run.thetaNormBound === null ? {} : { bound: { kind: "norm", size: run.thetaNormBound } as const }),
      };
      const oracle = bradleyTerryOracle(trueReward);
      const result = runOnline(key(0), problem, oracle, { ...options, iterations: uniforms.length, uniforms });
      expect(flat(result.data)).toEqual(run.data.flat());
      const regrets = run.regret.map((_, t) =>
        suboptimality(trueReward, f64([Array.from({ length: logRef[0]!.length }, (__, y) => result.policies.get(t, 0, y))]), logRef, {
          beta: run.beta,
        }),
      );
      expectNear(regrets, run.regret, 1e-6);
      expectNear(result.losses, run.lossAfterIteration, 1e-6);
      expectNear(result.theta, run.finalTheta, 1e-6);
      expectNear(flat(result.logPolicy).map(Math.exp), run.finalPolicy, 1e-6);
      // Stopped, saved and continued: the same bits.
      const half = runOnline(key(0), problem, oracle, { ...options, iterations: 40, uniforms: uniforms.slice(0, 40) });
      const state = JSON.parse(JSON.stringify(half.state)) as typeof half.state;
      const rest = runOnline(key(0), problem, oracle, { ...options, iterations: uniforms.length - 40, uniforms: uniforms.slice(40), state });
      expect(flat(rest.theta)).toEqual(flat(result.theta));
      expect(result.warnings.length).toBe(run.sign === 1 && run.alphaSum > 0 && run.thetaNormBound === null ? 1 : 0);
    },
  );
});

interface Experiments {
  readonly offline: {
    readonly N: number;
    readonly K: number;
    readonly beta: number;
    readonly steps: number;
    readonly results: { alphaSum: number; meanGap: number; standardError: number }[];
  }[];
}
const experiments = load<Experiments>("experiments");

describe.skipIf(experiments === undefined)("golden experiments", () => {
  it("offline bandits: mean gap of VPO and of maximum likelihood, within three standard errors", () => {
    const instances = 60;
    for (const { N, K, beta, steps, results } of experiments!.offline.slice(0, 3)) {
      for (const { alphaSum, meanGap, standardError } of results) {
        const gaps = Array.from({ length: instances }, (_, seed) => {
          const draw = (name: number, n: number): number[] => flat(normal(key(seed * 7 + name), [n], { dtype: "float64" }));
          const scores = draw(1, K);
          const top = Math.max(...scores);
          const z = Math.log(scores.reduce((sum, s) => sum + Math.exp(s - top), 0)) + top;
          const logRef = scores.map((s) => s - z);
          const reward = draw(2, K);
          const u = flat(uniform(key(seed * 7 + 3), [3 * N], { dtype: "float64" }));
          const pick = (v: number): number => {
            let sum = 0;
            return Math.max(0, logRef.findIndex((l) => (sum += Math.exp(l)) > v)); // prettier-ignore
          };
          const data = Array.from({ length: N }, (_, i) => {
            const [a, b] = [pick(u[3 * i]!), pick(u[3 * i + 1]!)];
            return u[3 * i + 2]! < 1 / (1 + Math.exp(reward[b]! - reward[a]!)) ? [0, a, b] : [0, b, a];
          }).filter(([, a, b]) => a !== b);
          const trained = trainOffline({ data, logReference: [logRef] }, { beta, alpha: alphaSum / Math.max(1, data.length) }, { steps });
          return suboptimality([reward], trained.logPolicy, [logRef], { beta });
        });
        const mean = gaps.reduce((a, b) => a + b) / instances;
        const error = Math.sqrt(gaps.reduce((sum, g) => sum + (g - mean) ** 2, 0) / (instances - 1) / instances);
        expect(Math.abs(mean - meanGap), `N = ${N}, α = ${alphaSum}: ${mean} against ${meanGap}`).toBeLessThan(3 * Math.hypot(error, standardError));
      }
    }
  }, 120_000);
});
