/** All extreme equilibria, in exact arithmetic: pairs of vertices of the best-response polytopes that share no missing label. */
import { DomainError } from "@provably/core-tensor";
import type { Game } from "./payoffs.js";
import { type Vertex, dictionary, vertices } from "./polytope.js";
import { levels, ratio } from "./rational.js";

/** Numbers that all dictionaries together may hold. */
const MOST_NUMBERS = 3e7;
const MOST_BASES = 60_000;
/** More choices of tight constraints than this are not begun with. */
const MOST_CHOICES = 3e6;

/** Extreme equilibria by their places among the vertices of both polytopes. */
export interface ExtremeEquilibria {
  /** Strategies of the row player, and of the column player. */
  readonly strategies: readonly [readonly Float64Array[], readonly Float64Array[]];
  /** Places of the two strategies of each equilibrium. */
  readonly pairs: readonly (readonly [number, number])[];
  /** Some strategy has more best replies than actions that it plays. */
  readonly degenerate: boolean;
}

/** The integers of both players' payoffs, from 1 on: [m, k] each. */
export function exactPayoffs({ payoffs, joint }: Game): readonly [bigint[], bigint[]] {
  const of = (player: number): bigint[] =>
    levels(payoffs.subarray(player * joint, (player + 1) * joint)).map((x) => x + 1n);
  return [of(0), of(1)];
}

/** {x ≥ 0 : Bᵀx ≤ 1} and {y ≥ 0 : A y ≤ 1}. */
export function bestResponsePolytopes(game: Game) {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  const [a, b] = exactPayoffs(game);
  return {
    xs: dictionary(k, m, (column, row) => b[row * k + column]!),
    ys: dictionary(m, k, (row, column) => a[row * k + column]!),
  };
}

export const unit = (point: readonly bigint[]): Float64Array => {
  const total = point.reduce((sum, x) => sum + x, 0n);
  return Float64Array.from(point, (x) => ratio(x, total));
};

function choose(n: number, k: number): number {
  let value = 1;
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i;
  return value;
}

export function extremeEquilibria(game: Game, fn = "bimatrixNash"): ExtremeEquilibria {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  const most = Math.min(MOST_BASES, Math.floor(MOST_NUMBERS / ((m + 1) * (k + 1))));
  const tooLarge = (): DomainError =>
    new DomainError(
      `${fn}: a game of ${m} × ${k} actions has too many vertices to enumerate; use method "lemke-howson"`,
    );
  if (choose(m + k, Math.min(m, k)) > MOST_CHOICES) throw tooLarge();
  const polytopes = bestResponsePolytopes(game);
  const [xs, ys] = [vertices(polytopes.xs, most), vertices(polytopes.ys, most)];
  if (!xs || !ys) throw tooLarge();
  // labels 0 … m − 1 are the row player's actions: unplayed in x, or best replies to y
  const labelsOfX = xs.map((v) => wordsOf(v.zeros, m + k));
  const labelsOfY = ys.map((v) =>
    wordsOf(
      v.zeros.map((z) => (z < k ? m + z : z - k)),
      m + k,
    ),
  );
  const all = wordsOf(
    Array.from({ length: m + k }, (_, label) => label),
    m + k,
  );
  const pairs: (readonly [number, number])[] = [];
  labelsOfX.forEach((x, i) =>
    labelsOfY.forEach((y, j) => {
      if (all.every((word, w) => (x[w]! | y[w]!) === word)) pairs.push([i, j]);
    }),
  );
  const many = (vs: readonly Vertex[], n: number): boolean => vs.some((v) => v.zeros.length > n);
  return {
    strategies: [xs.map((v) => unit(v.point)), ys.map((v) => unit(v.point))],
    pairs,
    degenerate: many(xs, m) || many(ys, k),
  };
}

/** A set of labels as bits. */
function wordsOf(labels: readonly number[], count: number): number[] {
  const words = new Array<number>(Math.ceil(count / 30)).fill(0);
  for (const label of labels) words[Math.floor(label / 30)]! |= 1 << (label % 30);
  return words;
}
