/** DROP with transitions weighted by variance. */
import { type ArrayInput, type NdArray, ShapeError, array } from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";
import { inv } from "@provably/core-tensor/linalg";
import { needOptions } from "../internal/options.js";
import type { FlatData, OfflineData } from "./data.js";
import { pessimistic } from "./drop.js";
import { checkFeatures } from "./model.js";
import type { DropOptions, DropResult, Pessimism } from "./result.js";
import {
  DROP_V,
  LOOK_EVERY,
  assemble,
  checkData,
  knownRewards,
  pass,
  pessimismOf,
} from "./ridge-pass.js";

/**
 * Options of {@link dropV}.
 * @category Offline learning
 */
export interface DropVOptions extends DropOptions {
  /** $\gamma_0$ of the first stage; default as `pessimism` would be by itself, `"practical"`. */
  readonly firstPessimism?: Pessimism;
  /** Ridge $\lambda_0$ of the first stage and of the variances; default 1. `ridge` is $\lambda_1$, default 1/H². */
  readonly firstRidge?: number;
}

/**
 * DROP with transitions weighted by the variance of what follows them (DROP-V): transitions with little noise count more, which replaces one factor of the
 * horizon by $\min\lbrace1/\rho, H\rbrace$ in the bound.
 *
 * A first {@link drop} on independent data estimates $\hat\sigma^2(s,a) = \max\lbrace1, \widehat{\mathrm{Var}}\,\tilde V_{h+1}\rbrace$; the second pass weights by $1/\hat\sigma^2$.
 *
 * @param data - offline data of the second pass
 * @param varianceData - independent data of the first pass, such as the other half of the episodes
 * @param features - $\phi$, [S, A, d]
 * @param options - see {@link DropVOptions}
 * @returns as {@link drop}, with the estimated `variances` [H, S, A] and the `first` stage
 * @throws `ShapeError`, `DomainError` as {@link drop}
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { collectOfflineData, dropV, randomLinearMdp } from "@provably/robust-rl";
 *
 * const model = randomLinearMdp(key(0), { numStates: 6, numActions: 3, dimension: 4, horizon: 4 });
 * const [main, other] = [1, 2].map((k) => collectOfflineData(key(k), model, { numEpisodes: 100 }));
 * dropV(main, other, model.features, { radius: 0.2 }).variances.shape; // => [4, 6, 3]
 * ```
 * @see Wang, Shi, Chi (2024), DROP-V
 * @category Offline learning
 */
export function dropV(
  data: OfflineData,
  varianceData: OfflineData,
  features: ArrayInput,
  options: DropVOptions,
): DropResult & { readonly variances: NdArray<"float64">; readonly first: DropResult } {
  const fn = "dropV";
  const {
    firstPessimism = "practical",
    firstRidge = 1,
    pessimism = "practical",
    failureProbability = 0.05,
    ...shared
  } = needOptions<DropVOptions>(fn, options, DROP_V);
  const { radius, signal, onProgress } = shared;
  const { features: phi, numStates, numActions, dimension: d } = checkFeatures(fn, features);
  const main = checkData(fn, data, numStates, numActions, signal);
  const other = checkData(fn, varianceData, numStates, numActions, signal);
  const { horizon, episodes } = main;
  if (other.horizon !== horizon)
    throw new ShapeError(`${fn}: varianceData has ${other.horizon} steps, data have ${horizon}`);
  const ridge = shared.ridge ?? 1 / horizon ** 2;
  const firstOptions = {
    ...shared,
    failureProbability,
    ridge: firstRidge,
    pessimism: firstPessimism,
  };
  const first = pessimistic(fn, varianceData, phi, firstOptions, false);
  const variances = estimateVariances(other, phi, flatNumbers(first.values), firstRidge, signal);
  const factor = pessimismOf(
    pessimism,
    phi,
    66 * Math.log((3 * horizon * episodes) / failureProbability) * Math.sqrt(d),
  );
  const theta = knownRewards(fn, shared.rewards, horizon, d);
  const rows = numStates * numActions;
  const result = pass(main, phi, {
    radius,
    ridge,
    factor,
    theta,
    weight: (step, row) => 1 / variances[step * rows + row]!,
    wide: false,
    onProgress,
    signal,
  });
  return {
    ...assemble(fn, result, phi, horizon, factor, pessimism, options),
    variances: array<"float64">(variances, { shape: [horizon, numStates, numActions] }),
    first,
  };
}

/** max{1, clip(φ·z₂, 0, H²) − clip(φ·z₁, 0, H)²} with ridge regressions z₂ of V² and z₁ of V. */
function estimateVariances(
  data: FlatData,
  features: NdArray,
  values: Float64Array,
  ridge: number,
  signal: AbortSignal | undefined,
): Float64Array {
  const [numStates, numActions, d] = features.shape as readonly [number, number, number];
  const { horizon, episodes, states, actions, nextStates, kept } = data;
  const phi = flatNumbers(features);
  const out = new Float64Array(horizon * numStates * numActions);
  for (let h = 0; h < horizon; h++) {
    const gram = new Float64Array(d * d);
    for (let i = 0; i < d; i++) gram[i * d + i] = ridge;
    const [one, two] = [new Float64Array(d), new Float64Array(d)];
    for (let k = 0; k < episodes; k++) {
      if (k % LOOK_EVERY === 0) signal?.throwIfAborted();
      const at = h * episodes + k;
      if (kept && kept[at] === 0) continue;
      const row = (states[at]! * numActions + actions[at]!) * d;
      const v = values[(h + 1) * numStates + nextStates[at]!]!;
      for (let i = 0; i < d; i++) {
        one[i]! += phi[row + i]! * v;
        two[i]! += phi[row + i]! * v * v;
        for (let j = 0; j < d; j++) gram[i * d + j]! += phi[row + i]! * phi[row + j]!;
      }
    }
    const inverse = flatNumbers(inv(array(gram, { shape: [d, d] })));
    const times = (b: Float64Array): Float64Array =>
      Float64Array.from({ length: d }, (_, i) =>
        b.reduce((sum, x, j) => sum + inverse[i * d + j]! * x, 0),
      );
    const [z1, z2] = [times(one), times(two)];
    const clip = (x: number, high: number): number => Math.min(high, Math.max(0, x));
    for (let row = 0; row < numStates * numActions; row++) {
      let [mean, square] = [0, 0];
      for (let i = 0; i < d; i++) {
        mean += phi[row * d + i]! * z1[i]!;
        square += phi[row * d + i]! * z2[i]!;
      }
      out[h * numStates * numActions + row] = Math.max(
        1,
        clip(square, horizon ** 2) - clip(mean, horizon) ** 2,
      );
    }
  }
  return out;
}
