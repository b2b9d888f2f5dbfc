/** Uncertainty sets: which kernels nature may choose around a nominal one. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  isNdArray,
} from "@provably/core-tensor";
import {
  type Guard,
  type Schema,
  anyFunction,
  anyNumber,
  anyString,
  check,
  checkOptions,
  flatNumbers,
  listOf,
  oneOf,
  optional,
  recordWith,
  show,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { float64 } from "../internal/read.js";
import type { RowBounds } from "./bounds.js";
import { type SortedValues, type WorstCase, sortValues } from "./mass.js";
import type { Support } from "./support.js";

/**
 * A set of distributions around a nominal one $p$, for every row of a kernel. {@link totalVariation} and its siblings make
 * sets; anything with the same parts is one, and works wherever they do. Its functions are for planners, which call them
 * in their innermost loops with rows that were looked at: they check nothing.
 *
 * @example
 * ```ts
 * import { type UncertaintySet, worstCaseExpectation } from "@provably/robust-rl";
 *
 * // Nature plays the nominal distribution, or at a loss of 1 the worst state that it can reach.
 * const raid: UncertaintySet = {
 *   kind: "raid",
 *   radius: 1,
 *   leavesSupport: false,
 *   worstCase: ({ values, order }) => (p, at, radius, nature) => {
 *     const worst = order.find((s) => p[at + s]! > 0)!;
 *     const mean = values.reduce((sum, v, s) => sum + p[at + s]! * v, 0);
 *     const raids = values[worst]! + radius < mean;
 *     if (nature)
 *       values.forEach((_, s) => (nature.kernel[nature.at + s] = raids ? Number(s === worst) : p[at + s]!));
 *     return raids ? values[worst]! : mean;
 *   },
 * };
 * worstCaseExpectation([0.5, 0.5, 0], [4, 0, -9], raid).value; // => 0
 * ```
 * @category Uncertainty
 */
export interface UncertaintySet {
  /** Its name, for messages. */
  readonly kind: string;
  /** How far nature may go: one number ≥ 0, or an array with one for every row (for an MDP `[states, actions]`). */
  readonly radius: number | NdArray;
  /** Whether nature may put mass where the nominal distribution has none. Without, sparse rows stay sparse. */
  readonly leavesSupport: boolean;
  /** Whether mass that leaves the support only ever goes to the state of least value: sparse rows stay sparse then too. */
  readonly onlyToTheWorst?: boolean;
  /** Called once for many rows: gives the function that finds $\inf_{q \in \mathcal U(p)} q \cdot v$ of each. */
  readonly worstCase: (sorted: SortedValues) => WorstCase;
  /** What is sure about a row without solving for it; without, certificates take the worst case of the set at its word. */
  readonly bounds?: RowBounds;
  /** The least and the largest radius that mean something; default 0 and ∞. */
  readonly radiusRange?: readonly [number, number];
  /** What does not fit a number of states, or processes with one of these numbers of rows; `undefined` when all fits. */
  readonly misfit?: (numStates: number, rows: readonly number[]) => string | undefined;
}

/**
 * Options of sets in which nature may invent successors.
 * @category Uncertainty
 */
export interface SupportOptions {
  /** `"full"` (default): anywhere in the simplex, as in the theory of these sets. `"nominal"`: only where the nominal kernel has mass. */
  readonly support?: Support;
}

const radiusGuard: Guard<number | NdArray> = (x) =>
  typeof x === "number" || isNdArray(x)
    ? undefined
    : { path: "", expected: "a number, or an array with one for every row", got: x };

const SET = recordWith<UncertaintySet>({
  kind: anyString,
  radius: radiusGuard,
  leavesSupport: trueOrFalse,
  onlyToTheWorst: optional(trueOrFalse),
  worstCase: anyFunction,
  bounds: optional(anyFunction),
  radiusRange: optional(listOf(anyNumber)),
  misfit: optional(anyFunction),
});

/** A set made by one of the constructors, or something else with the same parts; it fits the states and one of the numbers of rows. */
export function checkSet(
  fn: string,
  set: UncertaintySet,
  numStates?: number,
  ...rows: number[]
): UncertaintySet {
  const checked = check(fn, "set", set, SET);
  checkRadius(`${fn}: set`, checked.radius, ...(checked.radiusRange ?? [0, Infinity]));
  const misfit = numStates === undefined ? undefined : checked.misfit?.(numStates, rows);
  if (misfit !== undefined) throw new ShapeError(`${fn}: ${misfit}`);
  // those of the package bring bounds
  if (numStates !== undefined && !checked.bounds) checkSolver(fn, checked, numStates);
  return checked;
}

/** Refuses a set of the user's whose `worstCase` gives no function that solves rows. */
function checkSolver(fn: string, { kind, worstCase }: UncertaintySet, numStates: number): void {
  const solve: unknown = worstCase(sortValues(new Float64Array(numStates)));
  if (typeof solve !== "function")
    throw new DomainError(
      `${fn}: set: worstCase of "${kind}" must give a function that is called for each row, got ${show(solve)}`,
    );
}

/** What to say of a part of a set whose size is none of those that fit. */
export function wrongSize(
  what: string,
  size: number,
  numStates: number,
  fitting: readonly number[],
): string | undefined {
  if (fitting.includes(size)) return undefined;
  return `${what} of the set has ${size} entries, expected ${fitting.join(" or ")} for ${numStates} states`;
}

export function checkRadius(
  fn: string,
  radius: number | ArrayInput,
  low: number,
  high: number,
): number | NdArray {
  const check = (x: number, where: string): void => {
    if (!(typeof x === "number" && x >= low && x <= high))
      throw new DomainError(`${fn}: radius${where} must lie in [${low}, ${high}], got ${show(x)}`);
  };
  if (typeof radius === "number") {
    check(radius, "");
    return radius;
  }
  const radii = float64(fn, "radius", radius);
  flatNumbers(radii).forEach((x, i) => check(x, `[${i}]`));
  return radii;
}

const supports = oneOf("full", "nominal");
export const SUPPORT: Schema<SupportOptions> = { support: supports };

export function checkSupport(fn: string, options: SupportOptions): Support {
  return checkOptions<SupportOptions>(fn, options, SUPPORT).support ?? "full";
}

/** Whether mass may leave the nominal support: not when none may move. */
export const leaves = (support: Support, radius: number | NdArray): boolean =>
  support === "full" && radius !== 0;
