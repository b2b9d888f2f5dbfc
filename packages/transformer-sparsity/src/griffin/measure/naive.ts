/**
 * The decoder written out once more, plainly and in double precision: the second pair of eyes of the certificates.
 *
 * One token after another, one number after another, from the stored weights; no cache, no kernels, no blocks. It shares the config and the weights with the
 * model, and nothing of the way they are computed with. Positions are turned as complex numbers.
 */
import { unpinned } from "@provably/core-tensor/pinned";
import { array, toTypedArray } from "@provably/core-tensor";
import { activate } from "../model/activation.js";
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

/** Activations of the feed-forward neurons, `[layer][token]`, for tokens at the beginning of a sequence of `length`. */
export function naiveActivations(
  model: LanguageModel,
  ids: readonly number[],
  length: number,
): Vector[][] {
  const { config } = model;
  let states = ids.map((id, t) => embedded(model, id, t));
  return model.layers.map((layer, i) => {
    const norm = (x: Vector, weights: NormWeights): Vector => normalised(model, x, weights);
    const mixed = (inputs: Vector[]): Vector[] => {
      const [q, k, v, out] = [layer.query, layer.key, layer.value, layer.output].map(matrix) as [
        Map,
        Map,
        Map,
        Map,
      ];
      const window = config.slidingWindows[i] ?? Infinity;
      return attention(model, inputs.map(q), inputs.map(k), inputs.map(v), window, length).map(out);
    };
    const { gate, up, down } = layer.feedForward;
    const [g, u] = [gate && matrix(gate), matrix(up)];
    const neurons = (x: Vector): Vector => {
      const right = u(x);
      if (!g) return activated(model, right);
      const left = activated(model, g(x));
      return right.map((value, j) => value * left[j]!);
    };
    const rows = toTypedArray(unpinned(down.weight));
    const think = (z: Vector): Vector => {
      const y = Float64Array.from({ length: config.hiddenSize }, (_, d) => down.bias?.[d] ?? 0);
      z.forEach((value, j) => {
        for (let d = 0; d < y.length; d++) y[d]! += value * rows[j * y.length + d]!;
      });
      return y;
    };
    if (config.residual === "parallel") {
      const z = states.map((x) => neurons(norm(x, layer.feedForwardNorm)));
      const a = mixed(states.map((x) => norm(x, layer.attentionNorm)));
      states = states.map((x, t) => plus(plus(x, a[t]!), think(z[t]!)));
      return z;
    }
    const before = config.residual === "pre";
    const a = mixed(before ? states.map((x) => norm(x, layer.attentionNorm)) : states);
    const h = states.map((x, t) => plus(x, a[t]!));
    const after = before ? h : h.map((x) => norm(x, layer.attentionNorm));
    const z = after.map((x) => neurons(before ? norm(x, layer.feedForwardNorm) : x));
    const sums = after.map((x, t) => plus(x, think(z[t]!)));
    states = before ? sums : sums.map((x) => norm(x, layer.feedForwardNorm));
    return z;
  });
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

function plus(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value + b[i]!);
}

function activated({ config }: LanguageModel, x: Vector): Vector {
  return Float64Array.from(toTypedArray(activate(config.activation, array(x, { dtype: "float64" })))); // prettier-ignore
}

function embedded(
  { config, embedding, projectIn, positions }: LanguageModel,
  id: number,
  place: number,
): Vector {
  const row = toTypedArray(unpinned(embedding, Int32Array.of(id)));
  const scaled = Float64Array.from(row, (value) => value * config.embeddingScale);
  const x = projectIn ? matrix({ weight: projectIn })(scaled) : scaled;
  if (config.positions.kind !== "learned") return x;
  const from = (place + config.positions.offset) * config.hiddenSize;
  return x.map((value, d) => value + positions![from + d]!);
}

function normalised({ config }: LanguageModel, x: Vector, { scale, shift }: NormWeights): Vector {
  const mean = config.norm.kind === "layer" ? x.reduce((a, b) => a + b, 0) / x.length : 0;
  const spread = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map(
    (value, d) =>
      ((value - mean) / Math.sqrt(spread + config.norm.epsilon)) * scale[d]! + (shift?.[d] ?? 0),
  );
}

function attention(
  { config }: LanguageModel,
  queries: Vector[],
  keys: Vector[],
  values: Vector[],
  window: number,
  length: number,
): Vector[] {
  const { numHeads, numKvHeads, headDim } = config;
  const [q, k] = [queries, keys].map((rows) => rows.map((x, t) => turned(config, x, t, length))) as [
    Vector[],
    Vector[],
  ]; // prettier-ignore
  return q.map((query, t) => {
    const out = new Float64Array(numHeads * headDim);
    for (let head = 0; head < numHeads; head++) {
      const [from, of] = [head * headDim, Math.floor((head * numKvHeads) / numHeads) * headDim];
      const scores = k.slice(0, t + 1).map((key, s) => {
        let dot = 0;
        for (let d = 0; d < headDim; d++) dot += query[from + d]! * key[of + d]!;
        return t - s < window ? dot / Math.sqrt(headDim) : -Infinity;
      });
      const top = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - top));
      const total = weights.reduce((a, b) => a + b, 0);
      weights.forEach((weight, s) => {
        for (let d = 0; d < headDim; d++) out[from + d]! += (weight / total) * values[s]![of + d]!;
      });
    }
    return out;
  });
}

/** Features i and i + r/2 of each head as a complex number, times the power `place` of the pair's unit number. */
function turned(
  { positions, headDim }: LanguageModel["config"],
  x: Vector,
  place: number,
  length: number,
): Vector {
  if (positions.kind !== "rope") return x;
  const { frequencies, factor } = ropeFrequencies(positions, length);
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
