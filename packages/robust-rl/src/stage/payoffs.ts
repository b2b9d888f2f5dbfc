/** Games in normal form, and what their players could gain by deviating. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { show, flatNumbers } from "@provably/core-tensor/internal";
import { float64, largest, placeOf, shaped, smallest } from "../internal/read.js";

/** A checked game: payoff of player i at joint action a is `payoffs[i * joint + a]`. */
export interface Game {
  readonly players: number;
  readonly actions: readonly number[];
  /** Number of joint actions. */
  readonly joint: number;
  readonly payoffs: Float64Array;
  /** Payoffs on each player's own scale, from 0 for the smallest to 1 for the largest. */
  readonly shares: Float64Array;
  /** Half of the largest less the smallest payoff of each player: the whole of it may be beyond the largest double. */
  readonly halfRanges: Float64Array;
}

export function gameOf(fn: string, input: ArrayInput): Game {
  const u = float64(fn, "payoffs", input);
  const [players, ...actions] = u.shape;
  if (players === undefined || actions.length !== players || u.size === 0)
    throw new ShapeError(
      `${fn}: payoffs must have shape [n, A1, …, An] with one axis of actions for each of the n players, got [${u.shape.join(", ")}]`,
    );
  return makeGame(finitePayoffs(fn, "payoffs", u), actions);
}

/** The numbers of payoffs, all finite. */
export function finitePayoffs(fn: string, name: string, u: NdArray): Float64Array {
  const payoffs = flatNumbers(u);
  payoffs.forEach((x, i) => {
    if (!Number.isFinite(x))
      throw new DomainError(
        `${fn}: ${name}[${placeOf(i, u.shape).join(", ")}] must be finite, got ${show(x)}`,
      );
  });
  return payoffs;
}

export function makeGame(payoffs: Float64Array, actions: readonly number[]): Game {
  const joint = actions.reduce((a, b) => a * b, 1);
  const shares = new Float64Array(payoffs.length);
  const halfRanges = new Float64Array(actions.length);
  actions.forEach((_, i) => {
    const own = payoffs.subarray(i * joint, (i + 1) * joint);
    const [low, high] = [smallest(own), largest(own)];
    const half = high / 2 - low / 2;
    halfRanges[i] = half;
    if (half > 0) own.forEach((x, a) => (shares[i * joint + a] = (x / 2 - low / 2) / half));
  });
  return { players: actions.length, actions, joint, payoffs, shares, halfRanges };
}

/** How far the flat joint index moves when the action of `player` grows by one. */
export function strideOf(actions: readonly number[], player: number): number {
  return actions.slice(player + 1).reduce((a, b) => a * b, 1);
}

/** The action of a player in a joint action. */
export function actionOf(joint: number, stride: number, count: number): number {
  return Math.floor(joint / stride) % count;
}

/** Expected payoff of a player under a joint distribution. */
export function expectedPayoff(
  { joint, payoffs }: Game,
  player: number,
  distribution: Float64Array,
): number {
  let value = 0;
  for (let a = 0; a < joint; a++) value += distribution[a]! * payoffs[player * joint + a]!;
  return value;
}

/** `gain[b]`: what a player gets by always playing b while the others follow the distribution; in `payoffs`, or in another worth. */
export function constantDeviations(
  { actions, joint, payoffs: given }: Game,
  player: number,
  distribution: Float64Array,
  payoffs = given,
): Float64Array {
  const [stride, count] = [strideOf(actions, player), actions[player]!];
  const values = new Float64Array(count);
  for (let a = 0; a < joint; a++) {
    const p = distribution[a]!;
    if (p === 0) continue;
    const base = a - actionOf(a, stride, count) * stride;
    for (let b = 0; b < count; b++) values[b]! += p * payoffs[player * joint + base + b * stride]!;
  }
  return values;
}

/** `values[a, b]`: what a player gets by playing b whenever told a, counted over those times. */
export function swapDeviations(
  { actions, joint, payoffs: given }: Game,
  player: number,
  distribution: Float64Array,
  payoffs = given,
): Float64Array {
  const [stride, count] = [strideOf(actions, player), actions[player]!];
  const values = new Float64Array(count * count);
  for (let a = 0; a < joint; a++) {
    const p = distribution[a]!;
    if (p === 0) continue;
    const own = actionOf(a, stride, count);
    const base = a - own * stride;
    for (let b = 0; b < count; b++)
      values[own * count + b]! += p * payoffs[player * joint + base + b * stride]!;
  }
  return values;
}

/** Best gain of each player from a constant deviation, or from a swap of actions, as a share of the player's range of payoffs. */
export function relativeRegrets(
  game: Game,
  distribution: Float64Array,
  deviation: "constant" | "swap",
): Float64Array {
  const { shares, joint } = game;
  return Float64Array.from({ length: game.players }, (_, i) => {
    let now = 0;
    for (let a = 0; a < joint; a++) now += distribution[a]! * shares[i * joint + a]!;
    if (deviation === "constant")
      return largest(constantDeviations(game, i, distribution, shares)) - now;
    const count = game.actions[i]!;
    const values = swapDeviations(game, i, distribution, shares);
    let best = 0;
    for (let a = 0; a < count; a++) best += largest(values.subarray(a * count, (a + 1) * count));
    return best - now;
  });
}

/** {@link relativeRegrets} in the unit of the payoffs. */
export function regretsOf(
  game: Game,
  distribution: Float64Array,
  deviation: "constant" | "swap",
): Float64Array {
  return relativeRegrets(game, distribution, deviation).map((r, i) => r * game.halfRanges[i]! * 2);
}

/** The joint distribution of independent strategies. */
export function productOf(strategies: readonly Float64Array[]): Float64Array {
  return strategies.reduce((joint, strategy) => {
    const count = strategy.length;
    const out = new Float64Array(joint.length * count);
    for (let k = 0; k < out.length; k++)
      out[k] = joint[Math.floor(k / count)]! * strategy[k % count]!;
    return out;
  }, Float64Array.of(1));
}

/**
 * What each player could gain by deviating from a joint distribution, when everyone else follows it.
 *
 * `constant`: by always playing one action, $\max_b \sum_a p(a)\,[U_i(b, a_{-i}) - U_i(a)]$ (a coarse correlated equilibrium has none). `swap`: by replacing
 * each recommended action by another (a correlated equilibrium has none). For independent strategies both are the gain of the best response.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param distribution - joint distribution, [A1, …, An]
 * @returns `constant` and `swap`, float64 [n], never below 0 but for rounding; and `ranges`, the largest less the smallest
 *   payoff of each player, against which they are large or small
 * @throws `ShapeError` when shapes do not fit
 * @throws `DomainError` when `distribution` is none
 * @example
 * ```ts
 * import { regret } from "@provably/robust-rl";
 *
 * // The row player of matching pennies, seen through, loses 1 where 0 was to be had.
 * const pennies = [[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]];
 * regret(pennies, [[0.25, 0.25], [0.25, 0.25]]).constant; // => [0, 0]
 * regret(pennies, [[1, 0], [0, 0]]).constant; // => [0, 2]
 * ```
 * @category Equilibria
 */
export function regret(
  payoffs: ArrayInput,
  distribution: ArrayInput,
): {
  readonly constant: NdArray<"float64">;
  readonly swap: NdArray<"float64">;
  readonly ranges: NdArray<"float64">;
} {
  const game = gameOf("regret", payoffs);
  const data = shaped("regret", "distribution", distribution, game.actions);
  const total = data.reduce((sum, x) => sum + x, 0);
  if (!data.every((x) => x >= 0) || !(Math.abs(total - 1) <= 1e-8))
    throw new DomainError(`regret: distribution must be ≥ 0 and sum to 1, got a sum of ${total}`);
  return {
    constant: array<"float64">(regretsOf(game, data, "constant")),
    swap: array<"float64">(regretsOf(game, data, "swap")),
    ranges: array<"float64">(game.halfRanges.map((half) => 2 * half)),
  };
}
