/** Probes: how much a frozen representation knows about labels. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  argmax,
  array,
  asType,
  concat,
  div,
  item,
  matmul,
  matrixTranspose,
  mean,
  mul,
  norm,
  oneHot,
  ones,
  softmax,
  std,
  sub,
  toTypedArray,
  topK,
  zeros,
} from "@provably/core-tensor";
import {
  check,
  checkOptions,
  nonNegativeNumber,
  numberList,
  positiveNumber,
  recordWith,
  tensor,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { eigvalsh, solve } from "@provably/core-tensor/linalg";

/**
 * Features of images with their labels, integers from 0.
 * @category Evaluation
 */
export interface LabelledFeatures {
  /** Shape `[N, d]`. */
  readonly features: NdArray;
  readonly labels: ArrayLike<number>;
}

/**
 * What a probe found.
 * @category Evaluation
 */
export interface ProbeResult {
  /** Share of the test set that is classified correctly. */
  readonly accuracy: number;
  /** Predicted label of each member of the test set. */
  readonly predictions: Int32Array;
}

const labelled = recordWith({ features: tensor, labels: numberList });

function checkProbe(fn: string, train: LabelledFeatures, test: LabelledFeatures): number {
  for (const [name, set] of Object.entries({ train, test })) {
    const { features, labels } = check(fn, name, set, labelled);
    if (features.shape.length !== 2 || features.size === 0 || features.shape[0] !== labels.length)
      throw new ShapeError(
        `${fn}: ${name}.features must be [N, d] with N labels, got [${features.shape.join(", ")}] and ${labels.length} labels`,
      );
    for (let i = 0; i < labels.length; i++)
      if (!Number.isInteger(labels[i]) || labels[i]! < 0)
        throw new DomainError(
          `${fn}: ${name}.labels must be integers ≥ 0, got ${labels[i]!} at ${i}`,
        );
  }
  if (train.features.shape[1] !== test.features.shape[1])
    throw new ShapeError(
      `${fn}: train and test must have equally many features, got ${train.features.shape[1]!} and ${test.features.shape[1]!}`,
    );
  return Array.from(train.labels).reduce((top, label) => Math.max(top, label), 0) + 1;
}

/** Both sets standardised by the training set, float64, with a column of ones. */
function standardized(train: NdArray, test: NdArray): [NdArray, NdArray] {
  const x = asType(train, "float64");
  const [centre, spread] = [mean(x, { axis: 0 }), add(std(x, { axis: 0 }), 1e-6)];
  const scale = (y: NdArray): NdArray =>
    concat([div(sub(y, centre), spread), ones([y.shape[0]!, 1], { dtype: "float64" })], {
      axis: 1,
    });
  return [scale(x), scale(asType(test, "float64"))];
}

function indicator(labels: ArrayLike<number>, classes: number): NdArray {
  return asType(oneHot(array(Int32Array.from(labels)), classes), "float64");
}

function result(scores: NdArray, labels: ArrayLike<number>): ProbeResult {
  const predictions = Int32Array.from(toTypedArray(argmax(scores, { axis: 1 })));
  const right = predictions.reduce((count, p, i) => count + Number(p === labels[i]), 0);
  return { accuracy: right / labels.length, predictions };
}

/**
 * Options of {@link ridgeProbe}.
 * @category Evaluation
 */
export interface RidgeOptions {
  readonly penalty?: number;
}
const RIDGE = { penalty: positiveNumber };

/**
 * Linear classification by ridge regression on the labels' indicators: $(F^\top F + \lambda I)\,W = F^\top Y$, bias without penalty, largest score wins.
 *
 * Features are standardised by the training set. The solution is unique, which makes this the probe to compare runs by.
 *
 * @param train - see {@link LabelledFeatures}
 * @param test - see {@link LabelledFeatures}
 * @param options - `penalty`: $\lambda > 0$, default 1
 * @returns see {@link ProbeResult}
 * @throws `ShapeError` or `DomainError` when features and labels do not fit
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { ridgeProbe } from "@provably/transformer-sparsity/mim";
 *
 * const train = { features: array([[0], [1], [4], [5]]), labels: [0, 0, 1, 1] };
 * ridgeProbe(train, { features: array([[0.5], [4.5]]), labels: [0, 1] }).accuracy; // => 1
 * ```
 * @category Evaluation
 */
export function ridgeProbe(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: RidgeOptions = {},
): ProbeResult {
  const { penalty = 1 } = checkOptions<RidgeOptions>("ridgeProbe", options, RIDGE);
  const classes = checkProbe("ridgeProbe", train, test);
  const [f, g] = standardized(train.features, test.features);
  const width = f.shape[1]!;
  const ridge = array(
    Float64Array.from({ length: width * width }, (_, i) =>
      i % (width + 1) === 0 && i < width * width - 1 ? penalty : 0,
    ),
    {
      shape: [width, width],
    },
  );
  const weights = solve(add(matmul(f.T, f), ridge), matmul(f.T, indicator(train.labels, classes)));
  return result(matmul(g, weights), test.labels);
}

/**
 * Options of {@link logisticProbe}.
 * @category Evaluation
 */
export interface LogisticOptions {
  readonly penalty?: number;
  readonly maxIterations?: number;
  readonly tolerance?: number;
}
const LOGISTIC = {
  penalty: positiveNumber,
  maxIterations: wholeNumber(),
  tolerance: nonNegativeNumber,
};

/**
 * Multinomial logistic regression with a quadratic penalty, by accelerated gradient descent until the gradient is small.
 *
 * @param train - see {@link LabelledFeatures}
 * @param test - see {@link LabelledFeatures}
 * @param options - `penalty`: of the weights but not the bias, per sample, default 1e-4; `maxIterations`: default 500; `tolerance`: of the gradient's norm, default 1e-5
 * @returns see {@link ProbeResult}, and whether the tolerance was reached
 * @throws `ShapeError` or `DomainError` when features and labels do not fit
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { logisticProbe } from "@provably/transformer-sparsity/mim";
 *
 * const train = { features: array([[0], [1], [4], [5]]), labels: [0, 0, 1, 1] };
 * logisticProbe(train, { features: array([[0.5], [4.5]]), labels: [0, 1] }, { penalty: 0.1 }).accuracy; // => 1
 * ```
 * @see Nesterov (2018), "Lectures on convex optimization", section 2.2
 * @category Evaluation
 */
export function logisticProbe(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: LogisticOptions = {},
): ProbeResult & { readonly converged: boolean; readonly iterations: number } {
  const {
    penalty = 1e-4,
    maxIterations = 500,
    tolerance = 1e-5,
  } = checkOptions<LogisticOptions>("logisticProbe", options, LOGISTIC);
  const classes = checkProbe("logisticProbe", train, test);
  const [f, g] = standardized(train.features, test.features);
  const [n, width] = f.shape as readonly [number, number];
  const wanted = indicator(train.labels, classes);
  const decay = array(
    Float64Array.from({ length: width }, (_, i) => (i === width - 1 ? 0 : penalty)),
    { shape: [width, 1] },
  );
  // the softmax's curvature is at most 1/2, which bounds that of the loss
  const curvature = 0.5 * Math.max(...toTypedArray(eigvalsh(mul(1 / n, matmul(f.T, f))))) + penalty;
  let weights: NdArray = array(new Float64Array(width * classes), { shape: [width, classes] });
  let ahead = weights;
  let momentum = 1;
  let iterations = 0;
  let converged = false;
  while (!converged && iterations < maxIterations) {
    const slope = add(
      mul(1 / n, matmul(f.T, sub(softmax(matmul(f, ahead), { axis: 1 }), wanted))),
      mul(decay, ahead),
    );
    const next = sub(ahead, mul(1 / curvature, slope));
    const grown = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    ahead = add(next, mul((momentum - 1) / grown, sub(next, weights)));
    [weights, momentum] = [next, grown];
    iterations++;
    converged = item(norm(slope)) <= tolerance;
  }
  return { ...result(matmul(g, weights), test.labels), converged, iterations };
}

/**
 * Options of {@link knnProbe}.
 * @category Evaluation
 */
export interface KnnOptions {
  readonly neighbours?: number;
}
const KNN = { neighbours: wholeNumber() };

/**
 * Classification by the labels of the nearest training images in cosine similarity; ties go to the smaller label.
 *
 * @param train - see {@link LabelledFeatures}
 * @param test - see {@link LabelledFeatures}
 * @param options - `neighbours`: default 20
 * @returns see {@link ProbeResult}
 * @throws `ShapeError` or `DomainError` when features and labels do not fit
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { knnProbe } from "@provably/transformer-sparsity/mim";
 *
 * const train = { features: array([[1, 0], [0, 1]]), labels: [0, 1] };
 * knnProbe(train, { features: array([[2, 1]]), labels: [0] }, { neighbours: 1 }).accuracy; // => 1
 * ```
 * @see Wu et al. (2018), "Unsupervised feature learning via non-parametric instance discrimination"
 * @category Evaluation
 */
export function knnProbe(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: KnnOptions = {},
): ProbeResult {
  const { neighbours = 20 } = checkOptions<KnnOptions>("knnProbe", options, KNN);
  const classes = checkProbe("knnProbe", train, test);
  const count = Math.min(neighbours, train.labels.length);
  const unit = (x: NdArray): NdArray => div(x, add(norm(x, { axis: 1, keepDims: true }), 1e-12));
  const similarity = matmul(unit(test.features), matrixTranspose(unit(train.features)));
  const { indices } = topK(similarity, count);
  const votes = toTypedArray(zeros([test.labels.length, classes], { dtype: "float64" }));
  toTypedArray(indices).forEach(
    (i, at) => votes[Math.floor(at / count) * classes + train.labels[i]!]!++,
  );
  return result(array(votes, { shape: [test.labels.length, classes] }), test.labels);
}
