/** Seeing only some of the numbers. */
import {
  type ArrayInput,
  DomainError,
  array,
  asType,
  concat,
  mul,
  take,
  toTypedArray,
  zeros,
} from "@provably/core-tensor";
import { type LinearOperator, batchOf, spectralArguments } from "./operator.js";

/**
 * Inpainting: the numbers where the mask is not 0 are seen, the others are not.
 *
 * @param mask - one number for each number of a point, shape `[d]` or that of an image; 0 hides
 * @returns operator with as many outputs as the mask shows
 * @throws `DomainError` when nothing is seen
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { inpainting } from "@provably/score-diffusion";
 *
 * toNested(inpainting([1, 0, 1]).apply([[5, 6, 7]])); // => [[5, 7]]
 * ```
 * @category Forward models
 */
export function inpainting(mask: ArrayInput): LinearOperator {
  const shown = toTypedArray(asType(mask, "float64"));
  const d = shown.length;
  const seen: number[] = [];
  for (let i = 0; i < d; i++) {
    if (Number.isNaN(shown[i]))
      throw new DomainError(`inpainting: mask[${i}] must be a number, got NaN`);
    if (shown[i] !== 0) seen.push(i);
  }
  const m = seen.length;
  if (m === 0) throw new DomainError("inpainting: the mask hides everything");
  const places = array(Int32Array.from(seen), { dtype: "int32" });
  // where each number of a point lies among those seen; the hidden ones take a 0 that is added behind them
  const back = new Int32Array(d).fill(m);
  seen.forEach((place, i) => (back[place] = i));
  const origins = array(back, { dtype: "int32" });
  return {
    name: "inpainting",
    inputSize: d,
    outputSize: m,
    norm: 1,
    apply: (x) => take(batchOf("inpainting", "x", x, d), places, { axis: 1 }),
    adjoint(y) {
      const rows = batchOf("inpainting", "y", y, m);
      const behind = zeros([rows.shape[0]!, 1], { dtype: "float64" });
      return take(concat([rows, behind], { axis: 1 }), origins, { axis: 1 });
    },
    normalFunction(f, points) {
      const v = spectralArguments("inpainting", f, points, d);
      const [hidden, visible] = [f(0), f(1)];
      return mul(v, array(Float64Array.from(shown, (value) => (value === 0 ? hidden : visible))));
    },
  };
}
