// Inputs of core-tensor as people bring them; the format stands at the head of ../doors.mjs.
import {
  array,
  crossEntropy,
  item,
  layerNorm,
  matmul,
  mean,
  softmax,
  sum,
  vmap,
  zeros,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { pinv } from "@provably/core-tensor/linalg";
import { adam, sgd } from "@provably/core-tensor/optim";
import { key, normal } from "@provably/core-tensor/random";

/** Refused, and the message says this. */
const refused = (kind, given, give, says) => ({
  kind,
  given,
  give,
  right: () => false,
  outcome: "refused",
  says,
});

const spellings = [
  refused("option", "the axis of a mean as `axes`", () => mean([[1, 2]], { axes: 0 }), 'mean: unknown option "axes"; did you mean "axis"?'),
  refused("option", "the axis of a softmax as `dim`, PyTorch's word", () => softmax([1, 2], { dim: 0 }), 'softmax: unknown option "dim"; did you mean "axis"?'),
  refused("option", "`keepdims` in NumPy's letters", () => sum([1, 2], { keepdims: true }), 'sum: unknown option "keepdims"; did you mean "keepDims"?'),
  refused("option", "the step size of Adam among its options", () => adam({ learningRate: 0.1 }), "adam: learningRate must be a finite number or a schedule"),
  refused("option", "a decay of weights for plain Adam", () => adam(0.1, { weightDecay: 0.1 }), 'adam: unknown option "weightDecay"'),
  refused("option", "`beta` for the momentum of gradient descent", () => sgd(0.1, { beta: 0.9 }), 'sgd: unknown option "beta"'),
  refused("option", "`eps` of a layer norm", () => layerNorm([1, 2], { eps: 1e-6 }), 'layerNorm: unknown option "eps"; did you mean "epsilon"?'),
  refused("option", "`tol` of a pseudoinverse", () => pinv([[1]], { tol: 1e-3 }), 'pinv: unknown option "tol"'),
  refused("option", "`sigma` of normal draws", () => normal(key(0), [2], { sigma: 2 }), 'normal: unknown option "sigma"'),
  refused("option", "`type` of an array", () => array([1], { type: "float64" }), 'array: unknown option "type"; did you mean "dtype"?'),
  refused("option", "`in_axes`, JAX's spelling", () => vmap((x) => x, { in_axes: 0 }), 'vmap: unknown option "in_axes"; did you mean "inAxes"?'),
  refused("option", "`target` of a compiled function", () => compile((x) => x, { target: "js" }), 'compile: unknown option "target"'),
]; // prettier-ignore

const firstGuesses = [
  refused("argument", "extents one by one, `zeros(2, 3)`", () => zeros(2, 3), "zeros: shape must be a list such as [2, 3], got 2"),
  refused("argument", "numbers as text from a file, `[\"1\", \"2\"]`", () => mean(["1", "2"]), "convert with Number()"),
  refused("argument", "a missing value as null", () => mean([1, null]), "mean: x must hold numbers, got null at x[1]"),
  refused("argument", "rows of different lengths", () => sum([[1, 2], [3]]), "sum: x must hold lists of equal length"),
  refused("argument", "a number for a key", () => normal(0, [2]), "normal: key must be made by key(seed), split or foldIn, got 0; make one with key(0)"),
  refused("argument", "a vector of the wrong length beside a matrix", () => matmul(zeros([20, 2]), [1, 2, 3]), "a is [20, 2], b is [3]"),
  refused("argument", "one class for two rows of logits", () => crossEntropy([[0, 0], [0, 0]], [1]), "crossEntropy: logits must be […, C] and classes […], got [2, 2] and [1]"),
  refused("argument", "a class that does not exist", () => crossEntropy([[0, 0]], [2]), "crossEntropy: index 2"),
]; // prettier-ignore

const classes = [
  {
    kind: "code",
    given: "classes in a plain list",
    give: () => crossEntropy([[0, 0, Math.log(2)]], [2]),
    right: (loss) => Math.abs(item(loss) - Math.log(2)) < 1e-6, // 2 of 1 + 1 + 2
    outcome: "right",
  },
];

export default [...spellings, ...firstGuesses, ...classes];
