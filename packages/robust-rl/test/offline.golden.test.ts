import { describe, expect, it } from "vitest";
import {
  type LinearMdp,
  type OfflineData,
  drop,
  dropV,
  empiricalKernel,
  linearMdp,
  linearRobustEvaluation,
  linearRobustValueIteration,
  mdp,
  robustValueIteration,
  totalVariation,
  trimmedCount,
} from "../src/index.js";
import { array } from "@provably/core-tensor";
import { inv } from "@provably/core-tensor/linalg";
import { factorWorstCases } from "../src/offline/clip.js";
import { type Nested, expectNear, f64, flat, load } from "./fixtures.js";

interface Data {
  readonly s: number[][];
  readonly a: number[][];
  readonly r: number[][];
  readonly s2: number[][];
}
interface Drop {
  readonly gamma0: number;
  readonly lambda0: number;
  readonly rewardKnown: boolean;
  readonly Lambda?: Nested;
  readonly thetaHat: Nested;
  readonly nuHat: Nested;
  readonly penalty: Nested;
  readonly Qbar: Nested;
  readonly Q: Nested;
  readonly V: Nested;
  readonly policy: Nested;
  readonly robustValueOfPolicy: number[];
  readonly subOpt: number[];
}
interface DropV {
  readonly lambda1: number;
  readonly gamma1: number;
  readonly lambda0: number;
  readonly gamma0: number;
  readonly sigma2: Nested;
  readonly firstStageV: Nested;
  readonly Sigma: Nested;
  readonly thetaHat: Nested;
  readonly nuHat: Nested;
  readonly penalty: Nested;
  readonly V: Nested;
  readonly policy: Nested;
}
interface Instance {
  readonly S: number;
  readonly A: number;
  readonly H: number;
  readonly K: number;
  readonly rho: number;
  readonly phi: number[][][];
  readonly mu: number[][][];
  readonly theta: number[][];
  readonly data: Data;
  readonly dataVar: Data;
}
interface Golden {
  readonly main: Instance & {
    readonly delta: number;
    readonly exact: { readonly V: Nested; readonly Q: Nested; readonly nu: Nested };
    readonly drop: Drop[];
    readonly dropTheory: { readonly gamma0: number; readonly V: Nested };
    readonly dropRhoZero: { readonly gamma0: number; readonly V: Nested; readonly nuHat: Nested };
    readonly dropV: DropV;
    readonly dropVTheory: { readonly gamma1: number; readonly V: Nested };
  };
  readonly variance: Instance & {
    readonly lambda0: number;
    readonly lambda1: number;
    readonly gamma0: number;
    readonly gamma1: number;
    readonly exactV: Nested;
    readonly dropV: Omit<DropV, "lambda0" | "gamma0" | "lambda1" | "gamma1">;
  };
  readonly oneHot: {
    readonly S: number;
    readonly A: number;
    readonly H: number;
    readonly rho: number;
    readonly lambda0: number;
    readonly data: Data;
    readonly V: Nested;
  };
  readonly trimCounts: {
    readonly K: number;
    readonly H: number;
    readonly delta: number;
    readonly nAux: number[];
    readonly nTrim: number[];
  };
  readonly nonConcave: {
    readonly F: number[][];
    readonly V: number[];
    readonly s2: number[];
    readonly rho: number;
    readonly lambda0: number;
    readonly nuHat: number[];
    readonly goldenSectionValue: number[];
  }[];
}
const golden = load<Golden>("linear_rmdp");

const dataOf = ({ s, a, r, s2 }: Data): OfflineData => ({
  states: f64(s),
  actions: f64(a),
  rewards: f64(r),
  nextStates: f64(s2),
});
const modelOf = ({ phi, mu, theta }: Instance): LinearMdp =>
  linearMdp({ features: phi, factors: mu, rewards: theta });

describe("golden offline learning", () => {
  it("the exact solution of a linear process", () => {
    const { rho, exact } = golden.main;
    const solved = linearRobustValueIteration(modelOf(golden.main), rho);
    expectNear(solved.values, exact.V);
    expectNear(solved.q, exact.Q);
    expectNear(solved.worstCaseWeights, exact.nu);
    expectNear(
      linearRobustValueIteration(modelOf(golden.variance), golden.variance.rho).values,
      golden.variance.exactV,
    );
  });

  it("DROP, every part of it, with known and unknown rewards", () => {
    const { main } = golden;
    for (const want of main.drop) {
      const { gamma0, lambda0, rewardKnown } = want;
      const got = drop(dataOf(main.data), main.phi, {
        radius: main.rho,
        pessimism: gamma0,
        ridge: lambda0,
        ...(rewardKnown ? { rewards: main.theta } : {}),
      });
      if (want.Lambda) expectNear(got.gram, want.Lambda);
      expectNear(got.rewardWeights, want.thetaHat);
      expectNear(got.worstCaseWeights, want.nuHat);
      expectNear(got.penalty, want.penalty);
      expectNear(got.unclippedQ, want.Qbar);
      expectNear(got.q, want.Q);
      expectNear(got.values, want.V);
      expect(flat(got.policy)).toEqual(flat(want.policy));
      const model = modelOf(main);
      const real = flat(linearRobustEvaluation(model, got.policy, main.rho).values).slice(
        0,
        main.S,
      );
      expectNear(real, want.robustValueOfPolicy);
      const best = flat(linearRobustValueIteration(model, main.rho).values).slice(0, main.S);
      expectNear(
        best.map((v, s) => v - real[s]!),
        want.subOpt,
        1e-8,
        1e-8,
      );
    }
  });

  it("the published constants drown the data", ({ task }) => {
    const { main } = golden;
    const got = drop(dataOf(main.data), main.phi, {
      radius: main.rho,
      pessimism: "theory",
      failureProbability: main.delta,
    });
    expectNear(got.pessimism, main.dropTheory.gamma0, 1e-10);
    expectNear(got.values, main.dropTheory.V);
    expect(got.vacuousFraction).toBe(1);
    expect(got.certificate.holds).toBe(false);
    const weighted = dropV(dataOf(main.data), dataOf(main.dataVar), main.phi, {
      radius: main.rho,
      pessimism: "theory",
      firstPessimism: "theory",
      failureProbability: main.delta,
    });
    expectNear(weighted.pessimism, main.dropVTheory.gamma1, 1e-10);
    expectNear(weighted.values, main.dropVTheory.V);
    task.meta.claim = {
      says: "With the constants of the theorem, DROP's penalty exceeds every value at this size",
      source: "Wang, Shi, Chi (2024), Algorithm 1; constants reconstructed",
      measured: `share of states whose value is cut to 0: ${got.vacuousFraction}`,
    };
  });

  it("radius 0 is pessimistic least-squares value iteration", () => {
    const { main } = golden;
    const got = drop(dataOf(main.data), main.phi, {
      radius: 0,
      pessimism: main.dropRhoZero.gamma0,
    });
    expectNear(got.values, main.dropRhoZero.V);
    expectNear(got.worstCaseWeights, main.dropRhoZero.nuHat);
  });

  it("DROP-V, where variances matter and where they do not", () => {
    const { main, variance } = golden;
    for (const { instance, constants, want } of [
      { instance: main, constants: main.dropV, want: main.dropV },
      { instance: variance, constants: variance, want: variance.dropV },
    ]) {
      const got = dropV(dataOf(instance.data), dataOf(instance.dataVar), instance.phi, {
        radius: instance.rho,
        pessimism: constants.gamma1,
        ridge: constants.lambda1,
        firstPessimism: constants.gamma0,
        firstRidge: constants.lambda0,
      });
      expectNear(got.first.values, want.firstStageV);
      expectNear(got.variances, want.sigma2);
      expectNear(got.gram, want.Sigma);
      expectNear(got.rewardWeights, want.thetaHat);
      expectNear(got.worstCaseWeights, want.nuHat);
      expectNear(got.penalty, want.penalty);
      expectNear(got.values, want.V);
      expect(flat(got.policy)).toEqual(flat(want.policy));
    }
  });

  it("one-hot features are robust value iteration on the empirical model", () => {
    const { S, A, H, rho, lambda0, data, V } = golden.oneHot;
    const phi = Array.from({ length: S }, (_, s) =>
      Array.from({ length: A }, (__, a) =>
        Array.from({ length: S * A }, (___, i) => (i === s * A + a ? 1 : 0)),
      ),
    );
    const got = drop(dataOf(data), phi, { radius: rho, ridge: lambda0, pessimism: 0 });
    expectNear(got.values, V, 1e-6);
    const counts = new Float64Array(H * S * A * S);
    const rewards = new Float64Array(H * S * A);
    data.s.forEach((row, h) =>
      row.forEach((s, k) => {
        const cell = (h * S + s) * A + data.a[h]![k]!;
        counts[cell * S + data.s2[h]![k]!]!++;
        rewards[cell] = data.r[h]![k]!;
      }),
    );
    const visited = counts.every(
      (_, i) => i % S !== 0 || counts.subarray(i, i + S).some((c) => c > 0),
    );
    if (!visited) return;
    const model = mdp({
      transitions: empiricalKernel(array(counts, { shape: [H, S, A, S] })),
      rewards: array(rewards, { shape: [H, S, A] }),
    });
    expectNear(
      robustValueIteration(model, totalVariation(rho), { horizon: H }).values,
      got.values,
      1e-6,
    );
  });

  it("the maximum over clipping levels is global", () => {
    for (const { F, V, s2, rho, lambda0, nuHat, goldenSectionValue } of golden.nonConcave) {
      const d = F[0]!.length;
      const gram = Array.from({ length: d }, (_, i) =>
        Array.from({ length: d }, (__, j) =>
          F.reduce((sum, f) => sum + f[i]! * f[j]!, i === j ? lambda0 : 0),
        ),
      );
      const arrivals = new Float64Array(V.length * d);
      F.forEach((f, k) => f.forEach((x, i) => (arrivals[s2[k]! * d + i]! += x)));
      const order = Int32Array.from(V, (_, s) => s).sort((a, b) => V[a]! - V[b]!);
      const { weights } = factorWorstCases(
        Float64Array.from(flat(inv(f64(gram)))),
        arrivals,
        order,
        Float64Array.from(V),
        rho,
        undefined,
      );
      expectNear([...weights], nuHat);
      expect(goldenSectionValue.some((value, i) => value < nuHat[i]! - 1e-9)).toBe(true);
    }
  });

  it("how much two-fold subsampling keeps", () => {
    const { K, H, delta, nAux, nTrim } = golden.trimCounts;
    expectNear(
      nAux.map((n) => trimmedCount(n, { numEpisodes: K, horizon: H, failureProbability: delta })),
      nTrim,
    );
  });
});
