/** Images seen at a lower resolution. */
import {
  DomainError,
  type NdArray,
  array,
  expandDims,
  matmul,
  mul,
  reshape,
  transpose,
} from "@provably/core-tensor";
import { check, oneOf, optional, recordOf, wholeNumber } from "@provably/core-tensor/internal";
import { eigh } from "@provably/core-tensor/linalg";
import { type LinearOperator, batchOf, spectralArguments } from "./operator.js";

const OPTIONS = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  factor: optional(wholeNumber(1)),
  filter: optional(oneOf("bicubic", "box")),
  edge: optional(oneOf("mirror", "cut")),
});

/**
 * Options of {@link superResolution}.
 * @category Forward models
 */
export interface SuperResolutionOptions {
  readonly height: number;
  readonly width: number;
  /** How many times fewer pixels each way, default 4. */
  readonly factor?: number;
  /** Keys' cubic stretched by the factor (`bicubic`, the default), or means of blocks (`box`), which overlap where the factor does not divide. */
  readonly filter?: "bicubic" | "box";
  /** What the cubic meets beyond the edge: the mirrored image (`mirror`, the default), or nothing, its weights scaled to 1 (`cut`). */
  readonly edge?: "mirror" | "cut";
}

/** Keys' cubic with a = −1/2. */
function cubic(u: number): number {
  const x = Math.abs(u);
  if (x <= 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
  return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
}

/** The antialiased bicubic reduction of one axis, [n / factor, n]: the cubic stretched by the factor, the image mirrored at its edges, or the cubic cut there. */
function reduction(n: number, factor: number, edge: "mirror" | "cut"): NdArray {
  const m = n / factor;
  const weights = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    const centre = (i + 0.5) * factor - 0.5;
    const ends = [Math.ceil(centre - 2 * factor), Math.floor(centre + 2 * factor)] as const;
    const cut = edge === "cut";
    const [from, to] = cut ? [Math.max(0, ends[0]), Math.min(n - 1, ends[1])] : ends;
    let total = 0;
    for (let j = from; j <= to; j++) total += cubic((j - centre) / factor);
    for (let j = from; j <= to; j++) {
      const round = ((j % (2 * n)) + 2 * n) % (2 * n);
      weights[i * n + (round < n ? round : 2 * n - 1 - round)]! +=
        cubic((j - centre) / factor) / total;
    }
  }
  return array(weights, { shape: [m, n] });
}

/** Means of blocks along one axis, [⌊n / factor⌋, n]. */
function blocks(n: number, factor: number): NdArray {
  const m = Math.floor(n / factor);
  const weights = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    const [from, to] = [Math.floor((i * n) / m), Math.ceil(((i + 1) * n) / m)];
    weights.fill(1 / (to - from), i * n + from, i * n + to);
  }
  return array(weights, { shape: [m, n] });
}

/**
 * Super-resolution: images reduced by an integer factor with an antialiased bicubic filter, or by means of blocks.
 *
 * The filter acts on rows and columns apart, so its spectrum costs two small eigenvalue problems, and Gaussian posteriors are sampled exactly.
 *
 * @param options - see {@link SuperResolutionOptions}
 * @returns operator from `[n, height · width]` to `[n, ⌊height / factor⌋ · ⌊width / factor⌋]`
 * @throws `DomainError` when `factor` does not divide the extents with the bicubic filter, or is greater than they are
 * @example
 * ```ts
 * import { superResolution } from "@provably/score-diffusion";
 *
 * superResolution({ height: 28, width: 28 }).outputSize; // => 49
 * ```
 * @see Keys (1981), "Cubic convolution interpolation for digital image processing"
 * @category Forward models
 */
export function superResolution(options: SuperResolutionOptions): LinearOperator {
  const {
    height,
    width,
    factor = 4,
    filter = "bicubic",
    edge = "mirror",
  } = check("superResolution", "options", options, OPTIONS);
  if (factor > Math.min(height, width))
    throw new DomainError(
      `superResolution: factor must be at most the extents, got ${factor} for ${height} × ${width}`,
    );
  if (filter === "bicubic" && (height % factor !== 0 || width % factor !== 0))
    throw new DomainError(
      `superResolution: factor must divide height and width with the bicubic filter, got ${factor} for ${height} × ${width}`,
    );
  const along = (n: number): NdArray =>
    filter === "box" ? blocks(n, factor) : reduction(n, factor, edge);
  const [rows, columns] = [along(height), along(width)];
  const [h, w] = [rows.shape[0]!, columns.shape[0]!];
  const tall = eigh(matmul(transpose(rows), rows));
  const wide = eigh(matmul(transpose(columns), columns));
  const eigenvalues = mul(expandDims(tall.eigenvalues, 1), wide.eigenvalues);
  const n = (x: NdArray): number => x.shape[0]!;
  return {
    name: `superResolution(${factor})`,
    inputSize: height * width,
    outputSize: h * w,
    norm: Math.sqrt(eigenvalues.get(height - 1, width - 1)),
    apply: (x) =>
      reshape(
        matmul(
          matmul(
            rows,
            reshape(batchOf("superResolution", "x", x, height * width), [n(x), height, width]),
          ),
          transpose(columns),
        ),
        [n(x), h * w],
      ),
    adjoint: (y) =>
      reshape(
        matmul(
          matmul(transpose(rows), reshape(batchOf("superResolution", "y", y, h * w), [n(y), h, w])),
          columns,
        ),
        [n(y), height * width],
      ),
    normalFunction(f, points) {
      const v = spectralArguments("superResolution", f, points, height * width);
      const factors = array(
        Float64Array.from({ length: height * width }, (_, i) =>
          f(Math.max(0, eigenvalues.get(Math.floor(i / width), i % width))),
        ),
        { shape: [height, width] },
      );
      const image = reshape(v, [n(v), height, width]);
      const inside = mul(
        matmul(matmul(transpose(tall.eigenvectors), image), wide.eigenvectors),
        factors,
      );
      return reshape(matmul(matmul(tall.eigenvectors, inside), transpose(wide.eigenvectors)), [
        n(v),
        height * width,
      ]);
    },
  };
}
