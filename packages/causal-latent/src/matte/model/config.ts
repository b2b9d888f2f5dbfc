/** What a model is made of: sizes, flows, weights of the objective. Plain data, complete after `matteConfig`. */
import { DomainError } from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  oneOf,
  positiveNumber,
  satisfying,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type FlowConfig, scalarFlow } from "../flow/scalar-flow.js";

/**
 * Observations that are vectors, encoded and decoded by fully connected layers.
 * @category Model
 */
export interface VectorObservation {
  readonly kind: "vectors";
  /** Length $p$ of a vector. */
  readonly size: number;
  /** Widths of the hidden layers of encoder and decoder; default [64, 64]. */
  readonly hidden?: readonly number[];
  /** Standard deviation $\sigma$ of the observation; default 0.1. */
  readonly noise?: number;
}

/**
 * Observations that are sentences of word numbers, encoded by an LSTM in both directions and decoded by one.
 * @category Model
 */
export interface TextObservation {
  readonly kind: "text";
  /** Number of words, the four special ones included. */
  readonly vocabularySize: number;
  /** Size of a word's vector; default 48. */
  readonly embedding?: number;
  /** Size of the recurrent states; default 96. */
  readonly hidden?: number;
  /** Share of the decoder's input words that training hides, in [0, 1); default 0.3. */
  readonly wordDropout?: number;
}

/**
 * Weights of the terms of the objective.
 * @category Model
 */
export interface MatteWeights {
  /** $\beta_c$ of the content divergence; default 0.35. */
  readonly content?: number;
  /** $\beta_s$ of the style divergence; default 0.2. */
  readonly style?: number;
  /** $\lambda_s$ of the size of the style's influence on the observation; default 1e-4. */
  readonly sparsity?: number;
  /** $\lambda_o$ of the content's influence where the style acts; default 0. */
  readonly overlap?: number;
  /** Of the labelled rows' logistic loss on the style noise; default 2. */
  readonly supervision?: number;
  /**
   * Of keeping a network from guessing the label by the content, which so unlearns it. Acts only where there are labels. Default 0.
   */
  readonly adversary?: number;
}

/**
 * Options of {@link matteConfig}.
 * @category Model
 */
export interface MatteOptions {
  /** Number of domains $U$; default 1. */
  readonly numDomains?: number;
  /** Size of the content; default 24 for text and 4 for vectors. */
  readonly contentSize?: number;
  /** Size of the style; default 2. */
  readonly styleSize?: number;
  /** Size of a domain's vector; default 4. */
  readonly domainEmbedding?: number;
  /** `"flow"` (default): priors of content and style by flows that know the domain. `"standard"`: $N(0, I)$, as in a plain variational autoencoder. */
  readonly prior?: "flow" | "standard";
  /** Flow of the content given the domain, after an affine map; default a rational-linear spline. */
  readonly contentFlow?: FlowConfig;
  /** Flow of the style given domain and content, after an affine map; default a rational-linear spline. */
  readonly styleFlow?: FlowConfig;
  /** Width of the hidden layer of the flows' conditioners; default 32. */
  readonly flowHidden?: number;
  /** See {@link MatteWeights}. */
  readonly weights?: MatteWeights;
  /** `"l1"` sums absolute derivatives; `"l1l2"` divides each style's influence by its Euclidean size, so that shrinking it does not help. Default `"l1"`. */
  readonly sparsity?: "l1" | "l1l2";
  /** Coordinates $k$ in the overlap term: the `k` on which style acts most and the `k` on which content acts least; default half of them. */
  readonly overlapSize?: number;
  /** Nats of divergence per block that cost nothing; default 0. */
  readonly freeBits?: number;
  /** Factor $a$ in the logit $a\,\tilde s_0$ of the label; default 3. */
  readonly labelScale?: number;
  /** Element type of the weights; default float32. */
  readonly dtype?: "float32" | "float64";
}

/**
 * A complete configuration.
 * @category Model
 */
export interface MatteConfig extends Required<Omit<MatteOptions, "weights">> {
  readonly observation: Required<VectorObservation> | Required<TextObservation>;
  readonly weights: Required<MatteWeights>;
}

const SPLINE: FlowConfig = { kind: "rational-linear", bins: 8, bound: 5 };

function completeObservation(
  observation: VectorObservation | TextObservation,
): MatteConfig["observation"] {
  const fn = "matteConfig";
  check(fn, "observation", observation, anyRecord);
  switch (observation.kind) {
    case "vectors": {
      const full = { hidden: [64, 64], noise: 0.1, ...observation };
      check(fn, "observation.size", full.size, wholeNumber());
      check(fn, "observation.hidden", full.hidden, anyList).forEach((n, i) =>
        check(fn, `observation.hidden[${i}]`, n, wholeNumber()),
      );
      check(fn, "observation.noise", full.noise, positiveNumber);
      return full;
    }
    case "text": {
      const full = { embedding: 48, hidden: 96, wordDropout: 0.3, ...observation };
      check(fn, "observation.vocabularySize", full.vocabularySize, wholeNumber(5));
      check(fn, "observation.embedding", full.embedding, wholeNumber());
      check(fn, "observation.hidden", full.hidden, wholeNumber());
      check(
        fn,
        "observation.wordDropout",
        full.wordDropout,
        satisfying<number>(
          "in [0, 1)",
          (x) => typeof x === "number" && ((x) => x >= 0 && x < 1)(x),
        ),
      );
      return full;
    }
    default:
      throw new DomainError(
        `${fn}: observation.kind must be "vectors" or "text", got ${show((observation as { kind: unknown }).kind)}`,
      );
  }
}

/**
 * The configuration of a model, with defaults filled in and every number checked.
 *
 * @param observation - see {@link VectorObservation} and {@link TextObservation}
 * @param options - see {@link MatteOptions}
 * @returns see {@link MatteConfig}: plain data, can be stored as JSON
 * @throws `DomainError` when a number is out of range, naming it
 * @example
 * ```ts
 * import { matteConfig } from "@provably/causal-latent/matte";
 *
 * const config = matteConfig({ kind: "vectors", size: 16 }, { numDomains: 4 });
 * [config.contentSize, config.styleSize, config.weights.content]; // => [4, 2, 0.35]
 * ```
 * @see Yan, Kong, Gui, Chi, Xing, He, Zhang (2023), "Counterfactual generation with identifiability guarantees"; sizes are smaller than the authors'
 * @category Model
 */
export function matteConfig(
  observation: VectorObservation | TextObservation,
  options: MatteOptions = {},
): MatteConfig {
  const fn = "matteConfig";
  const complete = completeObservation(observation);
  checkOptions(fn, options, {
    numDomains: anything,
    contentSize: anything,
    styleSize: anything,
    domainEmbedding: anything,
    prior: anything,
    contentFlow: anything,
    styleFlow: anything,
    flowHidden: anything,
    weights: anything,
    sparsity: anything,
    overlapSize: anything,
    freeBits: anything,
    labelScale: anything,
    dtype: anything,
  });
  check(fn, "options.weights", options.weights ?? {}, anyRecord);
  const config: MatteConfig = {
    numDomains: 1,
    contentSize: complete.kind === "text" ? 24 : 4,
    styleSize: 2,
    domainEmbedding: 4,
    prior: "flow",
    contentFlow: SPLINE,
    styleFlow: SPLINE,
    flowHidden: 32,
    sparsity: "l1",
    overlapSize: Math.max(
      1,
      Math.floor((complete.kind === "text" ? complete.hidden : complete.size) / 2),
    ),
    freeBits: 0,
    labelScale: 3,
    dtype: "float32",
    ...options,
    observation: complete,
    weights: {
      content: 0.35,
      style: 0.2,
      sparsity: 1e-4,
      overlap: 0,
      supervision: 2,
      adversary: 0,
      ...options.weights,
    },
  };
  for (const name of [
    "numDomains",
    "contentSize",
    "styleSize",
    "domainEmbedding",
    "flowHidden",
    "overlapSize",
  ] as const)
    check(fn, name, config[name], wholeNumber());
  for (const [name, value] of Object.entries(config.weights))
    check(fn, `weights.${name}`, value, nonNegativeNumber);
  check(fn, "freeBits", config.freeBits, nonNegativeNumber);
  check(fn, "labelScale", config.labelScale, positiveNumber);
  check(fn, "prior", config.prior, oneOf("flow", "standard"));
  check(fn, "sparsity", config.sparsity, oneOf("l1", "l1l2"));
  check(fn, "dtype", config.dtype, oneOf("float32", "float64"));
  scalarFlow(config.contentFlow);
  scalarFlow(config.styleFlow);
  const widths =
    complete.kind === "text"
      ? [complete.vocabularySize, complete.embedding, complete.hidden]
      : [complete.size, ...complete.hidden];
  const widest = Math.max(
    ...widths,
    config.contentSize,
    config.styleSize,
    config.domainEmbedding,
    config.numDomains,
    config.flowHidden,
  );
  if (widest > MOST_UNITS)
    throw new DomainError(`${fn}: every size must be at most ${MOST_UNITS}, got ${widest}`);
  return config;
}

/** Units of a layer, words or domains beyond which a size is taken for a mistake. */
const MOST_UNITS = 2 ** 17;

/** A configuration as {@link matteConfig} completes it: anything else is a typed error. */
export function checkConfig(fn: string, config: MatteConfig): MatteConfig {
  const { observation, ...options } = check(fn, "config", config, anyRecord);
  check(fn, "config.observation", observation, anyRecord);
  check(fn, "config.weights", options.weights, anyRecord);
  const whole = matteConfig(observation, options);
  const missing = Object.keys(whole).find(
    (name) => config[name as keyof MatteConfig] === undefined,
  );
  if (missing !== undefined)
    throw new DomainError(`${fn}: config must be made by matteConfig(), ${missing} is missing`);
  return config;
}
