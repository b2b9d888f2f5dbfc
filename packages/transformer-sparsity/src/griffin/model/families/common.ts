/** What the readers of configs share: fields under the usual names, windows, positions and biases. */
import { FormatError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { type Activation, activationNames, isActivation } from "../activation.js";
import { mustBe } from "../config-fields.js";
import type { ModelConfig, ModelFamily } from "../description.js";
import type { JsonObject } from "../json.js";
import { type RopeNames, ropeConfig } from "../rope-config.js";

/** A reader of the configs of a family. */
export type ConfigReader = (c: JsonObject, family: ModelFamily) => ModelConfig;

/** The names of fields that all families have, and what is meant when they are absent. */
export interface FieldNames {
  readonly layers: string;
  readonly heads: string;
  readonly hidden: string;
  readonly positions: string;
  readonly activation: readonly [name: string, fallback: string];
  readonly tied: boolean;
  /** Longest sequence when the field is absent; without one the field must be there. */
  readonly defaultPositions?: number;
}

const COMMON: FieldNames = {
  layers: "num_hidden_layers",
  heads: "num_attention_heads",
  hidden: "hidden_size",
  positions: "max_position_embeddings",
  activation: ["hidden_act", "silu"],
  tied: false,
};

/** The choices of a plain decoder without gates, to be altered. `ffSize` and `positions` are the family's to say. */
export function plainConfig(
  c: JsonObject,
  family: ModelFamily,
  given: Partial<FieldNames> = {},
): Omit<ModelConfig, "ffSize" | "positions" | "norm" | "biases"> {
  const names = { ...COMMON, ...given };
  const numLayers = c.count(names.layers, { max: 1000 });
  const numHeads = c.count(names.heads);
  const hiddenSize = c.count(names.hidden);
  return {
    family,
    vocabSize: c.count("vocab_size"),
    hiddenSize,
    numLayers,
    numHeads,
    numKvHeads: numHeads,
    headDim: hiddenSize / numHeads,
    maxPositions: c.count(
      names.positions,
      names.defaultPositions === undefined ? {} : { fallback: names.defaultPositions },
    ),
    embeddingSize: hiddenSize,
    embeddingScale: 1,
    embeddingNorm: false,
    residual: "pre",
    residualScale: 1,
    finalNorm: true,
    gated: false,
    activation: readActivation(c.text(...names.activation), names.activation[1]),
    windowPositions: null,
    layerPositions: new Array<"main">(numLayers).fill("main"),
    interleavedRotary: false,
    slidingWindows: new Array<number | null>(numLayers).fill(null),
    queryKeyNorm: null,
    attention: {
      scale: 1 / Math.sqrt(hiddenSize / numHeads),
      softcap: null,
      clip: null,
      sinks: false,
    },
    mixture: null,
    headBias: false,
    logitScale: 1,
    logitSoftcap: null,
    tied: c.flag("tie_word_embeddings", names.tied),
    bosToken: c.token("bos_token_id"),
    eosTokens: eosTokens(c),
  };
}

/** The choices of Llama, to be altered: gates, root-mean-square norms before each block, rotated positions, shared heads of keys and values. */
export function llamaConfig(
  c: JsonObject,
  family: ModelFamily,
  given: Partial<FieldNames> & {
    /** Whether the family's config may give `head_dim`; a number is the library's default. */
    readonly headDim?: number | false;
    readonly epsilon?: readonly [name: string, fallback: number];
    readonly rope?: Partial<RopeNames>;
    readonly unitOffset?: boolean;
  } = {},
): ModelConfig {
  const plain = plainConfig(c, family, given);
  const own =
    given.headDim === false
      ? plain.headDim
      : c.count("head_dim", { fallback: given.headDim ?? plain.headDim });
  if (given.headDim === false) mustBe(c, "head_dim", own);
  return {
    ...plain,
    headDim: own,
    attention: { ...plain.attention, scale: 1 / Math.sqrt(own) },
    numKvHeads: c.count("num_key_value_heads", { fallback: plain.numHeads }),
    ffSize: c.count("intermediate_size"),
    gated: true,
    norm: rms(c.number(...(given.epsilon ?? (["rms_norm_eps", 1e-6] as const))), given.unitOffset),
    positions: ropeConfig(c, own, plain.maxPositions, given.rope),
    biases: noBiases,
  };
}

export const noBiases = { qkv: false, output: false, feedForward: false };

export function rms(epsilon: number, unitOffset = false): ModelConfig["norm"] {
  return { kind: "rms", epsilon, unitOffset, scale: true, shift: false };
}

export function layerNorms(
  epsilon: number,
  { scale = true, shift = true } = {},
): ModelConfig["norm"] {
  return { kind: "layer", epsilon, unitOffset: false, scale, shift };
}

/** One number, a list, or nothing. */
function eosTokens(c: JsonObject): number[] {
  const stored = c.value("eos_token_id") ?? [];
  const list: unknown[] = Array.isArray(stored) ? stored : [stored];
  if (!list.every((id) => Number.isInteger(id) && (id as number) >= 0))
    throw new FormatError("modelConfig: eos_token_id must be a token or a list of them");
  return list as number[];
}

/** Activations that belong to a family, which no config names. */
const INNER: readonly string[] = ["clamped_swiglu", "bloom_gelu"];

function readActivation(name: string, fallback: string): Activation {
  if (!isActivation(name) || (INNER.includes(name) && name !== fallback))
    throw new FormatError(
      `modelConfig: activation "${name}" is not one of ${activationNames.filter((known) => !INNER.includes(known)).join(", ")}`,
    );
  return name;
}

/** A window that may be null; absent means `fallback`. */
export function windowSize(c: JsonObject, fallback: number | null): number | null {
  if (c.value("sliding_window") === undefined) return fallback;
  return c.has("sliding_window") ? c.count("sliding_window") : null;
}

/** Refuses what would give layers windows in a family that has none. */
export function refuseWindows(c: JsonObject, numLayers: number): void {
  mustBe(c, "use_sliding_window", false);
  if (c.has("sliding_window")) mustBe(c, "sliding_window", null);
  // a count of layers without windows, of which there are none
  c.value("max_window_layers");
  agree(layerTypes(c, numLayers), new Array<boolean>(numLayers).fill(false));
}

/** Of each layer, whether it sees only a window, by `layer_types`; nothing when the field is absent. */
export function layerTypes(c: JsonObject, numLayers: number): readonly boolean[] | undefined {
  if (!c.has("layer_types")) return undefined;
  const types = c.value("layer_types");
  const known = ["full_attention", "sliding_attention"];
  if (
    !Array.isArray(types) ||
    types.length !== numLayers ||
    !types.every((type) => known.includes(type as string))
  )
    throw new FormatError(
      `modelConfig: layer_types must name ${numLayers} layers, each ${known.join(" or ")}, got ${show(types)}`,
    );
  return (types as string[]).map((type) => type === "sliding_attention");
}

/** Refuses `layer_types` that say something else than the other fields. */
export function agree(types: readonly boolean[] | undefined, narrow: readonly boolean[]): void {
  const layer = types?.findIndex((sliding, i) => sliding !== narrow[i]) ?? -1;
  if (layer >= 0)
    throw new FormatError(
      `modelConfig: layer_types calls layer ${layer} "${types![layer]! ? "sliding" : "full"}_attention", the other fields say otherwise`,
    );
}

/** Windows of the layers that `layer_types`, or else `pattern`, marks. Without a size there are none, and layers that ask for one are refused. */
export function patternWindows(
  c: JsonObject,
  numLayers: number,
  size: number | null,
  pattern: (layer: number) => boolean,
): (number | null)[] {
  const types = layerTypes(c, numLayers);
  if (size === null && types?.includes(true))
    throw new FormatError(
      "modelConfig: layer_types names sliding_attention and sliding_window gives no size",
    );
  return Array.from({ length: numLayers }, (_, i) =>
    (types?.[i] ?? (size !== null && pattern(i))) ? size : null,
  );
}

/** Every how many layers one sees everything; the last of each period does. */
export function everyNth(
  c: JsonObject,
  name: string,
  fallback: number,
): (layer: number) => boolean {
  const period = c.count(name, { fallback });
  return (layer) => (layer + 1) % period !== 0;
}
