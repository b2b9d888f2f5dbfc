/**
 * The decoder written out once more, plainly and in double precision: the second pair of eyes of the certificates.
 *
 * One token after another, one number after another, from the stored weights; no cache, no kernels, no blocks. It shares the config and the weights with the
 * model, and nothing of the way they are computed with. Positions are turned as complex numbers.
 */
import { unpinned } from "@provably/core-tensor/pinned";
import { array, toTypedArray } from "@provably/core-tensor";
import { activate } from "../model/activation.js";
import { slopeAt } from "../model/attention.js";
import type { MixtureConfig, ModelConfig } from "../model/description.js";
import { ropeFrequencies } from "../model/rope.js";
import type { LanguageModel, PinnedLinear } from "../runtime/model.js";
import type { NormWeights } from "../runtime/rows.js";

type Vector = Float64Array;

/** How many tokens the plain decoder reads in about a second or two. */
export function affordable(model: LanguageModel, tokens: number): number {
  const weights = model.layers.reduce(
    (sum, { feedForward: { up } }) => sum + 3 * up.weight.shape[0] * up.weight.shape[1],
    0,
  );
  return Math.max(1, Math.min(tokens, 32, Math.floor(1e8 / weights)));
}

/** Activations of the feed-forward neurons, `[layer][token]`, for tokens at the beginning of a sequence of `length`; 0 in experts that a token does not go to. */
export function naiveActivations(
  model: LanguageModel,
  ids: readonly number[],
  length: number,
): Vector[][] {
  const { config } = model;
  const { residual, residualScale } = config;
  let states = ids.map((id, t) => embedded(model, id, t));
  return model.layers.map((layer, i) => {
    const norm = (x: Vector, weights: NormWeights | undefined): Vector =>
      weights ? normalised(config, x, weights) : x;
    const added = (x: Vector, y: Vector): Vector =>
      x.map((value, d) => value + residualScale * y[d]!);
    const before = residual !== "post" && residual !== "output";
    const inputs = before ? states.map((x) => norm(x, layer.attentionNorm)) : states;
    const mixed = mixedValues(model, i, inputs, length).map((y) => {
      if (residual === "output") return norm(y, layer.attentionNorm);
      return residual === "sandwich" ? norm(y, layer.attentionOutputNorm) : y;
    });
    const sums = states.map((x, t) => added(x, mixed[t]!));
    const middle = residual === "post" ? sums.map((x) => norm(x, layer.attentionNorm)) : sums;
    const thought = middle.map((x, t) => {
      if (residual === "shared") return inputs[t]!;
      if (residual === "parallel") return norm(states[t]!, layer.feedForwardNorm);
      return before ? norm(x, layer.feedForwardNorm) : x;
    });
    const think = block(model, i);
    const results = thought.map((x) => think(x));
    states = middle.map((x, t) => {
      const y = results[t]!.sum;
      if (residual === "post") return norm(added(x, y), layer.feedForwardNorm);
      if (residual === "output") return added(x, norm(y, layer.feedForwardNorm));
      return added(x, residual === "sandwich" ? norm(y, layer.feedForwardOutputNorm) : y);
    });
    return results.map(({ z }) => z);
  });
}

/** A feed-forward block: the activations of all its neurons, and what they add. */
function block(model: LanguageModel, i: number): (x: Vector) => { z: Vector; sum: Vector } {
  const { config } = model;
  const { gate, up, down, mixture } = model.layers[i]!.feedForward;
  const [g, u] = [gate && matrix(gate), matrix(up)];
  const rows = toTypedArray(unpinned(down.weight));
  const [router, shared] = [
    mixture && matrix(mixture.router),
    mixture?.sharedGate && matrix(mixture.sharedGate),
  ];
  const neurons = (x: Vector): Vector => {
    const right = u(x);
    if (!g) return activated(model, right);
    const left = g(x);
    if (config.activation !== "clamped_swiglu") {
      const through = activated(model, left);
      return right.map((value, j) => value * through[j]!);
    }
    return right.map((value, j) => {
      const held = Math.min(left[j]!, 7);
      const bound = Math.max(-7, Math.min(7, value)) + 1;
      return (bound * held) / (1 + Math.exp(-1.702 * held));
    });
  };
  return (x) => {
    const all = neurons(x);
    const sum = Float64Array.from({ length: config.hiddenSize }, (_, d) => down.bias?.[d] ?? 0);
    const plus = (j: number, factor: number): void => {
      for (let d = 0; d < sum.length; d++) sum[d]! += factor * all[j]! * rows[j * sum.length + d]!;
    };
    if (!mixture || !router) {
      all.forEach((_, j) => plus(j, 1));
      return { z: all, sum };
    }
    const z = new Float64Array(all.length);
    const weights = [
      ...expertWeights(config.mixture!, router(x)),
      ...(shared ? [1 / (1 + Math.exp(-shared(x)[0]!))] : []),
    ];
    weights.forEach((weight, e) => {
      if (weight === 0) return;
      for (const j of mixture.rows[e]!) {
        z[j] = all[j]!;
        plus(j, weight);
      }
      mixture.downBias?.[e]?.forEach((value, d) => (sum[d]! += weight * value));
    });
    return { z, sum };
  };
}

/** The weight of each expert for a token, 0 for those that it does not go to. */
function expertWeights({ perToken, normalized }: MixtureConfig, scores: Vector): number[] {
  const top = Math.max(...scores);
  const masses = Array.from(scores, (score) => Math.exp(score - top));
  const kept = masses.map((mass, e) => {
    const better = masses.filter((other, o) => other > mass || (other === mass && o < e)).length;
    return better < perToken ? mass : 0;
  });
  const total = (normalized ? kept : masses).reduce((a, b) => a + b, 0);
  return kept.map((mass) => mass / total);
}

/** What attention of a layer adds to each token. */
function mixedValues(model: LanguageModel, i: number, inputs: Vector[], length: number): Vector[] {
  const { config } = model;
  const layer = model.layers[i]!;
  const [q, k, v, out] = [layer.query, layer.key, layer.value, layer.output].map(matrix) as [
    Map,
    Map,
    Map,
    Map,
  ];
  const bound = config.attention.clip ?? Infinity;
  const held = (x: Vector): Vector => x.map((value) => Math.max(-bound, Math.min(bound, value)));
  const width = config.queryKeyNorm?.scope === "all" ? undefined : config.headDim;
  const turn = (x: Vector, t: number, norm?: NormWeights): Vector =>
    turned(config, i, held(norm ? normalised(config, x, norm, width) : x), t, length);
  return attention(
    model,
    i,
    inputs.map((x, t) => turn(q(x), t, layer.queryNorm)),
    inputs.map((x, t) => turn(k(x), t, layer.keyNorm)),
    inputs.map((x) => held(v(x))),
  ).map(out);
}

type Map = (x: Vector) => Vector;

/** $x \mapsto Wx + b$. */
function matrix({ weight, bias }: PinnedLinear): Map {
  const w = toTypedArray(unpinned(weight));
  const [n, m] = weight.shape;
  return (x) =>
    Float64Array.from({ length: n }, (_, i) => {
      let sum = bias?.[i] ?? 0;
      for (let j = 0; j < m; j++) sum += w[i * m + j]! * x[j]!;
      return sum;
    });
}

function activated({ config }: LanguageModel, x: Vector): Vector {
  return Float64Array.from(
    toTypedArray(activate(config.activation, array(x, { dtype: "float64" }))),
  );
}

function embedded(model: LanguageModel, id: number, place: number): Vector {
  const { config, embedding, embeddingNorm, projectIn, positions } = model;
  const row = toTypedArray(unpinned(embedding, Int32Array.of(id)));
  const scaled = Float64Array.from(row, (value) => value * config.embeddingScale);
  let x = projectIn ? matrix({ weight: projectIn })(scaled) : scaled;
  if (config.positions.kind === "learned") {
    const from = (place + config.positions.offset) * config.hiddenSize;
    x = x.map((value, d) => value + positions![from + d]!);
  }
  return embeddingNorm ? normalised(config, x, embeddingNorm) : x;
}

/** Norm of each stretch of `width` features. */
function normalised(
  { norm }: ModelConfig,
  x: Vector,
  { scale, shift }: NormWeights,
  width = x.length,
): Vector {
  return x.map((value, d) => {
    const from = d - (d % width);
    const own = x.subarray(from, from + width);
    const mean = norm.kind === "layer" ? own.reduce((a, b) => a + b, 0) / width : 0;
    const spread = own.reduce((sum, other) => sum + (other - mean) ** 2, 0) / width;
    const place = d % scale.length;
    return (
      ((value - mean) / Math.sqrt(spread + norm.epsilon)) * scale[place]! + (shift?.[place] ?? 0)
    );
  });
}

function attention(
  { config, layers }: LanguageModel,
  layer: number,
  q: Vector[],
  k: Vector[],
  values: Vector[],
): Vector[] {
  const { numHeads, numKvHeads, headDim, positions } = config;
  const { scale, softcap } = config.attention;
  const { sinks } = layers[layer]!;
  const window = config.slidingWindows[layer] ?? Infinity;
  return q.map((query, t) => {
    const out = new Float64Array(numHeads * headDim);
    for (let head = 0; head < numHeads; head++) {
      const [from, of] = [head * headDim, Math.floor((head * numKvHeads) / numHeads) * headDim];
      const scores = k.slice(0, t + 1).map((key, s) => {
        if (t - s >= window) return -Infinity;
        let dot = 0;
        for (let d = 0; d < headDim; d++) dot += query[from + d]! * key[of + d]!;
        const scaled = dot * scale;
        const capped = softcap === null ? scaled : softcap * Math.tanh(scaled / softcap);
        if (positions.kind !== "alibi") return capped;
        return capped + slopeAt(positions, positions.slopes[head]!, s) * positions.scale;
      });
      const sink = sinks?.[head] ?? -Infinity;
      const top = Math.max(...scores, sink);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((a, b) => a + b, Math.exp(sink - top));
      weights.forEach((weight, s) => {
        for (let d = 0; d < headDim; d++) out[from + d]! += (weight / total) * values[s]![of + d]!;
      });
    }
    return out;
  });
}

/** Features i and i + r/2 of each head as a complex number, times the power `place` of the pair's unit number. */
function turned(
  config: ModelConfig,
  layer: number,
  x: Vector,
  place: number,
  length: number,
): Vector {
  const { layerPositions, windowPositions, positions, headDim } = config;
  const rope = layerPositions[layer] === "window" ? windowPositions : positions;
  if (layerPositions[layer] === "none" || rope?.kind !== "rope") return x;
  const { frequencies, factor } = ropeFrequencies(rope, length);
  const out = x.slice();
  const half = frequencies.length;
  for (let head = 0; head < x.length; head += headDim)
    frequencies.forEach((theta, i) => {
      const [re, im] = [x[head + i]!, x[head + i + half]!];
      const angle = place * theta;
      out[head + i] = factor * (re * Math.cos(angle) - im * Math.sin(angle));
      out[head + i + half] = factor * (re * Math.sin(angle) + im * Math.cos(angle));
    });
  return out;
}
