/** What people watch while a policy is trained on preferences. */
import { type ArrayInput, ShapeError } from "@provably/core-tensor";
import { check, checkOptions, oneOf, positiveNumber } from "@provably/core-tensor/internal";
import { finite } from "./arrays.js";
import { sigmoid, softplus } from "./numerics.js";

/**
 * Metrics of a batch of pairs.
 * @category Metrics
 */
export interface PreferenceMetrics {
  /** Mean implicit reward βu of chosen responses. */
  readonly rewardsChosen: number;
  /** Mean implicit reward βv of rejected responses. */
  readonly rewardsRejected: number;
  /** Share of pairs with u > v; ties count as `ties` says. */
  readonly accuracy: number;
  /** Mean of βu − βv. */
  readonly margin: number;
  /** Standard deviation of the margins. */
  readonly marginStd: number;
  /** Mean of softplus(−z): the preference negative log-likelihood. */
  readonly nll: number;
  /** Mean of (1 − σ(z))². */
  readonly brier: number;
  /** Expected calibration error of the confidence max(σ(z), σ(−z)) against accuracy (ties half), in ten bins of [0, 1]. */
  readonly ece: number;
}

const METRICS = { beta: positiveNumber, ties: oneOf("strict", "half") };

/**
 * Metrics of implicit rewards on pairs.
 *
 * @param chosenLogRatios - $u = \ln\pi(y^+) - \ln\pi_{\mathrm{ref}}(y^+)$, [B]
 * @param rejectedLogRatios - $v$, [B]
 * @param options - `beta`; `ties`: `"strict"` (default) counts them as wrong, `"half"` as half right
 * @returns see {@link PreferenceMetrics}
 * @throws `ShapeError`, `DomainError` when lengths differ or numbers are not finite
 * @example
 * ```ts
 * import { preferenceMetrics } from "@provably/rlhf-vpo";
 *
 * preferenceMetrics([1, 0], [0, 1], { beta: 0.1 }).accuracy; // => 0.5
 * ```
 * @category Metrics
 */
export function preferenceMetrics(
  chosenLogRatios: ArrayInput,
  rejectedLogRatios: ArrayInput,
  options: { readonly beta: number; readonly ties?: "strict" | "half" },
): PreferenceMetrics {
  const fn = "preferenceMetrics";
  const { ties = "strict" } = checkOptions(fn, options, METRICS);
  const beta = check(fn, "beta", options.beta, positiveNumber);
  const u = finite(fn, "chosenLogRatios", chosenLogRatios);
  const n = u.length;
  if (n === 0) throw new ShapeError(`${fn}: chosenLogRatios must have at least one entry`);
  const v = finite(fn, "rejectedLogRatios", rejectedLogRatios, [n]);
  const z = u.map((x, i) => beta * (x - v[i]!));
  const mean = (f: (i: number) => number): number => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += f(i);
    return sum / n;
  };
  const margin = mean((i) => z[i]!);
  const bins = Array.from({ length: 10 }, () => ({ count: 0, confidence: 0, right: 0 }));
  z.forEach((x, i) => {
    const p = sigmoid(Math.abs(x));
    const bin = bins[Math.min(9, Math.floor(p * 10))]!;
    bin.count++;
    bin.confidence += p;
    bin.right += u[i]! > v[i]! ? 1 : u[i] === v[i] ? 0.5 : 0;
  });
  return {
    rewardsChosen: mean((i) => beta * u[i]!),
    rewardsRejected: mean((i) => beta * v[i]!),
    accuracy: mean((i) => (u[i]! > v[i]! ? 1 : u[i] === v[i] && ties === "half" ? 0.5 : 0)),
    margin,
    marginStd: Math.sqrt(mean((i) => (z[i]! - margin) ** 2)),
    nll: mean((i) => softplus(-z[i]!)),
    brier: mean((i) => sigmoid(-z[i]!) ** 2),
    ece: bins.reduce(
      (sum, { count, confidence, right }) =>
        sum + (count === 0 ? 0 : Math.abs(confidence - right) / n),
      0,
    ),
  };
}

/**
 * Estimators of $\mathrm{KL}(\pi \Vert \pi_{\mathrm{ref}})$ from samples of π, with $x = \ln\pi - \ln\pi_{\mathrm{ref}}$: `k1` mean x (unbiased, may be negative),
 * `k2` mean x²/2 (biased, small variance), `k3` mean $e^{-x} - 1 + x$ (unbiased, never negative).
 *
 * @param logRatios - x, [B]
 * @returns the three estimates, in nats
 * @throws `ShapeError`, `DomainError` for an empty list or numbers that are not finite
 * @example
 * ```ts
 * import { klEstimates } from "@provably/rlhf-vpo";
 *
 * klEstimates([0.2, -0.2]).k1; // => 0
 * ```
 * @see Schulman (2020), "Approximating KL divergence"
 * @category Metrics
 */
export function klEstimates(logRatios: ArrayInput): {
  readonly k1: number;
  readonly k2: number;
  readonly k3: number;
} {
  const x = finite("klEstimates", "logRatios", logRatios);
  if (x.length === 0) throw new ShapeError("klEstimates: logRatios must have at least one entry");
  const mean = (f: (v: number) => number): number => x.reduce((sum, v) => sum + f(v), 0) / x.length;
  return { k1: mean((v) => v), k2: mean((v) => (v * v) / 2), k3: mean((v) => Math.expm1(-v) + v) };
}
