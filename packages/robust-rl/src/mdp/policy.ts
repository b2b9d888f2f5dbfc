/** Policies: one action a state, or probabilities of actions. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { numbers } from "../uncertainty/worst-case.js";
import type { Mdp } from "./model.js";

/** Probabilities [S, A] of a policy that is given as actions [S] or as probabilities [S, A]. */
export function policyOf(
  fn: string,
  policy: ArrayInput,
  { numStates, numActions }: Pick<Mdp, "numStates" | "numActions">,
): Float64Array {
  const x = array(policy, { dtype: "float64" });
  const data = numbers(x);
  if (x.shape.length === 1 && x.size === numStates) {
    const out = new Float64Array(numStates * numActions);
    data.forEach((a, s) => {
      if (!Number.isInteger(a) || a < 0 || a >= numActions)
        throw new DomainError(
          `${fn}: policy[${s}] must be an action below ${numActions}, got ${a}`,
        );
      out[s * numActions + a] = 1;
    });
    return out;
  }
  if (x.shape.length !== 2 || x.shape[0] !== numStates || x.shape[1] !== numActions)
    throw new ShapeError(
      `${fn}: policy must have shape [${numStates}] or [${numStates}, ${numActions}], got [${x.shape.join(", ")}]`,
    );
  for (let s = 0; s < numStates; s++) {
    let sum = 0;
    for (let a = 0; a < numActions; a++) {
      const p = data[s * numActions + a]!;
      if (!(p >= 0))
        throw new DomainError(`${fn}: policy[${s}, ${a}] must be a probability, got ${p}`);
      sum += p;
    }
    if (!(Math.abs(sum - 1) <= 1e-8))
      throw new DomainError(`${fn}: policy[${s}, :] must sum to 1, got ${sum}`);
  }
  return data;
}

/** Probabilities [S, A] for every step of a policy that is the same at all steps or has a leading axis of steps. */
export function policySteps(
  fn: string,
  policy: ArrayInput,
  horizon: number,
  model: Pick<Mdp, "numStates" | "numActions">,
): readonly Float64Array[] {
  const given = array(policy, { dtype: "float64" });
  const timed =
    given.shape.length === 3 ||
    (given.shape.length === 2 &&
      given.shape[0] === horizon &&
      given.shape[1] === model.numStates &&
      given.shape[1] !== model.numActions);
  if (timed && given.shape[0] !== horizon)
    throw new ShapeError(
      `${fn}: policy must have ${horizon} steps, got [${given.shape.join(", ")}]`,
    );
  const size = given.size / horizon;
  return Array.from({ length: horizon }, (_, h) =>
    policyOf(
      fn,
      timed
        ? array(numbers(given).slice(h * size, (h + 1) * size), { shape: given.shape.slice(1) })
        : given,
      model,
    ),
  );
}

/** The actions [.., S] of deterministic probabilities [.., S, A]. */
export function actionsOf(
  policy: Float64Array,
  numActions: number,
  shape: readonly number[],
): NdArray {
  const actions = Int32Array.from({ length: policy.length / numActions }, (_, s) => {
    let best = 0;
    for (let a = 1; a < numActions; a++)
      if (policy[s * numActions + a]! > policy[s * numActions + best]!) best = a;
    return best;
  });
  return array(actions, { dtype: "int32", shape });
}
