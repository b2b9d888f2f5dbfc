/** Trainable networks: functions of weights, and models once the weights are fixed. */
import { type NdArray, astype, mul } from "@provably/core-tensor";
import type { NoiseLevel } from "../schedule/level.js";
import type { Model, Prediction } from "../score/prediction.js";

/**
 * The noise of each row of a batch.
 * @category Networks
 */
export interface BatchLevels {
  readonly alpha: readonly number[];
  readonly sigma: readonly number[];
}

/**
 * A network as a pure function of its weights, a tree of arrays. Inputs are on the variance-preserving scale, $\alpha^2 + \sigma^2 = 1$.
 * @category Networks
 */
export interface Network<P = unknown> {
  /** What `apply` returns. */
  readonly prediction: Prediction;
  /** The prediction for every row of `x`, each at its own noise level; the shape of `x`. */
  apply(params: P, x: NdArray, levels: BatchLevels): NdArray;
}

/**
 * A network with fixed weights as a {@link Model}, at any noise level: points off the variance-preserving scale are brought onto it and back.
 *
 * @param network - see {@link Network}
 * @param params - its weights
 * @returns model, differentiable in `x`
 * @example
 * ```ts
 * import { item, mul, ones } from "@provably/core-tensor";
 * import { networkModel } from "@provably/score-diffusion";
 *
 * const model = networkModel({ prediction: "eps", apply: (gain: number, x) => mul(gain, x) }, 0.5);
 * item(model.evaluate(ones([1, 1]), { alpha: 0, sigma: 2, t: 0 })); // => 0.25
 * ```
 * @category Networks
 */
export function networkModel<P>(network: Network<P>, params: P): Model {
  const { prediction } = network;
  return {
    prediction,
    evaluate(x: NdArray, { alpha, sigma }: NoiseLevel) {
      const scale = Math.hypot(alpha, sigma);
      const n = x.shape[0]!;
      const row = (value: number): number[] => new Array<number>(n).fill(value);
      const levels = { alpha: row(alpha / scale), sigma: row(sigma / scale) };
      const onScale = scale === 1;
      const y = astype(network.apply(params, onScale ? x : mul(1 / scale, x), levels), x.dtype);
      if (onScale || prediction === "eps" || prediction === "x0") return y;
      // the score scales against x; the velocity αε − σx₀ with its coefficients
      return mul(prediction === "v" ? scale : 1 / scale, y);
    },
  };
}
