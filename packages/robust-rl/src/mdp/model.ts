/** Finite Markov decision processes, checked once. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
} from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { checkRows, numbers, placeOf } from "../uncertainty/worst-case.js";

/**
 * Transition probabilities of which most are zero, in compressed rows: row $sA + a$ has its successors in
 * `columns[rowPointers[row] … rowPointers[row + 1] − 1]`.
 * @category Decision processes
 */
export interface SparseTransitions {
  /** `[states, actions, states]`. */
  readonly shape: readonly [number, number, number];
  /** Where each row begins, and the end: states · actions + 1 numbers. */
  readonly rowPointers: Int32Array;
  /** Successor states. */
  readonly columns: Int32Array;
  /** Their probabilities. */
  readonly probabilities: Float64Array;
}

/**
 * A Markov decision process with finitely many states and actions. Make one with {@link mdp}, which checks it.
 * @category Decision processes
 */
export interface Mdp {
  readonly numStates: number;
  readonly numActions: number;
  /** Number of steps when transitions or rewards depend on the step, else `undefined`. */
  readonly steps: number | undefined;
  /** $P(s' \mid s, a)$: [states, actions, states], or [steps, states, actions, states], or sparse. */
  readonly transitions: NdArray<"float64"> | SparseTransitions;
  /** $r$: [states, actions], [steps, states, actions] or [states, actions, states]. */
  readonly rewards: NdArray<"float64">;
  /** Whether rewards depend on the successor. They then enter the worst case. */
  readonly rewardsOnArrival: boolean;
}

/** A process that {@link mdp} has checked, or something else with the same extents. */
export function checkMdp(fn: string, model: Mdp): Mdp {
  const { numStates, numActions, transitions, rewards, rewardsOnArrival, steps } = check(
    fn,
    "model",
    model,
    anyRecord,
  );
  const fail = (): never => {
    throw new DomainError(
      `${fn}: model must be a decision process made by mdp(), whose extents fit each other`,
    );
  };
  if (!(
    Number.isInteger(numStates) &&
    numStates > 0 &&
    Number.isInteger(numActions) &&
    numActions > 0
  ))
    fail();
  if (typeof transitions !== "object" || transitions === null) return fail();
  const rows = numStates * numActions;
  if (isSparse(transitions)) checkSparse(transitions, fn);
  else if (
    !isNdArray(transitions) ||
    transitions.size !== rows * numStates * (transitions.shape.length === 4 ? (steps ?? 1) : 1)
  )
    fail();
  if (steps !== undefined && !(Number.isInteger(steps) && steps > 0)) fail();
  if (typeof rewardsOnArrival !== "boolean" || !isNdArray(rewards)) return fail();
  const each = rewardsOnArrival ? numStates : rewards.shape.length === 3 ? (steps ?? 1) : 1;
  if (rewards.size !== rows * each) fail();
  return model;
}

export function isSparse(x: Mdp["transitions"]): x is SparseTransitions {
  return "rowPointers" in x;
}

/**
 * A Markov decision process from its transition probabilities and rewards.
 *
 * @param model - `transitions` [states, actions, states] (rows sum to 1 within 1e-8), or with leading steps, or {@link SparseTransitions};
 *   `rewards` [states, actions], [steps, states, actions], or [states, actions, states] for rewards on arrival
 * @returns the checked process
 * @throws `ShapeError` when the shapes do not fit each other
 * @throws `DomainError` when a row is not a distribution or a reward not finite; the message names the index
 * @example
 * ```ts
 * import { mdp } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[0.9, 0.1]], [[0, 1]]], rewards: [[1], [0]] });
 * model.numStates; // => 2
 * mdp({ transitions: [[[0.9, 0.2]]], rewards: [[1]] }); // throws ShapeError
 * ```
 * @category Decision processes
 */
export function mdp(model: {
  readonly transitions: ArrayInput | SparseTransitions;
  readonly rewards: ArrayInput;
}): Mdp {
  check("mdp", "model", model, anyRecord);
  const sparse =
    typeof model.transitions === "object" &&
    model.transitions !== null &&
    "rowPointers" in model.transitions;
  const transitions = sparse
    ? checkSparse(model.transitions, "mdp")
    : array(model.transitions, { dtype: "float64" });
  const shape: readonly number[] = transitions.shape;
  const [numStates, numActions, successors] = shape.slice(-3);
  if (
    (shape.length !== 3 && shape.length !== 4) ||
    !(numStates! > 0 && numActions! > 0) ||
    successors !== numStates
  )
    throw new ShapeError(
      `mdp: transitions must have shape [S, A, S] or [H, S, A, S] with S, A ≥ 1, got [${shape.join(", ")}]`,
    );
  const leading = shape.slice(0, -1);
  if (!sparse)
    checkRows("mdp", "transitions", numbers(transitions as NdArray), numStates!, leading);
  const rewards = array(model.rewards, { dtype: "float64" });
  const fits = (...expected: readonly (number | undefined)[]): boolean =>
    rewards.shape.length === expected.length && expected.every((n, i) => n === rewards.shape[i]);
  const stepsOf = shape.length === 4 ? shape[0] : undefined;
  const rewardsOnArrival = shape.length === 3 && fits(numStates, numActions, numStates);
  const timed =
    rewards.shape.length === 3 &&
    !rewardsOnArrival &&
    fits(stepsOf ?? rewards.shape[0], numStates, numActions);
  if (!rewardsOnArrival && !timed && !fits(numStates, numActions))
    throw new ShapeError(
      `mdp: rewards must have shape [${numStates}, ${numActions}], [${stepsOf ?? "H"}, ${numStates}, ${numActions}] or, without steps, [${numStates}, ${numActions}, ${numStates}], got [${rewards.shape.join(", ")}]`,
    );
  numbers(rewards).forEach((r, i) => {
    if (!Number.isFinite(r))
      throw new DomainError(
        `mdp: rewards[${placeOf(i, rewards.shape).join(", ")}] must be finite, got ${r}`,
      );
  });
  return {
    numStates: numStates!,
    numActions: numActions!,
    steps: stepsOf ?? (timed ? rewards.shape[0] : undefined),
    transitions: transitions,
    rewards,
    rewardsOnArrival,
  };
}

function checkSparse(x: SparseTransitions, fn: string): SparseTransitions {
  if (
    !Array.isArray(x.shape) ||
    !ArrayBuffer.isView(x.rowPointers) ||
    !ArrayBuffer.isView(x.columns) ||
    !ArrayBuffer.isView(x.probabilities)
  )
    throw new DomainError(
      `${fn}: sparse transitions need shape, a list, and rowPointers, columns and probabilities, typed arrays`,
    );
  const [states, actions, successors] = x.shape;
  const rows = states * actions;
  if (
    x.rowPointers.length !== rows + 1 ||
    x.rowPointers[0] !== 0 ||
    x.rowPointers[rows] !== x.columns.length ||
    x.columns.length !== x.probabilities.length
  )
    throw new ShapeError(
      `${fn}: sparse transitions of shape [${x.shape.join(", ")}] need ${rows + 1} row pointers from 0 to the number of entries, got ${x.rowPointers.length} pointers ending at ${x.rowPointers[rows]}, ${x.columns.length} columns, ${x.probabilities.length} probabilities`,
    );
  for (let row = 0; row < rows; row++) {
    const [from, to] = [x.rowPointers[row]!, x.rowPointers[row + 1]!];
    if (to < from)
      throw new ShapeError(
        `${fn}: row pointers must not fall, got ${from} then ${to} at row ${row}`,
      );
    let sum = 0;
    for (let k = from; k < to; k++) {
      const [s, p] = [x.columns[k]!, x.probabilities[k]!];
      if (!(s >= 0 && s < successors))
        throw new DomainError(`${fn}: columns[${k}] must be a state below ${successors}, got ${s}`);
      if (!(p >= 0))
        throw new DomainError(`${fn}: probabilities[${k}] must be a probability, got ${p}`);
      sum += p;
    }
    if (!(Math.abs(sum - 1) <= 1e-8))
      throw new DomainError(
        `${fn}: transitions[${Math.floor(row / actions)}, ${row % actions}, :] must sum to 1, got ${sum}`,
      );
  }
  return x;
}
