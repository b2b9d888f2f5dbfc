/** The nonlinearity of feed-forward blocks, by the name that configs give it. */
import {
  type NdArray,
  add,
  clip,
  gelu,
  geluTanh,
  minimum,
  mul,
  relu,
  sigmoid,
  silu,
  square,
  tanh,
} from "@provably/core-tensor";

/** Bound of the gates and of what they multiply in GPT-OSS. */
const CLAMP = 7;

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
  // the tanh form with √(2/π) to eight places
  bloom_gelu: (x: NdArray) =>
    mul(mul(0.5, x), add(1, tanh(mul(mul(0.79788456, x), add(1, mul(0.044715, square(x))))))),
  // of gates, which hold back at 7; see `gatedNeurons`
  clamped_swiglu: (x: NdArray) => {
    const held = minimum(x, CLAMP);
    return mul(held, sigmoid(mul(1.702, held)));
  },
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
  | "relu2"
  | "bloom_gelu"
  | "clamped_swiglu";

export const activationNames = Object.keys(ACTIVATIONS) as readonly Activation[];

export function isActivation(name: unknown): name is Activation {
  return typeof name === "string" && Object.hasOwn(ACTIVATIONS, name);
}

/** σ(x), differentiable. */
export function activate(name: Activation, x: NdArray): NdArray {
  return ACTIVATIONS[name](x);
}

/** Neurons of a block with gates: σ(g) ⊙ u, or in GPT-OSS σ(g) ⊙ (u + 1) with u within ± 7. */
export function gatedNeurons(name: Activation, gate: NdArray, up: NdArray): NdArray {
  const factor = name === "clamped_swiglu" ? add(clip(up, -CLAMP, CLAMP), 1) : up;
  return mul(activate(name, gate), factor);
}
