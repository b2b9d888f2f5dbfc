/** Sparse transitions × shapes of rewards × uncertainty sets: exact one-row solvers in numpy, each row again by cone and linear programs. */
import { describe, expect, it } from "vitest";
import {
  type Mdp,
  type RectangularSet,
  certifyPlan,
  certifyValues,
  chiSquare,
  contamination,
  cvar,
  interval,
  kullbackLeibler,
  l1Ball,
  l2Ball,
  lInfBall,
  mdp,
  partialPolicyIteration,
  robustBellman,
  robustModifiedPolicyIteration,
  robustPolicyEvaluation,
  robustPolicyIteration,
  robustValueIteration,
  sRectangularL1,
  totalVariation,
  wasserstein,
  worstCaseBatch,
  worstCaseKernel,
} from "../src/index.js";
import { type Nested, expectNear, flat, load } from "./fixtures.js";

interface Case {
  readonly name: string;
  readonly shape: [number, number, number];
  readonly rowPointers: number[];
  readonly columns: number[];
  readonly probabilities: number[];
  readonly rewardShape: "s" | "sa" | "sas";
  readonly rewards: Nested;
  readonly discount: number;
  readonly set: {
    readonly kind: string;
    readonly radius?: Nested;
    readonly support?: "full" | "nominal";
    readonly weights?: number[];
    readonly cost?: number[][];
    readonly order?: number;
    readonly lower?: Nested;
    readonly upper?: Nested;
  };
  readonly V: number[];
  readonly Q?: number[][];
  readonly policy: Nested;
  readonly uniqueAction?: boolean[];
  readonly worstKernel: number[][][];
}

const { cases } = load<{ cases: Case[] }>("sparse_mdp");

function setOf({ set }: Case): RectangularSet {
  const { radius = 0, support = "full", weights, cost, order, lower, upper } = set;
  const options = { support, ...(weights && { weights }) };
  switch (set.kind) {
    case "nominal":
      return totalVariation(0);
    case "tv":
      return totalVariation(radius, { support });
    case "l1":
      return l1Ball(radius, options);
    case "l2":
      return l2Ball(radius, { support });
    case "linf":
      return lInfBall(radius, { support });
    case "kl":
      return kullbackLeibler(radius);
    case "chi2":
      return chiSquare(radius);
    case "wasserstein":
      return wasserstein(radius, { cost: cost!, ...(order && { order }) });
    case "cvar":
      return cvar(radius);
    case "contamination":
      return contamination(radius, { support });
    case "interval":
      return interval(lower!, upper!);
    case "sRectangularL1":
      return sRectangularL1(radius, weights && { weights });
    default:
      throw new Error(`unknown set ${set.kind}`);
  }
}

/** The rows written out over all states. */
function dense({ shape: [S, A], rowPointers, columns, probabilities }: Case): number[][][] {
  return Array.from({ length: S }, (_, s) =>
    Array.from({ length: A }, (__, a) => {
      const row = new Array<number>(S).fill(0);
      for (let k = rowPointers[s * A + a]!; k < rowPointers[s * A + a + 1]!; k++)
        row[columns[k]!]! += probabilities[k]!;
      return row;
    }),
  );
}

const AXES = { s: "S", sa: "SA", sas: "SAS" } as const;

const storages: readonly (readonly [string, (c: Case) => Mdp])[] = [
  [
    "sparse",
    ({ shape, rowPointers, columns, probabilities, rewards, rewardShape }) =>
      mdp({
        transitions: {
          shape,
          rowPointers: Int32Array.from(rowPointers),
          columns: Int32Array.from(columns),
          probabilities: Float64Array.from(probabilities),
        },
        rewards,
        rewardAxes: AXES[rewardShape],
      }),
  ],
  [
    "dense",
    (c) =>
      mdp({
        transitions: dense(c),
        rewards: c.rewards,
        axes: "SAS",
        rewardAxes: AXES[c.rewardShape],
      }),
  ],
];

const solvers = {
  robustValueIteration,
  robustModifiedPolicyIteration,
  robustPolicyIteration,
  partialPolicyIteration,
};

for (const [storage, make] of storages)
  describe(`robust plans of ${storage} transitions`, () => {
    it.each(cases.map((c) => [c.name, c] as const))("%s", (_name, c) => {
      const [model, set, { discount }] = [make(c), setOf(c), c];
      for (const [name, solve] of Object.entries(solvers)) {
        const plan = solve(model, set, { discount, tolerance: 1e-11, maxIterations: 100_000 });
        expect(plan.converged, name).toBe(true);
        expectNear(plan.values, c.V, 1e-9);
        expect(plan.certificate.holds, `${name} ${plan.certificate.value}`).toBe(true);
        if (c.Q) expectNear(plan.q, c.Q, 1e-9);
        c.uniqueAction?.forEach((unique, s) => {
          if (unique) expect(plan.policy.get(s)).toBe((c.policy as number[])[s]);
        });
      }
      expectNear(robustBellman(model, set, c.V, { discount }).values, c.V, 1e-9);
      const policy = c.policy as number[];
      const evaluation = robustPolicyEvaluation(model, set, policy, { discount });
      expectNear(evaluation.values, c.V, 1e-9);
      expect(evaluation.certificate.holds).toBe(true);
      expect(certifyValues(model, set, c.V, { discount }).value).toBeLessThan(1e-8);
      expect(certifyPlan(model, set, { values: c.V, policy }, { discount }).value).toBeLessThan(
        1e-8,
      );
      const off = c.V.map((v, s) => (s === 0 ? v + 1e-3 : v));
      expect(certifyValues(model, set, off, { discount }).holds).toBe(false);
    });

    it.each(cases.map((c) => [c.name, c] as const))("worst kernel, %s", (_name, c) => {
      const [model, set, { discount }] = [make(c), setOf(c), c];
      const [S, A] = c.shape;
      const kernel = flat(worstCaseKernel(model, set, c.V, { discount }));
      const golden = flat(c.worstKernel);
      const reward = (s: number, a: number, t: number): number => {
        const r = flat(c.rewards);
        return c.rewardShape === "s"
          ? r[s]!
          : c.rewardShape === "sa"
            ? r[s * A + a]!
            : r[(s * A + a) * S + t]!;
      };
      const nominal = flat(dense(c));
      for (let s = 0; s < S; s++) {
        let spent = 0;
        for (let a = 0; a < A; a++) {
          let [mine, theirs, mass] = [0, 0, 0];
          for (let t = 0; t < S; t++) {
            const at = (s * A + a) * S + t;
            const z = reward(s, a, t) + discount * c.V[t]!;
            mine += kernel[at]! * z;
            theirs += golden[at]! * z;
            mass += kernel[at]!;
            spent += (c.set.weights?.[a] ?? 1) * Math.abs(kernel[at]! - nominal[at]!);
            expect(kernel[at]).toBeGreaterThanOrEqual(-1e-12);
          }
          expect(mass).toBeCloseTo(1, 9);
          if (set.kind === "sRectangularL1") expect(mine).toBeLessThan(c.V[s]! + 1e-8);
          else expect(Math.abs(mine - theirs)).toBeLessThan(1e-8 * Math.max(1, Math.abs(theirs)));
        }
        if (set.kind === "sRectangularL1") {
          const budget = typeof c.set.radius === "number" ? c.set.radius : flat(c.set.radius!)[s]!;
          expect(spent).toBeLessThan(budget + 1e-9);
        }
      }
    });
  });

describe("certificates of sparse plans", () => {
  it("do not hold the plan of one set for that of another", () => {
    let failing = 0;
    for (const c of cases) {
      if (c.set.kind === "nominal" || c.set.kind === "interval") continue;
      const { certificate } = robustValueIteration(storages[0]![1](c), totalVariation(0), {
        discount: c.discount,
      });
      expect(certificate.holds).toBe(true);
      const values = robustValueIteration(storages[0]![1](c), totalVariation(0), {
        discount: c.discount,
      }).values;
      if (Math.max(...flat(values).map((v, s) => Math.abs(v - c.V[s]!))) < 1e-6) continue;
      failing++;
      expect(
        certifyValues(storages[0]![1](c), setOf(c), values, { discount: c.discount }).holds,
        c.name,
      ).toBe(false);
    }
    expect(failing).toBeGreaterThan(30);
  });
});

it("worst cases of single rows agree with those of plans", () => {
  const c = cases.find(({ name }) => name.startsWith("kl, rewards [S],"))!;
  const set = setOf(c);
  if (!("worstCase" in set)) throw new Error("not a ball");
  const { values } = worstCaseBatch(dense(c), c.V, set);
  const q = robustBellman(storages[0]![1](c), set, c.V, { discount: c.discount }).q;
  const r = flat(c.rewards);
  const expected = flat(values).map((v, row) => r[Math.floor(row / c.shape[1])]! + c.discount * v);
  expectNear(q, expected, 1e-12);
});
