import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { array, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import {
  type DrNviState,
  bimatrixNash,
  coarseCorrelatedEquilibrium,
  commonsGame,
  correlatedEquilibrium,
  drNvi,
  empiricalGame,
  garnet,
  markovGame,
  mdp,
  randomMarkovGame,
  robustGameValues,
  robustGap,
  robustValueIteration,
  totalVariation,
  zeroSumEquilibrium,
} from "../src/index.js";
import { expectNear, flat } from "./fixtures.js";

const random = (seed: number, shape: readonly number[]) =>
  uniform(key(seed), shape, { dtype: "float64" });

describe("equilibria of games in normal form", () => {
  it.each([[[2, 2, 2]], [[2, 3, 3]], [[2, 2, 4]], [[3, 2, 2, 2]], [[2, 4, 4]]])(
    "correlated ones leave no regret in random games of shape %s",
    (shape) => {
      for (let seed = 0; seed < 60; seed++)
        for (const solve of [correlatedEquilibrium, coarseCorrelatedEquilibrium])
          for (const objective of ["welfare", "egalitarian", "entropy", "any"] as const)
            expect(
              Math.max(...flat(solve(random(seed, shape), { objective }).regrets)),
            ).toBeLessThan(1e-8);
    },
  );

  it("are odd in number in games without ties, and each a correlated one", () => {
    for (let seed = 0; seed < 60; seed++) {
      const [a, b] = [random(seed, [4, 3]), random(seed + 1000, [4, 3])];
      const { equilibria, degenerate } = bimatrixNash(a, b);
      expect(degenerate).toBe(false);
      expect(equilibria.length % 2).toBe(1);
      const best = Math.max(...equilibria.map(({ payoffs }) => payoffs.get(0) + payoffs.get(1)));
      const u = array(Float64Array.of(...toTypedArray(a), ...toTypedArray(b)), {
        shape: [2, 4, 3],
      });
      const correlated = flat(correlatedEquilibrium(u).payoffs).reduce((x, y) => x + y);
      expect(correlated).toBeGreaterThanOrEqual(best - 1e-9);
      expect(
        flat(coarseCorrelatedEquilibrium(u).payoffs).reduce((x, y) => x + y),
      ).toBeGreaterThanOrEqual(correlated - 1e-9);
    }
  });

  it("are found in degenerate games, with certified regret", () => {
    const games = {
      "equal payoffs": [
        [
          [1, 1],
          [1, 1],
        ],
        [
          [1, 1],
          [1, 1],
        ],
      ],
      "a weakly dominated row": [
        [
          [2, 1],
          [2, 0],
        ],
        [
          [1, 1],
          [0, 1],
        ],
      ],
      "a duplicated column": [
        [
          [3, 3, 0],
          [0, 0, 2],
        ],
        [
          [2, 2, 0],
          [0, 0, 3],
        ],
      ],
    };
    for (const [a, b] of Object.values(games)) {
      for (const method of [
        "vertex-enumeration",
        "support-enumeration",
        "lemke-howson-enumeration",
      ] as const) {
        const { equilibria } = bimatrixNash(a!, b!, { method });
        expect(equilibria.length).toBeGreaterThan(0);
        for (const { regrets } of equilibria)
          expect(Math.max(...flat(regrets))).toBeLessThanOrEqual(1e-9);
      }
      expect(bimatrixNash(a!, b!).degenerate).toBe(true);
    }
  });

  it("does not change when payoffs are scaled and shifted", () => {
    for (let seed = 0; seed < 20; seed++) {
      const [a, b] = [flat(random(seed, [3, 3])), flat(random(seed + 500, [3, 3]))];
      const nested = (x: number[]) => [x.slice(0, 3), x.slice(3, 6), x.slice(6, 9)];
      const plain = bimatrixNash(nested(a), nested(b)).equilibria;
      const moved = bimatrixNash(
        nested(a.map((x) => 40 * x - 7)),
        nested(b.map((x) => 0.01 * x + 3)),
      ).equilibria;
      expect(moved.length).toBe(plain.length);
      plain.forEach(({ x, y }, i) => {
        expectNear(moved[i]!.x, x, 1e-6);
        expectNear(moved[i]!.y, y, 1e-6);
      });
    }
  });

  it("solves a hundred thousand small games without holding on to memory", () => {
    const games = Array.from({ length: 50 }, (_, seed) => random(seed, [3, 3]));
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const settle = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    for (let i = 0; i < 1000; i++) zeroSumEquilibrium(games[i % 50]!);
    const before = settle();
    for (let i = 0; i < 100_000; i++) zeroSumEquilibrium(games[i % 50]!);
    expect(settle() - before).toBeLessThan(64e6);
  });
});

describe("robust Markov games", () => {
  const game = randomMarkovGame(key(3), { numStates: 4, numActions: [3, 3], horizon: 4 });

  it("go on from the state of a run that was stopped, to the same bits", () => {
    for (const notion of ["nash", "ce", "cce"] as const) {
      const states: DrNviState[] = [];
      const whole = drNvi(game, [0.1, 0.3], {
        solutionConcept: notion,
        onProgress: ({ state }) => states.push(state),
      });
      expect(states.map(({ done }) => done)).toEqual([1, 2, 3, 4]);
      // a state is a copy: the one of the first step knows nothing of the others
      expect(flat(states[0]!.policy).slice(0, 9)).toEqual(new Array(9).fill(0));
      for (const state of states) {
        const rest = drNvi(game, [0.1, 0.3], { solutionConcept: notion, state });
        for (const name of ["values", "q", "policy", "stageRegrets", "numStageEquilibria"] as const)
          expect(flat(rest[name])).toEqual(flat(whole[name]));
        expect(rest.certificate).toEqual(whole.certificate);
      }
    }
    const state: DrNviState = { ...drNvi(game, 0), done: 2 };
    expect(() => drNvi(game, 0, { state: { ...state, done: 5 } })).toThrow(/state.done/);
    expect(() => drNvi(game, 0, { state: null as never })).toThrow(/state/);
    expect(() => drNvi(game, 0, { state: { ...state, values: state.q } })).toThrow(
      /state.values must have shape \[5, 2, 4\]/,
    );
  });

  it("have a certified equilibrium of every notion, and a damaged policy is found out", () => {
    for (const notion of ["nash", "ce", "cce"] as const) {
      const { policy, certificate } = drNvi(game, [0.1, 0.3], { solutionConcept: notion });
      expect(certificate.holds).toBe(true);
      // One state's actions exchanged.
      const damaged = Float64Array.from(toTypedArray(policy));
      damaged.subarray(0, 9).reverse();
      expect(
        robustGap(game, [0.1, 0.3], array(damaged, { shape: policy.shape }), notion).certificate
          .holds,
      ).toBe(false);
    }
  });

  it("keep the span of values below min(1/σ, H − h)", () => {
    for (const sigma of [0.05, 0.2, 0.5, 1]) {
      const { values } = drNvi(game, sigma);
      for (let h = 0; h < 4; h++)
        for (let i = 0; i < 2; i++) {
          const v = [0, 1, 2, 3].map((s) => values.get(h, i, s));
          expect(Math.max(...v) - Math.min(...v)).toBeLessThanOrEqual(
            (1 - (1 - sigma) ** (4 - h)) / sigma + 1e-9,
          );
        }
    }
  });

  it("with one player are robust planning", () => {
    const model = garnet(key(5), { numStates: 5, numActions: 3, branching: 3 });
    const alone = markovGame({
      transitions: model.transitions as never,
      rewards: array(toTypedArray(model.rewards), { shape: [1, 5, 3] }),
      horizon: 6,
    });
    const plan = robustValueIteration(
      mdp({ transitions: model.transitions, rewards: model.rewards }),
      totalVariation(0.2),
      { horizon: 6 },
    );
    for (const notion of ["nash", "ce", "cce"] as const)
      expectNear(
        flat(drNvi(alone, 0.2, { solutionConcept: notion }).values),
        flat(plan.values),
        1e-9,
      );
  });

  it("at radius 1 fear the worst state only", () => {
    const { q, values } = drNvi(game, 1);
    for (let h = 0; h < 3; h++)
      for (let i = 0; i < 2; i++) {
        const worst = Math.min(...[0, 1, 2, 3].map((s) => values.get(h + 1, i, s)));
        expect(q.get(h, i, 2, 1, 1) - game.rewards.get(h, i, 2, 1, 1)).toBeCloseTo(worst, 10);
      }
  });

  it("give a player less when that player fears more, for a fixed policy", () => {
    const { policy } = drNvi(game, 0.1);
    const at = (sigma: number): number[] => flat(robustGameValues(game, [sigma, 0.1], policy));
    const [low, high] = [at(0.1), at(0.3)];
    low.forEach((v, k) => expect(high[k]!).toBeLessThanOrEqual(v + 1e-12));
  });

  it("flip the commons exactly where the theory says", ({ task }) => {
    for (const sigma of [0, 0.2, 0.5]) {
      expect(
        drNvi(commonsGame(0.049), sigma, { solutionConcept: "nash" }).policy.get(0, 0, 0, 0),
      ).toBeCloseTo(1, 9);
      expect(
        drNvi(commonsGame(0.051), sigma, { solutionConcept: "nash" }).policy.get(0, 0, 1, 1),
      ).toBeCloseTo(1, 9);
    }
    task.meta.claim = {
      says: "An equilibrium flips between a model with p = 0.049 and one with p = 0.051",
      source: "Shi, Mazumdar, Chi, Wierman (2024), motivating figure; payoffs are our own",
      measured: "both fish below 0.05, both protect above it, for radii 0, 0.2 and 0.5",
    };
  });

  it("estimated from N samples have a gap that falls like N^(−1/2), over 30 seeds", ({ task }) => {
    const sizes = [25, 100, 400, 1600];
    const gaps = sizes.map((n) => {
      let total = 0;
      for (let seed = 0; seed < 30; seed++) {
        const { policy } = drNvi(
          empiricalGame(foldIn(key(7), seed * 10_000 + n), game, n),
          [0.1, 0.3],
          { select: "entropy" },
        );
        total += robustGap(game, [0.1, 0.3], policy, "cce").gap;
      }
      return total / 30;
    });
    const [x, y] = [sizes.map(Math.log), gaps.map(Math.log)];
    const mean = (v: readonly number[]): number => v.reduce((a, b) => a + b) / v.length;
    const slope =
      mean(x.map((a, i) => (a - mean(x)) * (y[i]! - mean(y)))) /
      mean(x.map((a) => (a - mean(x)) ** 2));
    expect(Math.abs(slope + 0.5)).toBeLessThan(0.1);
    task.meta.claim = {
      says: "The robust equilibrium gap of DR-NVI falls like $N^{-1/2}$ in the number of samples of each transition",
      source: "Shi, Mazumdar, Chi, Wierman (2024), main theorem",
      measured: `slope ${slope.toFixed(2)} of the mean gap over N = 25 … 1600, 30 seeds`,
    };
  });

  it("refuse what is no game, no policy and no product", () => {
    expect(() => markovGame({ transitions: [[[1]]], rewards: [[[1, 2]]], horizon: 1 })).toThrow(
      /transitions must have shape/,
    );
    expect(() => markovGame({ transitions: [[[[0.5]]]], rewards: [[[1]]] })).toThrow();
    expect(() => drNvi(game, [0.1])).toThrow(/radius must have 2 entries/);
    expect(() => drNvi(game, [0.1, NaN])).toThrow(/radius\[1\]/);
    expect(() => robustGap(game, 0.1, [[1]], "cce")).toThrow(/policy must have shape/);
    const correlated = drNvi(commonsGame(0.04), 0, { solutionConcept: "cce" }).policy;
    const mixed = array(
      toTypedArray(correlated).map((_, k) => (k % 4 === 0 || k % 4 === 3 ? 0.5 : 0)),
      { shape: correlated.shape },
    );
    const { certificate } = robustGap(commonsGame(0.04), 0, mixed, "nash");
    expect(certificate.holds).toBe(false);
    expect(certificate.note).toMatch(/product of independent strategies/);
  });
});
