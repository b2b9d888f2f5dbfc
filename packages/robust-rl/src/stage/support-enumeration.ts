/** Equilibria by trying every pair of supports, of unequal sizes too. */
import { DomainError } from "@provably/core-tensor";
import { simplex } from "../lp/simplex.js";
import type { Game } from "./payoffs.js";

const MOST_PAIRS = 300_000;

const members = (mask: number, n: number): number[] =>
  Array.from({ length: n }, (_, i) => i).filter((i) => (mask >> i) & 1);

/**
 * A strategy on `own` of a player with n actions that leaves the opponent indifferent among `others` and not tempted elsewhere. `payoff(o, a)` is what the
 * opponent gets from action o against a, positive.
 */
function indifferent(
  own: number[],
  others: number[],
  opponentActions: number,
  n: number,
  payoff: (o: number, a: number) => number,
): Float64Array | undefined {
  // Variables: probabilities on the support, then the opponent's value.
  const f = own.length;
  const outside = Array.from({ length: opponentActions }, (_, o) => o).filter(
    (o) => !others.includes(o),
  );
  const rows = [...outside, ...others].map((o) => [...own.map((a) => payoff(o, a)), -1]);
  rows.push([...own.map(() => 1), 0]);
  const bounds = new Float64Array(rows.length);
  bounds[rows.length - 1] = 1;
  const { status, x } = simplex({
    n: f + 1,
    cost: new Float64Array(f + 1),
    matrix: Float64Array.from(rows.flat()),
    bounds,
    inequalities: outside.length,
  });
  if (status !== "optimal") return undefined;
  const strategy = new Float64Array(n);
  const total = x.subarray(0, f).reduce((a, b) => a + b, 0);
  own.forEach((a, i) => (strategy[a] = x[i]! / total));
  return strategy;
}

export function supportEnumeration(game: Game): [Float64Array, Float64Array][] {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  if (2 ** m * 2 ** k > MOST_PAIRS)
    throw new DomainError(
      `bimatrixNash: a game of ${m} × ${k} actions has too many pairs of supports; use method "lemke-howson"`,
    );
  const { payoffs, joint, range } = game;
  const low = payoffs.reduce((a, b) => Math.min(a, b), Infinity);
  const positive = (player: number, a: number, b: number): number =>
    (payoffs[player * joint + a * k + b]! - low) / range + 1;
  const found: [Float64Array, Float64Array][] = [];
  for (let left = 1; left < 1 << m; left++)
    for (let right = 1; right < 1 << k; right++) {
      const [rows, columns] = [members(left, m), members(right, k)];
      const y = indifferent(columns, rows, m, k, (row, column) => positive(0, row, column));
      const x = y && indifferent(rows, columns, k, m, (column, row) => positive(1, row, column));
      if (x && y) found.push([x, y]);
    }
  return found;
}
