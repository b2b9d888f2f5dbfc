// Inputs of core-tensor as people bring them; the format stands at the head of ../doors.mjs.
import vm from "node:vm";
import {
  add,
  array,
  crossEntropy,
  grad,
  hvp,
  item,
  jacfwd,
  jvp,
  layerNorm,
  less,
  matmul,
  mean,
  mul,
  oneHot,
  reshape,
  softmax,
  square,
  sum,
  toNested,
  vmap,
  cumsum,
  diag,
  dot,
  elu,
  full,
  hypot,
  mod,
  neg,
  norm,
  pow,
  prod,
  sub,
  topK,
  zeros,
  interp,
  maskedSelect,
  quantile,
} from "@provably/core-tensor";
import { compile, cond, scan } from "@provably/core-tensor/compile";
import { decodeNpy, encodeNpy, encodeNpyBigInt } from "@provably/core-tensor/io";
import { tableFromCsv, toMatrix } from "@provably/core-tensor/table";
import { cond as conditionNumber, det, inv, matrixExp, pinv } from "@provably/core-tensor/linalg";
import { adam, sgd } from "@provably/core-tensor/optim";
import {
  binomial,
  choice,
  geometric,
  key,
  multinomial,
  multivariateNormal,
  normal,
} from "@provably/core-tensor/random";

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
  refused("argument", "a covariance that is not symmetric", () => multivariateNormal(key(0), [0, 0], [[1, 0.5], [0, 1]]), "multivariateNormal: covariance must be symmetric"),
  refused("argument", "a correlation above 1", () => multivariateNormal(key(0), [0, 0], [[1, 2], [2, 1]]), "multivariateNormal: covariance must be positive semidefinite"),
  refused("argument", "probabilities that sum to 0.9", () => multinomial(key(0), 5, [0.5, 0.4]), "multinomial: p must sum to 1"),
  refused("argument", "a probability in percent", () => binomial(key(0), 5, 30, [2]), "binomial: p must be in [0, 1]"),
  refused("argument", "a success that never comes", () => geometric(key(0), 0, [2]), "geometric: p must be in"),
  refused("argument", "more draws than positive weights", () => choice(key(0), 3, [2], { weights: [1, 0, 0], replace: false }), "choice: 2 draws without replacement from 1 positive weights"),
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

const near = (got, want) => {
  const [flat, wanted] = [
    [typeof got === "number" ? got : toNested(got)].flat(Infinity),
    [want].flat(),
  ];
  return (
    flat.length === wanted.length &&
    wanted.every((x, i) => Math.abs(flat[i] - x) <= 1e-5 * (1 + Math.abs(x)))
  );
};

/** Right, by numbers worked out by hand. */
const right = (kind, given, give, want) => ({
  kind,
  given,
  give,
  right: (got) => near(got, want),
  outcome: "right",
});

const norm2 = (x) => sum(square(x)); // its gradient is 2x
const product = (x) => scan((c, y) => [mul(c, y), c], array(1.2), x, { reverse: true });
const large = () => reshape(zeros([60_000]), [60_000, 1]);
const elsewhere = (code) => vm.runInNewContext(code);

const loops = [
  right("storage form", "a reverse scan over rows of one number, compiled", () => compile((x) => product(x)[1])(array([0.1, 0.2, 0.3])), [0.072, 0.36, 1.2]),
  right("storage form", "its state, compiled", () => compile((x) => product(x)[0])(array([0.1, 0.2, 0.3])), [0.0072]),
  right("storage form", "the gradient of a compiled scan in its rows", () => compile(grad((x) => scan((c, y) => [mul(c, y), c], array(1.2), x)[0]))(array([0.1, 0.2, 0.3])), [0.072, 0.036, 0.024]),
  right("storage form", "rows of three numbers in float64, last first, compiled", () => compile((x) => scan((c, y) => [add(c, y), add(c, y)], zeros([3], { dtype: "float64" }), x, { reverse: true })[1])(array([[1, 2, 3], [4, 5, 6]], { dtype: "float64" })), [5, 7, 9, 4, 5, 6]),
  right("storage form", "a softmax of rows of five, last row first, compiled", () => compile((x) => scan((c, y) => [c, softmax(mul(y, 0))], array(0), x, { reverse: true })[1])(zeros([2, 5])), Array(10).fill(0.2)),
  right("storage form", "branches of a compiled choice that name their fields in another order", () => compile((x) => cond(less(sum(x), 0), (y) => ({ a: y, b: mul(y, 10) }), (y) => ({ b: mul(y, 10), a: y }), x).a)(array([1, 2])), [1, 2]),
  right("storage form", "branches of a compiled choice that return plain numbers", () => compile((x) => cond(less(sum(x), 0), () => 1, () => 2))(array([1])), [2]),
  refused("argument", "branches of a compiled choice with different texts", () => compile((x) => cond(less(sum(x), 0), () => "a", () => "b"))(array([1])), "same constants"),
]; // prettier-ignore

const forms = [
  right("storage form", "a plain list to a gradient", () => grad(norm2)([1, 2]), [2, 4]),
  right("storage form", "a list of lists to a gradient", () => grad(norm2)([[1, 2], [3, 4]]), [2, 4, 6, 8]),
  right("storage form", "a Float32Array to a gradient", () => grad(norm2)(Float32Array.of(1, 2)), [2, 4]),
  right("storage form", "a Float64Array to a gradient, compiled", () => compile(grad(norm2))(Float64Array.of(1, 2)), [2, 4]),
  right("storage form", "a number in an object to a gradient", () => grad(({ b }) => square(b))({ b: 3 }).b, [6]),
  right("storage form", "a list to a map over members", () => vmap((x) => square(x))([1, 2, 3]), [1, 4, 9]),
  right("storage form", "lists to a derivative along a direction", () => jvp(norm2, [[1, 2]], [[1, 10]])[1], [42]),
  right("storage form", "lists to a Hessian times a vector", () => hvp((x) => sum(mul(x, square(x))), [[1, 2]], [[1, 1]])[0], [6, 12]),
  right("storage form", "a list as the rows of a scan", () => scan((c, x) => [add(c, x), c], 0, [1, 2, 3])[0], [6]),
  right("storage form", "a typed array that changes between calls of a compiled function", () => {
    const [f, x] = [compile((y) => square(y)), Float64Array.of(1, 2)];
    f(x);
    x[0] = 5;
    return f(x);
  }, [25, 4]),
  right("storage form", "tangents with their fields in another order", () => jvp((t) => sum(mul(t.a, t.b)), [{ a: array([1]), b: array([5]) }], [{ b: array([0]), a: array([1]) }])[1], [5]),
  right("storage form", "a typed array of another realm", () => grad(norm2)(elsewhere("Float64Array.of(1, 2)")), [2, 4]),
  right("storage form", "an object of another realm with weights in it", () => grad((t) => norm2(t.w))(elsewhere("({ w: Float32Array.of(1, 2) })")).w, [2, 4]),
  right("file", "the buffer of a .npy file instead of its bytes", () => decodeNpy(new Uint8Array(encodeNpy(array([1, 2]))).buffer), [1, 2]),
  refused("storage form", "rows of different lengths to a gradient", () => grad(norm2)([[1, 2], [3]]), "equal length"),
]; // prettier-ignore

const sizes = [
  refused("scale", "a column of 60,000 plus a row of 60,000", () => add(large(), reshape(large(), [1, 60_000])), "add: the result would have shape [60000, 60000]"),
  refused("scale", "the same, compiled", () => compile((x) => sum(add(x, reshape(x, [1, 60_000]))))(large()), "add: the result would have shape [60000, 60000]"),
  refused("scale", "a one-hot code of 60,000 among 60,000", () => oneHot(zeros([60_000], { dtype: "int32" }), 60_000), "oneHot: the result would have shape"),
  refused("scale", "the Jacobian of 60,000 numbers", () => jacfwd((x) => square(x))(zeros([60_000])), "jacfwd: the result would have shape"),
]; // prettier-ignore

const bools = (...values) => ({ data: Uint8Array.from(values), shape: [values.length], stride: [1], offset: 0, dtype: "bool" }); // prettier-ignore
const bytes = (...values) => array(Uint8Array.from(values));
const wide = (x) => array(x, { dtype: "float64" });
const tinyNorm = () => grad((x) => norm(x))(array([1e-23, 0]));

const numbers = [
  right("code", "a mask of 0 and 255, given as bool, and added to itself", () => add(bools(0, 255), bools(0, 255)), [0, 1]),
  right("code", "a mask of 0 and 2, counted", () => item(sum(bools(2, 0, 2))), 2),
  right("code", "two masks, multiplied as vectors", () => item(dot(bools(2, 3), bools(3, 1))), 1),
  right("code", "a bool array filled with 7", () => full([2], 7, { dtype: "bool" }), [1, 1]),
  refused("code", "the difference of two masks", () => sub(bools(1, 0), bools(1, 1)), "use notEqual, or asType first"),
  refused("code", "minus a mask", () => neg(bools(1, 0)), "use logicalNot, or asType first"),
  right("code", "the product of bytes beyond 255", () => item(prod(bytes(20, 20, 3))), 1200),
  right("code", "running sums of bytes beyond 255", () => cumsum(bytes(200, 100, 5)), [200, 300, 305]),
  right("code", "elu of −128 in int8", () => item(elu(array(Int8Array.of(-128)))), -1),
  right("scale", "1e16 modulo 3", () => item(mod(wide(1e16), 3)), 1),
  right("scale", "5 modulo infinity", () => item(mod(wide(5), Infinity)), 5),
  right("scale", "1 to the power of NaN", () => item(pow(wide(1), NaN)), 1),
  right("scale", "the norm of [3e30, 4e30] in float32, in units of 1e30", () => item(norm(array([3e30, 4e30]))) / 1e30, 5),
  right("scale", "the derivative of the norm at [1e-23, 0] in float32", tinyNorm, [1, 0]),
  right("scale", "hypot of sides of 3e20 and 4e20 in float32, in units of 1e20", () => item(hypot(array(3e20), 4e20)) / 1e20, 5),
  right("scale", "the mean of a million numbers 0.1 in float32", () => item(mean(full([1_000_000], 0.1))), Math.fround(0.1)),
  right("code", "NaN in a matrix, and its determinant", () => Number(Number.isNaN(item(det(wide([[1, NaN], [0, 1]]))))), 1),
  right("code", "NaN in a matrix, and its inverse", () => Number(toNested(inv(wide([[1, NaN], [0, 1]]))).flat().some(Number.isNaN)), 1),
  right("argument", "the derivative of the determinant at a singular matrix", () => reshape(grad((x) => det(x))(wide([[1, 2], [2, 4]])), [4]), [4, -2, -2, 1]),
  right("argument", "the condition of a matrix of zeros, as 1 over it", () => 1 / item(conditionNumber([[0, 0], [0, 0]])), 0),
  refused("scale", "the exponential of a matrix with 1000 on its diagonal", () => matrixExp(wide([[1000, 0], [0, 0]])), "beyond the range of float64"),
  right("code", "the greatest of numbers with NaN among them is NaN, as for max", () => Number(Number.isNaN(toNested(topK([1, NaN, 3], 1).values)[0])), 1),
  right("storage form", "the diagonal matrix of a mask stays a mask", () => Number(diag(bools(1, 0)).dtype === "bool"), 1),
]; // prettier-ignore

const shift = (file, type) =>
  Uint8Array.from(file, (byte, i) => (i === file.indexOf(0x3c) + 1 ? type.charCodeAt(0) : byte));

const tables = [
  refused("file", "a table with decimal commas", () => tableFromCsv("x;y\n1,5;2\n"), 'line 2, column "x": "1,5" looks like a number'),
  refused("file", "a table with signs of thousands", () => tableFromCsv('x\n"1,234"\n'), "set decimal or thousands"),
  refused("file", "a table without names, its first row numbers", () => tableFromCsv("1,2\n3,4\n"), "set header to true, false or a list of names"),
  refused("file", "a table with the index that pandas writes", () => tableFromCsv(",x\n0,5\n"), "skipUnnamed"),
  refused("file", "a line with a field too few", () => tableFromCsv("x,y\n1,2\n3\n"), "line 3 has 1 fields"),
  refused("code", "unknown values as a word among numbers", () => tableFromCsv("age\n31\nunknown\n"), "name the code of missing values"),
  refused("code", "identifiers of 17 digits", () => tableFromCsv("id\n12345678901234567\n"), "more digits than a float64"),
  right("code", "postal codes with zeros before them", () => Number(tableFromCsv("zip\n01234\n").columns[0].labels[0] === "01234"), 1),
  right("code", "missing values as -999", () => tableFromCsv("x\n-999.0\n3\n", { missing: [-999] }).columns[0].missing[0], 1),
  refused("argument", "a matrix of a table with gaps", () => toMatrix(tableFromCsv("x,y\n1,\n2,3\n")), 'row 0, column "y": the value is missing'),
  refused("file", "integers that no element type holds", () => decodeNpy(encodeNpyBigInt({ data: BigInt64Array.of(2n ** 53n + 1n), shape: [1] })), "decodeNpyBigInt reads such files"),
  right("file", "labels saved as int64", () => decodeNpy(encodeNpyBigInt({ data: BigInt64Array.of(7n), shape: [1] })).get(0), 7),
  refused("file", "pickled objects in a .npy", () => decodeNpy(shift(encodeNpy([1]), "O")), "cannot be read"),
  refused("step convention", "the definition of a quantile as `interpolation`", () => quantile([1, 2], 0.5, { interpolation: "lower" }), 'unknown option "interpolation"'),
  refused("argument", "points to interpolate in no order", () => interp(1, [2, 1], [0, 0]), "xp must grow"),
  refused("argument", "a mask in a function that is traced", () => vmap((x) => maskedSelect(x, less(x, 1)))([[0, 2]]), "maskedSelect: mask must be a concrete array"),
]; // prettier-ignore

export default [
  ...numbers,
  ...spellings,
  ...firstGuesses,
  ...classes,
  ...loops,
  ...forms,
  ...sizes,
  ...tables,
];
