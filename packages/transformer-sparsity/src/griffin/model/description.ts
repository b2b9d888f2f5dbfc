/**
 * What distinguishes one decoder-only model from another: one table of choices, whatever the family. Everything after the readers of configs looks at the
 * choices, not at the family's name.
 */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  byKind,
  check,
  listOf,
  nullable,
  oneOf,
  recordOf,
  recordWith,
  satisfying,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Activation, activationNames, isActivation } from "./activation.js";
import { type RopeConfig, ropeGuard } from "./rope.js";

/** Families, by the `model_type` of their config. */
export const FAMILIES = [
  ...["llama", "mistral", "ministral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text"],
  ...["phi", "phi3", "smollm3", "olmo", "olmo2", "olmo3", "granite", "stablelm", "starcoder2"],
  ...["cohere", "cohere2", "exaone4", "glm", "glm4", "gpt2", "gptj", "gpt_neox", "opt", "falcon"],
  ...["bloom", "mpt", "mixtral", "qwen2_moe", "qwen3_moe", "olmoe", "gpt_oss"],
] as readonly string[] as readonly ModelFamily[];

/**
 * Families that can be run, by the `model_type` of their config.
 * @category Models
 */
export type ModelFamily =
  | "llama"
  | "mistral"
  | "ministral"
  | "qwen2"
  | "qwen3"
  | "gemma"
  | "gemma2"
  | "gemma3_text"
  | "phi"
  | "phi3"
  | "smollm3"
  | "olmo"
  | "olmo2"
  | "olmo3"
  | "granite"
  | "stablelm"
  | "starcoder2"
  | "cohere"
  | "cohere2"
  | "exaone4"
  | "glm"
  | "glm4"
  | "gpt2"
  | "gptj"
  | "gpt_neox"
  | "opt"
  | "falcon"
  | "bloom"
  | "mpt"
  | "mixtral"
  | "qwen2_moe"
  | "qwen3_moe"
  | "olmoe"
  | "gpt_oss";

/**
 * Positions as a bias of the scores that grows with the place of the key, one slope for each head.
 * @category Models
 */
export interface AlibiConfig {
  readonly kind: "alibi";
  readonly slopes: readonly number[];
  /** Whether slopes and biases are rounded to bfloat16, as Falcon's are. */
  readonly rounded: boolean;
  /** Factor of the biases. */
  readonly scale: number;
}

/**
 * Mixtures of experts: in the layers that `layers` marks, a router picks a few of many small feed-forward blocks for each token.
 * @category Models
 */
export interface MixtureConfig {
  /** Which layers are mixtures. */
  readonly layers: readonly boolean[];
  readonly numExperts: number;
  /** Experts that a token goes to. */
  readonly perToken: number;
  /** Neurons of each expert. */
  readonly expertSize: number;
  /** Whether the weights of the experts of a token are made to sum to 1. */
  readonly normalized: boolean;
  /** Neurons of one more block that every token goes to; 0 for none. Its weight is a logistic function of the token. */
  readonly sharedSize: number;
  /** Whether the router adds a bias. */
  readonly routerBias: boolean;
}

/**
 * The choices that make a decoder.
 * @category Models
 */
export interface ModelConfig {
  readonly family: ModelFamily;
  readonly vocabSize: number;
  /** Width $d$ of the residual stream. */
  readonly hiddenSize: number;
  /** Number $D$ of neurons of a feed-forward block that is not a mixture. */
  readonly ffSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Heads of keys and values; each serves `numHeads / numKvHeads` heads of queries. */
  readonly numKvHeads: number;
  readonly headDim: number;
  /** Longest sequence that the positions cover. */
  readonly maxPositions: number;
  /** Width of the embeddings; unlike `hiddenSize` only where a projection stands between. */
  readonly embeddingSize: number;
  /** Factor of the embeddings. */
  readonly embeddingScale: number;
  /** Whether the embeddings are normalised. */
  readonly embeddingNorm: boolean;
  /** `unitOffset`: the stored scale is an offset from 1. `scale`, `shift`: whether there are factors and summands. */
  readonly norm: {
    readonly kind: "rms" | "layer";
    readonly epsilon: number;
    readonly unitOffset: boolean;
    readonly scale: boolean;
    readonly shift: boolean;
  };
  /**
   * Where norms $N$ stand around a block $B$: `pre` $x + B(N(x))$; `post` $N(x + B(x))$; `output` $x + N(B(x))$; `sandwich` $x + N'(B(N(x)))$;
   * `parallel` $x + A(N(x)) + F(N'(x))$; `shared` the same with one norm.
   */
  readonly residual: "pre" | "post" | "output" | "sandwich" | "parallel" | "shared";
  /** Factor of what blocks add. */
  readonly residualScale: number;
  readonly finalNorm: boolean;
  readonly activation: Activation;
  /** Whether the activation of one projection multiplies another projection. */
  readonly gated: boolean;
  /** Rotated queries and keys, a table of learned vectors that starts at row `offset`, or slopes. */
  readonly positions:
    RopeConfig | { readonly kind: "learned"; readonly offset: number } | AlibiConfig;
  /** Rotation of the layers that `layerPositions` calls `window`; null where there are none. */
  readonly windowPositions: RopeConfig | null;
  /** Rotation of each layer: `positions`, `windowPositions`, or none. */
  readonly layerPositions: readonly ("main" | "window" | "none")[];
  /** Whether stored queries and keys pair neighbouring features; they are put in the order of halves when they are read. */
  readonly interleavedRotary: boolean;
  /** How far back each layer sees, in tokens; null for everything. */
  readonly slidingWindows: readonly (number | null)[];
  /** Norm of queries and keys before they are rotated: over each head with common (`head`) or own factors (`heads`), or over all heads together (`all`). */
  readonly queryKeyNorm: null | {
    readonly scope: "head" | "heads" | "all";
    readonly shift: boolean;
  };
  readonly attention: {
    /** Factor of the scores. */
    readonly scale: number;
    /** Scores become $c \tanh(s/c)$. */
    readonly softcap: number | null;
    /** Queries, keys and values are held within ± this. */
    readonly clip: number | null;
    /** Whether each head has one more score that takes weight and adds nothing. */
    readonly sinks: boolean;
  };
  readonly mixture: MixtureConfig | null;
  readonly biases: {
    readonly qkv: boolean;
    readonly output: boolean;
    readonly feedForward: boolean;
  };
  readonly headBias: boolean;
  /** Factor of the logits. */
  readonly logitScale: number;
  /** Logits become $c \tanh(z/c)$. */
  readonly logitSoftcap: number | null;
  /** Whether the output head is the table of embeddings. */
  readonly tied: boolean;
  readonly bosToken: number | null;
  readonly eosTokens: readonly number[];
}

/** Neurons of the blocks of a layer, one after another: all in one, or an expert each and then the shared block. */
export function blockSizes({ mixture, ffSize }: ModelConfig, layer: number): readonly number[] {
  if (!mixture?.layers[layer]) return [ffSize];
  const { numExperts, expertSize, sharedSize } = mixture;
  return [
    ...new Array<number>(numExperts).fill(expertSize),
    ...(sharedSize > 0 ? [sharedSize] : []),
  ];
}

/** Neurons of a layer. */
export function layerNeurons(config: ModelConfig, layer: number): number {
  return blockSizes(config, layer).reduce((a, b) => a + b, 0);
}

/** The rotation of a layer. */
export function layerRope(config: ModelConfig, layer: number): RopeConfig | undefined {
  const which = config.layerPositions[layer];
  if (which === "none") return undefined;
  const chosen = which === "window" ? config.windowPositions : config.positions;
  return chosen?.kind === "rope" ? chosen : undefined;
}

const count = wholeNumber(1);
const sizes = {
  vocabSize: count,
  hiddenSize: count,
  ffSize: count,
  numLayers: count,
  numHeads: count,
  numKvHeads: count,
  headDim: count,
  embeddingSize: count,
  gated: trueOrFalse,
};
const shape = recordOf({
  ...sizes,
  family: oneOf(...FAMILIES),
  maxPositions: count,
  embeddingScale: anyNumber,
  embeddingNorm: trueOrFalse,
  norm: recordOf({
    kind: oneOf("rms", "layer"),
    epsilon: anyNumber,
    unitOffset: trueOrFalse,
    scale: trueOrFalse,
    shift: trueOrFalse,
  }),
  residual: oneOf("pre", "post", "output", "sandwich", "parallel", "shared"),
  residualScale: anyNumber,
  finalNorm: trueOrFalse,
  activation: satisfying(`one of ${activationNames.join(", ")}`, isActivation),
  positions: byKind("kind", {
    rope: ropeGuard,
    learned: recordOf({ kind: oneOf("learned"), offset: wholeNumber(0) }),
    alibi: recordOf({
      kind: oneOf("alibi"),
      slopes: listOf(anyNumber),
      rounded: trueOrFalse,
      scale: anyNumber,
    }),
  }),
  windowPositions: nullable(ropeGuard),
  layerPositions: listOf(oneOf("main", "window", "none")),
  interleavedRotary: trueOrFalse,
  slidingWindows: listOf(nullable(count)),
  queryKeyNorm: nullable(recordOf({ scope: oneOf("head", "heads", "all"), shift: trueOrFalse })),
  attention: recordOf({
    scale: anyNumber,
    softcap: nullable(anyNumber),
    clip: nullable(anyNumber),
    sinks: trueOrFalse,
  }),
  mixture: nullable(
    recordOf({
      layers: listOf(trueOrFalse),
      numExperts: count,
      perToken: count,
      expertSize: count,
      normalized: trueOrFalse,
      sharedSize: wholeNumber(0),
      routerBias: trueOrFalse,
    }),
  ),
  biases: recordOf({ qkv: trueOrFalse, output: trueOrFalse, feedForward: trueOrFalse }),
  headBias: trueOrFalse,
  logitScale: anyNumber,
  logitSoftcap: nullable(anyNumber),
  tied: trueOrFalse,
  bosToken: nullable(wholeNumber(0)),
  eosTokens: listOf(wholeNumber(0)),
});

/** Whether `config` has the extents that costs depend on. */
export function checkSizes(fn: string, config: ModelConfig): ModelConfig {
  return check(fn, "config", config, recordWith(sizes));
}

/** Whether `config` is complete, of the right types, and of extents that fit together. */
export function checkConfig(fn: string, config: ModelConfig): ModelConfig {
  check(fn, "config", config, shape);
  checkExtents(fn, config);
  return config;
}

/** Whether the extents and constants of a config fit together. */
export function checkExtents(fn: string, config: ModelConfig): void {
  const { numHeads, numKvHeads, headDim, norm, mixture, numLayers, attention } = config;
  const fail = (message: string): never => {
    throw new DomainError(`${fn}: ${message}`);
  };
  if (!Number.isInteger(headDim))
    fail(`hidden_size ${config.hiddenSize} is not a multiple of ${numHeads} heads; give head_dim`);
  if (numHeads % numKvHeads !== 0)
    fail(`${numHeads} heads cannot share ${numKvHeads} heads of keys and values`);
  if (!(norm.epsilon >= 0 && norm.epsilon < 1))
    fail(`the epsilon of norms must be in [0, 1), got ${norm.epsilon}`);
  for (const rope of [config.positions, config.windowPositions])
    if (
      rope?.kind === "rope" &&
      (rope.rotarySize % 2 !== 0 || rope.rotarySize > headDim || rope.rotarySize < 2)
    )
      fail(`${rope.rotarySize} rotated features do not fit heads of ${headDim}`);
  if (config.positions.kind === "alibi" && config.positions.slopes.length !== numHeads)
    fail(`${config.positions.slopes.length} slopes of alibi do not fit ${numHeads} heads`);
  for (const [name, list] of Object.entries({
    slidingWindows: config.slidingWindows,
    layerPositions: config.layerPositions,
    ...(mixture && { "mixture.layers": mixture.layers }),
  }))
    if (list.length !== numLayers)
      fail(`${name} must name ${numLayers} layers, got ${list.length}`);
  if (mixture && mixture.perToken > mixture.numExperts)
    fail(`a token cannot go to ${mixture.perToken} of ${mixture.numExperts} experts`);
  const positive = {
    "the factor of attention scores": attention.scale,
    "the cap of attention scores": attention.softcap,
    "the bound of queries, keys and values": attention.clip,
    "the cap of logits": config.logitSoftcap,
  };
  for (const [name, value] of Object.entries(positive))
    if (value !== null && !(value > 0 && Number.isFinite(value)))
      fail(`${name} must be above 0, got ${value}`);
  for (const value of [config.embeddingScale, config.residualScale, config.logitScale])
    if (!Number.isFinite(value) || value === 0)
      fail(`factors of embeddings, blocks and logits must be finite and not 0, got ${value}`);
}
