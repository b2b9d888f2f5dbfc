/**
 * Encoder and decoder of sentences. The encoder reads in both directions and keeps the greatest value of each unit over the words; the decoder gets the
 * latents with every word. Words enter through a table of their products with the input weights, so that a lookup replaces a product.
 */
import {
  type NdArray,
  add,
  array,
  concat,
  expandDims,
  linear,
  lstmCell,
  matmul,
  matrixTranspose,
  max,
  reshape,
  slice,
  squeeze,
  stack,
  take,
  tanh,
  toTypedArray,
  where,
  zeros,
} from "@provably/core-tensor";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import type { MatteConfig, TextObservation } from "../model/config.js";
import { type LayerParams, initMlp } from "./mlp.js";
import { lstmSequence } from "./lstm.js";

/**
 * Weights of one LSTM, in the layout of `lstmCell`.
 * @category Networks
 */
export interface LstmParams {
  /** Shape `[4h, d]`. */
  readonly input: NdArray;
  /** Shape `[4h, h]`. */
  readonly hidden: NdArray;
  /** Shape `[4h]`. */
  readonly bias: NdArray;
}

/**
 * Weights of the networks on sentences; `V` words, vectors of size `e`, states of size `h`, `d` latents.
 * @category Networks
 */
export interface TextNetworkParams {
  readonly encoder: {
    /** Shape `[V, e]`. */
    readonly words: NdArray;
    readonly forward: LstmParams;
    readonly backward: LstmParams;
    /** To means and log-variances, shape `[2h, 2d]`. */
    readonly head: NdArray;
  };
  readonly decoder: {
    /** Shape `[V, e]`. */
    readonly words: NdArray;
    /** The input is a word's vector followed by the latents, `e + d` numbers. */
    readonly lstm: LstmParams;
    /** From latents to the first cell; the first hidden state is its tanh. */
    readonly start: LayerParams;
    /** From hidden states to words, `[h, V]`. */
    readonly out: LayerParams;
  };
}

const PAD = 0;
const START = 1;
const END = 2;

function initLstm(inputs: number, h: number, key: RngKey, dtype: MatteConfig["dtype"]): LstmParams {
  const bound = 1 / Math.sqrt(h);
  const draw = (name: string, shape: number[]): NdArray =>
    uniform(foldIn(key, name), shape, { low: -bound, high: bound, dtype });
  // a forget gate that starts open remembers the beginning of a sentence
  const bias = add(
    draw("bias", [4 * h]),
    array(
      Array.from({ length: 4 * h }, (_, k) => Number(k >= h && k < 2 * h)),
      { dtype },
    ),
  );
  return { input: draw("input", [4 * h, inputs]), hidden: draw("hidden", [4 * h, h]), bias };
}

export function initTextNetwork(
  observation: Required<TextObservation>,
  latents: number,
  key: RngKey,
  dtype: MatteConfig["dtype"],
): TextNetworkParams {
  const { vocabularySize: V, embedding: e, hidden: h } = observation;
  const words = (name: string): NdArray =>
    uniform(foldIn(key, name), [V, e], { low: -0.3, high: 0.3, dtype });
  const layer = (name: string, sizes: [number, number]): LayerParams =>
    initMlp(sizes, foldIn(key, name), dtype)[0]!;
  return {
    encoder: {
      words: words("encoder words"),
      forward: initLstm(e, h, foldIn(key, "forward"), dtype),
      backward: initLstm(e, h, foldIn(key, "backward"), dtype),
      head: layer("head", [2 * h, 2 * latents]).weights,
    },
    decoder: {
      words: words("decoder words"),
      lstm: initLstm(e + latents, h, foldIn(key, "decoder"), dtype),
      start: layer("start", [latents, h]),
      out: layer("out", [h, V]),
    },
  };
}

const int32 = (values: Int32Array, shape: number[]): NdArray =>
  array(values, { shape, copy: false });

/** How the encoder reads a batch of `B` padded sentences of `T` places. */
export interface Reading {
  /** For each place the word of the forward and of the backward direction, which reads each sentence from its own end; `[T, 2, B]`. */
  readonly words: NdArray;
  /** Where there are words, `[T, 1, B, 1]`. */
  readonly valid: NdArray;
}

/** What the decoder is told and what it should say. */
export interface Dictation {
  /** The words before each place, `[T, 1, B + copies]`; the copies repeat the first rows. */
  readonly words: NdArray;
  /** The words at each place, `[T · B]`. */
  readonly targets: NdArray;
  /** 1 where there are words, `[T, B]`. */
  readonly mask: NdArray;
}

/** Length of each row up to its last word. */
function lengthsOf(words: ArrayLike<number>, rows: number, width: number): Int32Array {
  const lengths = new Int32Array(rows);
  for (let b = 0; b < rows; b++)
    for (let t = 0; t < width; t++) if (words[b * width + t] !== PAD) lengths[b] = t + 1;
  return lengths;
}

export function reading(tokens: NdArray): Reading {
  const [rows, width] = tokens.shape as [number, number];
  const from = toTypedArray(tokens);
  const lengths = lengthsOf(from, rows, width);
  const words = new Int32Array(width * 2 * rows);
  const valid = new Uint8Array(width * rows);
  for (let t = 0; t < width; t++)
    for (let b = 0; b < rows; b++) {
      const inside = t < lengths[b]!;
      words[2 * t * rows + b] = from[b * width + t]!;
      words[(2 * t + 1) * rows + b] = from[b * width + (inside ? lengths[b]! - 1 - t : t)]!;
      valid[t * rows + b] = Number(inside);
    }
  return {
    words: int32(words, [width, 2, rows]),
    valid: array(valid, { shape: [width, 1, rows, 1], dtype: "bool" }),
  };
}

/** `copies` lists of `some` rows follow the batch: the same sentences for latents that are moved a little. */
export function dictation(
  tokens: NdArray,
  inputs: NdArray,
  copies: number,
  some: number,
): Dictation {
  const [rows, width] = tokens.shape as [number, number];
  const [from, fed] = [toTypedArray(tokens), toTypedArray(inputs)];
  const lengths = lengthsOf(from, rows, width);
  const all = rows + copies * some;
  const words = new Int32Array(width * all);
  const targets = new Int32Array(width * rows);
  const mask = new Float32Array(width * rows);
  for (let t = 0; t < width; t++) {
    for (let b = 0; b < all; b++)
      words[t * all + b] = fed[(b < rows ? b : (b - rows) % some) * width + t]!;
    for (let b = 0; b < rows; b++) {
      targets[t * rows + b] = from[b * width + t]!;
      mask[t * rows + b] = Number(t < lengths[b]!);
    }
  }
  return {
    words: int32(words, [width, 1, all]),
    targets: int32(targets, [width * rows]),
    mask: array(mask, { shape: [width, rows], copy: false }),
  };
}

/** Means and log-variances `[B, 2d]` of sentences. */
export function encodeText(
  { words, forward, backward, head }: TextNetworkParams["encoder"],
  { words: ids, valid }: Reading,
): NdArray {
  const [steps, , rows] = ids.shape as [number, number, number];
  const h = forward.hidden.shape[1]!;
  const half = (d: number): NdArray => slice(ids, [0, d], [steps, d + 1]);
  const inputs = [forward, backward].map(({ input, bias }, d) =>
    take(linear(words, matrixTranspose(input), bias), half(d)),
  );
  const nothing = zeros([2, rows, h], { dtype: words.dtype as "float32" });
  const states = lstmSequence(
    concat(inputs, { axis: 1 }),
    stack([forward.hidden, backward.hidden]),
    { hidden: nothing, cell: nothing },
  );
  const greatest = max(where(valid, states, -2), { axis: 0 }); // [2, B, h]; tanh is above −1
  const [left, right] = [0, 1].map((d) => squeeze(slice(greatest, [d], [d + 1]), 0)) as [
    NdArray,
    NdArray,
  ];
  return matmul(concat([left, right], { axis: 1 }), head);
}

function startState(
  { start }: TextNetworkParams["decoder"],
  z: NdArray,
): { hidden: NdArray; cell: NdArray } {
  const cell = linear(z, start.weights, start.bias);
  return { hidden: tanh(cell), cell };
}

function inputTables({ words, lstm }: TextNetworkParams["decoder"]): {
  readonly byWord: NdArray;
  readonly byLatent: NdArray;
} {
  const e = words.shape[1]!;
  const weights = matrixTranspose(lstm.input); // [e + d, 4h]
  return {
    byWord: linear(words, slice(weights, [0], [e]), lstm.bias),
    byLatent: slice(weights, [e]),
  };
}

/** Hidden states `[T, B, h]` of the decoder that is told the words `[T, 1, B]` before each place. */
export function decodeStates(
  params: TextNetworkParams["decoder"],
  z: NdArray,
  words: NdArray,
): NdArray {
  const { byWord, byLatent } = inputTables(params);
  const gates = add(
    take(byWord, words),
    reshape(matmul(z, byLatent), [1, 1, z.shape[0]!, byLatent.shape[1]!]),
  );
  const { hidden, cell } = startState(params, z);
  const states = lstmSequence(gates, expandDims(params.lstm.hidden, 0), {
    hidden: expandDims(hidden, 0),
    cell: expandDims(cell, 0),
  });
  return squeeze(states, 1);
}

/** Logits of words `[…, V]` from hidden states. */
export function wordLogits({ out }: TextNetworkParams["decoder"], states: NdArray): NdArray {
  return linear(states, out.weights, out.bias);
}

/** One decoder step from the given words and states. */
export function decodeStep(
  params: TextNetworkParams["decoder"],
  z: NdArray,
  words: Int32Array,
  state: { readonly hidden: NdArray; readonly cell: NdArray } | undefined,
): {
  readonly state: { readonly hidden: NdArray; readonly cell: NdArray };
  readonly logits: NdArray;
} {
  const input = concat([take(params.words, int32(words, [words.length])), z], { axis: 1 });
  const next = lstmCell(input, state ?? startState(params, z), params.lstm);
  return { state: next, logits: wordLogits(params, next.hidden) };
}

export const SPECIAL = { pad: PAD, start: START, end: END, unknown: 3 } as const;
