/** Drawing images and masks, and listing all of them where they are few. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  array,
  matmul,
  toTypedArray,
} from "@provably/core-tensor";
import {
  check,
  checkOptions,
  numberInside,
  numberList,
  positiveNumber,
  recordWith,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";

import { checkInteger } from "../internal/check.js";
import { type SpatialDistribution, checkDistribution } from "./distribution.js";
import { latentAt, latentSupport } from "./latent.js";

/**
 * What determines an image: its cluster and the latent of each of the cluster's areas.
 * @category Data
 */
export interface SpatialImage {
  readonly cluster: number;
  readonly latents: ArrayLike<number>;
}

/**
 * An image with a mask: 1 where the patch is hidden (replaced by the zero vector), 0 where it is seen.
 * @category Data
 */
export interface MaskedImage extends SpatialImage {
  readonly mask: ArrayLike<number>;
}

/**
 * How many patches a masking ratio hides: $P - \lfloor P(1-\gamma) \rfloor$.
 *
 * Rounding is that of masked autoencoders: down on the number kept.
 *
 * @param numPatches - $P$
 * @param maskRatio - $\gamma \in (0, 1)$
 * @returns $m$, from 1 to $P - 1$
 * @throws `DomainError` when the ratio is outside (0, 1) or leaves no patch masked or none seen
 * @example
 * ```ts
 * import { maskedCount } from "@provably/transformer-sparsity/mim";
 *
 * maskedCount(49, 0.75); // => 37
 * ```
 * @category Data
 */
export function maskedCount(numPatches: number, maskRatio: number): number {
  return countMasked("maskedCount", numPatches, maskRatio);
}

/** The same for a function that the user called. */
export function countMasked(fn: string, numPatches: number, maskRatio: number): number {
  checkInteger(fn, "numPatches", numPatches, 2);
  check(fn, "maskRatio", maskRatio, RATIO);
  const masked = numPatches - Math.floor(numPatches * (1 - maskRatio) + 1e-9);
  if (masked === 0 || masked === numPatches)
    throw new DomainError(
      `${fn}: maskRatio ${maskRatio} leaves no patch ${masked === 0 ? "masked" : "seen"} of ${numPatches}`,
    );
  return masked;
}

/**
 * An image drawn from a distribution.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param key - random key
 * @returns see {@link SpatialImage}
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createSpatialDistribution, sampleImage } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1, 2], [3]]]);
 * sampleImage(distribution, key(0)).latents.length; // => 2
 * ```
 * @category Data
 */
export function sampleImage(distribution: SpatialDistribution, key: RngKey): SpatialImage {
  checkDistribution("sampleImage", distribution);
  return drawImage(distribution, key);
}

/**
 * Options of those that only hide patches.
 * @category Options
 */
export interface MaskOptions {
  readonly maskRatio?: number;
}
/** A share strictly between none and all. */
export const RATIO = numberInside(0, 1);
export const MASK = { maskRatio: RATIO };

/** The same, without a check. */
export function drawImage(distribution: SpatialDistribution, key: RngKey): SpatialImage {
  const most = Math.max(...distribution.clusters.map((areas) => areas.length));
  const u = toTypedArray(uniform(key, [1 + most], { dtype: "float64" }));
  const cluster = Math.min(
    distribution.clusters.length - 1,
    Math.floor(u[0]! * distribution.clusters.length),
  );
  const latents = distribution.clusters[cluster]!.map((_, j) =>
    latentAt(distribution.latent, u[1 + j]!),
  );
  return { cluster, latents };
}

/**
 * A uniformly random mask with exactly {@link maskedCount} ones.
 *
 * @param numPatches - $P$
 * @param key - random key
 * @param options - `maskRatio`: $\gamma$, default 0.5
 * @returns `P` numbers, 1 where masked
 * @throws `DomainError` as {@link maskedCount}
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { sampleMask } from "@provably/transformer-sparsity/mim";
 *
 * sampleMask(8, key(0)).reduce((a, b) => a + b); // => 4
 * ```
 * @category Data
 */
export function sampleMask(numPatches: number, key: RngKey, options: MaskOptions = {}): Uint8Array {
  const { maskRatio = 0.5 } = checkOptions<MaskOptions>("sampleMask", options, MASK);
  return drawMask(numPatches, key, countMasked("sampleMask", numPatches, maskRatio));
}

function drawMask(numPatches: number, key: RngKey, masked: number): Uint8Array {
  const u = toTypedArray(uniform(key, [masked], { dtype: "float64" }));
  const order = Uint32Array.from({ length: numPatches }, (_, p) => p);
  const mask = new Uint8Array(numPatches);
  for (let i = 0; i < masked; i++) {
    const j = i + Math.floor(u[i]! * (numPatches - i));
    mask[order[j]!] = 1;
    order[j] = order[i]!;
  }
  return mask;
}

/**
 * Independent masked images; image `i` depends on the key and `i` alone.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param key - random key
 * @param count - how many, an integer ≥ 0
 * @param options - `maskRatio`: $\gamma$, default 0.5
 * @returns see {@link MaskedImage}
 * @throws `DomainError` when the count or the ratio does not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createSpatialDistribution, sampleMaskedImages } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1, 2], [3]]]);
 * sampleMaskedImages(distribution, key(0), 32).length; // => 32
 * ```
 * @category Data
 */
export function sampleMaskedImages(
  distribution: SpatialDistribution,
  key: RngKey,
  count: number,
  options: MaskOptions = {},
): MaskedImage[] {
  checkDistribution("sampleMaskedImages", distribution);
  checkInteger("sampleMaskedImages", "count", count, 0);
  const { maskRatio = 0.5 } = checkOptions<MaskOptions>("sampleMaskedImages", options, MASK);
  return drawMaskedImages("sampleMaskedImages", distribution, key, count, maskRatio);
}

/** The same, without a check. */
export function drawMaskedImages(
  fn: string,
  distribution: SpatialDistribution,
  key: RngKey,
  count: number,
  maskRatio: number,
): MaskedImage[] {
  const masked = countMasked(fn, distribution.numPatches, maskRatio);
  return Array.from({ length: count }, (_, i) => {
    const own = foldIn(key, i);
    return {
      ...drawImage(distribution, own),
      mask: drawMask(distribution.numPatches, foldIn(own, "mask"), masked),
    };
  });
}

/**
 * Options of {@link renderImage}.
 * @category Data
 */
export interface RenderOptions {
  readonly features?: NdArray;
}
const RENDER = { features: tensor };

/**
 * The patches $X_p = z_{a(k,p)} v_{k,a(k,p)}$ of an image.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param image - see {@link SpatialImage}
 * @param options - `features`: the vectors $v$, shape `[F, d]`, default the unit vectors of $F$ dimensions
 * @returns array of shape `[P, d]`, float64
 * @throws `ShapeError` when the number of features differs
 * @example
 * ```ts
 * import { createSpatialDistribution, renderImage } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0], [1]]]);
 * renderImage(distribution, { cluster: 0, latents: [2, 3] }); // => [[2, 0], [0, 3]]
 * ```
 * @category Data
 */
export function renderImage(
  distribution: SpatialDistribution,
  image: SpatialImage,
  options: RenderOptions = {},
): NdArray {
  checkDistribution("renderImage", distribution);
  checkImage("renderImage", distribution, image);
  const { features } = checkOptions<RenderOptions>("renderImage", options, RENDER);
  const { numPatches, numFeatures } = distribution;
  const data = new Float64Array(numPatches * numFeatures);
  distribution.areaOf[image.cluster]!.forEach(
    (j, p) =>
      (data[p * numFeatures + distribution.offsets[image.cluster]! + j] = image.latents[j]!),
  );
  const coordinates = array(data, { shape: [numPatches, numFeatures] });
  if (features === undefined) return coordinates;
  if (features.shape.length !== 2 || features.shape[0] !== numFeatures)
    throw new ShapeError(
      `renderImage: features must be [${numFeatures}, d], got [${features.shape.join(", ")}]`,
    );
  return matmul(coordinates, features);
}

/**
 * Options of {@link enumerateImages}.
 * @category Data
 */
export interface EnumerateOptions extends MaskOptions {
  readonly limit?: number;
}
const ENUMERATE = { ...MASK, limit: positiveNumber };

/**
 * All masked images of a distribution with discrete latents, with their probabilities.
 *
 * @param distribution - see {@link SpatialDistribution}; its latents must be discrete
 * @param options - `maskRatio`: $\gamma$, default 0.5; `limit`: greatest number of images, default 2·10⁶
 * @returns the images and, in the same order, their probabilities
 * @throws `DomainError` when the latents are not discrete, or there are more images than the limit
 * @example
 * ```ts
 * import { createSpatialDistribution, enumerateImages } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1], [2, 3]]], { latent: { kind: "discrete", values: [0.8, 1.2] } });
 * enumerateImages(distribution).samples.length; // => 24
 * ```
 * @category Data
 */
export function enumerateImages(
  distribution: SpatialDistribution,
  options: EnumerateOptions = {},
): { readonly samples: readonly MaskedImage[]; readonly weights: readonly number[] } {
  checkDistribution("enumerateImages", distribution);
  const { maskRatio = 0.5, limit = 2e6 } = checkOptions<EnumerateOptions>(
    "enumerateImages",
    options,
    ENUMERATE,
  );
  return allImages("enumerateImages", distribution, maskRatio, limit);
}

/** The same, without a check of the distribution. */
export function allImages(
  fn: string,
  distribution: SpatialDistribution,
  maskRatio: number,
  limit: number,
): { readonly samples: readonly MaskedImage[]; readonly weights: readonly number[] } {
  const { latent, numPatches, clusters } = distribution;
  if (latent.kind !== "discrete")
    throw new DomainError(`${fn}: latents must be discrete, got ${latent.kind}`);
  const masked = countMasked(fn, numPatches, maskRatio);
  const support = latentSupport(latent);
  const numMasks = binomial(numPatches, masked);
  const count = clusters.reduce(
    (total, areas) => total + support.length ** areas.length * numMasks,
    0,
  );
  if (count > limit)
    throw new DomainError(
      `${fn}: there are ${count} masked images, more than the limit of ${limit}`,
    );
  const masks = subsets(numPatches, masked);
  const samples: MaskedImage[] = [];
  const weights: number[] = [];
  clusters.forEach((areas, cluster) => {
    for (const { latents, probability } of latentChoices(support, areas.length))
      for (const mask of masks) {
        samples.push({ cluster, latents, mask });
        weights.push(probability / (clusters.length * masks.length));
      }
  });
  return { samples, weights };
}

function binomial(n: number, k: number): number {
  let value = 1;
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i;
  return Math.round(value);
}

function subsets(n: number, size: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  const mask = new Uint8Array(n);
  const choose = (from: number, left: number): void => {
    if (left === 0) {
      found.push(mask.slice());
      return;
    }
    for (let p = from; p <= n - left; p++) {
      mask[p] = 1;
      choose(p + 1, left - 1);
      mask[p] = 0;
    }
  };
  choose(0, size);
  return found;
}

function latentChoices(
  support: ReturnType<typeof latentSupport>,
  length: number,
): { latents: number[]; probability: number }[] {
  let choices: { latents: number[]; probability: number }[] = [{ latents: [], probability: 1 }];
  for (let j = 0; j < length; j++)
    choices = choices.flatMap(({ latents, probability }) =>
      support.map((s) => ({
        latents: [...latents, s.value],
        probability: probability * s.probability,
      })),
    );
  return choices;
}

const shape = recordWith({ cluster: wholeNumber(0), latents: numberList });
const masked = recordWith({ mask: listOf01 });
function listOf01(x: unknown) {
  const fault = numberList(x);
  if (fault !== undefined) return fault;
  const list = x as ArrayLike<number>;
  const at = Array.from(list).findIndex((v) => v !== 0 && v !== 1);
  return at < 0
    ? undefined
    : { path: `[${at}]`, expected: "0 (seen) or 1 (masked)", got: list[at] };
}

export function checkImage(
  fn: string,
  distribution: SpatialDistribution,
  image: SpatialImage,
  index?: number,
): void {
  const which = index === undefined ? "image" : `samples[${index}]`;
  check(fn, which, image, shape);
  const areas = distribution.clusters[image.cluster];
  if (areas === undefined)
    throw new DomainError(
      `${fn}: ${which}.cluster must be one of 0 … ${distribution.clusters.length - 1}, got ${image.cluster}`,
    );
  if (image.latents.length !== areas.length)
    throw new ShapeError(
      `${fn}: ${which}.latents must hold ${areas.length} numbers, one an area, got ${image.latents.length}`,
    );
  for (let j = 0; j < areas.length; j++)
    if (!Number.isFinite(image.latents[j]))
      throw new DomainError(
        `${fn}: ${which}.latents must be finite, got ${image.latents[j]!} for area ${j}`,
      );
}

export function checkMaskedImage(
  fn: string,
  distribution: SpatialDistribution,
  sample: MaskedImage,
  index?: number,
): void {
  checkImage(fn, distribution, sample, index);
  check(fn, index === undefined ? "image" : `samples[${index}]`, sample, masked);
  if (sample.mask.length !== distribution.numPatches)
    throw new ShapeError(
      `${fn}: ${index === undefined ? "image" : `samples[${index}]`}.mask must hold ${distribution.numPatches} numbers, got ${sample.mask.length}`,
    );
}
