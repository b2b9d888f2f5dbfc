/**
 * The decoder, defined once. What numbers are (arrays that can be differentiated, or rows of a running model) and where weights live is the
 * business of the operations that it is given.
 */
import type { ModelConfig } from "./config.js";

/** Linear maps of a layer. */
export type LinearRole = "query" | "key" | "value" | "output" | "gate" | "up" | "down";
/** Norms of a layer. */
export type NormRole = "attentionNorm" | "feedForwardNorm";

/** What the decoder asks for; `X` is the state of all tokens at once. */
export interface DecoderOps<X> {
  add(a: X, b: X): X;
  multiply(a: X, b: X): X;
  activate(x: X): X;
  norm(x: X, layer: number, role: NormRole): X;
  linear(x: X, layer: number, role: LinearRole): X;
  /** Places queries and keys, and mixes the values that each query may see. */
  attend(query: X, key: X, value: X, layer: number): X;
  /** In place of {@link denseFeedForward}. */
  feedForward?(x: X, layer: number): X;
}

/** All layers, without embedding and head. */
export function decode<X>(config: ModelConfig, ops: DecoderOps<X>, x: X): X {
  for (let layer = 0; layer < config.numLayers; layer++) x = decodeLayer(config, ops, layer, x);
  return x;
}

function decodeLayer<X>(config: ModelConfig, ops: DecoderOps<X>, layer: number, x: X): X {
  const first = (y: X): X => ops.norm(y, layer, "attentionNorm");
  const second = (y: X): X => ops.norm(y, layer, "feedForwardNorm");
  const mix = (y: X): X => selfAttention(ops, layer, y);
  const think = (y: X): X => ops.feedForward?.(y, layer) ?? denseFeedForward(config, ops, layer, y);
  switch (config.residual) {
    case "pre": {
      const h = ops.add(x, mix(first(x)));
      return ops.add(h, think(second(h)));
    }
    case "parallel":
      return ops.add(ops.add(x, mix(first(x))), think(second(x)));
    case "post": {
      const h = first(ops.add(x, mix(x)));
      return second(ops.add(h, think(h)));
    }
  }
}

function selfAttention<X>(ops: DecoderOps<X>, layer: number, x: X): X {
  const mixed = ops.attend(
    ops.linear(x, layer, "query"),
    ops.linear(x, layer, "key"),
    ops.linear(x, layer, "value"),
    layer,
  );
  return ops.linear(mixed, layer, "output");
}

/** $W_2\,(\sigma(W_g x) \odot W_1 x)$, or $W_2\,\sigma(W_1 x)$ without a gate. */
export function denseFeedForward<X>(
  config: ModelConfig,
  ops: DecoderOps<X>,
  layer: number,
  x: X,
): X {
  const up = ops.linear(x, layer, "up");
  const neurons = config.gated
    ? ops.multiply(ops.activate(ops.linear(x, layer, "gate")), up)
    : ops.activate(up);
  return ops.linear(neurons, layer, "down");
}
