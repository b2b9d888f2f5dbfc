/** How far a policy is from a stationary point of the objective. */
import type { ArrayInput, Certificate } from "@provably/core-tensor";
import { certificate } from "@provably/core-tensor/internal";
import type { Hyperparameters, PreferenceProblem } from "../exact/problem.js";
import { SWAPPED, largest, likelihoodSlope, readGiven, tableFrom } from "./given.js";

/**
 * The largest component of the gradient, from the policy that was found and the preferences as they were given, in the policy form of the objective:
 * $\frac1N \sum_i (\sigma(z_i) - p_i)(\phi_i - \phi_i') + s\,\alpha\,\mathbb E_\rho[\mathbb E_{\pi_{\mathrm{cal}}}\phi - \mathbb E_\pi\phi]$ with margins z of $\beta\ln(\pi/\pi_{\mathrm{ref}})$.
 */
export function certifyStationary(
  problem: PreferenceProblem,
  { beta, alpha, sign }: Hyperparameters,
  logPolicy: ArrayInput,
  attained: boolean,
): Certificate {
  const tolerance = 1e-8;
  const given = readGiven(problem);
  const { rows, logReference, calibration, rho } = given;
  const policy = tableFrom(logPolicy);
  const reward = (x: number, y: number): number => beta * (policy[x]![y]! - logReference[x]![y]!);
  const slope = likelihoodSlope(given, (x, a, b) => reward(x, a) - reward(x, b)).map((row, x) =>
    row.map(
      (g, y) =>
        g / Math.max(1, rows.length) +
        sign * alpha * rho[x]! * (calibration[x]![y]! - Math.exp(policy[x]![y]!)),
    ),
  );
  const value = largest(given.toParameters(slope));
  const convex = sign === -1 || alpha === 0;
  return certificate({
    claim: "largest component of the gradient of the objective",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: attained ? value <= tolerance : "undecided",
    note: attained
      ? `${
          convex
            ? "the objective is convex, so a stationary point is the minimum"
            : "the optimistic objective is not convex: stationary is not minimal"
        }; ${SWAPPED}`
      : "no finite minimum exists: some response never loses, or never wins, and nothing holds it back; take α > 0 with a calibration policy that has every response",
  });
}
