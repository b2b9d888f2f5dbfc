/** Pessimistic value iteration for offline robust linear decision processes: DROP and DRPVI. */
import type { ArrayInput, Certificate, NdArray } from "@provably/core-tensor";
import type { OfflineData } from "./data.js";
import { checkFeatures } from "./model.js";
import { assemble, checkData, checkOptions, knownRewards, pass, pessimismOf } from "./ridge-pass.js";

/**
 * The factor of the pessimism penalty: a number, `"practical"` (0.1 √d, a rule of thumb without guarantee), or `"theory"` (the published constant, with
 * which the guarantee holds and, at any usable size, every value is 0).
 * @category Offline learning
 */
export type Pessimism = number | "practical" | "theory";

/**
 * Options of {@link drop}.
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
  readonly failure?: number;
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
  readonly uncutQ: NdArray<"float64">;
  /** $\hat\theta$, [H, d]. */
  readonly rewardWeights: NdArray<"float64">;
  /** $\hat\nu$, [H, d]. */
  readonly worstCaseWeights: NdArray<"float64">;
  /** The clipping level $\alpha$ that attains each $\hat\nu_i$, [H, d]. */
  readonly clipLevels: NdArray<"float64">;
  /** $\Lambda_h$, or $\Sigma_h$ of {@link dropV}, [H, d, d]. */
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

/**
 * A policy for the worst linear model near the one that the data come from (DROP): ridge regression of rewards and of clipped values, the exact worst case
 * of every factor, minus a penalty where data are thin.
 *
 * With $\hat\nu_i = \max_\alpha \bar\nu_i(\alpha) - \rho(\alpha - \min_s[\hat V]_\alpha)$ and
 * $\Gamma(s,a) = \gamma_0 \sum_i \phi_i(s,a)\,\sqrt{[\Lambda_h^{-1}]_{ii}}$ it takes $\hat Q = \mathrm{clip}(\phi^T(\hat\theta+\hat\nu) - \Gamma,\, 0,\, H-h)$. The
 * maximum over α is found among all kinks, since the function is not concave. O(K d² + S d²) a step.
 *
 * @param data - offline data, see {@link OfflineData}
 * @param features - $\phi$, [S, A, d], on the simplex
 * @param options - see {@link DropOptions}
 * @returns policy, values, and the parts they were made of
 * @throws `ShapeError`, `DomainError` when data, features or options do not fit, or a step has no data
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { collectOfflineData, drop, randomLinearMdp } from "@provably/robust-rl";
 *
 * const model = randomLinearMdp(key(0), { states: 6, actions: 3, dimension: 4, horizon: 4 });
 * const data = collectOfflineData(key(1), model, { episodes: 200 });
 * drop(data, model.features, { radius: 0.2 }).policy.shape; // => [4, 6]
 * drop(data, model.features, { radius: 0.2, pessimism: "theory" }).vacuousFraction; // => 1
 * ```
 * @see Wang, Shi, Chi (2024), "Sample complexity of offline distributionally robust linear Markov decision processes", DROP
 * @category Offline learning
 */
export function drop(data: OfflineData, features: ArrayInput, options: DropOptions): DropResult {
  return pessimistic("drop", data, features, options, false);
}

/**
 * {@link drop} as its sibling algorithm DRPVI has it: rewards known and clipping levels over [0, H].
 *
 * @param data - offline data
 * @param features - $\phi$, [S, A, d]
 * @param options - see {@link DropOptions}; `rewards` is required
 * @returns see {@link DropResult}
 * @throws `ShapeError`, `DomainError` as {@link drop}
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { collectOfflineData, drpvi, randomLinearMdp } from "@provably/robust-rl";
 *
 * const model = randomLinearMdp(key(0), { states: 6, actions: 3, dimension: 4, horizon: 4 });
 * const data = collectOfflineData(key(1), model, { episodes: 200 });
 * drpvi(data, model.features, { radius: 0.2, rewards: model.rewards }).policy.shape; // => [4, 6]
 * ```
 * @see Liu, Xu (2024), "Minimax optimal and computationally efficient algorithms for distributionally robust offline reinforcement learning", DRPVI
 * @category Offline learning
 */
export function drpvi(data: OfflineData, features: ArrayInput, options: DropOptions & { readonly rewards: ArrayInput }): DropResult {
  return pessimistic("drpvi", data, features, options, true);
}

function pessimistic(fn: string, data: OfflineData, input: ArrayInput, options: DropOptions, wide: boolean): DropResult {
  const { radius, ridge, failure } = checkOptions(fn, options);
  const { features, numStates, numActions, dimension: d } = checkFeatures(fn, input);
  const flat = checkData(fn, data, numStates, numActions);
  const { horizon, episodes } = flat;
  const { pessimism = "practical" } = options;
  const factor = pessimismOf(fn, pessimism, d, 6 * Math.sqrt(d) * horizon * Math.sqrt(Math.log((3 * horizon * episodes) / failure)));
  const theta = knownRewards(fn, options.rewards, horizon, d);
  const result = pass(flat, features, {
    radius,
    ridge,
    factor,
    theta,
    weight: undefined,
    wide,
    onProgress: options.onProgress,
    signal: options.signal,
  });
  return assemble(result, features, horizon, factor, pessimism, options);
}
