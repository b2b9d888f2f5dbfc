/** A model as a pure function of its parameters: for training, and as the plain truth beside the cached runtime. */
import {
  type ArrayInput,
  type NdArray,
  FormatError,
  IndexError,
  add,
  arange,
  array,
  attention,
  expandDims,
  greater,
  layerNorm,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  rmsNorm,
  take,
  toTypedArray,
  transpose,
  where,
} from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { activate } from "./activation.js";
import { type ModelConfig, checkConfig } from "./config.js";
import { type DecoderOps, decode } from "./decoder.js";
import {
  type Norm,
  type Parameters,
  layerParameters,
  outerParameters,
  refuseUnused,
  unusedTensors,
} from "./parameters.js";
import { contextLimit, rotate, ropeTable } from "./rope.js";

/**
 * Unnormalised log-probabilities of the next token after each token.
 *
 * A pure function of array operations: `grad` with respect to `params` works, and so does everything built on it. It keeps no cache; to generate text, load the model with
 * {@link loadModel} instead.
 *
 * @param params - tensors by their published names, as `decodeSafetensors` gives them
 * @param tokens - token numbers, shape `[T]` or `[B, T]`
 * @param config - see {@link modelConfig}
 * @returns array of shape `[T, vocab]` or `[B, T, vocab]`
 * @throws `FormatError` or `ShapeError` when a tensor is missing, does not fit the config or has no place in it; `IndexError` for tokens outside the vocabulary or too many of them
 * @example
 * ```ts
 * import { array, grad, mean } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { logits, modelConfig, randomParameters } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 11, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,
 * });
 * const params = randomParameters(key(0), config);
 * logits(params, [[1, 2, 3]], config).shape; // => [1, 3, 11]
 * const slope = grad((p: typeof params) => mean(logits(p, [1, 2, 3], config)))(params);
 * slope["model.norm.weight"]!.shape; // => [8]
 * ```
 * @category Models
 */
export function logits(params: Parameters, tokens: ArrayInput, config: ModelConfig): NdArray {
  checkConfig("logits", config);
  check("logits", "params", params, anyRecord);
  const ids = checkTokens(array(tokens, { dtype: "int32" }), config);
  refuseUnused("logits", config, unusedTensors(config, Object.keys(params)));
  const outer = outerParameters(params, config);
  if (outer.spareHead)
    throw new FormatError(
      "logits: params hold an output head although the config ties it to the embeddings",
    );
  const length = ids.shape[ids.shape.length - 1]!;
  let x = take(outer.embedding, ids, { axis: 0 });
  if (config.embeddingScale !== 1) x = mul(x, config.embeddingScale);
  if (outer.projectIn) x = linear(x, outer.projectIn);
  if (config.positions.kind === "learned") {
    const { offset } = config.positions;
    x = add(
      x,
      take(outer.positions!, arange(offset, offset + length, 1, { dtype: "int32" }), { axis: 0 }),
    );
  }
  x = decode(config, arrayOps(params, config, length), x);
  if (outer.finalNorm) x = normalize(config, outer.finalNorm, x);
  if (outer.projectOut) x = linear(x, outer.projectOut);
  return linear(x, outer.head);
}

function checkTokens(ids: NdArray<"int32">, config: ModelConfig): NdArray<"int32"> {
  const length = ids.shape[ids.shape.length - 1] ?? 0;
  const limit = contextLimit(config);
  if (length === 0 || length > limit)
    throw new IndexError(
      `logits: tokens must hold 1 … ${limit} tokens a sequence, got shape [${ids.shape.join(", ")}]`,
    );
  for (const id of toTypedArray(ids))
    if (!(id >= 0 && id < config.vocabSize))
      throw new IndexError(`logits: tokens must be in 0 … ${config.vocabSize - 1}, got ${id}`);
  return ids;
}

/** The decoder's operations on arrays `[…, T, features]`. */
function arrayOps(params: Parameters, config: ModelConfig, length: number): DecoderOps<NdArray> {
  const { numHeads, numKvHeads, headDim, positions, slidingWindows } = config;
  const layers = Array.from({ length: config.numLayers }, (_, i) =>
    layerParameters(params, config, i),
  );
  const table = positions.kind === "rope" ? ropeTable(positions, 0, length) : undefined;
  const shape = table && [length, table.cos.length / length];
  const [cos, sin] =
    table && shape ? [array(table.cos, { shape }), array(table.sin, { shape })] : [];
  const place = (x: NdArray): NdArray => (cos && sin ? rotate(x, cos, sin) : x);
  return {
    add,
    multiply: mul,
    activate: (x) => activate(config.activation, x),
    norm: (x, layer, role) => normalize(config, layers[layer]![role], x),
    linear(x, layer, role) {
      const { weight, bias } = layers[layer]![role]!;
      return bias ? add(linear(x, weight), bias) : linear(x, weight);
    },
    attend(q, k, v, layer) {
      const window = slidingWindows[layer] ?? null;
      const mask =
        window === null || window >= length ? undefined : windowMask(length, length, window);
      const options = { causal: true, ...(mask && { mask }) };
      return joinHeads(
        attention(
          place(splitHeads(q, numHeads, headDim)),
          place(splitHeads(k, numKvHeads, headDim)),
          splitHeads(v, numKvHeads, headDim),
          options,
        ),
      );
    },
  };
}

function linear(x: NdArray, weight: NdArray): NdArray {
  return matmul(x, matrixTranspose(weight));
}

function normalize(config: ModelConfig, { scale, shift }: Norm, x: NdArray): NdArray {
  const { kind, epsilon, unitOffset } = config.norm;
  const factor = unitOffset ? add(scale, 1) : scale;
  return kind === "rms"
    ? rmsNorm(x, { scale: factor, epsilon })
    : layerNorm(x, { scale: factor, epsilon, ...(shift && { shift }) });
}

/** `[…, T, heads · d]` → `[…, heads, T, d]` */
export function splitHeads(x: NdArray, heads: number, d: number): NdArray {
  const lead = x.shape.slice(0, -1);
  return swap(reshape(x, [...lead, heads, d]));
}

/** `[…, heads, T, d]` → `[…, T, heads · d]` */
export function joinHeads(x: NdArray): NdArray {
  const y = swap(x);
  const [heads, d] = y.shape.slice(-2) as [number, number];
  return reshape(y, [...y.shape.slice(0, -2), heads * d]);
}

/** Exchanges the axes before the last. */
function swap(x: NdArray): NdArray {
  const order = x.shape.map((_, i) => i);
  const n = order.length;
  [order[n - 3], order[n - 2]] = [n - 2, n - 3];
  return transpose(x, order);
}

/** −∞ where a key lies `window` or more tokens before the query: `[T, S]`, the last query at the last key. */
export function windowMask(queries: number, keys: number, window: number): NdArray {
  const distance = add(expandDims(arange(keys - queries, keys, 1), 1), mul(-1, arange(0, keys, 1)));
  return where(greater(distance, window - 1), -Infinity, 0);
}
