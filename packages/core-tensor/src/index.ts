/**
 * N-dimensional arrays as plain values, pure functions on them, and automatic differentiation.
 *
 * @packageDocumentation
 */

// values
export type { DType, TypedArray, TypedArrayOf } from "./array/dtype.js";
export type { NdArray } from "./array/ndarray.js";
export type { Axis, Shape } from "./array/shape.js";
export {
  isNdArray,
  type ArrayInput,
  type GenericStorage,
  type NdArrayLike,
  type Nested,
} from "./trace/input.js";
export { formatArray } from "./array/print.js";

// creation and conversion
export {
  arange,
  array,
  asType,
  eye,
  full,
  item,
  linspace,
  ones,
  toNested,
  toTypedArray,
  zeros,
  type ArrayOptions,
  type CreateOptions,
} from "./ops/create.js";
export { allClose, type CloseOptions } from "./ops/compare.js";

// elementwise functions
export {
  abs,
  add,
  div,
  fmod,
  mod,
  mul,
  neg,
  reciprocal,
  sign,
  square,
  sub,
} from "./ops/arithmetic.js";
export { clip, maximum, minimum } from "./ops/bounds.js";
export { exp, expm1, log, log1p, logAddExp, rsqrt, sqrt } from "./ops/exponential.js";
export { hypot, pow } from "./ops/power.js";
export {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atan2,
  atanh,
  cos,
  cosh,
  sin,
  sinh,
  tan,
  tanh,
} from "./ops/trigonometric.js";
export {
  elu,
  gelu,
  geluTanh,
  leakyRelu,
  logSigmoid,
  mish,
  relu,
  sigmoid,
  silu,
  softplus,
} from "./ops/activation.js";
export {
  digamma,
  erf,
  erfc,
  erfinv,
  lgamma,
  ndtr,
  ndtri,
  tetragamma,
  trigamma,
} from "./ops/special.js";
export { ceil, floor, round, trunc } from "./ops/rounding.js";
export {
  equal,
  greater,
  greaterEqual,
  isFinite,
  isNan,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  logicalOr,
  notEqual,
  where,
} from "./ops/comparison.js";

// reductions
export { all, any, prod, sum, type ReduceOptions } from "./ops/reduce.js";
export { argmax, argmin, max, min, type ArgOptions } from "./ops/extremum.js";
export { mean, std, variance, type VarianceOptions } from "./ops/moments.js";
export { norm, type NormOptions } from "./ops/norm.js";
export { logSoftmax, logSumExp, softmax, type SoftmaxOptions } from "./ops/softmax.js";
export { cumprod, cumsum, logCumsumExp } from "./ops/cumulative.js";

// shape
export { broadcastTo } from "./ops/broadcast.js";
export { expandDims, moveAxis, reshape, squeeze, transpose } from "./ops/reshape.js";

// joining and indexing
export { concat, repeat, roll, split, stack, tile, type AxisOptions } from "./ops/join.js";
export { flip, pad, slice } from "./ops/slice.js";
export { dynamicSlice, dynamicUpdateSlice, type BlockStart } from "./ops/dynamic-slice.js";
export { gatherNd, oneHot, scatterAdd, take, takeAlongAxis } from "./ops/gather.js";
export { diag, diagonal, tril, triu } from "./ops/triangle.js";

// sorting
export {
  argsort,
  median,
  quantile,
  searchSorted,
  sort,
  topK,
  type QuantileOptions,
  type SortOptions,
} from "./ops/sort.js";

// matrix products
export { dot, matmul, matrixTranspose, outer } from "./ops/matmul.js";
export { einsum, tensordot } from "./ops/einsum.js";

// network layers
export { linear, swiglu } from "./ops/linear.js";
export {
  conv1d,
  conv2d,
  convTranspose2d,
  type Conv1dOptions,
  type Conv2dOptions,
  type ConvTranspose2dOptions,
} from "./ops/conv.js";
export { avgPool2d, maxPool2d, upsampleNearest2d, type PoolOptions } from "./ops/pool.js";
export { groupNorm, layerNorm, rmsNorm, type NormalizationOptions } from "./ops/normalization.js";
export { attention, type AttentionOptions } from "./ops/attention.js";
export { rope, timestepEmbedding, type RopeOptions } from "./ops/rope.js";
export { gruCell, lstmCell, type CellWeights } from "./ops/recurrent.js";
export { quantize, quantizedMatvec, type Quantized } from "./ops/quantize.js";

// losses
export {
  binaryCrossEntropyWithLogits,
  crossEntropy,
  huber,
  klDivergence,
  meanSquaredError,
  type LossOptions,
} from "./ops/loss.js";

// differentiation and batching
export { grad, valueAndGrad, vjp, type GradOptions, type Gradient } from "./transform/vjp.js";
export { hvp, jvp } from "./transform/jvp.js";
export { hessian, jacfwd, jacrev } from "./transform/jacobian.js";
export { vmap, type VmapOptions } from "./transform/vmap.js";
export { customVjp } from "./transform/custom-vjp.js";
export { stopGradient } from "./ops/stop-gradient.js";

// trees
export { treeLeaves, treeMap, type Tree } from "./tree/tree.js";

// certificates
export type { Certificate, Verdict } from "./certificate.js";

// errors
export {
  AxisError,
  ConcretizationError,
  CoreTensorError,
  DTypeError,
  DeviceError,
  DomainError,
  FormatError,
  ImmutableError,
  IndexError,
  LinAlgError,
  ShapeError,
  TracerLeakError,
  isCoreTensorError,
} from "./errors.js";
export type { NestedNumbers } from "./array/ndarray.js";
