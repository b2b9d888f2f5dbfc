/** The contrastive objective on pairs of masks of one image, with its exact gradient. */
import { DomainError, array } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  listOf,
  nonNegativeNumber,
  positiveNumber,
  recordWith,
} from "@provably/core-tensor/internal";

import {
  type FlatGradient,
  type Model,
  attend,
  mostAreas,
  prepare,
  pullQuery,
  queryAttention,
  view,
} from "../internal/model.js";
import type { SpatialDistribution } from "../data/distribution.js";
import { type MaskedImage, checkMaskedImage } from "../data/sampling.js";
import type { Correlations } from "./correlations.js";
import type { LossAndGradient } from "./masked-reconstruction.js";

/**
 * An anchor, another masking of the same image, and maskings of other images.
 * @category Objectives
 */
export interface ContrastiveTuple {
  readonly anchor: MaskedImage;
  readonly positive: MaskedImage;
  readonly negatives: readonly MaskedImage[];
}

/**
 * Options of {@link contrastiveLossAndGradient}.
 * @category Objectives
 */
export interface ContrastiveLossOptions {
  /** Temperature $\tau$; default 0.2. */
  readonly temperature?: number;
  /** $\lambda$ of the penalty $\frac\lambda2 \lVert Q \rVert_F^2$; default 0. */
  readonly weightDecay?: number;
}

const LOSS = { temperature: positiveNumber, weightDecay: nonNegativeNumber };

/**
 * The contrastive loss on given tuples, with its exact gradient.
 *
 * $$L = -\tau \log \pi_0, \qquad \pi = \operatorname{softmax}_i \frac{\langle f(X, M),\, \operatorname{sg} f_i\rangle}{\tau}, \qquad f(X, M) = \frac1P \sum_p Y_p$$
 *
 * averaged over the tuples; $f_0$ is the positive, the others are negatives, and only the anchor is differentiated. Every position is a query, seen or not, and a
 * query is its position alone. The derivative by the attention to an area, $c_j = z_j (\sum_i \pi_i f_i - f_0)_j / P$, is the same for all queries: started from
 * equal rows, all rows stay equal, and the attention map has no diversity at all.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param tuples - see {@link ContrastiveTuple}
 * @param options - see {@link ContrastiveLossOptions}
 * @returns loss and gradient, and the feature $f$ of each anchor, `F` numbers
 * @throws `ShapeError` or `DomainError` when an argument does not fit the distribution, a tuple has no negatives, or its positive is another image
 * @example
 * ```ts
 * import { contrastiveLossAndGradient, createSpatialDistribution, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1]]]);
 * const image = { cluster: 0, latents: [1], mask: [1, 0] };
 * const tuples = [{ anchor: image, positive: image, negatives: [image] }];
 * contrastiveLossAndGradient(distribution, zeroCorrelations(distribution), tuples, { temperature: 1 }).loss; // => 0.6931471805599453
 * ```
 * @see Huang, Wen, Chi, Liang (2025), "A theoretical analysis of self-supervised learning for vision transformers", section on contrastive learning
 * @category Objectives
 */
export function contrastiveLossAndGradient(
  distribution: SpatialDistribution,
  correlations: Correlations,
  tuples: readonly ContrastiveTuple[],
  options: ContrastiveLossOptions = {},
): LossAndGradient & { readonly anchorFeatures: readonly (readonly number[])[] } {
  const fn = "contrastiveLossAndGradient";
  const { temperature = 0.2, weightDecay = 0 } = checkOptions<ContrastiveLossOptions>(
    fn,
    options,
    LOSS,
  );
  const model = prepare(fn, distribution, correlations);
  checkTuples(fn, distribution, tuples);
  const { loss, gradient, anchorFeatures } = accumulateContrastive(
    model,
    tuples,
    temperature,
    weightDecay,
  );
  return {
    loss,
    gradPhi: array(gradient.phi, {
      shape: [distribution.numPatches, distribution.numFeatures],
      copy: false,
    }),
    gradUpsilon: array(gradient.upsilon, {
      shape: [distribution.numPatches, distribution.numPatches],
      copy: false,
    }),
    anchorFeatures: anchorFeatures.map((f) => [...f]),
  };
}

/** Loss and gradient in flat arrays, without checks. */
export function accumulateContrastive(
  model: Model,
  tuples: readonly ContrastiveTuple[],
  temperature: number,
  weightDecay: number,
): { loss: number; gradient: FlatGradient; anchorFeatures: Float64Array[] } {
  const { distribution } = model;
  const { numPatches } = distribution;
  const gradient = {
    phi: model.phi.map((x) => weightDecay * x),
    upsilon: model.upsilon.map((x) => weightDecay * x),
  };
  const numAreas = mostAreas(distribution);
  const attention = queryAttention(numAreas);
  const [c, slope] = [new Float64Array(numAreas), new Float64Array(numAreas + 1)];
  let loss =
    weightDecay === 0
      ? 0
      : (weightDecay / 2) * (sumOfSquares(model.phi) + sumOfSquares(model.upsilon));
  const anchorFeatures: Float64Array[] = [];
  for (const { anchor, positive, negatives } of tuples) {
    const f = feature(model, anchor);
    anchorFeatures.push(f);
    const others = [positive, ...negatives].map((image) => feature(model, image));
    const logits = others.map((g) => inner(f, g) / temperature);
    const top = Math.max(...logits);
    const mass = logits.reduce((total, l) => total + Math.exp(l - top), 0);
    loss += (temperature * (top + Math.log(mass) - logits[0]!)) / tuples.length;
    // dF = Σ π_i f_i − f_0, in coordinates of the features
    const pull = new Float64Array(distribution.numFeatures);
    others.forEach((g, i) => {
      const share = Math.exp(logits[i]! - top) / mass - (i === 0 ? 1 : 0);
      for (let k = 0; k < pull.length; k++) pull[k]! += share * g[k]!;
    });
    const seen = view(distribution, anchor);
    for (let j = 0; j < seen.numAreas; j++)
      c[j] = (seen.z[j]! * pull[seen.offset + j]!) / numPatches;
    for (let p = 0; p < numPatches; p++) {
      attend(model, seen, p, attention);
      pullQuery(distribution, seen, p, attention, c, 1 / tuples.length, slope, gradient);
    }
  }
  return { loss, gradient, anchorFeatures };
}

/** The mean output $f(X, M)$ in coordinates of the features. */
function feature(model: Model, image: MaskedImage): Float64Array {
  const { distribution } = model;
  const seen = view(distribution, image);
  const attention = queryAttention(seen.numAreas);
  const f = new Float64Array(distribution.numFeatures);
  for (let p = 0; p < distribution.numPatches; p++) {
    attend(model, seen, p, attention);
    for (let j = 0; j < seen.numAreas; j++)
      f[seen.offset + j]! += (seen.z[j]! * attention.area[j]!) / distribution.numPatches;
  }
  return f;
}

function inner(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

function sumOfSquares(x: Float64Array): number {
  return inner(x, x);
}

const shape = listOf(
  recordWith({ anchor: recordWith(), positive: recordWith(), negatives: listOf(recordWith()) }),
);

export function checkTuples(
  fn: string,
  distribution: SpatialDistribution,
  tuples: readonly ContrastiveTuple[],
): void {
  check(fn, "tuples", tuples, shape);
  if (tuples.length === 0) throw new DomainError(`${fn}: tuples must hold at least one tuple`);
  tuples.forEach(({ anchor, positive, negatives }, i) => {
    if (negatives.length === 0)
      throw new DomainError(`${fn}: tuples[${i}].negatives must hold at least one image`);
    for (const image of [anchor, positive, ...negatives])
      checkMaskedImage(fn, distribution, image, i);
    if (positive.cluster !== anchor.cluster)
      throw new DomainError(
        `${fn}: tuples[${i}].positive must be the anchor's image, got cluster ${positive.cluster} for ${anchor.cluster}`,
      );
  });
}
