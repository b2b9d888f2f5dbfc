/** Whether it pays never to end: loops of optimal actions that gain nothing, while every end costs. */
import { array } from "@provably/core-tensor";
import { largest } from "../internal/read.js";
import { averageReward } from "./average-reward.js";
import { mdp } from "./model.js";

/** Values of the best policies that end, worth of actions in them, and nature's kernel. */
export interface EndingValues {
  readonly values: Float64Array;
  /** [S, A]; of actions that are not there −∞. */
  readonly q: Float64Array;
  /** [S, A, S]. */
  readonly kernel: Float64Array;
  readonly ends: Uint8Array;
}

/** Whether two worths are the same but for rounding. */
const attains = (q: number, value: number): boolean => q >= value - 1e-10 * (1 + Math.abs(value));

/** Optimal actions by which states can keep from ending for ever: the largest set of states that some of them do not leave. */
function loopsOf({ values, q, kernel, ends }: EndingValues): Uint8Array {
  const n = values.length;
  const numActions = q.length / n;
  const inside = ends.map((end) => (end ? 0 : 1));
  const kept = Uint8Array.from(q, (x, row) =>
    Number(attains(x, values[Math.floor(row / numActions)]!)),
  );
  for (let left = true; left;) {
    left = false;
    for (let s = 0; s < n; s++) {
      if (!inside[s]) continue;
      for (let row = s * numActions; row < (s + 1) * numActions; row++)
        for (let t = 0; t < n && kept[row]; t++)
          if (!inside[t] && kernel[row * n + t]! > 1e-12) kept[row] = 0;
      if (kept.subarray(s * numActions, (s + 1) * numActions).includes(1)) continue;
      inside[s] = 0;
      left = true;
    }
  }
  return kept.map((x, row) => (inside[Math.floor(row / numActions)] ? x : 0));
}

/**
 * A state from which a policy that never ends gains more than all that do; −1 where there is none. A loop of optimal actions gains nothing a step, so what
 * it gains from s on is V(s) less the mean of V along the loop: more than V(s) where that mean is negative.
 */
export function betterWithoutEnd(given: EndingValues): number {
  const n = given.values.length;
  const numActions = given.q.length / n;
  const kept = loopsOf(given);
  const states = [...given.values.keys()].filter((s) =>
    kept.subarray(s * numActions, (s + 1) * numActions).includes(1),
  );
  const size = states.length;
  if (!states.some((s) => given.values[s]! < 0)) return -1;
  const transitions = new Float64Array(size * numActions * size);
  const allowed = new Uint8Array(size * numActions);
  states.forEach((s, i) => {
    for (let a = 0; a < numActions; a++) {
      const [from, row] = [s * numActions + a, i * numActions + a];
      allowed[row] = kept[from]!;
      const into = transitions.subarray(row * size, (row + 1) * size);
      if (!kept[from]) {
        into[i] = 1;
        continue;
      }
      states.forEach((t, j) => (into[j] = Math.max(0, given.kernel[from * n + t]!)));
      const total = into.reduce((sum, p) => sum + p, 0);
      into.forEach((p, j) => (into[j] = p / total));
    }
  });
  const { gain } = averageReward(
    mdp({
      transitions: array(transitions, { shape: [size, numActions, size] }),
      axes: "SAS",
      rewards: array(
        states.map((s) => -given.values[s]!),
        { dtype: "float64" },
      ),
      rewardAxes: "S",
      allowed: array(allowed, { shape: [size, numActions] }),
    }),
  );
  const most = largest(given.values.map(Math.abs));
  return states.find((_, i) => gain.get(i) > 1e-9 * (1 + most)) ?? -1;
}
