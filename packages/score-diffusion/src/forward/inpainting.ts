/** Seeing only some of the numbers. */
import {
  type ArrayInput,
  DomainError,
  array,
  astype,
  matmul,
  take,
  toTypedArray,
} from "@provably/core-tensor";
import { type LinearOperator, batchOf, diagonalFunction, spectralArguments } from "./operator.js";

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
  const shown = toTypedArray(astype(mask, "float64"));
  const seen = Int32Array.from([...shown.keys()].filter((i) => shown[i] !== 0));
  if (seen.length === 0) throw new DomainError("inpainting: the mask hides everything");
  const d = shown.length;
  const places = array(seen, { dtype: "int32" });
  const spread = new Float64Array(seen.length * d);
  seen.forEach((at, row) => (spread[row * d + at] = 1));
  const rows = array(spread, { shape: [seen.length, d] });
  const eigenvalues = array(Float64Array.from(shown, (v) => (v === 0 ? 0 : 1)));
  return {
    name: "inpainting",
    inputSize: d,
    outputSize: seen.length,
    norm: 1,
    apply: (x) => take(batchOf("inpainting", "x", x, d), places, { axis: 1 }),
    adjoint: (y) => matmul(batchOf("inpainting", "y", y, seen.length), rows),
    normalFunction: (f, v) =>
      diagonalFunction(eigenvalues, f, spectralArguments("inpainting", f, v, d)),
  };
}
