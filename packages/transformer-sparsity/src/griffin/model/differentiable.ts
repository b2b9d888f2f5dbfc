/** A model as a pure function of its parameters: for training, and as the plain truth beside the cached runtime. */
import {
  type ArrayInput,
  type NdArray,
  FormatError,
  IndexError,
  add,
  arange,
  argsort,
  array,
  broadcastTo,
  clip,
  concat,
  div,
  expandDims,
  layerNorm,
  less,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  rmsNorm,
  sigmoid,
  softmax,
  sum,
  take,
  tanh,
  toTypedArray,
  where,
} from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { activate, gatedNeurons } from "./activation.js";
import { joinHeads, mixValues, splitHeads } from "./attention.js";
import { type DecoderOps, decode } from "./decoder.js";
import { type MixtureConfig, type ModelConfig, checkConfig, layerRope } from "./description.js";
import {
  type LayerParameters,
  type Linear,
  type MixtureParameters,
  type Norm,
  type Parameters,
  layerParameters,
  outerParameters,
  refuseUnused,
  unusedTensors,
} from "./parameters.js";
import { type RopeConfig, contextLimit, rotate, ropeTable } from "./rope.js";

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
  if (outer.projectIn) x = matmul(x, matrixTranspose(outer.projectIn));
  if (config.positions.kind === "learned") {
    const { offset } = config.positions;
    const places = arange(offset, offset + length, 1, { dtype: "int32" });
    x = add(x, take(outer.positions!, places, { axis: 0 }));
  }
  if (outer.embeddingNorm) x = normalize(config, outer.embeddingNorm, x);
  x = decode(config, arrayOps(params, config, length), x);
  if (outer.finalNorm) x = normalize(config, outer.finalNorm, x);
  if (outer.projectOut) x = matmul(x, matrixTranspose(outer.projectOut));
  let z = linear(x, { weight: outer.head, ...(outer.headBias && { bias: outer.headBias }) });
  if (config.logitScale !== 1) z = mul(z, config.logitScale);
  const cap = config.logitSoftcap;
  return cap === null ? z : mul(cap, tanh(div(z, cap)));
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
  const { numHeads, numKvHeads, headDim } = config;
  const layers = Array.from({ length: config.numLayers }, (_, i) =>
    layerParameters(params, config, i),
  );
  const tables = new Map<RopeConfig, readonly [NdArray, NdArray]>();
  const place = (x: NdArray, layer: number): NdArray => {
    const rope = layerRope(config, layer);
    if (!rope) return x;
    const [cos, sin] = tables.get(rope) ?? arrayTable(rope, length);
    tables.set(rope, [cos, sin]);
    return rotate(x, cos, sin);
  };
  return {
    add,
    scale: mul,
    clip: (x, bound) => clip(x, -bound, bound),
    norm: (x, layer, role) => normalize(config, layers[layer]![role]!, x),
    headNorm: (x, layer, role) => normalizeHeads(config, layers[layer]![role]!, x),
    linear: (x, layer, role) => linear(x, layers[layer]![role]),
    attend(q, k, v, layer) {
      const { sinks } = layers[layer]!;
      const mixed = mixValues(
        config,
        layer,
        place(splitHeads(q, numHeads, headDim), layer),
        place(splitHeads(k, numKvHeads, headDim), layer),
        splitHeads(v, numKvHeads, headDim),
        sinks ? { sinks } : {},
      );
      return joinHeads(mixed);
    },
    feedForward(x, layer) {
      const own = layers[layer]!;
      return own.mixture
        ? mixture(config, config.mixture!, own, own.mixture, x)
        : linear(neurons(config, own, x), own.down);
    },
  };
}

function arrayTable(rope: RopeConfig, length: number): readonly [NdArray, NdArray] {
  const { cos, sin } = ropeTable(rope, 0, length);
  const shape = [length, cos.length / length];
  return [array(cos, { shape }), array(sin, { shape })];
}

/** Activations of all neurons: $\sigma(W_g x) \odot W_1 x$, or $\sigma(W_1 x)$ without a gate. */
function neurons(config: ModelConfig, { gate, up }: LayerParameters, x: NdArray): NdArray {
  const u = linear(x, up);
  return gate
    ? gatedNeurons(config.activation, linear(x, gate), u)
    : activate(config.activation, u);
}

/** All experts, each neuron times the weight of its expert, which is 0 for those that a token does not go to. */
function mixture(
  config: ModelConfig,
  { numExperts, perToken, expertSize, sharedSize, normalized }: MixtureConfig,
  own: LayerParameters,
  { router, downBias, sharedGate }: MixtureParameters,
  x: NdArray,
): NdArray {
  const shares = softmax(linear(x, router));
  // of equals the first: places in the stable order of falling shares
  const rank = argsort(argsort(mul(-1, shares)));
  const chosen = where(less(rank, perToken), shares, 0);
  const weights = normalized ? div(chosen, sum(chosen, { axis: -1, keepDims: true })) : chosen;
  const lead = x.shape.slice(0, -1);
  const spread = (w: NdArray, count: number, size: number): NdArray =>
    reshape(broadcastTo(expandDims(w, w.shape.length), [...lead, count, size]), [
      ...lead,
      count * size,
    ]);
  const all = [spread(weights, numExperts, expertSize)];
  if (sharedGate) all.push(spread(sigmoid(linear(x, sharedGate)), 1, sharedSize));
  const factors = all.length === 1 ? all[0]! : concat(all, { axis: lead.length });
  const y = linear(mul(neurons(config, own, x), factors), own.down);
  return downBias ? add(y, matmul(weights, downBias)) : y;
}

function linear(x: NdArray, { weight, bias }: Linear): NdArray {
  const y = matmul(x, matrixTranspose(weight));
  return bias ? add(y, bias) : y;
}

function normalize(config: ModelConfig, { scale, shift }: Norm, x: NdArray): NdArray {
  const { kind, epsilon, unitOffset } = config.norm;
  const factor = scale && unitOffset ? add(scale, 1) : scale;
  const options = { epsilon, ...(factor && { scale: factor }), ...(shift && { shift }) };
  return kind === "rms" ? rmsNorm(x, options) : layerNorm(x, options);
}

/** Norm of the queries or keys `[…, T, heads · d]`: over all, or head by head. */
function normalizeHeads(config: ModelConfig, weights: Norm, x: NdArray): NdArray {
  const { headDim, queryKeyNorm } = config;
  if (queryKeyNorm!.scope === "all") return normalize(config, weights, x);
  const heads = x.shape[x.shape.length - 1]! / headDim;
  const split = reshape(x, [...x.shape.slice(0, -1), heads, headDim]);
  if (queryKeyNorm!.scope === "head") return reshape(normalize(config, weights, split), x.shape);
  const plain = normalize(config, {}, split);
  return reshape(mul(plain, reshape(weights.scale!, [heads, headDim])), x.shape);
}
