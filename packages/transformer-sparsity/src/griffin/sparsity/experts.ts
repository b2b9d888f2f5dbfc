/** Expert sets: the neurons of each layer that a sequence keeps. */
import { DomainError, FormatError } from "@provably/core-tensor";
import {
  anyNumber,
  anything,
  check,
  checkOptions,
  either,
  listOf,
  numberIn,
  recordOf,
  recordWith,
  show,
  trueOrFalse,
  typedArray,
} from "@provably/core-tensor/internal";

import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { layerNeurons } from "../model/description.js";
import { jsonReader } from "../model/json.js";
import { type LanguageModel, checkModel } from "../runtime/model.js";
import { fingerprint } from "../runtime/fingerprint.js";
import { METHOD, type SelectionMethod, chooseNeurons } from "./selection.js";
import { type FeedForwardStatistics, checkStatistics } from "./statistic.js";

/**
 * Neurons that stay, layer by layer. In a mixture the neurons of its experts are numbered one expert after another, those of the shared block last.
 * @category Sparsity
 */
export interface ExpertSet {
  /** Ascending indices for each layer. */
  readonly layers: readonly Int32Array[];
  /** $\eta = \sum_{j\in E} s_j^2 / \sum_j s_j^2$ of each layer: the share of the prompt's squared relative activation that stays. At least the density, for the best neurons. */
  readonly retainedEnergy: readonly number[];
}

/**
 * Options of {@link selectExperts}. Give `density` or `numNeurons`.
 * @category Sparsity
 */
export interface ExpertOptions {
  /** Share $\rho$ of neurons to keep, in (0, 1], $k = \lfloor\rho D\rfloor$; one for all layers, or one for each. */
  readonly density?: number | readonly number[];
  /** Number $k$ of neurons to keep in each layer. */
  readonly numNeurons?: number;
  /** Default `topK`. */
  readonly method?: SelectionMethod;
  /** Random key; each layer folds its number in. */
  readonly key?: RngKey;
  /** Mixes in the order of neurons in another, model-level statistic: scores become $(1-\lambda)\operatorname{rank}(s_j) + \lambda\operatorname{rank}(g_j)$. Default none. */
  readonly prior?: {
    readonly statistics: FeedForwardStatistics;
    /** $\lambda \in [0, 1]$ */ readonly weight: number;
  };
  /** Allows layers without any neuron, whose feed-forward block then only adds its bias. Default false. */
  readonly allowEmpty?: boolean;
}

/**
 * The neurons to keep for a sequence, chosen by the statistics of its prompt.
 *
 * Short prompts choose poorly: with one token the score is that token's activation. In a mixture each expert chooses among its own neurons by the tokens that went to
 * it, `density` or `numNeurons` of each; an expert that no token went to keeps all of its neurons, for nothing is known of it. A layer whose statistic is all zero keeps its first neurons, and its retained energy is NaN.
 *
 * @param statistics - see {@link FeedForwardStatistics}
 * @param options - see {@link ExpertOptions}
 * @returns see {@link ExpertSet}
 * @throws `DomainError` for densities outside (0, 1], a density that keeps nothing, or a list of the wrong length
 * @example
 * ```ts
 * import { selectExperts } from "@provably/transformer-sparsity/griffin";
 *
 * const statistics = { layers: [{ sumSquares: Float64Array.of(1, 4, 0, 5), tokens: 10 }] };
 * const experts = selectExperts(statistics, { density: 0.5 });
 * experts.layers[0]; // => Int32Array.of(1, 3)
 * experts.retainedEnergy; // => [0.9]
 * ```
 * @see Dong, Chen, Chi (2024), "Prompt-prompted adaptive structured pruning for efficient LLM generation", section 4.2
 * @category Sparsity
 */
export function selectExperts(
  statistics: FeedForwardStatistics,
  options: ExpertOptions,
): ExpertSet {
  checkStatistics("selectExperts", statistics);
  return chooseExperts(
    "selectExperts",
    statistics,
    checkOptions<ExpertOptions>("selectExperts", options, EXPERTS),
  );
}

/** Options of experts, for records that hold them among others. */
export const EXPERTS = {
  density: either(anyNumber, listOf(anyNumber)),
  numNeurons: anyNumber,
  method: METHOD,
  key: anything,
  prior: recordOf({ statistics: anything, weight: numberIn(0, 1) }),
  allowEmpty: trueOrFalse,
};

/** The same of options that were looked at. */
export function chooseExperts(
  fn: string,
  statistics: FeedForwardStatistics,
  options: ExpertOptions,
): ExpertSet {
  const { method, key, prior } = options;
  if (prior !== undefined) checkStatistics(fn, prior.statistics, statistics.layers.length);
  const sizes = statistics.layers.map(({ sumSquares, blocks }) => blocks ?? [sumSquares.length]);
  const counts = expertCounts(fn, sizes, options);
  const layers = statistics.layers.map(({ sumSquares, blocks }, i) =>
    byBlock(blocks ?? [sumSquares.length], counts[i]!, (from, to, k, block) => {
      const own = sumSquares.subarray(from, to);
      // nothing is known of an expert that no token went to
      if (blocks && own.every((q) => q === 0)) return Int32Array.from(own.keys());
      const scores = prior
        ? blendRanks(
            fn,
            own,
            prior.statistics.layers[i]!.sumSquares.subarray(from, to),
            prior.weight,
          )
        : own.map(Math.sqrt);
      return chooseNeurons(fn, scores, k, {
        ...(method && { method }),
        ...(key !== undefined && { key: blockKey(key, i, block) }),
      });
    }),
  );
  return {
    layers,
    retainedEnergy: layers.map((chosen, i) =>
      retainedEnergy(statistics.layers[i]!.sumSquares, chosen),
    ),
  };
}

/** A choice in each block of a layer, in the numbering of the layer. */
export function byBlock(
  sizes: readonly number[],
  counts: readonly number[],
  choose: (from: number, to: number, count: number, block: number) => Int32Array,
): Int32Array {
  let from = 0;
  const chosen = sizes.map((size, block) => {
    const start = from;
    from += size;
    return choose(start, from, counts[block]!, block).map((j) => start + j);
  });
  return Int32Array.from(chosen.flatMap((own) => [...own]));
}

/** The key of a block: that of the layer, and in mixtures one for each expert. */
export function blockKey(key: RngKey, layer: number, block: number): RngKey {
  return block === 0 ? foldIn(key, layer) : foldIn(foldIn(key, layer), block);
}

/** Neurons to keep in each block of each layer, from a density or a number. */
export function expertCounts(
  fn: string,
  layers: readonly (readonly number[])[],
  {
    density,
    numNeurons: k,
    allowEmpty = false,
  }: Pick<ExpertOptions, "density" | "numNeurons" | "allowEmpty">,
): number[][] {
  if ((density === undefined) === (k === undefined))
    throw new DomainError(`${fn}: give either density or numNeurons`);
  if (typeof density === "object" && density.length !== layers.length)
    throw new DomainError(
      `${fn}: density must hold ${layers.length} numbers, one for each layer, got ${density.length}`,
    );
  if (k !== undefined && !Number.isInteger(k))
    throw new DomainError(`${fn}: numNeurons must be an integer, got ${k}`);
  return layers.map((sizes, i) =>
    sizes.map((size) => {
      const rho = typeof density === "object" ? density[i]! : (density ?? k! / size);
      if (!(rho <= 1 && (rho > 0 || (rho === 0 && allowEmpty)))) {
        if (k !== undefined)
          throw new DomainError(`${fn}: numNeurons must be in 1 … ${size}, got ${k}`);
        throw new DomainError(
          `${fn}: density must be in (0, 1], got ${rho} for layer ${i}${rho === 0 ? "; set allowEmpty to keep nothing" : ""}`,
        );
      }
      // a product such as 0.29 · 100 = 28.999… stands for 29
      const count = k ?? Math.floor(rho * size * (1 + 4e-16));
      if (count === 0 && !allowEmpty)
        throw new DomainError(
          `${fn}: density ${rho} keeps none of the ${size} neurons of layer ${i}; the smallest that keeps one is ${1 / size}`,
        );
      return count;
    }),
  );
}

/** Share of the squares that the chosen neurons hold. */
export function retainedEnergy(sumSquares: Float64Array, chosen: Int32Array): number {
  let kept = 0;
  for (const j of chosen) kept += sumSquares[j]!;
  return kept / sumSquares.reduce((a, b) => a + b, 0);
}

function blendRanks(
  fn: string,
  own: Float64Array,
  prior: Float64Array,
  weight: number,
): Float64Array {
  if (prior.length !== own.length)
    throw new DomainError(`${fn}: the prior is of a model with other neurons`);
  const [a, b] = [ranks(own), ranks(prior)];
  return a.map((rank, j) => (1 - weight) * rank + weight * b[j]!);
}

/** 1 for the lowest score; of equals the later index ranks lower, as in the choice of the best. */
function ranks(scores: Float64Array): Float64Array {
  const order = Array.from(scores.keys()).sort((i, j) => scores[i]! - scores[j]! || j - i);
  const rank = new Float64Array(scores.length);
  order.forEach((j, place) => (rank[j] = place + 1));
  return rank;
}

/**
 * Densities of the layers that together keep a given share of all neurons, so that what is lost is as small as possible:
 * the neurons with the largest $s_j^2 / S$ of all layers stay.
 *
 * @param statistics - see {@link FeedForwardStatistics}
 * @param density - share of all neurons to keep, in (0, 1]
 * @returns one density for each layer, for {@link selectExperts}; every layer keeps at least one neuron
 * @throws `DomainError` when `density` is outside (0, 1]
 * @example
 * ```ts
 * import { balancedDensities } from "@provably/transformer-sparsity/griffin";
 *
 * const layer = (...q: number[]) => ({ sumSquares: Float64Array.from(q), tokens: 1 });
 * balancedDensities({ layers: [layer(0.9, 0.1, 0, 0), layer(0.3, 0.3, 0.2, 0.2)] }, 0.5); // => [0.25, 0.75]
 * ```
 * @category Sparsity
 */
export function balancedDensities(statistics: FeedForwardStatistics, density: number): number[] {
  checkStatistics("balancedDensities", statistics);
  if (!Number.isFinite(density) || density <= 0 || density > 1)
    throw new DomainError(`balancedDensities: density must be in (0, 1], got ${show(density)}`);
  const all = statistics.layers.flatMap(({ sumSquares, tokens }, layer) =>
    Array.from(sumSquares, (q) => ({ layer, value: q / tokens })),
  );
  const keep = new Array<number>(statistics.layers.length).fill(0);
  const first = all
    .sort((a, b) => b.value - a.value || a.layer - b.layer)
    .slice(0, Math.floor(density * all.length));
  for (const { layer } of first) keep[layer]!++;
  return keep.map((count, i) => Math.max(1, count) / statistics.layers[i]!.sumSquares.length);
}

/**
 * The neurons that any of several sets keeps.
 *
 * @param sets - expert sets of the same model
 * @param statistics - of which the retained energy is taken; default none, and the energies are NaN
 * @returns see {@link ExpertSet}
 * @throws `DomainError` for no sets
 * @example
 * ```ts
 * import { unionOfExperts } from "@provably/transformer-sparsity/griffin";
 *
 * const set = (...j: number[]) => ({ layers: [Int32Array.from(j)], retainedEnergy: [1] });
 * unionOfExperts([set(0, 2), set(1, 2)]).layers[0]; // => Int32Array.of(0, 1, 2)
 * ```
 * @category Sparsity
 */
export function unionOfExperts(
  sets: readonly ExpertSet[],
  statistics?: FeedForwardStatistics,
): ExpertSet {
  const [first] = check("unionOfExperts", "sets", sets, listOf(shape));
  if (!first) throw new DomainError("unionOfExperts: sets must hold at least one set");
  if (sets.some(({ layers: own }) => own.length !== first.layers.length))
    throw new DomainError("unionOfExperts: sets must be of one model");
  if (statistics !== undefined) checkStatistics("unionOfExperts", statistics, first.layers.length);
  const layers = first.layers.map((_, i) =>
    Int32Array.from(new Set(sets.flatMap(({ layers: own }) => [...own[i]!]))).sort(),
  );
  return {
    layers,
    retainedEnergy: layers.map((chosen, i) =>
      statistics ? retainedEnergy(statistics.layers[i]!.sumSquares, chosen) : NaN,
    ),
  };
}

const shape = recordWith({
  layers: listOf(typedArray("Int32Array")),
  retainedEnergy: listOf(anyNumber),
});

/** Indices as a set of the model's: ascending, each once, in range. */
export function checkExperts(
  fn: string,
  model: LanguageModel,
  experts: ExpertSet,
): readonly Int32Array[] {
  const { config } = checkModel(fn, model);
  const { numLayers } = config;
  check(fn, "experts", experts, shape);
  if (experts.layers.length !== numLayers)
    throw new DomainError(
      `${fn}: experts must have ${numLayers} layers, got ${experts.layers.length}`,
    );
  return experts.layers.map((chosen, layer) => {
    const sorted = Int32Array.from(chosen).sort();
    const size = layerNeurons(config, layer);
    sorted.forEach((j, i) => {
      if (!(j >= 0 && j < size))
        throw new DomainError(
          `${fn}: layer ${layer} of experts must hold indices in 0 … ${size - 1}, got ${j}`,
        );
      if (i > 0 && sorted[i - 1] === j)
        throw new DomainError(`${fn}: layer ${layer} of experts holds ${j} twice`);
    });
    return sorted;
  });
}

/**
 * An expert set as JSON, with a fingerprint of the model it belongs to: so that the experts of a long system prompt are computed once.
 *
 * @param model - see {@link LanguageModel}
 * @param experts - see {@link ExpertSet}
 * @returns plain data for `JSON.stringify`; read it with {@link expertsFromJson}
 * @example
 * ```ts
 * import { expertsFromJson, expertsToJson, loadModel } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * const experts = { layers: model.layers.map(() => Int32Array.of(0, 7)), retainedEnergy: model.layers.map(() => 0.5) };
 * expertsFromJson(model, expertsToJson(model, experts)).layers[4]; // => Int32Array.of(0, 7)
 * ```
 * @category Sparsity
 */
export function expertsToJson(
  model: LanguageModel,
  experts: ExpertSet,
): { model: string; layers: number[][]; retainedEnergy: (number | null)[] } {
  const layers = checkExperts("expertsToJson", model, experts).map((chosen) => [...chosen]);
  return {
    model: fingerprint(model),
    layers,
    retainedEnergy: experts.retainedEnergy.map((x) => (Number.isFinite(x) ? x : null)),
  };
}

/**
 * An expert set from what {@link expertsToJson} wrote.
 *
 * @param model - the model it was made with
 * @param json - parsed JSON
 * @returns see {@link ExpertSet}
 * @throws `FormatError` when the data is of another form or of another model; `DomainError` for indices out of range
 * @example
 * ```ts
 * import { expertsFromJson, loadModel } from "@provably/transformer-sparsity/griffin";
 *
 * const model = await loadModel("examples/models/tiny-llama-text");
 * try {
 *   expertsFromJson(model, { model: "another", layers: [] });
 * } catch (error) {
 *   (error as Error).message.startsWith("expertsFromJson: model"); // => true
 * }
 * ```
 * @category Sparsity
 */
export function expertsFromJson(model: LanguageModel, json: unknown): ExpertSet {
  checkModel("expertsFromJson", model);
  const read = jsonReader("expertsFromJson", json);
  if (read.text("model") !== fingerprint(model))
    throw new FormatError(
      `expertsFromJson: model must be ${fingerprint(model)}, got ${read.text("model").slice(0, 40)}; the experts belong to another model`,
    );
  const [layers, energy] = [read.value("layers"), read.value("retainedEnergy")];
  if (
    !Array.isArray(layers) ||
    !layers.every((chosen) => Array.isArray(chosen) && chosen.every(Number.isInteger))
  )
    throw new FormatError("expertsFromJson: layers must be lists of indices");
  const retainedEnergy = Array.isArray(energy)
    ? energy.map((x) => (typeof x === "number" ? x : NaN))
    : layers.map(() => NaN);
  const set = {
    layers: (layers as number[][]).map((chosen) => Int32Array.from(chosen)),
    retainedEnergy,
  };
  return { ...set, layers: checkExperts("expertsFromJson", model, set) };
}
