/** Which patches of each image are hidden. */
import { DomainError, ShapeError, toTypedArray } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  checkOptions,
  listOf,
  numberInside,
  optional,
  recordOf,
  recordWith,
  show,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";

import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { checkInteger } from "../internal/check.js";

/**
 * The masks of a batch of images: each image's patches in a random order, of which the first are seen.
 * @category Vision transformers
 */
export interface Masking {
  /** Images $B$. */
  readonly batch: number;
  /** Patches $L$ of an image. */
  readonly numPatches: number;
  /** Seen patches of an image, $\lfloor L(1 - \text{ratio}) \rfloor$. */
  readonly numSeen: number;
  /** `order[b · L + i]` is the patch in place `i` of image `b`. */
  readonly order: Int32Array;
  /** The inverse: `place[b · L + l]` is the place of patch `l`. */
  readonly place: Int32Array;
}

/**
 * Options of {@link maskingFromOrder}.
 * @category Vision transformers
 */
export interface OrderOptions {
  readonly maskRatio?: number;
}
const ORDER = { maskRatio: numberInside(0, 1) };

/**
 * Options of {@link randomMasking}.
 * @category Vision transformers
 */
export interface MaskingOptions extends OrderOptions {
  readonly batch: number;
  readonly numPatches: number;
}
const maskingOptions = recordOf<MaskingOptions>({
  batch: anyNumber,
  numPatches: anyNumber,
  maskRatio: optional(numberInside(0, 1)),
});

/** $\lfloor L(1 - \text{ratio}) \rfloor$, checked. */
export function seenCount(fn: string, numPatches: number, maskRatio: number): number {
  if (!Number.isFinite(maskRatio) || maskRatio <= 0 || maskRatio >= 1)
    throw new DomainError(`${fn}: maskRatio must be in (0, 1), got ${show(maskRatio)}`);
  const seen = Math.floor(numPatches * (1 - maskRatio) + 1e-9);
  if (seen < 1 || seen >= numPatches)
    throw new DomainError(
      `${fn}: maskRatio ${maskRatio} leaves ${seen} of ${numPatches} patches seen; some must be seen and some masked`,
    );
  return seen;
}

/**
 * Random masks: every image's patches in uniformly random order, image `i` by the key and `i` alone.
 *
 * @param key - random key
 * @param options - `batch`: images; `numPatches`: patches of an image; `maskRatio`: default 0.75
 * @returns see {@link Masking}
 * @throws `DomainError` when the ratio leaves no patch seen or none masked
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { randomMasking } from "@provably/transformer-sparsity/mim";
 *
 * randomMasking(key(0), { batch: 2, numPatches: 49 }).numSeen; // => 12
 * ```
 * @see He et al. (2022), "Masked autoencoders are scalable vision learners", section 3
 * @category Vision transformers
 */
export function randomMasking(key: RngKey, options: MaskingOptions): Masking {
  const {
    batch,
    numPatches,
    maskRatio = 0.75,
  } = check("randomMasking", "options", options, maskingOptions);
  for (const [name, value] of Object.entries({ batch, numPatches }))
    checkInteger("randomMasking", name, value, 1);
  checkInteger("randomMasking", "batch · numPatches", batch * numPatches, 1);
  const numSeen = seenCount("randomMasking", numPatches, maskRatio);
  const order = new Int32Array(batch * numPatches);
  for (let b = 0; b < batch; b++) {
    const noise = toTypedArray(uniform(foldIn(key, b), [numPatches], { dtype: "float64" }));
    order.set(
      Int32Array.from({ length: numPatches }, (_, p) => p).sort(
        (p, q) => noise[p]! - noise[q]! || p - q,
      ),
      b * numPatches,
    );
  }
  return { batch, numPatches, numSeen, order, place: inverse(order, numPatches) };
}

/**
 * The masks of given orders of patches.
 *
 * @param order - for each image its patches in some order, of which the first are seen
 * @param options - `maskRatio`: default 0.75
 * @returns see {@link Masking}
 * @throws `ShapeError` or `DomainError` when an order is not a permutation
 * @example
 * ```ts
 * import { maskingFromOrder } from "@provably/transformer-sparsity/mim";
 *
 * maskingFromOrder([[2, 0, 1, 3]]).numSeen; // => 1
 * ```
 * @category Vision transformers
 */
export function maskingFromOrder(
  order: readonly (readonly number[])[],
  options: OrderOptions = {},
): Masking {
  const fn = "maskingFromOrder";
  check(fn, "order", order, listOf(listOf(wholeNumber(0))));
  const numPatches = order[0]?.length ?? 0;
  if (numPatches === 0)
    throw new DomainError(`${fn}: order must hold at least one image with patches`);
  order.forEach((row, b) => {
    if (row.length !== numPatches)
      throw new ShapeError(`${fn}: order[${b}] must hold ${numPatches} patches, got ${row.length}`);
    if (new Set(row).size !== numPatches || !row.every((p) => p < numPatches))
      throw new DomainError(`${fn}: order[${b}] must be a permutation of 0 … ${numPatches - 1}`);
  });
  const flat = Int32Array.from(order.flat());
  const numSeen = seenCount(
    fn,
    numPatches,
    checkOptions<OrderOptions>(fn, options, ORDER).maskRatio ?? 0.75,
  );
  return {
    batch: order.length,
    numPatches,
    numSeen,
    order: flat,
    place: inverse(flat, numPatches),
  };
}

const integers = typedArray("Int32Array");
const shape = recordWith({
  batch: wholeNumber(1),
  numPatches: wholeNumber(1),
  numSeen: wholeNumber(0),
  order: integers,
  place: integers,
});

/** Whether `masking` is one of `batch` images of `numPatches` patches: its order a permutation of each image's, and its places the inverse. */
export function checkMasking(
  fn: string,
  masking: Masking,
  batch: number,
  numPatches: number,
): void {
  check(fn, "masking", masking, shape);
  if (masking.batch !== batch || masking.numPatches !== numPatches)
    throw new ShapeError(
      `${fn}: masking must be of ${batch} images of ${numPatches} patches, got ${masking.batch} images of ${masking.numPatches} patches`,
    );
  const { order, place, numSeen } = masking;
  const fits =
    order.length === batch * numPatches && place.length === order.length && numSeen <= numPatches;
  if (
    !fits ||
    !order.every(
      (p, i) => p >= 0 && p < numPatches && place[i - (i % numPatches) + p] === i % numPatches,
    )
  )
    throw new DomainError(
      `${fn}: masking must be made by randomMasking or maskingFromOrder; its order and its places disagree`,
    );
}

function inverse(order: Int32Array, numPatches: number): Int32Array {
  const place = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) place[i - (i % numPatches) + order[i]!] = i % numPatches;
  return place;
}
