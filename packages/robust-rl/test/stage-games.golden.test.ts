import { describe, expect, it } from "vitest";
import {
  bimatrixNash,
  coarseCorrelatedEquilibrium,
  correlatedEquilibrium,
  nashEquilibria,
  regret,
  zeroSumEquilibrium,
} from "../src/index.js";
import { expectNear, flat, load } from "./fixtures.js";

interface Correlated {
  readonly maxWelfare: number;
  readonly maxEntropy: number[][];
  readonly entropy: number;
  readonly minPayoff: number[];
  readonly maxPayoff: number[];
}
interface Bimatrix {
  readonly name: string;
  readonly A: number[][];
  readonly B: number[][];
  readonly extremeNash: {
    readonly x: number[];
    readonly y: number[];
    readonly payoffs: number[];
  }[];
  readonly ce: Correlated;
  readonly cce: Correlated;
  readonly regretCheck: {
    readonly joint: number[][];
    readonly cce: number[];
    readonly ce: number[];
  };
}
interface Golden {
  readonly bimatrix: Bimatrix[];
  readonly zeroSum: {
    readonly A: number[][];
    readonly value: number;
    readonly x: number[];
    readonly y: number[];
  }[];
  readonly threePlayer: {
    readonly U: number[][][][];
    readonly nashProbabilityOfFirstAction: number[][];
    readonly maxWelfareCE: number;
    readonly maxWelfareCCE: number;
    readonly maxEntropyCE: number[][][];
    readonly maxEntropyCCE: number[][][];
  }[];
}
const golden = load<Golden>("stage_games");
const sum = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);
const entropy = (p: readonly number[]): number => -sum(p.map((x) => (x > 0 ? x * Math.log(x) : 0)));

describe("golden stage games", () => {
  const games = (golden?.bimatrix ?? []).map((game) => [game.name, game] as const);

  it.each(games)("all extreme equilibria of %s", (_, { A, B, extremeNash }) => {
    const { equilibria } = bimatrixNash(A, B);
    expect(equilibria.length).toBe(extremeNash.length);
    extremeNash.forEach(({ x, y, payoffs }, i) => {
      expectNear(equilibria[i]!.x, x, 1e-7);
      expectNear(equilibria[i]!.y, y, 1e-7);
      expectNear(equilibria[i]!.payoffs, payoffs, 1e-7);
    });
  });

  it.each(games)("every method finds equilibria of %s", (_, { A, B }) => {
    const range = Math.max(...A.flat(), ...B.flat()) - Math.min(...A.flat(), ...B.flat());
    for (const method of ["support-enumeration", "lemke-howson-enumeration"] as const) {
      const { equilibria } = bimatrixNash(A, B, { method });
      expect(equilibria.length).toBeGreaterThan(0);
      for (const { regrets } of equilibria)
        expect(Math.max(...flat(regrets))).toBeLessThanOrEqual(1e-9 * Math.max(range, 1e-300));
    }
    for (let label = 0; label < A.length + A[0]!.length; label++)
      expect(bimatrixNash(A, B, { method: "lemke-howson", label }).equilibria.length).toBe(1);
  });

  it.each(games)("correlated equilibria of %s", (_, { A, B, ce, cce }) => {
    for (const [solve, want] of [
      [correlatedEquilibrium, ce],
      [coarseCorrelatedEquilibrium, cce],
    ] as const) {
      expectNear(sum(flat(solve([A, B]).payoffs)), want.maxWelfare);
      for (const player of [0, 1]) {
        expectNear(
          flat(solve([A, B], { objective: { player, sense: "min" } }).payoffs)[player]!,
          want.minPayoff[player]!,
        );
        expectNear(
          flat(solve([A, B], { objective: { player, sense: "max" } }).payoffs)[player]!,
          want.maxPayoff[player]!,
        );
      }
      const { joint, regrets } = solve([A, B], { objective: "entropy" });
      expect(Math.abs(entropy(flat(joint)) - want.entropy)).toBeLessThan(1e-6);
      expectNear(joint, want.maxEntropy, 0, 1e-5);
      expect(Math.max(...flat(regrets))).toBeLessThan(1e-8 * Math.max(1, ...A.flat(), ...B.flat()));
      const fair = flat(solve([A, B], { objective: "egalitarian" }).payoffs);
      expect(Math.min(...fair)).toBeGreaterThanOrEqual(
        Math.min(...flat(solve([A, B]).payoffs)) - 1e-9,
      );
    }
  });

  it.each(games)("deviation gains in %s", (_, { A, B, regretCheck }) => {
    const { constant, swap } = regret([A, B], regretCheck.joint);
    expectNear(constant, regretCheck.cce);
    expectNear(swap, regretCheck.ce);
  });

  it("zero-sum games", () => {
    for (const { A, value } of golden.zeroSum) {
      const solved = zeroSumEquilibrium(A);
      expectNear(solved.value, value);
      expect(Math.max(...flat(solved.regrets))).toBeLessThan(1e-9);
    }
  });

  it("three players with nine equilibria", () => {
    for (const {
      U,
      nashProbabilityOfFirstAction,
      maxWelfareCE,
      maxWelfareCCE,
      maxEntropyCE,
      maxEntropyCCE,
    } of golden.threePlayer) {
      const found = nashEquilibria(U, { numStarts: 12 }).map(({ strategies }) =>
        strategies.map((s) => s.get(0)),
      );
      for (const want of nashProbabilityOfFirstAction)
        expect(
          found.some((have) => have.every((p, i) => Math.abs(p - want[i]!) < 1e-7)),
          `equilibrium ${want.join(", ")}`,
        ).toBe(true);
      expectNear(sum(flat(correlatedEquilibrium(U).payoffs)), maxWelfareCE);
      expectNear(sum(flat(coarseCorrelatedEquilibrium(U).payoffs)), maxWelfareCCE);
      expectNear(correlatedEquilibrium(U, { objective: "entropy" }).joint, maxEntropyCE, 0, 1e-5);
      expectNear(
        coarseCorrelatedEquilibrium(U, { objective: "entropy" }).joint,
        maxEntropyCCE,
        0,
        1e-5,
      );
    }
  });
});
