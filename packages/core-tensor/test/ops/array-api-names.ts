/** The functions of the Python array API standard (v2024.12), and what does their work here: a name, or why there is none. */

/** Where a function is found: `.` unless said. */
type Place = string | { readonly in: "linalg" | "fft"; readonly name: string };
/** Functions that are not here, with the reason. */
export interface Absent {
  readonly why: string;
}

const same = (names: string): Record<string, string> =>
  Object.fromEntries(names.split(" ").map((name) => [name, name]));
const inEntry = (entry: "linalg" | "fft", names: string): Record<string, Place> =>
  Object.fromEntries(names.split(" ").map((name) => [`${entry}.${name}`, { in: entry, name }]));

const VALUES = "element types are names; rules of promotion are applied, not asked for";
const COMPLEX = "complex arrays are pairs of real ones";

export const standard: Readonly<Record<string, Place | Absent>> = {
  // creation
  ...same("arange eye full linspace meshgrid ones tril triu zeros"),
  asarray: "array",
  empty: "zeros",
  empty_like: "zerosLike",
  from_dlpack: { why: "nothing to share memory with" },
  full_like: "fullLike",
  ones_like: "onesLike",
  zeros_like: "zerosLike",
  // element types
  __array_namespace_info__: { why: VALUES },
  astype: "asType",
  can_cast: { why: VALUES },
  finfo: { why: VALUES },
  iinfo: { why: VALUES },
  isdtype: { why: VALUES },
  result_type: { why: VALUES },
  // elementwise
  ...same(
    "abs acos acosh add asin asinh atan atan2 atanh ceil clip copysign cos cosh equal exp expm1 floor greater hypot less log log1p log2 log10 maximum minimum pow reciprocal round sign sin sinh square sqrt tan tanh trunc",
  ),
  bitwise_and: "bitwiseAnd",
  bitwise_invert: "bitwiseNot",
  bitwise_left_shift: "leftShift",
  bitwise_or: "bitwiseOr",
  bitwise_right_shift: "rightShift",
  bitwise_xor: "bitwiseXor",
  conj: { why: COMPLEX },
  divide: "div",
  floor_divide: "floorDivide",
  greater_equal: "greaterEqual",
  imag: { why: COMPLEX },
  isfinite: "isFinite",
  isinf: "isInf",
  isnan: "isNan",
  less_equal: "lessEqual",
  logaddexp: "logAddExp",
  logical_and: "logicalAnd",
  logical_not: "logicalNot",
  logical_or: "logicalOr",
  logical_xor: "logicalXor",
  multiply: "mul",
  negative: "neg",
  nextafter: { why: "not written" },
  not_equal: "notEqual",
  positive: { why: "arrays are immutable: x itself" },
  real: { why: COMPLEX },
  remainder: "mod",
  signbit: { why: "not written; less(copysign(1, x), 0)" },
  subtract: "sub",
  // indexing, products, shapes
  ...same("take matmul tensordot concat flip repeat reshape roll squeeze stack tile unstack"),
  take_along_axis: "takeAlongAxis",
  matrix_transpose: "matrixTranspose",
  vecdot: { why: "not written; sum(mul(a, b), { axis: -1 })" },
  broadcast_arrays: { why: "not written; broadcastTo for each" },
  broadcast_to: "broadcastTo",
  expand_dims: "expandDims",
  moveaxis: "moveAxis",
  permute_dims: "transpose",
  // searching, sets, sorting
  ...same("argmax argmin nonzero where argsort sort"),
  count_nonzero: "countNonzero",
  searchsorted: "searchSorted",
  unique_all: "unique",
  unique_counts: "unique",
  unique_inverse: "unique",
  unique_values: "unique",
  // statistics and utilities
  ...same("max mean min prod std sum all any diff"),
  cumulative_prod: "cumprod",
  cumulative_sum: "cumsum",
  var: "variance",
  // extensions
  ...inEntry("linalg", "cholesky det eigh eigvalsh inv pinv qr slogdet solve svd svdvals"),
  "linalg.cross": "cross",
  "linalg.diagonal": "diagonal",
  "linalg.matmul": "matmul",
  "linalg.matrix_norm": { why: "not written; norm over two axes is the Frobenius norm" },
  "linalg.matrix_power": { in: "linalg", name: "matrixPower" },
  "linalg.matrix_rank": { in: "linalg", name: "matrixRank" },
  "linalg.matrix_transpose": "matrixTranspose",
  "linalg.outer": "outer",
  "linalg.tensordot": "tensordot",
  "linalg.trace": "trace",
  "linalg.vecdot": { why: "not written; sum(mul(a, b), { axis: -1 })" },
  "linalg.vector_norm": "norm",
  ...inEntry("fft", "fft ifft fftn ifftn rfft irfft rfftn irfftn fftfreq rfftfreq fftshift ifftshift"), // prettier-ignore
  "fft.hfft": { why: "not written" },
  "fft.ihfft": { why: "not written" },
};
