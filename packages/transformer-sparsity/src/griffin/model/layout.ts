/**
 * How a model's tensors make its parts, whatever its family calls them and however it lays them out.
 *
 * Linear maps come as `[out, in]`, queries, keys and values apart, rotated features as halves, the experts of a mixture one below the other. Everything is
 * done with array functions, so that derivatives pass through to the stored tensors.
 */
import { type NdArray, concat, reshape, slice, transpose } from "@provably/core-tensor";
import type { ModelConfig } from "./description.js";
import { type MixtureNames, tensorNames } from "./names.js";

/** $xW^\top + b$. */
export interface Linear<T = NdArray> {
  /** `[out, in]` */
  readonly weight: T;
  readonly bias?: T;
}
/** Without a scale the factors are 1. */
export interface Norm<T = NdArray> {
  readonly scale?: T;
  readonly shift?: T;
}
/** A feed-forward block; of a mixture, the experts and then the shared block below one another. */
export interface FeedForwardParameters<T = NdArray> {
  readonly gate?: Linear<T>;
  readonly up: Linear<T>;
  /** Of a mixture without its bias, which is each expert's own. */
  readonly down: Linear<T>;
}
/** What a mixture has beside its experts. */
export interface MixtureParameters<T = NdArray> {
  readonly router: Linear<T>;
  /** What each expert adds, `[experts, d]`. */
  readonly downBias?: T;
  readonly sharedGate?: Linear<T>;
}
export interface LayerParameters<T = NdArray> extends FeedForwardParameters<T> {
  readonly attentionNorm: Norm<T>;
  /** None where both blocks stand behind one norm. */
  readonly feedForwardNorm?: Norm<T>;
  readonly attentionOutputNorm?: Norm<T>;
  readonly feedForwardOutputNorm?: Norm<T>;
  readonly query: Linear<T>;
  readonly key: Linear<T>;
  readonly value: Linear<T>;
  readonly output: Linear<T>;
  /** Factors of the features of one head, or of all. */
  readonly queryNorm?: Norm<T>;
  readonly keyNorm?: Norm<T>;
  /** One number a head. */
  readonly sinks?: T;
  readonly mixture?: MixtureParameters<T>;
}
export interface OuterParameters<T = NdArray> {
  /** `[vocab, embedding]` */
  readonly embedding: T;
  readonly embeddingNorm?: Norm<T>;
  /** Learned positions, `[maxPositions + offset, hidden]`. */
  readonly positions?: T;
  readonly projectIn?: T;
  readonly projectOut?: T;
  readonly finalNorm?: Norm<T>;
  /** `[vocab, embedding]`; the table of embeddings when tied. */
  readonly head: T;
  readonly headBias?: T;
  /** An output head in the file although the embeddings are tied: it must be the same table. */
  readonly spareHead?: T;
}

/** Where tensors come from: a record of them, or only their shapes. */
export interface Source<T> {
  /** By its name without the root. */
  tensor(name: string, shape: readonly number[]): T;
  has(name: string): boolean;
  map(x: T, change: (x: NdArray) => NdArray): T;
  join(parts: readonly T[], change: (parts: readonly NdArray[]) => NdArray): T;
}

function norm<T>(
  source: Source<T>,
  { norm: kind, hiddenSize: d }: ModelConfig,
  name: string,
): Norm<T> {
  return {
    ...(kind.scale && { scale: source.tensor(`${name}.weight`, [d]) }),
    ...(kind.shift && { shift: source.tensor(`${name}.bias`, [d]) }),
  };
}

/** A linear map `[out, in]`; transposed where the family stores `[in, out]`. */
function linear<T>(
  source: Source<T>,
  config: ModelConfig,
  name: string,
  out: number,
  into: number,
  biased: boolean,
): Linear<T> {
  const flipped = tensorNames(config).flipped === true;
  const stored = source.tensor(`${name}.weight`, flipped ? [into, out] : [out, into]);
  const weight = flipped ? source.map(stored, (x) => transpose(x)) : stored;
  return { weight, ...(biased && { bias: source.tensor(`${name}.bias`, [out]) }) };
}

/** The same change to matrix and bias. */
function mapLinear<T>(
  source: Source<T>,
  { weight, bias }: Linear<T>,
  change: (x: NdArray) => NdArray,
): Linear<T> {
  return {
    weight: source.map(weight, change),
    ...(bias !== undefined && { bias: source.map(bias, change) }),
  };
}

/** Queries, keys and values, out of three maps or one. */
function readQkv<T>(
  source: Source<T>,
  config: ModelConfig,
  at: (name: string) => string,
): [Linear<T>, Linear<T>, Linear<T>] {
  const { hiddenSize: d, numHeads, numKvHeads, headDim, biases } = config;
  const { qkv, fused } = tensorNames(config);
  const [q, kv] = [numHeads * headDim, numKvHeads * headDim];
  if (fused === undefined)
    return qkv.map((name, i) =>
      linear(source, config, at(name), i === 0 ? q : kv, d, biases.qkv),
    ) as [Linear<T>, Linear<T>, Linear<T>];
  const all = linear(source, config, at(qkv[0]!), q + 2 * kv, d, biases.qkv);
  const stacked = (from: number, to: number) => (x: NdArray) => slice(x, [from], [to]);
  const share = numHeads / numKvHeads;
  const grouped = (from: number, to: number) => (x: NdArray) => {
    const rest = x.shape.slice(1);
    const groups = reshape(x, [numKvHeads, share + 2, headDim, ...rest]);
    return reshape(slice(groups, [0, from], [null, to]), [
      numKvHeads * (to - from) * headDim,
      ...rest,
    ]);
  };
  const parts =
    fused === "stacked"
      ? [stacked(0, q), stacked(q, q + kv), stacked(q + kv, q + 2 * kv)]
      : [grouped(0, share), grouped(share, share + 1), grouped(share + 1, share + 2)];
  return parts.map((part) => mapLinear(source, all, part)) as [Linear<T>, Linear<T>, Linear<T>];
}

/** Puts the first `rotary` features of each head, stored as neighbours that turn together, in the order of halves. */
function halves(x: NdArray, heads: number, headDim: number, rotary: number): NdArray {
  const rest = x.shape.slice(1);
  const all = reshape(x, [heads, headDim, ...rest]);
  const pairs = reshape(slice(all, [0, 0], [null, rotary]), [heads, rotary / 2, 2, ...rest]);
  const turned = reshape(transpose(pairs, [0, 2, 1, ...rest.map((_, i) => i + 3)]), [
    heads,
    rotary,
    ...rest,
  ]);
  const whole =
    rotary === headDim
      ? turned
      : concat([turned, slice(all, [0, rotary], [null, headDim])], { axis: 1 });
  return reshape(whole, x.shape);
}

/** Factors of queries or keys as one list: of a head, or of all heads. */
function headNorm<T>(source: Source<T>, config: ModelConfig, name: string, heads: number): Norm<T> {
  const { family, headDim, queryKeyNorm } = config;
  const { scope, shift } = queryKeyNorm!;
  if (scope === "heads") {
    const flat = heads * headDim;
    const scale =
      family === "stablelm"
        ? source.join(
            Array.from({ length: heads }, (_, i) =>
              source.tensor(`${name}.norms.${i}.weight`, [headDim]),
            ),
            (parts) => concat(parts),
          )
        : source.map(source.tensor(`${name}.weight`, [heads, headDim]), (x) => reshape(x, [flat]));
    return { scale };
  }
  const size = scope === "head" ? headDim : heads * headDim;
  return {
    scale: source.tensor(`${name}.weight`, [size]),
    ...(shift && { shift: source.tensor(`${name}.bias`, [size]) }),
  };
}

/** A feed-forward block that is no mixture. */
function dense<T>(
  source: Source<T>,
  config: ModelConfig,
  at: (name: string) => string,
): FeedForwardParameters<T> {
  const { hiddenSize: d, ffSize, biases, gated } = config;
  const { gate, gateAndUp, up, down } = tensorNames(config);
  const map = (name: string, out: number, into: number): Linear<T> =>
    linear(source, config, at(name), out, into, biases.feedForward);
  if (gated && gateAndUp !== undefined) {
    const both = map(gateAndUp, 2 * ffSize, d);
    return {
      gate: mapLinear(source, both, (x) => slice(x, [0], [ffSize])),
      up: mapLinear(source, both, (x) => slice(x, [ffSize], [2 * ffSize])),
      down: map(down, d, ffSize),
    };
  }
  return {
    ...(gated && { gate: map(gate!, ffSize, d) }),
    up: map(up, ffSize, d),
    down: map(down, d, ffSize),
  };
}

/** The experts of a mixture and its shared block, one below the other, and what routes to them. */
function mixture<T>(
  source: Source<T>,
  config: ModelConfig,
  names: MixtureNames,
  at: (name: string) => string,
): FeedForwardParameters<T> & { readonly mixture: MixtureParameters<T> } {
  const { hiddenSize: d } = config;
  const { numExperts, expertSize, sharedSize, routerBias } = config.mixture!;
  const router = linear(source, config, at(names.router), numExperts, d, routerBias);
  if (names.together) return { ...together(source, config, names, at, router) };
  const below = (parts: readonly NdArray[]): NdArray => concat(parts);
  const beside = (parts: readonly NdArray[]): NdArray => concat(parts, { axis: 1 });
  const all = (name: "gate" | "up" | "down"): Linear<T> => {
    const shape = (size: number): readonly number[] => (name === "down" ? [d, size] : [size, d]);
    const experts = Array.from({ length: numExperts }, (_, i) =>
      source.tensor(at(`${names.experts}.${i}.${names[name]}.weight`), shape(expertSize)),
    );
    const shared =
      sharedSize > 0
        ? [source.tensor(at(`${names.shared!}.${names[name]}.weight`), shape(sharedSize))]
        : [];
    return { weight: source.join([...experts, ...shared], name === "down" ? beside : below) };
  };
  return {
    gate: all("gate"),
    up: all("up"),
    down: all("down"),
    mixture: {
      router,
      ...(sharedSize > 0 && {
        sharedGate: linear(source, config, at(names.sharedGate!), 1, d, false),
      }),
    },
  };
}

/** All experts in one tensor each, `[experts, in, out]`, gates and neurons by turns. */
function together<T>(
  source: Source<T>,
  config: ModelConfig,
  names: MixtureNames,
  at: (name: string) => string,
  router: Linear<T>,
): FeedForwardParameters<T> & { readonly mixture: MixtureParameters<T> } {
  const { hiddenSize: d, mixture: sizes } = config;
  const { numExperts: n, expertSize: size } = sizes!;
  const name = at(`${names.experts}.gate_up_proj`);
  const both = {
    weight: source.tensor(name, [n, d, 2 * size]),
    bias: source.tensor(`${name}_bias`, [n, 2 * size]),
  };
  const down = source.tensor(at(`${names.experts}.down_proj`), [n, size, d]);
  const downBias = source.tensor(at(`${names.experts}.down_proj_bias`), [n, d]);
  const turn = (i: number): Linear<T> => ({
    weight: source.map(both.weight, (x) =>
      reshape(
        transpose(
          slice(reshape(x, [n, d, size, 2]), [0, 0, 0, i], [null, null, null, i + 1]),
          [0, 2, 1, 3],
        ),
        [n * size, d],
      ),
    ),
    bias: source.map(both.bias, (x) =>
      reshape(slice(reshape(x, [n, size, 2]), [0, 0, i], [null, null, i + 1]), [n * size]),
    ),
  });
  return {
    gate: turn(0),
    up: turn(1),
    down: { weight: source.map(down, (x) => transpose(reshape(x, [n * size, d]))) },
    mixture: { router, downBias },
  };
}

/** The parts of one layer. */
export function readLayer<T>(
  source: Source<T>,
  config: ModelConfig,
  layer: number,
): LayerParameters<T> {
  const { hiddenSize: d, numHeads, numKvHeads, headDim, biases, residual } = config;
  const names = tensorNames(config);
  const at = (name: string): string => `${names.layers}.${layer}.${name}`;
  const rotary = config.positions.kind === "rope" ? config.positions.rotarySize : undefined;
  const inHalves = (map: Linear<T>, heads: number): Linear<T> =>
    config.interleavedRotary && rotary !== undefined
      ? mapLinear(source, map, (x) => halves(x, heads, headDim, rotary))
      : map;
  const [query, key, value] = readQkv(source, config, at);
  const ofHeads = (name: string, heads: number): Norm<T> => {
    const { scale, ...rest } = headNorm(source, config, at(name), heads);
    const size = config.queryKeyNorm!.scope === "head" ? 1 : heads;
    return { ...rest, scale: inHalves({ weight: scale! }, size).weight };
  };
  const { attentionOutputNorm: after, feedForwardOutputNorm: last, sinks } = names;
  return {
    attentionNorm: norm(source, config, at(names.attentionNorm)),
    ...(residual !== "shared" && {
      feedForwardNorm: norm(source, config, at(names.feedForwardNorm!)),
    }),
    ...(residual === "sandwich" && {
      attentionOutputNorm: norm(source, config, at(after!)),
      feedForwardOutputNorm: norm(source, config, at(last!)),
    }),
    query: inHalves(query, numHeads),
    key: inHalves(key, numKvHeads),
    value,
    ...(config.queryKeyNorm && {
      queryNorm: ofHeads(names.queryNorm!, numHeads),
      keyNorm: ofHeads(names.keyNorm!, numKvHeads),
    }),
    ...(config.attention.sinks && { sinks: source.tensor(at(sinks!), [numHeads]) }),
    output: linear(source, config, at(names.output), d, numHeads * headDim, biases.output),
    ...(config.mixture?.layers[layer]
      ? mixture(source, config, names.mixture!, at)
      : dense(source, config, at)),
  };
}

/** The parts outside the layers. */
export function readOuter<T>(source: Source<T>, config: ModelConfig): OuterParameters<T> {
  const { vocabSize, hiddenSize: d, embeddingSize: e, positions, maxPositions } = config;
  const names = tensorNames(config);
  const embedding = source.tensor(`${names.embedding}.weight`, [vocabSize, e]);
  const head = `${names.head}.weight`;
  const stored = source.has(head) ? source.tensor(head, [vocabSize, e]) : undefined;
  return {
    embedding,
    ...(config.embeddingNorm && {
      embeddingNorm: norm(source, config, names.embeddingNorm!),
    }),
    ...(positions.kind === "learned" && {
      positions: source.tensor(`${names.positions!}.weight`, [maxPositions + positions.offset, d]),
    }),
    ...(e !== d && {
      projectIn: source.tensor("project_in.weight", [d, e]),
      projectOut: source.tensor("project_out.weight", [e, d]),
    }),
    ...(config.finalNorm && { finalNorm: norm(source, config, names.finalNorm) }),
    head: config.tied ? embedding : (stored ?? source.tensor(head, [vocabSize, e])),
    ...(config.headBias && { headBias: source.tensor(`${names.head}.bias`, [vocabSize]) }),
    ...(config.tied && stored !== undefined && { spareHead: stored }),
  };
}
