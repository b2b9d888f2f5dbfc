/** One token of logits: what may be chosen, what is, and how probable the model found it. */
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { type LogitProcessor, applyProcessors } from "./processors.js";
import {
  type SamplingOptions,
  drawToken,
  greedyToken,
  logProbability,
  probabilitiesOf,
} from "./sampling.js";

/**
 * A token and its probability.
 * @category Text
 */
export interface ScoredToken {
  readonly token: number;
  /** Natural logarithm of the probability that the model gives the token, before sampling options. */
  readonly logProb: number;
}

/**
 * One generated token.
 * @category Text
 */
export interface GeneratedToken extends ScoredToken {
  /** The most likely tokens, if asked for. */
  readonly alternatives: readonly ScoredToken[];
}

export function choose(
  fn: string,
  logits: ArrayLike<number>,
  context: readonly number[],
  sampling: SamplingOptions | undefined,
  key: RngKey | undefined,
  step: number,
): number {
  if (!sampling) return greedyToken(logits);
  const probabilities = probabilitiesOf(fn, logits, context, sampling);
  return drawToken(
    probabilities,
    key === undefined ? 0 : uniform(foldIn(key, step), [], { dtype: "float64" }).get(),
  );
}

export function processed(
  fn: string,
  logits: Float32Array,
  processors: readonly LogitProcessor[],
  ids: readonly number[],
  promptLength: number,
): ArrayLike<number> {
  if (processors.length === 0) return logits;
  return applyProcessors(fn, processors, logits, { ids, promptLength });
}

export function ban(logits: Float32Array, tokens: readonly number[]): Float32Array {
  if (tokens.length === 0) return logits;
  const allowed = logits.slice();
  for (const token of tokens) allowed[token] = -Infinity;
  return allowed;
}

export function scored(logits: Float32Array, token: number, alternatives: number): GeneratedToken {
  const logProb = logProbability(logits);
  if (alternatives === 0) return { token, logProb: logProb(token), alternatives: [] };
  const best = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b);
  return {
    token,
    logProb: logProb(token),
    alternatives: best.slice(0, alternatives).map((id) => ({ token: id, logProb: logProb(id) })),
  };
}
