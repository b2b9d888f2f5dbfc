/** Colour images behind the filter of a camera's sensor. */
import { array, concat, mul, take, zeros } from "@provably/core-tensor";
import { check, oneOf, optional, recordOf, wholeNumber } from "@provably/core-tensor/internal";
import { type LinearOperator, batchOf, spectralArguments } from "./operator.js";

const PATTERNS = ["RGGB", "BGGR", "GRBG", "GBRG"] as const;

const OPTIONS = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  pattern: optional(oneOf(...PATTERNS)),
});

/**
 * Options of {@link mosaic}.
 * @category Forward models
 */
export interface MosaicOptions {
  readonly height: number;
  readonly width: number;
  /** Colours of an even row at even and odd columns, then of an odd row; default `RGGB`. */
  readonly pattern?: "RGGB" | "BGGR" | "GRBG" | "GBRG";
}

/**
 * The Bayer mosaic: of each pixel of a colour image one colour is seen.
 *
 * $A A^\top = 1$, so that Gaussian posteriors are sampled exactly. O(pixels).
 *
 * @param options - see {@link MosaicOptions}
 * @returns operator from images `[n, 3 · height · width]`, channel after channel, to `[n, height · width]`
 * @throws `DomainError` when an option is none of these
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { mosaic } from "@provably/score-diffusion";
 *
 * // red 1 2, green 3 4, blue 5 6
 * toNested(mosaic({ height: 1, width: 2 }).apply([[1, 2, 3, 4, 5, 6]])); // => [[1, 4]]
 * ```
 * @see Bayer (1976), "Color imaging array"
 * @category Forward models
 */
export function mosaic(options: MosaicOptions): LinearOperator {
  const fn = "mosaic";
  const { height, width, pattern = "RGGB" } = check(fn, "options", options, OPTIONS);
  const m = height * width;
  const d = 3 * m;
  const places = Int32Array.from({ length: m }, (_, i) => {
    const [row, column] = [Math.floor(i / width) % 2, (i % width) % 2];
    return "RGB".indexOf(pattern[2 * row + column]!) * m + i;
  });
  const seen = array(places, { dtype: "int32" });
  // hidden numbers take a 0 that is added behind those seen
  const back = new Int32Array(d).fill(m);
  places.forEach((place, i) => (back[place] = i));
  const origins = array(back, { dtype: "int32" });
  return {
    name: `mosaic(${pattern})`,
    inputSize: d,
    outputSize: m,
    norm: 1,
    apply: (x) => take(batchOf(fn, "x", x, d), seen, { axis: 1 }),
    adjoint(y) {
      const rows = batchOf(fn, "y", y, m);
      const behind = zeros([rows.shape[0]!, 1], { dtype: "float64" });
      return take(concat([rows, behind], { axis: 1 }), origins, { axis: 1 });
    },
    normalFunction(f, points) {
      const v = spectralArguments(fn, f, points, d);
      const [hidden, visible] = [f(0), f(1)];
      return mul(v, array(Float64Array.from(back, (i) => (i === m ? hidden : visible))));
    },
  };
}
