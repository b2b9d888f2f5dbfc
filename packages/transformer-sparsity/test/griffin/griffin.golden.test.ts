import { array, quantize, toNested, toTypedArray } from "@provably/core-tensor";
import { decodeSafetensor } from "@provably/core-tensor/io";
import { foldIn, key } from "@provably/core-tensor/random";
import { dotRows, pinMatrix, unpinned } from "@provably/core-tensor/pinned";
import { describe, expect, it } from "vitest";
import {
  type Activation,
  type ModelConfig,
  type RopeConfig,
  batchStatistics,
  costModel,
  drawToken,
  expectedJaccard,
  jaccardSimilarity,
  magnitudeThreshold,
  modelConfig,
  neuronScores,
  neuronStatistic,
  nextTokenProbabilities,
  ropeFrequencies,
  selectNeurons,
  wandaPrune,
} from "../../src/griffin/index.js";
import { ropeConfig } from "../../src/griffin/model/rope-config.js";
import { jsonReader } from "../../src/griffin/model/json.js";
import {
  type FeedForwardBlock,
  combineNeurons,
  neuronRows,
} from "../../src/griffin/runtime/feed-forward.js";
import { above } from "../../src/griffin/sparsity/baselines.js";
import { expectNear, load } from "./fixtures.js";

const matrix = (rows: number[][], dtype: "float32" | "float64" = "float64") =>
  array(rows, { dtype });

describe("golden statistic", () => {
  it.each(
    load<{
      cases: {
        name: string;
        D: number;
        Z: number[][];
        s: number[];
        sum_s_squared: number;
        top: Record<string, number[]>;
      }[];
    }>("statistic").cases,
  )("$name", ({ D, Z, s, sum_s_squared, top }) => {
    const statistic = neuronStatistic(Z.flat(), D);
    const scores = neuronScores(statistic);
    expectNear(scores, s, 1e-9, 1e-9);
    expect(statistic.sumSquares.reduce((a, b) => a + b, 0)).toBeCloseTo(sum_s_squared, 9);
    for (const [k, chosen] of Object.entries(top))
      expect([...selectNeurons(scores, Number(k))]).toEqual(chosen);
  });

  it("of a batch weighs its samples equally", () => {
    const { Z, s, s_batch, top8, top4 } = load<{
      Z: number[][][];
      s: number[][];
      s_batch: number[];
      top8: number[];
      top4: number[];
    }>("batch");
    const each = Z.map((z) => ({ layers: [neuronStatistic(z.flat(), z[0]!.length)] }));
    each.forEach(({ layers }, i) => {
      expectNear(neuronScores(layers[0]!), s[i]!, 1e-9);
    });
    const shared = neuronScores(batchStatistics(each).layers[0]!);
    expectNear(shared, s_batch, 1e-9);
    expect([...selectNeurons(shared, 8)]).toEqual(top8);
    expect([...selectNeurons(shared, 4)]).toEqual(top4);
  });
});

interface Block {
  activation: string;
  gated: boolean;
  weights: {
    x: number[][];
    W1: number[][];
    Wg?: number[][];
    W2: number[][];
    b1?: number[];
    bg?: number[];
    b2?: number[];
  };
  z: number[][];
  y: number[][];
  s: number[];
  k: number;
  experts: number[];
  x_new: number[];
  y_new_full: number[];
  y_new_pruned: number[];
  magnitude: number[];
  magnitude_experts: number[];
}

describe("golden feed-forward blocks", () => {
  const names: Record<string, Activation> = { gelu_tanh: "gelu_pytorch_tanh" };
  const transposed = (rows: number[][]) => rows[0]!.map((_, j) => rows.map((row) => row[j]!));
  const f32 = (x: number[] | number[][]) => Float32Array.from(x.flat());
  it.each(
    load<{ blocks: Block[] }>("ff-blocks").blocks.map(
      (b, i) => [`${i} ${b.activation}${b.gated ? " gated" : ""}`, b] as const,
    ),
  )("%s", (_, b) => {
    const { W1, Wg, W2, b1, bg, b2, x } = b.weights;
    const linear = (w: number[][], bias?: number[]) => ({
      weight: pinMatrix(w),
      ...(bias && { bias: f32(bias) }),
    });
    const block: FeedForwardBlock = {
      layer: 0,
      activation: names[b.activation] ?? (b.activation as Activation),
      weights: {
        ...(Wg && { gate: linear(Wg, bg) }),
        up: linear(W1, b1),
        down: linear(transposed(W2), b2),
      },
    };
    // single precision: 1e-5 relative to numbers of order 1 to 10
    const z = neuronRows(block, f32(x));
    expectNear(z, b.z.flat(), 1e-5, 1e-5);
    expectNear(combineNeurons(block, z), b.y.flat(), 1e-5, 1e-5);
    const scores = neuronScores(neuronStatistic(z, W1.length));
    expectNear(scores, b.s, 1e-5);
    const chosen = selectNeurons(scores, b.k);
    expect([...chosen]).toEqual(b.experts);
    expectNear(combineNeurons(block, neuronRows(block, f32(b.x_new))), b.y_new_full, 1e-5, 1e-5);
    expectNear(
      combineNeurons(block, neuronRows(block, f32(b.x_new), chosen), chosen),
      b.y_new_pruned,
      1e-5,
      1e-5,
    );
    const norms = (rows: number[][]) => rows.map((row) => Math.hypot(...row));
    const magnitude = Wg ? norms(W1).map((n, j) => n * norms(Wg)[j]!) : norms(W1);
    expectNear(magnitude, b.magnitude, 1e-9, 1e-9);
    expect([...selectNeurons(magnitude, b.k)]).toEqual(b.magnitude_experts);
  });
});

describe("golden selection by chance", () => {
  const golden = load<{
    s: number[];
    k: number;
    sample_inclusion: number[];
    topk_sample: { k: number; fixed: number[]; inclusion: number[] };
  }>("sampled-selection");
  const DRAWS = 20_000;
  const frequencies = (method: "sample" | "topKSample" | "random", k: number): number[] => {
    const counts = new Array<number>(golden.s.length).fill(0);
    for (let i = 0; i < DRAWS; i++)
      for (const j of selectNeurons(golden.s, k, { method, key: foldIn(key(method), i) }))
        counts[j]!++;
    return counts.map((c) => c / DRAWS);
  };
  it.each([
    ["sample", golden.k, golden.sample_inclusion],
    ["topKSample", golden.topk_sample.k, golden.topk_sample.inclusion],
    ["random", golden.k, golden.s.map(() => golden.k / golden.s.length)],
  ] as const)("%s includes each neuron as often as it should", (method, k, inclusion) => {
    frequencies(method, k).forEach((f, j) => {
      // 4.5 standard errors of a frequency; 0 where inclusion is sure
      const p = inclusion[j]!;
      expect(Math.abs(f - p)).toBeLessThanOrEqual(4.5 * Math.sqrt((p * (1 - p)) / DRAWS) + 1e-9);
    });
  });
});

describe("golden measures", () => {
  it("Jaccard similarities", () => {
    const { sets, jaccard, expected_random } = load<{
      sets: number[][];
      jaccard: number[][];
      expected_random: { D: number; k: number; value: number };
    }>("jaccard");
    jaccard.forEach((row, i) => {
      expectNear(sets.map((set) => jaccardSimilarity(sets[i]!, set)), row, 1e-9); // prettier-ignore
    });
    expect(expectedJaccard(expected_random.D, expected_random.k)).toBeCloseTo(
      expected_random.value,
      9,
    );
  });

  interface Row extends Record<string, number | string | boolean> {
    model: string;
    context: number;
  }
  it.each(load<{ rows: Row[] }>("cost-model").rows)("costs of $model", (row) => {
    const n = (name: string): number => row[name] as number;
    const config = {
      numLayers: n("layers"), hiddenSize: n("hidden"), ffSize: n("ff"), numHeads: n("heads"), numKvHeads: n("kv_heads"), headDim: n("head_dim"),
      vocabSize: n("vocab"), embeddingSize: n("hidden"), gated: row["gated"],
    } as unknown as ModelConfig; // prettier-ignore
    const full = costModel(config);
    expect([full.feedForwardWeights, full.attentionWeights, full.headWeights]).toEqual([
      n("ff_params"),
      n("attention_params"),
      n("head_params"),
    ]);
    expect(costModel(config, { context: row.context }).cacheEntries).toBe(n("kv_elements_read"));
    // the fixture counts flops with the context's attention
    expect([
      full.flopsPerToken,
      costModel(config, { context: row.context }).flopsPerToken,
    ]).toContain(n("flops_decode_full"));
    expect(full.feedForwardShare).toBeCloseTo(n("ff_share_weights"), 12);
    for (const density of [0.75, 0.5, 0.25]) {
      expect(costModel(config, { density }).idealSpeedup).toBeCloseTo(
        n(`ideal_speedup_${density}`),
        12,
      );
      expect(
        costModel(config, { density, context: row.context }).idealSpeedupWithCache,
      ).toBeCloseTo(n(`ideal_speedup_with_kv_${density}`), 12);
    }
  });
});

describe("golden baselines", () => {
  const golden = load<{
    wanda: { X: number[][]; W: number[][]; keep_per_row: number; pruned: number[][] };
    cats: { gate_preactivations: number[]; sparsity: number; threshold: number; kept: number[] };
    teal: { x: number[]; sparsity: number; threshold: number; kept: number[] };
  }>("baselines");
  it("Wanda keeps the weights that matter for the inputs", () => {
    const { X, W, keep_per_row, pruned } = golden.wanda;
    const norms = W[0]!.map((_, j) => Math.hypot(...X.map((row) => row[j]!)));
    expect(toNested(wandaPrune(matrix(W), norms, keep_per_row / W[0]!.length))).toEqual(pruned);
  });
  it("CATS keeps neurons whose gate is large", () => {
    const { gate_preactivations, sparsity, threshold, kept } = golden.cats;
    const gates = gate_preactivations.map((g) => g / (1 + Math.exp(-g)));
    expect(magnitudeThreshold(gates, sparsity)).toBeCloseTo(threshold, 9);
    expect([...above(gates, magnitudeThreshold(gates, sparsity))]).toEqual(kept);
  });
  it("TEAL keeps entries that are large", () => {
    const { x, sparsity, threshold, kept } = golden.teal;
    expect(magnitudeThreshold(x, sparsity)).toBeCloseTo(threshold, 9);
    expect([...above(x, magnitudeThreshold(x, sparsity))]).toEqual(kept);
  });
});

describe("golden sampling", () => {
  const golden = load<{
    logits: number[];
    context: number[];
    uniforms: number[];
    greedy: number;
    cases: (Record<
      "temperature" | "topK" | "topP" | "minP" | "repetitionPenalty",
      number | null
    > & { probabilities: number[]; draws: number[] })[];
  }>("sampling");
  it.each(golden.cases.map((c, i) => [i, c] as const))(
    "case %i",
    (_, { probabilities, draws, ...options }) => {
      const given = Object.fromEntries(
        Object.entries(options).filter(([, value]) => value !== null),
      );
      const p = nextTokenProbabilities(golden.logits, golden.context, given);
      expectNear(p, probabilities, 1e-9);
      expect(golden.uniforms.map((u) => drawToken(p, u))).toEqual(draws);
    },
  );
  it("temperature 0 is greedy", () => {
    expect(drawToken(nextTokenProbabilities(golden.logits, [], { temperature: 0 }), 0.99)).toBe(
      golden.greedy,
    );
  });
});

describe("golden numbers of few bits", () => {
  const { W, x, per_row, q8_0, y_exact } = load<{
    W: number[][];
    x: number[];
    per_row: { q: number[][]; scale: number[]; y: number[] };
    q8_0: { block: number; q: number[][]; scale: number[][] };
    y_exact: number[];
  }>("quantise");
  it("int8 with one scale a row", () => {
    const pinned = pinMatrix(matrix(W), { dtype: "int8" });
    const stored = toTypedArray(unpinned(pinned));
    per_row.q.flat().forEach((q, i) => {
      const scale = per_row.scale[Math.floor(i / W[0]!.length)]!;
      expect(Math.round(stored[i]! / (scale || 1))).toBe(q);
    });
    // the vector is rounded to 16 bits: 2⁻¹⁶ of its largest entry, times the weights of a row
    const slack = W.map((row) => Math.max(...x.map(Math.abs)) * 2 ** -16 * Math.hypot(...row) * 3);
    dotRows(pinned, Float32Array.from(x)).forEach((y, i) => {
      expect(Math.abs(y - per_row.y[i]!)).toBeLessThanOrEqual(slack[i]! + 1e-6);
    });
    expectNear(dotRows(pinMatrix(matrix(W)), Float32Array.from(x)), y_exact, 1e-5, 1e-5);
  });
  it("blocks of 32, by the array function", () => {
    const { values } = quantize(matrix(W), { groupSize: q8_0.block });
    expect(toNested(values)).toEqual(q8_0.q);
  });
  it("half precision, bit by bit", () => {
    const { bits, ...golden } = load<{
      half: { bits: number[] } & Record<string, (number | string)[]>;
    }>("rope-and-halves").half;
    for (const [name, values] of Object.entries(golden)) {
      const bytes = new Uint8Array(Uint16Array.from(bits).buffer);
      const read = toTypedArray(
        decodeSafetensor(
          { type: name.toUpperCase(), shape: [bits.length], range: [0, bytes.length] },
          bytes,
        ),
      );
      const number = (v: number | string): number =>
        typeof v === "number" ? v : v === "nan" ? NaN : v.startsWith("-") ? -Infinity : Infinity;
      values.forEach((value, i) => {
        expect(read[i], `${name} ${bits[i]}`).toBe(Math.fround(number(value)));
      });
    }
  });
});

describe("golden rotary frequencies", () => {
  interface Rope {
    parameters: { rope_type: string };
    head_dim: number;
    max_position_embeddings: number;
    seq_len: number | null;
    inverse_frequencies: number[];
    attention_scaling: number;
  }
  it.each(load<{ rope: Rope[] }>("rope-and-halves").rope)("$parameters.rope_type", (c) => {
    const rope = ropeConfig(
      jsonReader("test", { rope_parameters: c.parameters }),
      c.head_dim,
      c.max_position_embeddings,
      { base: "rope_theta", share: "partial_rotary_factor", defaultShare: 1 },
    );
    const { frequencies, factor } = ropeFrequencies(rope, c.seq_len ?? 0);
    expectNear(frequencies, c.inverse_frequencies, 0, 1e-6);
    expect(factor).toBeCloseTo(c.attention_scaling, 6);
  });

  interface RopeCase {
    config: Record<string, unknown>;
    rotary_dim: number;
    sequence_length: number | null;
    inverse_frequencies: number[];
    attention_factor: number;
  }
  it.each(load<{ cases: RopeCase[] }>("rope-configs").cases.map((c, i) => [i, c] as const))(
    "of config %i are those of transformers, at its length and with its factor of attention",
    (_, c) => {
      const rope = modelConfig(c.config).positions as RopeConfig;
      expect(rope.rotarySize).toBe(c.rotary_dim);
      const { frequencies, factor } = ropeFrequencies(rope, c.sequence_length ?? 0);
      expectNear(frequencies, c.inverse_frequencies, 0, 1e-5);
      expectNear([factor], [c.attention_factor], 0, 1e-12);
    },
  );
});
