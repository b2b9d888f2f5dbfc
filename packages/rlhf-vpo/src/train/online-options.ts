/** What an online run may be told. */
import type { ArrayInput } from "@provably/core-tensor";
import {
  anyFunction,
  anything,
  either,
  longWork,
  nonNegativeNumber,
  oneOf,
  positiveNumber,
  recordOf,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Attitude, attitudeGuard } from "../losses/vpo.js";
import type { FinitePolicy } from "./model.js";
import { type OptimizerName, type OptimizerState, optimizerNames } from "./optimizer.js";

/**
 * A bounded class of rewards: a box |r| ≤ size for the reward calibrated by prompt, or a ball ‖θ‖ ≤ size.
 * @category Training
 */
export interface RewardBound {
  readonly kind: "box" | "norm";
  readonly size: number;
}

/**
 * Where the second response of a query comes from: the policy, as in the paper; the reference, which keeps exploring; the calibration policy; all responses
 * alike; or the response about which an answer is expected to tell most.
 * @category Training
 */
export type SecondResponse = "policy" | "reference" | "calibration" | "uniform" | "information";

/**
 * A query without its answer, or with it.
 * @category Training
 */
export interface OpenQuery {
  readonly id: number;
  /** Prompt. */
  readonly x: number;
  /** First response. */
  readonly y1: number;
  /** Second response. */
  readonly y2: number;
  /** A uniform number for judges that draw. */
  readonly u: number;
  /** The probability that the first is preferred; null where nobody has answered. */
  readonly answer: number | null;
}

/**
 * A run so far, as plain data for `JSON.stringify`.
 * @category Training
 */
export interface OnlineState {
  /** Pairs asked for and answers, as {@link PreferenceProblem} takes them: [prompt, first, second, probability that the first is preferred]. */
  readonly data: readonly (readonly [number, number, number, number])[];
  readonly optimizer: OptimizerState;
  /** Queries of the round that is not finished, with the answers that have come in. */
  readonly open: readonly OpenQuery[];
  /** Rounds finished. */
  readonly rounds: number;
  /** $\ln\pi_{\mathrm{ref}}$, [X][Y], where the reference has moved. */
  readonly logReference?: readonly (readonly number[])[];
}

/**
 * Options of {@link startOnline}.
 * @category Training
 */
export interface ConversationOptions {
  /** Temperature $\beta > 0$. */
  readonly beta: number;
  /** $\alpha$ in sum form: after t pairs it counts as α/t in the mean loss. 0 is greedy maximum likelihood. A function gives it for every round, from 0. */
  readonly alphaSum: number | ((round: number) => number);
  /** Default `"optimistic"`. */
  readonly attitude?: Attitude;
  /** Queries of a round, all drawn from the policy before it; default 1. */
  readonly batchSize?: number;
  /**
   * Default `"reference"` at a temperature of at most 0.2, where a policy soon has one favourite and would compare it with itself; above `"policy"`, as in the
   * paper.
   */
  readonly secondResponse?: SecondResponse;
  /** Never ask about a response and itself: the second is drawn from the others. Default true at a temperature of at most 0.2, where there are two responses. */
  readonly distinct?: boolean;
  /** The class of rewards. Without one, optimism has no minimiser and tends to collapse on one response; a warning says so. */
  readonly bound?: RewardBound;
  /** A policy of your own in place of the problem's table or features; see {@link mlpPolicy}. */
  readonly policy?: FinitePolicy<unknown>;
  /** Only so many of the latest answers count; default all. */
  readonly replay?: number;
  /** Start every round from the first parameters; default false, go on from the last ones. */
  readonly reset?: boolean;
  /** After every so many rounds the policy becomes the reference; default never. */
  readonly referenceEvery?: number;
  /** Gradient steps of a round; default 20. */
  readonly innerSteps?: number;
  /** Default `"adamw"`. */
  readonly optimizer?: OptimizerName;
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Default 0.01. */
  readonly weightDecay?: number;
  /** Recorded uniform numbers, one row for each query (prompt, first response, second response, and where given one for the judge), in place of the key's. */
  readonly uniforms?: ArrayInput;
  /** Goes on from an earlier run of the same problem, to the same bits. */
  readonly state?: OnlineState;
}

/**
 * Options of {@link onlineVpo} and {@link onlineVpoAsync}.
 * @category Training
 */
export interface OnlineOptions extends ConversationOptions {
  /** Number of rounds: queries, answers, and a better policy. A round that `state` brings unfinished is the first of them. */
  readonly numSteps: number;
  /** Called after every round. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly loss: number;
  }) => void;
  /** Called after every answer with what must be saved to lose none. */
  readonly onState?: (state: OnlineState) => void;
  /** Stops between two answers. */
  readonly signal?: AbortSignal;
}

export const alphaGuard = either(nonNegativeNumber, anyFunction);

export const CONVERSATION = {
  beta: positiveNumber,
  alphaSum: alphaGuard as never,
  attitude: attitudeGuard,
  batchSize: wholeNumber(),
  secondResponse: oneOf("policy", "reference", "calibration", "uniform", "information"),
  distinct: trueOrFalse,
  bound: recordOf<RewardBound>({ kind: oneOf("box", "norm"), size: positiveNumber }),
  policy: anything,
  replay: wholeNumber(),
  reset: trueOrFalse,
  referenceEvery: wholeNumber(),
  innerSteps: wholeNumber(0),
  optimizer: optimizerNames,
  learningRate: positiveNumber,
  weightDecay: nonNegativeNumber,
  uniforms: anything,
  state: anything,
};

export const ONLINE = {
  ...CONVERSATION,
  numSteps: wholeNumber(0),
  onState: anyFunction,
  ...longWork,
};
