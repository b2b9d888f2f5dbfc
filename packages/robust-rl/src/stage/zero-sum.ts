/** Zero-sum games of two players. */
import {
  type ArrayInput,
  type Certificate,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { float64, largest, smallest } from "../internal/read.js";
import { SolverError } from "../lp/error.js";
import { simplex } from "../lp/simplex.js";
import { nashCertificate } from "./certificate.js";
import { finitePayoffs, makeGame, productOf, regretsOf } from "./payoffs.js";

/**
 * Optimal strategies of a zero-sum game.
 * @category Equilibria
 */
export interface ZeroSumEquilibrium {
  /** What the row player can secure; unique. */
  readonly value: number;
  /** Strategy of the row player, who maximises, [m]. */
  readonly x: NdArray<"float64">;
  /** Strategy of the column player, who minimises, [k]. */
  readonly y: NdArray<"float64">;
  /** What row and column player could gain by deviating, [2]. */
  readonly regrets: NdArray<"float64">;
  /** The larger of the regrets as a share of the range of payoffs, in exact arithmetic. */
  readonly certificate: Certificate;
}

/** Strategies of both players: the row player's from the linear program, the column player's from its multipliers. */
export function solveZeroSum(
  payoff: Float64Array,
  m: number,
  k: number,
): { value: number; x: Float64Array; y: Float64Array } {
  const [low, high] = [smallest(payoff), largest(payoff)];
  if (low === high)
    return { value: low, x: new Float64Array(m).fill(1 / m), y: new Float64Array(k).fill(1 / k) };
  // With payoffs made positive: max Σ w, w ≥ 0, A w ≤ 1; then y = w / Σ w and the value is 1 / Σ w.
  // The range may be beyond the largest double, its half is not.
  const half = high / 2 - low / 2;
  const matrix = payoff.map((a) => (a / 2 - low / 2) / half + 1);
  const {
    status,
    x: w,
    multipliers,
  } = simplex({
    n: k,
    cost: new Float64Array(k).fill(-1),
    matrix,
    bounds: new Float64Array(m).fill(1),
    inequalities: m,
  });
  if (status !== "optimal")
    throw new SolverError(`zeroSumEquilibrium: the linear program came out ${status}`);
  const total = w.reduce((a, b) => a + b, 0);
  const rows = multipliers.map((u) => Math.max(0, -u));
  const rowTotal = rows.reduce((a, b) => a + b, 0);
  return {
    value: low + (1 / total - 1) * half + (1 / total - 1) * half,
    x: rows.map((u) => u / rowTotal),
    y: w.map((u) => u / total),
  };
}

/**
 * Optimal strategies and value of a zero-sum game, by linear programming: $\max_x \min_y x^T A y = \min_y \max_x x^T A y$.
 *
 * @param payoff - $A$, [m, k], what the column player pays the row player
 * @returns value, strategies and regrets
 * @throws `ShapeError` when `payoff` is not a matrix
 * @throws `DomainError` when a payoff is not finite
 * @example
 * ```ts
 * import { zeroSumEquilibrium } from "@provably/robust-rl";
 *
 * zeroSumEquilibrium([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]).value.toFixed(9); // => "0.000000000"
 * ```
 * @see von Neumann (1928)
 * @category Equilibria
 */
export function zeroSumEquilibrium(payoff: ArrayInput): ZeroSumEquilibrium {
  const fn = "zeroSumEquilibrium";
  const a = float64(fn, "payoff", payoff);
  const [m, k] = a.shape;
  if (a.shape.length !== 2 || a.size === 0)
    throw new ShapeError(`${fn}: payoff must be a matrix, got shape [${a.shape.join(", ")}]`);
  const data = finitePayoffs(fn, "payoff", a);
  const { value, x, y } = solveZeroSum(data, m!, k!);
  const both = new Float64Array(2 * data.length);
  both.set(data);
  data.forEach((u, i) => (both[data.length + i] = -u));
  return {
    value,
    x: array<"float64">(x),
    y: array<"float64">(y),
    regrets: array<"float64">(regretsOf(makeGame(both, [m!, k!]), productOf([x, y]), "constant")),
    certificate: nashCertificate([data, both.subarray(data.length)], [m!, k!], [[x, y]]),
  };
}
