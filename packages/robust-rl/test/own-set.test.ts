/** A set that a user writes works wherever those of the package do. */
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type RectangularSet,
  type UncertaintySet,
  certifyPlan,
  drNvi,
  garnet,
  kullbackLeibler,
  mdp,
  partialPolicyIteration,
  randomMarkovGame,
  robustGap,
  robustGameValues,
  robustModifiedPolicyIteration,
  robustPolicyEvaluation,
  robustPolicyIteration,
  robustValueIteration,
  totalVariation,
  worstCaseBatch,
  worstCaseExpectation,
  worstCaseKernel,
} from "../src/index.js";
import { expectNear } from "./fixtures.js";

/**
 * Total variation by brute force: the optimum of a linear program lies where all states but one are at a bound of what they
 * may lose, or take all that is moved. So try every state as the one that receives, and every order of those that give.
 */
function ownTotalVariation(radius: number, leavesSupport = true): UncertaintySet {
  return {
    kind: "own",
    radius,
    leavesSupport,
    worstCase: (sorted) => (p, at, r, nature) => {
      const { values } = sorted;
      const row = Array.from(p.subarray(at, at + values.length));
      const kernels = row.flatMap((mass, to) => {
        if (!leavesSupport && mass === 0) return [];
        const q = row.slice();
        let left = r;
        for (const s of [...q.keys()].sort((a, b) => values[b]! - values[a]!)) {
          if (values[s]! <= values[to]!) break;
          const moved = Math.min(left, q[s]!);
          q[s]! -= moved;
          q[to]! += moved;
          left -= moved;
        }
        return [q];
      });
      const worth = (q: number[]): number => q.reduce((sum, x, s) => sum + x * values[s]!, 0);
      const best = kernels.reduce((a, b) => (worth(b) < worth(a) ? b : a));
      if (nature) nature.kernel.set(best, nature.at);
      return worth(best);
    },
  };
}

const dense = garnet(key(3), { numStates: 6, numActions: 2, branching: 3 });
const sparse = mdp({
  transitions: {
    shape: [3, 2, 3],
    rowPointers: [0, 2, 4, 6, 7, 8, 9],
    columns: [2, 0, 1, 2, 0, 1, 2, 2, 0],
    probabilities: [0.5, 0.5, 0.75, 0.25, 0.2, 0.8, 1, 1, 1],
  },
  rewards: [
    [1, 0],
    [0.5, 0],
    [0, 0.25],
  ],
});
const late = mdp({
  transitions: dense.transitions,
  rewards: Array.from({ length: 6 }, (_, s) =>
    Array.from({ length: 2 }, (__, a) => Array.from({ length: 6 }, (___, t) => (s * t + a) % 5)),
  ),
});

describe("a set written by a user, equal to total variation by brute force,", () => {
  const solvers = {
    robustValueIteration,
    robustModifiedPolicyIteration,
    robustPolicyIteration,
    partialPolicyIteration,
  };
  for (const [where, model] of Object.entries({ dense, sparse, late }))
    for (const leaves of [true, false])
      for (const [name, solve] of Object.entries(solvers))
        it(`gives the plans of ${name} (${where}, support ${leaves ? "full" : "nominal"})`, () => {
          const set = (own: boolean): RectangularSet =>
            own
              ? ownTotalVariation(0.2, leaves)
              : totalVariation(0.2, { support: leaves ? "full" : "nominal" });
          const [mine, theirs] = [true, false].map((own) =>
            solve(model, set(own), { discount: 0.8, tolerance: 1e-10 }),
          );
          expectNear(mine!.values, theirs!.values, 1e-9);
          expectNear(mine!.q, theirs!.q, 1e-9);
          expect(mine!.certificate.holds).toBe(true);
          expect(certifyPlan(model, set(false), mine!, { discount: 0.8 }).holds).toBe(true);
          expect(certifyPlan(model, set(true), theirs!, { discount: 0.8 }).holds).toBe(true);
        });

  it("evaluates policies, and gives nature's kernel", () => {
    const policy = [0, 1, 0, 1, 0, 1];
    const values = [3, 1, 4, 1.5, 9, 2];
    const [mine, theirs] = [ownTotalVariation(0.2), totalVariation(0.2)].map((set) => ({
      worth: robustPolicyEvaluation(dense, set, policy, { discount: 0.8 }).values,
      kernel: worstCaseKernel(dense, set, values),
      batch: worstCaseBatch([[0.5, 0.5, 0, 0, 0, 0]], values, set).values,
    }));
    expectNear(mine!.worth, theirs!.worth, 1e-9);
    expectNear(mine!.kernel, theirs!.kernel, 1e-12);
    expectNear(mine!.batch, theirs!.batch, 1e-12);
  });

  it("plays Markov games", () => {
    const game = randomMarkovGame(key(1), { numStates: 3, numActions: [2, 2], horizon: 3 });
    const options = { set: (radius: number) => ownTotalVariation(radius) };
    const [mine, theirs] = [drNvi(game, 0.2, options), drNvi(game, 0.2)];
    expectNear(mine.values, theirs.values, 1e-9);
    expect(robustGap(game, 0.2, theirs.policy, "cce", options).certificate.holds).toBe(true);
    expectNear(
      robustGameValues(game, 0.2, theirs.policy, options),
      robustGameValues(game, 0.2, theirs.policy),
      1e-9,
    );
  });

  it("has certificates that fail for values of another radius, and for a kernel that is none", () => {
    const plan = robustValueIteration(dense, totalVariation(0.3), { discount: 0.8 });
    expect(certifyPlan(dense, ownTotalVariation(0.2), plan, { discount: 0.8 }).holds).toBe(false);
    const broken: UncertaintySet = {
      ...ownTotalVariation(0.2),
      worstCase: (sorted) => {
        const solve = ownTotalVariation(0.2).worstCase(sorted);
        return (p, at, r, nature, index) => {
          const value = solve(p, at, r, nature, index);
          if (nature) nature.kernel[nature.at]! += 0.5;
          return value;
        };
      },
    };
    const same = robustValueIteration(dense, broken, { discount: 0.8 });
    expect(same.certificate.holds).toBe(false);
    expect(same.certificate.note).toContain("takes its worst case at its word");
  });

  it("needs all its parts, of the right kind", () => {
    const { worstCase: _, ...rest } = ownTotalVariation(0.2);
    const give = (set: unknown) => () => worstCaseExpectation([1], [0], set as UncertaintySet);
    expect(give(rest)).toThrow(/set.worstCase must be given/);
    expect(give({ ...ownTotalVariation(0.2), radius: -1 })).toThrow(/radius must lie in/);
    expect(give({ ...ownTotalVariation(0.2), leavesSupport: "yes" })).toThrow(/set.leavesSupport/);
    expect(give({ ...kullbackLeibler(0.1), radius: Number.NaN })).toThrow(/radius/);
  });
});
