/** Random decision processes. */
import { DomainError, pow, toTypedArray } from "@provably/core-tensor";
import { wholeNumber } from "@provably/core-tensor/internal";
import {
  type RngKey,
  exponential,
  foldIn,
  permutation,
  uniform,
} from "@provably/core-tensor/random";
import { needOptions } from "../internal/options.js";
import { mdp } from "../mdp/model.js";
import type { Mdp } from "../mdp/process.js";
import { type LinearMdp, linearMdp } from "../offline/model.js";
import { normalize } from "../uncertainty/worst-case.js";
import { checkSizes } from "./sizes.js";

/**
 * Sizes of {@link garnet}.
 * @category Environments
 */
export interface GarnetOptions {
  readonly numStates: number;
  readonly numActions: number;
  /** Number of successors of every state and action. */
  readonly branching: number;
}

/**
 * Sizes of {@link randomLinearMdp}.
 * @category Environments
 */
export interface RandomLinearOptions {
  readonly numStates: number;
  readonly numActions: number;
  /** Number of features $d$. */
  readonly dimension: number;
  readonly horizon: number;
}

const GARNET = { numStates: wholeNumber(), numActions: wholeNumber(), branching: wholeNumber() };
const LINEAR = {
  numStates: wholeNumber(),
  numActions: wholeNumber(),
  dimension: wholeNumber(),
  horizon: wholeNumber(),
};

/**
 * A Garnet: a random process in which every state and action has a few distinct successors.
 *
 * Successors are chosen uniformly; their probabilities are the spacings of uniform cuts of [0, 1]; rewards are uniform on [0, 1].
 *
 * @param key - random key
 * @param options - see {@link GarnetOptions}
 * @returns the process
 * @throws `DomainError` when `branching` is not between 1 and the number of states
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { garnet } from "@provably/robust-rl";
 *
 * garnet(key(0), { numStates: 20, numActions: 3, branching: 4 }).numActions; // => 3
 * ```
 * @see Bhatnagar, Sutton, Ghavamzadeh, Lee (2009), "Natural actor-critic algorithms"
 * @category Environments
 */
export function garnet(key: RngKey, options: GarnetOptions): Mdp {
  const fn = "garnet";
  const {
    numStates: states,
    numActions: actions,
    branching,
  } = needOptions<GarnetOptions>(fn, options, GARNET);
  checkSizes(fn, { numStates: states, numActions: actions, successors: states });
  if (branching > states)
    throw new DomainError(
      `${fn}: branching must be an integer from 1 to the ${states} states, got ${branching}`,
    );
  const transitions = Array.from({ length: states }, (_, s) =>
    Array.from({ length: actions }, (_, a) => {
      const place = foldIn(key, s * actions + a);
      const row = new Array<number>(states).fill(0);
      const successors = toTypedArray(permutation(foldIn(place, 0), states)).slice(0, branching);
      const cuts = [
        0,
        ...toTypedArray(uniform(foldIn(place, 1), [branching - 1], { dtype: "float64" })).sort(),
        1,
      ];
      successors.forEach((t, k) => (row[t] = cuts[k + 1]! - cuts[k]!));
      return row;
    }),
  );
  return mdp({
    transitions,
    rewards: uniform(foldIn(key, "rewards"), [states, actions], { dtype: "float64" }),
    axes: "SAS",
  });
}

/**
 * A random linear process: features, factors uniform on the simplex (features sharpened so that actions differ), reward weights uniform on [0, 1].
 *
 * @param key - random key
 * @param options - see {@link RandomLinearOptions}
 * @returns the process
 * @throws `ShapeError` for sizes that are not positive
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { randomLinearMdp } from "@provably/robust-rl";
 *
 * randomLinearMdp(key(0), { numStates: 5, numActions: 2, dimension: 3, horizon: 4 }).factors.shape; // => [4, 3, 5]
 * ```
 * @category Environments
 */
export function randomLinearMdp(key: RngKey, options: RandomLinearOptions): LinearMdp {
  const fn = "randomLinearMdp";
  const {
    numStates: states,
    numActions: actions,
    dimension,
    horizon,
  } = needOptions<RandomLinearOptions>(fn, options, LINEAR);
  checkSizes(fn, { numStates: states, numActions: actions, dimension });
  checkSizes(fn, { horizon, dimension, numStates: states });
  const simplex = (name: string, shape: readonly number[], width: number, power: number) => {
    const draws = exponential(foldIn(key, name), [...shape, width], { dtype: "float64" });
    return normalize(pow(draws, power));
  };
  return linearMdp({
    features: simplex("features", [states, actions], dimension, 2),
    factors: simplex("factors", [horizon, dimension], states, 2),
    rewards: uniform(foldIn(key, "rewards"), [horizon, dimension], { dtype: "float64" }),
  });
}
