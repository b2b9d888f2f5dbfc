import { describe, expect, it } from "vitest";
import { array } from "@provably/core-tensor";
import {
  type SolutionConcept,
  drNvi,
  empiricalKernel,
  markovGame,
  robustGameValues,
  robustGap,
} from "../src/index.js";
import { type Nested, expectNear, flat, load } from "./fixtures.js";

interface Run {
  readonly model: "exact" | "empirical";
  readonly notion: SolutionConcept;
  readonly select: "welfare" | "entropy";
  readonly sigma: number[];
  readonly V: Nested;
  readonly policy: Nested;
  readonly gapUnderTrueModel: number[][];
  readonly gap: number;
  readonly stageEquilibriaCount?: number[][];
}
interface Case {
  readonly P: number[];
  readonly r: number[];
  readonly empiricalCounts: number[];
  readonly runs: Run[];
  readonly uniformPolicy: {
    readonly sigma: number[];
    readonly V: Nested;
    readonly bestResponse: Nested;
    readonly bestModification: Nested;
  };
}
const golden = load<{ cases: Case[] }>("drnvi");

describe("golden DR-NVI", () => {
  const runs = (golden?.cases ?? []).flatMap((c, i) =>
    c.runs.map(
      (run) =>
        [
          `case ${i}, ${run.model}, ${run.notion}, ${run.select}, σ = ${run.sigma.join(" ")}`,
          c,
          run,
        ] as const,
    ),
  );
  it.each(runs)(
    "%s",
    (
      _,
      c,
      { model, notion, select, sigma, V, policy, gapUnderTrueModel, gap, stageEquilibriaCount },
    ) => {
      const truth = markovGame({ transitions: c.P, rewards: c.r });
      const game =
        model === "exact"
          ? truth
          : markovGame({ transitions: empiricalKernel(c.empiricalCounts), rewards: c.r });
      const solved = drNvi(game, sigma, { solutionConcept: notion, select });
      expectNear(solved.values, V, select === "entropy" ? 1e-5 : 1e-7);
      if (notion === "nash" || select === "entropy")
        expectNear(solved.policy, policy, 0, select === "entropy" ? 1e-4 : 1e-6);
      if (stageEquilibriaCount && notion === "nash")
        expect(flat(solved.numStageEquilibria)).toEqual(flat(stageEquilibriaCount));
      expect(solved.certificate.holds).toBe(true);
      const real = robustGap(truth, sigma, solved.policy, notion);
      expect(Math.abs(real.gap - gap)).toBeLessThan(select === "entropy" ? 1e-5 : 1e-6);
      if (notion === "nash") expectNear(real.perPlayerState, gapUnderTrueModel, 0, 1e-6);
    },
  );

  it("values and deviations of the uniform policy", () => {
    for (const { P, r, uniformPolicy } of golden.cases) {
      const game = markovGame({ transitions: P, rewards: r });
      const { sigma, V, bestResponse, bestModification } = uniformPolicy;
      const joint = game.actions.reduce((a, b) => a * b, 1);
      const shape = [game.horizon, game.numStates, ...game.actions];
      const policy = array(
        new Float64Array(game.horizon * game.numStates * joint).fill(1 / joint),
        { shape },
      );
      expectNear(robustGameValues(game, sigma, policy), V, 1e-7);
      expectNear(robustGap(game, sigma, policy, "cce").deviationValues, bestResponse, 1e-7);
      expectNear(robustGap(game, sigma, policy, "ce").deviationValues, bestModification, 1e-7);
      expect(robustGap(game, sigma, policy, "nash").certificate.holds).toBe(false);
    }
  });
});
