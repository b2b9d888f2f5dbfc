/** How far a query looks on the grid of patches. */
import { type NdArray, ShapeError } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  type Guard,
  listOf,
  oneOf,
  optional,
  positiveNumber,
  trueOrFalse,
} from "@provably/core-tensor/internal";

import { type Maps, perQuery, readMaps } from "../internal/maps.js";
import type { AttentionInput } from "./tensor.js";

/**
 * Options of {@link attentionDistance}.
 * @category Attention metrics
 */
export interface AttentionDistanceOptions {
  /** Rows and columns of the patches; default a square. */
  readonly grid?: readonly [number, number];
  /** Side of a patch, the unit of the distance; default 1. */
  readonly patchSize?: number;
  /** `patch`: distances between patch centres. `unit`: the grid is scaled to $[0, 1]^2$. Default `patch`. */
  readonly scale?: "patch" | "unit";
  /** Take rows that sum to less than 1, as {@link dropTokens} leaves them without renormalising; default false. */
  readonly partialRows?: boolean;
}

const DISTANCE = {
  grid: listOf(anyNumber, 2) as Guard<readonly [number, number]>,
  patchSize: positiveNumber,
  scale: oneOf("patch", "unit"),
  partialRows: trueOrFalse,
};

/**
 * The mean distance $\sum_k a_{qk} \lVert x_q - x_k \rVert$ between each query's patch and the patches it attends to.
 *
 * Special tokens (CLS, registers) have no place on the grid: drop them first, see {@link dropTokens}.
 *
 * @param attention - see {@link AttentionInput}, shape `[…, Q, Q]`
 * @param options - see {@link AttentionDistanceOptions}
 * @returns array of shape `[…, Q]`, in units of `patchSize`
 * @throws `ShapeError` when the grid does not hold the tokens
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionDistance } from "@provably/transformer-sparsity/mim";
 *
 * attentionDistance(array([[0.5, 0.5], [0, 1]]), { grid: [1, 2], patchSize: 16 }); // => [8, 0]
 * ```
 * @see Dosovitskiy et al. (2021), "An image is worth 16×16 words", figure 7; Raghu et al. (2021), "Do vision transformers see like convolutional neural networks?"
 * @category Attention metrics
 */
export function attentionDistance(
  attention: AttentionInput,
  options: AttentionDistanceOptions = {},
): NdArray {
  const fn = "attentionDistance";
  const {
    patchSize = 1,
    scale = "patch",
    partialRows = false,
  } = checkOptions<AttentionDistanceOptions>(fn, options, DISTANCE);
  const maps = readMaps(fn, attention, partialRows ? "at most one" : "one");
  const table = distances(maps.keys, gridOf(fn, maps, options.grid), patchSize, scale);
  return perQuery(maps, (row, q) => {
    let total = 0;
    for (let k = 0; k < row.length; k++) total += row[k]! * table[q * row.length + k]!;
    return total;
  });
}

/** The grid of the tokens, after a check. */
export function gridOf(
  fn: string,
  { queries, keys }: Maps,
  grid: readonly [number, number] | undefined,
): readonly [number, number] {
  check(fn, "grid", grid, optional(listOf(anyNumber, 2)));
  const side = Math.round(Math.sqrt(keys));
  const [rows, columns] = grid ?? [side, side];
  if (queries !== keys)
    throw new ShapeError(
      `${fn}: queries and keys must be the same patches, got ${queries} queries and ${keys} keys`,
    );
  if (rows * columns !== keys) {
    const extra = keys - rows * columns;
    throw new ShapeError(
      `${fn}: a grid of ${rows} × ${columns} does not hold ${keys} tokens${extra > 0 && extra < 9 ? `; drop the ${extra} special tokens with dropTokens` : "; pass the grid"}`,
    );
  }
  return [rows, columns];
}

function distances(
  tokens: number,
  [rows, columns]: readonly [number, number],
  patchSize: number,
  scale: "patch" | "unit",
): Float64Array {
  const [dy, dx] =
    scale === "unit"
      ? [1 / Math.max(1, rows - 1), 1 / Math.max(1, columns - 1)]
      : [patchSize, patchSize];
  const table = new Float64Array(tokens * tokens);
  for (let q = 0; q < tokens; q++)
    for (let k = 0; k < tokens; k++) {
      const down = Math.floor(q / columns) - Math.floor(k / columns);
      const right = (q % columns) - (k % columns);
      table[q * tokens + k] = Math.hypot(down * dy, right * dx);
    }
  return table;
}
