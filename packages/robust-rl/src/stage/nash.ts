/** Nash equilibria of any number of players. */
import { type ArrayInput, DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  type Schema,
  checkOptions,
  nonNegativeNumber,
  satisfying,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { largest } from "../internal/read.js";
import { dominatedActions } from "./dominance.js";
import { lu, luSolve } from "./linear.js";
import {
  type Game,
  actionOf,
  constantDeviations,
  expectedPayoff,
  gameOf,
  productOf,
  regretsOf,
  relativeRegrets,
  strideOf,
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
  const strides = game.actions.map((_, i) => strideOf(game.actions, i));
  for (let a = 0; a < game.joint; a++) {
    const stable = game.actions.every((count, i) => {
      const base = i * game.joint + a - actionOf(a, strides[i]!, count) * strides[i]!;
      const own = game.payoffs[i * game.joint + a]!;
      for (let b = 0; b < count; b++) if (game.payoffs[base + b * strides[i]!]! > own) return false;
      return true;
    });
    if (!stable) continue;
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
      const deviations = constantDeviations(game, i, joint, game.shares);
      support.forEach((a, k) => (out[offsets[i]! + k] = deviations[a]! - values[i]!));
      out[unknowns - game.players + i] = at[i]!.reduce((sum, p) => sum + p, 0) - 1;
    });
    return out;
  };
  const first = productOf(strategies);
  const values = Float64Array.from(strategies, (_, i) => {
    let value = 0;
    first.forEach((p, a) => (value += p * game.shares[i * game.joint + a]!));
    return value;
  });
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
          game.shares,
        );
        for (let r = 0; r < unknowns; r++) jacobian[r * unknowns + offsets[j]! + k] = g[r]! - f[r]!;
        supports[j]!.forEach(
          (a, q) => (jacobian[(offsets[j]! + q) * unknowns + offsets[j]! + k] = own[a]!),
        );
      }),
    );
    for (let i = 0; i < game.players; i++)
      for (let k = 0; k < supports[i]!.length; k++)
        jacobian[(offsets[i]! + k) * unknowns + unknowns - game.players + i] = -1;
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
 * Options of {@link nashEquilibria}.
 * @category Equilibria
 */
export interface NashOptions {
  /** Largest regret of a player as a share of that player's range of payoffs; default 1e-9. */
  readonly tolerance?: number;
  /** Starting points for each choice of supports; default 4. */
  readonly numStarts?: number;
  /** Stop after that many equilibria; default none. */
  readonly maxEquilibria?: number;
}

const OPTIONS: Schema<NashOptions> = {
  tolerance: nonNegativeNumber,
  numStarts: wholeNumber(),
  maxEquilibria: satisfying<number>("≥ 1", (x) => typeof x === "number" && x >= 1),
};

/**
 * Nash equilibria of a game of any number of players, as far as they are found: for every choice of supports Newton's method solves the indifference
 * equations from several starts.
 *
 * Finding one is PPAD-hard in general, so the promise is only that what is returned has been checked: no player gains more than `tolerance` of its own range
 * of payoffs; {@link certifyNash} looks again, exactly. An empty list means that none was found. Exponential in the number of actions; for two players use {@link bimatrixNash}.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param options - see {@link NashOptions}
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
  options: NashOptions = {},
): readonly MixedEquilibrium[] {
  const fn = "nashEquilibria";
  const checked = checkOptions<NashOptions>(fn, options, OPTIONS);
  const game = gameOf(fn, payoffs);
  return searchNash(fn, game, checked).map((strategies) => equilibrium(game, strategies));
}

/** Most choices of supports that are tried. */
const MOST_CHOICES = 1e6;

export function searchNash(
  fn: string,
  game: Game,
  { tolerance = 1e-9, numStarts = 4, maxEquilibria = Infinity }: NashOptions = {},
): Float64Array[][] {
  const tried = game.actions.reduce((product, count) => product * (2 ** count - 1), 1);
  if (tried > MOST_CHOICES && maxEquilibria === Infinity)
    throw new DomainError(
      `${fn}: a game of ${game.actions.join(" × ")} actions has ${tried} choices of supports, more than a million; ${game.players === 2 ? "use bimatrixNash" : "give maxEquilibria"}`,
    );
  const dominated = game.actions.map((_, i) => new Set(dominatedActions(game, i)));
  const choices = game.actions.map((count, i) =>
    supportsOf(count).filter((support) => !support.some((a) => dominated[i]!.has(a))),
  );
  const found: Float64Array[][] = [];
  const visit = (supports: number[][]): void => {
    if (found.length >= maxEquilibria) return;
    if (supports.length < game.players) {
      for (const support of choices[supports.length]!) visit([...supports, support]);
      return;
    }
    const pure = supports.every((s) => s.length === 1);
    for (let start = 0; start < (pure ? 1 : numStarts) && found.length < maxEquilibria; start++) {
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
      if (largest(relativeRegrets(game, productOf(strategies), "constant")) > tolerance) continue;
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
