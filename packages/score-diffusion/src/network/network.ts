/** Trainable networks: functions of weights, and models once the weights are fixed. */
import { type ArrayInput, type NdArray, asType, full, mul } from "@provably/core-tensor";
import { anyFunction, anyRecord, check, oneOf } from "@provably/core-tensor/internal";
import { compile } from "@provably/core-tensor/compile";
import type { NoiseLevel } from "../schedule/level.js";
import { type Model, PREDICTIONS, type Prediction, checkAsked } from "../score/prediction.js";

/**
 * The noise of each row of a batch.
 * @category Networks
 */
export interface BatchLevels {
  /** Factors of the data, shape `[n]`. */
  readonly alpha: ArrayInput;
  /** Standard deviations of the noise, shape `[n]`. */
  readonly sigma: ArrayInput;
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

/** A network, for functions that take one. */
export function checkNetwork<P>(fn: string, network: Network<P>): Network<P> {
  const { prediction, apply } = check(fn, "network", network, anyRecord);
  check(fn, "network.prediction", prediction, oneOf(...PREDICTIONS));
  check(fn, "network.apply", apply, anyFunction);
  return network;
}

/**
 * A network with fixed weights as a {@link Model}, at any noise level: points off the variance-preserving scale are brought onto it and back.
 *
 * The network is compiled for each size of batch it meets; inside `grad` and its kin it is seen through.
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
 * item(model.evaluate(ones([1, 1]), { alpha: 0, sigma: 2 })); // => 0.25
 * ```
 * @category Networks
 */
export function networkModel<P>(network: Network<P>, params: P): Model {
  const { prediction } = checkNetwork("networkModel", network);
  const run = compile((weights: P, x: NdArray, alpha: NdArray, sigma: NdArray) =>
    network.apply(weights, x, { alpha, sigma }),
  );
  return {
    prediction,
    evaluate(x: NdArray, level: NoiseLevel) {
      const { alpha, sigma } = checkAsked("networkModel", x, level);
      const scale = Math.hypot(alpha, sigma);
      const row = (value: number): NdArray =>
        full([x.shape[0]!], value / scale, { dtype: "float32" });
      const onScale = scale === 1;
      const y = asType(
        run(params, onScale ? x : mul(1 / scale, x), row(alpha), row(sigma)),
        x.dtype,
      );
      if (onScale || prediction === "eps" || prediction === "x0") return y;
      // the score scales against x; the velocity αε − σx₀ with its coefficients
      return mul(prediction === "v" ? scale : 1 / scale, y);
    },
  };
}
