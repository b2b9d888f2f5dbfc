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
 * A claim whose evidence may be too weak either way has three verdicts: it holds, it fails, or it is
 * undecided. `holds` is true for the first alone.
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
  /** What the evidence says of the claim. */
  readonly verdict: Verdict;
  /** Whether the claim holds: the verdict is `"holds"`. */
  readonly holds: boolean;
  /** What a reader should know before relying on it, such as what it cannot see. */
  readonly note?: string;
}

/**
 * What evidence says of a claim; `undecided` where it is too weak to say.
 * @category Certificates
 */
export type Verdict = "holds" | "fails" | "undecided";

/** A certificate from its evidence and the verdict, or whether the claim holds. */
export function certificate(
  evidence: Omit<Certificate, "verdict" | "holds"> & { readonly verdict: Verdict | boolean },
): Certificate {
  const { verdict: given, note, ...rest } = evidence;
  const verdict = given === true ? "holds" : given === false ? "fails" : given;
  const holds = verdict === "holds";
  return note === undefined ? { ...rest, verdict, holds } : { ...rest, verdict, holds, note };
}
