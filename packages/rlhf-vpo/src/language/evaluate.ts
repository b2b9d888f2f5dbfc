/** A language model on held-out pairs. */
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { DomainError } from "@provably/core-tensor";
import type { LossResult } from "../losses/batch.js";
import { type PaddedPairs, type PaddingOptions, type TokenPair, padded } from "./pairs.js";
import { type SequenceModel, finiteScores, logitsOf, pieces } from "./score.js";
import { sequenceLogProbs } from "../sequence/log-probs.js";
import { type LossBatch, type PairEvaluation, batchOf, metricsOf } from "./train-options.js";

/** What an evaluation needs to know. */
export interface Judge<P> {
  readonly fn: string;
  readonly model: SequenceModel<P>;
  readonly reference: P;
  readonly loss: (batch: LossBatch) => LossResult;
  readonly referenceFree: boolean;
  readonly withLengths: boolean;
  readonly size: number;
  readonly padding: PaddingOptions;
  readonly signal: AbortSignal | undefined;
}

/** Metrics of held-out pairs, and the divergence from the reference along their responses. */
export function evaluatePairs<P>(
  judge: Judge<P>,
  params: P,
  pairs: readonly TokenPair[],
  step: number,
): PairEvaluation {
  const { fn, model, reference, size, padding, signal } = judge;
  const [chosen, rejected]: [number[], number[]] = [[], []];
  let [divergence, tokens] = [0, 0];
  for (const group of pieces(pairs, size)) {
    signal?.throwIfAborted();
    const rows = padded(group, padding);
    const own = logitsOf(fn, model, params, rows);
    const scores = toTypedArray(sequenceLogProbs(own, rows.tokens, rows.mask).logProbs);
    finiteScores(fn, scores, group.length);
    chosen.push(...scores.subarray(0, group.length));
    rejected.push(...scores.subarray(group.length));
    const moved = divergenceOf(fn, own, logitsOf(fn, model, reference, rows), rows);
    divergence += moved.sum;
    tokens += moved.count;
  }
  const result = judge.loss(batchOf(pairs, [...chosen, ...rejected], judge));
  return { ...metricsOf(step, pairs, result), kl: divergence / tokens };
}

/** The sum over scored tokens of KL(softmax(own) ‖ softmax(other)) at the position before. */
function divergenceOf(
  fn: string,
  own: NdArray,
  other: NdArray,
  { mask }: PaddedPairs,
): { readonly sum: number; readonly count: number } {
  const [rows, length, vocabulary] = own.shape as [number, number, number];
  if (other.shape.join() !== own.shape.join())
    throw new DomainError(`${fn}: model.logits give the reference another shape`);
  const flat = (x: NdArray) => toTypedArray(array(x, { dtype: "float64" }));
  const [p, q] = [flat(own), flat(other)];
  const scored = toTypedArray(mask);
  let [sum, count] = [0, 0];
  for (let row = 0; row < rows; row++)
    for (let t = 1; t < length; t++) {
      if (scored[row * length + t] !== 1) continue;
      sum += klOfRow(p, q, (row * length + t - 1) * vocabulary, vocabulary);
      count++;
    }
  return { sum, count };
}

function klOfRow(p: Float64Array, q: Float64Array, at: number, n: number): number {
  const normaliser = (x: Float64Array): number => {
    let top = -Infinity;
    for (let v = at; v < at + n; v++) top = Math.max(top, x[v]!);
    let sum = 0;
    for (let v = at; v < at + n; v++) sum += Math.exp(x[v]! - top);
    return top + Math.log(sum);
  };
  const [zp, zq] = [normaliser(p), normaliser(q)];
  let kl = 0;
  for (let v = at; v < at + n; v++) {
    const probability = Math.exp(p[v]! - zp);
    if (probability > 0) kl += probability * (p[v]! - zp - (q[v]! - zq));
  }
  return Math.max(0, kl);
}
