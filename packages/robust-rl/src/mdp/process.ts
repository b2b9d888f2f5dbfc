/** What a Markov decision process is, as it is written down and as it is kept. */
import type { ArrayInput, NdArray } from "@provably/core-tensor";
import type { SparseLists, SparseTransitions } from "./sparse.js";

/**
 * Rewards on arrival, one for every entry of sparse transitions and in their order.
 * @category Decision processes
 */
export interface SparseRewards {
  readonly entries: ArrayLike<number>;
}

/**
 * What the axes of rewards are: S state, A action, a last S the state that is reached, a leading H the step.
 * @category Decision processes
 */
export type RewardAxes = "S" | "SA" | "SAS" | "HSA" | "HSAS";

/**
 * A decision process as it is written down, see {@link mdp}.
 * @category Decision processes
 */
export interface MdpParts {
  /** $P(s' \mid s, a)$: [states, actions, states], [steps, states, actions, states], or sparse. */
  readonly transitions: ArrayInput | SparseTransitions | SparseLists;
  /**
   * $r$: [states], [states, actions], [states, actions, states] on arrival, each of the last two also with leading
   * steps; or {@link SparseRewards}.
   */
  readonly rewards: ArrayInput | SparseRewards;
  /**
   * The order of the axes of transitions: `"SAS"`, `"HSAS"`, or `"ASS"` for [actions, states, states], as toolboxes
   * have it. Needed where there are as many actions as states, since a cube can be read both ways.
   */
  readonly axes?: "SAS" | "ASS" | "HSAS";
  /** The axes of rewards; `"ASS"` is [actions, states, states]. Needed where the shape can be read in more ways. */
  readonly rewardAxes?: RewardAxes | "ASS";
  /**
   * Which actions each state has, true or 1, [states, actions] or [steps, states, actions]; default all. Rows and rewards of
   * the others are fillers. A reward of −∞, [states, actions], says the same.
   */
  readonly allowed?: ArrayInput;
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
  /** $P(s' \mid s, a)$: [states, actions, states], or [steps, states, actions, states], or sparse, as given. */
  readonly transitions: NdArray<"float64"> | SparseTransitions;
  /** $r$ as given, the entries of {@link SparseRewards} in one row. */
  readonly rewards: NdArray<"float64">;
  /** What the axes of rewards are. Those that depend on the state that is reached enter the worst case. */
  readonly rewardAxes: RewardAxes | "entries";
  /** 1 where a state has an action, int32 [states, actions] or [steps, states, actions]; `undefined` when all have all. */
  readonly allowed: NdArray | undefined;
}
