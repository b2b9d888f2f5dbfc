/** Attention tensors of this house and of others. */
import {
  DTypeError,
  type NdArray,
  ShapeError,
  isNdArray,
  toTypedArray,
} from "@provably/core-tensor";
import { check, listOf, recordWith, show, wholeNumber } from "@provably/core-tensor/internal";

/**
 * Attention maps `[…, queries, keys]` whose rows are distributions: an array of this house, or anything with `data` and `dims`, such as the tensors that
 * transformers.js and ONNX Runtime return. Usual axes in front are `[batch, heads]`.
 * @category Attention maps
 */
export type AttentionInput = NdArray | { readonly data: unknown; readonly dims: readonly number[] };

const foreign = recordWith({ dims: listOf(wholeNumber(0)) });

/** The elements and the shape of an attention tensor, ours or a foreign one. */
export function readTensor(
  fn: string,
  input: AttentionInput,
): { data: Float32Array | Float64Array; shape: readonly number[]; tolerance: number } {
  if (isNdArray(input)) {
    const data = toTypedArray(input);
    const floats =
      data instanceof Float64Array || data instanceof Float32Array ? data : Float32Array.from(data);
    return { data: floats, shape: input.shape, tolerance: input.dtype === "float64" ? 1e-8 : 1e-4 };
  }
  const { data, dims } = check(fn, "attention", input, foreign);
  if (!(data instanceof Float32Array) && !(data instanceof Float64Array))
    throw new DTypeError(
      `${fn}: attention must hold a Float32Array or a Float64Array, got ${show(data)}`,
    );
  if (dims.reduce((a, b) => a * b, 1) !== data.length)
    throw new ShapeError(
      `${fn}: attention has dims [${dims.join(", ")}] but ${data.length} numbers`,
    );
  return { data, shape: dims, tolerance: data instanceof Float64Array ? 1e-8 : 1e-4 };
}
