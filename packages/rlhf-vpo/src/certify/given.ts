/**
 * A problem read a second time, row by row, for certificates: nested lists and plain sums, and nothing of the tables that the solvers work on.
 */
import { type ArrayInput, array, toNested } from "@provably/core-tensor";
import type { PreferenceProblem } from "../exact/problem.js";

/** What no certificate can see. */
export const SWAPPED =
  "columns of chosen and rejected responses that were exchanged cannot be seen: they are other preferences, fitted as well";

/** Numbers [X][Y]. */
export type Table = readonly (readonly number[])[];

/** A problem as it was given. */
export interface Given {
  /** [prompt, first, second, probability that the first is preferred], one for every row. */
  readonly rows: readonly (readonly number[])[];
  readonly logReference: Table;
  readonly calibration: Table;
  readonly rho: readonly number[];
  /** Rewards ⟨φ, θ⟩. */
  readonly rewards: (theta: readonly number[]) => Table;
  /** Derivatives with respect to θ of a function with these derivatives with respect to rewards. */
  readonly toParameters: (slope: Table) => readonly number[];
}

export const tableFrom = (x: ArrayInput): Table =>
  toNested(array(x, { dtype: "float64" })) as number[][];

export function readGiven(problem: PreferenceProblem): Given {
  const logReference = tableFrom(problem.logReference);
  const [prompts, responses] = [logReference.length, logReference[0]!.length];
  const phi =
    problem.features === undefined
      ? undefined
      : (toNested(array(problem.features, { dtype: "float64" })) as unknown as number[][][]);
  return {
    rows: tableFrom(problem.data).map(([x, a, b, p = 1]) => [x!, a!, b!, p]),
    logReference,
    calibration:
      problem.calibration === undefined
        ? logReference.map((row) => row.map(Math.exp))
        : tableFrom(problem.calibration),
    rho:
      problem.promptDistribution === undefined
        ? new Array<number>(prompts).fill(1 / prompts)
        : (toNested(array(problem.promptDistribution, { dtype: "float64" })) as number[]),
    rewards: (theta) =>
      logReference.map((row, x) =>
        row.map((_, y) =>
          phi === undefined
            ? theta[x * responses + y]!
            : phi[x]![y]!.reduce((sum, f, i) => sum + f * theta[i]!, 0),
        ),
      ),
    toParameters: (slope) =>
      phi === undefined
        ? slope.flat()
        : phi[0]![0]!.map((_, i) => {
            let sum = 0;
            for (let x = 0; x < prompts; x++)
              for (let y = 0; y < responses; y++) sum += slope[x]![y]! * phi[x]![y]![i]!;
            return sum;
          }),
  };
}

/** Derivatives with respect to rewards of the negative log-likelihood, a sum over rows, from the margin of each row. */
export function likelihoodSlope(
  { rows, logReference }: Given,
  margin: (x: number, a: number, b: number) => number,
): number[][] {
  const slope = logReference.map((row) => row.map(() => 0));
  for (const row of rows) {
    const [x, a, b, p] = row as [number, number, number, number];
    // p ln σ(z) + (1 − p) ln σ(−z) rises at the rate p − σ(z)
    const rise = p - 1 / (1 + Math.exp(-margin(x, a, b)));
    slope[x]![a]! -= rise;
    slope[x]![b]! += rise;
  }
  return slope;
}

/** Σ ρ(x) Σ w(x, y) f(x, y). */
export function expectation(
  rho: readonly number[],
  weights: Table,
  f: (x: number, y: number) => number,
): number {
  let sum = 0;
  weights.forEach((row, x) => row.forEach((w, y) => (sum += w === 0 ? 0 : rho[x]! * w * f(x, y))));
  return sum;
}

/** β E_ρ ln Σ π_ref e^{r/β}, each prompt by its greatest reward. */
export function bestValue(
  rho: readonly number[],
  logReference: Table,
  reward: Table,
  beta: number,
): number {
  return logReference.reduce((total, row, x) => {
    const top = Math.max(...reward[x]!);
    const z = row.reduce((sum, l, y) => sum + Math.exp(l + (reward[x]![y]! - top) / beta), 0);
    return total + rho[x]! * (top + beta * Math.log(z));
  }, 0);
}

export const largest = (x: readonly number[]): number =>
  x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
