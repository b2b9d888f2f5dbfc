import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  createSpatialDistribution,
  detectPhases,
  enumerateImages,
  trainMaskedReconstruction,
} from "../../src/mim/index.js";
import { type Nested, expectNear, flat, load } from "./fixtures.js";

interface Case {
  readonly name: string;
  readonly areas: number[][][];
  readonly zSupport: [number, number][];
  readonly eta: number;
  readonly steps: number;
  readonly query: number;
  readonly cluster: number;
  readonly gamma: number;
  readonly ownArea: number;
  readonly T1: number;
  readonly tHalf: number;
  readonly tHi: number;
  readonly loss: number[];
  readonly alphaTarget: number[];
  readonly alphaGlobal: number[];
  readonly attentionOwnVisible: number[];
  readonly attentionGlobalVisible: number[];
  readonly snapshots: { step: number; phi: Nested; upsilon: Nested }[];
}
const { cases } = load<{ cases: Case[] }>("two-phase");

/** The images that hide the query; all others leave its row alone. Their weights are those among all images. */
function hidingImages(c: Case) {
  const latent = {
    kind: "discrete",
    values: c.zSupport.map(([z]) => z),
    probabilities: c.zSupport.map(([, p]) => p),
  } as const;
  const world = createSpatialDistribution(c.areas, { latent });
  const { samples, weights } = enumerateImages(world, { maskRatio: c.gamma });
  const hiding = samples.flatMap(({ mask }, i) => (mask[c.query] ? [i] : []));
  return {
    world,
    samples: hiding.map((i) => samples[i]!),
    weights: hiding.map((i) => weights[i]!),
  };
}

describe("golden dynamics of one query, exact over every image and mask", () => {
  it.each(cases)(
    "descends as enumerated with a $name, and its phases come at the same steps",
    (c) => {
      const { world, samples, weights } = hidingImages(c);
      // the events come early; the long tail is run on request
      const numSteps = process.env["RUN_SLOW"] ? c.steps : c.tHi + 2;
      const { history } = trainMaskedReconstruction(world, key(0), {
        source: { kind: "fixed", samples, weights },
        learningRate: c.eta,
        numSteps,
        recordEvery: 1,
        queries: [c.query],
        track: [{ query: c.query, cluster: c.cluster }],
        onProgress({ iteration, state: { correlations } }) {
          const snapshot = c.snapshots.find(({ step }) => step === iteration);
          if (snapshot === undefined) return;
          const [P, F] = correlations.phi.shape as [number, number];
          expectNear(
            flat(correlations.phi).slice(c.query * F, (c.query + 1) * F),
            snapshot.phi,
            1e-9,
          );
          expectNear(
            flat(correlations.upsilon).slice(c.query * P, (c.query + 1) * P),
            snapshot.upsilon,
            1e-9,
          );
        },
      });
      const [tracked] = history.queries;
      const column = (rows: readonly (readonly number[])[], area: number): number[] =>
        rows.map((row) => row[area]!);
      const upTo = (curve: readonly number[]): number[] => curve.slice(0, numSteps + 1);
      expectNear([...history.loss], upTo(c.loss), 1e-9);
      expectNear(column(tracked!.alpha, c.ownArea), upTo(c.alphaTarget), 1e-9);
      expectNear(column(tracked!.alpha, 0), upTo(c.alphaGlobal), 1e-9);
      expectNear(column(tracked!.areaAttention, c.ownArea), upTo(c.attentionOwnVisible), 1e-9);
      expectNear(column(tracked!.areaAttention, 0), upTo(c.attentionGlobalVisible), 1e-9);
      const phases = detectPhases(tracked!);
      expect([phases.decouplingEnd, phases.halfStep, phases.highStep]).toEqual([
        c.T1,
        c.tHalf,
        c.tHi,
      ]);
    },
    600_000,
  );
});
