/** The nonlinearity of feed-forward blocks, by the name that configs give it. */
import {
  type NdArray,
  add,
  gelu,
  geluTanh,
  mul,
  relu,
  sigmoid,
  silu,
  square,
  tanh,
} from "@provably/core-tensor";

const ACTIVATIONS = {
  silu,
  swish: silu,
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  // the tanh form with its constants rounded as published
  gelu_fast: (x: NdArray) =>
    mul(mul(0.5, x), add(1, tanh(mul(mul(x, 0.7978845608), add(1, mul(0.044715, square(x))))))),
  quick_gelu: (x: NdArray) => mul(x, sigmoid(mul(1.702, x))),
  relu,
  relu2: (x: NdArray) => square(relu(x)),
} as const;

/**
 * Names of activations, as in configs.
 * @category Models
 */
export type Activation =
  | "silu"
  | "swish"
  | "gelu"
  | "gelu_new"
  | "gelu_pytorch_tanh"
  | "gelu_fast"
  | "quick_gelu"
  | "relu"
  | "relu2";

export const activationNames = Object.keys(ACTIVATIONS) as readonly Activation[];

export function isActivation(name: unknown): name is Activation {
  return typeof name === "string" && Object.hasOwn(ACTIVATIONS, name);
}

/** σ(x), differentiable. */
export function activate(name: Activation, x: NdArray): NdArray {
  return ACTIVATIONS[name](x);
}
