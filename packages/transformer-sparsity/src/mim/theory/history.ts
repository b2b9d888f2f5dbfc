/** What is recorded while a model of the theory trains. */

/**
 * The history of one query of one cluster: entry `i` belongs to step `steps[i]`, taken before that step.
 * @category Training
 */
export interface QueryHistory {
  /** The query's own area, whose correlation should grow. */
  readonly target: number;
  readonly steps: readonly number[];
  readonly loss: readonly number[];
  /** Feature–position correlation with each area, `[step][area]`. */
  readonly phi: readonly (readonly number[])[];
  /** $\alpha = -\partial L / \partial \Phi$ for each area, `[step][area]`. */
  readonly alpha: readonly (readonly number[])[];
  /** Attention to the seen patches of each area while the query is masked and some of its own area is seen, `[step][area]`. */
  readonly areaAttention: readonly (readonly number[])[];
  /** Largest positional correlation of the query in size. */
  readonly upsilonMax: readonly number[];
}
