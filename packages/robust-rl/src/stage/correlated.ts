/** Correlated and coarse correlated equilibria by linear programming, and the one of largest entropy. */
import { type ArrayInput, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  check,
  checkOptions,
  either,
  oneOf,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { largest, smallest } from "../internal/read.js";
import { SolverError } from "../lp/error.js";
import { simplex } from "../lp/simplex.js";
import { maxEntropy } from "./max-entropy.js";
import {
  type Game,
  actionOf,
  expectedPayoff,
  gameOf,
  regretsOf,
  relativeRegrets,
  strideOf,
} from "./payoffs.js";

/**
 * Which of the many equilibria to take: the largest sum of payoffs, the largest smallest payoff (both compare the players' payoffs as they are), the best or worst for one player, the largest entropy
 * (unique, and so the most reproducible), or any.
 * @category Equilibria
 */
export type EquilibriumObjective =
  | "welfare"
  | "egalitarian"
  | "entropy"
  | "any"
  | { readonly player: number; readonly sense: "max" | "min" };

/**
 * A correlated or coarse correlated equilibrium.
 * @category Equilibria
 */
export interface CorrelatedEquilibrium {
  /** Joint distribution, float64 [A1, …, An]. */
  readonly joint: NdArray<"float64">;
  /** Expected payoffs, [n]. */
  readonly payoffs: NdArray<"float64">;
  /** What each player could gain by deviating, [n]: 0 but for rounding. */
  readonly regrets: NdArray<"float64">;
}

/** Rows D with D p ≤ 0: nobody gains by the deviation, each player on its own scale. */
export function deviationRows(
  { players, actions, joint, shares }: Game,
  kind: "ce" | "cce",
): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let i = 0; i < players; i++) {
    const [stride, count] = [strideOf(actions, i), actions[i]!];
    const gain = (a: number, b: number): number =>
      shares[i * joint + a + (b - actionOf(a, stride, count)) * stride]! - shares[i * joint + a]!;
    for (let b = 0; b < count; b++) {
      if (kind === "cce") rows.push(Float64Array.from({ length: joint }, (_, a) => gain(a, b)));
      else
        for (let own = 0; own < count; own++)
          if (own !== b)
            rows.push(
              Float64Array.from({ length: joint }, (_, a) =>
                actionOf(a, stride, count) === own ? gain(a, b) : 0,
              ),
            );
    }
  }
  return rows;
}

/** The joint distribution that a notion and an objective select. */
export function solveCorrelated(
  fn: string,
  game: Game,
  kind: "ce" | "cce",
  objective: EquilibriumObjective,
): Float64Array {
  const { joint, players, payoffs, shares } = game;
  if (typeof objective === "object")
    check(fn, "objective.player", objective.player, wholeNumber(0, players));
  const rows = deviationRows(game, kind);
  let distribution: Float64Array;
  if (objective === "entropy") distribution = maxEntropy(rows, joint);
  else {
    const egalitarian = objective === "egalitarian";
    const n = joint + (egalitarian ? 1 : 0);
    // payoffs of all players on one scale, which welfare and fairness compare
    const [lowest, highest] = [smallest(payoffs), largest(payoffs)];
    const half = highest / 2 - lowest / 2 || 1;
    const worth = (i: number, a: number): number =>
      (payoffs[i * joint + a]! / 2 - lowest / 2) / half;
    const cost = new Float64Array(n);
    if (objective === "welfare")
      for (let i = 0; i < players; i++) for (let a = 0; a < joint; a++) cost[a]! -= worth(i, a);
    if (typeof objective === "object")
      for (let a = 0; a < joint; a++)
        cost[a] = (objective.sense === "max" ? -1 : 1) * shares[objective.player * joint + a]!;
    if (egalitarian) cost[joint] = -1;
    const floor = egalitarian
      ? Array.from({ length: players }, (_, i) =>
          Float64Array.from({ length: n }, (__, a) => (a === joint ? 1 : -worth(i, a))),
        )
      : [];
    const all = [
      ...rows,
      ...floor,
      Float64Array.from({ length: n }, (_, a) => (a < joint ? 1 : 0)),
    ];
    const matrix = new Float64Array(all.length * n);
    all.forEach((row, k) => matrix.set(row, k * n));
    const bounds = new Float64Array(all.length);
    bounds[all.length - 1] = 1;
    const { status, x } = simplex({ n, cost, matrix, bounds, inequalities: all.length - 1 });
    if (status !== "optimal")
      throw new SolverError(`${fn}: the linear program of the equilibrium came out ${status}`);
    const total = x.subarray(0, joint).reduce((sum, p) => sum + p, 0);
    distribution = x.slice(0, joint).map((p) => p / total);
  }
  const worst = largest(relativeRegrets(game, distribution, kind === "ce" ? "swap" : "constant"));
  const mass = distribution.reduce((sum, p) => sum + p, 0);
  if (!(Math.abs(mass - 1) < 1e-9))
    throw new SolverError(`${fn}: the solution has a total probability of ${mass}`);
  if (!(worst <= 1e-8))
    throw new SolverError(
      `${fn}: the solution leaves a regret of ${worst} of a player's range of payoffs, more than rounding allows`,
    );
  return distribution;
}

/** An objective that is named, or one player's payoff. */
export const objectiveGuard = either(
  oneOf("welfare", "egalitarian", "entropy", "any"),
  recordOf<{ readonly player: number; readonly sense: "max" | "min" }>({
    player: wholeNumber(0),
    sense: oneOf("max", "min"),
  }),
);

/**
 * Options of {@link correlatedEquilibrium} and {@link coarseCorrelatedEquilibrium}.
 * @category Equilibria
 */
export interface CorrelatedOptions {
  /** See {@link EquilibriumObjective}; default `"welfare"`. */
  readonly objective?: EquilibriumObjective;
}

const OPTIONS: Schema<CorrelatedOptions> = { objective: objectiveGuard };

function select(
  fn: string,
  payoffs: ArrayInput,
  kind: "ce" | "cce",
  options: CorrelatedOptions,
): CorrelatedEquilibrium {
  const { objective = "welfare" } = checkOptions<CorrelatedOptions>(fn, options, OPTIONS);
  const game = gameOf(fn, payoffs);
  const joint = solveCorrelated(fn, game, kind, objective);
  const deviation = kind === "ce" ? "swap" : "constant";
  return {
    joint: array<"float64">(joint, { shape: game.actions }),
    payoffs: array<"float64">(
      Float64Array.from({ length: game.players }, (_, i) => expectedPayoff(game, i, joint)),
    ),
    regrets: array<"float64">(regretsOf(game, joint, deviation)),
  };
}

/**
 * A correlated equilibrium: a distribution of recommendations that nobody gains by disobeying,
 * $\sum_{a_{-i}} p(a)\,[U_i(b, a_{-i}) - U_i(a)] \le 0$ for every player, recommended action and alternative $b$.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param options - see {@link CorrelatedOptions}
 * @returns joint distribution, payoffs and regrets (of swaps)
 * @throws `ShapeError` when `payoffs` is no game
 * @throws `SolverError` when rounding defeats the solver
 * @example
 * ```ts
 * import { correlatedEquilibrium } from "@provably/robust-rl";
 *
 * // Chicken: a traffic light that never sends both.
 * const chicken = [[[0, 7], [2, 6]], [[0, 2], [7, 6]]];
 * const { payoffs } = correlatedEquilibrium(chicken);
 * payoffs.get(0) + payoffs.get(1); // => 10.5
 * ```
 * @see Aumann (1974), "Subjectivity and correlation in randomized strategies"
 * @category Equilibria
 */
export function correlatedEquilibrium(
  payoffs: ArrayInput,
  options: CorrelatedOptions = {},
): CorrelatedEquilibrium {
  return select("correlatedEquilibrium", payoffs, "ce", options);
}

/**
 * A coarse correlated equilibrium: nobody gains by a fixed action decided before the recommendation,
 * $\sum_a p(a)\,[U_i(b, a_{-i}) - U_i(a)] \le 0$ for every player and action $b$.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param options - see {@link CorrelatedOptions}
 * @returns joint distribution, payoffs and regrets (of constant deviations)
 * @throws `ShapeError`, `SolverError` as {@link correlatedEquilibrium}
 * @example
 * ```ts
 * import { coarseCorrelatedEquilibrium } from "@provably/robust-rl";
 *
 * const pennies = [[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]];
 * coarseCorrelatedEquilibrium(pennies, { objective: "entropy" }).joint; // => [[0.25, 0.25], [0.25, 0.25]]
 * ```
 * @see Moulin, Vial (1978), "Strategically zero-sum games"
 * @category Equilibria
 */
export function coarseCorrelatedEquilibrium(
  payoffs: ArrayInput,
  options: CorrelatedOptions = {},
): CorrelatedEquilibrium {
  return select("coarseCorrelatedEquilibrium", payoffs, "cce", options);
}
