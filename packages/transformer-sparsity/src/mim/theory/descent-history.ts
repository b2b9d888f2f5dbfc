/** What a run of gradient descent records: everything that the theorems speak about. */
import { DomainError } from "@provably/core-tensor";
import {
  type FlatGradient,
  type Model,
  attend,
  mostAreas,
  queryAttention,
  view,
} from "../internal/model.js";
import type { SpatialDistribution } from "../data/distribution.js";
import type { MaskedImage } from "../data/sampling.js";
import { type AreaSummary, areaSummary } from "./area-summary.js";
import type { QueryHistory } from "./history.js";

/**
 * A query to follow through training, in the images of one cluster.
 * @category Training
 */
export interface TrackedQuery {
  readonly query: number;
  readonly cluster: number;
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

/** Loss and gradient, and where they and the attention are looked at. */
export interface Probed<S> {
  evaluate(model: Model, samples: S): { loss: number; gradient: FlatGradient };
  /** Samples on which slopes are recorded, and images on which attention is. */
  readonly probe: S;
  readonly probeImages: readonly MaskedImage[];
}

export function defaultTracked(distribution: SpatialDistribution): TrackedQuery[] {
  return distribution.clusters[0]!.slice(0, 2).map((area) => ({ query: area[0]!, cluster: 0 }));
}

export function checkTracked(
  fn: string,
  distribution: SpatialDistribution,
  tracked: readonly TrackedQuery[],
): readonly TrackedQuery[] {
  for (const { query, cluster } of tracked)
    if (distribution.areaOf[cluster]?.[query] === undefined)
      throw new DomainError(
        `${fn}: track must name positions and clusters of the distribution, got position ${query} of cluster ${cluster}`,
      );
  return tracked;
}

export function recorderOf<S>(
  distribution: SpatialDistribution,
  tracked: readonly TrackedQuery[],
  { evaluate, probe, probeImages }: Probed<S>,
) {
  const queries = tracked.map(({ query, cluster }) => ({
    target: distribution.areaOf[cluster]![query]!,
    steps: [] as number[],
    loss: [] as number[],
    phi: [] as number[][],
    alpha: [] as number[][],
    areaAttention: [] as number[][],
    upsilonMax: [] as number[],
  }));
  const history = {
    steps: [] as number[],
    loss: [] as number[],
    summary: [] as AreaSummary[],
    upsilonMax: [] as number[],
    queries,
  };
  return {
    history: history as DescentHistory,
    add(step: number, loss: number, model: Model): void {
      history.steps.push(step);
      history.loss.push(loss);
      history.summary.push(areaSummary(model, probeImages));
      history.upsilonMax.push(largest(model.upsilon));
      const { gradient } = evaluate(model, probe);
      tracked.forEach(({ query, cluster }, i) => {
        const from = query * distribution.numFeatures + distribution.offsets[cluster]!;
        const areas = distribution.clusters[cluster]!.length;
        const own = queries[i]!;
        own.steps.push(step);
        own.loss.push(loss);
        own.phi.push([...model.phi.subarray(from, from + areas)]);
        own.alpha.push(Array.from(gradient.phi.subarray(from, from + areas), (g) => -g));
        own.areaAttention.push(attentionWhileMasked(model, probeImages, query, cluster));
        own.upsilonMax.push(
          largest(
            model.upsilon.subarray(
              query * distribution.numPatches,
              (query + 1) * distribution.numPatches,
            ),
          ),
        );
      });
    },
  };
}

function largest(x: Float64Array): number {
  return x.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
}

/** Mean area attention of a query over the cluster's images in which it is masked and some of its area is seen; zeros where there is none. */
function attentionWhileMasked(
  model: Model,
  images: readonly MaskedImage[],
  query: number,
  cluster: number,
): number[] {
  const { distribution } = model;
  const attention = queryAttention(mostAreas(distribution));
  const areas = distribution.clusters[cluster]!.length;
  const total = new Array<number>(areas).fill(0);
  const own = distribution.clusters[cluster]![distribution.areaOf[cluster]![query]!]!;
  const fitting = images.filter(
    ({ cluster: k, mask }) => k === cluster && mask[query] && own.some((q) => !mask[q]),
  );
  for (const image of fitting) {
    attend(model, view(distribution, image), query, attention);
    for (let j = 0; j < areas; j++) total[j]! += attention.area[j]! / fitting.length;
  }
  return total;
}
