/** Getting attention maps in: tensors of other libraries, files, or raw queries and keys. */
import {
  type NdArray,
  ShapeError,
  array,
  matmul,
  matrixTranspose,
  mul,
  softmax,
} from "@provably/core-tensor";
import { check, checkOptions, finiteNumber, tensor } from "@provably/core-tensor/internal";
import { decodeNpy } from "@provably/core-tensor/io";

import { type AttentionInput, readTensor } from "./tensor.js";

/**
 * An array of an attention tensor of another library, float32 or float64 as it came.
 *
 * @param input - numbers with extents: `{ data, dims }` as transformers.js and ONNX Runtime return them, or the bytes of a `.npy` file
 * @returns array of the tensor's shape
 * @throws `DTypeError`, `ShapeError` or `FormatError` when the tensor cannot be read
 * @example
 * ```ts
 * import { attentionFromTensor } from "@provably/transformer-sparsity/mim";
 *
 * attentionFromTensor({ data: Float32Array.of(0.25, 0.75, 1, 0), dims: [1, 1, 2, 2] }).shape; // => [1, 1, 2, 2]
 * ```
 * @category Attention maps
 */
export function attentionFromTensor(input: AttentionInput | Uint8Array): NdArray {
  const { data, shape } = readTensor(
    "attentionFromTensor",
    input instanceof Uint8Array ? decodeNpy(input) : input,
  );
  return array(data, { shape: [...shape] });
}

/**
 * Options of {@link attentionFromQK}.
 * @category Attention maps
 */
export interface ScaleOptions {
  readonly scale?: number;
}
const SCALE = { scale: finiteNumber };

/**
 * The attention of raw queries and keys, $\operatorname{softmax}(s\, Q K^\top)$: for models whose fused kernels return no attention.
 *
 * @param queries - shape `[…, Q, d]`
 * @param keys - shape `[…, K, d]`
 * @param options - `scale` $s$, default $1/\sqrt d$
 * @returns array of shape `[…, Q, K]`
 * @throws `ShapeError` when the last extents differ; `DomainError` for a scale that is not finite
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { attentionFromQK } from "@provably/transformer-sparsity/mim";
 *
 * attentionFromQK(array([[0, 0]]), array([[1, 2], [3, 4]])); // => [[0.5, 0.5]]
 * ```
 * @category Attention maps
 */
export function attentionFromQK(
  queries: NdArray,
  keys: NdArray,
  options: ScaleOptions = {},
): NdArray {
  check("attentionFromQK", "queries", queries, tensor);
  check("attentionFromQK", "keys", keys, tensor);
  const width = queries.shape[queries.shape.length - 1];
  if (
    width === undefined ||
    queries.shape.length < 2 ||
    keys.shape.length < 2 ||
    width !== keys.shape[keys.shape.length - 1]
  )
    throw new ShapeError(
      `attentionFromQK: queries must be [..., Q, d] and keys [..., K, d], got [${queries.shape.join(", ")}] and [${keys.shape.join(", ")}]`,
    );
  const { scale = 1 / Math.sqrt(width) } = checkOptions<ScaleOptions>(
    "attentionFromQK",
    options,
    SCALE,
  );
  return softmax(mul(scale, matmul(queries, matrixTranspose(keys))), { axis: -1 });
}
