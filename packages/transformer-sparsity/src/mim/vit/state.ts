/** Pretraining on disk: a state as the bytes of a safetensors file. */
import { FormatError, type NdArray, isNdArray } from "@provably/core-tensor";
import {
  check,
  mapOf,
  recordWith,
  satisfying,
  tensor,
  typedArray,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
import type { PretrainingState } from "./pretrain.js";

/**
 * A state of pretraining as the bytes of a `safetensors` file.
 *
 * @param state - see {@link PretrainingState}
 * @returns the whole file
 * @example
 * ```ts
 * import { key, uniform } from "@provably/core-tensor/random";
 * import { createMaskedAutoencoder, decodePretrainingState, encodePretrainingState, pretrain } from "@provably/transformer-sparsity/mim";
 *
 * const model = createMaskedAutoencoder(key(0), { imageSize: 8, patchSize: 2, dim: 8, depth: 1, heads: 2, decoderDim: 8, decoderHeads: 2 });
 * const { state } = pretrain(model, uniform(key(1), [8, 8, 8]), key(2), { numEpochs: 1, batchSize: 8 });
 * decodePretrainingState(encodePretrainingState(state)).step; // => 1
 * ```
 * @category Pretraining
 */
export function encodePretrainingState(state: PretrainingState): Uint8Array {
  const { step, params, optimizer } = checkState("encodePretrainingState", state);
  const named = (prefix: string, tree: unknown): Record<string, NdArray> =>
    Object.fromEntries(
      Object.entries(tree as Record<string, NdArray>).map(([name, x]) => [`${prefix}/${name}`, x]),
    );
  return encodeSafetensors(
    {
      ...named("params", params),
      ...named("mean", optimizer.mean),
      ...named("square", optimizer.square),
    },
    { step: String(step) },
  );
}

/**
 * The state in the bytes of a file that {@link encodePretrainingState} made.
 *
 * @param bytes - the whole file
 * @returns see {@link PretrainingState}
 * @throws `FormatError` when the bytes are not such a file; `DomainError` when they are no bytes
 * @example
 * ```ts
 * import { decodePretrainingState } from "@provably/transformer-sparsity/mim";
 *
 * decodePretrainingState(new Uint8Array(3)); // throws FormatError
 * ```
 * @category Pretraining
 */
export function decodePretrainingState(bytes: Uint8Array): PretrainingState {
  const { tensors, metadata } = decodeSafetensors(
    check("decodePretrainingState", "bytes", bytes, typedArray("Uint8Array")),
  );
  const step = Number(metadata["step"]);
  const tree = (prefix: string): Record<string, NdArray> =>
    Object.fromEntries(
      Object.entries(tensors)
        .filter(([name]) => name.startsWith(`${prefix}/`))
        .map(([name, x]) => [name.slice(prefix.length + 1), x]),
    );
  const [params, mean, square] = [tree("params"), tree("mean"), tree("square")];
  const names = Object.keys(params);
  if (
    !Number.isInteger(step) ||
    names.length === 0 ||
    names.some((name) => mean[name] === undefined || square[name] === undefined)
  )
    throw new FormatError("decodePretrainingState: bytes hold no state of pretraining");
  return { step, params, optimizer: { step, mean, square } };
}

const tensors = mapOf(tensor);
const count = satisfying(
  "a number or an array of one",
  (x) => typeof x === "number" || (isNdArray(x) && x.size === 1),
);
const shape = recordWith({
  step: wholeNumber(0),
  params: tensors,
  optimizer: recordWith({ step: count, mean: tensors, square: tensors }),
});

export function checkState(fn: string, state: PretrainingState): PretrainingState {
  return check(fn, "state", state, shape);
}
