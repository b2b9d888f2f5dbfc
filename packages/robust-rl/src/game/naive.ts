/** A Markov game as it was written down, read one number at a time, with what is sure about its worst cases. */
import type { NdArray } from "@provably/core-tensor";
import { wordOf } from "../uncertainty/bounds.js";
import { sortValues } from "../uncertainty/mass.js";
import type { UncertaintySet } from "../uncertainty/set.js";
import type { MarkovGame } from "./model.js";

/** Which bound of a worst case is asked for. */
export type RowSide = "low" | "high";

/** Places of the actions of each player in a joint action, last player fastest. */
function unravel(joint: number, actions: readonly number[]): number[] {
  const place = new Array<number>(actions.length);
  for (let i = actions.length - 1; i >= 0; i--) {
    place[i] = joint % actions[i]!;
    joint = Math.floor(joint / actions[i]!);
  }
  return place;
}

/** An entry of an array whose leading axis of steps may be absent. */
function entry(x: NdArray, axes: number, step: number, ...place: readonly number[]): number {
  const full = x.shape.length === axes ? place : [step, ...place];
  return (x.data as Float64Array)[
    full.reduce((sum, i, axis) => sum + i * x.stride[axis]!, x.offset)
  ]!;
}

/** Writes a bound on $r_i(s, a) + \inf_q q \cdot V$ for every state and joint action. */
export function sureStageValues(
  { transitions, rewards, actions, numStates }: MarkovGame,
  sets: readonly UncertaintySet[],
  side: RowSide,
) {
  const joint = actions.reduce((a, b) => a * b, 1);
  const axes = actions.length + 2;
  const [p, q] = [new Float64Array(numStates), new Float64Array(numStates)];
  const nature = { kernel: q, at: 0, dual: 0 };
  return (step: number, player: number, after: Float64Array, out: Float64Array): void => {
    const set = sets[player]!;
    const solve = set.worstCase(sortValues(after));
    const bounds = set.bounds ?? wordOf(set.leavesSupport);
    const radius = typeof set.radius === "number" ? set.radius : 0;
    for (let s = 0; s < numStates; s++)
      for (let a = 0; a < joint; a++) {
        const place = unravel(a, actions);
        for (let t = 0; t < numStates; t++) p[t] = entry(transitions, axes, step, s, ...place, t);
        const value = solve(p, 0, radius, nature, 0);
        const sure = bounds({ p, z: after }, radius, { q, dual: nature.dual, value }, 0);
        out[s * joint + a] = entry(rewards, axes, step, player, s, ...place) + sure[side];
      }
  };
}
