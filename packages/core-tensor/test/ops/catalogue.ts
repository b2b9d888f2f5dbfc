/** Every differentiable function of the main and the linalg entry, with arguments where it is smooth. */
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import * as l from "@provably/core-tensor/linalg";

export interface Entry {
  readonly name: string;
  readonly f: (...args: NdArray[]) => NdArray | readonly NdArray[];
  readonly args: readonly NdArray[];
  /** Derivatives that there are; default 2. */
  readonly order?: 1 | 2;
}

let state = 12345;
/** Fixed pseudo-random numbers in (low, high), no two nearly equal. */
function numbers(shape: readonly number[], low = -1.5, high = 1.5): NdArray {
  const n = shape.reduce((a, b) => a * b, 1);
  const data = Float64Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return low + (high - low) * (state / 2 ** 32);
  });
  return p.array(data, { shape });
}

const entry = (name: string, f: Entry["f"], ...args: NdArray[]): Entry => ({ name, f, args });
const m = (): NdArray => numbers([2, 3]);
const positive = (): NdArray => numbers([2, 3], 0.3, 2);
const fraction = (): NdArray => numbers([2, 3], -0.8, 0.8);
const away = (): NdArray => numbers([2, 3], 0.2, 1.4);
const ids = p.array([2, 0, 2], { dtype: "int32" });
const square3 = (): NdArray => p.add(numbers([3, 3]), p.mul(3, p.eye(3, 3, { dtype: "float64" })));
const definite = (x: NdArray): NdArray =>
  p.add(p.matmul(x, p.matrixTranspose(x)), p.mul(2, p.eye(3, 3, { dtype: "float64" })));
/** Columns are unique up to sign; squares are not. */
const upToSign = (x: NdArray): NdArray => p.square(x);

const unary = (f: (x: NdArray) => NdArray, x: NdArray, name = f.name): Entry => entry(name, f, x);

export const catalogue: readonly Entry[] = [
  // elementwise
  ...[
    p.neg,
    p.square,
    p.exp,
    p.expm1,
    p.sin,
    p.cos,
    p.tan,
    p.atan,
    p.sinh,
    p.cosh,
    p.tanh,
    p.asinh,
    p.sigmoid,
    p.logSigmoid,
    p.softplus,
  ].map((f) => unary(f, m())),
  ...[p.silu, p.gelu, p.geluTanh, p.mish, p.erf, p.erfc, p.ndtr].map((f) => unary(f, m())),
  ...[
    p.abs,
    p.cbrt,
    p.reciprocal,
    p.sqrt,
    p.rsqrt,
    p.log,
    p.log1p,
    p.lgamma,
    p.digamma,
    p.relu,
  ].map((f) => unary(f, positive())),
  ...[p.asin, p.acos, p.atanh, p.erfinv].map((f) => unary(f, fraction())),
  { ...unary(p.trigamma, positive()), order: 1 },
  unary(p.acosh, numbers([2, 3], 1.3, 3)),
  unary(p.ndtri, numbers([2, 3], 0.1, 0.9)),
  entry("elu", (x) => p.elu(x, 1.3), m()),
  entry("leakyRelu", (x) => p.leakyRelu(x, 0.2), away()),
  entry("clip", (x) => p.clip(x, -0.4, 0.9), m()),
  ...[p.add, p.sub, p.mul, p.maximum, p.minimum, p.logAddExp, p.hypot].map((f) =>
    entry(f.name, f, m(), numbers([3])),
  ),
  ...[p.div, p.atan2, p.pow].map((f) => entry(f.name, f, positive(), numbers([3], 0.5, 2))),
  entry("pow of a negative base", (x) => p.pow(x, 3), m()),
  entry("mod", (a, b) => p.mod(a, b), numbers([2, 3], 0.2, 0.9), numbers([3], 1, 2)),
  entry("fmod", (a, b) => p.fmod(a, b), numbers([2, 3], 0.2, 0.9), numbers([3], 1, 2)),
  entry("where", (a, b) => p.where([[1], [0]], a, b), m(), numbers([3])),
  // reductions
  entry("sum", (x) => p.sum(x, { axis: 0 }), m()),
  entry("mean", (x) => p.mean(x, { axis: -1, keepDims: true }), m()),
  entry("variance", (x) => p.variance(x, { axis: 1, correction: 1 }), m()),
  entry("std", (x) => p.std(x), m()),
  entry("prod", (x) => p.prod(x, { axis: 1 }), numbers([2, 5])),
  entry("max", (x) => p.max(x, { axis: 1 }), m()),
  entry("min", (x) => p.min(x), m()),
  entry("norm", (x) => p.norm(x, { axis: 1 }), m()),
  entry("norm of order 1", (x) => p.norm(x, { ord: 1 }), m()),
  entry("logSumExp", (x) => p.logSumExp(x, { axis: 0 }), m()),
  entry("softmax", (x) => p.softmax(x, { axis: 0 }), m()),
  entry("logSoftmax", (x) => p.logSoftmax(x), m()),
  entry("cumsum", (x) => p.cumsum(x, { axis: 1 }), m()),
  entry("cumprod", (x) => p.cumprod(x, { axis: 1 }), numbers([2, 5])),
  entry("logCumsumExp", (x) => p.logCumsumExp(x, { axis: 1 }), numbers([2, 5])),
  // shape and index
  entry("reshape", (x) => p.reshape(x, [3, 2]), m()),
  entry("transpose", (x) => p.transpose(x), m()),
  entry("broadcastTo", (x) => p.broadcastTo(x, [4, 2, 3]), m()),
  entry("slice", (x) => p.slice(x, [0, 2], [null, null], [1, -2]), m()),
  entry("flip", (x) => p.flip(x, 1), m()),
  entry(
    "pad",
    (x) =>
      p.pad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        0.5,
      ),
    m(),
  ),
  entry("roll", (x) => p.roll(x, 1, 1), m()),
  entry("concat", (a, b) => p.concat([a, b], { axis: 1 }), m(), numbers([2, 2])),
  entry("stack", (a, b) => p.stack([a, b], { axis: 1 }), m(), m()),
  entry("split", (x) => p.split(x, [1, 2], { axis: 1 }), m()),
  entry("tile", (x) => p.tile(x, [2, 2]), m()),
  entry("repeat", (x) => p.repeat(x, 2, { axis: 1 }), m()),
  entry("take", (x) => p.take(x, ids, { axis: 1 }), m()),
  entry(
    "takeAlongAxis",
    (x) =>
      p.takeAlongAxis(
        x,
        [
          [1, 2],
          [0, 0],
        ],
        { axis: 1 },
      ),
    m(),
  ),
  entry(
    "gatherNd",
    (x) =>
      p.gatherNd(x, [
        [0, 1],
        [1, 2],
        [0, 1],
      ]),
    m(),
  ),
  entry("scatterAdd", (x, u) => p.scatterAdd(x, ids, u, { axis: 1 }), m(), m()),
  entry("dynamicSlice", (x) => p.dynamicSlice(x, [1, -2], [1, 2]), m()),
  entry("dynamicUpdateSlice", (x, u) => p.dynamicUpdateSlice(x, u, [-1, 1]), m(), numbers([1, 2])),
  entry("triu", (x) => p.triu(x), m()),
  entry("tril", (x) => p.tril(x, -1), m()),
  entry("diagonal", (x) => p.diagonal(x), m()),
  entry("diag", (x) => p.diag(x), m()),
  entry("sort", (x) => p.sort(x), m()),
  entry("topK", (x) => p.topK(x, 2).values, m()),
  entry("quantile", (x) => p.quantile(x, 0.3, { axis: 1 }), m()),
  // products and layers
  entry("matmul", (a, b) => p.matmul(a, b), numbers([2, 1, 2, 3]), numbers([3, 3, 2])),
  entry("matmul of vectors", (a, b) => p.matmul(a, b), numbers([3]), numbers([3])),
  entry("einsum", (a, b) => p.einsum("bij,bkj->kib", a, b), numbers([2, 2, 3]), numbers([2, 4, 3])),
  entry("tensordot", (a, b) => p.tensordot(a, b, 1), m(), numbers([3, 2])),
  entry(
    "conv2d",
    (x, w, b) => p.conv2d(x, w, { stride: 2, padding: 1, dilation: [1, 2], groups: 2, bias: b }),
    numbers([1, 4, 5, 6]),
    numbers([2, 2, 3, 2]),
    numbers([2]),
  ),
  entry(
    "conv1d",
    (x, w) => p.conv1d(x, w, { padding: [2, 0] }),
    numbers([1, 2, 5]),
    numbers([2, 2, 3]),
  ),
  entry(
    "convTranspose2d",
    (x, w) => p.convTranspose2d(x, w, { stride: 2, padding: 1, outputPadding: 1 }),
    numbers([1, 2, 3, 3]),
    numbers([2, 2, 3, 3]),
  ),
  entry(
    "conv3d",
    (x, w) => p.conv3d(x, w, { padding: [1, 0, 0] }),
    numbers([1, 1, 2, 2, 2]),
    numbers([1, 1, 2, 2, 2]),
  ),
  entry("avgPool3d", (x) => p.avgPool3d(x, 2, { padding: 1 }), numbers([1, 1, 2, 2, 2])),
  entry("maxPool3d", (x) => p.maxPool3d(x, 2, { padding: 1 }), numbers([1, 1, 2, 2, 2])),
  entry("batchNorm", (x, g) => p.batchNorm(x, { scale: g }).y, numbers([4, 2]), numbers([2])),
  entry("avgPool2d", (x) => p.avgPool2d(x, 2), numbers([1, 1, 4, 4])),
  entry("maxPool2d", (x) => p.maxPool2d(x, 2, { stride: 1 }), numbers([1, 1, 3, 3])),
  entry("upsampleNearest2d", (x) => p.upsampleNearest2d(x, 2), numbers([1, 1, 2, 2])),
  entry("linear", (x, w, b) => p.linear(x, w, b), m(), numbers([3, 2]), numbers([2])),
  entry(
    "swiglu",
    (x, g, u, d) => p.swiglu(x, g, u, d),
    numbers([2, 2]),
    numbers([2, 3]),
    numbers([2, 3]),
    numbers([3, 2]),
  ),
  entry(
    "layerNorm",
    (x, g, b) => p.layerNorm(x, { scale: g, shift: b }),
    m(),
    numbers([3]),
    numbers([3]),
  ),
  entry("rmsNorm", (x, g) => p.rmsNorm(x, { scale: g }), m(), numbers([3])),
  entry("groupNorm", (x) => p.groupNorm(x, 2), numbers([1, 4, 2])),
  entry(
    "attention",
    (q, k, v) => p.attention(q, k, v, { causal: true }),
    numbers([2, 3, 4]),
    numbers([1, 3, 4]),
    numbers([1, 3, 2]),
  ),
  entry(
    "attention in blocks",
    (q, k, v) => p.attention(q, k, v, { blockSize: 2 }),
    numbers([2, 3, 4]),
    numbers([1, 3, 4]),
    numbers([1, 3, 2]),
  ),
  entry("rope", (x) => p.rope(x, { interleaved: true, positionOffset: 2 }), numbers([2, 4])),
  entry("timestepEmbedding", (t) => p.timestepEmbedding(t, 4, 10), numbers([3])),
  entry(
    "lstmCell",
    (x, h, c, wi, wh) =>
      Object.values(p.lstmCell(x, { hidden: h, cell: c }, { input: wi, hidden: wh })),
    numbers([1, 2]),
    numbers([1, 2]),
    numbers([1, 2]),
    numbers([8, 2]),
    numbers([8, 2]),
  ),
  entry(
    "gruCell",
    (x, h, wi, wh) => p.gruCell(x, h, { input: wi, hidden: wh }),
    numbers([1, 2]),
    numbers([1, 2]),
    numbers([6, 2]),
    numbers([6, 2]),
  ),
  entry("crossEntropy", (z) => p.crossEntropy(z, p.array([1, 2], { dtype: "int32" })), m()),
  entry(
    "binaryCrossEntropyWithLogits",
    (z, y) => p.binaryCrossEntropyWithLogits(z, y),
    m(),
    numbers([2, 3], 0, 1),
  ),
  entry("meanSquaredError", (a, b) => p.meanSquaredError(a, b), m(), m()),
  entry("huber", (a, b) => p.huber(a, b, { delta: 0.7 }), m(), m()),
  entry("klDivergence", (a, b) => p.klDivergence(p.softmax(a), p.logSoftmax(b)), m(), m()),
  // linear algebra
  entry("solve", (a, b) => l.solve(a, b), square3(), numbers([3, 2])),
  entry("inv", (a) => l.inv(a), square3()),
  entry("det", (a) => l.det(a), square3()),
  entry("slogdet", (a) => l.slogdet(a).logAbsDet, square3()),
  entry(
    "triangularSolve",
    (a, b) => l.triangularSolve(a, b, { lower: false }),
    square3(),
    numbers([3]),
  ),
  entry("cholesky", (x) => l.cholesky(definite(x)), numbers([3, 3])),
  entry("qr", (a) => Object.values(l.qr(a)), numbers([4, 3])),
  entry("qr of a wide matrix", (a) => Object.values(l.qr(a)), numbers([2, 5])),
  entry("qr of a stack of wide matrices", (a) => Object.values(l.qr(a)), numbers([2, 2, 3])),
  entry(
    "eigh",
    (x) => {
      const { eigenvalues, eigenvectors } = l.eigh(p.add(x, p.matrixTranspose(x)));
      return [eigenvalues, upToSign(eigenvectors)];
    },
    numbers([3, 3]),
  ),
  entry(
    "svd",
    (a) => {
      const { u, singularValues, v } = l.svd(a);
      return [upToSign(u), singularValues, upToSign(v)];
    },
    numbers([4, 3]),
  ),
  entry("svd of a wide matrix", (a) => upToSign(l.svd(a).v), numbers([2, 4])),
  entry("pinv", (a) => l.pinv(a), numbers([4, 2])),
  entry("lstsq", (a, b) => l.lstsq(a, b), numbers([4, 2]), numbers([4])),
  entry("cond", (a) => l.cond(a), square3()),
  entry("matrixExp", (a) => l.matrixExp(a), numbers([3, 3])),
  entry("matrixExp of a stack", (a) => l.matrixExp(a), numbers([2, 2, 2])),
];
