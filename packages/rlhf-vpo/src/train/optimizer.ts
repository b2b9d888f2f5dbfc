/** Gradient steps on a flat vector of parameters, in place: the inner loop of experiments with millions of steps on ten numbers. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import { anything, check, oneOf, recordOf, wholeNumber } from "@provably/core-tensor/internal";
import { finite } from "../arrays.js";

/**
 * `"gd"` gradient descent, `"adam"`, or `"adamw"` with decoupled weight decay.
 * @category Training
 */
export type OptimizerName = "gd" | "adam" | "adamw";

/**
 * Parameters and moments as plain data, for `JSON.stringify`.
 * @category Training
 */
export interface OptimizerState {
  readonly theta: readonly number[];
  /** First moments. */
  readonly first: readonly number[];
  /** Second moments. */
  readonly second: readonly number[];
  /** Steps taken so far. */
  readonly step: number;
}

export interface WorkingState {
  readonly theta: Float64Array;
  readonly first: Float64Array;
  readonly second: Float64Array;
  step: number;
}

export function initialState(dimension: number): OptimizerState {
  const zeros = new Array<number>(dimension).fill(0);
  return { theta: zeros, first: zeros, second: zeros, step: 0 };
}

export const optimizerNames = oneOf("gd", "adam", "adamw");

const STATE = recordOf<OptimizerState>({
  theta: anything,
  first: anything,
  second: anything,
  step: wholeNumber(0),
});

/** A copy to work on, of a state that fits so many parameters. */
export function workingState(
  fn: string,
  name: string,
  state: OptimizerState,
  dimension: number,
): WorkingState {
  const { theta, first, second, step } = check(fn, name, state, STATE);
  const copy = (part: string, x: ArrayInput): Float64Array =>
    Float64Array.from(finite(fn, `${name}.${part}`, x, [dimension]));
  const working = {
    theta: copy("theta", theta),
    first: copy("first", first),
    second: copy("second", second),
    step,
  };
  if (working.second.some((x) => x < 0))
    throw new DomainError(`${fn}: ${name}.second must be ≥ 0: it holds means of squares`);
  return working;
}

export const plainState = ({ theta, first, second, step }: WorkingState): OptimizerState => ({
  theta: [...theta],
  first: [...first],
  second: [...second],
  step,
});

/** `base` to a whole power by products alone: engines round `**` differently. */
function power(base: number, n: number): number {
  let result = 1;
  for (let square = base; n > 0; square *= square, n = Math.floor(n / 2))
    if (n % 2 === 1) result *= square;
  return result;
}

/** One step: θ decays first (adamw), then moves along the bias-corrected moments, with ε = 1e-8 outside the root. */
export function optimizerStep(
  state: WorkingState,
  gradient: Float64Array,
  {
    optimizer,
    learningRate,
    weightDecay,
  }: {
    readonly optimizer: OptimizerName;
    readonly learningRate: number;
    readonly weightDecay: number;
  },
): void {
  const { theta, first, second } = state;
  state.step++;
  if (optimizer === "gd") {
    for (let i = 0; i < theta.length; i++) theta[i]! -= learningRate * gradient[i]!;
    return;
  }
  const [one, two] = [1 - power(0.9, state.step), 1 - power(0.999, state.step)];
  const keep = optimizer === "adamw" ? 1 - learningRate * weightDecay : 1;
  for (let i = 0; i < theta.length; i++) {
    const g = gradient[i]!;
    const m = (first[i] = 0.9 * first[i]! + (1 - 0.9) * g);
    const v = (second[i] = 0.999 * second[i]! + (1 - 0.999) * g * g);
    theta[i] = theta[i]! * keep - (learningRate * (m / one)) / (Math.sqrt(v / two) + 1e-8);
  }
}
