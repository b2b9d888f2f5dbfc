/** Pessimistic value iteration for offline robust linear decision processes: DROP and DRPVI. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import { needOptions } from "../internal/options.js";
import type { OfflineData } from "./data.js";
import { checkFeatures } from "./model.js";
import type { DropOptions, DropResult } from "./result.js";
import { DROP, assemble, checkData, knownRewards, pass, pessimismOf } from "./ridge-pass.js";

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
 * const model = randomLinearMdp(key(0), { numStates: 6, numActions: 3, dimension: 4, horizon: 4 });
 * const data = collectOfflineData(key(1), model, { numEpisodes: 200 });
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
 * const model = randomLinearMdp(key(0), { numStates: 6, numActions: 3, dimension: 4, horizon: 4 });
 * const data = collectOfflineData(key(1), model, { numEpisodes: 200 });
 * drpvi(data, model.features, { radius: 0.2, rewards: model.rewards }).policy.shape; // => [4, 6]
 * ```
 * @see Liu, Xu (2024), "Minimax optimal and computationally efficient algorithms for distributionally robust offline reinforcement learning", DRPVI
 * @category Offline learning
 */
export function drpvi(
  data: OfflineData,
  features: ArrayInput,
  options: DropOptions & { readonly rewards: ArrayInput },
): DropResult {
  return pessimistic("drpvi", data, features, options, true);
}

export function pessimistic(
  fn: string,
  data: OfflineData,
  input: ArrayInput,
  options: DropOptions,
  wide: boolean,
): DropResult {
  const {
    radius,
    ridge = 1,
    failureProbability = 0.05,
    pessimism = "practical",
    rewards,
    onProgress,
    signal,
  } = needOptions<DropOptions>(fn, options, DROP);
  if (wide && rewards === undefined)
    throw new DomainError(`${fn}: rewards must be given, [H, d]; drop estimates them`);
  const { features, numStates, numActions, dimension: d } = checkFeatures(fn, input);
  const flat = checkData(fn, data, numStates, numActions, signal);
  const { horizon, episodes } = flat;
  const factor = pessimismOf(
    pessimism,
    features,
    6 * Math.sqrt(d) * horizon * Math.sqrt(Math.log((3 * horizon * episodes) / failureProbability)),
  );
  const theta = knownRewards(fn, rewards, horizon, d);
  const result = pass(flat, features, {
    radius,
    ridge,
    factor,
    theta,
    weight: undefined,
    wide,
    onProgress,
    signal,
  });
  return assemble(fn, result, features, horizon, factor, pessimism, options);
}
