/** Covariance and other summaries of samples. */
import {
  NONE,
  type Schema,
  anything,
  checkOptions,
  finiteNumber,
  trueOrFalse,
  within,
  extended,
} from "../check/index.js";
import { type DType, floatDType } from "../array/dtype.js";
import { DenseArray, type NdArray, rowMajorData } from "../array/ndarray.js";
import { normalizeAxes } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { convert, promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { div, mul, sub } from "./arithmetic.js";
import { clip } from "./bounds.js";
import { asType } from "./create.js";
import { broadcastTo } from "./broadcast.js";
import { greater, where } from "./comparison.js";
import { sqrt } from "./exponential.js";
import { max, min } from "./extremum.js";
import { matmul, matrixTranspose } from "./matmul.js";
import { REDUCE, type ReduceOptions, reduceOver, reduceWith, sum } from "./reduce.js";
import { expandDims, reshape } from "./reshape.js";
import { diagonal } from "./triangle.js";

/**
 * Options of {@link cov}.
 * @category Statistics
 */
export interface CovOptions {
  /** `true` (the default): a row for each variable, a column for each observation, as in NumPy; `false` the other way round. */
  readonly rowvar?: boolean;
  /** Subtracted from the count (the sum of weights) in the divisor; default 1. */
  readonly correction?: number;
  /** How often each observation was made, whole numbers. */
  readonly fweights?: ArrayInput;
  /** How much each observation counts, numbers ≥ 0. */
  readonly aweights?: ArrayInput;
}

const COV: Schema<CovOptions> = {
  rowvar: trueOrFalse,
  correction: finiteNumber,
  fweights: anything,
  aweights: anything,
};

function weightsOf(
  fn: string,
  x: ArrayInput,
  name: string,
  n: number,
  like: NdArray,
  whole: boolean,
): NdArray {
  const w: NdArray = within(fn, () => asType<DType>(x, like.dtype));
  if (w.shape.length !== 1 || w.size !== n)
    throw new ShapeError(
      `${fn}: ${name} must be a list of ${n} numbers, got shape [${w.shape.join(", ")}]`,
    );
  if (w instanceof DenseArray)
    for (const v of rowMajorData(w))
      if (!(v >= 0) || (whole && !Number.isInteger(v)))
        throw new DomainError(
          `${fn}: ${name} must be ${whole ? "whole numbers" : "numbers"} ≥ 0, got ${v}`,
        );
  return w;
}

/**
 * The covariances of variables, $\frac{1}{n - c} \sum_k (x_{ik} - \bar x_i)(x_{jk} - \bar x_j)$.
 *
 * With weights $w = f \cdot a$ the means are weighted and the divisor is $\sum w - c \sum w a / \sum w$.
 *
 * @param x - a list of observations, or a matrix, see `rowvar`
 * @param options - see {@link CovOptions}
 * @returns float array of shape `[variables, variables]`, without axes for one variable; NaN where nothing is left to divide by
 * @throws {@link ShapeError} for more than two axes and for weights that do not fit
 * @throws {@link DomainError} for weights that are negative
 * @example
 * ```ts
 * import { cov, toNested } from "@provably/core-tensor";
 *
 * toNested(cov([[0, 1, 2], [2, 1, 0]], { correction: 1 })); // => [[1, -1], [-1, 1]]
 * ```
 * @category Statistics
 */
export function cov(x: ArrayInput, options: CovOptions = NONE): NdArray {
  const settings = checkOptions("cov", options, COV);
  return within("cov", () => covariance("cov", x, settings));
}

function covariance(fn: string, x: ArrayInput, options: CovOptions): NdArray {
  const { rowvar = true, correction = 1, fweights, aweights } = options;
  const given = toArray(fn, x);
  if (given.shape.length > 2)
    throw new ShapeError(
      `${fn}: x must be a list or a matrix, got shape [${given.shape.join(", ")}]`,
    );
  const float = convert(given, floatDType(given.dtype));
  const lined = float.shape.length < 2 ? reshape(float, [1, float.size]) : float;
  const rows = rowvar || float.shape.length < 2 ? lined : matrixTranspose(lined);
  const [variables, n] = rows.shape as [number, number];
  const f = fweights === undefined ? undefined : weightsOf(fn, fweights, "fweights", n, rows, true);
  const a =
    aweights === undefined ? undefined : weightsOf(fn, aweights, "aweights", n, rows, false);
  const one = broadcastTo(toArray(fn, 1, "x", rows.dtype), [n]);
  const w = mul(f ?? one, a ?? one);
  const total = sum(w);
  const lost =
    a === undefined
      ? toArray(fn, correction, "x", rows.dtype)
      : mul(div(sum(mul(w, a)), total), correction);
  const mean = div(sum(mul(rows, w), { axis: 1, keepDims: true }), total);
  const centred = sub(rows, mean);
  const products = matmul(mul(centred, w), matrixTranspose(centred));
  const divisor = sub(total, lost);
  const out = where(greater(divisor, 0), div(products, divisor), NaN);
  return variables === 1 ? reshape(out, []) : out;
}

/**
 * The correlation coefficients of variables: their covariances over the product of their standard deviations.
 *
 * @param x - a list of observations, or a matrix
 * @param options - `rowvar`, as for {@link cov}
 * @returns float array of shape `[variables, variables]` with entries in $[-1, 1]$, without axes for one variable; NaN for constants
 * @throws {@link ShapeError} for more than two axes
 * @example
 * ```ts
 * import { corrcoef, toNested } from "@provably/core-tensor";
 *
 * toNested(corrcoef([[0, 4], [1, 3], [2, 2]], { rowvar: false })); // => [[1, -1], [-1, 1]]
 * ```
 * @category Statistics
 */
export function corrcoef(x: ArrayInput, options: { readonly rowvar?: boolean } = NONE): NdArray {
  const settings = checkOptions("corrcoef", options, { rowvar: trueOrFalse });
  return within("corrcoef", () => {
    const c = covariance("corrcoef", x, settings);
    if (c.shape.length === 0) return div(c, c);
    const deviation = sqrt(diagonal(c));
    return clip(div(div(c, expandDims(deviation, 1)), expandDims(deviation, 0)), -1, 1);
  });
}

/**
 * Options of {@link average}.
 * @category Statistics
 */
export interface AverageOptions extends ReduceOptions {
  /** Weights: of the shape of `x`, or a list as long as the one axis; default all equal. */
  readonly weights?: ArrayInput;
}

const AVERAGE: Schema<AverageOptions> = /* @__PURE__ */ extended(REDUCE, { weights: anything });

/**
 * The weighted mean $\sum_i w_i x_i / \sum_i w_i$ over the given axes.
 *
 * @param x - any shape
 * @param options - see {@link AverageOptions}
 * @returns float array without the reduced axes; NaN where the weights add up to 0
 * @throws {@link ShapeError} when the weights do not fit
 * @example
 * ```ts
 * import { average, item } from "@provably/core-tensor";
 *
 * item(average([1, 5], { weights: [3, 1] })); // => 2
 * ```
 * @category Statistics
 */
export function average(x: ArrayInput, options: AverageOptions = NONE): NdArray {
  const { weights = 1, ...rest } = checkOptions("average", options, AVERAGE);
  return within("average", () => {
    const [values, factors] = promote("average", x, likeType(x, weights), true, ["x", "weights"]);
    const axes = normalizeAxes("average", rest.axis, values.shape.length);
    const listed = factors.shape.length === 1 && axes.length === 1 && values.shape.length > 1;
    const lined = listed
      ? reshape(
          factors,
          values.shape.map((_, i) => (i === axes[0] ? factors.size : 1)),
        )
      : factors;
    const w = broadcastTo(lined, values.shape);
    return reduceOver("average", values, rest, (a, axis) =>
      div(sum(mul(a, w), { axis }), sum(w, { axis })),
    );
  });
}

/** Lists of weights in the precision of what they weigh. */
function likeType(x: ArrayInput, weights: ArrayInput): ArrayInput {
  return Array.isArray(weights)
    ? asType(weights, floatDType(toArray("average", x).dtype))
    : weights;
}

/**
 * The range: the greatest element minus the smallest, over the given axes.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link ShapeError} when there is no element
 * @example
 * ```ts
 * import { item, ptp } from "@provably/core-tensor";
 *
 * item(ptp([3, 9, 5], { axis: 0 })); // => 6
 * ```
 * @category Statistics
 */
export function ptp(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("ptp", x, options, (a, axis) =>
    within("ptp", () => sub(max(a, { axis }), min(a, { axis }))),
  );
}
