/** Pictures of attention maps, partitions and reconstructions. */
import { DomainError, type NdArray, ShapeError, array } from "@provably/core-tensor";
import {
  anyList,
  anyNumber,
  anyString,
  check,
  checkOptions,
  type Guard,
  listOf,
  optional,
  positiveNumber,
  recordWith,
  show,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";

import type { AttentionInput } from "../attention/tensor.js";
import { readMaps } from "../internal/maps.js";
import { COLOURS, drawing, label, picture, rectangle } from "../internal/svg.js";
import { type SpatialDistribution, checkDistribution } from "../data/distribution.js";
import { heatmapPng, imageGridPng } from "./png.js";

/**
 * Options of {@link plotPartition}.
 * @category Pictures
 */
export interface PlotGridOptions {
  readonly grid?: readonly [number, number];
}
const GRID = { grid: listOf(anyNumber, 2) as Guard<readonly [number, number]> };

/**
 * Options of {@link plotAttentionMap}.
 * @category Pictures
 */
export interface MapOptions extends PlotGridOptions {
  readonly query?: number;
  readonly title?: string;
}
const MAP = { ...GRID, query: anyNumber, title: anyString };

/**
 * Options of {@link plotAttentionGrid}.
 * @category Pictures
 */
export interface CellOptions {
  readonly cell?: number;
}
const CELL = { cell: positiveNumber };

/**
 * Options of {@link plotReconstruction}.
 * @category Pictures
 */
export interface PixelOptions {
  readonly scale?: number;
}
const PIXEL = { scale: wholeNumber() };

function squareGrid(
  fn: string,
  tokens: number,
  grid: readonly [number, number] | undefined,
): readonly [number, number] {
  check(fn, "grid", grid, optional(listOf(anyNumber, 2)));
  const side = Math.sqrt(tokens);
  const [rows, columns] = grid ?? [side, side];
  if (rows * columns !== tokens || !Number.isInteger(rows))
    throw new ShapeError(
      `${fn}: a grid of ${rows} × ${columns} does not hold ${tokens} patches; pass the grid, or drop special tokens with dropTokens`,
    );
  return [rows, columns];
}

/**
 * Where one query looks: its attention as a heat map over the grid of patches, with the query outlined.
 *
 * @param attention - one map, shape `[Q, K]`
 * @param options - `query`: default 0; `grid`: rows and columns of patches, default a square; `title`
 * @returns an SVG document
 * @throws `ShapeError` when the grid does not hold the patches; `DomainError` when there is no such query
 * @example
 * ```ts
 * import { eye } from "@provably/core-tensor";
 * import { plotAttentionMap } from "@provably/transformer-sparsity/mim";
 *
 * plotAttentionMap(eye(9), { query: 4 }).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotAttentionMap(attention: AttentionInput, options: MapOptions = {}): string {
  const fn = "plotAttentionMap";
  const maps = readMaps(fn, attention);
  const { query = 0, title = `Attention of patch ${show(query)}` } = checkOptions<MapOptions>(
    fn,
    options,
    MAP,
  );
  if (maps.count !== 1)
    throw new ShapeError(`${fn}: attention must be a single map [Q, K], got ${maps.count} maps`);
  if (!Number.isInteger(query) || query < 0 || query >= maps.queries)
    throw new DomainError(
      `${fn}: query must be one of 0 … ${maps.queries - 1}, got ${show(query)}`,
    );
  const [rows, columns] = squareGrid(fn, maps.keys, options.grid);
  const cell = 240 / Math.max(rows, columns);
  const row = array(maps.data.slice(query * maps.keys, (query + 1) * maps.keys), {
    shape: [rows, columns],
  });
  const [x, y] = [(query % columns) * cell, Math.floor(query / columns) * cell];
  const outline =
    query < rows * columns
      ? rectangle(
          x + 1,
          25 + y,
          cell - 2,
          cell - 2,
          'fill="none" stroke="#ff4d3d" stroke-width="2.5"',
        )
      : "";
  const body =
    label(0, 15, title) + picture(0, 24, columns * cell, rows * cell, heatmapPng(row)) + outline;
  return drawing(Math.max(columns * cell, 160), 24 + rows * cell, title, body);
}

/**
 * The attention maps of every head of every layer, queries down and keys across, each map scaled to its largest value.
 *
 * @param layers - attention of each layer, shape `[H, Q, K]`, or `[B, H, Q, K]`, of which the first image is shown
 * @param options - `cell`: side of a map in pixels, default 96
 * @returns an SVG document
 * @throws `ShapeError` or `DomainError` when a layer is not an attention map
 * @example
 * ```ts
 * import { eye, reshape } from "@provably/core-tensor";
 * import { plotAttentionGrid } from "@provably/transformer-sparsity/mim";
 *
 * plotAttentionGrid([reshape(eye(9), [1, 9, 9])]).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotAttentionGrid(
  layers: readonly AttentionInput[],
  options: CellOptions = {},
): string {
  const fn = "plotAttentionGrid";
  const { cell = 96 } = checkOptions<CellOptions>(fn, options, CELL);
  check(fn, "layers", layers, anyList);
  if (layers.length === 0) throw new DomainError(`${fn}: layers must hold at least one layer`);
  const read = layers.map((layer) => readMaps(fn, layer));
  const heads = Math.max(...read.map(({ stack }) => stack[stack.length - 1] ?? 1));
  const [left, top, gap] = [64, 24, 8];
  const body = read.flatMap(({ data, stack, queries, keys }, l) => {
    const count = stack[stack.length - 1] ?? 1;
    const maps = Array.from({ length: count }, (_, h) => {
      const map = array(data.slice(h * queries * keys, (h + 1) * queries * keys), {
        shape: [queries, keys],
      });
      return picture(left + h * (cell + gap), top + l * (cell + gap), cell, cell, heatmapPng(map));
    });
    return [
      label(left - 8, top + l * (cell + gap) + cell / 2 + 4, `layer ${l + 1}`, "end"),
      ...maps,
    ];
  });
  const titles = Array.from({ length: heads }, (_, h) =>
    label(left + h * (cell + gap) + cell / 2, 14, `head ${h + 1}`, "middle"),
  );
  return drawing(
    left + heads * (cell + gap),
    top + layers.length * (cell + gap),
    "Attention of every head",
    [...titles, ...body].join(""),
  );
}

/**
 * Originals, what the model saw, and what it made of it, one row each.
 *
 * @param images - from {@link reconstructImages}: stacks `[N, 1, H, W]`
 * @param options - `scale`: side of a pixel, default 2
 * @returns an SVG document
 * @throws `ShapeError` when the stacks differ in size
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { plotReconstruction } from "@provably/transformer-sparsity/mim";
 *
 * const blank = zeros([2, 1, 8, 8]);
 * plotReconstruction({ original: blank, masked: blank, reconstructed: blank }).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotReconstruction(
  images: { readonly original: NdArray; readonly masked: NdArray; readonly reconstructed: NdArray },
  options: PixelOptions = {},
): string {
  const { scale = 2 } = checkOptions<PixelOptions>("plotReconstruction", options, PIXEL);
  check(
    "plotReconstruction",
    "images",
    images,
    recordWith({ original: tensor, masked: tensor, reconstructed: tensor }),
  );
  const rows = {
    original: images.original,
    masked: images.masked,
    reconstructed: images.reconstructed,
  };
  const png = imageGridPng(Object.values(rows), { scale });
  const [count, height, width] = [
    images.original.shape[0]!,
    ...(images.original.shape.slice(-2) as [number, number]),
  ];
  const [tall, wide] = [height * scale + 2, width * scale + 2];
  const names = Object.keys(rows).map((name, r) =>
    label(98, 2 + r * tall + tall / 2 + 4, name, "end"),
  );
  const body = names.join("") + picture(106, 0, count * wide + 2, 3 * tall + 2, png);
  return drawing(
    106 + count * wide + 2,
    3 * tall + 2,
    "Masked images and their reconstructions",
    body,
  );
}

/**
 * The partition of each cluster of a distribution over the grid of patches: the global area pale, each local area in a colour.
 *
 * @param distribution - see {@link SpatialDistribution}
 * @param options - `grid`: rows and columns of patches, default a square
 * @returns an SVG document
 * @throws `ShapeError` when the grid does not hold the patches
 * @example
 * ```ts
 * import { createSpatialDistribution, plotPartition } from "@provably/transformer-sparsity/mim";
 *
 * plotPartition(createSpatialDistribution([[[0, 1], [2, 3]]])).startsWith("<svg"); // => true
 * ```
 * @category Pictures
 */
export function plotPartition(
  distribution: SpatialDistribution,
  options: PlotGridOptions = {},
): string {
  checkDistribution("plotPartition", distribution);
  const [rows, columns] = squareGrid(
    "plotPartition",
    distribution.numPatches,
    checkOptions<PlotGridOptions>("plotPartition", options, GRID).grid,
  );
  const side = 150;
  const cell = side / Math.max(rows, columns);
  const body = distribution.areaOf.map((areaOf, k) => {
    const left = k * (side + 20);
    const cells = areaOf.map((area, p) => {
      const style =
        area === 0
          ? 'fill="#8a8f98" fill-opacity="0.25"'
          : `fill="${COLOURS[(area - 1) % COLOURS.length]!}"`;
      return rectangle(
        left + (p % columns) * cell,
        22 + Math.floor(p / columns) * cell,
        cell - 1,
        cell - 1,
        style,
      );
    });
    return label(left, 14, `cluster ${k + 1}`) + cells.join("");
  });
  return drawing(
    distribution.areaOf.length * (side + 20),
    22 + rows * cell,
    "Areas of each cluster",
    body.join(""),
  );
}
