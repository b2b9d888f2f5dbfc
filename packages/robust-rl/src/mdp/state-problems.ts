/** The problems of single states under an s-rectangular set. */
import { flatNumbers } from "@provably/core-tensor/internal";
import { sortAgain, sortValues } from "../uncertainty/mass.js";
import type { Problem } from "./problem.js";
import { addRow } from "./rows.js";
import type { SRectangularSet, StateProblem } from "./s-rectangular.js";

/** The problems of the states under an s-rectangular set; each call fills the same memory. */
export function stateProblems(
  { rows, set, discount }: Problem & { readonly set: SRectangularSet },
  values: Float64Array,
  step: number,
) {
  const { numStates, numActions, onArrival, reward, arrival, allows } = rows;
  const weights = set.weights ? flatNumbers(set.weights) : undefined;
  const budgets = typeof set.radius === "number" ? undefined : flatNumbers(set.radius);
  const [p, z] = [
    new Float64Array(numActions * numStates),
    new Float64Array(numActions * numStates),
  ];
  const shared = onArrival ? undefined : sortValues(values).order;
  const orders = Array.from({ length: numActions }, () => shared ?? new Int32Array(numStates));
  return {
    budget: (s: number): number => (budgets ? budgets[s]! : (set.radius as number)),
    problem: (s: number): StateProblem => {
      p.fill(0);
      for (let a = 0; a < numActions; a++) {
        const [row, at] = [s * numActions + a, a * numStates];
        addRow(rows, step, row, 1, p, at);
        const now = reward(step, row);
        for (let t = 0; t < numStates; t++)
          z[at + t] = now + (onArrival ? arrival(step, row, t) : 0) + discount * values[t]!;
        if (!shared) sortAgain({ values: z.subarray(at, at + numStates), order: orders[a]! });
      }
      if (allows) worthless(z, numStates, (a) => !allows(step, s * numActions + a));
      return { p, z, numStates, numActions, orders, weights: (a) => weights?.[a] ?? 1 };
    },
  };
}

/** Makes actions that a state does not have worth less than any other, whatever follows. */
export function worthless(
  z: Float64Array,
  numStates: number,
  missing: (action: number) => boolean,
): void {
  let least = Infinity;
  const numActions = z.length / numStates;
  for (let a = 0; a < numActions; a++)
    if (!missing(a))
      for (let t = 0; t < numStates; t++) least = Math.min(least, z[a * numStates + t]!);
  for (let a = 0; a < numActions; a++)
    if (missing(a)) z.fill(least - 1 - Math.abs(least), a * numStates, (a + 1) * numStates);
}
