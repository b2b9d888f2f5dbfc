/** Criteria and missing actions, against closed forms and brute force. */
import { describe, expect, it } from "vitest";
import {
  averageReward,
  evaluatePolicy,
  l1Ball,
  mdp,
  robustAverageReward,
  robustPlan,
  robustShortestPath,
  robustValueIteration,
  sRectangularL1,
  shortestPath,
  totalVariation,
  valueIteration,
} from "../src/index.js";
import { expectNear, flat } from "./fixtures.js";

const none = totalVariation(0);

describe("an action that a state does not have", () => {
  const full = {
    transitions: [
      [[0.5, 0.5], [1, 0]],
      [[0, 1], [1, 0]],
    ],
    rewards: [
      [1, 1e6],
      [0, -1],
    ],
    axes: "SAS",
    rewardAxes: "SA",
  } as const; // prettier-ignore
  const masked = mdp({ ...full, allowed: [[true, false], [true, true]] as never }); // prettier-ignore
  const written = [
    masked,
    mdp({ ...full, allowed: [[1, 0], [1, 1]] }), // prettier-ignore
    mdp({ ...full, rewards: [[1, -Infinity], [0, -1]] }), // prettier-ignore
    mdp({ ...full, allowed: [[1, 0], [1, 1]], transitions: [[[0.5, 0.5], [Number.NaN, 7]], full.transitions[1]] }), // prettier-ignore
    mdp({
      transitions: { shape: [2, 2, 2], rowPointers: [0, 2, 2, 3, 4], columns: [0, 1, 1, 0], probabilities: [0.5, 0.5, 1, 1] },
      rewards: full.rewards,
      allowed: [[1, 0], [1, 1]],
    }), // prettier-ignore
  ];

  it("influences nothing, however it is written down", () => {
    const other = mdp({ ...full, rewards: [[1, -50], [0, -1]] }); // prettier-ignore
    for (const set of [none, totalVariation(0.1), l1Ball(0.2), sRectangularL1(0.3)]) {
      const truth = robustValueIteration(other, set, { discount: 0.9 });
      for (const model of written) {
        const plan = robustValueIteration(model, set, { discount: 0.9 });
        expectNear(plan.values, truth.values, 1e-7);
        expect(plan.q.get(0, 1)).toBe(-Infinity);
        expect(plan.certificate.holds).toBe(true);
      }
    }
  });

  it("is refused in a policy, and may not be the last of a state", () => {
    expect(() => evaluatePolicy(masked, [1, 0], { discount: 0.9 })).toThrow(/plays action 1 in state 0/); // prettier-ignore
    expect(() => mdp({ ...full, allowed: [[1, 0], [0, 0]] })).toThrow(/state 1 has none/); // prettier-ignore
    expect(() => mdp({ ...full, allowed: [[1, 2], [1, 1]] })).toThrow(/allowed\[0, 1\]/); // prettier-ignore
    expect(() => mdp({ ...full, allowed: [1, 1] })).toThrow(/allowed must have shape/);
    expect(() => mdp({ ...full, rewards: [[1, Infinity], [0, 0]] })).toThrow(/finite/); // prettier-ignore
  });
});

describe("a discount near 1", () => {
  it("is met by every solver of a process that forgets its start", () => {
    const p = 0.3;
    const model = mdp({ transitions: [[[1 - p, p]], [[p, 1 - p]]], rewards: [[1], [0]] });
    for (const discount of [0.999, 0.9999, 0.999999]) {
      const plan = valueIteration(model, { discount, tolerance: 1e-6 });
      expect(plan.converged && plan.certificate.holds).toBe(true);
      expect(plan.iterations).toBeLessThan(100);
      const difference = 1 / (1 - discount * (1 - 2 * p));
      expectNear(plan.values, [0.5 / (1 - discount) + difference / 2, 0.5 / (1 - discount) - difference / 2], 1e-9); // prettier-ignore
    }
  });

  it("is met in a process of many states", () => {
    const n = 450;
    const columns = Array.from({ length: n }, (_, s) => [s, Math.min(s + 1, n - 1)]).flat();
    const model = mdp({
      transitions: { shape: [n, 1, n], rowPointers: Array.from({ length: n + 1 }, (_, s) => 2 * s), columns, probabilities: columns.map(() => 0.5) }, // prettier-ignore
      rewards: Array.from({ length: n }, (_, s) => [s === n - 1 ? 1 : 0]),
    });
    const plan = robustPlan(model, none, { discount: 0.999, tolerance: 1e-6 });
    expect(plan.converged && plan.certificate.holds).toBe(true);
    // each step waits a geometric time: γ/2 / (1 − γ/2) a state
    const factor = 0.4995 / (1 - 0.4995);
    expect(Math.abs(plan.values.get(0) - 1000 * factor ** (n - 1))).toBeLessThan(1e-6);
  });
});

describe("average reward", () => {
  it("differs from start to start where the process falls apart", () => {
    // stay where you are, or go to the right for good
    const stay = (s: number): number[] => [0, 1, 2].map((t) => Number(t === s));
    const model = mdp({
      transitions: [[stay(0), stay(1)], [stay(1), stay(2)], [stay(2), stay(2)]],
      rewards: [[2, 0], [5, 0], [3, 3]],
      axes: "SAS",
    }); // prettier-ignore
    const plan = averageReward(model);
    expectNear(plan.gain, [5, 5, 3], 1e-12);
    expect(plan.numRecurrentClasses).toBe(2);
    expect(plan.certificate.holds).toBe(true);
    expect(() => robustAverageReward(model, totalVariation(0))).toThrow(/classes of states/);
  });

  it("falls with the radius as the closed form says, and its certificate fails for a bias of another process", () => {
    const model = mdp({ transitions: [[[0.5, 0.5]], [[0.5, 0.5]]], rewards: [[1], [0]] });
    for (const radius of [0, 0.1, 0.3]) {
      const plan = robustAverageReward(model, totalVariation(radius));
      expectNear(plan.gain, [0.5 - radius, 0.5 - radius], 1e-12);
      expect(plan.certificate.holds).toBe(true);
    }
    expect(robustAverageReward(model, totalVariation(0), { maxIterations: 1 }).converged).toBe(
      true,
    );
  });

  it("is the limit of (1 − γ) V", () => {
    const model = mdp({
      transitions: [[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]],
      rewards: [[1, 0.5], [0.3, 0.6]],
      axes: "SAS",
    }); // prettier-ignore
    for (const set of [none, totalVariation(0.1), sRectangularL1(0.2)]) {
      const values = robustPlan(model, set, { discount: 1 - 1e-7, tolerance: 1e-3 }).values;
      const { gain, certificate } = robustAverageReward(model, set);
      expect(Math.abs(gain.get(0) - 1e-7 * values.get(0))).toBeLessThan(1e-6);
      expect(certificate.holds).toBe(true);
    }
  });
});

describe("shortest paths", () => {
  it("name the state that cannot end, the loop that pays, and the nature that holds on", () => {
    const lost = mdp({ transitions: [[[1, 0, 0]], [[0, 0, 1]], [[0, 0, 1]]], rewards: [[-1], [-1], [0]] }); // prettier-ignore
    expect(() => shortestPath(lost)).toThrow(/from state 0 to a terminal/);
    const pays = mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], rewards: [[1, -1], [0, 0]], axes: "SAS" }); // prettier-ignore
    expect(() => shortestPath(pays)).toThrow(/never ends gains/);
    const step = mdp({ transitions: [[[0.5, 0.5]], [[0, 1]]], rewards: [[-1], [0]] });
    expect(() => robustShortestPath(step, totalVariation(0.5))).toThrow(/nature can keep/);
    expect(() => shortestPath(mdp({ transitions: [[[1]]], rewards: [[1]] }))).toThrow(
      /no terminal/,
    );
    expect(() => shortestPath(step, { terminal: [2] })).toThrow(/terminal\[0\]/);
  });

  it("are the limit of discounted plans", () => {
    const model = mdp({
      transitions: [[[0.2, 0.5, 0.3], [0.7, 0, 0.3]], [[0.6, 0.1, 0.3], [0, 0.5, 0.5]], [[0, 0, 1], [0, 0, 1]]],
      rewards: [[-1, -0.5], [-2, -3], [0, 0]],
      axes: "SAS",
      rewardAxes: "SA",
    }); // prettier-ignore
    for (const set of [none, totalVariation(0.05, { support: "nominal" })]) {
      const path = robustShortestPath(model, set);
      const far = robustPlan(model, set, { discount: 1 - 1e-9, tolerance: 1e-3 });
      flat(path.values).forEach((v, s) => expect(far.values.get(s)).toBeCloseTo(v, 5));
      expect(path.certificate.holds).toBe(true);
    }
  });
});
