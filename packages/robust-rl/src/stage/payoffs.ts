/** Games in normal form, and what their players could gain by deviating. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { numbers } from "../uncertainty/worst-case.js";

/** A checked game: payoff of player i at joint action a is `payoffs[i * joint + a]`. */
export interface Game {
  readonly players: number;
  readonly actions: readonly number[];
  /** Number of joint actions. */
  readonly joint: number;
  readonly payoffs: Float64Array;
  /** Largest minus smallest payoff, at least the smallest positive number. */
  readonly range: number;
}

export function gameOf(fn: string, input: ArrayInput): Game {
  const u = array(input, { dtype: "float64" });
  const [players, ...actions] = u.shape;
  if (players === undefined || actions.length !== players || u.size === 0)
    throw new ShapeError(
      `${fn}: payoffs must have shape [n, A1, …, An] with one axis of actions for each of the n players, got [${u.shape.join(", ")}]`,
    );
  const payoffs = numbers(u);
  payoffs.forEach((x, i) => {
    if (!Number.isFinite(x))
      throw new DomainError(`${fn}: payoffs must be finite, got ${show(x)} at flat index ${i}`);
  });
  return makeGame(payoffs, actions);
}

export function makeGame(payoffs: Float64Array, actions: readonly number[]): Game {
  const joint = actions.reduce((a, b) => a * b, 1);
  let [low, high] = [Infinity, -Infinity];
  for (const x of payoffs) {
    if (x < low) low = x;
    if (x > high) high = x;
  }
  return {
    players: actions.length,
    actions,
    joint,
    payoffs,
    range: Math.max(high - low, Number.MIN_VALUE),
  };
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

/** `gain[b]`: what a player gets by always playing b while the others follow the distribution. */
export function constantDeviations(
  { actions, joint, payoffs }: Game,
  player: number,
  distribution: Float64Array,
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
  { actions, joint, payoffs }: Game,
  player: number,
  distribution: Float64Array,
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

/** Best gain of each player from a constant deviation, or from a swap of actions. */
export function regretsOf(
  game: Game,
  distribution: Float64Array,
  deviation: "constant" | "swap",
): Float64Array {
  return Float64Array.from({ length: game.players }, (_, i) => {
    const now = expectedPayoff(game, i, distribution);
    if (deviation === "constant")
      return Math.max(...constantDeviations(game, i, distribution)) - now;
    const count = game.actions[i]!;
    const values = swapDeviations(game, i, distribution);
    let best = 0;
    for (let a = 0; a < count; a++)
      best += Math.max(...values.subarray(a * count, (a + 1) * count));
    return best - now;
  });
}

/** The joint distribution of independent strategies. */
export function productOf(strategies: readonly Float64Array[]): Float64Array {
  return strategies.reduce(
    (joint, strategy) =>
      Float64Array.from(
        { length: joint.length * strategy.length },
        (_, k) => joint[Math.floor(k / strategy.length)]! * strategy[k % strategy.length]!,
      ),
    Float64Array.of(1),
  );
}

/**
 * What each player could gain by deviating from a joint distribution, when everyone else follows it.
 *
 * `constant`: by always playing one action, $\max_b \sum_a p(a)\,[U_i(b, a_{-i}) - U_i(a)]$ (a coarse correlated equilibrium has none). `swap`: by replacing
 * each recommended action by another (a correlated equilibrium has none). For independent strategies both are the gain of the best response.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param distribution - joint distribution, [A1, …, An]
 * @returns `constant` and `swap`, float64 [n], never below 0 but for rounding
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
): { readonly constant: NdArray<"float64">; readonly swap: NdArray<"float64"> } {
  const game = gameOf("regret", payoffs);
  const p = array(distribution, { dtype: "float64" });
  if (p.shape.join() !== game.actions.join())
    throw new ShapeError(
      `regret: distribution must have shape [${game.actions.join(", ")}], got [${p.shape.join(", ")}]`,
    );
  const data = numbers(p);
  const total = data.reduce((sum, x) => sum + x, 0);
  if (!data.every((x) => x >= 0) || !(Math.abs(total - 1) <= 1e-8))
    throw new DomainError(`regret: distribution must be ≥ 0 and sum to 1, got a sum of ${total}`);
  return {
    constant: array<"float64">(regretsOf(game, data, "constant")),
    swap: array<"float64">(regretsOf(game, data, "swap")),
  };
}
