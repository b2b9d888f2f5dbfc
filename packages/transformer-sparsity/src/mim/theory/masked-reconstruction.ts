/** The objective of masked reconstruction, with its exact gradient. */
import { DomainError, type NdArray, ShapeError, array } from "@provably/core-tensor";
import {
  anyList,
  check,
  checkOptions,
  listOf,
  numberList,
  wholeNumber,
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

/**
 * A loss with its gradient by the correlations.
 * @category Objectives
 */
export interface LossAndGradient {
  readonly loss: number;
  /** $\partial L / \partial \Phi$, shape `[P, F]`. */
  readonly gradPhi: NdArray;
  /** $\partial L / \partial \Upsilon$, shape `[P, P]`; its rows sum to 0. */
  readonly gradUpsilon: NdArray;
}

/**
 * Options of {@link maeLossAndGradient}.
 * @category Objectives
 */
export interface MaeLossOptions {
  /** Weight of each sample; default all `1 / samples.length`. */
  readonly weights?: ArrayLike<number>;
  /** Queries that count; every query's loss depends on its own row alone, so any subset can be trained. Default all. */
  readonly queries?: readonly number[];
}

const MAE = { weights: numberList, queries: listOf(wholeNumber(0)) };

/**
 * The loss of masked reconstruction on given samples, with its exact gradient.
 *
 * $$L = \tfrac12 \sum_s w_s \sum_{p \in M} \lVert Y_p - X_p \rVert^2 = \tfrac12 \sum_s w_s \sum_{p \in M} \sum_j z_j^2 (A_j - 1\lbrace j = n\rbrace)^2$$
 *
 * with $A_j$ the area attention of $p$ and $n$ its own area. With $c_j = z_j^2 (A_j - 1\lbrace j = n\rbrace)$ and $S = \sum_j c_j A_j$, the derivatives of a masked query are
 * $\partial/\partial\Phi_{p \to (k,j)} = z_j A_j (c_j - S)$ and $\partial/\partial\Upsilon_{p \to q} = \mathrm{attn}_{pq} (1\lbrace q \text{ seen}\rbrace c_{a(q)} - S)$.
 * Costs $O(m (P + N))$ a sample; exponentials are taken for areas, not for pairs of patches.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param correlations - see {@link Correlations}
 * @param samples - masked images
 * @param options - see {@link MaeLossOptions}
 * @returns see {@link LossAndGradient}
 * @throws `ShapeError` or `DomainError` when an argument does not fit the distribution
 * @example
 * ```ts
 * import { createSpatialDistribution, maeLossAndGradient, zeroCorrelations } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1]]]);
 * maeLossAndGradient(distribution, zeroCorrelations(distribution), [{ cluster: 0, latents: [1], mask: [1, 0] }]).loss; // => 0.125
 * ```
 * @see Huang, Wen, Chi, Liang (2024), "How transformers learn diverse attention correlations in masked vision pretraining", gradient lemmas
 * @category Objectives
 */
export function maeLossAndGradient(
  distribution: SpatialDistribution,
  correlations: Correlations,
  samples: readonly MaskedImage[],
  options: MaeLossOptions = {},
): LossAndGradient {
  const fn = "maeLossAndGradient";
  const model = prepare(fn, distribution, correlations);
  checkSamples(fn, distribution, samples);
  checkOptions<MaeLossOptions>(fn, options, MAE);
  const weights = checkWeights(fn, samples.length, options.weights);
  const queries = checkQueries(fn, distribution, options.queries);
  const { loss, gradient } = accumulateMae(model, samples, weights, queries);
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
  };
}

/** Loss and gradient in flat arrays, without checks. */
export function accumulateMae(
  model: Model,
  samples: readonly MaskedImage[],
  weights: ArrayLike<number>,
  queries: readonly number[],
): { loss: number; gradient: FlatGradient } {
  const { distribution } = model;
  const gradient = {
    phi: new Float64Array(model.phi.length),
    upsilon: new Float64Array(model.upsilon.length),
  };
  const numAreas = mostAreas(distribution);
  const attention = queryAttention(numAreas);
  const [c, slope] = [new Float64Array(numAreas), new Float64Array(numAreas + 1)];
  let loss = 0;
  samples.forEach((sample, s) => {
    const seen = view(distribution, sample);
    const weight = weights[s]!;
    for (const p of queries) {
      if (!sample.mask[p]) continue;
      attend(model, seen, p, attention);
      const own = seen.areaOf[p]!;
      let squared = 0;
      for (let j = 0; j < seen.numAreas; j++) {
        const error = attention.area[j]! - (j === own ? 1 : 0);
        c[j] = seen.z[j]! * seen.z[j]! * error;
        squared += c[j]! * error;
      }
      loss += (weight / 2) * squared;
      pullQuery(distribution, seen, p, attention, c, weight, slope, gradient);
    }
  });
  return { loss, gradient };
}

export function checkSamples(
  fn: string,
  distribution: SpatialDistribution,
  samples: readonly MaskedImage[],
): void {
  if (check(fn, "samples", samples, anyList).length === 0)
    throw new DomainError(`${fn}: samples must hold at least one masked image`);
  samples.forEach((sample, i) => checkMaskedImage(fn, distribution, sample, i));
}

export function checkWeights(
  fn: string,
  count: number,
  weights: ArrayLike<number> | undefined,
): ArrayLike<number> {
  if (weights === undefined) return new Array<number>(count).fill(1 / count);
  check(fn, "weights", weights, numberList);
  if (weights.length !== count)
    throw new ShapeError(
      `${fn}: weights must hold ${count} numbers, one a sample, got ${weights.length}`,
    );
  for (let i = 0; i < count; i++)
    if (!(weights[i]! >= 0 && weights[i]! < Infinity))
      throw new DomainError(
        `${fn}: weights must be finite and ≥ 0, weights[${i}] is ${weights[i]!}`,
      );
  return weights;
}

export function checkQueries(
  fn: string,
  distribution: SpatialDistribution,
  queries: readonly number[] | undefined,
): readonly number[] {
  if (queries === undefined) return Array.from({ length: distribution.numPatches }, (_, p) => p);
  for (const p of check(fn, "queries", queries, listOf(wholeNumber(0))))
    if (p >= distribution.numPatches)
      throw new DomainError(
        `${fn}: queries must be positions 0 … ${distribution.numPatches - 1}, got ${p}`,
      );
  return queries;
}
