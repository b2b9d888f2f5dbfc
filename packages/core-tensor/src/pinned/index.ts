/**
 * Matrices pinned in WebAssembly memory: for weights that meet one vector after another, as in a language model that writes.
 *
 * @packageDocumentation
 */

// pinning
export {
  gatherPinned,
  pinMatrix,
  unpinned,
  type PinnedDType,
  type PinnedMatrix,
  type PinOptions,
} from "./matrix.js";
// products
export { combineRows, dotRows, type PinnedProductOptions } from "./product.js";
// attention
export { attendRows, type CachedRows } from "./attention.js";
