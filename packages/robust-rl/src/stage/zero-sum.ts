/** Zero-sum games of two players. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { SolverError } from "../lp/error.js";
import { simplex } from "../lp/simplex.js";
import { numbers } from "../uncertainty/worst-case.js";

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
}

/** Strategies of both players: the row player's from the linear program, the column player's from its multipliers. */
export function solveZeroSum(
  payoff: Float64Array,
  m: number,
  k: number,
): { value: number; x: Float64Array; y: Float64Array } {
  const low = payoff.reduce((a, b) => Math.min(a, b), Infinity);
  const high = payoff.reduce((a, b) => Math.max(a, b), -Infinity);
  if (low === high)
    return { value: low, x: new Float64Array(m).fill(1 / m), y: new Float64Array(k).fill(1 / k) };
  // With payoffs made positive: max Σ w, w ≥ 0, A w ≤ 1; then y = w / Σ w and the value is 1 / Σ w.
  const scale = high - low;
  const matrix = payoff.map((a) => (a - low) / scale + 1);
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
    value: (1 / total - 1) * scale + low,
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
  const a = array(payoff, { dtype: "float64" });
  const [m, k] = a.shape;
  if (a.shape.length !== 2 || a.size === 0)
    throw new ShapeError(
      `zeroSumEquilibrium: payoff must be a matrix, got shape [${a.shape.join(", ")}]`,
    );
  const data = numbers(a);
  data.forEach((x, i) => {
    if (!Number.isFinite(x))
      throw new DomainError(
        `zeroSumEquilibrium: payoff[${Math.floor(i / k!)}, ${i % k!}] must be finite, got ${show(x)}`,
      );
  });
  const { value, x, y } = solveZeroSum(data, m!, k!);
  const rows = x.map((_, i) => y.reduce((sum, p, j) => sum + p * data[i * k! + j]!, 0));
  const columns = y.map((_, j) => x.reduce((sum, p, i) => sum + p * data[i * k! + j]!, 0));
  const now = x.reduce((sum, p, i) => sum + p * rows[i]!, 0);
  const regrets = Float64Array.of(Math.max(...rows) - now, now - Math.min(...columns));
  return {
    value,
    x: array<"float64">(x),
    y: array<"float64">(y),
    regrets: array<"float64">(regrets),
  };
}
