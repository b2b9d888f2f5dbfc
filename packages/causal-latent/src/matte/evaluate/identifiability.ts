/** How well learned latents match true ones: coordinate by coordinate, linearly, and as whole blocks. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  matmul,
  matrixTranspose,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  longWork,
  oneOf,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { cholesky, lstsq, triangularSolve } from "@provably/core-tensor/linalg";
import { type RngKey, foldIn, key as keyOf, permutation } from "@provably/core-tensor/random";
import { assign } from "../../internal/assignment.js";

/** Columns of a matrix as lists. */
function columns(fn: string, name: string, x: ArrayInput): number[][] {
  const a = array(x as number[], { dtype: "float64" });
  if (a.shape.length !== 2 || a.shape[0]! < 2 || a.shape[1] === 0)
    throw new ShapeError(
      `${fn}: ${name} must have shape [N, d] with N ≥ 2 and d ≥ 1, got [${a.shape.join(", ")}]`,
    );
  const [n, d] = a.shape as [number, number];
  const data = toTypedArray(a);
  if (!data.every(Number.isFinite))
    throw new DomainError(`${fn}: ${name} must be finite, got NaN or an infinity`);
  return Array.from({ length: d }, (_, j) => Array.from({ length: n }, (_, i) => data[i * d + j]!));
}

function sameRows(fn: string, a: readonly number[][], b: readonly number[][]): void {
  if (a[0]!.length !== b[0]!.length)
    throw new ShapeError(
      `${fn}: both must have as many rows, got ${a[0]!.length} and ${b[0]!.length}`,
    );
}

const average = (x: readonly number[]): number => x.reduce((total, v) => total + v, 0) / x.length;

/** Centred, with unit variance; a constant column becomes zeros. */
function standardised(x: readonly number[]): number[] {
  const mean = average(x);
  const sd = Math.sqrt(average(x.map((v) => (v - mean) ** 2)));
  return x.map((v) => (sd > 0 ? (v - mean) / sd : 0));
}

/** Ranks from 1, ties at their average. */
function ranks(x: readonly number[]): number[] {
  const order = x.map((_, i) => i).sort((i, j) => x[i]! - x[j]!);
  const out = new Array<number>(x.length);
  for (let i = 0; i < order.length;) {
    let j = i;
    while (j + 1 < order.length && x[order[j + 1]!] === x[order[i]!]) j++;
    for (let k = i; k <= j; k++) out[order[k]!] = (i + j) / 2 + 1;
    i = j + 1;
  }
  return out;
}

/**
 * Mean absolute correlation of learned and true coordinates under their best one-to-one matching.
 *
 * 1 when every true coordinate is a monotone (`"spearman"`) or affine (`"pearson"`) function of one learned coordinate.
 *
 * @param learned - shape `[N, d]`
 * @param truth - shape `[N, d]`
 * @param options - `correlation`: `"pearson"` (default) or `"spearman"`
 * @returns `value` in [0, 1], and for each learned coordinate the true one it is matched with
 * @throws `ShapeError`, `DomainError` when the shapes differ or a number is not finite
 * @example
 * ```ts
 * import { mcc } from "@provably/causal-latent/matte";
 *
 * mcc([[1, 4], [2, 0], [3, 1]], [[-4, 2], [0, 4], [-1, 6]]).matching; // => [1, 0]
 * ```
 * @see Hyvarinen, Morioka (2016), "Unsupervised feature extraction by time-contrastive learning and nonlinear ICA"
 * @category Evaluation
 */
export function mcc(
  learned: ArrayInput,
  truth: ArrayInput,
  options: { readonly correlation?: "pearson" | "spearman" } = {},
): { readonly value: number; readonly matching: readonly number[] } {
  const { correlation = "pearson" } = checkOptions("mcc", options, { correlation: anything });
  check("mcc", "correlation", correlation, oneOf("pearson", "spearman"));
  const [z, t] = [columns("mcc", "learned", learned), columns("mcc", "truth", truth)];
  sameRows("mcc", z, t);
  if (z.length !== t.length)
    throw new ShapeError(
      `mcc: learned and truth must have as many columns, got ${z.length} and ${t.length}`,
    );
  const prepare = (x: number[]): number[] =>
    standardised(correlation === "spearman" ? ranks(x) : x);
  const [a, b] = [z.map(prepare), t.map(prepare)];
  const strength = a.map((x) => b.map((y) => Math.abs(average(x.map((v, i) => v * y[i]!)))));
  const matching = assign(strength);
  return { value: average(matching.map((j, i) => strength[i]![j]!)), matching };
}

/**
 * Share of the variance of all true coordinates that an affine map of the learned ones explains.
 *
 * @param learned - shape `[N, d]`
 * @param truth - shape `[N, k]`
 * @returns $R^2$ pooled over coordinates, at most 1
 * @throws `ShapeError`, `DomainError` when the rows differ or a number is not finite
 * @example
 * ```ts
 * import { linearR2 } from "@provably/causal-latent/matte";
 *
 * linearR2([[0], [1], [2]], [[1], [3], [5]]); // => 1
 * ```
 * @category Evaluation
 */
export function linearR2(learned: ArrayInput, truth: ArrayInput): number {
  const [z, t] = [columns("linearR2", "learned", learned), columns("linearR2", "truth", truth)];
  sameRows("linearR2", z, t);
  const n = z[0]!.length;
  const design = array(
    Array.from({ length: n }, (_, i) => [1, ...z.map((column) => column[i]!)]),
    { dtype: "float64" },
  );
  const target = rowsOf(t);
  const fitted = matmul(design, lstsq(design, target));
  return pooledR2(target, fitted);
}

const rowsOf = (list: readonly number[][]): NdArray =>
  array(
    list[0]!.map((_, i) => list.map((column) => column[i]!)),
    { dtype: "float64" },
  );

function pooledR2(target: NdArray, fitted: NdArray): number {
  const [y, f] = [toTypedArray(target), toTypedArray(fitted)];
  const k = target.shape[1]!;
  const n = target.shape[0]!;
  let [residual, total] = [0, 0];
  for (let j = 0; j < k; j++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += y[i * k + j]! / n;
    for (let i = 0; i < n; i++) {
      residual += (y[i * k + j]! - f[i * k + j]!) ** 2;
      total += (y[i * k + j]! - mean) ** 2;
    }
  }
  return total > 0 ? 1 - residual / total : 0;
}

/**
 * Options of {@link blockR2}.
 * @category Evaluation
 */
export interface BlockR2Options {
  /** Draws the halves for fitting and for testing; default `key(0)`. */
  readonly key?: RngKey;
  /** Rows used at most; default 1600. */
  readonly maxRows?: number;
  /** Ridge on the kernel matrix; default 0.01. */
  readonly ridge?: number;
  /** Looked at between the steps of the regression. */
  readonly signal?: AbortSignal;
}

/**
 * Share of the variance of a true block that any smooth function of a learned block explains, on rows that were not fitted.
 *
 * Kernel ridge regression with $k(z, z') = e^{-\gamma \lVert z - z' \rVert^2}$, $1/\gamma$ the median squared distance, on standardised coordinates; half
 * the rows fit, half test. A block is identified when this is 1 and nothing is learned of the other block beyond what the truth itself tells of it, so
 * compare with `blockR2` of the true blocks. O(n³) in the rows that fit.
 *
 * @param learned - shape `[N, d]`
 * @param truth - shape `[N, k]`
 * @param options - see {@link BlockR2Options}
 * @returns number in [0, 1]; below zero is reported as 0
 * @throws `ShapeError`, `DomainError` when the rows differ, are fewer than 8, or a number is not finite
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { exp } from "@provably/core-tensor";
 * import { blockR2 } from "@provably/causal-latent/matte";
 *
 * const z = normal(key(1), [200, 1], { dtype: "float64" });
 * blockR2(z, exp(z)) > 0.9; // => true
 * ```
 * @see von Kuegelgen et al. (2021), "Self-supervised learning with data augmentations provably isolates content from style", section 5
 * @category Evaluation
 */
export function blockR2(
  learned: ArrayInput,
  truth: ArrayInput,
  options: BlockR2Options = {},
): number {
  const {
    key = keyOf(0),
    maxRows = 1600,
    ridge = 1e-2,
    signal,
  } = checkOptions("blockR2", options, {
    key: anything,
    maxRows: anything,
    ridge: anything,
    signal: longWork.signal,
  });
  check("blockR2", "maxRows", maxRows, wholeNumber(8));
  check("blockR2", "ridge", ridge, positiveNumber);
  signal?.throwIfAborted();
  const [z, t] = [columns("blockR2", "learned", learned), columns("blockR2", "truth", truth)];
  sameRows("blockR2", z, t);
  const total = z[0]!.length;
  if (total < 8) throw new ShapeError(`blockR2: learned must have at least 8 rows, got ${total}`);
  const order = [...toTypedArray(permutation(foldIn(key, "halves"), total))].slice(0, maxRows);
  const half = Math.floor(order.length / 2);
  const [fit, test] = [order.slice(0, half), order.slice(half)];
  const part = (list: number[][], rows: number[]): number[][] =>
    list.map(standardised).map((column) => rows.map((i) => column[i]!));
  const [zf, zt, tf, tt] = [part(z, fit), part(z, test), part(t, fit), part(t, test)];
  const distances = squaredDistances(zf, zf);
  signal?.throwIfAborted();
  const sorted = distances.filter((_, i) => Math.floor(i / half) < i % half).sort();
  const median = sorted[Math.floor(sorted.length / 2)]!;
  if (!(median > 0)) return 0; // the learned block is constant
  const kernel = (squared: Float64Array, n: number): NdArray =>
    array(
      squared.map((s) => Math.exp(-s / median)),
      { shape: [n, half], copy: false },
    );
  signal?.throwIfAborted();
  const gram = toTypedArray(kernel(distances, half)) as Float64Array;
  for (let i = 0; i < half; i++) gram[i * half + i]! += ridge;
  const L = cholesky(array(gram, { shape: [half, half], copy: false }));
  signal?.throwIfAborted();
  const weights = triangularSolve(matrixTranspose(L), triangularSolve(L, rowsOf(tf)), {
    lower: false,
  });
  signal?.throwIfAborted();
  return Math.max(
    0,
    Math.min(
      1,
      pooledR2(rowsOf(tt), matmul(kernel(squaredDistances(zt, zf), test.length), weights)),
    ),
  );
}

function squaredDistances(a: readonly number[][], b: readonly number[][]): Float64Array {
  const [n, m] = [a[0]!.length, b[0]!.length];
  const out = new Float64Array(n * m);
  for (let d = 0; d < a.length; d++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < m; j++) out[i * m + j]! += (a[d]![i]! - b[d]![j]!) ** 2;
  return out;
}
