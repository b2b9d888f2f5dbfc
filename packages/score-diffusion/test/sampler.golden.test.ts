import { describe, it } from "vitest";
import { key } from "@provably/core-tensor/random";
import { type NdArray } from "@provably/core-tensor";
import {
  type Sampler,
  acceleratedOde,
  acceleratedOdeMultistep,
  acceleratedOdeExtended,
  acceleratedSde,
  ddpm,
  theorySchedule,
  pfOde,
  sample,
} from "../src/index.js";
import { ddim } from "../src/samplers/index.js";
import { type GoldenMixture, expectNear, f64, load, mixtureOf } from "./fixtures.js";

interface PaperCase {
  readonly T: number;
  readonly c0: number;
  readonly c1: number;
  readonly prior: GoldenMixture;
  readonly yT: number[][];
  readonly z: number[][][];
  readonly zPlus: number[][][];
  readonly [trajectory: string]: unknown;
}
const golden = load<{ cases: PaperCase[] }>("paper_samplers");

const samplers: readonly (readonly [string, Sampler])[] = [
  ["pfOde", pfOde],
  ["ddpm", ddpm],
  ["acceleratedOdePlainFirst", acceleratedOde],
  ["acceleratedOdeExtend", acceleratedOdeExtended],
  ["acceleratedSde", acceleratedSde],
];

describe("golden trajectories of the paper samplers", () => {
  describe.each(golden?.cases.map((c, i) => [i, c] as const) ?? [])("case %i", (_, c) => {
    const schedule = theorySchedule(c.T, { c0: c.c0, c1: c.c1 });
    // step t uses the noise z[t − 1], and the table runs from T down
    const noise = (count: number, stopAt: 0 | 1): NdArray[][] =>
      Array.from({ length: c.T - stopAt }, (_, i) =>
        [c.z, c.zPlus].slice(0, count).map((z) => f64(z[c.T - 1 - i]!)),
      );
    it.each(samplers)("%s visits the golden points", (name, sampler) => {
      const run = sample(sampler, mixtureOf(c.prior), key(0), {
        start: f64(c.yT),
        schedule,
        noise: noise(sampler.numNoises, 0),
        trajectory: true,
      });
      expectNear(run.trajectory!, c[name] as number[][][]);
    });
    it("acceleratedOdeMultistep visits the golden points down to Y_1", () => {
      const run = sample(acceleratedOdeMultistep, mixtureOf(c.prior), key(0), {
        start: f64(c.yT),
        schedule,
        stopAt: 1,
        trajectory: true,
      });
      expectNear(run.trajectory!, c["acceleratedOdeCached"] as number[][][]);
    });
  });
});

interface PracticalCase {
  readonly prior: GoldenMixture;
  readonly alphaBarClean1: number[];
  readonly xT: number[][];
  readonly z: number[][][];
  readonly ddim_eta0: number[][][];
  readonly ddim_eta05: number[][][];
  readonly ddim_eta1: number[][][];
}
const practical = load<{ cases: PracticalCase[] }>("practical_samplers");

describe("golden trajectories of ddim", () => {
  it.each(practical?.cases.map((c, i) => [i, c] as const) ?? [])(
    "case %i at eta 0, ½ and 1",
    (_, c) => {
      const alphaBar = c.alphaBarClean1.slice(1);
      const schedule = { alphaBar, beta: alphaBar.map((a, i) => 1 - a / c.alphaBarClean1[i]!) };
      const steps = alphaBar.length;
      for (const [eta, golden] of [
        [0, c.ddim_eta0],
        [0.5, c.ddim_eta05],
        [1, c.ddim_eta1],
      ] as const) {
        const sampler = ddim({ eta });
        const noise = Array.from({ length: steps }, (_, i) =>
          sampler.numNoises === 0 ? [] : [f64(c.z[steps - 1 - i]!)],
        );
        const run = sample(sampler, mixtureOf(c.prior), key(0), {
          start: f64(c.xT),
          schedule,
          noise,
          trajectory: true,
        });
        expectNear(run.trajectory!, golden);
      }
    },
  );
});
