/** Other criteria than a mild discount: linear programs (HiGHS), then exact solves of their policies. */
import { toTypedArray } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import {
  averageReward,
  certifyPlan,
  linearProgrammingMdp,
  mdp,
  robustAverageReward,
  robustPlan,
  robustPolicyIteration,
  robustShortestPath,
  robustValueIteration,
  shortestPath,
  totalVariation,
  valueIteration,
} from "../src/index.js";
import { type Nested, expectNear, flat, load } from "./fixtures.js";

interface Case {
  readonly name: string;
  readonly criterion: string;
  readonly transitions: Nested;
  readonly rewards: Nested;
  readonly allowed?: Nested;
  readonly terminal?: number[];
  readonly terminalValues?: number[];
  readonly discount: number;
  readonly horizon: number;
  readonly V: Nested;
  readonly Q: (number | null)[][];
  readonly policy: Nested;
  readonly uniqueAction: boolean[];
  readonly gain: number;
  readonly relativeValues: number[];
  readonly bias: number[];
}

const { cases } = load<{ cases: Case[] }>("criteria");
const of = (criterion: string): Case[] => cases.filter((c) => c.criterion === criterion);
const timed = (c: Case): boolean => c.criterion === "finite horizon";
const model = (c: Case) =>
  mdp({
    transitions: c.transitions,
    rewards: c.rewards,
    axes: timed(c) ? "HSAS" : "SAS",
    rewardAxes: timed(c) ? "HSA" : "SA",
    ...(c.allowed && { allowed: c.allowed }),
  });

const none = totalVariation(0);

function expectPolicy(policy: Parameters<typeof toTypedArray>[0], c: Case): void {
  const expected = flat(c.policy);
  Array.from(toTypedArray(policy)).forEach((a, s) => {
    if (c.uniqueAction[s]) expect(a, `${c.name}: state ${s}`).toBe(expected[s]);
  });
}

describe("a shortest path has the values of the linear program", () => {
  for (const c of of("stochastic shortest path"))
    it(c.name, () => {
      for (const terminal of [c.terminal, undefined]) {
        const plan = shortestPath(model(c), terminal && { terminal });
        expectNear(plan.values, c.V, 1e-9);
        expectPolicy(plan.policy, c);
        expect(plan.converged && plan.certificate.holds).toBe(true);
        c.Q.forEach((row, s) =>
          row.forEach((q, a) => {
            if (q !== null && !c.terminal!.includes(s)) expect(plan.q.get(s, a)).toBeCloseTo(q, 8);
          }),
        );
      }
      const robust = robustShortestPath(model(c), totalVariation(0.01, { support: "nominal" }), {
        terminal: c.terminal!,
      });
      expect(robust.certificate.holds).toBe(true);
      flat(c.V).forEach((v, s) => expect(robust.values.get(s)).toBeLessThanOrEqual(v + 1e-9));
    });
});

describe("a process has the gain and bias of the linear program", () => {
  for (const c of of("average"))
    it(c.name, () => {
      // one case of the file has a row with an entry of −0.0001
      if (flat(c.transitions).some((p) => p < 0)) {
        expect(() => model(c)).toThrow(/must be a probability/);
        return;
      }
      const scale = 1e-9 * Math.max(1, ...c.bias.map(Math.abs));
      for (const plan of [averageReward(model(c)), robustAverageReward(model(c), none)]) {
        expectNear(plan.gain, new Array<number>(c.bias.length).fill(c.gain), 1e-9);
        expectNear(plan.bias, c.bias, scale);
        expectNear(flat(plan.bias).map((h) => h - plan.bias.get(0)), c.relativeValues, scale); // prettier-ignore
        expectPolicy(plan.policy, c);
        expect(plan.certificate.holds).toBe(true);
      }
      const near = robustAverageReward(model(c), totalVariation(0.02, { support: "nominal" }));
      expect(near.certificate.holds).toBe(true);
      expect(near.gain.get(0)).toBeLessThanOrEqual(c.gain + 1e-9);
    });
});

describe("a discounted process has the values of the linear program", () => {
  for (const c of of("discounted"))
    it(c.name, async () => {
      const options = { discount: c.discount, tolerance: 1e-7 };
      const accuracy = c.discount > 0.9995 ? 1e-8 : 1e-9;
      const exact = robustPlan(model(c), none, options);
      expectNear(exact.values, c.V, accuracy);
      for (const solve of [robustPlan, robustValueIteration, robustPolicyIteration]) {
        const plan = solve(model(c), none, options);
        expect(plan.converged && plan.certificate.holds).toBe(true);
        expectNear(plan.values, c.V, 2e-7);
        expectPolicy(plan.policy, c);
        c.Q.forEach((row, s) =>
          row.forEach((q, a) => {
            if (q === null) expect(plan.q.get(s, a)).toBe(-Infinity);
            else expect(Math.abs(plan.q.get(s, a) - q)).toBeLessThan(3e-7);
          }),
        );
      }
      if (c.discount < 0.99)
        expectNear(
          (await linearProgrammingMdp(model(c), { discount: c.discount })).values,
          c.V,
          1e-8,
        );
      const lower = { values: exact.values, policy: exact.policy };
      expect(certifyPlan(model(c), totalVariation(0.05), lower, options).holds).toBe(false);
    });
});

describe("a finite horizon has the values of backward induction", () => {
  for (const c of of("finite horizon"))
    it(c.name, () => {
      const options = { horizon: c.horizon, terminalValues: c.terminalValues! };
      for (const solve of [robustValueIteration, robustPlan]) {
        const plan = solve(model(c), none, options);
        expectNear(plan.values, c.V, 1e-9);
        expect(Array.from(toTypedArray(plan.policy))).toEqual(flat(c.policy));
        expect(plan.certificate.holds).toBe(true);
      }
      expectNear(valueIteration(model(c), options).values, c.V, 1e-9);
    });
});
