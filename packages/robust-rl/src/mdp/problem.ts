/** A decision process with an uncertainty set and a discount: what operators compute from. */
import { DomainError, ShapeError, isNdArray } from "@provably/core-tensor";
import { anyRecord, check, wholeNumber } from "@provably/core-tensor/internal";
import { type UncertaintySet, checkSet } from "../uncertainty/set.js";
import { checkMdp, isSparse } from "./model.js";
import type { Mdp } from "./process.js";
import { type Rows, rowsOf } from "./rows.js";
import type { SRectangularSet } from "./s-rectangular.js";

/**
 * A rectangular uncertainty set: one ball for every state and action, or one shared budget for every state.
 * @category Uncertainty
 */
export type RectangularSet = UncertaintySet | SRectangularSet;

/** Whether nature shares one budget among the actions of a state. */
export const isShared = (set: RectangularSet): set is SRectangularSet =>
  set.kind === "sRectangularL1" && !("worstCase" in set);

/** What one sweep over all states computes from. */
export interface Problem {
  readonly model: Mdp;
  readonly rows: Rows;
  readonly set: RectangularSet;
  readonly discount: number;
}

/** Largest number of entries in what a call gives. */
export const MOST_ENTRIES = 2 ** 30;

/** Largest number of entries of a kernel that is written out to be solved with. */
export const MOST_KERNEL = 2 ** 26;

/** A number of steps whose values and policies can be stored, and for which the process is known. */
export function checkHorizon(fn: string, horizon: number, model: Mdp): number {
  const { numStates, numActions, steps } = model;
  check(fn, "horizon", horizon, wholeNumber());
  if ((horizon + 1) * numStates * numActions > MOST_ENTRIES)
    throw new DomainError(
      `${fn}: horizon ${horizon} is too long: ${numStates} states and ${numActions} actions a step are more than 2³⁰ entries`,
    );
  if (steps !== undefined && horizon > steps)
    throw new ShapeError(
      `${fn}: horizon ${horizon} is longer than the ${steps} steps of the process`,
    );
  return horizon;
}

/** Checks that a set fits a process. */
export function checkProblem(
  fn: string,
  model: Mdp,
  set: RectangularSet,
  discount: number,
): Problem {
  const whole = checkMdp(fn, model);
  const rows = rowsOf(fn, whole);
  check(fn, "set", set, anyRecord);
  if (isShared(set)) checkShared(fn, whole, set);
  else checkSeparate(fn, whole, set);
  if (whole.rewardAxes === "entries" && (isShared(set) || set.leavesSupport))
    throw new DomainError(
      `${fn}: the set "${set.kind}" lets nature go where a row lists no successor, and rewards.entries do not say what arriving there is worth; give rewards [S, A, S] or [S, A], or use support "nominal"`,
    );
  return { model: whole, rows, set, discount };
}

function checkShared(fn: string, { numStates, numActions }: Mdp, set: SRectangularSet): void {
  const { radius, weights } = set;
  if (typeof radius === "number" ? !(radius >= 0) : !isNdArray(radius))
    throw new DomainError(`${fn}: set must be made by sRectangularL1()`);
  if (typeof radius !== "number" && radius.size !== numStates)
    throw new ShapeError(
      `${fn}: the set has ${radius.size} budgets, the process ${numStates} states`,
    );
  if (weights && weights.size !== numActions)
    throw new ShapeError(
      `${fn}: the set has ${weights.size} weights, the process ${numActions} actions`,
    );
}

function checkSeparate(fn: string, model: Mdp, set: UncertaintySet): void {
  const { numStates, numActions, steps, transitions } = model;
  const count = numStates * numActions;
  const timed = !isSparse(transitions) && transitions.shape.length === 4;
  checkSet(fn, set, numStates, count, count * (timed ? steps! : 1));
  const { radius } = set;
  if (typeof radius !== "number" && radius.size !== count && radius.size !== count * (steps ?? 1))
    throw new ShapeError(
      `${fn}: the set has radii of shape [${radius.shape.join(", ")}], the process has ${numStates} states and ${numActions} actions`,
    );
}
