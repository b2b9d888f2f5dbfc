// A small Llama-style decoder from core ops: a pure, differentiable function of its parameters.
import { add, attention, matmul, matrixTranspose, mul, reshape, rmsNorm, rope, silu, take, transpose } from "@provably/core-tensor";

/** x · Wᵀ for weights as they are stored, [out, in]. */
const linear = (x, weight) => matmul(x, matrixTranspose(weight));

/** [B, T, heads · d] → [B, heads, T, d] */
const split = (x, heads, d) => transpose(reshape(x, [x.shape[0], x.shape[1], heads, d]), [0, 2, 1, 3]);

/** Logits [B, T, V] of tokens [B, T]. `params` are tensors by their usual names, `config` is the model's config.json. */
export function logits(params, tokens, config) {
  const { num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: groups, head_dim: d, rms_norm_eps: epsilon } = config;
  const base = config.rope_parameters.rope_theta;
  const weight = (name) => params[`${name}.weight`];
  const norm = (x, name) => rmsNorm(x, { scale: weight(name), epsilon });
  let x = take(weight("model.embed_tokens"), tokens, { axis: 0 });
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    const h = norm(x, `${at}.input_layernorm`);
    const project = (name, count) => split(linear(h, weight(`${at}.self_attn.${name}_proj`)), count, d);
    const mixed = attention(rope(project("q", heads), { base }), rope(project("k", groups), { base }), project("v", groups), { causal: true });
    const joined = reshape(transpose(mixed, [0, 2, 1, 3]), [x.shape[0], x.shape[1], heads * d]);
    x = add(x, linear(joined, weight(`${at}.self_attn.o_proj`)));
    const f = norm(x, `${at}.post_attention_layernorm`);
    const inner = mul(silu(linear(f, weight(`${at}.mlp.gate_proj`))), linear(f, weight(`${at}.mlp.up_proj`)));
    x = add(x, linear(inner, weight(`${at}.mlp.down_proj`)));
  }
  return linear(norm(x, "model.norm"), weight("model.embed_tokens"));
}
