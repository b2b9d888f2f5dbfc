/** Markov games. */
import { DomainError, array } from "@provably/core-tensor";
import { check, listOf, numberIn, wholeNumber, flatNumbers } from "@provably/core-tensor/internal";
import { type RngKey, exponential, foldIn, uniform } from "@provably/core-tensor/random";
import { type MarkovGame, markovGame } from "../game/model.js";
import { needOptions } from "../internal/options.js";
import { checkSizes } from "./sizes.js";

/**
 * A fishing ground shared by two players, whose equilibrium flips with the chance of depletion.
 *
 * States are good (0) and depleted (1, for ever); actions fish (0) and protect (1). In the good state fishing gives 1.01 and protecting 0.96, in the
 * depleted one 0.01 and 0. Every fisher adds `depletion` to the chance of depletion. Two steps. The unique equilibrium of the first step is that both fish
 * for `depletion` < 0.05 and that both protect above.
 *
 * @param depletion - chance of depletion for each player who fishes, in [0, 0.5]
 * @returns the game
 * @throws `DomainError` for a chance outside [0, 0.5]
 * @example
 * ```ts
 * import { commonsGame } from "@provably/robust-rl";
 *
 * commonsGame(0.04).horizon; // => 2
 * ```
 * @see after the motivating example of Shi, Mazumdar, Chi, Wierman (2024); the payoffs are our own
 * @category Environments
 */
export function commonsGame(depletion: number): MarkovGame {
  check("commonsGame", "depletion", depletion, numberIn(0, 0.5));
  const from = (fishers: number): number[] => [1 - depletion * fishers, depletion * fishers];
  const own = (fish: number, protect: number) => ({ fish, protect });
  const [good, bad] = [own(1.01, 0.96), own(0.01, 0)];
  const first = ({ fish, protect }: typeof good): number[][] => [
    [fish, fish],
    [protect, protect],
  ];
  const second = ({ fish, protect }: typeof good): number[][] => [
    [fish, protect],
    [fish, protect],
  ];
  return markovGame({
    transitions: [
      [
        [from(2), from(1)],
        [from(1), from(0)],
      ],
      [
        [
          [0, 1],
          [0, 1],
        ],
        [
          [0, 1],
          [0, 1],
        ],
      ],
    ],
    rewards: [
      [first(good), first(bad)],
      [second(good), second(bad)],
    ],
    horizon: 2,
  });
}

/**
 * Sizes of {@link randomMarkovGame}.
 * @category Environments
 */
export interface RandomGameOptions {
  readonly numStates: number;
  /** Of each player. */
  readonly numActions: readonly number[];
  readonly horizon: number;
}

const RANDOM = {
  numStates: wholeNumber(),
  numActions: listOf(wholeNumber()),
  horizon: wholeNumber(),
};

/**
 * A random Markov game: kernels uniform on the simplex and rewards uniform on [0, 1], drawn anew at every step.
 *
 * @param key - random key
 * @param options - see {@link RandomGameOptions}
 * @returns the game
 * @throws `ShapeError` for sizes that are not positive
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { randomMarkovGame } from "@provably/robust-rl";
 *
 * randomMarkovGame(key(0), { numStates: 3, numActions: [2, 3], horizon: 4 }).transitions.shape; // => [4, 3, 2, 3, 3]
 * ```
 * @category Environments
 */
export function randomMarkovGame(key: RngKey, options: RandomGameOptions): MarkovGame {
  const fn = "randomMarkovGame";
  const {
    numStates: states,
    numActions: actions,
    horizon,
  } = needOptions<RandomGameOptions>(fn, options, RANDOM);
  if (actions.length === 0)
    throw new DomainError(
      `${fn}: numActions must hold the number of actions of each player, got none`,
    );
  checkSizes(fn, {
    horizon,
    numStates: states,
    ...Object.fromEntries(actions.map((n, i) => [`numActions[${i}]`, n])),
    successors: states,
  });
  const shape = [horizon, states, ...actions, states];
  const draws = Float64Array.from(
    flatNumbers(exponential(foldIn(key, "transitions"), shape, { dtype: "float64" })),
  );
  for (let at = 0; at < draws.length; at += states) {
    const row = draws.subarray(at, at + states);
    const total = row.reduce((a, b) => a + b, 0);
    row.forEach((x, s) => (row[s] = x / total));
  }
  return markovGame({
    transitions: array(draws, { shape }),
    rewards: uniform(foldIn(key, "rewards"), [horizon, actions.length, states, ...actions], {
      dtype: "float64",
    }),
  });
}
