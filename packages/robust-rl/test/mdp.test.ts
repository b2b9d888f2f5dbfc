import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { array, toTypedArray, zeros } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import {
  certifyOffline,
  certifyValues,
  chiSquare,
  collectOfflineData,
  contamination,
  cvar,
  drop,
  evaluatePolicy,
  garnet,
  gridWorld,
  inventory,
  kullbackLeibler,
  linearProgrammingMdp,
  linearRobustEvaluation,
  lInfBall,
  mdp,
  occupancyMeasure,
  partialPolicyIteration,
  randomLinearMdp,
  riverSwim,
  robustModifiedPolicyIteration,
  robustnessProfile,
  robustPolicyEvaluation,
  robustPolicyIteration,
  robustValueIteration,
  simulate,
  type SparseTransitions,
  sRectangularL1,
  totalVariation,
  twoFoldSubsampling,
  valueIteration,
  worstCaseKernel,
} from "../src/index.js";
import { expectNear, flat } from "./fixtures.js";

const model = garnet(key(1), { numStates: 12, numActions: 3, branching: 4 });

function sparse(): SparseTransitions {
  const dense = toTypedArray(model.transitions as never) as Float64Array;
  const rowPointers = [0];
  const columns: number[] = [];
  const probabilities: number[] = [];
  for (let row = 0; row < 36; row++) {
    for (let s = 0; s < 12; s++)
      if (dense[row * 12 + s]! > 0) {
        columns.push(s);
        probabilities.push(dense[row * 12 + s]!);
      }
    rowPointers.push(columns.length);
  }
  return {
    shape: [12, 3, 12],
    rowPointers: Int32Array.from(rowPointers),
    columns: Int32Array.from(columns),
    probabilities: Float64Array.from(probabilities),
  };
}

describe("robust decision processes", () => {
  it("have the same values dense and sparse", () => {
    const thin = mdp({ transitions: sparse(), rewards: model.rewards });
    for (const set of [
      totalVariation(0.15),
      totalVariation(0.15, { support: "nominal" }),
      kullbackLeibler(0.1),
      chiSquare(0.2),
      contamination(0.1),
      cvar(0.7),
      lInfBall(0.1),
    ]) {
      const [a, b] = [model, thin].map((m) =>
        robustValueIteration(m, set, { discount: 0.9, tolerance: 1e-11 }),
      );
      expectNear(a!.values, b!.values, 1e-10);
    }
  });

  it("never gain when nature may do more, and shrink the span of values", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (rho, share) => {
          const [narrow, wide] = [share * rho, rho].map((r) =>
            flat(robustValueIteration(model, totalVariation(r), { discount: 0.9 }).values),
          );
          narrow!.forEach((v, s) => expect(v).toBeGreaterThanOrEqual(wide![s]! - 1e-7));
          expect(Math.max(...wide!) - Math.min(...wide!)).toBeLessThanOrEqual(
            1 / (1 - 0.9 * (1 - rho)) + 1e-7,
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it("with rewards on arrival put them inside the worst case", () => {
    const p = [[[0.5, 0.5]], [[0, 1]]];
    const arrival = mdp({ transitions: p, rewards: [[[0, 10]], [[0, 0]]] });
    // Nature prefers state 0, where the reward is not paid: moving 0.25 costs the agent 2.5.
    expect(
      robustValueIteration(arrival, totalVariation(0.25), { horizon: 1 }).values.get(0, 0),
    ).toBeCloseTo(2.5, 12);
    expect(evaluatePolicy(arrival, [0, 0], { horizon: 1 }).values.get(0, 0)).toBeCloseTo(5, 12);
  });

  it("worth of a policy is its worth in the kernel that nature picks", () => {
    for (const set of [totalVariation(0.2), kullbackLeibler(0.1), chiSquare(0.3)]) {
      const plan = robustModifiedPolicyIteration(model, set, { discount: 0.9, tolerance: 1e-11 });
      const kernel = worstCaseKernel(model, set, plan.values);
      const there = mdp({ transitions: kernel, rewards: model.rewards });
      expectNear(evaluatePolicy(there, plan.policy, { discount: 0.9 }).values, plan.values, 1e-8);
    }
  });

  it("s-rectangular sets with no budget are planning, and with weights 1 on one action are the rectangular ball", () => {
    expectNear(
      robustValueIteration(model, sRectangularL1(0), { discount: 0.9 }).values,
      valueIteration(model, { discount: 0.9 }).values,
      1e-8,
    );
    const single = mdp({
      transitions: array(toTypedArray(model.transitions as never).slice(0, 144), {
        shape: [12, 1, 12],
      }),
      rewards: flat(model.rewards)
        .slice(0, 12)
        .map((r) => [r]),
    });
    expectNear(
      robustValueIteration(single, sRectangularL1(0.3), { discount: 0.9 }).values,
      robustValueIteration(single, totalVariation(0.15), { discount: 0.9 }).values,
      1e-8,
    );
  });

  it("values that are wrong, and policies that are not the best, lose their certificate", () => {
    const plan = robustValueIteration(model, totalVariation(0.2), { discount: 0.9 });
    expect(plan.certificate.holds).toBe(true);
    expect(certifyValues(model, totalVariation(0.2), flat(plan.values).map((v) => v + 0.01), { discount: 0.9 }).holds).toBe(false); // prettier-ignore
    expect(certifyValues(model, totalVariation(0.21), plan.values, { discount: 0.9 }).holds).toBe(
      false,
    );
    const worse = flat(plan.policy).map((a) => (a + 1) % 3);
    expect(
      certifyValues(model, totalVariation(0.2), plan.values, { discount: 0.9, policy: worse })
        .holds,
    ).toBe(false);
  });

  it("values over a finite horizon lose their certificate for one wrong step, another radius, and a worse policy", () => {
    const set = totalVariation(0.2);
    const plan = robustValueIteration(model, set, { horizon: 5 });
    expect(plan.certificate.holds).toBe(true);
    expect(plan.certificate.value).toBeLessThan(1e-13);
    expect(certifyValues(model, set, plan.values, { horizon: 5, policy: plan.policy }).holds).toBe(
      true,
    );
    // the wrong entry is seen where it is computed and where it is used; terminal values are taken as given
    const damaged = array(Float64Array.from(flat(plan.values), (v, i) => v + (i === 2 * 12 + 3 ? 1e-3 : 0)), { shape: [6, 12] }); // prettier-ignore
    expect(certifyValues(model, set, damaged, { horizon: 5 }).value).toBeGreaterThan(0.999e-3);
    expect(certifyValues(model, totalVariation(0.21), plan.values, { horizon: 5 }).holds).toBe(
      false,
    );
    // values that are right for a policy that is not the best
    const worse = array(flat(plan.policy).map((a, i) => (i === 7 ? (a + 1) % 3 : a)), { shape: [5, 12] }); // prettier-ignore
    const stale = robustPolicyEvaluation(model, set, worse, { horizon: 5 }).values;
    expect(certifyValues(model, set, stale, { horizon: 5, policy: worse }).holds).toBe(true);
    expect(certifyValues(model, set, stale, { horizon: 5 }).holds).toBe(false);
    expect(() => certifyValues(model, set, plan.values, {})).toThrow(
      /give a discount below 1, or a horizon/,
    );
    expect(() => certifyValues(model, set, plan.values, { horizon: 4 })).toThrow(
      /values must have shape \[5, 12\]/,
    );
    expect(() =>
      certifyValues(model, set, plan.values, { horizon: 5, policy: zeros([4, 12, 3]) }),
    ).toThrow(/policy must have 5 steps/);
  });

  it("go on from the values of an unfinished run, to the same bits", () => {
    const options = { discount: 0.95, tolerance: 1e-9 } as const;
    const whole = robustValueIteration(model, totalVariation(0.1), options);
    const part = robustValueIteration(model, totalVariation(0.1), {
      ...options,
      maxIterations: 10,
    });
    expect(part.converged).toBe(false);
    const rest = robustValueIteration(model, totalVariation(0.1), {
      ...options,
      initialValues: part.values,
    });
    expect(flat(rest.values)).toEqual(flat(whole.values));
    expect(part.iterations + rest.iterations).toBe(whole.iterations);
    const stop = new AbortController();
    expect(() =>
      robustValueIteration(model, totalVariation(0.1), {
        ...options,
        signal: stop.signal,
        onProgress: ({ iteration }) => iteration === 3 && stop.abort(),
      }),
    ).toThrow(/abort/i);
  });

  it("end soon where rounding alone keeps the residual above the tolerance", () => {
    const large = garnet(key(2), { numStates: 300, numActions: 5, branching: 20 });
    for (const set of [totalVariation(0), totalVariation(0.2)]) {
      // values near 600: a residual of 10⁻¹⁵ cannot be computed, and each greedy policy is evaluated with few linear systems all the same
      const plan = robustPolicyIteration(large, set, { discount: 0.999, tolerance: 1e-12 });
      expect(plan.converged).toBe(false);
      expect(plan.iterations).toBeLessThan(10);
      expect(plan.certificate.value).toBeLessThan(1e-8);
    }
  });

  it.each([
    ["robustPolicyIteration", robustPolicyIteration],
    ["robustModifiedPolicyIteration", robustModifiedPolicyIteration],
    ["partialPolicyIteration", partialPolicyIteration],
  ])("%s looks at its signal while it evaluates a policy", (_, planner) => {
    let looks = 0;
    const throwIfAborted = (): void => {
      if (++looks === 3) throw new DOMException("enough", "AbortError");
    };
    const options = { discount: 0.95, signal: { throwIfAborted } as AbortSignal };
    let sweeps = 0;
    expect(() =>
      planner(model, totalVariation(0.1), {
        ...options,
        onProgress: ({ iteration }) => void (sweeps = iteration),
      }),
    ).toThrow("enough");
    expect(sweeps).toBe(1);
  });

  it("robust policies beat nominal ones in the perturbed kernel, in three environments", ({
    task,
  }) => {
    const best: string[] = [];
    for (const [make, gamma, sigma] of [
      [riverSwim, 0.95, 0.2],
      [inventory, 0.9, 0.1],
      [gridWorld, 0.95, 0.2],
    ] as const) {
      const truth = make();
      const nominal = valueIteration(truth, { discount: gamma });
      const robust = robustValueIteration(truth, totalVariation(sigma), { discount: gamma });
      const [a, b] = [nominal, robust].map(({ policy }) =>
        flat(
          robustPolicyEvaluation(truth, totalVariation(sigma), policy, { discount: gamma }).values,
        ),
      );
      const gains = b!.map((v, s) => v - a![s]!);
      expect(Math.min(...gains)).toBeGreaterThanOrEqual(-1e-8);
      expect(Math.max(...gains)).toBeGreaterThan(1e-3);
      best.push(`${make.name} ${Math.max(...gains).toPrecision(2)}`);
    }
    task.meta.claim = {
      says: "A robust policy is worth at least as much as the ordinary one in the worst model near it",
      source: "Iyengar (2005), theorem 3.2",
      measured: `never less in any state; largest gains, exact: ${best.join(", ")}`,
    };
  });

  it("linear programs, small and large, visits and simulation agree with value iteration", async () => {
    for (const [process, discount] of [
      [garnet(key(1), { numStates: 6, numActions: 3, branching: 4 }), 0.9],
      [garnet(key(2), { numStates: 40, numActions: 3, branching: 5 }), 0.9],
    ] as const) {
      const plan = valueIteration(process, { discount, tolerance: 1e-11 });
      const { values, occupancy, policy } = await linearProgrammingMdp(process, { discount });
      expectNear(values, plan.values, 1e-8);
      expect(flat(policy)).toEqual(flat(plan.policy));
      const visits = occupancyMeasure(process, plan.policy, { discount });
      expectNear(visits, occupancy, 1e-6);
      const mean = flat(plan.values).reduce((a, b) => a + b) / process.numStates;
      expect(
        flat(visits).reduce((sum, d, i) => sum + d * flat(process.rewards)[i]!, 0),
      ).toBeCloseTo(mean, 8);
      const returns = flat(
        simulate(key(3), process, plan.policy, { numEpisodes: 4000, numSteps: 150, discount }),
      );
      const average = returns.reduce((a, b) => a + b) / returns.length;
      const error =
        Math.sqrt(returns.reduce((sum, x) => sum + (x - average) ** 2, 0)) / returns.length;
      expect(Math.abs(average - mean)).toBeLessThan(4 * error);
    }
    const thin = mdp({ transitions: sparse(), rewards: model.rewards });
    const start = [1, ...new Array<number>(11).fill(0)];
    const [a, b] = [model, thin].map((m) =>
      flat(
        simulate(
          key(4),
          m,
          flat(model.rewards)
            .slice(0, 12)
            .map(() => 1),
          { numEpisodes: 20, numSteps: 20, start },
        ),
      ),
    );
    expect(a).toEqual(b);
  });

  it("profiles fall with the radius", () => {
    const { policy } = valueIteration(riverSwim(), { discount: 0.95 });
    const profile = flat(
      robustnessProfile(riverSwim(), (r) => totalVariation(r), policy, {
        discount: 0.95,
        radii: [0, 0.1, 0.2, 0.4, 0.8],
      }),
    );
    profile.slice(1).forEach((v, i) => expect(v).toBeLessThan(profile[i]!));
  });

  it("bad kernels and options are named", () => {
    const p = [[[0.5, 0.5]], [[0, 1]]];
    const r = [[1], [0]];
    expect(() => mdp({ transitions: [[[0.5, 0.4]], [[0, 1]]], rewards: r })).toThrow(
      /transitions\[0, 0, :\] must sum to 1, got 0.9/,
    );
    expect(() => mdp({ transitions: [[[1.5, -0.5]], [[0, 1]]], rewards: r })).toThrow(
      /transitions\[0, 0, 1\] must be a probability/,
    );
    expect(() => mdp({ transitions: [[[NaN, 1]], [[0, 1]]], rewards: r })).toThrow(
      /transitions\[0, 0, 0\]/,
    );
    expect(() => mdp({ transitions: p, rewards: [[1, 2], [3, 4]] })).toThrow(/rewards must have shape/); // prettier-ignore
    expect(() => mdp({ transitions: p, rewards: [[Infinity], [0]] })).toThrow(
      /rewards\[0, 0\] must be finite/,
    );
    const ok = mdp({ transitions: p, rewards: r });
    for (const discount of [1, -0.1, NaN, 2])
      expect(() => valueIteration(ok, { discount })).toThrow(/valueIteration: discount must/);
    expect(() => valueIteration(ok, { horizon: 0 })).toThrow(/horizon/);
    expect(() =>
      robustValueIteration(ok, totalVariation([0.1, 0.2, 0.3]), { discount: 0.5 }),
    ).toThrow(/radii of shape/);
    expect(() => evaluatePolicy(ok, [0, 7], { discount: 0.5 })).toThrow(
      /policy\[1\] must be an action below 1/,
    );
    expect(() => evaluatePolicy(ok, [[0.5], [1]], { discount: 0.5 })).toThrow(
      /policy\[0, :\] must sum to 1/,
    );
    expect(() =>
      mdp({
        transitions: { ...sparse(), columns: new Int32Array(144).fill(99) },
        rewards: model.rewards,
      }),
    ).toThrow(/columns\[0\] must be a state/);
  });
});

describe("offline learning", () => {
  const truth = randomLinearMdp(key(11), { numStates: 8, numActions: 4, dimension: 5, horizon: 5 });

  it("comes closer to the best robust policy with more data", () => {
    const loss = (episodes: number): number => {
      let total = 0;
      for (let seed = 0; seed < 10; seed++)
        total += certifyOffline(
          drop(collectOfflineData(key(seed), truth, { numEpisodes: episodes }), truth.features, {
            radius: 0.2,
          }),
          truth,
          0.2,
        ).subOptimality.value;
      return total / 10;
    };
    const [few, many] = [loss(20), loss(2000)];
    expect(many).toBeLessThan(few / 2);
    expect(many).toBeGreaterThanOrEqual(0);
  });

  it("claims too much when the penalty is taken away, and the certificate says so", () => {
    let [honest, bold] = [0, 0];
    for (let seed = 0; seed < 20; seed++) {
      const data = collectOfflineData(key(seed), truth, { numEpisodes: 60 });
      if (
        certifyOffline(drop(data, truth.features, { radius: 0.1, pessimism: 1 }), truth, 0.1)
          .pessimism.holds
      )
        honest++;
      if (
        certifyOffline(
          drop(data, truth.features, { radius: 0.1, pessimism: 0, ridge: 1e-6 }),
          truth,
          0.1,
        ).pessimism.holds
      )
        bold++;
    }
    expect(honest).toBe(20);
    expect(bold).toBeLessThan(5);
  });

  it("beats its non-robust counterpart when the model shifts", ({ task }) => {
    const gains: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      const model = randomLinearMdp(key(seed + 100), {
        numStates: 8,
        numActions: 4,
        dimension: 5,
        horizon: 5,
      });
      const data = collectOfflineData(key(seed), model, { numEpisodes: 2000 });
      const worth = (radius: number): number => {
        const { policy } = drop(data, model.features, { radius });
        return (
          flat(linearRobustEvaluation(model, policy, 0.4).values)
            .slice(0, 8)
            .reduce((a, b) => a + b) / 8
        );
      };
      gains.push(worth(0.4) - worth(0));
    }
    const mean = gains.reduce((a, b) => a + b) / gains.length;
    const error = Math.sqrt(
      gains.reduce((sum, g) => sum + (g - mean) ** 2, 0) / (gains.length - 1) / gains.length,
    );
    expect(mean - 2 * error).toBeGreaterThan(0);
    task.meta.claim = {
      says: "Offline, DROP is worth more than pessimistic least-squares value iteration when the test kernel is shifted",
      source: "Wang, Shi, Chi (2024); they report no experiment, this one is ours",
      measured: `mean gain ${mean.toFixed(4)} ± ${(2 * error).toFixed(4)} (2 standard errors) at radius 0.4, 60 models`,
    };
  });

  it("keeps no more after subsampling than counts allow, the same with the same key, and says when nothing is left", () => {
    const data = collectOfflineData(
      key(1),
      randomLinearMdp(key(2), { numStates: 2, numActions: 2, dimension: 2, horizon: 2 }),
      { numEpisodes: 20_000 },
    );
    const [a, b] = [1, 1].map((k) => flat(twoFoldSubsampling(key(k), data).kept));
    expect(a).toEqual(b);
    const kept = a!.reduce((x, y) => x + y);
    expect(kept).toBeGreaterThan(1000);
    expect(kept).toBeLessThan(20_000);
    const few = twoFoldSubsampling(key(1), collectOfflineData(key(1), truth, { numEpisodes: 100 }));
    expect(() => drop(few, truth.features, { radius: 0.1 })).toThrow(
      /no transition is kept at step 4|no transition is kept at step 0/,
    );
  });

  it("refuses features off the simplex, states that are none, and a ridge of 0", () => {
    const data = collectOfflineData(key(1), truth, { numEpisodes: 5 });
    expect(() => drop(data, [[[0.5, 0.6]]], { radius: 0.1 })).toThrow(
      /features\[0, 0, :\] must sum to 1/,
    );
    expect(() => drop({ ...data, states: array([[99]]) }, truth.features, { radius: 0.1 })).toThrow(
      /states\[0, 0\] must be an integer below 8/,
    );
    expect(() => drop(data, truth.features, { radius: 0.1, ridge: 0 })).toThrow(
      /ridge must be positive/,
    );
    expect(() => drop(data, truth.features, { radius: -1 })).toThrow(/radius must be ≥ 0/);
    expect(() => drop(data, truth.features, { radius: 0.1, pessimism: -1 })).toThrow(/pessimism/);
  });
});
