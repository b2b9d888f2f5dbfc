/** Masked autoencoders that were trained here, as files that other libraries read. */
import {
  DomainError,
  type NdArray,
  asType,
  concat,
  matrixTranspose,
  reshape,
  transpose,
  zeros,
} from "@provably/core-tensor";
import { encodeSafetensors } from "@provably/core-tensor/io";
import { type MaskedTransformer, checkTransformer } from "../vit/config.js";
import { sinCosPositionEmbedding2d } from "../vit/patches.js";
import { EPSILON } from "../internal/transformer.js";

/**
 * A masked autoencoder that was trained here as the files of a `ViTMAEForPreTraining`: `config.json`, `preprocessor_config.json` and `model.safetensors`, which
 * {@link loadVisionModel} and the Python library transformers read.
 *
 * The processor divides bytes by 255 and does nothing else, as `pretrain` is given images from 0 to 1.
 *
 * @param model - of kind `mae` and with a class token, see {@link createMaskedAutoencoder}
 * @returns bytes by the name of the file
 * @throws `DomainError` for a model of another kind, or without a class token
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { filesFromMemory } from "@provably/transformer-sparsity/griffin";
 * import { createMaskedAutoencoder, loadVisionModel, visionFiles } from "@provably/transformer-sparsity/mim";
 *
 * const files = visionFiles(createMaskedAutoencoder(key(0), { classToken: true }));
 * (await loadVisionModel(filesFromMemory(files))).config.family; // => "vit_mae"
 * ```
 * @category Vision models
 */
export function visionFiles(model: MaskedTransformer): Record<string, Uint8Array> {
  const fn = "visionFiles";
  checkTransformer(fn, model);
  const { config } = model;
  if (config.kind !== "mae" || !config.classToken)
    throw new DomainError(
      `${fn}: model must be of kind mae and have a class token, got kind ${config.kind}${config.classToken ? "" : " without one"}`,
    );
  const text = (json: object): Uint8Array =>
    new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
  return {
    "config.json": text(configJson(model)),
    "preprocessor_config.json": text(processorJson(model)),
    "model.safetensors": encodeSafetensors(tensorsOf(model), { format: "pt" }),
  };
}

function configJson({ config }: MaskedTransformer): object {
  return {
    architectures: ["ViTMAEForPreTraining"],
    model_type: "vit_mae",
    image_size: config.imageSize,
    patch_size: config.patchSize,
    num_channels: config.channels,
    hidden_size: config.dim,
    num_hidden_layers: config.depth,
    num_attention_heads: config.heads,
    intermediate_size: config.mlpRatio * config.dim,
    hidden_act: "gelu",
    layer_norm_eps: EPSILON,
    qkv_bias: true,
    decoder_hidden_size: config.decoderDim,
    decoder_num_hidden_layers: config.decoderDepth,
    decoder_num_attention_heads: config.decoderHeads,
    decoder_intermediate_size: config.mlpRatio * config.decoderDim,
    mask_ratio: config.maskRatio,
    norm_pix_loss: config.normalizeTargets,
    torch_dtype: "float32",
  };
}

function processorJson({ config: { imageSize } }: MaskedTransformer): object {
  return {
    image_processor_type: "ViTImageProcessor",
    do_resize: true,
    size: { height: imageSize, width: imageSize },
    resample: 2,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: false,
  };
}

/** Names of a block there, and here. */
const BLOCK = {
  "attention.attention.query": "query",
  "attention.attention.key": "key",
  "attention.attention.value": "value",
  "attention.output.dense": "project",
  "intermediate.dense": "expand",
  "output.dense": "contract",
};
const NORMS = { layernorm_before: "norm1", layernorm_after: "norm2" };

function tensorsOf({ config, params }: MaskedTransformer): Record<string, NdArray> {
  const tensors: Record<string, NdArray> = {};
  const get = (name: string): NdArray => asType(params[name]!, "float32");
  const put = (name: string, x: NdArray): void => {
    tensors[name] = x;
  };
  const linear = (name: string, own: string): void => {
    put(`${name}.weight`, matrixTranspose(get(`${own}.weight`)));
    put(`${name}.bias`, get(`${own}.bias`));
  };
  const norm = (name: string, own: string): void => {
    put(`${name}.weight`, get(`${own}.scale`));
    put(`${name}.bias`, get(`${own}.shift`));
  };
  const block = (name: string, own: string): void => {
    for (const [theirs, ours] of Object.entries(BLOCK))
      linear(`${name}.${theirs}`, `${own}.${ours}`);
    for (const [theirs, ours] of Object.entries(NORMS)) norm(`${name}.${theirs}`, `${own}.${ours}`);
  };
  const { dim, depth, decoderDim, decoderDepth, patchSize: p, channels, imageSize } = config;
  const places = (width: number): NdArray => {
    const table = sinCosPositionEmbedding2d(width, [imageSize / p, imageSize / p]);
    const rows = concat([zeros([1, width]), asType(table, "float32")], { axis: 0 });
    return reshape(rows, [1, rows.shape[0]!, width]);
  };
  const pixels = reshape(matrixTranspose(get("embed.weight")), [dim, p, p, channels]);
  put("vit.embeddings.cls_token", reshape(get("classToken"), [1, 1, dim]));
  put("vit.embeddings.position_embeddings", places(dim));
  put("vit.embeddings.patch_embeddings.projection.weight", transpose(pixels, [0, 3, 1, 2]));
  put("vit.embeddings.patch_embeddings.projection.bias", get("embed.bias"));
  for (let i = 0; i < depth; i++) block(`vit.encoder.layer.${i}`, `encoder.${i}`);
  norm("vit.layernorm", "encoder.norm");
  linear("decoder.decoder_embed", "decoder.embed");
  put("decoder.mask_token", reshape(get("maskToken"), [1, 1, decoderDim]));
  put("decoder.decoder_pos_embed", places(decoderDim));
  for (let i = 0; i < decoderDepth; i++)
    block(`decoder.decoder_encoder.layer.${i}`, `decoder.${i}`);
  norm("decoder.decoder_norm", "decoder.norm");
  linear("decoder.decoder_pred", "head");
  return tensors;
}
