/** The certificate: a cheap, checkable number that says how good a result is. Every package of this house uses this one shape. */

/**
 * A checkable statement about a result.
 *
 * A certificate is computed from the result by independent means (a best response, a dual bound, a held-out test),
 * never copied from the loop that made the result, so that a damaged result turns `holds` to false.
 *
 * - `exact`: `value` is the quantity itself, up to rounding.
 * - `bound`: the true quantity is provably at most (or at least) `value`.
 * - `statistical`: `value` is an estimate or a p-value; `confidence` says how sure.
 * - `measured`: `value` was observed, such as an order of convergence.
 *
 * @category Certificates
 */
export interface Certificate {
  /** What is claimed, in words. */
  readonly claim: string;
  /** What sort of evidence `value` is. */
  readonly kind: "exact" | "bound" | "statistical" | "measured";
  /** The number, in the unit that the claim names. */
  readonly value: number;
  /** Interval in which `value` must lie, or the single value expected. */
  readonly expected?: readonly [number, number] | number;
  /** Largest `|value − expected|`, or largest `value`, that still counts as holding. */
  readonly tolerance?: number;
  /** Probability that the statement is right, in (0, 1), for statistical claims. */
  readonly confidence?: number;
  /** Whether the claim holds. */
  readonly holds: boolean;
  /** What a reader should know before relying on it. */
  readonly note?: string;
}
