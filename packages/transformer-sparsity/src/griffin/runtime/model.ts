/** A model ready to run: its choices, and its matrices pinned where the kernels read them. */
import { type NdArray, FormatError, add, toTypedArray, transpose } from "@provably/core-tensor";
import {
  anyRecord,
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

import { type ModelConfig, checkConfig } from "../model/config.js";
import {
  type LayerParameters,
  type Linear,
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
  readonly feedForwardNorm: NormWeights;
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
  readonly positions?: Float32Array;
  readonly projectIn?: PinnedMatrix;
  readonly projectOut?: PinnedMatrix;
  readonly layers: readonly ModelLayer[];
  readonly finalNorm?: NormWeights;
  readonly head: PinnedMatrix;
  /** Bytes of all matrices. */
  readonly sizeBytes: number;
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
    pin.layer(layerParameters(params, config, i)),
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
  const norm = ({ scale, shift }: Norm): NormWeights => ({
    scale: numbersOf(config.norm.unitOffset ? add(scale, 1) : scale),
    ...(shift && { shift: numbersOf(shift) }),
  });
  return {
    layer(p: LayerParameters): ModelLayer {
      return {
        attentionNorm: norm(p.attentionNorm),
        query: linear(p.query),
        key: linear(p.key),
        value: linear(p.value),
        output: linear(p.output),
        feedForwardNorm: norm(p.feedForwardNorm),
        feedForward: {
          ...(p.gate && { gate: linear(p.gate) }),
          up: linear(p.up),
          down: linear({ ...p.down, weight: transpose(p.down.weight) }),
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
        ...(p.positions && { positions: numbersOf(p.positions) }),
        ...(p.finalNorm && { finalNorm: norm(p.finalNorm) }),
        sizeBytes,
      };
    },
  };
}

function matricesOf({
  query,
  key,
  value,
  output,
  feedForward: { gate, up, down },
}: ModelLayer): PinnedMatrix[] {
  return [query, key, value, output, ...(gate ? [gate] : []), up, down].map(({ weight }) => weight);
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

function modelFields({
  vocabSize,
  hiddenSize: d,
  embeddingSize: e,
  ffSize,
  numLayers,
  numHeads,
  numKvHeads,
  headDim,
  gated,
  finalNorm,
  positions,
  maxPositions,
}: ModelConfig): Record<string, Guard<never>> {
  const matrix = (n: number, m: number): Guard<object> =>
    satisfying(`a pinned matrix [${n}, ${m}]`, (x) => {
      const { shape, free } = (x ?? {}) as Partial<PinnedMatrix>;
      return typeof free === "function" && Array.isArray(shape) && shape[0] === n && shape[1] === m;
    });
  const linear = (out: number, into: number, biases = out): Guard<object> =>
    recordWith({ weight: matrix(out, into), bias: optional(typedArray("Float32Array", biases)) });
  const norm = recordWith({
    scale: typedArray("Float32Array", d),
    shift: optional(typedArray("Float32Array", d)),
  });
  const neurons = linear(ffSize, d);
  const layer = recordWith({
    attentionNorm: norm,
    query: linear(numHeads * headDim, d),
    key: linear(numKvHeads * headDim, d),
    value: linear(numKvHeads * headDim, d),
    output: linear(d, numHeads * headDim),
    feedForwardNorm: norm,
    feedForward: recordWith({
      ...(gated && { gate: neurons }),
      up: neurons,
      down: linear(ffSize, d, d),
    }),
  });
  return {
    dtype: DTYPE,
    embedding: matrix(vocabSize, e),
    ...(positions.kind === "learned" && {
      positions: typedArray("Float32Array", (maxPositions + positions.offset) * d),
    }),
    ...(e !== d && { projectIn: matrix(d, e), projectOut: matrix(e, d) }),
    layers: listOf(layer, numLayers),
    ...(finalNorm && { finalNorm: norm }),
    head: matrix(vocabSize, e),
  };
}
