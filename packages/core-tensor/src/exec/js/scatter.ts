/** Writing a strided block into part of a row-major array. */
import type { TypedArray } from "../../array/dtype.js";
import { collapseAxes } from "../../array/shape.js";

/** Copies `x` into `out`, element by element, where the block has the given strides and begins at `offset`. */
export function scatterStrided(
  x: {
    readonly storage: TypedArray;
    readonly offset: number;
    readonly stride: readonly number[];
    readonly shape: readonly number[];
    readonly size: number;
  },
  out: TypedArray,
  stride: readonly number[],
  offset: number,
): void {
  if (x.size === 0) return;
  const { storage } = x;
  const merged = collapseAxes(x.shape, [x.stride, stride]);
  const extents = merged.shape;
  const [from, to] = [merged.strides[0]!, merged.strides[1]!];
  const rank = extents.length;
  const n = rank > 0 ? extents[rank - 1]! : 1;
  const [stepFrom, stepTo] = [from[rank - 1] ?? 1, to[rank - 1] ?? 1];
  const rows = x.size / n;
  const counter = new Array<number>(rank).fill(0);
  let [p, q] = [x.offset, offset];
  for (let row = 0; row < rows; row++) {
    if (stepFrom === 1 && stepTo === 1 && n > 16) out.set(storage.subarray(p, p + n), q);
    else for (let j = 0, i = p, k = q; j < n; j++, i += stepFrom, k += stepTo) out[k] = storage[i]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      p += from[axis]!;
      q += to[axis]!;
      if (++counter[axis]! < extents[axis]!) break;
      p -= from[axis]! * extents[axis]!;
      q -= to[axis]! * extents[axis]!;
      counter[axis] = 0;
    }
  }
}
