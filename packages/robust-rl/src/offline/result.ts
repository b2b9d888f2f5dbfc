/** What the pessimistic algorithms take, and what they give. */
import type { ArrayInput, Certificate, NdArray } from "@provably/core-tensor";

/**
 * The factor of the pessimism penalty: a number, `"practical"` ($0.1\sqrt{d_{\mathrm{eff}}}$, a rule of thumb without guarantee, where $d_{\mathrm{eff}} = \max_{s,a} (\sum_i\phi_i)^2/\sum_i\phi_i^2$ is 1 for one-hot features and at most d), or `"theory"` (the published constant, with
 * which the guarantee holds and, at any usable size, every value is 0).
 * @category Offline learning
 */
export type Pessimism = number | "practical" | "theory";

/**
 * Options of `drop`.
 * @category Offline learning
 */
export interface DropOptions {
  /** $\rho \ge 0$, total variation by which each factor may move. */
  readonly radius: number;
  /** $\gamma_0$; default `"practical"`. */
  readonly pessimism?: Pessimism;
  /** Ridge $\lambda_0 > 0$; default 1. */
  readonly ridge?: number;
  /** $\delta$ of the theory's penalty; default 0.05. */
  readonly failureProbability?: number;
  /** $\theta$, [H, d], when rewards are known. */
  readonly rewards?: ArrayInput;
  /** Distribution of the first state, [S], for the certificate; default uniform. */
  readonly start?: ArrayInput;
  /** Called after each step. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly total: number }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * A policy learned offline, and what it was computed from.
 * @category Offline learning
 */
export interface DropResult {
  /** Actions, int32 [H, S]. */
  readonly policy: NdArray;
  /** Pessimistic robust values $\hat V$, float64 [H + 1, S]. */
  readonly values: NdArray<"float64">;
  /** $\hat Q$, [H, S, A]. */
  readonly q: NdArray<"float64">;
  /** $\bar Q = \phi^T\hat w - \Gamma$ before it is cut to [0, H − h], [H, S, A]. */
  readonly unclippedQ: NdArray<"float64">;
  /** $\hat\theta$, [H, d]. */
  readonly rewardWeights: NdArray<"float64">;
  /** $\hat\nu$, [H, d]. */
  readonly worstCaseWeights: NdArray<"float64">;
  /** The clipping level $\alpha$ that attains each $\hat\nu_i$, [H, d]. */
  readonly clipLevels: NdArray<"float64">;
  /** $\Lambda_h$, or $\Sigma_h$ of `dropV`, [H, d, d]. */
  readonly gram: NdArray<"float64">;
  /** $\Gamma$, [H, S, A]. */
  readonly penalty: NdArray<"float64">;
  /** The factor $\gamma_0$ that was used. */
  readonly pessimism: number;
  /** Share of steps and states with $\hat V = 0$: near 1 the penalty has drowned the data. */
  readonly vacuousFraction: number;
  /** The lower confidence value of the policy from the start. */
  readonly certificate: Certificate;
}
