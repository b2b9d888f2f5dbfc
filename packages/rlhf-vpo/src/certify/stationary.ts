/** How far parameters are from a stationary point of the objective. */
import { certificate } from "@provably/core-tensor/internal";
import type { Certificate } from "@provably/core-tensor";
import { type FlatProblem, type ObjectiveOptions, evaluate } from "../exact/problem.js";

/** The largest component of the gradient, recomputed from the data. */
export function certifyStationary(
  problem: FlatProblem,
  constants: ObjectiveOptions,
  theta: Float64Array,
  tolerance = 1e-8,
): Certificate {
  const gradient = new Float64Array(problem.dimension);
  evaluate(problem, constants, theta, gradient);
  const value = gradient.reduce((m, g) => Math.max(m, Math.abs(g)), 0);
  const convex = constants.sign === -1 || constants.alpha === 0;
  return certificate({
    claim: "largest component of the gradient of the objective",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: value <= tolerance,
    note: convex
      ? "the objective is convex, so a stationary point is the minimum"
      : "the optimistic objective is not convex: stationary is not minimal",
  });
}
