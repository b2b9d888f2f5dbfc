/** What each family of vision transformers calls its tensors. */
import type { VisionFamily } from "./description.js";

/** Names of tensors, without `.weight` and `.bias` where there are two. */
export interface VisionNames {
  /** What stands before the names of the encoder; files may leave it out. */
  readonly root: string;
  readonly patches: string;
  readonly classToken: string;
  readonly distillation: string;
  readonly registers: string;
  readonly positions: string;
  readonly embeddingNorm: string;
  readonly finalNorm: string;
  /** Norm of the pooled vector. */
  readonly poolingNorm: string;
  readonly sharedBias: string;
  readonly layers: string;
  readonly norm1: string;
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly output: string;
  readonly layerBias: string;
  readonly scale1: string;
  readonly norm2: string;
  readonly gate: string;
  /** Gates and neurons in one matrix, gates first, and what follows it. */
  readonly gateAndUp?: string;
  readonly gatedDown?: string;
  readonly up: string;
  readonly down: string;
  readonly scale2: string;
  /** Tensors without a part in what images become, by name after the root. */
  readonly unused: RegExp;
}

const BERT: VisionNames = {
  root: "vit.",
  patches: "embeddings.patch_embeddings.projection",
  classToken: "embeddings.cls_token",
  distillation: "embeddings.distillation_token",
  registers: "embeddings.register_tokens",
  positions: "embeddings.position_embeddings",
  embeddingNorm: "pre_layrnorm",
  finalNorm: "layernorm",
  poolingNorm: "pooler.layernorm",
  sharedBias: "encoder.relative_position_bias.relative_position_bias_table",
  layers: "encoder.layer",
  norm1: "layernorm_before",
  query: "attention.attention.query",
  key: "attention.attention.key",
  value: "attention.attention.value",
  output: "attention.output.dense",
  layerBias: "attention.attention.relative_position_bias.relative_position_bias_table",
  scale1: "lambda_1",
  norm2: "layernorm_after",
  gate: "mlp.gate_proj",
  up: "intermediate.dense",
  down: "output.dense",
  scale2: "lambda_2",
  unused: /^(embeddings\.mask_token|.*\.relative_position_index)$/,
};

const DINO = {
  ...BERT,
  root: "dinov2.",
  norm1: "norm1",
  norm2: "norm2",
  scale1: "layer_scale1.lambda1",
  scale2: "layer_scale2.lambda1",
  up: "mlp.fc1",
  down: "mlp.fc2",
};
const FUSED_GATES = { gateAndUp: "mlp.weights_in", gatedDown: "mlp.weights_out" };

const CLIP: VisionNames = {
  ...BERT,
  root: "vision_model.",
  patches: "embeddings.patch_embedding",
  classToken: "embeddings.class_embedding",
  positions: "embeddings.position_embedding.weight",
  finalNorm: "post_layernorm",
  poolingNorm: "post_layernorm",
  layers: "encoder.layers",
  norm1: "layer_norm1",
  query: "self_attn.q_proj",
  key: "self_attn.k_proj",
  value: "self_attn.v_proj",
  output: "self_attn.out_proj",
  norm2: "layer_norm2",
  up: "mlp.fc1",
  down: "mlp.fc2",
  unused:
    /^(embeddings\.position_ids|text_model\..*|text_projection\.weight|logit_scale|logit_bias)$/,
};

export const VISION_NAMES: Readonly<Record<VisionFamily, VisionNames>> = {
  vit: BERT,
  deit: { ...BERT, root: "deit." },
  vit_mae: BERT,
  dinov2: { ...DINO, ...FUSED_GATES },
  dinov2_with_registers: { ...DINO, ...FUSED_GATES, root: "dinov2_with_registers." },
  dinov3_vit: {
    ...DINO,
    root: "model.",
    patches: "embeddings.patch_embeddings",
    finalNorm: "norm",
    layers: "layer",
    query: "attention.q_proj",
    key: "attention.k_proj",
    value: "attention.v_proj",
    output: "attention.o_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
    unused: /^(embeddings\.mask_token|rope_embeddings\.inv_freq)$/,
  },
  clip_vision_model: CLIP,
  siglip_vision_model: CLIP,
  beit: { ...BERT, root: "beit." },
};

/** The decoder of a masked autoencoder. */
export const DECODER = {
  embed: "decoder.decoder_embed",
  maskToken: "decoder.mask_token",
  positions: "decoder.decoder_pos_embed",
  layers: "decoder.decoder_encoder.layer",
  norm: "decoder.decoder_norm",
  predict: "decoder.decoder_pred",
};
