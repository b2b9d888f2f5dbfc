/** What differs between vectors and sentences: how an observation is encoded, how badly it is reconstructed, and how latents move it. */
import { type NdArray, add, array, concat, crossEntropy, div, jvp, mul, reshape, slice, square, sub, sum, toTypedArray } from "@provably/core-tensor";
import { mlp } from "../network/mlp.js";
import { SPECIAL, type TextNetworkParams, decodeStates, encodeText, timeMajor, wordLogits } from "../network/text.js";
import type { VectorNetworkParams } from "../network/vectors.js";
import type { MatteConfig } from "./config.js";
import type { MatteParams } from "./params.js";

/** Rows of a batch of sentences that the sparsity term looks at. */
const SPARSITY_ROWS = 16;
/** Step of finite differences where a decoder has no forward mode. */
const STEP = 1e-3;

/** Means and log-variances of content and style together, `[B, 2d]`. */
export function encodeRows({ observation }: MatteConfig, { network }: MatteParams, observed: NdArray): NdArray {
  return observation.kind === "vectors"
    ? mlp((network as VectorNetworkParams).encoder, observed)
    : encodeText((network as TextNetworkParams).encoder, observed);
}

/** Reconstruction loss of each row `[B]`, and for each wanted latent the derivative of the decoder along it. */
export interface Reconstruction {
  readonly loss: NdArray;
  /** One for each wanted latent, `[rows, coordinates]`. */
  readonly influence: readonly NdArray[];
}

/** `inputs` are the words the decoder is told, `[B, T]`; by default the sentence itself, one place later. */
export function reconstruct(
  config: MatteConfig,
  params: MatteParams,
  observed: NdArray,
  z: NdArray,
  wanted: readonly number[],
  inputs?: NdArray,
): Reconstruction {
  const { observation } = config;
  if (observation.kind === "vectors") {
    const { decoder } = params.network as VectorNetworkParams;
    const residual = sub(observed, mlp(decoder, z));
    return {
      loss: mul(0.5 / observation.noise ** 2, sum(square(residual), { axis: 1 })),
      influence: wanted.map((i) => jvp((at: NdArray) => mlp(decoder, at), [z], [direction(z, i)])[1]),
    };
  }
  return reconstructText((params.network as TextNetworkParams).decoder, observed, z, wanted, inputs ?? shifted(observed));
}

/** Ones in column `i`, shaped like `z`. */
function direction(z: NdArray, i: number): NdArray {
  const [rows, d] = z.shape as [number, number];
  const one = new Float64Array(rows * d);
  for (let b = 0; b < rows; b++) one[b * d + i] = 1;
  return array(one, { shape: [rows, d], dtype: z.dtype as "float32" });
}

/** The start sign and then the sentence without its last word: what the decoder sees. */
export function shifted(tokens: NdArray): NdArray {
  const [rows, width] = tokens.shape as [number, number];
  const from = toTypedArray(tokens);
  const to = new Int32Array(rows * width);
  for (let b = 0; b < rows; b++) for (let t = 0; t < width; t++) to[b * width + t] = t === 0 ? SPECIAL.start : from[b * width + t - 1]!;
  return array(to, { shape: [rows, width] });
}

/** One decoder pass for the sentences and, beside them, for copies of the first few with one latent moved a little. */
function reconstructText(
  decoder: TextNetworkParams["decoder"],
  tokens: NdArray,
  z: NdArray,
  wanted: readonly number[],
  inputs: NdArray,
): Reconstruction {
  const { ids, lengths, steps, rows } = timeMajor(tokens);
  const some = Math.min(rows, SPARSITY_ROWS);
  const first = slice(z, [0], [some]);
  const moved = wanted.map((i) => add(first, mul(STEP, direction(first, i))));
  const all = rows + moved.length * some;
  const fed = toTypedArray(inputs);
  const width = inputs.shape[1]!;
  const words = new Int32Array(steps * all);
  for (let t = 0; t < steps; t++) for (let b = 0; b < all; b++) words[t * all + b] = fed[(b < rows ? b : (b - rows) % some) * width + t]!;
  const states = decodeStates(decoder, moved.length === 0 ? z : concat([z, ...moved]), words, steps); // [T, all, h]
  const read = moved.length === 0 ? states : slice(states, [0, 0], [steps, rows]);
  const losses = crossEntropy(wordLogits(decoder, reshape(read, [steps * rows, read.shape[2]!])), array(ids, { copy: false }), { reduction: "none" });
  const mask = new Float32Array(steps * rows);
  for (let t = 0; t < steps; t++) for (let b = 0; b < rows; b++) mask[t * rows + b] = Number(t < lengths[b]!);
  const loss = sum(reshape(mul(losses, array(mask, { copy: false })), [steps, rows]), { axis: 0 });
  const base = moved.length === 0 ? states : sum(slice(states, [0, 0], [steps, some]), { axis: 0 });
  const influence = moved.map((_, k) => {
    const from = rows + k * some;
    return div(sub(sum(slice(states, [0, from], [steps, from + some]), { axis: 0 }), base), STEP);
  });
  return { loss, influence };
}
