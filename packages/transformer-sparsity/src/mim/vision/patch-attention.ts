/** Where a token of a vision transformer looks, as numbers over the grid of patches. */
import { DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  anyList,
  check,
  checkOptions,
  either,
  listOf,
  oneOf,
  recordWith,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { attentionRollout } from "../attention/rollout.js";
import { readMaps } from "../internal/maps.js";
import type { EncodedImages } from "./run.js";

/**
 * Options of {@link patchAttention}.
 * @category Vision models
 */
export interface PatchAttentionOptions {
  /** Which layer, from 0; or `rollout`, through all of them, see {@link attentionRollout}. Default the last layer. */
  readonly layer?: number | "rollout";
  /** Which head; default the mean of all. A rollout has none. */
  readonly head?: number;
  /** Who looks: the class token; a patch, by its number row by row; or the mean of all patches. Default the class token, and without one the mean. */
  readonly query?: number | "class" | "mean";
  /** Which image of the batch; default 0. */
  readonly image?: number;
}

const PATCHES = {
  layer: either(wholeNumber(0), oneOf("rollout")),
  head: wholeNumber(0),
  query: either(wholeNumber(0), oneOf("class", "mean")),
  image: wholeNumber(0),
};

const shape = recordWith({
  grid: listOf(wholeNumber(), 2),
  specialTokens: listOf(wholeNumber(0)),
  attention: anyList,
});

/**
 * Where a token looks: its attention to each patch, over the grid. What goes to special tokens is left out and nothing is scaled, so the numbers sum to 1 less that.
 *
 * @param encoded - see {@link encodeImages}
 * @param options - see {@link PatchAttentionOptions}
 * @returns array `[rows, columns]`
 * @throws `DomainError` when there is no such layer, head, query or image
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { encodeImages, loadVisionModel, patchAttention } from "@provably/transformer-sparsity/mim";
 *
 * const encoded = encodeImages(await loadVisionModel("examples/models/digits-mae"), zeros([1, 1, 28, 28]));
 * patchAttention(encoded, { layer: 0, query: 24 }).shape; // => [7, 7]
 * ```
 * @category Vision models
 */
export function patchAttention(
  encoded: Pick<EncodedImages, "attention" | "grid" | "specialTokens">,
  options: PatchAttentionOptions = {},
): NdArray {
  const fn = "patchAttention";
  const given = checkOptions<PatchAttentionOptions>(fn, options, PATCHES);
  check(fn, "encoded", encoded, shape);
  const { attention, grid, specialTokens } = encoded;
  const within = (name: string, value: number, count: number): number => {
    if (value >= count)
      throw new DomainError(`${fn}: ${name} must be one of 0 … ${count - 1}, got ${value}`);
    return value;
  };
  if (attention.length === 0)
    throw new DomainError(
      `${fn}: encoded must have attention; encodeImages keeps it unless told not to`,
    );
  const { layer = attention.length - 1, image = 0, head } = given;
  const special = specialTokens.length;
  const patches = grid[0] * grid[1];
  const fallback = special > 0 ? "class" : "mean";
  const { query = fallback } = given;
  if (query === "class" && special === 0)
    throw new DomainError(`${fn}: query is class, and the model has no class token`);
  if (layer === "rollout" && head !== undefined)
    throw new DomainError(`${fn}: a rollout has no heads, got head ${head}`);
  const stack =
    layer === "rollout"
      ? attentionRollout(attention)
      : attention[within("layer", layer, attention.length)]!;
  const { data, stack: axes, keys } = readMaps(fn, stack, layer === "rollout" ? "any" : "one");
  const [batch, heads] =
    layer === "rollout" ? [axes[0] ?? 1, 1] : [axes.length > 1 ? axes[0]! : 1, axes.at(-1) ?? 1];
  if (keys !== special + patches)
    throw new DomainError(
      `${fn}: encoded must have ${special + patches} tokens by its grid, got ${keys}`,
    );
  within("image", image, batch);
  const chosen =
    head === undefined ? Array.from({ length: heads }, (_, h) => h) : [within("head", head, heads)];
  const rows = rowsOf(query, special, patches, within);
  const out = new Float64Array(patches);
  const share = 1 / (chosen.length * rows.length);
  for (const h of chosen)
    for (const row of rows) {
      const from = ((image * heads + h) * keys + row) * keys + special;
      for (let p = 0; p < patches; p++) out[p]! += share * data[from + p]!;
    }
  return array(out, { shape: [...grid], copy: false });
}

/** The rows of a map that are asked for. */
function rowsOf(
  query: number | "class" | "mean",
  special: number,
  patches: number,
  within: (name: string, value: number, count: number) => number,
): number[] {
  if (query === "class") return [0];
  if (query === "mean") return Array.from({ length: patches }, (_, p) => special + p);
  return [special + within("query", query, patches)];
}
