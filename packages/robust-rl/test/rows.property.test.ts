/** A process is the same whether its rows are dense or sparse, in any order and any number of parts. */
import fc from "fast-check";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type Mdp,
  type MdpParts,
  type RectangularSet,
  type SparseLists,
  certifyPlan,
  certifyValues,
  chiSquare,
  contamination,
  cvar,
  evaluatePolicy,
  interval,
  kullbackLeibler,
  l1Ball,
  l2Ball,
  lInfBall,
  linearProgrammingMdp,
  mdp,
  occupancyMeasure,
  robustBellman,
  robustPolicyEvaluation,
  robustValueIteration,
  robustnessProfile,
  sRectangularL1,
  simulate,
  totalVariation,
  wasserstein,
  worstCaseKernel,
} from "../src/index.js";
import { expectNear } from "./fixtures.js";

const [S, A, H, discount] = [4, 2, 3, 0.8];

/** Numbers from a seed. */
function numbersFrom(seed: number): () => number {
  let x = seed >>> 0;
  return () => {
    x = (Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32;
  };
}

const table = (next: () => number, ...shape: number[]): never =>
  (shape.length === 0
    ? 4 * next() - 2
    : Array.from({ length: shape[0]! }, () => table(next, ...shape.slice(1)))) as never;

/** The same rows twice: written out, and as entries in any order, some in two parts, some of them 0. */
function rowsTwice(next: () => number): { dense: number[][][]; sparse: SparseLists } {
  const [rowPointers, columns, probabilities]: number[][] = [[0], [], []];
  const dense = Array.from({ length: S }, () =>
    Array.from({ length: A }, () => {
      const weights = Array.from({ length: S }, () => (next() < 0.5 ? 0 : next()));
      weights[Math.floor(S * next())]! += 0.1;
      const total = weights.reduce((a, b) => a + b);
      const entries = weights.flatMap((w, s): (readonly [number, number])[] => {
        const p = w / total;
        if (w === 0) return next() < 0.3 ? [[s, 0]] : [];
        const part = next();
        return next() < 0.4 ? [[s, p * part], [s, p - p * part]] : [[s, p]]; // prettier-ignore
      });
      entries.sort(() => next() - 0.5);
      const row = new Array<number>(S).fill(0);
      for (const [s, p] of entries) {
        columns!.push(s);
        probabilities!.push(p);
        row[s]! += p;
      }
      rowPointers!.push(columns!.length);
      return row;
    }),
  );
  return { dense, sparse: { shape: [S, A, S], rowPointers: rowPointers!, columns: columns!, probabilities: probabilities! } }; // prettier-ignore
}

function setsFrom(next: () => number, dense: number[][][]): Record<string, RectangularSet> {
  const radius = (): number[][] => Array.from({ length: S }, () => [0.4 * next(), 0.4 * next()]);
  const weights = Array.from({ length: S }, () => 0.5 + next());
  const cost = Array.from({ length: S }, (_, s) =>
    Array.from({ length: S }, (__, t) => (s === t ? 0 : 0.2 + next())),
  );
  const bounds = (by: number) =>
    dense.map((rows) => rows.map((row) => row.map((p) => Math.min(1, Math.max(0, p + by)))));
  return {
    none: totalVariation(0),
    tv: totalVariation(radius()),
    tvNominal: totalVariation(radius(), { support: "nominal" }),
    l1: l1Ball(radius()),
    l1Weighted: l1Ball(radius(), { weights }),
    l1WeightedNominal: l1Ball(radius(), { weights, support: "nominal" }),
    l2: l2Ball(radius()),
    l2Nominal: l2Ball(radius(), { support: "nominal" }),
    lInf: lInfBall(radius()),
    lInfNominal: lInfBall(radius(), { support: "nominal" }),
    kl: kullbackLeibler(radius()),
    chi2: chiSquare(radius()),
    wasserstein: wasserstein(0.3 * next(), { cost, order: 1 + next() }),
    contamination: contamination(radius()),
    contaminationNominal: contamination(radius(), { support: "nominal" }),
    cvar: cvar(0.2 + 0.8 * next()),
    interval: interval(bounds(-0.3 * next()), bounds(0.3 * next())),
    shared: sRectangularL1(next()),
    sharedWeighted: sRectangularL1([next(), next(), next(), next()], { weights: [0.5, 1.5] }),
  };
}

const REWARDS: Record<string, readonly number[]> = { S: [S], SA: [S, A], SAS: [S, A, S], HSA: [H, S, A], HSAS: [H, S, A, S] }; // prettier-ignore

/** What a function gives for both storages. */
function same(
  of: (model: Mdp) => Parameters<typeof expectNear>[0],
  models: readonly Mdp[],
  tolerance = 1e-9,
): void {
  const [a, b] = models.map(of);
  expectNear(a!, b!, tolerance);
}

describe("dense and sparse processes are the same", () => {
  for (const axes of Object.keys(REWARDS))
    it(`with rewards ${axes}, to every function and under every set`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 2 ** 30 }), (seed) => {
          const next = numbersFrom(seed);
          const { dense, sparse } = rowsTwice(next);
          const rewards = table(next, ...REWARDS[axes]!);
          const rewardAxes = axes as NonNullable<MdpParts["rewardAxes"]>;
          const models = [dense, sparse].map((transitions) =>
            mdp({ transitions, rewards, rewardAxes }),
          );
          const values = Array.from({ length: S }, () => 5 * next());
          const policy = Array.from({ length: S }, () => {
            const p = next();
            return [p, 1 - p];
          });
          const timed = axes.startsWith("H");
          const span = timed ? { horizon: H } : { discount };
          for (const [name, set] of Object.entries(setsFrom(next, dense))) {
            const step = timed ? H - 1 : 0;
            same((m) => robustBellman(m, set, values, { discount, step }).q, models);
            same((m) => robustBellman(m, set, values, { discount, step }).values, models);
            const plans = models.map((m) => robustValueIteration(m, set, timed ? { horizon: H } : { discount, tolerance: 1e-9 })); // prettier-ignore
            expectNear(plans[0]!.values, plans[1]!.values, 1e-7);
            models.forEach((m, i) => {
              // each storage holds the plan of the other
              const other = plans[1 - i]!;
              expect(certifyPlan(m, set, other, span).holds, `${name} ${certifyPlan(m, set, other, span).value}`).toBe(true); // prettier-ignore
              expect(certifyValues(m, set, other.values, span).holds, name).toBe(true);
              expect(plans[i]!.certificate.holds, `${name} ${plans[i]!.certificate.value}`).toBe(true); // prettier-ignore
            });
            same((m) => robustPolicyEvaluation(m, set, policy, span).values, models, 1e-8);
            expect(robustPolicyEvaluation(models[1]!, set, policy, span).certificate.holds, name).toBe(true); // prettier-ignore
            // nature's choices may differ where they tie, what they are worth may not
            const [a, b] = models.map((m) => worstCaseKernel(m, set, values, { discount, step }));
            const worth = (kernel: typeof a): number[] =>
              timed || axes !== "SA"
                ? []
                : Array.from({ length: S * A }, (_, row) =>
                    values.reduce(
                      (sum, v, t) => sum + v * kernel!.get(Math.floor(row / A), row % A, t),
                      0,
                    ),
                  );
            expectNear(worth(a), worth(b), 1e-9);
          }
          same((m) => evaluatePolicy(m, policy, span).values, models);
          same((m) => robustnessProfile(m, totalVariation, policy, { ...span, radii: [0, 0.2] }), models); // prettier-ignore
          same(
            (m) => simulate(key(seed % 1000), m, policy, { numEpisodes: 5, numSteps: H }),
            models,
          );
          if (!timed) same((m) => occupancyMeasure(m, policy, { discount }), models);
        }),
        { numRuns: 4 },
      );
    });

  it("as linear programs, whose values are those of planning", async () => {
    for (const axes of ["S", "SA", "SAS"] as const) {
      const next = numbersFrom(7);
      const { dense, sparse } = rowsTwice(next);
      const rewards = table(next, ...REWARDS[axes]!);
      for (const transitions of [dense, sparse]) {
        const model = mdp({ transitions, rewards, rewardAxes: axes });
        const plan = robustValueIteration(model, totalVariation(0), { discount, tolerance: 1e-11 });
        expectNear((await linearProgrammingMdp(model, { discount })).values, plan.values, 1e-9);
      }
    }
  });

  it("with one reward for each entry they are those of rewards on arrival", () => {
    const next = numbersFrom(11);
    const { dense, sparse } = rowsTwice(next);
    const full: number[][][] = table(next, S, A, S);
    const pointers = Array.from(sparse.rowPointers);
    const entries = Array.from(sparse.columns, (s, k) => {
      const row = pointers.findIndex((_, r) => pointers[r + 1]! > k);
      return full[Math.floor(row / A)]![row % A]![s]!;
    });
    const models = [
      mdp({ transitions: dense, rewards: full }),
      mdp({ transitions: sparse, rewards: { entries } }),
    ];
    for (const set of [
      totalVariation(0.2, { support: "nominal" }),
      kullbackLeibler(0.1),
      cvar(0.5),
      totalVariation(0),
    ]) {
      // prettier-ignore
      same((m) => robustValueIteration(m, set, { discount, tolerance: 1e-10 }).values, models);
      expect(robustValueIteration(models[1]!, set, { discount }).certificate.holds).toBe(true);
    }
    expect(() => robustValueIteration(models[1]!, totalVariation(0.2), { discount })).toThrow(/rewards.entries/); // prettier-ignore
  });
});
