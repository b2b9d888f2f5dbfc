/**
 * The decoder, defined once. What numbers are (arrays that can be differentiated, or rows of a running model) and where weights live is the
 * business of the operations that it is given.
 */
import type { ModelConfig } from "./description.js";

/** Linear maps of attention. */
export type LinearRole = "query" | "key" | "value" | "output";
/** Norms of a layer. */
export type NormRole =
  "attentionNorm" | "feedForwardNorm" | "attentionOutputNorm" | "feedForwardOutputNorm";

/** What the decoder asks for; `X` is the state of all tokens at once. */
export interface DecoderOps<X> {
  add(a: X, b: X): X;
  scale(x: X, factor: number): X;
  /** Entries held within ± `bound`. */
  clip(x: X, bound: number): X;
  norm(x: X, layer: number, role: NormRole): X;
  /** Norm of queries or keys. */
  headNorm(x: X, layer: number, role: "queryNorm" | "keyNorm"): X;
  linear(x: X, layer: number, role: LinearRole): X;
  /** Places queries and keys, and mixes the values that each query may see. */
  attend(query: X, key: X, value: X, layer: number): X;
  feedForward(x: X, layer: number): X;
}

/** All layers, without embedding and head. */
export function decode<X>(config: ModelConfig, ops: DecoderOps<X>, x: X): X {
  for (let layer = 0; layer < config.numLayers; layer++) x = decodeLayer(config, ops, layer, x);
  return x;
}

function decodeLayer<X>(config: ModelConfig, ops: DecoderOps<X>, layer: number, x: X): X {
  const norm =
    (role: NormRole) =>
    (y: X): X =>
      ops.norm(y, layer, role);
  const first = norm("attentionNorm");
  const second = norm("feedForwardNorm");
  const plus = (a: X, b: X): X =>
    ops.add(a, config.residualScale === 1 ? b : ops.scale(b, config.residualScale));
  const mix = (y: X): X => selfAttention(config, ops, layer, y);
  const think = (y: X): X => ops.feedForward(y, layer);
  switch (config.residual) {
    case "pre": {
      const h = plus(x, mix(first(x)));
      return plus(h, think(second(h)));
    }
    case "parallel":
      return plus(plus(x, mix(first(x))), think(second(x)));
    case "shared": {
      const y = first(x);
      return plus(plus(x, mix(y)), think(y));
    }
    case "output": {
      const h = plus(x, first(mix(x)));
      return plus(h, second(think(h)));
    }
    case "sandwich": {
      const h = plus(x, norm("attentionOutputNorm")(mix(first(x))));
      return plus(h, norm("feedForwardOutputNorm")(think(second(h))));
    }
    case "post": {
      const h = first(plus(x, mix(x)));
      return second(plus(h, think(h)));
    }
  }
}

function selfAttention<X>(config: ModelConfig, ops: DecoderOps<X>, layer: number, x: X): X {
  const { queryKeyNorm, attention } = config;
  const held = (y: X): X => (attention.clip === null ? y : ops.clip(y, attention.clip));
  const normed = (y: X, role: "queryNorm" | "keyNorm"): X =>
    queryKeyNorm ? ops.headNorm(y, layer, role) : y;
  const mixed = ops.attend(
    held(normed(ops.linear(x, layer, "query"), "queryNorm")),
    held(normed(ops.linear(x, layer, "key"), "keyNorm")),
    held(ops.linear(x, layer, "value")),
    layer,
  );
  return ops.linear(mixed, layer, "output");
}
