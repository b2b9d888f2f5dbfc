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
export {
  fullLike,
  geomspace,
  logspace,
  meshgrid,
  onesLike,
  zerosLike,
  type MeshgridOptions,
  type SpaceOptions,
} from "./ops/arrange.js";

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
export { cbrt } from "./ops/cube-root.js";
export { hypot, pow } from "./ops/power.js";
export { exp2, log10, log2 } from "./ops/logarithms.js";
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
  copysign,
  floorDivide,
  heaviside,
  isClose,
  isInf,
  isNegInf,
  isPosInf,
  logicalXor,
  nanToNum,
  type IsCloseOptions,
  type NanToNumOptions,
} from "./ops/floating.js";
export {
  bitwiseAnd,
  bitwiseNot,
  bitwiseOr,
  bitwiseXor,
  leftShift,
  rightShift,
} from "./ops/bitwise.js";
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
export { cumMax, cumMin } from "./ops/running.js";
export {
  nanArgmax,
  nanArgmin,
  nanCumsum,
  nanMax,
  nanMean,
  nanMin,
  nanProd,
  nanStd,
  nanSum,
  nanVariance,
} from "./ops/nan.js";

// shape
export { broadcastTo } from "./ops/broadcast.js";
export { expandDims, moveAxis, reshape, squeeze, transpose } from "./ops/reshape.js";
export {
  columnStack,
  dstack,
  hstack,
  ravel,
  rot90,
  swapAxes,
  unstack,
  vstack,
} from "./ops/arrange.js";

// joining and indexing
export { concat, repeat, roll, split, stack, tile, type AxisOptions } from "./ops/join.js";
export { flip, pad, slice } from "./ops/slice.js";
export { dynamicSlice, dynamicUpdateSlice, type BlockStart } from "./ops/dynamic-slice.js";
export { oneHot, scatterAdd, take, takeAlongAxis } from "./ops/gather.js";
export { gatherNd } from "./ops/gather-nd.js";
export { diag, diagonal, tril, triu } from "./ops/triangle.js";
export {
  argwhere,
  compress,
  countNonzero,
  flatNonzero,
  maskedSelect,
  nonzero,
} from "./ops/masks.js";

// sorting
export { argsort, searchSorted, sort, topK, type SortOptions } from "./ops/sort.js";
export { argPartition, lexsort, partition } from "./ops/partition.js";
export {
  median,
  nanMedian,
  nanQuantile,
  quantile,
  type QuantileMethod,
  type QuantileOptions,
} from "./ops/quantile.js";

// statistics and sets
export {
  average,
  corrcoef,
  cov,
  ptp,
  type AverageOptions,
  type CovOptions,
} from "./ops/statistics.js";
export {
  bincount,
  digitize,
  histogram,
  histogram2d,
  type BincountOptions,
  type Histogram2dOptions,
  type HistogramOptions,
} from "./ops/histogram.js";
export {
  intersect1d,
  isIn,
  setDiff1d,
  setXor1d,
  union1d,
  unique,
  type Unique,
} from "./ops/sets.js";

// sampled functions
export {
  cumulativeTrapezoid,
  diff,
  finiteDifferences,
  interp,
  trapezoid,
  type DiffOptions,
  type FiniteDifferenceOptions,
  type InterpOptions,
  type TrapezoidOptions,
} from "./ops/calculus.js";
export { convolve, correlate, type ConvolveMode, type ConvolveOptions } from "./ops/convolve.js";
export { polyval } from "./ops/poly.js";

// matrix products
export { dot, matmul, matrixTranspose, outer } from "./ops/matmul.js";
export { einsum, tensordot } from "./ops/einsum.js";
export { cross, inner, kron, trace, vdot, type TraceOptions } from "./ops/products.js";

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
export { conv3d, type Conv3dOptions } from "./ops/conv3d.js";
export {
  avgPool2d,
  avgPool3d,
  maxPool2d,
  maxPool3d,
  upsampleNearest2d,
  type AvgPoolOptions,
  type PoolOptions,
} from "./ops/pool.js";
export { resize, type ResizeOptions } from "./ops/resize.js";
export { groupNorm, layerNorm, rmsNorm, type NormalizationOptions } from "./ops/normalization.js";
export { batchNorm, type BatchNormOptions, type ChannelStatistics } from "./ops/batch-norm.js";
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

// loops of eager code
export { eagerLoops, type EagerLoops } from "./eager/install.js";

// differentiation and batching
export { grad, valueAndGrad, vjp, type GradOptions, type Gradient } from "./transform/vjp.js";
export { hvp, jvp } from "./transform/jvp.js";
export { linearize } from "./transform/linearize.js";
export { hessian, jacfwd, jacrev } from "./transform/jacobian.js";
export { vmap, type VmapOptions } from "./transform/vmap.js";
export { customJvp } from "./transform/custom-jvp.js";
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
