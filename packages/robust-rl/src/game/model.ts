/** Finite-horizon Markov games. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  isNdArray,
} from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  optional,
  recordOf,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { checkRows } from "../internal/distributions.js";
import { float64, placeOf } from "../internal/read.js";

/**
 * A Markov game of n players with a finite horizon. Make one with {@link markovGame}, which checks it.
 * @category Markov games
 */
export interface MarkovGame {
  readonly numStates: number;
  /** Number of actions of each player. */
  readonly actions: readonly number[];
  /** Number of steps $H$. */
  readonly horizon: number;
  /** $P_h(s' \mid s, a)$: [H, S, A1, …, An, S], or [S, A1, …, An, S] when the same at every step. */
  readonly transitions: NdArray<"float64">;
  /** $r_{i,h}(s, a)$: [H, n, S, A1, …, An], or [n, S, A1, …, An]. */
  readonly rewards: NdArray<"float64">;
}

/** Sizes and flat numbers of a game, and where the arrays of each step begin. */
export interface FlatGame {
  readonly players: number;
  readonly numStates: number;
  readonly actions: readonly number[];
  readonly joint: number;
  readonly horizon: number;
  readonly transitions: Float64Array;
  readonly rewards: Float64Array;
  readonly transitionsAt: (step: number) => number;
  readonly rewardsAt: (step: number) => number;
}

/** A game that {@link markovGame} has checked, or something else with the same extents. */
export function checkGame(fn: string, game: MarkovGame): MarkovGame {
  const { numStates, actions, horizon, transitions, rewards } = check(fn, "game", game, anyRecord);
  const counts: readonly unknown[] = [
    numStates,
    horizon,
    ...(Array.isArray(actions) ? (actions as readonly unknown[]) : []),
  ];
  const sound =
    counts.length > 2 &&
    counts.every((n) => Number.isInteger(n) && (n as number) > 0 && (n as number) < 2 ** 31);
  const cells = sound ? numStates * actions.reduce((a, b) => a * b, 1) : 0;
  const fits = (x: NdArray, size: number): boolean =>
    isNdArray(x) && (x.size === size || x.size === size * horizon);
  if (!sound || !fits(transitions, cells * numStates) || !fits(rewards, cells * actions.length))
    throw new DomainError(
      `${fn}: game must be made by markovGame(), with extents that fit each other`,
    );
  return game;
}

export function flatten(fn: string, game: MarkovGame): FlatGame {
  const { numStates, actions, horizon } = checkGame(fn, game);
  const players = actions.length;
  const joint = actions.reduce((a, b) => a * b, 1);
  const timedTransitions = game.transitions.shape.length === players + 3;
  const timedRewards = game.rewards.shape.length === players + 3;
  return {
    players,
    numStates,
    actions,
    joint,
    horizon,
    transitions: flatNumbers(game.transitions),
    rewards: flatNumbers(game.rewards),
    transitionsAt: (step) => (timedTransitions ? step * numStates * joint * numStates : 0),
    rewardsAt: (step) => (timedRewards ? step * players * numStates * joint : 0),
  };
}

/**
 * A Markov game as it is written down, see {@link markovGame}.
 * @category Markov games
 */
export interface MarkovGameParts {
  /** [H, S, A1, …, An, S] or, when the same at every step, [S, A1, …, An, S]. */
  readonly transitions: ArrayInput;
  /** [H, n, S, A1, …, An] or [n, S, A1, …, An]. */
  readonly rewards: ArrayInput;
  /** Number of steps; needed when neither of the others has them. */
  readonly horizon?: number;
}

const PARTS = { transitions: anything, rewards: anything, horizon: optional(wholeNumber()) };

/**
 * A Markov game from its transition probabilities and rewards.
 *
 * @param game - see {@link MarkovGameParts}
 * @returns the checked game
 * @throws `ShapeError` when the shapes do not fit each other
 * @throws `DomainError` when a row is not a distribution or a reward not finite; the message names the index
 * @example
 * ```ts
 * import { markovGame } from "@provably/robust-rl";
 *
 * // Matching pennies played twice in one state.
 * const game = markovGame({
 *   transitions: [[[[1], [1]], [[1], [1]]]],
 *   rewards: [[[[1, 0], [0, 1]]], [[[0, 1], [1, 0]]]],
 *   horizon: 2,
 * });
 * game.actions; // => [2, 2]
 * ```
 * @category Markov games
 */
export function markovGame(game: MarkovGameParts): MarkovGame {
  const fn = "markovGame";
  check(fn, "game", game, recordOf<MarkovGameParts>(PARTS));
  const transitions = float64(fn, "transitions", game.transitions);
  const rewards = float64(fn, "rewards", game.rewards);
  const fail = (): never => {
    throw new ShapeError(
      `markovGame: transitions must have shape [H, S, A1, …, An, S] or [S, A1, …, An, S] and rewards [H, n, S, A1, …, An] or [n, S, A1, …, An], got [${transitions.shape.join(", ")}] and [${rewards.shape.join(", ")}]`,
    );
  };
  // Shapes agree when rewards, without steps and players, are transitions without steps and successors.
  for (const timed of [false, true]) {
    const [numStates, ...rest] = transitions.shape.slice(timed ? 1 : 0);
    const actions = rest.slice(0, -1);
    const players = actions.length;
    if (
      players === 0 ||
      numStates === undefined ||
      rest[players] !== numStates ||
      transitions.size === 0
    )
      continue;
    for (const rewardsTimed of [false, true]) {
      const [n, ...cells] = rewards.shape.slice(rewardsTimed ? 1 : 0);
      if (n !== players || cells.join() !== [numStates, ...actions].join()) continue;
      const steps = [
        timed ? transitions.shape[0] : undefined,
        rewardsTimed ? rewards.shape[0] : undefined,
        game.horizon,
      ].filter((h) => h !== undefined);
      if (steps.length === 0)
        throw new ShapeError(
          "markovGame: give a horizon, since neither transitions nor rewards have steps",
        );
      const horizon = steps[0]!;
      if (steps.some((h) => h !== horizon))
        throw new ShapeError(
          `markovGame: transitions, rewards and horizon disagree about the number of steps: ${steps.join(", ")}`,
        );
      checkRows(
        "markovGame",
        "transitions",
        flatNumbers(transitions),
        numStates,
        transitions.shape.slice(0, -1),
      );
      flatNumbers(rewards).forEach((r, i) => {
        if (!Number.isFinite(r))
          throw new DomainError(
            `markovGame: rewards[${placeOf(i, rewards.shape).join(", ")}] must be finite, got ${r}`,
          );
      });
      return { numStates, actions, horizon, transitions: transitions, rewards: rewards };
    }
  }
  return fail();
}
