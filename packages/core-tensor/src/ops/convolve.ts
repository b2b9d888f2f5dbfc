/** Discrete convolution of sequences. */
import { NONE, type Schema, checkOptions, oneOf, within } from "../check/index.js";
import { isFloat } from "../array/dtype.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { convert, promote } from "../trace/elementwise.js";
import type { ArrayInput } from "../trace/input.js";
import { conv1d } from "./conv.js";
import { reshape } from "./reshape.js";
import { flip, sliceAxis } from "./slice.js";

/**
 * Which part of a convolution: `full`, where the sequences touch at all; `same`, as long as the longer one and in the middle; `valid`, where
 * they overlap completely.
 * @category Calculus
 */
export type ConvolveMode = "full" | "same" | "valid";

/**
 * Options of {@link convolve} and {@link correlate}.
 * @category Calculus
 */
export interface ConvolveOptions {
  /** Which part; default that of NumPy, `full` for convolve and `valid` for correlate. */
  readonly mode?: ConvolveMode;
}

const CONVOLVE: Schema<ConvolveOptions> = { mode: /* @__PURE__ */ oneOf("full", "same", "valid") };

function sequences(fn: string, a: ArrayInput, b: ArrayInput): [NdArray, NdArray] {
  const [x, y] = promote(fn, a, b);
  if (x.shape.length !== 1 || y.shape.length !== 1 || x.size === 0 || y.size === 0)
    throw new ShapeError(
      `${fn}: a and b must be lists with at least one number, got shapes ${formatShape(x.shape)} and ${formatShape(y.shape)}`,
    );
  return [x, y];
}

/** The correlation with every overlap: n + m − 1 sums of products of `a` and the moved `b`. */
function allOverlaps(a: NdArray, b: NdArray): NdArray {
  // whole numbers are summed in double precision, where they stay exact
  const work = isFloat(a.dtype) ? a.dtype : "float64";
  const rim = b.size - 1;
  const line = (z: NdArray): NdArray => reshape(convert(z, work), [1, 1, z.size]);
  const out = conv1d(line(a), line(b), { padding: [rim, rim] });
  return convert(reshape(out, [a.size + rim]), a.dtype);
}

function part(full: NdArray, n: number, m: number, mode: ConvolveMode, start: number): NdArray {
  const [long, short] = [Math.max(n, m), Math.min(n, m)];
  if (mode === "full") return full;
  return mode === "same"
    ? sliceAxis(full, 0, start, start + long)
    : sliceAxis(full, 0, short - 1, long);
}

/**
 * The convolution of two sequences, $c_k = \sum_i a_i b_{k - i}$.
 *
 * @param a - list of numbers
 * @param b - list of numbers
 * @param options - see {@link ConvolveOptions}; default `full`
 * @returns list of $n + m - 1$ numbers for `full`, $\max(n, m)$ for `same`, $|n - m| + 1$ for `valid`
 * @throws {@link ShapeError} when one is empty or no list
 * @example
 * ```ts
 * import { convolve, toNested } from "@provably/core-tensor";
 *
 * toNested(convolve([1, 2, 3], [1, 1], { mode: "full" })); // => [1, 3, 5, 3]
 * ```
 * @category Calculus
 */
export function convolve(a: ArrayInput, b: ArrayInput, options: ConvolveOptions = NONE): NdArray {
  const { mode = "full" } = checkOptions("convolve", options, CONVOLVE);
  const [x, y] = sequences("convolve", a, b);
  const [n, m] = [x.size, y.size];
  return within("convolve", () =>
    part(allOverlaps(x, flip(y)), n, m, mode, (Math.min(n, m) - 1) >> 1),
  );
}

/**
 * The correlation of two sequences, $c_k = \sum_i a_{i + k} b_i$.
 *
 * @param a - list of numbers
 * @param b - list of numbers
 * @param options - see {@link ConvolveOptions}; default `valid`
 * @returns list of $n + m - 1$ numbers for `full`, $\max(n, m)$ for `same`, $|n - m| + 1$ for `valid`
 * @throws {@link ShapeError} when one is empty or no list
 * @example
 * ```ts
 * import { correlate, toNested } from "@provably/core-tensor";
 *
 * toNested(correlate([1, 2, 3], [0, 1], { mode: "valid" })); // => [2, 3]
 * ```
 * @category Calculus
 */
export function correlate(a: ArrayInput, b: ArrayInput, options: ConvolveOptions = NONE): NdArray {
  const { mode = "valid" } = checkOptions("correlate", options, CONVOLVE);
  const [x, y] = sequences("correlate", a, b);
  const [n, m] = [x.size, y.size];
  // NumPy exchanges the sequences when the second is longer, and turns the result round
  const start = n >= m ? (m - 1) >> 1 : n >> 1;
  return within("correlate", () => part(allOverlaps(x, y), n, m, mode, start));
}
