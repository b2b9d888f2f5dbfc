/** Gradient descent on the correlations, from zero, with a record of everything the theorems speak about. */
import { DomainError, array } from "@provably/core-tensor";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { DivergenceError } from "../errors.js";
import { byKind, check, listOf, longWork, number, optional, record, whole } from "../../internal/guard.js";
import { checkInteger, checkNotNegative, checkPositive } from "../internal/check.js";
import { type FlatGradient, type Model, attend, mostAreas, prepare, queryAttention, view } from "../internal/model.js";
import { sampleTuple } from "../internal/sample-tuple.js";
import { type SpatialDistribution, checkWorld } from "../world/distribution.js";
import { type MaskedImage, drawMaskedImages, enumerateImages } from "../world/sampling.js";
import { type AreaSummary, areaSummary } from "./area-summary.js";
import { type ContrastiveTuple, accumulateContrastive } from "./contrastive.js";
import { type Correlations, zeroCorrelations } from "./correlations.js";
import type { QueryHistory } from "./history.js";
import { accumulateMae, checkQueries, checkSamples, checkWeights } from "./masked-reconstruction.js";

/**
 * Where training stands: can be stored, and goes on to the same bits.
 * @category Training
 */
export interface CorrelationState {
  /** Steps taken. */
  readonly step: number;
  readonly correlations: Correlations;
}

/**
 * A query to follow through training, in the images of one cluster.
 * @category Training
 */
export interface TrackedQuery {
  readonly query: number;
  readonly cluster: number;
}

/**
 * Options that {@link trainMaskedReconstruction} and {@link trainContrastive} share.
 * @category Training
 */
export interface DescentOptions {
  /** $\gamma$; default 0.5. */
  readonly maskRatio?: number;
  /** Steps in all, counted from the very first one; default 300. */
  readonly numSteps?: number;
  /** Steps between two records; the first and the last step are always recorded. Default a hundredth of `numSteps`. */
  readonly recordEvery?: number;
  /** Images on which attention is measured, the same at every record; default 64. */
  readonly probeSize?: number;
  /** Queries to follow; default the first position of the global area and of the first local area of cluster 0. */
  readonly track?: readonly TrackedQuery[];
  /** Correlations to start from; default zero. */
  readonly init?: Correlations;
  /** Go on from here. */
  readonly state?: CorrelationState;
  /** Called after every record with the step and its loss. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
    readonly state: CorrelationState;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * Options of {@link trainMaskedReconstruction}.
 * @category Training
 */
export interface MaskedReconstructionOptions extends DescentOptions {
  /** Step size $\eta$; default 2. */
  readonly learningRate?: number;
  /**
   * What each step descends: `fresh` images (default, 32 a step), a `fixed` set, or the `exact` expectation over every image and mask (discrete latents, small
   * worlds).
   */
  readonly source?:
    | { readonly kind: "fresh"; readonly batchSize?: number }
    | { readonly kind: "fixed"; readonly samples: readonly MaskedImage[]; readonly weights?: ArrayLike<number> }
    | { readonly kind: "exact"; readonly limit?: number };
  /** Rows to train; rows do not influence each other. Default all. */
  readonly queries?: readonly number[];
}

/**
 * Options of {@link trainContrastive}.
 * @category Training
 */
export interface ContrastiveOptions extends DescentOptions {
  /** Step size $\eta$; default 400, for slopes carry $1/P$ and a square of the attention. */
  readonly learningRate?: number;
  /** $\tau$; default 0.2. */
  readonly temperature?: number;
  /** $\lambda$; default 0. */
  readonly weightDecay?: number;
  /** Tuples a step; default 16. */
  readonly batchSize?: number;
  /** Negatives of a tuple; default 7. */
  readonly numNegatives?: number;
}

/**
 * The records of a training run: entry `i` belongs to step `steps[i]`, taken before that step.
 * @category Training
 */
export interface DescentHistory {
  readonly steps: readonly number[];
  /** Loss on the step's own samples. */
  readonly loss: readonly number[];
  /** Attention on the probe images. */
  readonly summary: readonly AreaSummary[];
  /** Largest positional correlation in size. */
  readonly upsilonMax: readonly number[];
  /** The tracked queries, in their order. */
  readonly queries: readonly QueryHistory[];
}

/**
 * What training gives.
 * @category Training
 */
export interface DescentResult extends CorrelationState {
  readonly history: DescentHistory;
}

/** An objective: the samples of a step, and loss and gradient on them. */
interface Objective<S> {
  readonly learningRate: number;
  samples(step: number): S;
  evaluate(model: Model, samples: S): { loss: number; gradient: FlatGradient };
  /** Samples on which slopes are recorded, and images on which attention is. */
  readonly probe: S;
  readonly probeImages: readonly MaskedImage[];
}

/**
 * Gradient descent on masked reconstruction, the analogue of a masked autoencoder: $\Phi \leftarrow \Phi - \eta \,\partial L/\partial \Phi$, and so for $\Upsilon$.
 *
 * The theorem: for an information gap away from 0, each masked patch ends up attending to the seen patches of its own area, $1 - \mathrm{Attn}_{p \to j} \to 0$, and
 * the loss approaches {@link optimalReconstructionLoss}. With a positive gap local queries first unlearn the global area.
 *
 * @param world - see {@link SpatialDistribution}
 * @param key - random key; the samples of a step depend on it and the step alone
 * @param options - see {@link MaskedReconstructionOptions}
 * @returns see {@link DescentResult}
 * @throws `DomainError` when an option does not fit; {@link DivergenceError} when the loss leaves the numbers
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createAreaPartition, createSpatialDistribution, trainMaskedReconstruction } from "@provably/transformer-sparsity/mim";
 *
 * const areas = createAreaPartition(key(1), { numPatches: 16, globalSize: 8, localSize: 4 });
 * const world = createSpatialDistribution([areas]);
 * const { history } = trainMaskedReconstruction(world, key(0), { numSteps: 200 });
 * history.summary.at(-1).localToOwn > 0.9; // => true
 * ```
 * @see Huang, Wen, Chi, Liang (2024), "How transformers learn diverse attention correlations in masked vision pretraining", main theorem
 * @category Training
 */
export function trainMaskedReconstruction(world: SpatialDistribution, key: RngKey, options: MaskedReconstructionOptions = {}): DescentResult {
  const fn = "trainMaskedReconstruction";
  checkWorld(fn, world);
  const { maskRatio = 0.5, learningRate = 2, source = { kind: "fresh" }, probeSize = 64 } = check(fn, "options", options, descentOptions);
  checkPositive(fn, "learningRate", learningRate);
  checkInteger(fn, "probeSize", probeSize, 1);
  const queries = checkQueries(fn, world, options.queries);
  const fresh = (name: string | number, count: number): WeightedSamples =>
    uniformly(drawMaskedImages(world, foldIn(key, name), count, { maskRatio }));
  const samples = sampler(fn, world, source, maskRatio, fresh);
  const probe = source.kind === "fresh" ? fresh("probe", probeSize) : samples(0);
  return descend(fn, world, options, {
    learningRate,
    samples,
    evaluate: (model, { samples: images, weights }) => accumulateMae(model, images, weights, queries),
    probe,
    probeImages: source.kind === "exact" ? fresh("probe", probeSize).samples : probe.samples,
  });
}

const descentOptions = record({
  ...longWork,
  track: optional(listOf(record({ query: number, cluster: number }))),
  init: optional(record()),
  state: optional(record({ step: whole(0), correlations: record() })),
  source: optional(byKind("kind", { fresh: record(), fixed: record(), exact: record() })),
});

interface WeightedSamples {
  readonly samples: readonly MaskedImage[];
  readonly weights: ArrayLike<number>;
}

function uniformly(samples: readonly MaskedImage[]): WeightedSamples {
  return { samples, weights: new Array<number>(samples.length).fill(1 / samples.length) };
}

function sampler(
  fn: string,
  world: SpatialDistribution,
  source: NonNullable<MaskedReconstructionOptions["source"]>,
  maskRatio: number,
  fresh: (step: number, count: number) => WeightedSamples,
): (step: number) => WeightedSamples {
  if (source.kind === "fresh") {
    const { batchSize = 32 } = source;
    checkInteger(fn, "source.batchSize", batchSize, 1);
    return (step) => fresh(step, batchSize);
  }
  if (source.kind === "exact") {
    const all = enumerateImages(world, { maskRatio, ...(source.limit !== undefined && { limit: source.limit }) });
    return () => all;
  }
  checkSamples(fn, world, source.samples);
  const fixed = { samples: source.samples, weights: checkWeights(fn, source.samples.length, source.weights) };
  return () => fixed;
}

/**
 * Gradient descent on the contrastive objective, the analogue of contrastive pretraining: two masks of an image are pulled together, other images pushed away.
 *
 * The theorem: for either sign of the gap, every patch ends up attending to the global area, wherever it is, so attention collapses. From zero, the rows of
 * $\Phi$ and $\Upsilon$ stay equal for ever. The closed form is that of queries which are positions alone; for queries with content see {@link trainTokenContrastive}.
 *
 * @param world - see {@link SpatialDistribution}
 * @param key - random key; the tuples of a step depend on it and the step alone
 * @param options - see {@link ContrastiveOptions}
 * @returns see {@link DescentResult}
 * @throws `DomainError` when an option does not fit; {@link DivergenceError} when the loss leaves the numbers
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createAreaPartition, createSpatialDistribution, trainContrastive } from "@provably/transformer-sparsity/mim";
 *
 * const areas = [0, 1].map((k) => createAreaPartition(key(k), { numPatches: 16, globalSize: 8, localSize: 4 }));
 * const { history } = trainContrastive(createSpatialDistribution(areas), key(0), { numSteps: 100, learningRate: 100 });
 * history.summary.at(-1).diversity < 1e-12; // => true
 * ```
 * @see Huang, Wen, Chi, Liang (2025), "A theoretical analysis of self-supervised learning for vision transformers"
 * @category Training
 */
export function trainContrastive(world: SpatialDistribution, key: RngKey, options: ContrastiveOptions = {}): DescentResult {
  const fn = "trainContrastive";
  checkWorld(fn, world);
  check(fn, "options", options, descentOptions);
  const { maskRatio = 0.5, learningRate = 400, temperature = 0.2, weightDecay = 0, batchSize = 16, numNegatives = 7, probeSize = 64 } = options;
  for (const [name, value] of Object.entries({ learningRate, temperature })) checkPositive(fn, name, value);
  for (const [name, value] of Object.entries({ batchSize, numNegatives, probeSize })) checkInteger(fn, name, value, 1);
  checkNotNegative(fn, "weightDecay", weightDecay);
  const tuples = (tupleKey: RngKey): ContrastiveTuple[] =>
    Array.from({ length: batchSize }, (_, i) => sampleTuple(world, foldIn(tupleKey, i), numNegatives, maskRatio));
  return descend(fn, world, options, {
    learningRate,
    samples: (step) => tuples(foldIn(key, step)),
    evaluate: (model, batch) => accumulateContrastive(model, batch, temperature, weightDecay),
    probe: tuples(foldIn(key, "probe")),
    probeImages: drawMaskedImages(world, foldIn(key, "images"), probeSize, { maskRatio }),
  });
}

function descend<S>(fn: string, world: SpatialDistribution, options: DescentOptions, objective: Objective<S>): DescentResult {
  const { numSteps = 300, state, onProgress, signal } = options;
  const { recordEvery = Math.max(1, Math.round(numSteps / 100)) } = options;
  checkInteger(fn, "numSteps", numSteps, 0);
  checkInteger(fn, "recordEvery", recordEvery, 1);
  const tracked = checkTracked(fn, world, options.track ?? defaultTracked(world));
  let step = state?.step ?? 0;
  let correlations = state?.correlations ?? options.init ?? zeroCorrelations(world);
  const recorder = recorderOf(world, tracked, objective);
  for (;;) {
    signal?.throwIfAborted();
    const model = prepare(fn, world, correlations);
    const { loss, gradient } = objective.evaluate(model, objective.samples(step));
    if (!Number.isFinite(loss)) throw new DivergenceError(`${fn}: the loss is ${loss} at step ${step}; try a smaller learningRate`);
    const last = step >= numSteps;
    if (last || step % recordEvery === 0) {
      recorder.add(step, loss, model);
      onProgress?.({ iteration: step, total: numSteps, metric: loss, state: { step, correlations } });
    }
    if (last) return { step, correlations, history: recorder.history };
    correlations = moved(world, model, gradient, objective.learningRate);
    step++;
  }
}

function moved(world: SpatialDistribution, { phi, upsilon }: Model, gradient: FlatGradient, rate: number): Correlations {
  return {
    phi: array(
      phi.map((x, i) => x - rate * gradient.phi[i]!),
      { shape: [world.numPatches, world.numFeatures], copy: false },
    ),
    upsilon: array(
      upsilon.map((x, i) => x - rate * gradient.upsilon[i]!),
      { shape: [world.numPatches, world.numPatches], copy: false },
    ),
  };
}

function defaultTracked(world: SpatialDistribution): TrackedQuery[] {
  return world.clusters[0]!.slice(0, 2).map((area) => ({ query: area[0]!, cluster: 0 }));
}

function checkTracked(fn: string, world: SpatialDistribution, tracked: readonly TrackedQuery[]): readonly TrackedQuery[] {
  for (const { query, cluster } of tracked)
    if (world.areaOf[cluster]?.[query] === undefined)
      throw new DomainError(`${fn}: track must name positions and clusters of the world, got position ${query} of cluster ${cluster}`);
  return tracked;
}

function recorderOf<S>(world: SpatialDistribution, tracked: readonly TrackedQuery[], { evaluate, probe, probeImages }: Objective<S>) {
  const queries = tracked.map(({ query, cluster }) => ({
    target: world.areaOf[cluster]![query]!,
    steps: [] as number[], loss: [] as number[], phi: [] as number[][], alpha: [] as number[][], areaAttention: [] as number[][], upsilonMax: [] as number[],
  })); // prettier-ignore
  const history = { steps: [] as number[], loss: [] as number[], summary: [] as AreaSummary[], upsilonMax: [] as number[], queries };
  return {
    history: history as DescentHistory,
    add(step: number, loss: number, model: Model): void {
      history.steps.push(step);
      history.loss.push(loss);
      history.summary.push(areaSummary(model, probeImages));
      history.upsilonMax.push(largest(model.upsilon));
      const { gradient } = evaluate(model, probe);
      tracked.forEach(({ query, cluster }, i) => {
        const from = query * world.numFeatures + world.offsets[cluster]!;
        const areas = world.clusters[cluster]!.length;
        const own = queries[i]!;
        own.steps.push(step);
        own.loss.push(loss);
        own.phi.push([...model.phi.subarray(from, from + areas)]);
        own.alpha.push(Array.from(gradient.phi.subarray(from, from + areas), (g) => -g));
        own.areaAttention.push(attentionWhileMasked(model, probeImages, query, cluster));
        own.upsilonMax.push(largest(model.upsilon.subarray(query * world.numPatches, (query + 1) * world.numPatches)));
      });
    },
  };
}

function largest(x: Float64Array): number {
  return x.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
}

/** Mean area attention of a query over the cluster's images in which it is masked and some of its area is seen; zeros where there is none. */
function attentionWhileMasked(model: Model, images: readonly MaskedImage[], query: number, cluster: number): number[] {
  const { world } = model;
  const attention = queryAttention(mostAreas(world));
  const areas = world.clusters[cluster]!.length;
  const total = new Array<number>(areas).fill(0);
  const own = world.clusters[cluster]![world.areaOf[cluster]![query]!]!;
  const fitting = images.filter(({ cluster: k, mask }) => k === cluster && mask[query] && own.some((q) => !mask[q]));
  for (const image of fitting) {
    attend(model, view(world, image), query, attention);
    for (let j = 0; j < areas; j++) total[j]! += attention.area[j]! / fitting.length;
  }
  return total;
}
