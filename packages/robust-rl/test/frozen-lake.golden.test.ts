/** Where robust pessimism wins: FrozenLake with one-hot features, plans by numpy with the exact maximum over clipping levels. */
import { type NdArray, array } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import {
  type OfflineData,
  drop,
  mdp,
  robustPolicyEvaluation,
  totalVariation,
} from "../src/index.js";
import { expectNear, flat, load } from "./fixtures.js";

type Method = "drop" | "nonRobustPessimism" | "plain";
interface Plan {
  readonly method: Method;
  readonly rho: number;
  readonly V: number[][];
  readonly worstCaseValue: number;
}
const { environment, goldenLogs } = load<{
  environment: {
    states: number;
    horizon: number;
    start: number;
    transitions: number[][];
    rewards: number[][];
  };
  goldenLogs: { counts: [number, number, number, number, number][]; plans: Plan[] }[];
}>("drop_frozenlake");

const { states: S, horizon: H, start, transitions, rewards } = environment;
const A = rewards[0]!.length;
const dense = Array.from({ length: S }, () =>
  Array.from({ length: A }, () => new Array<number>(S).fill(0)),
);
for (const [s, a, to, p] of transitions) dense[s!]![a!]![to!]! += p!;
const lake = mdp({ transitions: dense, rewards, axes: "SAS", rewardAxes: "SA" });
const features = Array.from({ length: S }, (_, s) =>
  Array.from({ length: A }, (__, a) =>
    Array.from({ length: S * A }, (___, i) => Number(i === s * A + a)),
  ),
);

/** Episodes' steps with these counts; which episode a step belongs to does not matter. */
function dataOf(counts: readonly (readonly number[])[]): OfflineData {
  const steps = Array.from({ length: H }, () => [[], [], [], []] as number[][]);
  for (const [h, s, a, t, n] of counts)
    for (let k = 0; k < n!; k++)
      [s!, a!, rewards[s!]![a!]!, t!].forEach((x, i) => steps[h!]![i]!.push(x));
  const part = (i: number): NdArray =>
    array(
      steps.map((step) => step[i]!),
      { dtype: "float64" },
    );
  return { states: part(0), actions: part(1), rewards: part(2), nextStates: part(3) };
}

/** Whether rounding may decide about an action somewhere; at values cut to 0 the lowest action is taken. */
const tied = (q: NdArray): boolean => {
  const flatQ = flat(q);
  for (let at = 0; at < flatQ.length; at += A) {
    const [best, second] = flatQ.slice(at, at + A).sort((a, b) => b - a);
    if (best !== 0 && best! - second! <= 1e-12) return true;
  }
  return false;
};

describe("a log of FrozenLake", () => {
  goldenLogs.forEach(({ counts, plans }, k) =>
    it(`has the plans of the reference, and robust pessimism wins (log ${k})`, () => {
      const data = dataOf(counts);
      let compared = 0;
      const worth: Record<number, Partial<Record<Method, number>>> = {};
      for (const { method, rho, V, worstCaseValue } of plans) {
        const plain = method === "plain";
        const result = drop(data, features, {
          radius: method === "drop" ? rho : 0,
          ...(plain && { pessimism: 0, ridge: 0.001 }),
        });
        expect(result.pessimism).toBe(plain ? 0 : 0.1);
        expectNear(result.values, V, 1e-9);
        const { values, certificate } = robustPolicyEvaluation(lake, totalVariation(rho), result.policy, { horizon: H }); // prettier-ignore
        expect(certificate.holds).toBe(true);
        (worth[rho] ??= {})[method] = values.get(0, start);
        if (tied(result.q)) continue;
        compared++;
        expect(Math.abs(values.get(0, start) - worstCaseValue)).toBeLessThan(1e-7);
      }
      expect(compared).toBeGreaterThan(0);
      for (const { drop: robust, nonRobustPessimism, plain } of Object.values(worth)) {
        expect(robust!).toBeGreaterThan(nonRobustPessimism!);
        expect(robust!).toBeGreaterThan(plain!);
      }
    }),
  );
});
