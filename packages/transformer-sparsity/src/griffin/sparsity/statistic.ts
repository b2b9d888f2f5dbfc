/**
 * GRIFFIN's statistic: how much of each token's activation a feed-forward neuron carries, over all tokens of a prompt.
 *
 * Its squares are a sum over tokens. So it needs D numbers a layer whatever the length, and statistics of chunks, turns and prompts add up.
 */
import { DomainError } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  listOf,
  numberIn,
  numberList,
  optional,
  recordWith,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type ModelConfig, blockSizes, layerNeurons } from "../model/description.js";

/**
 * The statistic of one layer.
 * @category Sparsity
 */
export interface NeuronStatistic {
  /** Sum over tokens of $\bar z_{tj}^2$, `[D]`: the square of the statistic. */
  readonly sumSquares: Float64Array;
  /** Tokens seen, those without any activation included. */
  readonly tokens: number;
  /** In a mixture of experts the neurons of each expert, and last those of the shared block; each sees its own tokens. Absent where all are one block. */
  readonly blocks?: readonly number[];
}

/**
 * The statistics of all layers.
 * @category Sparsity
 */
export interface FeedForwardStatistics {
  readonly layers: readonly NeuronStatistic[];
}

/**
 * The statistic of activations of one layer,
 *
 * $$s_j = \Big(\sum_t \bar z_{tj}^2\Big)^{1/2}, \qquad \bar z_t = z_t / \lVert z_t\rVert_2$$
 *
 * A token without any activation (possible with ReLU) contributes nothing. The squares sum to the number of the others. In double precision; one pass.
 *
 * @param activations - $z$, `[tokens, D]` row by row
 * @param numNeurons - $D$
 * @returns squares of $s$, see {@link NeuronStatistic}; {@link neuronScores} takes the root
 * @throws `DomainError` when `activations` does not hold whole rows, or holds a number that is not finite
 * @example
 * ```ts
 * import { neuronScores, neuronStatistic } from "@provably/transformer-sparsity/griffin";
 *
 * neuronScores(neuronStatistic([3, 4, 0, 2], 2)); // => Float64Array.of(0.6, Math.sqrt(0.64 + 1))
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.2, eq. 6
 * @category Sparsity
 */
export function neuronStatistic(
  activations: ArrayLike<number>,
  numNeurons: number,
): NeuronStatistic {
  check("neuronStatistic", "activations", activations, numberList);
  check("neuronStatistic", "numNeurons", numNeurons, wholeNumber(1));
  if (activations.length % numNeurons !== 0)
    throw new DomainError(
      `neuronStatistic: activations must hold rows of numNeurons = ${numNeurons}, got ${activations.length} numbers`,
    );
  const sumSquares = new Float64Array(numNeurons);
  addTokens(sumSquares, activations, "neuronStatistic", 0);
  return { sumSquares, tokens: activations.length / numNeurons };
}

/** Adds the squares of normalised rows; `where` and `first` name the place in errors. */
function addTokens(
  sumSquares: Float64Array,
  z: ArrayLike<number>,
  where: string,
  first: number,
): void {
  const n = sumSquares.length;
  for (let at = 0, t = 0; at < z.length; at += n, t++) {
    let energy = 0;
    for (let j = at; j < at + n; j++) energy += z[j]! * z[j]!;
    if (energy > 1e-200 && energy < 1e200) {
      const share = 1 / energy;
      for (let j = 0; j < n; j++) sumSquares[j]! += z[at + j]! * z[at + j]! * share;
    } else
      addExtreme(
        sumSquares,
        z,
        at,
        `${where}: the activations of token ${first + t} are not finite`,
      );
  }
}

/** Adds a row whose squares may leave the range of doubles, or that is zero. */
function addExtreme(
  sumSquares: Float64Array,
  z: ArrayLike<number>,
  at: number,
  message: string,
): void {
  const row = Float64Array.from(sumSquares, (_, j) => z[at + j]!);
  if (!row.every(Number.isFinite)) throw new DomainError(message);
  const peak = row.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  if (peak === 0) return;
  const shares = row.map((v) => (v / peak) ** 2);
  const energy = shares.reduce((a, b) => a + b, 0);
  for (let j = 0; j < row.length; j++) sumSquares[j]! += shares[j]! / energy;
}

/** A running sum over the calls of a hook for a model with blocks of these sizes in each layer; `finish` gives the statistics. */
export function statisticsCollector(config: ModelConfig) {
  const layers = Array.from({ length: config.numLayers }, (_, i) => {
    const blocks = blockSizes(config, i);
    return {
      sumSquares: new Float64Array(blocks.reduce((a, b) => a + b, 0)),
      tokens: 0,
      ...(config.mixture?.layers[i] && { blocks }),
    };
  });
  let seen = new Set<number>();
  return {
    add({ layer, position, activations, expert = 0 }: Observed): void {
      const own = layers[layer]!;
      const from = (own.blocks ?? []).slice(0, expert).reduce((a, b) => a + b, 0);
      const size = own.blocks?.[expert] ?? own.sumSquares.length;
      const place = own.blocks ? `expert ${expert} of layer ${layer}` : `layer ${layer}`;
      addTokens(own.sumSquares.subarray(from, from + size), activations, place, position);
      seen.add(layer);
    },
    /** So many tokens went through all layers. */
    passed(tokens: number): void {
      for (const layer of seen) layers[layer]!.tokens += tokens;
      seen = new Set();
    },
    finish: (): FeedForwardStatistics => ({ layers }),
  };
}

/** What the collector looks at in an event. */
interface Observed {
  readonly layer: number;
  readonly position: number;
  readonly activations: Float32Array;
  readonly expert?: number;
}

/**
 * Scores $s$ of the neurons of a layer.
 *
 * @param statistic - see {@link NeuronStatistic}
 * @returns square roots, `[D]`
 * @example
 * ```ts
 * import { neuronScores } from "@provably/transformer-sparsity/griffin";
 *
 * neuronScores({ sumSquares: Float64Array.of(4, 9), tokens: 13 }); // => Float64Array.of(2, 3)
 * ```
 * @category Sparsity
 */
export function neuronScores(statistic: NeuronStatistic): Float64Array {
  return check("neuronScores", "statistic", statistic, shape).sumSquares.map(Math.sqrt);
}

/**
 * Options of {@link mergeStatistics}.
 * @category Sparsity
 */
export interface MergeOptions {
  readonly decay?: number;
}
const MERGE = { decay: numberIn(0, 1) };

/**
 * The statistics of two stretches of text together.
 *
 * @param before - see {@link FeedForwardStatistics}
 * @param after - of the same model
 * @param options - `decay`: factor in [0, 1] of the earlier squares; default 1, which is the exact sum
 * @returns see {@link FeedForwardStatistics}
 * @throws `DomainError` when layers or neurons differ, or `decay` is outside [0, 1]
 * @example
 * ```ts
 * import { mergeStatistics } from "@provably/transformer-sparsity/griffin";
 *
 * const one = { layers: [{ sumSquares: Float64Array.of(1), tokens: 1 }] };
 * mergeStatistics(one, one).layers[0]!.tokens; // => 2
 * ```
 * @category Sparsity
 */
export function mergeStatistics(
  before: FeedForwardStatistics,
  after: FeedForwardStatistics,
  options: MergeOptions = {},
): FeedForwardStatistics {
  const { decay = 1 } = checkOptions<MergeOptions>("mergeStatistics", options, MERGE);
  checkSame("mergeStatistics", [before, after]);
  const layers = before.layers.map((a, i) => {
    const b = after.layers[i]!;
    return {
      sumSquares: a.sumSquares.map((q, j) => decay * q + b.sumSquares[j]!),
      tokens: decay * a.tokens + b.tokens,
      ...(a.blocks && { blocks: a.blocks }),
    };
  });
  return { layers };
}

/**
 * One statistic for several prompts that share their neurons, each prompt weighing the same: the squares of
 *
 * $$\hat s = \sum_i s_i / \sqrt{S_i}$$
 *
 * for prompts of $S_i$ tokens.
 *
 * @param statistics - one for each prompt, of the same model
 * @returns see {@link FeedForwardStatistics}; for one prompt the same order of neurons
 * @throws `DomainError` for no prompts, a prompt of no tokens, or prompts of different models
 * @example
 * ```ts
 * import { batchStatistics } from "@provably/transformer-sparsity/griffin";
 *
 * const prompt = { layers: [{ sumSquares: Float64Array.of(4, 0), tokens: 4 }] };
 * batchStatistics([prompt, prompt]).layers[0]!.sumSquares; // => Float64Array.of(4, 0)
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.3
 * @category Sparsity
 */
export function batchStatistics(
  statistics: readonly FeedForwardStatistics[],
): FeedForwardStatistics {
  checkSame("batchStatistics", statistics);
  const layers = statistics[0]!.layers.map(({ sumSquares, blocks }, layer) => {
    const score = new Float64Array(sumSquares.length);
    for (const { layers: own } of statistics) {
      const { sumSquares: q, tokens } = own[layer]!;
      if (!(tokens > 0))
        throw new DomainError("batchStatistics: every prompt must have at least one token");
      for (let j = 0; j < score.length; j++) score[j]! += Math.sqrt(q[j]! / tokens);
    }
    return {
      sumSquares: score.map((s) => s * s),
      tokens: statistics.reduce((sum, { layers: own }) => sum + own[layer]!.tokens, 0),
      ...(blocks && { blocks }),
    };
  });
  return { layers };
}

const shape = recordWith({
  sumSquares: typedArray("Float64Array"),
  tokens: anyNumber,
  blocks: optional(listOf(wholeNumber(1))),
});
const allLayers = recordWith({ layers: listOf(shape) });

/** Whether `statistics` are those of so many layers, whose blocks make up their neurons. */
export function checkStatistics(
  fn: string,
  statistics: FeedForwardStatistics,
  numLayers?: number,
): FeedForwardStatistics {
  const { layers } = check(fn, "statistics", statistics, allLayers);
  const whole = ({ sumSquares, blocks }: NeuronStatistic): boolean =>
    blocks === undefined || blocks.reduce((a, b) => a + b, 0) === sumSquares.length;
  if ((numLayers !== undefined && layers.length !== numLayers) || !layers.every(whole))
    throw new DomainError(`${fn}: the statistics are of a model with other layers or neurons`);
  return statistics;
}

/** Whether `statistics` are those of a model. */
export function checkModelStatistics(
  fn: string,
  statistics: FeedForwardStatistics,
  config: ModelConfig,
): FeedForwardStatistics {
  const { layers } = checkStatistics(fn, statistics, config.numLayers);
  layers.forEach(({ sumSquares, blocks }, i) => {
    const own = config.mixture?.layers[i] ? blockSizes(config, i).join() : undefined;
    if (sumSquares.length !== layerNeurons(config, i) || blocks?.join() !== own)
      throw new DomainError(`${fn}: the statistics are of a model with other layers or neurons`);
  });
  return statistics;
}

function checkSame(fn: string, statistics: readonly FeedForwardStatistics[]): void {
  check(fn, "statistics", statistics, listOf(allLayers));
  const [first, ...rest] = statistics;
  if (!first) throw new DomainError(`${fn}: statistics must hold at least one prompt`);
  for (const other of rest)
    if (
      other.layers.length !== first.layers.length ||
      other.layers.some(
        ({ sumSquares, blocks }, i) =>
          sumSquares.length !== first.layers[i]!.sumSquares.length ||
          blocks?.join() !== first.layers[i]!.blocks?.join(),
      )
    )
      throw new DomainError(`${fn}: the statistics are of models with other layers or neurons`);
}
