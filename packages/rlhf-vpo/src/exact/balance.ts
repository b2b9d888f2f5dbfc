/** Weighted least squares of directions, for the balance of forces at a minimum. */
import { array } from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";

/** How far a change is from balancing, and the change. */
export interface Balance {
  readonly change: Float64Array;
  /** $e - M\,\mathrm{change}$. */
  readonly left: Float64Array;
  /** The largest entry of M. */
  readonly scale: number;
}

/**
 * The change that solves $M x = e$ for a positive semidefinite M. It may be singular, so a little of
 * its own size is added, and three rounds of refinement take back what that costs.
 */
export function balanceOf(matrix: Float64Array, open: Float64Array, damping: number): Balance {
  const d = open.length;
  const scale = matrix.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-300);
  const damped = matrix.slice();
  for (let i = 0; i < d; i++) damped[i * d + i]! += damping * scale;
  const leftOf = (change: Float64Array): Float64Array =>
    open.map((e, i) => {
      let sum = e;
      for (let j = 0; j < d; j++) sum -= matrix[i * d + j]! * change[j]!;
      return sum;
    });
  let change = new Float64Array(d);
  for (let round = 0; round < 3; round++) {
    const step = flatNumbers(solve(array(damped, { shape: [d, d] }), array(leftOf(change))));
    change = change.map((c, i) => c + step[i]!);
  }
  return { change, left: leftOf(change), scale };
}
