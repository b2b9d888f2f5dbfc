import type { NdArray } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import {
  type AttentionInput,
  attentionDistance,
  attentionDiversity,
  attentionEntropy,
  attentionGini,
  attentionHoyer,
  attentionPerplexity,
  coverageCount,
  dropTokens,
  headDiversity,
  heavyHitters,
  attentionMutualInformation,
  participationRatio,
  queryStd,
  receivedAttention,
  topKAttention,
  topKMass,
} from "../../src/mim/index.js";
import { type Nested, expectNear, f64, flat, load } from "./fixtures.js";

interface Golden {
  readonly grid: [number, number];
  readonly attn: Nested;
  readonly metrics: Record<string, Nested>;
  readonly dropFirstToken: Nested;
  readonly special: Record<string, { attn: Nested; metrics: Record<string, Nested> }>;
  readonly topkScores: Nested;
  readonly topk2: Nested;
  readonly topk6: Nested;
}
const golden = load<Golden>("attention_metrics");

const grid = golden?.grid ?? [3, 3];
const metrics: Record<string, (attention: AttentionInput) => NdArray> = {
  entropy: (a) => attentionEntropy(a),
  normalizedEntropy: (a) => attentionEntropy(a, { normalized: true }),
  perplexity: attentionPerplexity,
  participationRatio,
  gini: attentionGini,
  hoyer: attentionHoyer,
  top2Mass: (a) => topKMass(a, 2),
  coverage90: (a) => coverageCount(a, 0.9),
  attentionDistancePatch1: (a) => attentionDistance(a, { grid }),
  attentionDistancePatch16: (a) => attentionDistance(a, { grid, patchSize: 16 }),
  nmi: attentionMutualInformation,
  queryStd,
  received: receivedAttention,
  heavyHitters3: (a) => heavyHitters(a, 3),
};
for (const distance of ["cosine", "l2", "tv", "jsd"] as const) {
  metrics[`queryDiversity_${distance}`] = (a) => attentionDiversity(a, { distance });
  metrics[`headDiversity_${distance}`] = (a) => headDiversity(a, { distance });
}

describe("golden attention metrics", () => {
  it("knows every metric of the file", () => {
    expect(Object.keys(golden.metrics).filter((name) => !(name in metrics))).toEqual([]);
  });

  it.each(Object.keys(golden?.metrics ?? {}))("%s", (name) => {
    const measure = metrics[name]!;
    const exact = name === "coverage90" || name === "heavyHitters3";
    const compare = (attention: Nested, expected: Nested): void => {
      if (exact) expect(flat(measure(f64(attention)))).toEqual(flat(expected));
      else expectNear(measure(f64(attention)), expected, 1e-10);
    };
    compare(golden.attn, golden.metrics[name]!);
    for (const { attn, metrics: values } of Object.values(golden.special))
      if (values[name] !== undefined) compare(attn, values[name]);
  });

  it("drops the first token", () => {
    const { attention, emptyRows } = dropTokens(f64(golden.attn), [0]);
    expectNear(attention, golden.dropFirstToken, 1e-10);
    expect(emptyRows).toEqual([]);
  });

  it("attends to the top scores", () => {
    expectNear(topKAttention(f64(golden.topkScores), 2), golden.topk2, 1e-10);
    expectNear(topKAttention(f64(golden.topkScores), 6), golden.topk6, 1e-10);
  });
});
