/** Fully connected layers with leaky rectifiers between them: encoders, decoders and conditioners. */
import { type NdArray, leakyRelu, linear, mul } from "@provably/core-tensor";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";

/**
 * One affine layer.
 * @category Networks
 */
export interface LayerParams {
  /** Shape `[in, out]`. */
  readonly weights: NdArray;
  /** Shape `[out]`. */
  readonly bias: NdArray;
}

/**
 * Layers with $\max(x, 0.2 x)$ between them.
 * @category Networks
 */
export type FlowMlpParams = readonly LayerParams[];

export function mlp(layers: FlowMlpParams, x: NdArray): NdArray {
  return layers.reduce(
    (h, { weights, bias }, i) => linear(i === 0 ? h : leakyRelu(h, 0.2), weights, bias),
    x,
  );
}

/** Weights with variance 2/in (the last layer `lastScale` times as large), biases 0. */
export function initMlp(
  sizes: readonly number[],
  key: RngKey,
  dtype: "float32" | "float64",
  lastScale = 1,
): LayerParams[] {
  return sizes.slice(1).map((out, i) => {
    const inputs = sizes[i]!;
    const scale =
      (i === sizes.length - 2 ? lastScale : 1) *
      Math.sqrt((i === sizes.length - 2 ? 1 : 2) / inputs);
    return {
      weights: mul(scale, normal(foldIn(key, i), [inputs, out], { dtype })),
      bias: mul(0, normal(foldIn(key, i), [out], { dtype })),
    };
  });
}
