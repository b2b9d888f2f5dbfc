import { describe, expect, it } from "vitest";
import {
  type Mdp,
  type UncertaintySet,
  americanPut,
  chiSquare,
  contamination,
  cvar,
  gridWorld,
  inventory,
  kullbackLeibler,
  l1Ball,
  l2Ball,
  lInfBall,
  machineReplacement,
  mdp,
  partialPolicyIteration,
  priceGrid,
  riverSwim,
  robustModifiedPolicyIteration,
  robustPolicyEvaluation,
  robustPolicyIteration,
  robustValueIteration,
  sRectangularL1,
  totalVariation,
  valueIteration,
  wasserstein,
} from "../src/index.js";
import { type Nested, expectNear, flat, load } from "./fixtures.js";

interface Result {
  readonly kind: string;
  readonly radius: number;
  readonly V: Nested;
  readonly Q?: number[][];
  readonly policy?: Nested;
  readonly uniqueAction?: boolean[];
}
interface Garnet {
  readonly P: number[][][];
  readonly r: number[][];
  readonly gamma: number;
  readonly cost: number[][];
  readonly optimal: Result[];
  readonly evaluateUniform: Result[];
  readonly nominal: Result;
  readonly nominalPolicyUnderTV: Result;
  readonly tvRadiusPerStateAction: {
    readonly radius: number[][];
    readonly V: number[];
    readonly policy: number[];
  };
  readonly sRectangularL1: {
    readonly kappa: number;
    readonly V: number[];
    readonly policy: number[][];
  }[];
}
interface Golden {
  readonly garnet: Garnet;
  readonly riverswim: {
    readonly gamma: number;
    readonly H: number;
    readonly discounted: Result[];
    readonly finite: Result[];
  };
  readonly machineReplacement: { readonly gamma: number; readonly results: Result[] };
  readonly inventory: { readonly gamma: number; readonly results: Result[] };
  readonly gridworld: { readonly gamma: number; readonly results: Result[] };
  readonly americanPut: {
    readonly p_up: number;
    readonly H: number;
    readonly prices: number[];
    readonly results: { support: "full" | "nominal"; sigma: number; V1: number[] }[];
  };
}
const golden = load<Golden>("robust_mdp");

const sets: Record<string, (radius: number, cost?: number[][]) => UncertaintySet> = {
  tv: (r) => totalVariation(r),
  l1: (r) => l1Ball(r),
  linf: (r) => lInfBall(r),
  l2: (r) => l2Ball(r),
  kl: (r) => kullbackLeibler(r),
  chi2: (r) => chiSquare(r),
  contamination: (r) => contamination(r),
  cvar: (r) => cvar(r),
  wasserstein: (r, cost) => wasserstein(r, { cost: cost! }),
};

const tight = { tolerance: 1e-11, maxIterations: 100_000 };

describe("golden robust decision processes", () => {
  const named: readonly (readonly [
    string,
    () => Mdp,
    { readonly gamma: number; readonly results: Result[] },
  ])[] = golden
    ? [
        [
          "riverSwim",
          riverSwim,
          { gamma: golden.riverswim.gamma, results: golden.riverswim.discounted },
        ],
        ["machineReplacement", machineReplacement, golden.machineReplacement],
        ["inventory", inventory, golden.inventory],
        ["gridWorld", gridWorld, golden.gridworld],
        [
          "garnet",
          () => mdp({ transitions: golden.garnet.P, rewards: golden.garnet.r, axes: "SAS" }),
          { gamma: golden.garnet.gamma, results: golden.garnet.optimal },
        ],
      ]
    : [];
  const solvers = {
    robustValueIteration,
    robustModifiedPolicyIteration,
    robustPolicyIteration,
    partialPolicyIteration,
  };
  for (const [name, make, { gamma, results }] of named)
    it.each(results.map((result) => [`${name}, ${result.kind} ${result.radius}`, result] as const))(
      "%s",
      (_, { kind, radius, V, Q, policy, uniqueAction }) => {
        const model = make();
        const set = sets[kind]!(radius, golden.garnet.cost);
        for (const solver of Object.values(solvers)) {
          const plan = solver(model, set, { discount: gamma, ...tight });
          expect(plan.converged).toBe(true);
          expect(plan.certificate.holds).toBe(true);
          expectNear(plan.values, V, 1e-8);
          if (Q) expectNear(plan.q, Q, 1e-8, 1e-8);
          const actions = flat(plan.policy);
          (policy as number[] | undefined)?.forEach((a, s) => {
            const row = flat(plan.q).slice(s * model.numActions, (s + 1) * model.numActions);
            const tie = row.filter((x) => x > Math.max(...row) - 1e-7).length > 1;
            if (uniqueAction ? uniqueAction[s] : !tie) expect(actions[s]).toBe(a);
          });
        }
      },
    );

  it("finite horizons of riverSwim", () => {
    const { H, finite } = golden.riverswim;
    for (const { kind, radius, V, policy } of finite) {
      const plan = robustValueIteration(riverSwim(), sets[kind]!(radius), { horizon: H });
      expectNear(plan.values, V, 1e-10);
      const actions = flat(plan.policy);
      flat(policy!).forEach((a, i) => {
        const [left, right] = flat(plan.q).slice(2 * i, 2 * i + 2);
        if (Math.abs(left! - right!) > 1e-7) expect(actions[i]).toBe(a);
      });
      expect(plan.certificate.holds).toBe(true);
    }
  });

  it("policies evaluated against the worst kernel", () => {
    const { P, r, gamma, cost, evaluateUniform, nominal, nominalPolicyUnderTV } = golden.garnet;
    const model = mdp({ transitions: P, rewards: r, axes: "SAS" });
    const uniform = r.map((row) => row.map(() => 1 / row.length));
    for (const { kind, radius, V } of evaluateUniform)
      expectNear(
        robustPolicyEvaluation(model, sets[kind]!(radius, cost), uniform, { discount: gamma })
          .values,
        V,
        1e-8,
      );
    const plan = valueIteration(model, { discount: gamma, ...tight });
    expectNear(plan.values, nominal.V);
    expectNear(plan.q, nominal.Q!);
    expectNear(
      robustPolicyEvaluation(model, totalVariation(nominalPolicyUnderTV.radius), plan.policy, {
        discount: gamma,
      }).values,
      nominalPolicyUnderTV.V,
    );
  });

  it("a radius for every state and action", () => {
    const { P, r, gamma, tvRadiusPerStateAction } = golden.garnet;
    const plan = robustValueIteration(
      mdp({ transitions: P, rewards: r, axes: "SAS" }),
      totalVariation(tvRadiusPerStateAction.radius),
      {
        discount: gamma,
        ...tight,
      },
    );
    expectNear(plan.values, tvRadiusPerStateAction.V);
    expect(flat(plan.policy)).toEqual(tvRadiusPerStateAction.policy);
  });

  it("s-rectangular sets, values and the robust values of the mixtures", () => {
    const { P, r, gamma, sRectangularL1: cases } = golden.garnet;
    const model = mdp({ transitions: P, rewards: r, axes: "SAS" });
    for (const { kappa, V, policy } of cases) {
      const set = sRectangularL1(kappa);
      const plan = robustValueIteration(model, set, { discount: gamma, ...tight });
      expectNear(plan.values, V);
      expectNear(robustPolicyEvaluation(model, set, plan.policy, { discount: gamma }).values, V);
      expectNear(robustPolicyEvaluation(model, set, policy, { discount: gamma }).values, V, 1e-7);
    }
  });

  it("the American put under both conventions of the support", () => {
    const { p_up, H, prices, results } = golden.americanPut;
    const model = americanPut({ up: p_up });
    const grid = priceGrid();
    for (const { support, sigma, V1 } of results) {
      const { values } = robustValueIteration(model, totalVariation(sigma, { support }), {
        horizon: H,
      });
      expectNear(
        prices.map((price) =>
          values.get(
            0,
            grid.findIndex((x) => Math.abs(x - price) < 1e-6),
          ),
        ),
        V1,
      );
    }
  });
});

interface Environment {
  readonly shape: number[];
  readonly nonzero: [number, number, number, number][];
  readonly r: number[][];
}
interface Put {
  readonly shape: number[];
  readonly rewardSum: number;
  readonly rowsumSq: number;
  readonly sampleStates: number[];
  readonly holdSuccessors: number[][];
  readonly exerciseReward: number[];
}
const environments = load<
  Record<"riverswim" | "machineReplacement" | "inventory" | "gridworld", Environment> & {
    americanPut: Put;
  }
>("envs");

describe("golden environments", () => {
  it.each([
    ["riverswim", riverSwim],
    ["machineReplacement", machineReplacement],
    ["inventory", inventory],
    ["gridworld", gridWorld],
  ] as const)("%s", (name, make) => {
    const { shape, nonzero, r } = environments[name];
    const model = make();
    const dense = new Array<number>(shape.reduce((a, b) => a * b)).fill(0);
    for (const [s, a, t, p] of nonzero) dense[(s * shape[1]! + a) * shape[2]! + t] = p;
    expect(model.transitions.shape).toEqual(shape);
    expectNear(model.transitions as never, dense, 1e-12);
    expectNear(model.rewards, r, 1e-12);
  });

  it("americanPut", () => {
    const { shape, sampleStates, holdSuccessors, exerciseReward, rewardSum, rowsumSq } =
      environments.americanPut;
    const { transitions, rewards } = americanPut();
    if (!("rowPointers" in transitions)) throw new Error("expected sparse transitions");
    expect(transitions.shape).toEqual(shape);
    expect(flat(rewards).reduce((a, b) => a + b)).toBeCloseTo(rewardSum, 8);
    sampleStates.forEach((s, i) => {
      const successors = transitions.columns.slice(
        transitions.rowPointers[2 * s],
        transitions.rowPointers[2 * s + 1],
      );
      expect([...new Set(successors)].sort((a, b) => a - b)).toEqual(holdSuccessors[i]);
      expect(rewards.get(s, 1)).toBeCloseTo(exerciseReward[i]!, 10);
    });
    const cells = new Map<number, number>();
    for (let row = 0; row + 1 < transitions.rowPointers.length; row++)
      for (let k = transitions.rowPointers[row]!; k < transitions.rowPointers[row + 1]!; k++) {
        const cell = row * shape[2]! + transitions.columns[k]!;
        cells.set(cell, (cells.get(cell) ?? 0) + transitions.probabilities[k]!);
      }
    expect([...cells.values()].reduce((sum, p) => sum + p * p, 0)).toBeCloseTo(rowsumSq, 8);
  });
});
