import type { NdArray } from "@provably/core-tensor";
import { describe, it } from "vitest";
import {
  attentionDiversity,
  attentionRollout,
  dropTokens,
  headDiversity,
  receivedAttention,
  summarizeAttention,
} from "../../src/mim/index.js";
import { type Nested, array32, expectNear, load } from "./fixtures.js";

type Heads = Record<string, number>[];
interface Layers {
  readonly layers: {
    readonly heads: Heads;
    readonly headDiversityCosine: number;
    readonly headDiversityJsd: number;
    readonly headDiversityTv: number;
    readonly received: Nested;
  }[];
}
interface Golden {
  readonly model: string;
  readonly case: string;
  readonly grid: [number, number];
  readonly patchSize: number;
  readonly specialTokens: number[];
  readonly patchesOnly: Layers;
  readonly allTokens: Layers | null;
  readonly rollout: Nested;
  readonly rolloutPatchesOnly: Nested;
}
const { models } = load<{ models: Golden[] }>("attention-summary");

/** Metrics of a head, by their names in the file. */
const SUMMARY = {
  entropy: "entropy",
  normalizedEntropy: "normalizedEntropy",
  perplexity: "perplexity",
  participationRatio: "participationRatio",
  gini: "gini",
  hoyer: "hoyer",
  coverage90: "coverage90",
  top5Mass: "topMass",
  nmi: "mutualInformation",
  diversityCosine: "diversity",
  diversityJsd: "diversityJsd",
  queryStd: "queryStd",
} as const;

function attentions(model: string, name: string): NdArray[] {
  const { cases } = load<{
    cases: { name: string; attentions: { shape: number[]; data: number[] }[] }[];
  }>(`${model}/expected`);
  return cases.find((c) => c.name === name)!.attentions.map(array32);
}

describe("golden summaries of the attention of vision transformers", () => {
  it.each(models)("gives every metric of $model", (golden) => {
    const maps = attentions(golden.model, golden.case);
    const { grid, patchSize, specialTokens } = golden;
    const kinds = [
      { kept: maps.map((map) => dropTokens(map, specialTokens).attention), expected: golden.patchesOnly, grid }, // prettier-ignore
      { kept: maps, expected: golden.allTokens, grid: undefined },
    ];
    for (const { kept, expected, grid: placed } of kinds) {
      if (!expected) continue;
      const table = summarizeAttention(kept, placed && { grid: placed, patchSize });
      expected.layers.forEach((layer, l) => {
        const ours = table.filter((head) => head.layer === l);
        layer.heads.forEach((head, h) => {
          for (const [name, own] of Object.entries(SUMMARY))
            expectNear(ours[h]![own as "entropy"].mean, head[name]!, 1e-6);
          if (placed) expectNear(ours[h]!.distance!.mean, head["distancePixels"]!, 1e-6);
        });
        for (const [name, distance] of [["diversityL2", "l2"], ["diversityTv", "tv"]] as const) // prettier-ignore
          expectNear(attentionDiversity(kept[l]!, { distance }), [layer.heads.map((head) => head[name]!)], 1e-6); // prettier-ignore
        expectNear(ours[0]!.headDiversity.mean, layer.headDiversityCosine, 1e-6);
        expectNear(headDiversity(kept[l]!, { distance: "jsd" }), [layer.headDiversityJsd], 1e-6);
        expectNear(headDiversity(kept[l]!, { distance: "tv" }), [layer.headDiversityTv], 1e-6);
        expectNear(receivedAttention(kept[l]!), [layer.received], 1e-6);
      });
    }
    expectNear(attentionRollout(maps), [golden.rollout], 1e-6);
    expectNear(attentionRollout(kinds[0]!.kept), [golden.rolloutPatchesOnly], 1e-6);
  });

  it("removes special tokens first when told which they are", () => {
    for (const golden of models) {
      const { grid, patchSize, specialTokens } = golden;
      const maps = attentions(golden.model, golden.case);
      const inside = summarizeAttention(maps, { grid, patchSize, dropTokens: specialTokens });
      expectNear(
        inside.map((head) => head.entropy.mean),
        golden.patchesOnly.layers.flatMap(({ heads }) => heads.map((head) => head["entropy"]!)),
        1e-6,
      );
    }
  });
});
