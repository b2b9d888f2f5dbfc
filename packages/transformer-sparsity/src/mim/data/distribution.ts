/** The data of the theory: clusters of images, each with its own partition of the patches into areas that share a feature. */
import { DomainError, toTypedArray } from "@provably/core-tensor";
import {
  anyNumber,
  anyRecord,
  check,
  checkOptions,
  type Guard,
  listOf,
  oneOf,
  optional,
  recordOf,
  recordWith,
  satisfying,
} from "@provably/core-tensor/internal";
import { type RngKey, permutation } from "@provably/core-tensor/random";

import { checkInteger } from "../internal/check.js";
import { type Latent, checkLatent } from "./latent.js";

/**
 * The positions of the patches of each area of one cluster; area 0 is the global one.
 * @category Data
 */
export type AreaPartition = readonly (readonly number[])[];

/**
 * A distribution of images $X = (X_p)$: a cluster $k$ uniformly, a latent $z_j$ for each of its areas, and $X_p = z_{a(k,p)}\, v_{k,a(k,p)}$ with orthonormal
 * features $v$. Made by {@link createSpatialDistribution}.
 * @category Data
 */
export interface SpatialDistribution {
  /** $P$, patches of an image. */
  readonly numPatches: number;
  /** The partition of each of the $K$ clusters. */
  readonly clusters: readonly AreaPartition[];
  /** Law of the latents. */
  readonly latent: Latent;
  /** $a(k, p)$: `areaOf[k][p]` is the area of position `p` in cluster `k`. */
  readonly areaOf: readonly (readonly number[])[];
  /** Feature `(k, j)` has number `offsets[k] + j`. */
  readonly offsets: readonly number[];
  /** $F$, areas of all clusters together. */
  readonly numFeatures: number;
}

/**
 * A distribution of images from the partitions of its clusters.
 *
 * The same position may belong to different areas in different clusters; that is what makes attention depend on the image.
 *
 * @param clusters - for each cluster its areas, each a list of positions; together the positions `0 … P−1`, each once
 * @param options - `latent`: law of the latents, default uniform on [0.8, 1.2]
 * @returns see {@link SpatialDistribution}
 * @throws `DomainError` when an area is empty, a cluster is not a partition, or the latents are not positive
 * @example
 * ```ts
 * import { createSpatialDistribution } from "@provably/transformer-sparsity/mim";
 *
 * const distribution = createSpatialDistribution([[[0, 1, 2], [3]], [[0, 3], [1, 2]]]);
 * distribution.numPatches; // => 4
 * distribution.areaOf[1]; // => [0, 1, 1, 0]
 * ```
 * @see Huang, Wen, Chi, Liang (2024), "How transformers learn diverse attention correlations in masked vision pretraining", section 2
 * @category Data
 */
export function createSpatialDistribution(
  clusters: readonly AreaPartition[],
  options: DistributionOptions = {},
): SpatialDistribution {
  const fn = "createSpatialDistribution";
  const { latent = { kind: "uniform", low: 0.8, high: 1.2 } } = checkOptions<DistributionOptions>(
    fn,
    options,
    DISTRIBUTION,
  );
  return build(fn, clusters, latent);
}

/**
 * Options of {@link createSpatialDistribution}.
 * @category Data
 */
export interface DistributionOptions {
  readonly latent?: Latent;
}
const DISTRIBUTION = { latent: anyRecord };

const positions = listOf(listOf(listOf(anyNumber)));

function build(
  fn: string,
  clusters: readonly AreaPartition[],
  latent: Latent,
): SpatialDistribution {
  check(fn, "clusters", clusters, positions);
  checkLatent(fn, latent);
  const numPatches = clusters[0]?.reduce((total, area) => total + area.length, 0) ?? 0;
  if (numPatches === 0)
    throw new DomainError(`${fn}: clusters must hold at least one cluster with one position`);
  const areaOf = clusters.map((areas, k) => invert(fn, areas, k, numPatches));
  const offsets: number[] = [];
  let numFeatures = 0;
  for (const areas of clusters) {
    offsets.push(numFeatures);
    numFeatures += areas.length;
  }
  return { numPatches, clusters, latent, areaOf, offsets, numFeatures };
}

/** Whether `distribution` is one: its other fields must be what its clusters make them. */
export function checkDistribution(fn: string, distribution: SpatialDistribution): void {
  const { clusters, latent, ...derived } = check(fn, "distribution", distribution, anyRecord);
  const { numPatches, numFeatures, offsets, areaOf } = build(fn, clusters, latent);
  check(
    fn,
    "distribution",
    derived,
    recordWith({
      numPatches: oneOf(numPatches),
      numFeatures: oneOf(numFeatures),
      offsets: exactly(offsets),
    }),
  );
  check(
    fn,
    "distribution.areaOf",
    derived.areaOf,
    listOf(listOf(anyNumber, numPatches), areaOf.length),
  );
  derived.areaOf.forEach((row, k) =>
    check(fn, `distribution.areaOf[${k}]`, row, exactly(areaOf[k]!)),
  );
}

function exactly(list: readonly number[]): Guard {
  return satisfying(
    "what createSpatialDistribution makes it",
    (x) => Array.isArray(x) && x.length === list.length && list.every((value, i) => x[i] === value),
  );
}

function invert(fn: string, areas: AreaPartition, k: number, numPatches: number): number[] {
  const areaOf = new Array<number>(numPatches).fill(-1);
  areas.forEach((positions, j) => {
    if (positions.length === 0) throw new DomainError(`${fn}: area ${j} of cluster ${k} is empty`);
    for (const p of positions) {
      if (!Number.isInteger(p) || p < 0 || p >= numPatches)
        throw new DomainError(
          `${fn}: area ${j} of cluster ${k} has position ${p}, outside 0 … ${numPatches - 1}`,
        );
      if (areaOf[p] !== -1) throw new DomainError(`${fn}: cluster ${k} has position ${p} twice`);
      areaOf[p] = j;
    }
  });
  const missing = areaOf.indexOf(-1);
  if (missing >= 0) throw new DomainError(`${fn}: cluster ${k} leaves out position ${missing}`);
  return areaOf;
}

/**
 * Options of {@link createAreaPartition}.
 * @category Data
 */
export interface AreaPartitionOptions {
  /** $P$, patches of an image. */
  readonly numPatches: number;
  /** Patches of the global area. */
  readonly globalSize: number;
  /** Patches of each local area; a last smaller one takes the remainder. */
  readonly localSize: number;
  /**
   * `random`: positions in random order. `contiguous`: runs of positions from a random start. `blocks2d`: squares of side √localSize of the `grid`, the global
   * area everything else. Default `random`.
   */
  readonly layout?: "random" | "contiguous" | "blocks2d";
  /** Rows and columns of the patches, for `blocks2d`; default a square. */
  readonly grid?: readonly [number, number];
}

/**
 * A partition into one global area and local ones of equal size.
 *
 * @param key - random key
 * @param options - see {@link AreaPartitionOptions}
 * @returns the areas, the global one first
 * @throws `DomainError` when the sizes do not fit the patches
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { createAreaPartition } from "@provably/transformer-sparsity/mim";
 *
 * const areas = createAreaPartition(key(0), { numPatches: 64, globalSize: 44, localSize: 5 });
 * areas.map((area) => area.length); // => [44, 5, 5, 5, 5]
 * ```
 * @category Data
 */
export function createAreaPartition(key: RngKey, options: AreaPartitionOptions): AreaPartition {
  const fn = "createAreaPartition";
  const {
    numPatches,
    globalSize,
    localSize,
    layout = "random",
  } = check(fn, "options", options, partitionOptions);
  for (const [name, value] of Object.entries({ numPatches, globalSize, localSize }))
    checkInteger(fn, name, value, 1);
  if (globalSize > numPatches)
    throw new DomainError(
      `${fn}: globalSize must be at most numPatches, got ${globalSize} and ${numPatches}`,
    );
  const order =
    layout === "blocks2d" ? blockOrder(key, options) : positionOrder(key, numPatches, layout);
  const areas: number[][] = [order.slice(0, globalSize)];
  for (let from = globalSize; from < numPatches; from += localSize)
    areas.push(order.slice(from, from + localSize));
  return areas.map((area) => [...area].sort((a, b) => a - b));
}

const partitionOptions = recordOf<AreaPartitionOptions>({
  numPatches: anyNumber,
  globalSize: anyNumber,
  localSize: anyNumber,
  layout: optional(oneOf("random", "contiguous", "blocks2d")),
  grid: optional(listOf(anyNumber, 2) as Guard<readonly [number, number]>),
});

function positionOrder(key: RngKey, numPatches: number, layout: "random" | "contiguous"): number[] {
  const order = [...toTypedArray(permutation(key, numPatches))];
  return layout === "random" ? order : order.map((_, i) => (i + order[0]!) % numPatches);
}

/** Positions such that local areas come out as squares: the squares of a coarse grid in random order, taken from the end. */
function blockOrder(
  key: RngKey,
  { numPatches, globalSize, localSize, grid }: AreaPartitionOptions,
): number[] {
  const side = Math.sqrt(localSize);
  const [rows, columns] = grid ?? [Math.sqrt(numPatches), Math.sqrt(numPatches)];
  const numBlocks = Math.floor(rows / side) * Math.floor(columns / side);
  const numLocal = (numPatches - globalSize) / localSize;
  if (
    !Number.isInteger(side) ||
    rows * columns !== numPatches ||
    !Number.isInteger(numLocal) ||
    numLocal > numBlocks
  )
    throw new DomainError(
      `createAreaPartition: blocks2d needs a square localSize, a grid of numPatches and room for the squares, got localSize ${localSize} and ${numLocal} squares on ${rows} × ${columns}`,
    );
  const chosen = [...toTypedArray(permutation(key, numBlocks))].slice(0, numLocal);
  const perRow = Math.floor(columns / side);
  const local = chosen.flatMap((block) => {
    const [top, left] = [Math.floor(block / perRow) * side, (block % perRow) * side];
    return Array.from(
      { length: localSize },
      (_, i) => (top + Math.floor(i / side)) * columns + left + (i % side),
    );
  });
  const taken = new Set(local);
  return [
    ...Array.from({ length: numPatches }, (_, p) => p).filter((p) => !taken.has(p)),
    ...local,
  ];
}
