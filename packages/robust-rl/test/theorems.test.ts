/** What the theorems say of robust planning, games and offline learning, measured; the numbers go to the page of claims. */
import { array, toTypedArray } from "@provably/core-tensor";
import { foldIn, key, uniform } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  certifyOffline,
  collectOfflineData,
  drNvi,
  drop,
  empiricalKernel,
  garnet,
  kullbackLeibler,
  linearMdp,
  markovGame,
  mdp,
  randomLinearMdp,
  randomMarkovGame,
  robustBellman,
  robustGap,
  robustPolicyEvaluation,
  robustValueIteration,
  sRectangularL1,
  totalVariation,
  worstCaseExpectation,
} from "../src/index.js";
import { flat } from "./fixtures.js";

const seeds = Array.from({ length: 20 }, (_, i) => i);
const random = (seed: number) => garnet(key(seed), { numStates: 12, numActions: 3, branching: 4 });
const span = (v: readonly number[]): number => Math.max(...v) - Math.min(...v);

describe("robust planning", () => {
  it("contracts by the discount", ({ task }) => {
    let largest = 0;
    for (const seed of seeds)
      for (const set of [totalVariation(0.2), kullbackLeibler(0.1)]) {
        const model = random(seed);
        const [v, w] = ["v", "w"].map((name) =>
          uniform(foldIn(key(seed), name), [12], { dtype: "float64", low: -5, high: 5 }),
        );
        const [tv, tw] = [v!, w!].map((x) =>
          flat(robustBellman(model, set, x, { discount: 0.9 }).values),
        );
        const apart = (a: readonly number[], b: readonly number[]): number =>
          Math.max(...a.map((x, i) => Math.abs(x - b[i]!)));
        largest = Math.max(largest, apart(tv!, tw!) / apart(flat(v!), flat(w!)));
      }
    expect(largest).toBeLessThanOrEqual(0.9 + 1e-12);
    task.meta.claim = {
      says: "The robust Bellman operator is a contraction by the discount in the largest norm",
      source: "Iyengar (2005), theorem 3.2; Nilim, El Ghaoui (2005)",
      measured: `largest ratio of distances ${largest.toFixed(4)} at γ = 0.9, 40 pairs of values, total variation and Kullback-Leibler balls`,
    };
  });

  it("shrinks the range of values by the radius", ({ task }) => {
    let [finite, discounted] = [0, 0];
    for (const seed of seeds)
      for (const radius of [0.1, 0.3, 0.7]) {
        const [model, horizon] = [random(seed), 12];
        const { values } = robustValueIteration(model, totalVariation(radius), { horizon });
        for (let h = 0; h < horizon; h++) {
          const v = flat(values).slice(12 * h, 12 * (h + 1));
          finite = Math.max(finite, span(v) / ((1 - (1 - radius) ** (horizon - h)) / radius));
        }
        const v = flat(
          robustValueIteration(model, totalVariation(radius), { discount: 0.95 }).values,
        );
        discounted = Math.max(discounted, span(v) * (1 - 0.95 * (1 - radius)));
      }
    expect(finite).toBeLessThanOrEqual(1 + 1e-12);
    expect(discounted).toBeLessThanOrEqual(1 + 1e-9);
    task.meta.claim = {
      says: "With rewards in [0, 1] and radius σ in total variation, values h steps from the end range over at most $(1 - (1-\\sigma)^h)/\\sigma \\le 1/\\sigma$: the reason why the horizon enters sample sizes as $\\min\\{H, 1/\\sigma\\}$",
      source:
        "Liu, Xu (2024), lemma 5.1; used by Shi, Mazumdar, Chi, Wierman (2024) and Shi and others (2023)",
      measured: `largest range over its bound ${finite.toFixed(3)}, and ${discounted.toFixed(3)} with a discount of 0.95, 60 random processes`,
    };
  });

  it("needs randomised policies when nature's budget is shared by the actions of a state", ({
    task,
  }) => {
    // two actions that are equally good: nature spends its whole budget on one that is played alone, and has to halve it on a draw
    const model = mdp({ transitions: [[[0, 1, 0], [0, 1, 0]], [[0, 1, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]]], rewards: [[0, 0], [1, 1], [0, 0]] }); // prettier-ignore
    const set = sRectangularL1(1);
    const { values, policy } = robustValueIteration(model, set, { horizon: 3 });
    const best = values.get(0, 0);
    const alone = Math.max(
      ...[0, 1].map((a) =>
        robustPolicyEvaluation(model, set, [a, a, a], { horizon: 3 }).values.get(0, 0),
      ),
    );
    expect(policy.get(0, 0, 0)).toBeCloseTo(0.5, 6);
    expect(best).toBeGreaterThan(alone + 0.1);
    task.meta.claim = {
      says: "With uncertainty that is rectangular by state only, the best robust policy may have to draw its actions",
      source: "Wiesemann, Kuhn, Rustem (2013), section 3",
      measured: `a process of three states: ${best.toFixed(3)} by an even draw against ${alone.toFixed(3)} by either action alone`,
    };
  });

  it("has balls that lie in each other as Pinsker says", ({ task }) => {
    let least = Infinity;
    for (const seed of seeds)
      for (const radius of [0.01, 0.1, 0.5]) {
        const draws = uniform(foldIn(key(seed), "p"), [8], {
          dtype: "float64",
          low: 0.01,
          high: 1,
        });
        const total = flat(draws).reduce((a, b) => a + b, 0);
        const p = flat(draws).map((x) => x / total);
        const v = uniform(foldIn(key(seed), "v"), [8], { dtype: "float64" });
        const at = (set: Parameters<typeof worstCaseExpectation>[2]): number =>
          worstCaseExpectation(p, v, set).value;
        least = Math.min(
          least,
          at(kullbackLeibler(radius)) - at(totalVariation(Math.sqrt(radius / 2))),
        );
      }
    expect(least).toBeGreaterThanOrEqual(-1e-12);
    task.meta.claim = {
      says: "Worst cases over a Kullback-Leibler ball of radius σ are never worse than over total variation of radius $\\sqrt{\\sigma/2}$",
      source: "Pinsker's inequality",
      measured: `least difference ${least.toExponential(1)} over 60 random distributions`,
    };
  });
});

describe("robust games", () => {
  it("with one player are robust planning", ({ task }) => {
    let apart = 0;
    for (const seed of seeds) {
      const model = random(seed);
      const horizon = 4;
      const stacked = (x: readonly number[]): Float64Array =>
        Float64Array.from({ length: horizon * x.length }, (_, i) => x[i % x.length]!);
      const game = markovGame({
        transitions: array(stacked(flat(model.transitions as never)), {
          shape: [horizon, 12, 3, 12],
        }),
        rewards: array(stacked(flat(model.rewards)), { shape: [horizon, 1, 12, 3] }),
      });
      const [a, b] = [
        drNvi(game, 0.2, { solutionConcept: "nash" }),
        robustValueIteration(model, totalVariation(0.2), { horizon }),
      ];
      const [v, w] = [flat(a.values), flat(b.values)];
      apart = Math.max(apart, ...v.map((x, i) => Math.abs(x - w[i]!)));
    }
    expect(apart).toBeLessThan(1e-12);
    task.meta.claim = {
      says: "With one player DR-NVI is robust value iteration, whose sample complexity it then has",
      source: "Shi, Mazumdar, Chi, Wierman (2024); Shi and others (2023)",
      measured: `largest difference of values ${apart.toExponential(1)}, 20 random processes`,
    };
  });

  it("have equilibria inside one another: Nash, correlated, coarse correlated", ({ task }) => {
    let gap = 0;
    for (const seed of seeds) {
      const game = randomMarkovGame(key(seed), { numStates: 3, numActions: [3, 3], horizon: 3 });
      const nash = drNvi(game, [0.1, 0.3], { solutionConcept: "nash" }).policy;
      const correlated = drNvi(game, [0.1, 0.3], { solutionConcept: "ce" }).policy;
      for (const [policy, notion] of [
        [nash, "nash"],
        [nash, "ce"],
        [nash, "cce"],
        [correlated, "ce"],
        [correlated, "cce"],
      ] as const)
        // prettier-ignore
        gap = Math.max(gap, robustGap(game, [0.1, 0.3], policy, notion).gap);
    }
    expect(gap).toBeLessThan(1e-8);
    task.meta.claim = {
      says: "DR-NVI on the exact model ends at a robust equilibrium, and a robust Nash equilibrium is a correlated and a coarse correlated one",
      source: "Shi, Mazumdar, Chi, Wierman (2024), definitions and algorithm",
      measured: `largest gap of any player ${gap.toExponential(1)}, 20 random games of two players`,
    };
  });
});

describe("offline learning", () => {
  it("with one feature for every state and action, no penalty and no ridge is robust planning on the counts", ({
    task,
  }) => {
    let apart = 0;
    for (const seed of seeds.slice(0, 10)) {
      const [states, actions, horizon] = [4, 2, 3];
      const d = states * actions;
      const features = array(Float64Array.from({ length: d * d }, (_, i) => (i % d === Math.floor(i / d) ? 1 : 0)), { shape: [states, actions, d] }); // prettier-ignore
      const truth = randomLinearMdp(key(seed), {
        numStates: states,
        numActions: actions,
        dimension: 3,
        horizon,
      });
      const mixed = linearMdp({
        features,
        factors: array(flat(kernelOf(truth)), { dtype: "float64", shape: [horizon, d, states] }),
        rewards: array(flat(rewardsOf(truth)), { dtype: "float64", shape: [horizon, d] }),
      });
      const data = collectOfflineData(foldIn(key(seed), "data"), mixed, { numEpisodes: 4000 });
      const counts = new Float64Array(horizon * d * states);
      for (let h = 0; h < horizon; h++)
        for (let k = 0; k < 4000; k++)
          counts[
            (h * d + data.states.get(h, k) * actions + data.actions.get(h, k)) * states +
              data.nextStates.get(h, k)
          ]!++;
      const kernel = empiricalKernel(array(counts, { shape: [horizon, states, actions, states] }));
      const empirical = mdp({
        transitions: kernel,
        rewards: array(flat(rewardsOf(truth)), {
          dtype: "float64",
          shape: [horizon, states, actions],
        }),
      });
      const plan = robustValueIteration(empirical, totalVariation(0.2), { horizon });
      const { values } = drop(data, features, {
        radius: 0.2,
        pessimism: 0,
        ridge: 1e-9,
        rewards: mixed.rewards,
      });
      const [a, b] = [flat(values), flat(plan.values)];
      apart = Math.max(apart, ...a.map((x, i) => Math.abs(x - b[i]!)));
    }
    expect(apart).toBeLessThan(1e-6);
    task.meta.claim = {
      says: "With one feature for every state and action, DROP without penalty and ridge is robust value iteration on the empirical model",
      source: "Wang, Shi, Chi (2024), Algorithm 1, with d = SA",
      measured: `largest difference of values ${apart.toExponential(1)} at a ridge of 10⁻⁹, 10 models of 4000 episodes`,
    };
  });

  it("loses less with more episodes, at least like their root", ({ task }) => {
    const sizes = [100, 400, 1600, 6400];
    const losses = sizes.map((episodes) => {
      const runs = seeds.map((seed) => {
        const model = randomLinearMdp(key(seed), {
          numStates: 8,
          numActions: 4,
          dimension: 5,
          horizon: 4,
        });
        const data = collectOfflineData(foldIn(key(seed), "data"), model, {
          numEpisodes: episodes,
        });
        return certifyOffline(
          drop(data, model.features, { radius: 0.2, pessimism: 0.02 }),
          model,
          0.2,
        ).subOptimality.value;
      });
      return runs.reduce((a, b) => a + b, 0) / runs.length;
    });
    const slope = Math.log(losses[3]! / losses[0]!) / Math.log(sizes[3]! / sizes[0]!);
    expect(slope).toBeLessThan(-0.3);
    task.meta.claim = {
      says: "DROP's sub-optimality falls at least like $K^{-1/2}$ in the number of episodes",
      source:
        "Wang, Shi, Chi (2024), main theorem (rate); with a penalty of 0.02 in place of the published constant, with which nothing is learnt",
      measured: `mean loss ${losses.map((x) => x.toExponential(1)).join(", ")} at K = ${sizes.join(", ")}, slope ${slope.toFixed(2)}, 20 random models`,
    };
  });
});

/** The kernel [H, S·A, S] and the rewards [H, S·A] of a linear process. */
function kernelOf({ features, factors }: ReturnType<typeof randomLinearMdp>) {
  const [horizon, d, states] = factors.shape as readonly [number, number, number];
  const [phi, mu] = [toTypedArray(features), toTypedArray(factors)];
  const cells = features.size / d;
  return Array.from({ length: horizon * cells * states }, (_, i) => {
    const [h, cell, s] = [
      Math.floor(i / (cells * states)),
      Math.floor(i / states) % cells,
      i % states,
    ];
    let p = 0;
    for (let k = 0; k < d; k++) p += phi[cell * d + k]! * mu[(h * d + k) * states + s]!;
    return p;
  });
}
function rewardsOf({ features, rewards }: ReturnType<typeof randomLinearMdp>) {
  const [horizon, d] = rewards.shape as readonly [number, number];
  const [phi, theta] = [toTypedArray(features), toTypedArray(rewards)];
  const cells = features.size / d;
  return Array.from({ length: horizon * cells }, (_, i) => {
    let r = 0;
    for (let k = 0; k < d; k++)
      r += phi[(i % cells) * d + k]! * theta[Math.floor(i / cells) * d + k]!;
    return r;
  });
}
