/** A model ready to run: its choices, and its matrices pinned where the kernels read them. */
import { type NdArray, FormatError, add, toTypedArray, transpose } from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  checkOptions,
  listOf,
  oneOf,
  optional,
  recordWith,
  satisfying,
  type Guard,
  typedArray,
} from "@provably/core-tensor/internal";
import { type PinnedDType, type PinnedMatrix, pinMatrix } from "@provably/core-tensor/pinned";

import { type ModelConfig, blockSizes, checkConfig, layerNeurons } from "../model/description.js";
import {
  type LayerParameters,
  type Linear,
  type MixtureParameters,
  type Norm,
  type OuterParameters,
  type Parameters,
  layerParameters,
  outerParameters,
  refuseUnused,
  unusedTensors,
} from "../model/parameters.js";
import type { NormWeights } from "./rows.js";

/**
 * A linear map with its matrix pinned.
 * @category Running models
 */
export interface PinnedLinear {
  readonly weight: PinnedMatrix;
  readonly bias?: Float32Array;
}

/**
 * The feed-forward block of a layer. A neuron is one row of each matrix: `gate` and `up` are `[D, d]`, and so is `down`, transposed.
 * @category Running models
 */
export interface FeedForwardWeights {
  readonly gate?: PinnedLinear;
  readonly up: PinnedLinear;
  /** `[D, d]`: row j is what neuron j adds to the output. */
  readonly down: PinnedLinear;
  /** Of a mixture: whose neurons these are. */
  readonly mixture?: MixtureWeights;
}

/**
 * What a mixture of experts has beside its neurons, which lie one expert below the other in the matrices of its block.
 * @category Running models
 */
export interface MixtureWeights {
  /** One score an expert. */
  readonly router: PinnedLinear;
  /** The neurons of each expert, and last those of the shared block, if there is one. */
  readonly rows: readonly Int32Array[];
  /** What each expert adds beside its neurons. */
  readonly downBias?: readonly Float32Array[];
  /** One score: its logistic function is the weight of the shared block. */
  readonly sharedGate?: PinnedLinear;
}

/**
 * One layer with its matrices pinned.
 * @category Running models
 */
export interface ModelLayer {
  readonly attentionNorm: NormWeights;
  readonly query: PinnedLinear;
  readonly key: PinnedLinear;
  readonly value: PinnedLinear;
  readonly output: PinnedLinear;
  /** Of queries and of keys: factors of one head, or of all. */
  readonly queryNorm?: NormWeights;
  readonly keyNorm?: NormWeights;
  /** One score a head that takes weight and adds nothing. */
  readonly sinks?: Float32Array;
  /** None where both blocks stand behind one norm. */
  readonly feedForwardNorm?: NormWeights;
  /** Norms of what the blocks add, where there are norms before them too. */
  readonly attentionOutputNorm?: NormWeights;
  readonly feedForwardOutputNorm?: NormWeights;
  readonly feedForward: FeedForwardWeights;
}

/**
 * A language model in memory. Immutable.
 * @category Running models
 */
export interface LanguageModel {
  readonly config: ModelConfig;
  /** How the matrices are stored. */
  readonly dtype: PinnedDType;
  readonly embedding: PinnedMatrix;
  readonly embeddingNorm?: NormWeights;
  readonly positions?: Float32Array;
  readonly projectIn?: PinnedMatrix;
  readonly projectOut?: PinnedMatrix;
  readonly layers: readonly ModelLayer[];
  readonly finalNorm?: NormWeights;
  readonly head: PinnedMatrix;
  readonly headBias?: Float32Array;
  /** Bytes of all matrices. */
  readonly sizeBytes: number;
  /** What the GGUF file held, where there was one: bytes of its tensors by element type. Blocks are decoded to `dtype`, matrix by matrix. */
  readonly stored?: Readonly<Record<string, number>>;
}

/**
 * Options of {@link languageModel}.
 * @category Running models
 */
export interface ModelOptions {
  /** Storage of the matrices: `float32`, or `int16` or `int8` with one scale a row (of `down`: a neuron). Default `float32`. */
  readonly dtype?: PinnedDType;
}

export const DTYPE = oneOf("float32", "int16", "int8");
const MODEL = { dtype: DTYPE };

/**
 * A model that can run, from its parameters.
 *
 * @param params - tensors by their published names
 * @param config - see {@link modelConfig}
 * @param options - see {@link ModelOptions}
 * @returns see {@link LanguageModel}
 * @throws `FormatError` or `ShapeError` when a tensor is missing, does not fit or has no place in the model; `DomainError` when a weight is not finite
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { languageModel, modelConfig, randomParameters } from "@provably/transformer-sparsity/griffin";
 *
 * const config = modelConfig({
 *   model_type: "llama", vocab_size: 11, hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32,
 *   tie_word_embeddings: true,
 * });
 * languageModel(randomParameters(key(0), config), config).sizeBytes; // => 2912
 * ```
 * @category Running models
 */
export function languageModel(
  params: Parameters,
  config: ModelConfig,
  options: ModelOptions = {},
): LanguageModel {
  checkConfig("languageModel", config);
  check("languageModel", "params", params, anyRecord);
  const { dtype } = checkOptions<ModelOptions>("languageModel", options, MODEL);
  const pin = pinner("languageModel", config, dtype);
  refuseUnused("languageModel", config, unusedTensors(config, Object.keys(params)));
  const layers = Array.from({ length: config.numLayers }, (_, i) =>
    pin.layer(layerParameters(params, config, i), i),
  );
  return pin.model(outerParameters(params, config), layers);
}

/** Pins piece by piece, so that a loader needs only one piece at a time. */
export function pinner(fn: string, config: ModelConfig, dtype: PinnedDType = "float32") {
  const matrix = (x: NdArray): PinnedMatrix => pinMatrix(x, { dtype });
  const linear = ({ weight, bias }: Linear): PinnedLinear => ({
    weight: matrix(weight),
    ...(bias && { bias: numbersOf(bias) }),
  });
  const norm = ({ scale, shift }: Norm, size = config.hiddenSize): NormWeights => ({
    scale: scale
      ? numbersOf(config.norm.unitOffset ? add(scale, 1) : scale)
      : new Float32Array(size).fill(1),
    ...(shift && { shift: numbersOf(shift) }),
  });
  const mixture = (p: MixtureParameters, layer: number): MixtureWeights => ({
    router: linear(p.router),
    rows: rowsOf(blockSizes(config, layer)),
    ...(p.downBias && { downBias: rowsApart(numbersOf(p.downBias), config.hiddenSize) }),
    ...(p.sharedGate && { sharedGate: linear(p.sharedGate) }),
  });
  return {
    layer(p: LayerParameters, index: number): ModelLayer {
      return {
        attentionNorm: norm(p.attentionNorm),
        query: linear(p.query),
        key: linear(p.key),
        value: linear(p.value),
        output: linear(p.output),
        ...(p.queryNorm && { queryNorm: norm(p.queryNorm) }),
        ...(p.keyNorm && { keyNorm: norm(p.keyNorm) }),
        ...(p.sinks && { sinks: numbersOf(p.sinks) }),
        ...(p.feedForwardNorm && { feedForwardNorm: norm(p.feedForwardNorm) }),
        ...(p.attentionOutputNorm && { attentionOutputNorm: norm(p.attentionOutputNorm) }),
        ...(p.feedForwardOutputNorm && { feedForwardOutputNorm: norm(p.feedForwardOutputNorm) }),
        feedForward: {
          ...(p.gate && { gate: linear(p.gate) }),
          up: linear(p.up),
          down: linear({ ...p.down, weight: transpose(p.down.weight) }),
          ...(p.mixture && { mixture: mixture(p.mixture, index) }),
        },
      };
    },
    model(p: OuterParameters, layers: readonly ModelLayer[]): LanguageModel {
      if (p.spareHead && !sameNumbers(p.spareHead, p.embedding))
        throw new FormatError(
          `${fn}: there is an output head that differs from the embeddings, to which tie_word_embeddings ties it; it is not clear which acts`,
        );
      const embedding = matrix(p.embedding);
      const pinned = {
        embedding,
        ...(p.projectIn &&
          p.projectOut && { projectIn: matrix(p.projectIn), projectOut: matrix(p.projectOut) }),
        head: p.head === p.embedding ? embedding : matrix(p.head),
      };
      const all = new Set([...Object.values(pinned), ...layers.flatMap(matricesOf)]);
      const sizeBytes = [...all].reduce((sum, m) => sum + m.sizeBytes, 0);
      return {
        config,
        dtype,
        ...pinned,
        layers,
        ...(p.embeddingNorm && { embeddingNorm: norm(p.embeddingNorm) }),
        ...(p.positions && { positions: numbersOf(p.positions) }),
        ...(p.headBias && { headBias: numbersOf(p.headBias) }),
        ...(p.finalNorm && { finalNorm: norm(p.finalNorm) }),
        sizeBytes,
      };
    },
  };
}

function matricesOf({ query, key, value, output, feedForward }: ModelLayer): PinnedMatrix[] {
  const { gate, up, down, mixture } = feedForward;
  const all = [query, key, value, output, gate, up, down, mixture?.router, mixture?.sharedGate];
  return all.flatMap((linear) => (linear ? [linear.weight] : []));
}

/** Consecutive numbers, so many in each part. */
export function rowsOf(sizes: readonly number[]): Int32Array[] {
  let from = 0;
  return sizes.map((size) => {
    const start = from;
    from += size;
    return Int32Array.from({ length: size }, (_, i) => start + i);
  });
}

function rowsApart(all: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: all.length / width }, (_, i) =>
    all.slice(i * width, (i + 1) * width),
  );
}

function sameNumbers(a: NdArray, b: NdArray): boolean {
  const [x, y] = [toTypedArray(a), toTypedArray(b)];
  return x.every((v, i) => v === y[i]);
}

function numbersOf(x: NdArray): Float32Array {
  return Float32Array.from(toTypedArray(x));
}

/** Whether `model` is one, with every matrix of the extents that its configuration gives. */
export function checkModel(fn: string, model: LanguageModel): LanguageModel {
  const { config } = check(fn, "model", model, anyRecord);
  checkConfig(fn, config);
  return check(fn, "model", model, recordWith(modelFields(config)));
}

function modelFields(config: ModelConfig): Record<string, Guard<never>> {
  const { vocabSize, hiddenSize: d, embeddingSize: e, numLayers, positions, maxPositions } = config;
  const norm = normGuard(d);
  const guards = new Map<boolean, Guard<object>>();
  // of all dense layers the same, and of all mixtures
  const layerOf = (i: number): Guard<object> => {
    const mixed = config.mixture?.layers[i] === true;
    const guard = guards.get(mixed) ?? layerGuard(config, i);
    guards.set(mixed, guard);
    return guard;
  };
  return {
    dtype: DTYPE,
    embedding: matrix(vocabSize, e),
    ...(config.embeddingNorm && { embeddingNorm: norm }),
    ...(positions.kind === "learned" && {
      positions: typedArray("Float32Array", (maxPositions + positions.offset) * d),
    }),
    ...(e !== d && { projectIn: matrix(d, e), projectOut: matrix(e, d) }),
    layers: allOf(Array.from({ length: numLayers }, (_, i) => layerOf(i))),
    ...(config.finalNorm && { finalNorm: norm }),
    head: matrix(vocabSize, e),
    ...(config.headBias && { headBias: typedArray("Float32Array", vocabSize) }),
  };
}

const matrix = (n: number, m: number): Guard<object> =>
  satisfying(`a pinned matrix [${n}, ${m}]`, (x) => {
    const { shape, free } = (x ?? {}) as Partial<PinnedMatrix>;
    return typeof free === "function" && Array.isArray(shape) && shape[0] === n && shape[1] === m;
  });

const linear = (out: number, into: number, biases = out): Guard<object> =>
  recordWith({ weight: matrix(out, into), bias: optional(typedArray("Float32Array", biases)) });

const normGuard = (size: number): Guard<object> =>
  recordWith({
    scale: typedArray("Float32Array", size),
    shift: optional(typedArray("Float32Array", size)),
  });

function layerGuard(config: ModelConfig, layer: number): Guard<object> {
  const { hiddenSize: d, numHeads, numKvHeads, headDim, residual, queryKeyNorm, mixture } = config;
  const norm = normGuard(d);
  const [q, kv] = [numHeads * headDim, numKvHeads * headDim];
  const size = layerNeurons(config, layer);
  const heads = (width: number): Guard<object> =>
    normGuard(queryKeyNorm?.scope === "head" ? headDim : width);
  return recordWith({
    attentionNorm: norm,
    query: linear(q, d),
    key: linear(kv, d),
    value: linear(kv, d),
    output: linear(d, q),
    ...(queryKeyNorm && { queryNorm: heads(q), keyNorm: heads(kv) }),
    ...(config.attention.sinks && { sinks: typedArray("Float32Array", numHeads) }),
    ...(residual !== "shared" && { feedForwardNorm: norm }),
    ...(residual === "sandwich" && { attentionOutputNorm: norm, feedForwardOutputNorm: norm }),
    feedForward: recordWith({
      ...(config.gated && { gate: linear(size, d) }),
      up: linear(size, d),
      down: linear(size, d, d),
      ...(mixture?.layers[layer] && {
        mixture: recordWith({
          router: linear(mixture.numExperts, d),
          rows: listOf(typedArray("Int32Array")),
          ...(mixture.sharedSize > 0 && { sharedGate: linear(1, d) }),
        }),
      }),
    }),
  });
}

/** A list with a guard for each entry. */
function allOf(guards: readonly Guard<object>[]): Guard<object> {
  const list = listOf(anything, guards.length);
  return (x) => {
    const fault = list(x);
    if (fault !== undefined) return fault;
    for (const [i, guard] of guards.entries()) {
      const own = guard((x as unknown[])[i]);
      if (own !== undefined) return { ...own, path: `[${i}]${own.path}` };
    }
    return undefined;
  };
}
