/** Reductions: what becomes of the results of a case. They depend on which results there are, never on the order in which they came. */

/**
 * An estimate of a mean.
 * @category Reductions
 */
export interface MeanOfReplicates {
  readonly value: number;
  /** Standard deviation over the square root of the number of replicates; NaN where there is one alone. */
  readonly standardError: number;
}

/**
 * An estimate of a quantile.
 * @category Reductions
 */
export interface QuantileOfReplicates {
  readonly level: number;
  readonly value: number;
  /** Half the distance between the order statistics one standard deviation of their rank away; NaN where there is one replicate alone. */
  readonly standardError: number;
}

/**
 * What reductions made of one field of the results of a case.
 * @category Reductions
 */
export interface Reduced {
  readonly mean?: MeanOfReplicates;
  readonly quantiles?: readonly QuantileOfReplicates[];
  /** Values in the order of replicates. */
  readonly collect?: readonly unknown[];
}

/** Takes the values of one field, in any order, and gives the same result for all of them. */
export interface Accumulator<T> {
  /** `undefined`, or what belongs there instead of this value. */
  readonly add: (replicate: number, value: unknown) => string | undefined;
  readonly result: () => T;
}

/**
 * What to make of a field of the results; from {@link mean}, {@link quantiles} or {@link collect}.
 * @category Reductions
 */
export interface Reduction {
  readonly name: keyof Reduced;
  /**
   * For the engine: a place for the values of one case.
   * @internal
   */
  readonly make: (numReplicates: number) => Accumulator<unknown>;
}

/** A value as a number: truth counts as one. */
export function asNumber(value: unknown): number | undefined {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" ? value : undefined;
}

export const NUMBER = "a number, true or false";
