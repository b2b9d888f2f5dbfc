/** The weights of a vision transformer: found by name, checked, and put into the form in which they are used. */
import {
  type NdArray,
  DomainError,
  FormatError,
  ShapeError,
  matrixTranspose,
  reshape,
  slice,
  toTypedArray,
} from "@provably/core-tensor";
import { check, tensor } from "@provably/core-tensor/internal";
import { type VisionConfig, numSpecial, ownGrid } from "./description.js";
import { DECODER, VISION_NAMES, type VisionNames } from "./names.js";

/** $xW + b$, with $W$ as `[in, out]`. */
export interface VisionLinear {
  readonly weight: NdArray;
  readonly bias?: NdArray;
}

/** Factors and summands of a norm. */
export interface VisionNorm {
  readonly scale: NdArray;
  readonly shift: NdArray;
}

/** A feed-forward block. */
export interface VisionMlp {
  readonly gate?: VisionLinear;
  readonly up: VisionLinear;
  readonly down: VisionLinear;
}

/** One block of attention and feed-forward. */
export interface VisionLayer extends VisionMlp {
  readonly norm1: VisionNorm;
  readonly query: VisionLinear;
  readonly key: VisionLinear;
  readonly value: VisionLinear;
  readonly output: VisionLinear;
  readonly norm2: VisionNorm;
  /** Factors of what attention and feed-forward add. */
  readonly scale1?: NdArray;
  readonly scale2?: NdArray;
  /** Bias of the scores by distance, `[distances, heads]`. */
  readonly relativeBias?: NdArray;
}

/** A query of its own that gathers one vector from all tokens. */
export interface VisionGather extends VisionMlp {
  readonly probe: NdArray;
  readonly query: VisionLinear;
  readonly key: VisionLinear;
  readonly value: VisionLinear;
  readonly output: VisionLinear;
  readonly norm: VisionNorm;
}

/** The half of a masked autoencoder that fills in pixels. */
export interface VisionDecoder {
  readonly embed: VisionLinear;
  readonly maskToken: NdArray;
  readonly positions: NdArray;
  readonly layers: readonly VisionLayer[];
  readonly norm: VisionNorm;
  readonly predict: VisionLinear;
}

/** All weights of a vision transformer. */
export interface VisionWeights {
  readonly patches: VisionLinear;
  /** Tokens before the patches, `[special, d]`. */
  readonly special: readonly NdArray[];
  /** `[special tokens with a place, then patches; d]`. */
  readonly positions?: NdArray;
  readonly embeddingNorm?: VisionNorm;
  readonly sharedBias?: NdArray;
  readonly layers: readonly VisionLayer[];
  readonly finalNorm?: VisionNorm;
  readonly poolingNorm?: VisionNorm;
  readonly pooler?: VisionLinear;
  readonly gather?: VisionGather;
  readonly projection?: VisionLinear;
  readonly classifier?: VisionLinear;
  /** That of the distillation token, beside which `classifier` is that of the class token. */
  readonly distilled?: VisionLinear;
  readonly decoder?: VisionDecoder;
}

/** Tensors that are taken out one by one: what is left at the end belongs to nothing. */
class Tensors {
  private readonly left: Map<string, NdArray>;
  constructor(
    params: Readonly<Record<string, NdArray>>,
    private readonly root: string,
    private readonly fn: string,
  ) {
    this.left = new Map(Object.entries(params));
  }

  /** The name that a file gives a tensor, with the root or without. */
  private find(name: string): string | undefined {
    return [this.root + name, name].find((full) => this.left.has(full));
  }

  has(name: string): boolean {
    return this.find(name) !== undefined;
  }

  take(name: string, shape: readonly number[]): NdArray {
    const full = this.find(name);
    if (full === undefined)
      throw new FormatError(`${this.fn}: there is no tensor "${this.root}${name}"`);
    const x = check(this.fn, `"${full}"`, this.left.get(full)!, tensor);
    this.left.delete(full);
    if (x.dtype !== "float32" && x.dtype !== "float64")
      throw new FormatError(`${this.fn}: "${full}" holds ${x.dtype}, expected float32 or float64`);
    if (x.shape.length !== shape.length || x.shape.some((extent, i) => extent !== shape[i]))
      throw new ShapeError(
        `${this.fn}: "${full}" must have shape [${shape.join(", ")}] by the config, got [${x.shape.join(", ")}]`,
      );
    const bad = toTypedArray(x).findIndex((value) => !Number.isFinite(value));
    if (bad >= 0)
      throw new DomainError(`${this.fn}: "${full}" must be finite, element ${bad} is not`);
    return x;
  }

  linear(name: string, from: number, to: number, bias: boolean): VisionLinear {
    return {
      weight: matrixTranspose(this.take(`${name}.weight`, [to, from])),
      ...(bias && { bias: this.take(`${name}.bias`, [to]) }),
    };
  }

  norm(name: string, width: number): VisionNorm {
    return {
      scale: this.take(`${name}.weight`, [width]),
      shift: this.take(`${name}.bias`, [width]),
    };
  }

  /** Refuses what no part of the model has taken. */
  finish(unused: RegExp): void {
    const kept = [...this.left.keys()].filter((name) => {
      const bare = name.startsWith(this.root) ? name.slice(this.root.length) : name;
      return !unused.test(bare);
    });
    if (kept.length > 0)
      throw new FormatError(
        `${this.fn}: tensor "${kept[0]!}" is not used by a model with this config${kept.length === 1 ? "" : `, nor ${kept.length - 1} others such as "${kept[1]!}"`}; what is not understood is not left out`,
      );
  }
}

/** The weights of a model among `params`, every one of which must be of use or known to be of none. */
export function visionWeights(
  fn: string,
  params: Readonly<Record<string, NdArray>>,
  config: VisionConfig,
): VisionWeights {
  const names = VISION_NAMES[config.family];
  const tensors = new Tensors(params, names.root, fn);
  const { hiddenSize: d, positions, relativeBias, embeddingNorm, finalNorm, pooling } = config;
  const weights = {
    patches: readPatches(tensors, config, names),
    special: readSpecial(tensors, config, names),
    ...(positions.kind === "table" && { positions: readPositions(tensors, config, names) }),
    ...(embeddingNorm && { embeddingNorm: tensors.norm(names.embeddingNorm, d) }),
    ...(relativeBias.shared && { sharedBias: readBias(tensors, config, names.sharedBias) }),
    layers: Array.from({ length: config.numLayers }, (_, i) =>
      readLayer(tensors, config, names, `${names.layers}.${i}`),
    ),
    ...(finalNorm && { finalNorm: tensors.norm(names.finalNorm, d) }),
    ...readPooling(tensors, config, names),
    ...readHeads(tensors, config, pooling),
    ...(config.decoder &&
      tensors.has(`${DECODER.embed}.weight`) && { decoder: readDecoder(tensors, config) }),
  };
  tensors.finish(names.unused);
  return weights;
}

function readPatches(t: Tensors, config: VisionConfig, names: VisionNames): VisionLinear {
  const { hiddenSize, channels, patchSize, biases } = config;
  const [tall, wide] = patchSize;
  const stored = t.take(`${names.patches}.weight`, [hiddenSize, channels, tall, wide]);
  return {
    weight: matrixTranspose(reshape(stored, [hiddenSize, channels * tall * wide])),
    ...(biases.patches && { bias: t.take(`${names.patches}.bias`, [hiddenSize]) }),
  };
}

function readSpecial(t: Tensors, config: VisionConfig, names: VisionNames): NdArray[] {
  const { hiddenSize: d, specialTokens, family } = config;
  const { classToken, distillation, registers } = specialTokens;
  const flat = family === "clip_vision_model";
  const one = (name: string): NdArray => reshape(t.take(name, flat ? [d] : [1, 1, d]), [1, d]);
  const found = [
    ...(classToken ? [one(names.classToken)] : []),
    ...(distillation ? [one(names.distillation)] : []),
  ];
  if (registers > 0)
    found.push(reshape(t.take(names.registers, [1, registers, d]), [registers, d]));
  else if (t.has(names.registers)) t.take(names.registers, [1, 0, d]);
  return found;
}

function readPositions(t: Tensors, config: VisionConfig, names: VisionNames): NdArray {
  const { hiddenSize: d, specialTokens } = config;
  const [rows, columns] = ownGrid(config);
  // registers have no place
  const length = numSpecial(config) - specialTokens.registers + rows * columns;
  const bare = names.positions.endsWith(".weight");
  return reshape(t.take(names.positions, bare ? [length, d] : [1, length, d]), [length, d]);
}

function readBias(t: Tensors, config: VisionConfig, name: string): NdArray {
  const [rows, columns] = ownGrid(config);
  return t.take(name, [(2 * rows - 1) * (2 * columns - 1) + 3, config.numHeads]);
}

function readLayer(t: Tensors, config: VisionConfig, names: VisionNames, at: string): VisionLayer {
  const { hiddenSize: d, numHeads, headDim, biases, relativeBias, layerScale } = config;
  const inner = numHeads * headDim;
  return {
    norm1: t.norm(`${at}.${names.norm1}`, d),
    query: t.linear(`${at}.${names.query}`, d, inner, biases.query),
    key: t.linear(`${at}.${names.key}`, d, inner, biases.key),
    value: t.linear(`${at}.${names.value}`, d, inner, biases.value),
    output: t.linear(`${at}.${names.output}`, inner, d, biases.output),
    norm2: t.norm(`${at}.${names.norm2}`, d),
    ...readMlp(t, config, names, `${at}.`),
    ...(layerScale && {
      scale1: t.take(`${at}.${names.scale1}`, [d]),
      scale2: t.take(`${at}.${names.scale2}`, [d]),
    }),
    ...(relativeBias.layers && { relativeBias: readBias(t, config, `${at}.${names.layerBias}`) }),
  };
}

function readMlp(t: Tensors, config: VisionConfig, names: VisionNames, at: string): VisionMlp {
  const { hiddenSize: d, ffSize, gated, biases } = config;
  const bias = biases.feedForward;
  const { gateAndUp, gatedDown } = names;
  if (
    gated &&
    gateAndUp !== undefined &&
    gatedDown !== undefined &&
    t.has(`${at}${gateAndUp}.weight`)
  ) {
    const both = t.linear(at + gateAndUp, d, 2 * ffSize, bias);
    const half = (from: number): VisionLinear => ({
      weight: slice(both.weight, [null, from], [null, from + ffSize]),
      ...(both.bias && { bias: slice(both.bias, [from], [from + ffSize]) }),
    });
    return { gate: half(0), up: half(ffSize), down: t.linear(at + gatedDown, ffSize, d, bias) };
  }
  const [up, down] =
    gated && gatedDown !== undefined ? ["mlp.up_proj", "mlp.down_proj"] : [names.up, names.down];
  return {
    ...(gated && { gate: t.linear(at + names.gate, d, ffSize, bias) }),
    up: t.linear(at + up, d, ffSize, bias),
    down: t.linear(at + down, ffSize, d, bias),
  };
}

function readPooling(
  t: Tensors,
  config: VisionConfig,
  names: VisionNames,
): Pick<VisionWeights, "poolingNorm" | "pooler" | "gather"> {
  const { hiddenSize: d, pooling, poolerSize } = config;
  // models that classify leave some of these out
  if (pooling === "dense" && t.has("pooler.dense.weight"))
    return { pooler: t.linear("pooler.dense", d, poolerSize, true) };
  if (pooling === "classNorm" || (pooling === "meanNorm" && t.has(`${names.poolingNorm}.weight`)))
    return { poolingNorm: t.norm(names.poolingNorm, d) };
  if (pooling === "attention" && t.has("head.probe")) return { gather: readGather(t, config) };
  return {};
}

function readGather(t: Tensors, config: VisionConfig): VisionGather {
  const { hiddenSize: d, ffSize } = config;
  const weight = t.take("head.attention.in_proj_weight", [3 * d, d]);
  const bias = t.take("head.attention.in_proj_bias", [3 * d]);
  const part = (i: number): VisionLinear => ({
    weight: matrixTranspose(slice(weight, [i * d], [(i + 1) * d])),
    bias: slice(bias, [i * d], [(i + 1) * d]),
  });
  return {
    probe: t.take("head.probe", [1, 1, d]),
    query: part(0),
    key: part(1),
    value: part(2),
    output: t.linear("head.attention.out_proj", d, d, true),
    norm: t.norm("head.layernorm", d),
    up: t.linear("head.mlp.fc1", d, ffSize, true),
    down: t.linear("head.mlp.fc2", ffSize, d, true),
  };
}

function readHeads(
  t: Tensors,
  config: VisionConfig,
  pooling: VisionConfig["pooling"],
): Pick<VisionWeights, "projection" | "classifier" | "distilled"> {
  const { hiddenSize: d, classifies, labels, projectionSize, family } = config;
  const from = classifies === "classAndMean" ? 2 * d : d;
  const head = (name: string) => t.linear(name, from, labels.length, true);
  if (family === "deit" && t.has("cls_classifier.weight"))
    return { classifier: head("cls_classifier"), distilled: head("distillation_classifier") };
  return {
    ...(projectionSize !== null &&
      pooling === "classNorm" &&
      t.has("visual_projection.weight") && {
        projection: t.linear("visual_projection", d, projectionSize, false),
      }),
    ...(t.has("classifier.weight") && { classifier: head("classifier") }),
  };
}

function readDecoder(t: Tensors, config: VisionConfig): VisionDecoder {
  const { hiddenSize, channels, patchSize } = config;
  const { hiddenSize: d, numLayers, numHeads, ffSize } = config.decoder!;
  const [rows, columns] = ownGrid(config);
  const inner = { ...config, hiddenSize: d, numHeads, headDim: d / numHeads, ffSize };
  const names = VISION_NAMES[config.family];
  const length = rows * columns + 1;
  return {
    embed: t.linear(DECODER.embed, hiddenSize, d, true),
    maskToken: reshape(t.take(DECODER.maskToken, [1, 1, d]), [1, d]),
    positions: reshape(t.take(DECODER.positions, [1, length, d]), [length, d]),
    layers: Array.from({ length: numLayers }, (_, i) =>
      readLayer(t, inner, names, `${DECODER.layers}.${i}`),
    ),
    norm: t.norm(DECODER.norm, d),
    predict: t.linear(DECODER.predict, d, patchSize[0] * patchSize[1] * channels, true),
  };
}
