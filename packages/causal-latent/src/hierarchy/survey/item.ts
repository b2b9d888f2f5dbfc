/** An item of a questionnaire as it is read, and a column that is none. */

/** A column that takes part. */
export interface Item {
  readonly name: string;
  readonly kind: "ordered" | "continuous";
  /** Of every row its state 0, 1, …, or its number; missing is −1 for ordered items and NaN for continuous ones. */
  readonly values: Float64Array;
  /** Number of states; 0 for continuous items. */
  readonly numStates: number;
  /** What the states were called. */
  readonly labels: readonly string[];
  readonly numMissing: number;
}

/**
 * A column that was set aside, and why.
 * @category Surveys
 */
export interface SetAside {
  readonly name: string;
  readonly reason: string;
}
