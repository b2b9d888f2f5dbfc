/**
 * The one-layer attention model in flat arrays. The scores of a query p are Υ[p, q] + z Φ[p, a(q)] for seen keys and Υ[p, q] for masked ones, so their
 * exponentials are products of exp Υ[p, q], which no sample changes, with one factor for each area: no exponential for each key and sample.
 */
import { type Correlations, checkCorrelations } from "../theory/correlations.js";
import { type SpatialDistribution, checkDistribution } from "../data/distribution.js";
import type { MaskedImage } from "../data/sampling.js";

/** Correlations with exponentials of the positional ones, relative to the greatest of each row. */
export interface Model {
  readonly distribution: SpatialDistribution;
  readonly phi: Float64Array;
  readonly upsilon: Float64Array;
  readonly expUpsilon: Float64Array;
}

export function prepare(
  fn: string,
  distribution: SpatialDistribution,
  correlations: Correlations,
): Model {
  checkDistribution(fn, distribution);
  const { numPatches } = distribution;
  const { phi, upsilon } = checkCorrelations(fn, distribution, correlations);
  const expUpsilon = new Float64Array(upsilon.length);
  for (let p = 0; p < numPatches; p++) {
    const row = p * numPatches;
    let top = -Infinity;
    for (let q = 0; q < numPatches; q++) top = Math.max(top, upsilon[row + q]!);
    for (let q = 0; q < numPatches; q++) expUpsilon[row + q] = Math.exp(upsilon[row + q]! - top);
  }
  return { distribution, phi, upsilon, expUpsilon };
}

/** What a sample looks like to the model: the area of each seen key, `numAreas` for masked keys. */
export interface View {
  readonly numAreas: number;
  readonly offset: number;
  readonly areaOf: readonly number[];
  readonly code: Int32Array;
  readonly z: Float64Array;
}

export function view(
  distribution: SpatialDistribution,
  { cluster, latents, mask }: MaskedImage,
): View {
  const areaOf = distribution.areaOf[cluster]!;
  const numAreas = distribution.clusters[cluster]!.length;
  const code = new Int32Array(distribution.numPatches);
  for (let q = 0; q < code.length; q++) code[q] = mask[q] ? numAreas : areaOf[q]!;
  return {
    numAreas,
    offset: distribution.offsets[cluster]!,
    areaOf,
    code,
    z: Float64Array.from(latents),
  };
}

/** The attention of one query: `keys[q] · factor[code[q]]`, with `area[j]` its sum over the seen patches of area j. */
export interface QueryAttention {
  keys: Float64Array;
  /** Position of the row in `keys`. */
  at: number;
  /** One factor an area, and a last one for masked keys. */
  readonly factor: Float64Array;
  readonly area: Float64Array;
}

export function queryAttention(numAreas: number): QueryAttention {
  return {
    keys: new Float64Array(0),
    at: 0,
    factor: new Float64Array(numAreas + 1),
    area: new Float64Array(numAreas + 1),
  };
}

/** Attention of query `p`, written into `out`. */
export function attend(
  model: Model,
  { numAreas, offset, code, z }: View,
  p: number,
  out: QueryAttention,
): void {
  const { distribution, phi, expUpsilon } = model;
  const { numPatches } = distribution;
  const { factor, area } = out;
  const phiRow = p * distribution.numFeatures + offset;
  let top = 0;
  for (let j = 0; j < numAreas; j++) top = Math.max(top, z[j]! * phi[phiRow + j]!);
  for (let j = 0; j < numAreas; j++) factor[j] = Math.exp(z[j]! * phi[phiRow + j]! - top);
  factor[numAreas] = Math.exp(-top);
  out.keys = expUpsilon;
  out.at = p * numPatches;
  let total = areaSums(out, code, numAreas);
  if (!(total > 1e-200)) {
    // the two maxima belong to different keys, far apart: take the exponentials of the sums
    exactKeys(model, code, z, p, phiRow, out, numAreas);
    total = areaSums(out, code, numAreas);
  }
  const scale = 1 / total;
  for (let j = 0; j <= numAreas; j++) {
    factor[j] = factor[j]! * scale;
    area[j] = area[j]! * scale;
  }
}

/** Sums of `keys · factor` by area; returns the sum over all keys. */
function areaSums(
  { keys, at, factor, area }: QueryAttention,
  code: Int32Array,
  numAreas: number,
): number {
  area.fill(0);
  for (let q = 0; q < code.length; q++) area[code[q]!]! += keys[at + q]!;
  let total = 0;
  for (let j = 0; j <= numAreas; j++) total += area[j]! *= factor[j]!;
  return total;
}

function exactKeys(
  model: Model,
  code: Int32Array,
  z: Float64Array,
  p: number,
  phiRow: number,
  out: QueryAttention,
  numAreas: number,
): void {
  const row = p * model.distribution.numPatches;
  const score = (q: number): number =>
    model.upsilon[row + q]! +
    (code[q] === numAreas ? 0 : z[code[q]!]! * model.phi[phiRow + code[q]!]!);
  let top = -Infinity;
  for (let q = 0; q < code.length; q++) top = Math.max(top, score(q));
  out.keys = Float64Array.from(code, (_, q) => Math.exp(score(q) - top));
  out.at = 0;
  out.factor.fill(1);
}

/** Gradients with respect to the correlations, in flat arrays. */
export interface FlatGradient {
  readonly phi: Float64Array;
  readonly upsilon: Float64Array;
}

/** Adds `weight · dℓ/d(Φ, Υ)` of query `p`, where `c[j]` is the derivative of ℓ by the attention to area j. `slope` is working memory. */
export function pullQuery(
  distribution: SpatialDistribution,
  { numAreas, offset, code, z }: View,
  p: number,
  { keys, at, factor, area }: QueryAttention,
  c: Float64Array,
  weight: number,
  slope: Float64Array,
  gradient: FlatGradient,
): void {
  const phiRow = p * distribution.numFeatures + offset;
  let mean = 0;
  for (let j = 0; j < numAreas; j++) mean += c[j]! * area[j]!;
  for (let j = 0; j < numAreas; j++) {
    const pull = weight * (c[j]! - mean);
    gradient.phi[phiRow + j]! += pull * z[j]! * area[j]!;
    slope[j] = pull * factor[j]!;
  }
  slope[numAreas] = -weight * mean * factor[numAreas]!;
  const to = p * distribution.numPatches;
  const { upsilon } = gradient;
  for (let q = 0; q < code.length; q++) upsilon[to + q]! += keys[at + q]! * slope[code[q]!]!;
}

/** The largest number of areas of a cluster: the size of working memory. */
export function mostAreas(distribution: SpatialDistribution): number {
  return Math.max(...distribution.clusters.map((areas) => areas.length));
}
