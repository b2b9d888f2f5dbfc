/** Orders by several keys, and parts of orders. */
import { NONE, anyList, check, show } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { axisOf, sameShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { takeAlongAxis } from "./gather.js";
import type { AxisOptions } from "./join.js";
import { argsort, sort } from "./sort.js";

function checked(
  fn: string,
  x: ArrayInput,
  k: number,
  options: AxisOptions,
): { a: NdArray; axis: number } {
  const a = toArray(fn, x);
  const axis = axisOf(fn, options, -1, a.shape.length);
  const n = a.shape[axis]!;
  if (!Number.isInteger(k) || k < -n || k >= n)
    throw new DomainError(`${fn}: k must be an integer from ${-n} to ${n - 1}, got ${show(k)}`);
  return { a, axis };
}

/**
 * The elements along an axis with the `k`-th smallest in its place, nothing greater before it and nothing smaller behind it.
 *
 * The other elements are in order too, which is more than is promised; $O(n \log n)$.
 *
 * @param x - any shape with at least one axis
 * @param k - a place along the axis, negative ones counted from the end
 * @param options - `axis`; default the last
 * @returns array of the shape of `x`
 * @throws {@link DomainError} when `k` is no place along the axis
 * @example
 * ```ts
 * import { partition, toNested } from "@provably/core-tensor";
 *
 * partition([7, 1, 5, 3], 2, { axis: 0 }).get(2); // => 5
 * ```
 * @category Sorting
 */
export function partition(x: ArrayInput, k: number, options: AxisOptions = NONE): NdArray {
  const { a, axis } = checked("partition", x, k, options);
  return sort(a, { axis });
}

/**
 * The places of the elements in the order of {@link partition}.
 *
 * @param x - any shape with at least one axis
 * @param k - a place along the axis, negative ones counted from the end
 * @param options - `axis`; default the last
 * @returns int32 array of the shape of `x`
 * @throws {@link DomainError} when `k` is no place along the axis
 * @example
 * ```ts
 * import { argPartition } from "@provably/core-tensor";
 *
 * argPartition([7, 1, 5, 3], 0, { axis: 0 }).get(0); // => 1
 * ```
 * @category Sorting
 */
export function argPartition(x: ArrayInput, k: number, options: AxisOptions = NONE): NdArray {
  const { a, axis } = checked("argPartition", x, k, options);
  return argsort(a, { axis });
}

/**
 * The places of the elements in order by several keys: by the last one, equal ones by the one before, and so on. Stable.
 *
 * @param keys - arrays of one shape, the most important one last
 * @param options - `axis`; default the last
 * @returns int32 array of the shape of the keys
 * @throws {@link ShapeError} when there is no key or the shapes differ
 * @example
 * ```ts
 * import { lexsort, toNested } from "@provably/core-tensor";
 *
 * toNested(lexsort([[9, 4, 0], [1, 1, 0]], { axis: 0 })); // => [2, 1, 0]
 * ```
 * @category Sorting
 */
export function lexsort(keys: readonly ArrayInput[], options: AxisOptions = NONE): NdArray {
  const list = check("lexsort", "keys", keys, anyList).map((key, i) =>
    toArray("lexsort", key, `keys[${i}]`),
  );
  const [first, ...rest] = list;
  if (first === undefined) throw new ShapeError("lexsort: keys must hold at least one array");
  const axis = axisOf("lexsort", options, -1, first.shape.length);
  let order = argsort(first, { axis });
  for (const [i, key] of rest.entries()) {
    if (!sameShape(key.shape, first.shape))
      throw new ShapeError(
        `lexsort: keys[${i + 1}] must have shape [${first.shape.join(", ")}], got [${key.shape.join(", ")}]`,
      );
    order = takeAlongAxis(order, argsort(takeAlongAxis(key, order, { axis }), { axis }), { axis });
  }
  return order;
}
