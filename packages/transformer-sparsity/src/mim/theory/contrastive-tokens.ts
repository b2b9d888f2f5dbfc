/**
 * The contrastive objective with queries that carry their patch's content, not their position alone. The dense matrix then has two more blocks, feature–feature and
 * feature–position, and no closed form is known: the gradient is by automatic differentiation.
 */
import {
  DomainError,
  type NdArray,
  ShapeError,
  array,
  item,
  logSoftmax,
  matmul,
  matrixTranspose,
  mean,
  mul,
  reshape,
  slice,
  softmax,
  stopGradient,
  sub,
  sum,
  toTypedArray,
  valueAndGrad,
  zeros,
} from "@provably/core-tensor";
import {
  anyList,
  check,
  checkOptions,
  longWork,
  positiveNumber,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { compile } from "@provably/core-tensor/compile";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { DivergenceError } from "../errors.js";

import { cosineDiversity } from "../internal/diversity.js";
import { type SpatialDistribution, checkDistribution } from "../data/distribution.js";
import {
  type MaskedImage,
  RATIO,
  checkMaskedImage,
  countMasked,
  drawMaskedImages,
} from "../data/sampling.js";
import { type ContrastiveTuple, checkTuples } from "./contrastive.js";
import { sampleTuple } from "../internal/sample-tuple.js";

/** Masked images with their positions, $X_p 1\lbrace p \text{ seen}\rbrace$ and $+ e_p$, shapes `[M, P, d]` with the features first. */
function tokens(
  distribution: SpatialDistribution,
  images: readonly MaskedImage[],
): { readonly content: NdArray; readonly placed: NdArray } {
  const { numPatches, numFeatures } = distribution;
  const dim = numFeatures + numPatches;
  const content = new Float64Array(images.length * numPatches * dim);
  const placed = new Float64Array(content.length);
  images.forEach(({ cluster, latents, mask }, m) => {
    for (let p = 0; p < numPatches; p++) {
      const at = (m * numPatches + p) * dim;
      const area = distribution.areaOf[cluster]![p]!;
      if (!mask[p]) content[at + distribution.offsets[cluster]! + area] = latents[area]!;
      placed[at + numFeatures + p] = 1;
    }
  });
  for (let i = 0; i < content.length; i++) placed[i]! += content[i]!;
  const shape = [images.length, numPatches, dim];
  return {
    content: array(content, { shape, copy: false }),
    placed: array(placed, { shape, copy: false }),
  };
}

/** Attention maps `[M, P, P]`: the softmax of $(X_p + e_p)^\top Q (X_q + e_q)$. */
function attentionOf(denseQ: NdArray, placed: NdArray): NdArray {
  return softmax(matmul(matmul(placed, denseQ), matrixTranspose(placed)), { axis: -1 });
}

/** Mean outputs `[M, d]`. */
function features(denseQ: NdArray, content: NdArray, placed: NdArray): NdArray {
  return mean(matmul(attentionOf(denseQ, placed), content), { axis: 1 });
}

interface Batch {
  readonly content: NdArray;
  readonly placed: NdArray;
  readonly otherContent: NdArray;
  readonly otherPlaced: NdArray;
}

function batchOf(distribution: SpatialDistribution, tuples: readonly ContrastiveTuple[]): Batch {
  const anchors = tokens(
    distribution,
    tuples.map(({ anchor }) => anchor),
  );
  const others = tokens(
    distribution,
    tuples.flatMap(({ positive, negatives }) => [positive, ...negatives]),
  );
  return { ...anchors, otherContent: others.content, otherPlaced: others.placed };
}

function lossOf(
  denseQ: NdArray,
  { content, placed, otherContent, otherPlaced }: Batch,
  temperature: number,
): NdArray {
  const f = features(denseQ, content, placed);
  const [count, dim] = f.shape as readonly [number, number];
  const others = reshape(features(stopGradient(denseQ), otherContent, otherPlaced), [
    count,
    -1,
    dim,
  ]);
  const logits = mul(1 / temperature, sum(mul(reshape(f, [count, 1, dim]), others), { axis: -1 }));
  return mul(-temperature, mean(slice(logSoftmax(logits, { axis: 1 }), [0, 0], [null, 1])));
}

function checkDense(fn: string, distribution: SpatialDistribution, denseQ: NdArray): void {
  checkDistribution(fn, distribution);
  check(fn, "denseQ", denseQ, tensor);
  const dim = distribution.numFeatures + distribution.numPatches;
  if (denseQ.shape.length !== 2 || denseQ.shape[0] !== dim || denseQ.shape[1] !== dim)
    throw new ShapeError(
      `${fn}: denseQ must be [${dim}, ${dim}], features first and then positions, got [${denseQ.shape.join(", ")}]`,
    );
}

/**
 * Options of {@link tokenContrastiveLoss}.
 * @category Objectives
 */
export interface TemperatureOptions {
  readonly temperature?: number;
}
const TEMPERATURE = { temperature: positiveNumber };
const TOKENS = {
  ...longWork,
  ...TEMPERATURE,
  maskRatio: RATIO,
  learningRate: positiveNumber,
  numSteps: wholeNumber(),
  batchSize: wholeNumber(),
  numNegatives: wholeNumber(),
  probeSize: wholeNumber(),
};

/**
 * The contrastive loss with token queries, as a function of the dense matrix that can be differentiated.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param denseQ - $Q$, shape `[F + P, F + P]`, features first; see {@link toDenseQ}
 * @param tuples - see {@link ContrastiveTuple}; at least one, all with equally many negatives
 * @param options - `temperature` $\tau$, default 0.2
 * @returns a single number
 * @throws `ShapeError` or `DomainError` when an argument does not fit the distribution
 * @example
 * ```ts
 * import { item, zeros } from "@provably/core-tensor";
 * import { createSpatialDistribution, tokenContrastiveLoss } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1]]]);
 * const image = { cluster: 0, latents: [1], mask: [1, 0] };
 * item(tokenContrastiveLoss(distribution, zeros([3, 3], { dtype: "float64" }), [{ anchor: image, positive: image, negatives: [image] }], { temperature: 1 })); // => 0.6931471805599453
 * ```
 * @category Objectives
 */
export function tokenContrastiveLoss(
  distribution: SpatialDistribution,
  denseQ: NdArray,
  tuples: readonly ContrastiveTuple[],
  options: TemperatureOptions = {},
): NdArray {
  const fn = "tokenContrastiveLoss";
  const { temperature = 0.2 } = checkOptions<TemperatureOptions>(fn, options, TEMPERATURE);
  checkDense(fn, distribution, denseQ);
  checkTuples(fn, distribution, tuples);
  if (tuples.some(({ negatives }) => negatives.length !== tuples[0]!.negatives.length))
    throw new DomainError(
      `${fn}: tuples must all have ${tuples[0]!.negatives.length} negatives like the first`,
    );
  return lossOf(denseQ, batchOf(distribution, tuples), temperature);
}

/**
 * Where queries with content look, on average over images.
 * @category Training
 */
export interface TokenSummary {
  /** Attention of masked local patches to the global area. */
  readonly maskedToGlobal: number;
  /** Attention of seen local patches to the global area. */
  readonly seenToGlobal: number;
  /** Mean cosine distance between the attention of two queries. */
  readonly diversity: number;
}

/**
 * Where patches look when queries carry their content.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param denseQ - $Q$, shape `[F + P, F + P]`, features first
 * @param samples - masked images
 * @returns see {@link TokenSummary}; NaN for a mean over patches of which there are none
 * @throws `ShapeError` or `DomainError` when an argument does not fit the distribution
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { createSpatialDistribution, summarizeTokenAttention } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1], [2, 3]]]);
 * const image = { cluster: 0, latents: [1, 1], mask: [0, 0, 1, 0] };
 * summarizeTokenAttention(distribution, zeros([6, 6], { dtype: "float64" }), [image]).maskedToGlobal; // => 0.5
 * ```
 * @category Training
 */
export function summarizeTokenAttention(
  distribution: SpatialDistribution,
  denseQ: NdArray,
  samples: readonly MaskedImage[],
): TokenSummary {
  const fn = "summarizeTokenAttention";
  checkDense(fn, distribution, denseQ);
  check(fn, "samples", samples, anyList).forEach((sample, i) =>
    checkMaskedImage(fn, distribution, sample, i),
  );
  const { numPatches } = distribution;
  const maps = Float64Array.from(
    toTypedArray(attentionOf(denseQ, tokens(distribution, samples).placed)),
  );
  const totals = { masked: 0, seen: 0, numMasked: 0, numSeen: 0, diversity: 0 };
  samples.forEach(({ cluster, mask }, m) => {
    const map = maps.subarray(m * numPatches ** 2, (m + 1) * numPatches ** 2);
    const areaOf = distribution.areaOf[cluster]!;
    totals.diversity += cosineDiversity(map, numPatches, numPatches) / samples.length;
    for (let p = 0; p < numPatches; p++) {
      if (areaOf[p] === 0) continue;
      let toGlobal = 0;
      for (let q = 0; q < numPatches; q++)
        if (areaOf[q] === 0 && !mask[q]) toGlobal += map[p * numPatches + q]!;
      if (mask[p])
        [totals.masked, totals.numMasked] = [totals.masked + toGlobal, totals.numMasked + 1];
      else [totals.seen, totals.numSeen] = [totals.seen + toGlobal, totals.numSeen + 1];
    }
  });
  return {
    maskedToGlobal: totals.masked / totals.numMasked,
    seenToGlobal: totals.seen / totals.numSeen,
    diversity: totals.diversity,
  };
}

/**
 * Options of {@link trainTokenContrastive}.
 * @category Training
 */
export interface TokenContrastiveOptions {
  /** $\gamma$; default 0.5. */
  readonly maskRatio?: number;
  /** Step size $\eta$; default 200. */
  readonly learningRate?: number;
  /** Default 150. */
  readonly numSteps?: number;
  /** $\tau$; default 0.2. */
  readonly temperature?: number;
  /** Tuples a step; default 16. */
  readonly batchSize?: number;
  /** Negatives of a tuple; default 7. */
  readonly numNegatives?: number;
  /** Images on which attention is measured at the end; default 64. */
  readonly probeSize?: number;
  /** Called after every step with its loss. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * Gradient descent from zero on the contrastive objective with token queries. It collapses onto the global area too, though rows are no longer exactly equal: the
 * conclusion of {@link trainContrastive} does not hinge on queries that are positions alone.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param key - random key; the tuples of a step depend on it and the step alone
 * @param options - see {@link TokenContrastiveOptions}
 * @returns the dense matrix, the loss of each step, and where patches look at the end
 * @throws `DomainError` when an option does not fit; {@link DivergenceError} when the loss leaves the numbers
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createAreaPartition, createSpatialDistribution, trainTokenContrastive } from "@provably/transformer-sparsity/mim";
 *
 * const areas = [0, 1].map((k) => createAreaPartition(key(k), { numPatches: 16, globalSize: 8, localSize: 4 }));
 * trainTokenContrastive(createSpatialDistribution(areas), key(0), { numSteps: 5, batchSize: 4 }).losses.length; // => 5
 * ```
 * @category Training
 */
export function trainTokenContrastive(
  distribution: SpatialDistribution,
  key: RngKey,
  options: TokenContrastiveOptions = {},
): {
  readonly denseQ: NdArray;
  readonly losses: readonly number[];
  readonly summary: TokenSummary;
} {
  const fn = "trainTokenContrastive";
  checkDistribution(fn, distribution);
  const {
    maskRatio = 0.5,
    learningRate = 200,
    numSteps = 150,
    temperature = 0.2,
    batchSize = 16,
    numNegatives = 7,
    probeSize = 64,
  } = checkOptions<TokenContrastiveOptions>(fn, options, TOKENS);
  countMasked(fn, distribution.numPatches, maskRatio);
  const dim = distribution.numFeatures + distribution.numPatches;
  const step = compile((q: NdArray, batch: Batch): [NdArray, NdArray] => {
    const [loss, slope] = valueAndGrad((x: NdArray) => lossOf(x, batch, temperature))(q);
    return [loss, sub(q, mul(learningRate, slope))];
  });
  let denseQ: NdArray = zeros([dim, dim], { dtype: "float64" });
  const losses: number[] = [];
  while (losses.length < numSteps) {
    options.signal?.throwIfAborted();
    const stepKey = foldIn(key, losses.length);
    const tuples = Array.from({ length: batchSize }, (_, i) =>
      sampleTuple(distribution, foldIn(stepKey, i), numNegatives, maskRatio),
    );
    const [loss, next] = step(denseQ, batchOf(distribution, tuples));
    const metric = item(loss);
    if (!Number.isFinite(metric))
      throw new DivergenceError(
        `${fn}: the loss is ${metric} at step ${losses.length}; try a smaller learningRate`,
      );
    denseQ = next;
    losses.push(metric);
    options.onProgress?.({ iteration: losses.length, total: numSteps, metric });
  }
  const probe = drawMaskedImages(fn, distribution, foldIn(key, "images"), probeSize, maskRatio);
  return { denseQ, losses, summary: summarizeTokenAttention(distribution, denseQ, probe) };
}
