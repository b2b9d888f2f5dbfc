/** Where patches are, as a vision transformer is told: tables for grids of any size, rotations, and biases of the scores by distance. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  concat,
  mul,
  neg,
  reshape,
  resize,
  slice,
  take,
  transpose,
} from "@provably/core-tensor";
import { type VisionConfig, numSpecial, ownGrid } from "./description.js";

/** Patches down and across. */
export type Grid = readonly [number, number];

/** The grid of images of `[…, height, width]`; pixels beyond the last whole patch are not seen. */
export function gridOf({ patchSize }: VisionConfig, shape: readonly number[]): Grid {
  const [height, width] = shape.slice(-2) as [number, number];
  return [Math.floor(height / patchSize[0]), Math.floor(width / patchSize[1])];
}

/** Refuses images of another size where that must be asked for. */
export function checkImageSize(
  fn: string,
  config: VisionConfig,
  shape: readonly number[],
  interpolates: boolean,
): void {
  const { imageSize, patchSize, positions } = config;
  const [height, width] = shape.slice(-2) as [number, number];
  const own = height === imageSize[0] && width === imageSize[1];
  if (height < patchSize[0] || width < patchSize[1])
    throw new ShapeError(
      `${fn}: images of ${height} × ${width} hold no patch of ${patchSize.join(" × ")}`,
    );
  if (!own && positions.kind === "table" && !positions.anySize && !interpolates)
    throw new ShapeError(
      `${fn}: images must be ${imageSize.join(" × ")} for this model, got ${height} × ${width}; prepare them with its processor, or pass interpolatePositions: true`,
    );
}

/** The table of positions `[special + patches, d]` for a grid. */
export function placedTable(fn: string, config: VisionConfig, table: NdArray, grid: Grid): NdArray {
  const own = ownGrid(config);
  const { positions, specialTokens, imageSize } = config;
  if (positions.kind !== "table") return table;
  const same = grid[0] === own[0] && grid[1] === own[1];
  if (same && (own[0] === own[1] || !positions.anySize)) return table;
  if (own[0] !== own[1])
    throw new DomainError(
      `${fn}: the positions are of a grid of ${own.join(" × ")} (images of ${imageSize.join(" × ")}), and only square grids can be resampled`,
    );
  const width = config.hiddenSize;
  const placed = numSpecial(config) - specialTokens.registers;
  const square = reshape(slice(table, [placed]), [own[0], own[1], width]);
  const resampled = resize(transpose(square, [2, 0, 1]), grid, {
    method: "bicubic",
    antialias: positions.antialias,
  });
  const rows = reshape(transpose(resampled, [1, 2, 0]), [grid[0] * grid[1], width]);
  return placed === 0 ? rows : concat([slice(table, [0], [placed]), rows], { axis: 0 });
}

/** Cosines and sines `[special + patches, headDim]`; special tokens are not turned. */
export interface Turns {
  readonly cos: NdArray;
  readonly sin: NdArray;
}

/** The rotation of queries and keys by the centres of their patches, which lie in $(-1, 1)^2$ whatever the size of the image. */
export function turnsOf(
  config: VisionConfig,
  [rows, columns]: Grid,
  dtype: NdArray["dtype"],
): Turns | undefined {
  const { positions, headDim } = config;
  if (positions.kind !== "rope") return undefined;
  const special = numSpecial(config);
  const quarter = headDim / 4;
  const size = (special + rows * columns) * headDim;
  const [cos, sin] = [new Float64Array(size).fill(1), new Float64Array(size)];
  for (let p = 0; p < rows * columns; p++) {
    const centre = [
      (2 * (Math.floor(p / columns) + 0.5)) / rows - 1,
      (2 * ((p % columns) + 0.5)) / columns - 1,
    ];
    for (let i = 0; i < headDim; i++) {
      const feature = i % (headDim / 2);
      const angle =
        2 *
        Math.PI *
        centre[feature < quarter ? 0 : 1]! *
        positions.base ** (-(feature % quarter) / quarter);
      cos[(special + p) * headDim + i] = Math.cos(angle);
      sin[(special + p) * headDim + i] = Math.sin(angle);
    }
  }
  const shaped = (x: Float64Array): NdArray =>
    asType(array(x, { shape: [special + rows * columns, headDim], copy: false }), dtype);
  return { cos: shaped(cos), sin: shaped(sin) };
}

/** $x \cos + (-x_2, x_1) \sin$ of the halves of each head. */
export function turn(x: NdArray, { cos, sin }: Turns): NdArray {
  const half = x.shape[x.shape.length - 1]! / 2;
  const ahead = x.shape.map(() => null as number | null);
  const from = [...ahead.slice(1), half];
  const turned = concat(
    [
      neg(slice(x, from)),
      slice(
        x,
        ahead.map(() => null),
        from,
      ),
    ],
    { axis: -1 },
  );
  return add(mul(x, cos), mul(turned, sin));
}

/**
 * The bias `[heads, T, T]` of the scores for a grid, from a table `[distances + 3, heads]`: first the distances of patches, row by row, resampled linearly for other grids; then class token to
 * patch, patch to class token, class token to itself.
 */
export function distanceBias(config: VisionConfig, table: NdArray, grid: Grid): NdArray {
  const [down, across] = ownGrid(config).map((n) => 2 * n - 1) as [number, number];
  const [tall, wide] = grid.map((n) => 2 * n - 1) as [number, number];
  const { numHeads } = config;
  const known = down * across;
  // the published code reads the table as across × down
  const stored = transpose(
    reshape(slice(table, [0], [known]), [across, down, numHeads]),
    [2, 0, 1],
  );
  const same = across === tall && down === wide;
  const resampled = same ? stored : resize(stored, [tall, wide], { method: "bilinear" });
  const outer = transpose(slice(table, [known]), [1, 0]);
  const all = concat([reshape(resampled, [numHeads, tall * wide]), outer], { axis: 1 });
  const places = distancePlaces(grid);
  const tokens = grid[0] * grid[1] + 1;
  return reshape(take(all, places, { axis: 1 }), [numHeads, tokens, tokens]);
}

/** Of each pair of tokens its row in the table. */
function distancePlaces([rows, columns]: Grid): NdArray {
  const [wide, patches] = [2 * columns - 1, rows * columns];
  const last = (2 * rows - 1) * wide;
  const tokens = patches + 1;
  const places = new Int32Array(tokens * tokens).fill(last);
  for (let q = 0; q < patches; q++) {
    places[(q + 1) * tokens] = last + 1;
    for (let k = 0; k < patches; k++) {
      const down = Math.floor(q / columns) - Math.floor(k / columns) + rows - 1;
      const across = (q % columns) - (k % columns) + columns - 1;
      places[(q + 1) * tokens + k + 1] = down * wide + across;
    }
  }
  places[0] = last + 2;
  return array(places, { shape: [tokens * tokens], copy: false });
}
