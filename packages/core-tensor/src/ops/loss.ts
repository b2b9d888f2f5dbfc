/** Losses, all stable for inputs of any magnitude. */
import {
  NONE,
  type Schema,
  checkOptions,
  oneOf,
  satisfying,
  within,
  extended,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import { promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { softplus } from "./activation.js";
import { abs, mul, neg, square, sub } from "./arithmetic.js";
import { equal, lessEqual, where } from "./comparison.js";
import { log } from "./exponential.js";
import { takeAlongAxis, toIndices } from "./gather.js";
import { sum } from "./reduce.js";
import { mean } from "./moments.js";
import { expandDims, squeeze } from "./reshape.js";
import { logSoftmax } from "./softmax.js";

/**
 * Options of losses.
 * @category Losses
 */
export interface LossOptions {
  /** How the terms are joined: `mean` (the default), `sum`, or `none` for one each. */
  readonly reduction?: "mean" | "sum" | "none";
}

const LOSS: Schema<LossOptions> = { reduction: /* @__PURE__ */ oneOf("mean", "sum", "none") };

function joined(terms: NdArray, { reduction = "mean" }: LossOptions): NdArray {
  return reduction === "none" ? terms : reduction === "sum" ? sum(terms) : mean(terms);
}

/**
 * The cross-entropy $-\ln \operatorname{softmax}(z)_y$ of class numbers under logits.
 *
 * @param logits - $z$, shape `[…, C]`
 * @param classes - $y$, integers in $[0, C)$, shape `[…]`
 * @param options - see {@link LossOptions}
 * @returns a single number (NaN when the mean is over nothing), or an array of the shape of `classes`
 * @throws {@link IndexError} when a class is out of range
 * @example
 * ```ts
 * import { array, crossEntropy, item } from "@provably/core-tensor";
 *
 * item(crossEntropy([[0, 0]], array([1], { dtype: "int32" }))); // => 0.6931471824645996
 * ```
 * @category Losses
 */
export function crossEntropy(
  logits: ArrayInput,
  classes: ArrayInput,
  options: LossOptions = NONE,
): NdArray {
  checkOptions("crossEntropy", options, LOSS);
  const z = toArray("crossEntropy", logits, "logits");
  const y = toIndices("crossEntropy", classes, "classes");
  const rows = z.shape.slice(0, -1);
  if (z.shape.length === 0 || !sameShape(y.shape, rows))
    throw new ShapeError(
      `crossEntropy: logits must be […, C] and classes […], got ${formatShape(z.shape)} and ${formatShape(y.shape)}`,
    );
  return within("crossEntropy", () => {
    const picked = takeAlongAxis(logSoftmax(z), expandDims(y, -1), { axis: rows.length });
    return joined(neg(squeeze(picked, -1)), options);
  });
}

/**
 * The cross-entropy $\ln(1 + e^{z}) - yz$ of probabilities $y$ under one logit each.
 *
 * @param logits - $z$, any shape
 * @param targets - $y \in [0, 1]$, the same shape
 * @param options - see {@link LossOptions}
 * @returns a single number (NaN when the mean is over nothing), or an array of the shape of `logits`
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { binaryCrossEntropyWithLogits, item } from "@provably/core-tensor";
 *
 * item(binaryCrossEntropyWithLogits([0], [1])); // => 0.6931471824645996
 * ```
 * @category Losses
 */
export function binaryCrossEntropyWithLogits(
  logits: ArrayInput,
  targets: ArrayInput,
  options: LossOptions = NONE,
): NdArray {
  const fn = "binaryCrossEntropyWithLogits";
  checkOptions(fn, options, LOSS);
  const [z, y] = promote(fn, logits, targets, true, ["logits", "targets"]);
  return within(fn, () => joined(sub(softplus(z), mul(y, z)), options));
}

/**
 * The mean squared error $\overline{(a - b)^2}$.
 *
 * @param a - any shape
 * @param b - the same shape
 * @param options - see {@link LossOptions}
 * @returns a single number (NaN when the mean is over nothing), or an array of the common shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { item, meanSquaredError } from "@provably/core-tensor";
 *
 * item(meanSquaredError([1, 2], [1, 4])); // => 2
 * ```
 * @category Losses
 */
export function meanSquaredError(
  a: ArrayInput,
  b: ArrayInput,
  options: LossOptions = NONE,
): NdArray {
  checkOptions("meanSquaredError", options, LOSS);
  const [x, y] = promote("meanSquaredError", a, b);
  return within("meanSquaredError", () => joined(square(sub(x, y)), options));
}

interface HuberOptions extends LossOptions {
  readonly delta?: number;
}

const HUBER: Schema<HuberOptions> = /* @__PURE__ */ extended(LOSS, {
  delta: /* @__PURE__ */ satisfying("positive", (x) => typeof x === "number" && x > 0),
});

/**
 * Huber's loss: $\tfrac12 e^2$ for errors up to $\delta$, $\delta(|e| - \tfrac12\delta)$ beyond.
 *
 * @param a - any shape
 * @param b - the same shape
 * @param options - see {@link LossOptions}; `delta`: where the loss turns linear, default 1
 * @returns a single number (NaN when the mean is over nothing), or an array of the common shape
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { huber, item } from "@provably/core-tensor";
 *
 * item(huber([0, 0], [1, 3])); // => 1.5
 * ```
 * @see Huber (1964), "Robust estimation of a location parameter"
 * @category Losses
 */
export function huber(
  a: ArrayInput,
  b: ArrayInput,
  options: LossOptions & { readonly delta?: number } = {},
): NdArray {
  const { delta = 1 } = checkOptions("huber", options, HUBER);
  const [x, y] = promote("huber", a, b);
  return within("huber", () => {
    const e = sub(x, y);
    const size = abs(e);
    return joined(
      where(lessEqual(size, delta), mul(0.5, square(e)), mul(delta, sub(size, delta / 2))),
      options,
    );
  });
}

/**
 * The Kullback-Leibler divergence $\sum_i p_i (\ln p_i - \ln q_i)$ over the last axis; terms with $p_i = 0$ count as 0. NaN for a negative $p_i$.
 *
 * @param p - probabilities, shape `[…, n]`
 * @param logQ - log-probabilities $\ln q$, the same shape
 * @param options - see {@link LossOptions}; joins the divergences of the rows
 * @returns a single number (NaN when the mean is over nothing), or an array of shape `[…]`
 * @throws {@link ShapeError} when the shapes do not broadcast
 * @example
 * ```ts
 * import { item, klDivergence, log } from "@provably/core-tensor";
 *
 * item(klDivergence([1, 0], log([0.5, 0.5]))); // => 0.6931471824645996
 * ```
 * @category Losses
 */
export function klDivergence(
  p: ArrayInput,
  logQ: ArrayInput,
  options: LossOptions = NONE,
): NdArray {
  checkOptions("klDivergence", options, LOSS);
  const [x, y] = promote("klDivergence", p, logQ, true, ["p", "logQ"]);
  return within("klDivergence", () => {
    const nothing = equal(x, 0);
    const logP = log(where(nothing, 1, x));
    const terms = where(nothing, 0, mul(x, sub(logP, y)));
    return joined(sum(terms, { axis: -1 }), options);
  });
}
