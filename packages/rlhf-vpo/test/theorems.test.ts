/** What the theorems say of value-incentivised preference optimisation, measured; the numbers go to the page of claims. */
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, normal, randint, uniform } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type PreferenceProblem,
  bradleyTerryOracle,
  calibrateReward,
  policyDivergence,
  optimalLogPolicy,
  optimalValue,
  policyValue,
  onlineVpo,
  solveBoundedVpo,
  solveVpo,
  suboptimality,
} from "../src/index.js";
import { flat } from "./fixtures.js";

const seeds = Array.from({ length: 20 }, (_, i) => i);
const table = (seed: number, name: string, shape: readonly number[], std = 1): NdArray =>
  normal(foldIn(key(seed), name), shape, { dtype: "float64", std });
const uniformReference = (prompts: number, responses: number): NdArray =>
  array(new Float64Array(prompts * responses).fill(-Math.log(responses)), {
    shape: [prompts, responses],
  });

/** Pairs of a Bradley-Terry judge, both responses drawn evenly. */
function preferences(seed: number, reward: NdArray, count: number): [number, number, number][] {
  const [prompts, responses] = reward.shape as readonly [number, number];
  const k = foldIn(key(seed), "pairs");
  const draw = (name: string, n: number) => toTypedArray(randint(foldIn(k, name), 0, n, [count]));
  const [x, a, step] = [
    draw("prompt", prompts),
    draw("first", responses),
    draw("second", responses - 1),
  ];
  const u = toTypedArray(uniform(foldIn(k, "judge"), [count], { dtype: "float64" }));
  return Array.from({ length: count }, (_, i) => {
    const b = (a[i]! + 1 + step[i]!) % responses;
    return u[i]! < 1 / (1 + Math.exp(reward.get(x[i]!, b) - reward.get(x[i]!, a[i]!)))
      ? [x[i]!, a[i]!, b]
      : [x[i]!, b, a[i]!];
  });
}

describe("identities", () => {
  it("of the value lost, and of the value under any calibration policy", ({ task }) => {
    let [loss, value] = [0, 0];
    for (const seed of seeds) {
      const [reward, reference, policy, calibration] = [
        "reward",
        "reference",
        "policy",
        "calibration",
      ].map((name) => {
        const x = table(seed, name, [3, 5]);
        return name === "reward" ? x : optimalLogPolicy(x, uniformReference(3, 5), 1);
      }) as [NdArray, NdArray, NdArray, NdArray];
      const options = { beta: 0.3 };
      const best = optimalLogPolicy(reward, reference, 0.3);
      const lost =
        optimalValue(reward, reference, options) - policyValue(reward, policy, reference, options);
      const divergence = flat(policyDivergence(policy, best)).reduce((a, b) => a + b, 0) / 3;
      loss = Math.max(
        loss,
        Math.abs(lost - 0.3 * divergence),
        Math.abs(lost - suboptimality(reward, policy, reference, options)),
      );
      const cal = array(flat(calibration).map(Math.exp), { dtype: "float64", shape: [3, 5] });
      const logRatio = flat(cal).reduce(
        (sum, p, i) => sum + (p * (flat(best)[i]! - flat(reference)[i]!)) / 3,
        0,
      );
      value = Math.max(
        value,
        Math.abs(optimalValue(calibrateReward(reward, cal), reference, options) + 0.3 * logRatio),
      );
    }
    expect(loss).toBeLessThan(1e-12);
    expect(value).toBeLessThan(1e-12);
    task.meta.claim = {
      says: "A policy loses $\\beta\\,\\mathbb E\\,\\mathrm{KL}(\\pi\\Vert\\pi_r)$ against the best one, and for calibrated rewards $J^\\star(r) = -\\beta\\,\\mathbb E_{\\mathrm{cal}}[\\ln\\pi_r - \\ln\\pi_{\\mathrm{ref}}]$: the value of the reward, written with the policy alone",
      source: "Cen and others (2025), the step from rewards to policies",
      measured: `largest differences ${loss.toExponential(1)} and ${value.toExponential(1)}, 20 random problems`,
    };
  });
});

describe("offline", () => {
  it("has a finite solution where maximum likelihood runs away", ({ task }) => {
    let largest = 0;
    for (const seed of seeds) {
      // every pair is won by the response of lower number
      const data = preferences(seed, table(seed, "reward", [2, 4]), 20).map(([x, a, b]) => [
        x,
        Math.min(a, b),
        Math.max(a, b),
      ]);
      const problem: PreferenceProblem = { data, logReference: uniformReference(2, 4) };
      expect(solveVpo(problem, { beta: 1, alpha: 0 }).converged).toBe(false);
      const solved = solveVpo(problem, { beta: 1, alpha: 0.05 });
      expect(solved.converged).toBe(true);
      largest = Math.max(largest, solved.certificate.value);
    }
    task.meta.claim = {
      says: "The pessimistic objective is convex and has a finite minimiser even for preferences without a contradiction, for which that of DPO has none",
      source: "Cen and others (2025), offline VPO; proof in the guide",
      measured: `20 such data sets: DPO never converges, VPO always; largest gradient at its solution ${largest.toExponential(1)}`,
    };
  });

  it("comes closer with more preferences, at least like their root", ({ task }) => {
    const sizes = [50, 200, 800, 3200];
    const gaps = sizes.map((n) => {
      const runs = seeds.map((seed) => {
        const reward = table(seed, "reward", [1, 10]);
        const problem = {
          data: preferences(seed, reward, n),
          logReference: uniformReference(1, 10),
        };
        // α = √N in sum form
        return suboptimality(
          reward,
          solveVpo(problem, { beta: 0.5, alpha: 1 / Math.sqrt(n) }).logPolicy,
          problem.logReference,
          { beta: 0.5 },
        );
      });
      return runs.reduce((a, b) => a + b, 0) / runs.length;
    });
    const slope = Math.log(gaps[3]! / gaps[0]!) / Math.log(sizes[3]! / sizes[0]!);
    expect(slope).toBeLessThan(-0.5);
    task.meta.claim = {
      says: "With $\\alpha = \\sqrt N$ offline VPO loses at most of the order $N^{-1/2}$",
      source: "Cen and others (2025), offline theorem (rate; its hyperparameters are not checked)",
      measured: `mean loss ${gaps.map((x) => x.toFixed(3)).join(", ")} at N = ${sizes.join(", ")}, slope ${slope.toFixed(2)}; 20 bandits of ten responses, β = 0.5`,
    };
  });
});

describe("optimism", () => {
  it("promises more than maximum likelihood, and more the larger α", ({ task }) => {
    let [least, gain] = [Infinity, 0];
    for (const seed of seeds.slice(0, 10)) {
      const problem = {
        data: preferences(seed, table(seed, "reward", [1, 4]), 15),
        logReference: uniformReference(1, 4),
      };
      const values = [0, 1, 4].map(
        (signedAlpha) =>
          solveBoundedVpo(problem, { beta: 0.5, signedAlpha, bound: 2 }).optimalValue,
      );
      least = Math.min(least, values[1]! - values[0]!, values[2]! - values[1]!);
      gain += (values[2]! - values[0]!) / 10;
    }
    expect(least).toBeGreaterThan(-1e-6);
    expect(gain).toBeGreaterThan(0.1);
    task.meta.claim = {
      says: "On a bounded class the optimistic reward promises at least the value of maximum likelihood, and the promise grows with α",
      source: "Cen and others (2025), online VPO; proof in the guide",
      measured: `never less as α goes from 0 to 1 to 4 (least gain ${least.toExponential(1)}), mean gain ${gain.toFixed(3)}; 10 bandits of four responses, rewards within 2`,
    };
  });

  it("has a regret that grows no faster than the root of time", ({ task }) => {
    const T = 1000;
    const total = new Float64Array(T);
    for (const seed of seeds) {
      const reward = table(seed, "reward", [1, 6]);
      const logReference = uniformReference(1, 6);
      const { policies } = onlineVpo(
        foldIn(key(seed), "run"),
        { data: [], logReference },
        bradleyTerryOracle(reward),
        {
          beta: 1,
          alphaSum: 1,
          numSteps: T,
          bound: { kind: "box", size: 2 },
        },
      );
      const p = toTypedArray(policies);
      let regret = 0;
      for (let t = 0; t < T; t++) {
        regret += suboptimality(
          reward,
          array(p.slice(6 * t, 6 * (t + 1)), { shape: [1, 6] }),
          logReference,
          { beta: 1 },
        );
        total[t]! += regret / seeds.length;
      }
    }
    const exponent = Math.log(total[T - 1]! / total[T / 2 - 1]!) / Math.log(2);
    expect(exponent).toBeLessThan(0.6);
    task.meta.claim = {
      says: "The regret of online VPO grows like $\\sqrt T$ at most",
      source:
        "Cen and others (2025), online theorem (rate; its hyperparameters, exponential in the size of rewards over β, are not checked)",
      measured: `mean regret ${total[T / 2 - 1]!.toFixed(1)} after ${T / 2} and ${total[T - 1]!.toFixed(1)} after ${T} pairs, exponent ${exponent.toFixed(2)}; 20 bandits of six responses, β = 1`,
    };
  });
});
