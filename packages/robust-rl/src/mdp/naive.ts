/** A process as it was written down, read one number at a time: what certificates look at instead of the solvers' rows. */
import type { NdArray } from "@provably/core-tensor";
import { isSparse } from "./model.js";
import type { Mdp, RewardAxes } from "./process.js";

/** Fills p with the probabilities of what follows, and z with what it is worth: reward and discounted value. */
export type NaiveRow = (
  step: number,
  state: number,
  action: number,
  values: Float64Array,
  p: Float64Array,
  z: Float64Array,
) => void;

export function naiveRows(model: Mdp, discount: number): NaiveRow {
  const { transitions, rewards, rewardAxes, numActions } = model;
  const entries = rewardAxes === "entries";
  const reward = entries ? undefined : entryAt(rewards, rewardAxes);
  const chance = isSparse(transitions)
    ? undefined
    : entryAt(transitions, transitions.shape.length === 4 ? "HSAS" : "SAS");
  return (h, s, a, values, p, z) => {
    for (let t = 0; t < p.length; t++) {
      p[t] = chance ? chance(h, s, a, t) : 0;
      z[t] = (reward ? reward(h, s, a, t) : 0) + discount * values[t]!;
    }
    if (!isSparse(transitions)) return;
    const row = s * numActions + a;
    for (let k = transitions.rowPointers[row]!; k < transitions.rowPointers[row + 1]!; k++) {
      const t = transitions.columns[k]!;
      p[t]! += transitions.probabilities[k]!;
      if (entries && transitions.probabilities[k]! > 0)
        z[t] = rewards.get(k) + discount * values[t]!;
    }
  };
}

/** The entry of an array for a step, state, action and next state, as far as its axes have them. */
function entryAt(
  x: NdArray,
  axes: RewardAxes,
): (h: number, s: number, a: number, t: number) => number {
  const data = x.data as Float64Array;
  const stride = (axis: number): number => (axis < 0 ? 0 : x.stride[axis]!);
  const [h, s, a] = [
    stride(axes.indexOf("H")),
    stride(axes.indexOf("S")),
    stride(axes.indexOf("A")),
  ];
  const last = axes.lastIndexOf("S");
  const t = stride(last > axes.indexOf("S") ? last : -1);
  return (step, state, action, next) =>
    data[x.offset + step * h + state * s + action * a + next * t]!;
}
