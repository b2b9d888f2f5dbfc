/** Losses, all stable for inputs of any magnitude. */
import { anyRecord, check, show } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { normalizeAxis } from "../array/shape.js";
import { DomainError } from "../errors.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { softplus } from "./activation.js";
import { abs, mul, neg, square, sub } from "./arithmetic.js";
import { equal, lessEqual, where } from "./comparison.js";
import { log } from "./exponential.js";
import { takeAlongAxis } from "./gather.js";
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

function reduceLoss(fn: string, terms: NdArray, options: LossOptions): NdArray {
  const { reduction = "mean" } = check(fn, "options", options, anyRecord);
  switch (reduction) {
    case "mean":
      return mean(terms);
    case "sum":
      return sum(terms);
    case "none":
      return terms;
    default:
      throw new DomainError(
        `${fn}: reduction must be "mean", "sum" or "none", got ${show(reduction)}`,
      );
  }
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
  options: LossOptions = {},
): NdArray {
  const z = logSoftmax(logits);
  const y = toArray("crossEntropy", classes, "classes");
  const picked = takeAlongAxis(z, expandDims(y, -1), {
    axis: normalizeAxis("crossEntropy", -1, z.shape.length),
  });
  return reduceLoss("crossEntropy", neg(squeeze(picked, -1)), options);
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
  options: LossOptions = {},
): NdArray {
  return reduceLoss(
    "binaryCrossEntropyWithLogits",
    sub(softplus(logits), mul(targets, logits)),
    options,
  );
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
export function meanSquaredError(a: ArrayInput, b: ArrayInput, options: LossOptions = {}): NdArray {
  return reduceLoss("meanSquaredError", square(sub(a, b)), options);
}

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
  const { delta = 1 } = check("huber", "options", options, anyRecord);
  if (!(typeof delta === "number" && delta > 0))
    throw new DomainError(`huber: delta must be positive, got ${show(delta)}`);
  const e = sub(a, b);
  const size = abs(e);
  return reduceLoss(
    "huber",
    where(lessEqual(size, delta), mul(0.5, square(e)), mul(delta, sub(size, delta / 2))),
    options,
  );
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
export function klDivergence(p: ArrayInput, logQ: ArrayInput, options: LossOptions = {}): NdArray {
  const nothing = equal(p, 0);
  const logP = log(where(nothing, 1, p));
  return reduceLoss(
    "klDivergence",
    sum(where(nothing, 0, mul(p, sub(logP, logQ))), { axis: -1 }),
    options,
  );
}
