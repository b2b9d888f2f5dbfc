/**
 * SIMD kernels on plain typed arrays.
 *
 * Every function copies its operands into a scratch memory, runs a WebAssembly kernel and returns a fresh typed array,
 * or returns `undefined` when SIMD is off, the work is below the measured crossover, or the scratch memory cannot grow:
 * the caller then runs its plain JavaScript loop. Nothing here throws on data and nothing is ever written into an argument.
 */

// which build runs
export { simdLevel, type SimdLevel, type FloatArray } from "./runtime.js";
// matrix products
export { gemm, gemmBatched } from "./gemm.js";
// elementwise functions
export { unary, type UnaryName } from "./unary.js";
// rows and columns
export { softmaxRows, logSoftmaxRows, logSumExpRows } from "./softmax.js";
export {
  reduceAxes,
  reduceSum,
  reduceRows,
  reduceColumns,
  dot,
  DOT_MIN_SIZE,
  type ReduceKind,
} from "./reduce.js";
// convolution
export {
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  CONV_MIN_WORK,
  type Conv2dGeometry,
} from "./conv2d.js";
// orthogonal transformations in place
export { residentOrthogonal, ORTHOGONAL_MIN_SIZE, type Orthogonal } from "./orthogonal.js";
