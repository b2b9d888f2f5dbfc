import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  array,
  eye,
  grad,
  item,
  mul,
  reshape,
  softmax,
  sum,
  toNested,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import { decodeSafetensors, encodeNpy } from "@provably/core-tensor/io";
import { key, normal, permutation } from "@provably/core-tensor/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  areaAttention,
  attentionDistance,
  attentionDiversity,
  attentionEntropy,
  attentionFromQK,
  attentionFromTensor,
  attentionGini,
  attentionHoyer,
  attentionPerplexity,
  attentionRollout,
  coverageCount,
  dropTokens,
  headDiversity,
  heavyHitters,
  attentionMutualInformation,
  participationRatio,
  plotAttentionGrid,
  queryStd,
  receivedAttention,
  summarizeAttention,
  topKAttention,
  topKMass,
} from "../../src/mim/index.js";
import { expectNear, flat } from "./fixtures.js";

const maps = (seed: number, shape: readonly number[]): ReturnType<typeof softmax> =>
  softmax(normal(key(seed), [...shape], { dtype: "float64", std: 2 }), { axis: -1 });
const shapes = fc.record({
  seed: fc.integer(),
  q: fc.integer({ min: 2, max: 7 }),
  k: fc.integer({ min: 2, max: 7 }),
});

describe("laws of the metrics", () => {
  it("lie within their bounds", () => {
    fc.assert(
      fc.property(shapes, ({ seed, q, k }) => {
        const a = maps(seed, [2, q, k]);
        for (const h of flat(attentionEntropy(a, { normalized: true })))
          expect(h >= 0 && h <= 1 + 1e-12).toBe(true);
        for (const n of [...flat(attentionPerplexity(a)), ...flat(participationRatio(a))])
          expect(n >= 1 - 1e-12 && n <= k + 1e-9).toBe(true);
        for (const g of flat(attentionGini(a)))
          expect(g >= -1e-12 && g <= 1 - 1 / k + 1e-12).toBe(true);
        for (const g of flat(attentionHoyer(a))) expect(g >= -1e-12 && g <= 1 + 1e-12).toBe(true);
        for (const x of flat(attentionMutualInformation(a)))
          expect(x >= 0 && x <= 1 + 1e-12).toBe(true);
        for (const distance of ["cosine", "tv"] as const)
          for (const d of flat(attentionDiversity(a, { distance })))
            expect(d >= 0 && d <= 1).toBe(true);
        for (const d of flat(attentionDiversity(a, { distance: "jsd" })))
          expect(d >= 0 && d <= Math.LN2).toBe(true);
        for (const total of flat(sum(receivedAttention(a), { axis: 1 })))
          expect(total).toBeCloseTo(q, 10);
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it("give the Jensen–Shannon divergence by its formula, also of zeros, ones and the smallest numbers", () => {
    const xlogx = (x: number): number => (x > 0 ? x * Math.log(x) : 0);
    const rows = (seed: number, k: number): number[][] => {
      const [peaked, flatter] = [60, 0.1].map((std) =>
        flat(softmax(normal(key(seed), [k], { dtype: "float64", std }))),
      );
      const tiny = Array.from(
        { length: k },
        (_, i) => [1 - 1e-9, 1e-9, 5e-324, 2 ** -1022][i] ?? 0,
      );
      return [
        [...peaked!],
        [...flatter!],
        tiny,
        tiny.map((_, i) => (i === k - 1 ? 1 : 0)),
        new Array<number>(k).fill(1 / k),
      ];
    };
    for (const k of [2, 7, 196]) {
      const map = rows(k, k);
      let total = 0;
      for (let i = 0; i < map.length; i++)
        for (let j = 0; j < i; j++)
          for (let q = 0; q < k; q++) {
            const [a, b] = [map[i]![q]!, map[j]![q]!];
            total += (xlogx(a) + xlogx(b)) / 2 - xlogx((a + b) / 2);
          }
      expect(
        item(attentionDiversity(array(map, { dtype: "float64" }), { distance: "jsd" })),
      ).toBeCloseTo(total / ((map.length * (map.length - 1)) / 2), 14);
    }
    expect(
      item(attentionDiversity(array([rows(1, 9)[0]!, rows(1, 9)[0]!]), { distance: "jsd" })),
    ).toBe(0);
  });

  it("do not change when queries are reordered, nor, but for received attention, when keys are", () => {
    fc.assert(
      fc.property(shapes, ({ seed, q, k }) => {
        const a = maps(seed, [q, k]);
        const rows = permutation(key(seed + 1), a);
        const columns = transpose(permutation(key(seed + 2), transpose(a)));
        for (const measure of [attentionDiversity, attentionMutualInformation, queryStd])
          for (const b of [rows, columns])
            expect(item(measure(b))).toBeCloseTo(item(measure(a)), 10);
        expectNear(receivedAttention(rows), receivedAttention(a), 1e-10);
        expectNear(attentionEntropy(columns), attentionEntropy(a), 1e-10);
      }),
      { seed: 2, numRuns: 30 },
    );
  });

  it("agree with the definition by pairs", () => {
    const a = maps(3, [5, 6]);
    const rows = toNested(a) as number[][];
    let total = 0;
    for (let i = 0; i < 5; i++)
      for (let j = i + 1; j < 5; j++) {
        const dot = (x: number[], y: number[]): number => x.reduce((t, v, n) => t + v * y[n]!, 0);
        total +=
          1 -
          dot(rows[i]!, rows[j]!) / Math.sqrt(dot(rows[i]!, rows[i]!) * dot(rows[j]!, rows[j]!));
      }
    expect(item(attentionDiversity(a))).toBeCloseTo(total / 10, 12);
  });

  it("have their exact values on a permutation", () => {
    const a = permutation(key(0), eye(6, 6, { dtype: "float64" }));
    const values = (["cosine", "jsd", "tv", "l2"] as const).map((distance) =>
      item(attentionDiversity(a, { distance })),
    );
    expectNear(values, [1, Math.LN2, 1, Math.SQRT2], 1e-12);
    expect(item(attentionMutualInformation(a))).toBeCloseTo(1, 12);
  });
});

describe("bad input", () => {
  const half = array([[0.5, 0.5], [1, 0]]); // prettier-ignore

  it("is refused with the row and the reason", () => {
    expect(() => attentionEntropy(array([[0.5, 0.6]]))).toThrow(/row 0 sums to 1\.1/);
    expect(() => attentionEntropy(array([[1.5, -0.5]]))).toThrow(/≥ 0/);
    expect(() => attentionEntropy(array([[Number.NaN, 1]]))).toThrow(/attention/);
    expect(() => attentionEntropy(array([1]))).toThrow(/queries, keys/);
    expect(() => attentionEntropy({ data: [1], dims: [1, 1] })).toThrow(/Float32Array/);
    expect(() => attentionEntropy({ data: Float32Array.of(1), dims: [2, 2] })).toThrow(/dims/);
    expect(() => topKMass(half, 3)).toThrow(/k must be an integer from 1 to 2/);
    expect(() => heavyHitters(half, 0)).toThrow(/k must be/);
    expect(() => coverageCount(half, 1.5)).toThrow(/mass/);
    expect(() => attentionDiversity(half, { distance: "manhattan" as "tv" })).toThrow(/distance/);
    expect(() => headDiversity(half)).toThrow(/heads/);
    expect(() => areaAttention(half, [0])).toThrow(/labels/);
    expect(() => areaAttention(half, [0, -1])).toThrow(/labels\[1\]/);
    expect(() => attentionRollout([])).toThrow(/at least one layer/);
    expect(() => topKAttention(half, 5)).toThrow(/k must be/);
    expect(() => attentionFromQK(half, array([[1, 2, 3]]))).toThrow(/attentionFromQK/);
  });

  it("suggests to drop special tokens when there is one too many", () => {
    expect(() => attentionDistance(eye(10), { grid: [3, 3] })).toThrow(/drop the 1 special tokens/);
    const { attention } = dropTokens(
      mul(1 / 10, array(new Float32Array(100).fill(1), { shape: [10, 10] })),
      [0],
    );
    expect(attentionDistance(attention, { grid: [3, 3] }).shape).toEqual([9]);
  });

  it("reports rows left without mass, which diversity refuses or skips", () => {
    const { attention, emptyRows } = dropTokens(array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), [0]); // prettier-ignore
    expect(emptyRows).toEqual([]);
    const sink = dropTokens(array([[1, 0, 0], [1, 0, 0], [0, 0, 1]]), [0]); // prettier-ignore
    expect(sink.emptyRows).toEqual([0]);
    expect(() => attentionDiversity(sink.attention)).toThrow(/row 0 sums to 0/);
    expect(item(attentionDiversity(sink.attention, { skipEmpty: true }))).toBe(0);
    expect(item(attentionDiversity(attention))).toBe(1);
  });

  it("takes rows that were not renormalised where that is asked for", () => {
    const { attention } = dropTokens(array([[0.5, 0.25, 0.25], [0.5, 0.5, 0], [0.5, 0, 0.5]]), [0], { renormalize: false }); // prettier-ignore
    expect(() => attentionDistance(attention, { grid: [1, 2] })).toThrow(/sums to 0\.5/);
    expectNear(attentionDistance(attention, { grid: [1, 2], partialRows: true }), [0, 0], 1e-12);
  });
});

describe("maps of others", () => {
  it("come as tensors with data and dims, or as the bytes of a file", () => {
    const a = maps(5, [1, 2, 3, 3]);
    const tensor = { data: Float32Array.from(toTypedArray(a)), dims: [1, 2, 3, 3] };
    expectNear(attentionEntropy(tensor), attentionEntropy(a), 1e-6);
    expectNear(attentionFromTensor(tensor), a, 1e-6);
    expectNear(attentionFromTensor(encodeNpy(a)), a, 0);
  });

  it("come from queries and keys where a model returns none", () => {
    const [q, k] = [
      normal(key(1), [2, 4, 8], { dtype: "float64" }),
      normal(key(2), [2, 5, 8], { dtype: "float64" }),
    ];
    const a = attentionFromQK(q, k);
    expect(a.shape).toEqual([2, 4, 5]);
    for (const total of flat(sum(a, { axis: -1 }))) expect(total).toBeCloseTo(1, 12);
  });

  it("can be cut to the top scores, with gradients through the kept ones only", () => {
    const scores = array(Float64Array.of(1, 3, 2, 3), { shape: [1, 4] });
    const slope = flat(
      grad((s: ReturnType<typeof array>) =>
        sum(mul(topKAttention(s, 2), array([[1, 2, 3, 4]], { dtype: "float64" }))),
      )(scores),
    );
    expect([slope[0], slope[2]]).toEqual([0, 0]);
    expectNear(slope, [0, -0.5, 0, 0.5], 1e-12);
    expectNear(topKAttention(scores, 4), softmax(scores, { axis: -1 }), 1e-12);
  });

  it("roll out to a distribution over the first layer's tokens", () => {
    const flow = attentionRollout([maps(1, [2, 3, 5, 5]), maps(2, [2, 3, 5, 5])]);
    expect(flow.shape).toEqual([2, 5, 5]);
    for (const total of flat(sum(flow, { axis: -1 }))) expect(total).toBeCloseTo(1, 12);
  });
});

describe("a real exported tensor: two digits through the pretrained vision transformer of the examples", () => {
  const file = fileURLToPath(
    new URL("../../../../examples/models/digits-vit/attention.safetensors", import.meta.url),
  );
  const { tensors } = decodeSafetensors(readFileSync(file));
  const layers = ["layer.1", "layer.2"].map((name) => tensors[name]!);

  it("is measured head by head, like the same numbers in another library's tensors", () => {
    const table = summarizeAttention(layers, { grid: [7, 7] });
    expect(table.map(({ layer, head }) => [layer, head])).toEqual(
      [0, 1].flatMap((l) => [0, 1, 2, 3].map((h) => [l, h])),
    );
    const foreign = summarizeAttention(
      layers.map((x) => ({ data: toTypedArray(x), dims: x.shape })),
      { grid: [7, 7] },
    );
    expect(foreign).toEqual(table);
    for (const head of table) {
      expect(head.diversity.mean).toBeGreaterThan(0.05);
      expect(head.distance!.mean).toBeGreaterThan(1);
      expect(head.entropy.mean).toBeLessThan(Math.log(49));
    }
  });

  it("is more diverse than the same keys for all queries", () => {
    const mean = flat(sum(layers[1]!, { axis: 2 })).map((x) => x / 49);
    const collapsed = reshape(array(Float64Array.from({ length: layers[1]!.size }, (_, i) => mean[Math.floor(i / 2401) * 49 + (i % 49)]!)), [2, 4, 49, 49]); // prettier-ignore
    const renormalised = dropTokens(collapsed, []).attention;
    flat(attentionDiversity(renormalised)).forEach((d) => expect(d).toBeLessThan(1e-6));
    expect(plotAttentionGrid(layers).match(/<image/g)!.length).toBe(8);
  });
});
