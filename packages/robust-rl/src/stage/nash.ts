/** Nash equilibria of any number of players. */
import { type ArrayInput, DomainError, type NdArray, array } from "@provably/core-tensor";
import { anyRecord, check, show } from "@provably/core-tensor/internal";
import { lu, luSolve } from "./linear.js";
import {
  type Game,
  constantDeviations,
  expectedPayoff,
  gameOf,
  productOf,
  regretsOf,
} from "./payoffs.js";

/**
 * An equilibrium of any number of players.
 * @category Equilibria
 */
export interface MixedEquilibrium {
  /** One strategy for each player, float64 [A_i]. */
  readonly strategies: readonly NdArray<"float64">[];
  /** Expected payoffs, [n]. */
  readonly payoffs: NdArray<"float64">;
  /** What each player could gain by a best response, [n]. */
  readonly regrets: NdArray<"float64">;
}

function equilibrium(game: Game, strategies: readonly Float64Array[]): MixedEquilibrium {
  const joint = productOf(strategies);
  return {
    strategies: strategies.map((s) => array<"float64">(s)),
    payoffs: array<"float64">(
      Float64Array.from(strategies, (_, i) => expectedPayoff(game, i, joint)),
    ),
    regrets: array<"float64">(regretsOf(game, joint, "constant")),
  };
}

/**
 * The pure Nash equilibria of a game: joint actions from which no player gains by moving alone.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @returns one action for each player, for each equilibrium; may be empty
 * @throws `ShapeError`, `DomainError` when `payoffs` is no game
 * @example
 * ```ts
 * import { pureNash } from "@provably/robust-rl";
 *
 * // The prisoners confess.
 * pureNash([[[-1, -3], [0, -2]], [[-1, 0], [-3, -2]]]); // => [[1, 1]]
 * ```
 * @category Equilibria
 */
export function pureNash(payoffs: ArrayInput): readonly (readonly number[])[] {
  const game = gameOf("pureNash", payoffs);
  const found: number[][] = [];
  for (let a = 0; a < game.joint; a++) {
    const point = new Float64Array(game.joint);
    point[a] = 1;
    if (Math.max(...regretsOf(game, point, "constant")) > 0) continue;
    let rest = a;
    const actions = new Array<number>(game.players);
    for (let i = game.players - 1; i >= 0; i--) {
      actions[i] = rest % game.actions[i]!;
      rest = Math.floor(rest / game.actions[i]!);
    }
    found.push(actions);
  }
  return found;
}

/** Supports of one player: non-empty sets of actions, small ones first. */
function supportsOf(count: number): number[][] {
  return Array.from({ length: 2 ** count - 1 }, (_, mask) =>
    Array.from({ length: count }, (__, a) => a).filter((a) => ((mask + 1) >> a) & 1),
  ).sort((x, y) => x.length - y.length);
}

/** Newton's method on the indifference equations of given supports, from one start. */
function newton(
  game: Game,
  supports: readonly number[][],
  start: readonly Float64Array[],
): Float64Array[] | undefined {
  const offsets = supports.map((_, i) =>
    supports.slice(0, i).reduce((sum, s) => sum + s.length, 0),
  );
  const unknowns = supports.reduce((sum, s) => sum + s.length, 0) + game.players;
  let strategies = start.map((s) => Float64Array.from(s));
  const residual = (at: readonly Float64Array[], values: Float64Array): Float64Array => {
    const out = new Float64Array(unknowns);
    const joint = productOf(at);
    supports.forEach((support, i) => {
      const deviations = constantDeviations(game, i, joint);
      support.forEach(
        (a, k) => (out[offsets[i]! + k] = (deviations[a]! - values[i]!) / game.range),
      );
      out[unknowns - game.players + i] = at[i]!.reduce((sum, p) => sum + p, 0) - 1;
    });
    return out;
  };
  const values = Float64Array.from(strategies, (_, i) =>
    expectedPayoff(game, i, productOf(strategies)),
  );
  for (let iteration = 0; iteration < 40; iteration++) {
    const f = residual(strategies, values);
    if (f.every((x) => Math.abs(x) < 1e-13)) break;
    // The equations are multilinear, so a difference of size 1 gives the exact derivative.
    const jacobian = new Float64Array(unknowns * unknowns);
    supports.forEach((support, j) =>
      support.forEach((b, k) => {
        const moved = strategies.map((s, i) =>
          i === j ? s.map((p, a) => (a === b ? p + 1 : p)) : s,
        );
        const g = residual(moved, values);
        // A player's own probabilities scale the mass of the joint distribution, not the deviations against the others.
        const own = constantDeviations(
          game,
          j,
          productOf(strategies.map((s, i) => (i === j ? s.map((_, a) => (a === b ? 1 : 0)) : s))),
        );
        for (let r = 0; r < unknowns; r++) jacobian[r * unknowns + offsets[j]! + k] = g[r]! - f[r]!;
        supports[j]!.forEach(
          (a, q) =>
            (jacobian[(offsets[j]! + q) * unknowns + offsets[j]! + k] = own[a]! / game.range),
        );
      }),
    );
    for (let i = 0; i < game.players; i++)
      for (let k = 0; k < supports[i]!.length; k++)
        jacobian[(offsets[i]! + k) * unknowns + unknowns - game.players + i] = -1 / game.range;
    const factors = lu(jacobian, unknowns);
    if (!factors) return undefined;
    const step = luSolve(factors, f, unknowns);
    strategies = strategies.map((s, i) => {
      const next = Float64Array.from(s);
      supports[i]!.forEach((a, k) => (next[a] = s[a]! - step[offsets[i]! + k]!));
      return next;
    });
    for (let i = 0; i < game.players; i++) values[i]! -= step[unknowns - game.players + i]!;
    if (strategies.some((s) => s.some((p) => !(Math.abs(p) < 1e3)))) return undefined;
  }
  if (strategies.some((s) => s.some((p) => p < -1e-9))) return undefined;
  return strategies.map((s) => {
    const positive = s.map((p) => Math.max(0, p));
    const total = positive.reduce((sum, p) => sum + p, 0);
    return positive.map((p) => p / total);
  });
}

/**
 * Nash equilibria of a game of any number of players, as far as they are found: for every choice of supports Newton's method solves the indifference
 * equations from several starts.
 *
 * Finding one is PPAD-hard in general, so the promise is only that what is returned has been checked: no player gains more than `tolerance` of the range of
 * payoffs. An empty list means that none was found. Exponential in the number of actions; for two players use {@link bimatrixNash}.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param options - `tolerance`, default 1e-9; `starts`, starting points for each choice of supports, default 4; `limit`, stop after that many equilibria
 * @returns the equilibria found
 * @throws `ShapeError`, `DomainError` when `payoffs` is no game
 * @example
 * ```ts
 * import { nashEquilibria } from "@provably/robust-rl";
 *
 * const pennies = [[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]];
 * nashEquilibria(pennies).length; // => 1
 * ```
 * @category Equilibria
 */
export function nashEquilibria(
  payoffs: ArrayInput,
  options: { readonly tolerance?: number; readonly starts?: number; readonly limit?: number } = {},
): readonly MixedEquilibrium[] {
  const game = gameOf("nashEquilibria", payoffs);
  return searchNash(game, check("nashEquilibria", "options", options, anyRecord)).map(
    (strategies) => equilibrium(game, strategies),
  );
}

export function searchNash(
  game: Game,
  {
    tolerance = 1e-9,
    starts = 4,
    limit = Infinity,
  }: { readonly tolerance?: number; readonly starts?: number; readonly limit?: number } = {},
): Float64Array[][] {
  if (
    !(typeof tolerance === "number" && tolerance >= 0) ||
    !Number.isInteger(starts) ||
    starts < 1 ||
    !(typeof limit === "number" && limit >= 1)
  )
    throw new DomainError(
      `nashEquilibria: tolerance must be ≥ 0, starts a positive integer and limit ≥ 1, got ${show(tolerance)}, ${show(starts)} and ${show(limit)}`,
    );
  const choices = game.actions.map(supportsOf);
  const found: Float64Array[][] = [];
  const visit = (supports: number[][]): void => {
    if (found.length >= limit) return;
    if (supports.length < game.players) {
      for (const support of choices[supports.length]!) visit([...supports, support]);
      return;
    }
    const pure = supports.every((s) => s.length === 1);
    for (let start = 0; start < (pure ? 1 : starts) && found.length < limit; start++) {
      // Deterministic starts, spread over the faces.
      const begin = supports.map((support, i) => {
        const s = new Float64Array(game.actions[i]!);
        support.forEach(
          (a, k) => (s[a] = 1 + start * (((k + i * start) % support.length) + 0.5 * i)),
        );
        const total = s.reduce((sum, p) => sum + p, 0);
        return s.map((p) => p / total);
      });
      const strategies = pure ? begin : newton(game, supports, begin);
      if (!strategies) continue;
      if (Math.max(...regretsOf(game, productOf(strategies), "constant")) > tolerance * game.range)
        continue;
      if (
        !found.some((other) =>
          other.every((s, i) => s.every((p, a) => Math.abs(p - strategies[i]![a]!) < 1e-7)),
        )
      )
        found.push(strategies);
    }
  };
  visit([]);
  return found;
}
