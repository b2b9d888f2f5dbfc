/** Reading elements at listed points. */
import { allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { type Shape, formatShape, sizeOf } from "../array/shape.js";
import { IndexError, ShapeError } from "../errors.js";
import { bindOne } from "../trace/bind.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { take, toIndices } from "./gather.js";
import { reshape } from "./reshape.js";

interface Into {
  /** Extents of the axes that points name. */
  readonly extents: Shape;
}

/** Places in row-major order of points `[…, k]`, all coordinates checked. */
const placesPrimitive: Primitive<Into> = {
  name: "gatherNd",
  shape: ([points]) => [{ shape: points!.shape.slice(0, -1), dtype: "int32" }],
  evaluate([points], { extents }, [out]) {
    const list = rowMajorData(points!);
    const flat = allocate("int32", sizeOf(out!.shape));
    const k = extents.length;
    for (let i = 0; i < flat.length; i++)
      for (let j = 0; j < k; j++) {
        const [at, extent] = [list[i * k + j]!, extents[j]!];
        if (!(at >= -extent && at < extent))
          throw new IndexError(
            `gatherNd: index ${at} (point ${i}) is out of range for axis ${j} of extent ${extent}`,
          );
        flat[i] = flat[i]! * extent + (at < 0 ? at + extent : at);
      }
    return [dense(flat, "int32", out!.shape)];
  },
  derivative: { kind: "none" },
  batching: { kind: "leading" },
};

/**
 * The entries of `x` at listed points: each row of `indices` names a place on the first axes.
 *
 * @param x - shape `[n_1, …, n_k, …]`
 * @param indices - integers, shape `[…, k]`, negative ones counted from the end; traced or not
 * @returns array of the shape of `indices` without its last axis, followed by the axes of `x` that are not named
 * @throws {@link ShapeError} when a point names more axes than there are
 * @throws {@link IndexError} when a place is out of range
 * @example
 * ```ts
 * import { gatherNd, toNested } from "@provably/core-tensor";
 *
 * toNested(gatherNd([[1, 2], [3, 4]], [[0, 1], [1, 0]])); // => [2, 3]
 * ```
 * @category Indexing
 */
export function gatherNd(x: ArrayInput, indices: ArrayInput): NdArray {
  const a = toArray("gatherNd", x);
  const points = toIndices("gatherNd", indices);
  const k = points.shape[points.shape.length - 1];
  if (k === undefined || k > a.shape.length)
    throw new ShapeError(
      `gatherNd: points ${formatShape(points.shape)} name ${k ?? "no"} axes, but x has shape ${formatShape(a.shape)}`,
    );
  const [extents, rest] = [a.shape.slice(0, k), a.shape.slice(k)];
  const flat = bindOne(placesPrimitive, [points], { extents });
  return take(reshape(a, [sizeOf(extents), ...rest]), flat);
}
