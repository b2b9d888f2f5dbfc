/** The two trainings of the theory: masked reconstruction, and the contrastive objective. */
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import {
  anyList,
  anyString,
  byKind,
  checkOptions,
  listOf,
  nonNegativeNumber,
  numberList,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { sampleTuple } from "../internal/sample-tuple.js";
import { type SpatialDistribution, checkDistribution } from "../data/distribution.js";
import { type MaskedImage, allImages, countMasked, drawMaskedImages } from "../data/sampling.js";
import { type ContrastiveTuple, accumulateContrastive } from "./contrastive.js";
import { type DescentOptions, type DescentResult, DESCENT, descend } from "./descent.js";
import {
  accumulateMae,
  checkQueries,
  checkSamples,
  checkWeights,
} from "./masked-reconstruction.js";

/**
 * Options of {@link trainMaskedReconstruction}.
 * @category Training
 */
export interface MaskedReconstructionOptions extends DescentOptions {
  /** Step size $\eta$; default 2. */
  readonly learningRate?: number;
  /**
   * What each step descends: `fresh` images (default, 32 a step), a `fixed` set, or the `exact` expectation over every image and mask (discrete latents, small
   * distributions).
   */
  readonly source?:
    | { readonly kind: "fresh"; readonly batchSize?: number }
    | {
        readonly kind: "fixed";
        readonly samples: readonly MaskedImage[];
        readonly weights?: ArrayLike<number>;
      }
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

const RECONSTRUCTION = {
  ...DESCENT,
  learningRate: positiveNumber,
  source: byKind("kind", {
    fresh: recordOf({ kind: anyString, batchSize: optional(wholeNumber()) }),
    fixed: recordOf({ kind: anyString, samples: anyList, weights: optional(numberList) }),
    exact: recordOf({ kind: anyString, limit: optional(positiveNumber) }),
  }),
  queries: listOf(wholeNumber(0)),
};

/**
 * Gradient descent on masked reconstruction, the analogue of a masked autoencoder: $\Phi \leftarrow \Phi - \eta \,\partial L/\partial \Phi$, and so for $\Upsilon$.
 *
 * The theorem: for an information gap away from 0, each masked patch ends up attending to the seen patches of its own area, $1 - \mathrm{Attn}_{p \to j} \to 0$, and
 * the loss approaches {@link optimalReconstructionLoss}. With a positive gap local queries first unlearn the global area.
 *
 * @param distribution - see {@link SpatialDistribution}
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
 * const distribution = createSpatialDistribution([areas]);
 * const { history } = trainMaskedReconstruction(distribution, key(0), { numSteps: 200 });
 * history.summary.at(-1).localToOwn > 0.9; // => true
 * ```
 * @see Huang, Wen, Chi, Liang (2024), "How transformers learn diverse attention correlations in masked vision pretraining", main theorem
 * @category Training
 */
export function trainMaskedReconstruction(
  distribution: SpatialDistribution,
  key: RngKey,
  options: MaskedReconstructionOptions = {},
): DescentResult {
  const fn = "trainMaskedReconstruction";
  checkDistribution(fn, distribution);
  const {
    maskRatio = 0.5,
    learningRate = 2,
    source = { kind: "fresh" },
    probeSize = 64,
  } = checkOptions<MaskedReconstructionOptions>(fn, options, RECONSTRUCTION);
  const queries = checkQueries(fn, distribution, options.queries);
  const fresh = (name: string | number, count: number): WeightedSamples =>
    uniformly(drawMaskedImages(fn, distribution, foldIn(key, name), count, maskRatio));
  const samples = sampler(fn, distribution, source, maskRatio, fresh);
  const probe = source.kind === "fresh" ? fresh("probe", probeSize) : samples(0);
  return descend(fn, distribution, options, {
    learningRate,
    samples,
    evaluate: (model, { samples: images, weights }) =>
      accumulateMae(model, images, weights, queries),
    probe,
    probeImages: source.kind === "exact" ? fresh("probe", probeSize).samples : probe.samples,
  });
}

interface WeightedSamples {
  readonly samples: readonly MaskedImage[];
  readonly weights: ArrayLike<number>;
}

function uniformly(samples: readonly MaskedImage[]): WeightedSamples {
  return { samples, weights: new Array<number>(samples.length).fill(1 / samples.length) };
}

function sampler(
  fn: string,
  distribution: SpatialDistribution,
  source: NonNullable<MaskedReconstructionOptions["source"]>,
  maskRatio: number,
  fresh: (step: number, count: number) => WeightedSamples,
): (step: number) => WeightedSamples {
  if (source.kind === "fresh") {
    const { batchSize = 32 } = source;
    return (step) => fresh(step, batchSize);
  }
  if (source.kind === "exact") {
    const all = allImages(fn, distribution, maskRatio, source.limit ?? 2e6);
    return () => all;
  }
  checkSamples(fn, distribution, source.samples);
  const fixed = {
    samples: source.samples,
    weights: checkWeights(fn, source.samples.length, source.weights),
  };
  return () => fixed;
}

const CONTRAST = {
  ...DESCENT,
  learningRate: positiveNumber,
  temperature: positiveNumber,
  weightDecay: nonNegativeNumber,
  batchSize: wholeNumber(),
  numNegatives: wholeNumber(),
};

/**
 * Gradient descent on the contrastive objective, the analogue of contrastive pretraining: two masks of an image are pulled together, other images pushed away.
 *
 * The theorem: for either sign of the gap, every patch ends up attending to the global area, wherever it is, so attention collapses. From zero, the rows of
 * $\Phi$ and $\Upsilon$ stay equal for ever. The closed form is that of queries which are positions alone; for queries with content see {@link trainTokenContrastive}.
 *
 * @param distribution - see {@link SpatialDistribution}
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
export function trainContrastive(
  distribution: SpatialDistribution,
  key: RngKey,
  options: ContrastiveOptions = {},
): DescentResult {
  const fn = "trainContrastive";
  checkDistribution(fn, distribution);
  const {
    maskRatio = 0.5,
    learningRate = 400,
    temperature = 0.2,
    weightDecay = 0,
    batchSize = 16,
    numNegatives = 7,
    probeSize = 64,
  } = checkOptions<ContrastiveOptions>(fn, options, CONTRAST);
  countMasked(fn, distribution.numPatches, maskRatio);
  const tuples = (tupleKey: RngKey): ContrastiveTuple[] =>
    Array.from({ length: batchSize }, (_, i) =>
      sampleTuple(distribution, foldIn(tupleKey, i), numNegatives, maskRatio),
    );
  return descend(fn, distribution, options, {
    learningRate,
    samples: (step) => tuples(foldIn(key, step)),
    evaluate: (model, batch) => accumulateContrastive(model, batch, temperature, weightDecay),
    probe: tuples(foldIn(key, "probe")),
    probeImages: drawMaskedImages(fn, distribution, foldIn(key, "images"), probeSize, maskRatio),
  });
}
