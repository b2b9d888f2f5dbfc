/** Robust action values of one stage of a game. */
import { sortValues } from "../uncertainty/mass.js";
import { totalVariation } from "../uncertainty/balls.js";
import type { UncertaintySet } from "../uncertainty/set.js";
import type { FlatGame } from "./model.js";

/** The uncertainty set of a player with a given radius. */
export type SetOfRadius = (radius: number) => UncertaintySet;

/** Total variation, the set of the theory. */
export const defaultSet: SetOfRadius = (radius) => totalVariation(radius);

/** q[s, a] = r_i(s, a) + inf over the player's set of q·v, written to `out`. */
export function stageValues(
  game: FlatGame,
  step: number,
  player: number,
  set: UncertaintySet,
  values: Float64Array,
  out: Float64Array,
): void {
  const { numStates, joint, transitions, rewards } = game;
  const worst = set.worstCase(sortValues(values));
  const radius = typeof set.radius === "number" ? set.radius : 0;
  const from = game.transitionsAt(step);
  const reward = game.rewardsAt(step) + player * numStates * joint;
  for (let cell = 0; cell < numStates * joint; cell++)
    out[cell] =
      rewards[reward + cell]! +
      worst(transitions, from + cell * numStates, radius, undefined, cell);
}
