/** Mixtures of experts in a running model: which tokens go to which expert, and the weighted sum of what the experts add. */
import type { MixtureConfig } from "../model/description.js";
import { type FeedForward, type FeedForwardBlock, linearRows } from "./feed-forward.js";
import type { MixtureWeights } from "./model.js";
import type { Rows } from "./rows.js";

/** The tokens of one expert, and the weight of what it adds to each. */
export interface Routed {
  readonly tokens: readonly number[];
  readonly weights: readonly number[];
}

/**
 * For each expert the tokens that go to it: the `perToken` experts with the largest share of a softmax, of equals the first. The shared block comes last
 * and takes every token.
 */
export function route(
  { numExperts, perToken, normalized, sharedSize }: MixtureConfig,
  { router, sharedGate }: MixtureWeights,
  x: Rows,
): Routed[] {
  const scores = linearRows(router, x);
  const count = scores.length / numExperts;
  const routed = Array.from({ length: numExperts }, () => ({
    tokens: [] as number[],
    weights: [] as number[],
  }));
  for (let t = 0; t < count; t++) {
    const row = scores.subarray(t * numExperts, (t + 1) * numExperts);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const masses = Array.from(row, (score) => Math.exp(score - top));
    const order = [...masses.keys()].sort((a, b) => row[b]! - row[a]! || a - b);
    const chosen = order.slice(0, perToken);
    const total = (normalized ? chosen.map((e) => masses[e]!) : masses).reduce((a, b) => a + b, 0);
    for (const e of chosen) {
      routed[e]!.tokens.push(t);
      routed[e]!.weights.push(masses[e]! / total);
    }
  }
  if (sharedSize === 0 || !sharedGate) return routed;
  const gates = linearRows(sharedGate, x);
  const shared = {
    tokens: Array.from(gates.keys()),
    weights: Array.from(gates, (gate) => 1 / (1 + Math.exp(-gate))),
  };
  return [...routed, shared];
}

/** What a mixture adds to each token; `observe` sees the activations of each expert's own tokens. */
export function mixtureRows(
  config: MixtureConfig,
  block: FeedForwardBlock,
  feedForward: FeedForward,
  x: Rows,
  observe?: (activations: Float32Array, expert: number, tokens: readonly number[]) => void,
): Rows {
  const { mixture } = block.weights;
  const d = block.weights.up.weight.shape[1];
  const out = new Float32Array(x.length);
  route(config, mixture!, x).forEach(({ tokens, weights }, expert) => {
    if (tokens.length === 0) return;
    const own = new Float32Array(tokens.length * d);
    tokens.forEach((t, i) => {
      own.set(x.subarray(t * d, (t + 1) * d), i * d);
    });
    const y = feedForward(
      { ...block, expert },
      own,
      observe && ((z) => observe(z, expert, tokens)),
    );
    const bias = mixture!.downBias?.[expert];
    tokens.forEach((t, i) => {
      for (let j = 0; j < d; j++)
        out[t * d + j]! += weights[i]! * (y[i * d + j]! + (bias ? bias[j]! : 0));
    });
  });
  return out;
}
