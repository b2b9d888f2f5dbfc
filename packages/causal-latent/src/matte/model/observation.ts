/** What differs between vectors and sentences: how an observation is encoded, how badly it is reconstructed, and how latents move it. */
import {
  type NdArray,
  add,
  array,
  concat,
  crossEntropy,
  div,
  jvp,
  mul,
  reshape,
  slice,
  square,
  sub,
  sum,
  toTypedArray,
} from "@provably/core-tensor";
import { mlp } from "../network/mlp.js";
import {
  type Dictation,
  type Reading,
  SPECIAL,
  type TextNetworkParams,
  decodeStates,
  dictation,
  encodeText,
  reading,
  wordLogits,
} from "../network/text.js";
import type { VectorNetworkParams } from "../network/vectors.js";
import type { MatteConfig } from "./config.js";
import type { MatteParams } from "./params.js";

/** Rows of a batch of sentences that the sparsity term looks at. */
const SPARSITY_ROWS = 16;
/** Step of finite differences where a decoder has no forward mode. */
const STEP = 1e-3;

/** A batch as arrays alone, of the same shapes for every batch of a size, so that one compiled program serves all. */
export interface Observed {
  /** Vectors `[B, p]`. */
  readonly vectors?: NdArray;
  readonly text?: { readonly reading: Reading; readonly dictation: Dictation };
}

/** Latents along which the objective differentiates the decoder: the style, and for the overlap the content after it. */
export function wantedLatents({ contentSize, styleSize, weights }: MatteConfig): number[] {
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, i) => from + i);
  const style =
    weights.sparsity > 0 || weights.overlap > 0 ? range(contentSize, contentSize + styleSize) : [];
  return weights.overlap > 0 ? [...style, ...range(0, contentSize)] : style;
}

/** `inputs` are the words the decoder is told, `[B, T]`; by default the sentence itself, one place later. */
export function prepareObserved(
  config: MatteConfig,
  observed: NdArray,
  inputs?: NdArray,
): Observed {
  if (config.observation.kind === "vectors") return { vectors: observed };
  const some = Math.min(observed.shape[0]!, SPARSITY_ROWS);
  return {
    text: {
      reading: reading(observed),
      dictation: dictation(
        observed,
        inputs ?? shifted(observed),
        wantedLatents(config).length,
        some,
      ),
    },
  };
}

/** Means and log-variances of content and style together, `[B, 2d]`. */
export function encodeRows({ network }: MatteParams, { vectors, text }: Observed): NdArray {
  return vectors === undefined
    ? encodeText((network as TextNetworkParams).encoder, text!.reading)
    : mlp((network as VectorNetworkParams).encoder, vectors);
}

/** Reconstruction loss of each row `[B]`, and for each wanted latent the derivative of the decoder along it. */
export interface Reconstruction {
  readonly loss: NdArray;
  /** One for each wanted latent, `[rows, coordinates]`. */
  readonly influence: readonly NdArray[];
}

export function reconstruct(
  { observation }: MatteConfig,
  params: MatteParams,
  { vectors, text }: Observed,
  z: NdArray,
  wanted: readonly number[],
): Reconstruction {
  if (observation.kind === "text")
    return reconstructText(
      (params.network as TextNetworkParams).decoder,
      text!.dictation,
      z,
      wanted,
    );
  const { decoder } = params.network as VectorNetworkParams;
  return {
    loss: mul(
      0.5 / observation.noise ** 2,
      sum(square(sub(vectors!, mlp(decoder, z))), { axis: 1 }),
    ),
    influence: wanted.map((i) => jvp((at: NdArray) => mlp(decoder, at), [z], [direction(z, i)])[1]),
  };
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
  for (let b = 0; b < rows; b++)
    for (let t = 0; t < width; t++)
      to[b * width + t] = t === 0 ? SPECIAL.start : from[b * width + t - 1]!;
  return array(to, { shape: [rows, width] });
}

/** One decoder pass for the sentences and, beside them, for copies of the first few with one latent moved a little. */
function reconstructText(
  decoder: TextNetworkParams["decoder"],
  { words, targets, mask }: Dictation,
  z: NdArray,
  wanted: readonly number[],
): Reconstruction {
  const [steps, rows] = mask.shape as [number, number];
  const some = Math.min(rows, SPARSITY_ROWS);
  const first = slice(z, [0], [some]);
  const moved = wanted.map((i) => add(first, mul(STEP, direction(first, i))));
  const states = decodeStates(decoder, concat([z, ...moved]), words); // [T, B + copies, h]
  const read = reshape(slice(states, [0, 0], [steps, rows]), [steps * rows, states.shape[2]!]);
  const losses = reshape(crossEntropy(wordLogits(decoder, read), targets, { reduction: "none" }), [
    steps,
    rows,
  ]);
  const totals = (from: number): NdArray =>
    sum(slice(states, [0, from], [steps, from + some]), { axis: 0 });
  const base = totals(0);
  return {
    loss: sum(mul(losses, mask), { axis: 0 }),
    influence: moved.map((_, k) => div(sub(totals(rows + k * some), base), STEP)),
  };
}
