/** Policies: one action a state, or probabilities of actions. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
  toTypedArray,
} from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";
import { float64 } from "../internal/read.js";
import type { Mdp } from "./process.js";

/** Sizes of a process, and the actions that its states have. */
export type Choices = Pick<Mdp, "numStates" | "numActions" | "allowed">;

/** Probabilities [S, A] of a policy that is given as actions [S] or as probabilities [S, A]; it plays what there is at the step. */
export function policyOf(fn: string, policy: ArrayInput, model: Choices, step = 0): Float64Array {
  const shares = probabilitiesOf(fn, policy, model);
  const { numActions, allowed } = model;
  if (allowed === undefined) return shares;
  const mask = toTypedArray(allowed);
  const first = mask.length > shares.length ? step * shares.length : 0;
  shares.forEach((p, row) => {
    if (p > 0 && mask[first + row] === 0)
      throw new DomainError(
        `${fn}: policy plays action ${row % numActions} in state ${Math.floor(row / numActions)}, which does not have it${mask.length > shares.length ? ` at step ${step}` : ""}`,
      );
  });
  return shares;
}

function probabilitiesOf(
  fn: string,
  policy: ArrayInput,
  { numStates, numActions }: Choices,
): Float64Array {
  const x = float64(fn, "policy", policy);
  const data = flatNumbers(x);
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

/**
 * Probabilities [S, A] for every step, of a policy that is the same at all steps or has a leading axis of steps. An array
 * of whole numbers of type int32, as plans have it, holds actions.
 */
export function policySteps(
  fn: string,
  policy: ArrayInput,
  horizon: number,
  model: Choices,
): readonly Float64Array[] {
  const given = float64(fn, "policy", policy);
  const { numStates, numActions } = model;
  const actions = `${horizon},${numStates}`;
  const places = given.shape.join();
  // [H, S] and [S, A] may be the same: then only what is in them, or their type, tells
  const square = places === actions && places === `${numStates},${numActions}`;
  if (square && !isInt32(policy) && ambiguous(flatNumbers(given), numActions))
    throw new ShapeError(
      `${fn}: policy of shape [${given.shape.join(", ")}] may be actions [H, S] or probabilities [S, A]; give actions as an int32 array, or probabilities [${horizon}, ${numStates}, ${numActions}]`,
    );
  const timed =
    given.shape.length === 3 ||
    (places === actions &&
      (!square || isInt32(policy) || !isStochastic(flatNumbers(given), numActions)));
  if (!timed) {
    const shares = policyOf(fn, given, model);
    if (model.allowed?.shape.length === 3)
      for (let h = 1; h < horizon; h++) policyOf(fn, given, model, h);
    return new Array<Float64Array>(horizon).fill(shares);
  }
  if (given.shape[0] !== horizon)
    throw new ShapeError(
      `${fn}: policy must have ${horizon} steps, got [${given.shape.join(", ")}]`,
    );
  const size = given.size / horizon;
  const shape = given.shape.slice(1);
  return Array.from({ length: horizon }, (_, h) =>
    policyOf(fn, array(flatNumbers(given).slice(h * size, (h + 1) * size), { shape }), model, h),
  );
}

const isInt32 = (x: ArrayInput): boolean => isNdArray(x) && x.dtype === "int32";

/** Whether numbers can be read as actions and as rows of probabilities. */
const ambiguous = (x: Float64Array, numActions: number): boolean =>
  x.every((a) => Number.isInteger(a) && a >= 0 && a < numActions) && isStochastic(x, numActions);

function isStochastic(x: Float64Array, width: number): boolean {
  for (let at = 0; at < x.length; at += width) {
    const row = x.subarray(at, at + width);
    if (!row.every((p) => p >= 0) || !(Math.abs(row.reduce((a, b) => a + b, 0) - 1) <= 1e-8))
      return false;
  }
  return true;
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
