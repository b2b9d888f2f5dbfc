/** What certificates must see, and what they must not depend on. */
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  certifyPlan,
  certifyNash,
  certifyValues,
  drNvi,
  garnet,
  kullbackLeibler,
  markovGame,
  mdp,
  randomMarkovGame,
  robustGap,
  robustValueIteration,
  sRectangularL1,
  totalVariation,
} from "../src/index.js";
import { flat } from "./fixtures.js";

const model = garnet(key(4), { numStates: 12, numActions: 3, branching: 4 });
const discount = 0.9;

describe("certificates of plans", () => {
  it("see sparse rewards on arrival that a solver takes for others", () => {
    const transitions = { shape: [2, 1, 2], rowPointers: [0, 2, 3], columns: [0, 1, 1], probabilities: [0.5, 0.5, 1] }; // prettier-ignore
    const process = mdp({ transitions, rewards: [[[0, 10]], [[0, 1]]] });
    // what came out when the first row of rewards was read as [S, A]
    const certificate = certifyValues(process, totalVariation(0), [81.8, 100], { discount });
    expect(certificate.holds).toBe(false);
    expect(certificate.value).toBeGreaterThan(50);
  });

  it("see one action that is not the best", () => {
    for (const set of [totalVariation(0.2), kullbackLeibler(0.3)]) {
      const plan = robustValueIteration(model, set, { discount });
      expect(certifyPlan(model, set, plan, { discount }).holds).toBe(true);
      const policy = flat(plan.policy).map((a, s) => (s === 5 ? (a + 1) % 3 : a));
      expect(certifyPlan(model, set, { values: plan.values, policy }, { discount }).holds).toBe(
        false,
      );
    }
  });

  it("see a mixture against a shared budget that is not the best", () => {
    const set = sRectangularL1(0.6);
    const plan = robustValueIteration(model, set, { discount });
    expect(plan.certificate.holds).toBe(true);
    const uniform = Array.from({ length: 12 }, () => [1 / 3, 1 / 3, 1 / 3]);
    const given = { values: plan.values, policy: uniform };
    expect(certifyPlan(model, set, given, { discount }).holds).toBe(false);
  });

  it("of processes too large to look at every state say that they took a sample", () => {
    const large = garnet(key(1), { numStates: 900, numActions: 2, branching: 4 });
    const horizon = 60;
    const plan = robustValueIteration(large, totalVariation(0.1), { horizon });
    expect(plan.certificate).toMatchObject({ holds: true, kind: "statistical", confidence: 0.95 });
    const off = flat(plan.values).map((v, i) => (i < 900 * 30 ? v + 1e-3 : v));
    const values = Array.from({ length: horizon + 1 }, (_, h) => off.slice(h * 900, (h + 1) * 900));
    expect(certifyValues(large, totalVariation(0.1), values, { horizon }).holds).toBe(false);
  });
});

describe("certificates of games", () => {
  it("do not depend on the units of a player", () => {
    const game = randomMarkovGame(key(3), { numStates: 3, numActions: [2, 2], horizon: 3 });
    const { policy } = drNvi(game, 0.1, { solutionConcept: "nash" });
    const scaled = Array.from({ length: 3 }, (_, h) =>
      [1, 1e9].map((unit, i) =>
        Array.from({ length: 3 }, (__, s) =>
          [0, 1].map((a) => [0, 1].map((b) => unit * game.rewards.get(h, i, s, a, b))),
        ),
      ),
    );
    const uniform = Array.from({ length: 3 }, () => Array.from({ length: 3 }, () => [[0.25, 0.25], [0.25, 0.25]])); // prettier-ignore
    const other = markovGame({ transitions: game.transitions, rewards: scaled });
    expect(robustGap(other, 0.1, policy, "nash").certificate.holds).toBe(true);
    const [a, b] = [game, other].map((g) => robustGap(g, 0.1, uniform, "nash").certificate);
    expect(a!.holds).toBe(false);
    expect(Math.abs(a!.value - b!.value)).toBeLessThan(1e-9);
  });

  it("count regret on each player's own scale", () => {
    const payoffs = [[[1, 1], [0, 0]], [[1e9, 0], [0, 1e9]]]; // prettier-ignore
    expect(certifyNash(payoffs, [[1, 0], [1, 0]]).value).toBe(0); // prettier-ignore
    expect(certifyNash(payoffs, [[0, 1], [0, 1]]).value).toBe(1); // prettier-ignore
  });
});
