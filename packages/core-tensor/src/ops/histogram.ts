/** Counting: how many numbers fall where. On concrete arrays: what is counted decides shapes. */
import {
  NONE,
  type Schema,
  anything,
  check,
  checkOptions,
  finiteNumber,
  listOf,
  show,
  trueOrFalse,
  wholeNumber,
} from "../check/index.js";
import { type DType, floatDType, isFloat } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { DTypeError, DomainError, ShapeError } from "../errors.js";
import { searchRow } from "../exec/js/sort.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";
import { toIndices } from "./gather.js";

/** A number of equal bins, or the edges between them. */
type Bins = number | readonly number[];

/**
 * Options of {@link histogram}.
 * @category Statistics
 */
export interface HistogramOptions {
  /** How many equal bins, or the growing edges between them; default 10. */
  readonly bins?: number | readonly number[];
  /** Lowest and highest edge of equal bins; default the least and the greatest number. */
  readonly range?: readonly [number, number];
  /** Divide by the total and by the widths, so that the integral is 1; default false. */
  readonly density?: boolean;
  /** How much each number counts; default 1. */
  readonly weights?: ArrayInput;
}

const HISTOGRAM: Schema<HistogramOptions> = {
  bins: anything,
  range: /* @__PURE__ */ listOf(finiteNumber, 2),
  density: trueOrFalse,
  weights: anything,
};

/** The edges of bins; a range of no width is widened by one half on both sides. */
function edgesOf(
  fn: string,
  data: ArrayLike<number>,
  bins: Bins,
  range: readonly [number, number] | undefined,
): Float64Array {
  if (typeof bins !== "number") {
    const edges = Float64Array.from(check(fn, "bins", bins, listOf(finiteNumber)));
    for (let i = 1; i < edges.length; i++)
      if (!(edges[i]! >= edges[i - 1]!))
        throw new DomainError(`${fn}: bins must grow, got ${edges[i - 1]} before ${edges[i]}`);
    if (edges.length < 2)
      throw new DomainError(`${fn}: bins must have at least two edges, got ${show(bins)}`);
    return edges;
  }
  check(fn, "bins", bins, wholeNumber(1, 2 ** 28));
  let [low, high] = range ?? [Infinity, -Infinity];
  if (range === undefined) {
    for (let i = 0; i < data.length; i++) {
      const v = data[i]!;
      if (!Number.isFinite(v))
        throw new DomainError(`${fn}: x has ${v} at ${i}, so its range must be given`);
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
    if (data.length === 0) [low, high] = [0, 1];
  }
  if (low > high) throw new DomainError(`${fn}: range must grow, got ${show(range)}`);
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const step = (high - low) / bins;
  return Float64Array.from({ length: bins + 1 }, (_, i) => (i === bins ? high : low + i * step));
}

/** The bin of a number; the last bin has both its edges. −1 outside, and for NaN. */
function binOf(edges: Float64Array, v: number): number {
  const last = edges.length - 1;
  if (!(v >= edges[0]! && v <= edges[last]!)) return -1;
  return v === edges[last]! ? last - 1 : searchRow(edges, 0, edges.length, v, true) - 1;
}

function weightsOf(fn: string, weights: ArrayInput, size: number): ArrayLike<number> {
  const w = toConcrete(fn, weights, "weights");
  if (w.size !== size)
    throw new ShapeError(`${fn}: weights must be as many as the ${size} numbers, got ${w.size}`);
  return rowMajorData(w);
}

/**
 * How many numbers fall into each of a row of bins. Bins have their lower edge and not their upper one, the last has both.
 *
 * Numbers outside the edges, NaN among them, are not counted.
 *
 * @param x - numbers, any shape, concrete
 * @param options - see {@link HistogramOptions}
 * @returns `counts` in int32, or floats with weights or as a density, and `edges`, one more
 * @throws {@link DomainError} for edges that do not grow, and for numbers that are not finite where the range is to be found
 * @throws {@link ConcretizationError} inside transforms
 * @example
 * ```ts
 * import { histogram, toNested } from "@provably/core-tensor";
 *
 * const { counts, edges } = histogram([1, 2, 1, 4], { bins: 3 });
 * toNested(counts); // => [2, 1, 1]
 * toNested(edges); // => [1, 2, 3, 4]
 * ```
 * @category Statistics
 */
export function histogram(
  x: ArrayInput,
  options: HistogramOptions = NONE,
): { readonly counts: NdArray; readonly edges: NdArray } {
  const fn = "histogram";
  const { bins = 10, range, density = false, weights } = checkOptions(fn, options, HISTOGRAM);
  const a = toConcrete(fn, x);
  const data = rowMajorData(a);
  const edges = edgesOf(fn, data, bins, range);
  const w = weights === undefined ? undefined : weightsOf(fn, weights, a.size);
  const sums = new Float64Array(edges.length - 1);
  for (let i = 0; i < data.length; i++) {
    const bin = binOf(edges, data[i]!);
    if (bin >= 0) sums[bin]! += w === undefined ? 1 : w[i]!;
  }
  const total = sums.reduce((s, v) => s + v, 0);
  const counts = density ? sums.map((v, i) => v / total / (edges[i + 1]! - edges[i]!)) : sums;
  return {
    counts: stored(counts, density || w !== undefined ? floatDType(a.dtype) : "int32", [
      sums.length,
    ]),
    edges: stored(edges, floatDType(a.dtype), [edges.length]),
  };
}

function stored(
  values: Float64Array,
  dtype: "int32" | "float32" | "float64",
  shape: number[],
): NdArray {
  const data =
    dtype === "int32"
      ? Int32Array.from(values)
      : dtype === "float32"
        ? Float32Array.from(values)
        : values;
  return dense<DType>(data, dtype, shape);
}

/**
 * Options of {@link histogram2d}.
 * @category Statistics
 */
export interface Histogram2dOptions {
  /** For both axes, or for each: how many equal bins, or the growing edges between them; default 10. */
  readonly bins?: number | readonly [number | readonly number[], number | readonly number[]];
  /** Lowest and highest edge of equal bins for each axis; default the least and the greatest number. */
  readonly range?: readonly [readonly [number, number], readonly [number, number]];
  /** Divide by the total and by the areas, so that the integral is 1; default false. */
  readonly density?: boolean;
  /** How much each point counts; default 1. */
  readonly weights?: ArrayInput;
}

const HISTOGRAM_2D: Schema<Histogram2dOptions> = {
  bins: anything,
  range: /* @__PURE__ */ listOf(/* @__PURE__ */ listOf(finiteNumber, 2), 2),
  density: trueOrFalse,
  weights: anything,
};

/**
 * How many points of the plane fall into each cell of a grid.
 *
 * @param x - first coordinates, concrete
 * @param y - second coordinates, as many
 * @param options - see {@link Histogram2dOptions}
 * @returns `counts`, a float matrix with a row for each bin of `x`, and the edges along both axes
 * @throws {@link ShapeError} when there are not as many of both
 * @throws {@link DomainError} as for {@link histogram}
 * @example
 * ```ts
 * import { histogram2d, toNested } from "@provably/core-tensor";
 *
 * toNested(histogram2d([0, 0, 1], [0, 1, 1], { bins: 2 }).counts); // => [[1, 1], [0, 1]]
 * ```
 * @category Statistics
 */
export function histogram2d(
  x: ArrayInput,
  y: ArrayInput,
  options: Histogram2dOptions = NONE,
): { readonly counts: NdArray; readonly xEdges: NdArray; readonly yEdges: NdArray } {
  const fn = "histogram2d";
  const { bins = 10, range, density = false, weights } = checkOptions(fn, options, HISTOGRAM_2D);
  const [a, b] = [toConcrete(fn, x), toConcrete(fn, y, "y")];
  if (a.size !== b.size)
    throw new ShapeError(`${fn}: y must be as many numbers as x, ${a.size}, got ${b.size}`);
  const [across, down] = [rowMajorData(a), rowMajorData(b)];
  const [xBins, yBins] = Array.isArray(bins)
    ? (bins as readonly [Bins, Bins])
    : [bins as number, bins as number];
  const ex = edgesOf(fn, across, xBins, range?.[0]);
  const ey = edgesOf(fn, down, yBins, range?.[1]);
  const w = weights === undefined ? undefined : weightsOf(fn, weights, a.size);
  const columns = ey.length - 1;
  const sums = new Float64Array((ex.length - 1) * columns);
  for (let k = 0; k < across.length; k++) {
    const [i, j] = [binOf(ex, across[k]!), binOf(ey, down[k]!)];
    if (i >= 0 && j >= 0) sums[i * columns + j]! += w === undefined ? 1 : w[k]!;
  }
  const total = sums.reduce((s, v) => s + v, 0);
  const area = (at: number): number => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    return (ex[i + 1]! - ex[i]!) * (ey[j + 1]! - ey[j]!);
  };
  const counts = density ? sums.map((v, at) => v / total / area(at)) : sums;
  const dtype = floatDType(a.dtype);
  return {
    counts: stored(counts, dtype, [ex.length - 1, columns]),
    xEdges: stored(ex, dtype, [ex.length]),
    yEdges: stored(ey, dtype, [ey.length]),
  };
}

/**
 * Options of {@link bincount}.
 * @category Statistics
 */
export interface BincountOptions {
  /** How much each entry counts; default 1. */
  readonly weights?: ArrayInput;
  /** Least length of the result; default 0. */
  readonly minLength?: number;
}

const BINCOUNT: Schema<BincountOptions> = {
  weights: anything,
  minLength: /* @__PURE__ */ wholeNumber(0),
};

/** From here on a result is a mistake: an identifier was counted. */
const LONGEST = 2 ** 28;

/**
 * How often each of the numbers 0, 1, … occurs.
 *
 * @param x - integers ≥ 0, concrete
 * @param options - see {@link BincountOptions}
 * @returns int32 array, or a float one with weights, as long as the greatest number plus one
 * @throws {@link DomainError} for negative numbers and for numbers of $2^{28}$ and more
 * @throws {@link DTypeError} for floats
 * @example
 * ```ts
 * import { bincount, toNested } from "@provably/core-tensor";
 *
 * toNested(bincount([0, 2, 2], { minLength: 4 })); // => [1, 0, 2, 0]
 * ```
 * @category Statistics
 */
export function bincount(x: ArrayInput, options: BincountOptions = NONE): NdArray {
  const fn = "bincount";
  const { weights, minLength = 0 } = checkOptions(fn, options, BINCOUNT);
  const a = toConcrete(fn, toIndices(fn, x, "x"));
  const data = rowMajorData(a);
  let length = minLength;
  for (let i = 0; i < data.length; i++) {
    if (data[i]! < 0 || data[i]! >= LONGEST)
      throw new DomainError(`${fn}: x must be integers from 0 to 2^28 - 1, got ${data[i]} at ${i}`);
    length = Math.max(length, data[i]! + 1);
  }
  const w = weights === undefined ? undefined : toConcrete(fn, weights, "weights");
  const factors = w && weightsOf(fn, w, a.size);
  const sums = new Float64Array(length);
  for (let i = 0; i < data.length; i++) sums[data[i]!]! += factors === undefined ? 1 : factors[i]!;
  return stored(sums, w === undefined ? "int32" : floatDType(w.dtype), [length]);
}

/**
 * For each number the bin in which it lies: `i` where `bins[i - 1] ≤ x < bins[i]`, for falling edges `bins[i - 1] > x ≥ bins[i]`.
 *
 * @param x - any shape, concrete
 * @param bins - edges that grow or fall
 * @param options - `right`: bins have their upper edge instead of their lower one; default false
 * @returns int32 array of the shape of `x` with numbers from 0 to the number of edges; NaN counts as the greatest number
 * @throws {@link DomainError} for edges in no order
 * @example
 * ```ts
 * import { digitize, toNested } from "@provably/core-tensor";
 *
 * toNested(digitize([0.5, 1, 9], [0, 1, 2], { right: false })); // => [1, 2, 3]
 * ```
 * @category Statistics
 */
export function digitize(
  x: ArrayInput,
  bins: ArrayInput,
  options: { readonly right?: boolean } = NONE,
): NdArray {
  const fn = "digitize";
  const { right = false } = checkOptions(fn, options, { right: trueOrFalse });
  const [a, b] = [toConcrete(fn, x), toConcrete(fn, bins, "bins")];
  if (b.shape.length !== 1)
    throw new ShapeError(`${fn}: bins must be a list, got shape [${b.shape.join(", ")}]`);
  if (!isFloat(a.dtype) && a.dtype === "bool")
    throw new DTypeError(`${fn}: x must hold numbers, got bool`);
  const edges = Float64Array.from(rowMajorData(b));
  const grows = edges.every((v, i) => i === 0 || v >= edges[i - 1]!);
  const falls = edges.every((v, i) => i === 0 || v <= edges[i - 1]!);
  if (!grows && !falls)
    throw new DomainError(`${fn}: bins must grow or fall throughout, got ${show([...edges])}`);
  const n = edges.length;
  if (!grows) edges.reverse();
  const out = Int32Array.from(rowMajorData(a), (v) =>
    grows ? searchRow(edges, 0, n, v, !right) : n - searchRow(edges, 0, n, v, !right),
  );
  return dense<DType>(out, "int32", a.shape);
}
