/** Images seen by rays that pass through them. */
import { type NdArray, DomainError, array, toTypedArray } from "@provably/core-tensor";
import {
  anyNumber,
  check,
  listOf,
  optional,
  positiveNumber,
  recordOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type LinearOperator, batchOf, linearOperator } from "./operator.js";

const OPTIONS = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  angles: listOf(anyNumber),
  detectors: optional(wholeNumber(1)),
  spacing: optional(positiveNumber),
});

/**
 * Options of {@link radon}.
 * @category Forward models
 */
export interface RadonOptions {
  readonly height: number;
  readonly width: number;
  /** Directions in radians, one projection each. */
  readonly angles: readonly number[];
  /** Rays of a projection; default the diagonal of the image in pixels, rounded up. */
  readonly detectors?: number;
  /** Distance between rays in pixels, default 1. */
  readonly spacing?: number;
}

/** Below this the rays are taken to run along the grid. */
const STRAIGHT = 1e-12;

/** Length of the chord that a unit square cuts off a line at the distance of its middle; `c` and `s` are |cos| and |sin| of its direction. */
function chord(distance: number, c: number, s: number): number {
  const reach = (c + s) / 2;
  const most = 1 / Math.max(c, s);
  if (Math.min(c, s) < STRAIGHT) return distance < reach - STRAIGHT ? most : 0;
  return Math.max(0, Math.min(most, (reach - distance) / (c * s)));
}

/**
 * The Radon transform of parallel-beam tomography: integrals of an image of unit squares along lines, by exact lengths of chords.
 *
 * Pixel $(i, j)$ is the unit square about $(j - \tfrac{W-1}{2}, \tfrac{H-1}{2} - i)$, and the line of ray $k$ is $x\cos\theta + y\sin\theta = (k -
 * \tfrac{K-1}{2})\,\mathrm{spacing}$. A line that runs along an edge between two pixels belongs to neither: with an even width and an odd number of rays at
 * whole distances all rays of the angle 0 do so, and see nothing. No matrix is kept: O(angles · pixels) a product.
 *
 * @param options - see {@link RadonOptions}
 * @returns operator from images `[n, height · width]` to sinograms `[n, angles · detectors]`
 * @throws `DomainError` when an option is out of range, or no ray meets the image
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { radon } from "@provably/score-diffusion";
 *
 * // three vertical rays through the columns of an image
 * const operator = radon({ height: 2, width: 3, angles: [0], detectors: 3 });
 * toNested(operator.apply([[1, 2, 3, 4, 5, 6]])); // => [[5, 7, 9]]
 * ```
 * @see Siddon (1985), "Fast calculation of the exact radiological path for a three-dimensional CT array"
 * @category Forward models
 */
export function radon(options: RadonOptions): LinearOperator {
  const fn = "radon";
  const given = check(fn, "options", options, OPTIONS);
  const { height, width, angles, spacing = 1 } = given;
  const { detectors = Math.ceil(Math.hypot(height, width)) } = given;
  angles.forEach((angle, i) => {
    if (!Number.isFinite(angle))
      throw new DomainError(`${fn}: options.angles[${i}] must be finite, got ${angle}`);
  });
  if (angles.length === 0)
    throw new DomainError(`${fn}: options.angles must hold at least one angle, got none`);
  const [d, m] = [height * width, angles.length * detectors];
  /** Calls back for every pixel, ray and length of the chord between them. */
  const everyChord = (visit: (pixel: number, ray: number, length: number) => void): void => {
    for (const [a, angle] of angles.entries()) {
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const [c, s] = [Math.abs(cos), Math.abs(sin)];
      const reach = (c + s) / 2;
      for (let pixel = 0; pixel < d; pixel++) {
        const x = (pixel % width) - (width - 1) / 2;
        const y = (height - 1) / 2 - Math.floor(pixel / width);
        const middle = x * cos + y * sin;
        const place = (t: number): number => t / spacing + (detectors - 1) / 2;
        const from = Math.max(0, Math.ceil(place(middle - reach)));
        const to = Math.min(detectors - 1, Math.floor(place(middle + reach)));
        for (let k = from; k <= to; k++) {
          const distance = Math.abs((k - (detectors - 1) / 2) * spacing - middle);
          const length = chord(distance, c, s);
          if (length > 0) visit(pixel, a * detectors + k, length);
        }
      }
    }
  };
  const product = (x: NdArray, from: number, to: number, transposed: boolean): NdArray => {
    const rows = x.shape[0]!;
    const values = toTypedArray(x);
    const result = new Float64Array(rows * to);
    everyChord((pixel, ray, length) => {
      const [source, target] = transposed ? [ray, pixel] : [pixel, ray];
      for (let row = 0; row < rows; row++)
        result[row * to + target]! += length * Number(values[row * from + source]);
    });
    return array(result, { shape: [rows, to] });
  };
  return linearOperator({
    name: fn,
    inputSize: d,
    outputSize: m,
    apply: (x) => product(batchOf(fn, "x", x, d), d, m, false),
    adjoint: (y) => product(batchOf(fn, "y", y, m), m, d, true),
  });
}
