import { type NdArray, concat, slice, softmax, toTypedArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Sampler,
  acceleratedSde,
  annealing,
  certifyOrder,
  dpnp,
  gaussianMixture,
  identityOperator,
  levelOf,
  mixtureLogDensity,
  mixtureScore,
  quantizedSensing,
  sample,
} from "../src/index.js";
import { dps } from "../src/baselines/index.js";
import { dpmSolverSde2M, heun } from "../src/samplers/index.js";

const N = 150;
const line = gaussianMixture({ weights: [1, 1], means: [[-2], [2]], variances: [0.1, 0.2] });
const plane = gaussianMixture({
  weights: [0.3, 0.5, 0.2],
  means: [
    [-1.5, 0],
    [0.8, 1.2],
    [1.2, -1],
  ],
  variances: [0.2, 0.3, 0.15],
});
/** Too large for the compiled path. */
const space = gaussianMixture({
  weights: [1, 1, 1, 1, 1],
  means: Array.from({ length: 5 }, (_, k) => [Math.cos(k), Math.sin(k), k / 3, 1]),
  variances: [0.1, 0.2, 0.3, 0.1, 0.2],
});

/** Where a batch of N rows is cut: anywhere, and more often where kernels change their ways. */
const cuts = fc.uniqueArray(
  fc.oneof(fc.integer({ min: 1, max: N - 1 }), fc.constantFrom(1, 2, 4, 5, 31, 32, 64, 128)),
  {
    minLength: 1,
    maxLength: 4,
  },
);
const parts = (places: readonly number[]): [number, number][] => {
  const ends = [0, ...[...places].sort((a, b) => a - b), N];
  return ends.slice(1).map((end, i) => [ends[i]!, end]);
};
const bits = (x: NdArray): Float64Array => Float64Array.from(toTypedArray(x));

/** The whole batch at once, and cut up. */
function expectSameBits(
  whole: NdArray,
  part: (from: number, to: number) => NdArray,
  runs = 12,
): void {
  const want = bits(whole);
  fc.assert(
    fc.property(cuts, (places) => {
      expect(bits(concat(parts(places).map(([from, to]) => part(from, to))))).toEqual(want);
    }),
    { numRuns: runs, seed: 7 },
  );
}

describe("a batch cut anywhere gives the same bits", () => {
  it("of softmax, scores and densities", () => {
    for (const [mixture, d] of [
      [line, 1],
      [plane, 2],
      [space, 4],
    ] as const) {
      const x = normal(key(d), [N, d], { dtype: "float64" });
      for (const f of [
        (rows: NdArray) => softmax(rows, { axis: 1 }),
        (rows: NdArray) => mixtureScore(mixture, rows, levelOf(0.3)),
        (rows: NdArray) => mixtureLogDensity(mixture, rows, levelOf(0.3)),
      ])
        expectSameBits(f(x), (from, to) => f(slice(x, [from], [to])));
    }
  });

  it.each([
    ["acceleratedSde", acceleratedSde as Sampler, 30],
    ["dpmSolverSde2M", dpmSolverSde2M() as Sampler, 20],
    ["heun", heun() as Sampler, 20],
  ])("through %s", (_, sampler, numSteps) => {
    for (const [mixture, d] of [
      [line, 1],
      [plane, 2],
      [space, 4],
    ] as const) {
      const run = (from: number, to: number): NdArray =>
        sample(sampler, mixture, key(3), { shape: [to - from, d], firstRow: from, numSteps })
          .samples;
      expectSameBits(run(0, N), run, 4);
    }
  });

  it("through posterior sampling", () => {
    const forward = quantizedSensing(identityOperator(2), 0.4);
    const etas = annealing({ start: 1, end: 0.3, hold: 1, decay: 2 });
    const chains = (from: number, to: number): NdArray =>
      dpnp(forward, [1, -1], plane, key(4), {
        numSamples: to - from,
        firstRow: from,
        etas,
        malaSteps: 5,
      }).samples;
    expectSameBits(chains(0, N), chains, 3);
    const guided = (from: number, to: number): NdArray =>
      dps(forward, [1, -1], plane, key(5), { numSamples: to - from, firstRow: from, numSteps: 8 })
        .samples;
    expectSameBits(guided(0, N), guided, 3);
  });

  it("and a certificate does not depend on what ran before", () => {
    const certify = (): number =>
      certifyOrder(heun(), plane, key(0), { numSteps: [20, 40], numPaths: 16 }).value;
    expect(certify()).toBe(certify());
  });
});
