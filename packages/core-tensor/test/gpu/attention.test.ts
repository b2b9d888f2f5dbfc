/** Attention whose weights are never stored: the results of attention that stores them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { traceGraph } from "../../src/graph/trace.js";
import type { GpuJsDevice } from "../../src/compile/gpu/device.js";
import { lower } from "../../src/compile/gpu/lower.js";
import { plan } from "../../src/compile/gpu/plan.js";
import { prepare } from "../../src/compile/gpu/program.js";
import { denseOf } from "./dense.js";
import { devices } from "./devices.js";

type Case = readonly [(...args: NdArray[]) => NdArray, readonly NdArray[]];

const random = (seed: number, ...shape: readonly number[]): NdArray => normal(key(seed), shape);
const rows = p.mul(random(20, 50, 3), 4);

const cases: Readonly<Record<string, Case>> = {
  "heads of eight": [
    (q, k, v) => p.attention(q, k, v),
    [random(1, 2, 21, 8), random(2, 2, 33, 8), random(3, 2, 33, 8)],
  ],
  "causal, with rows of five": [
    (q, k, v) => p.attention(q, k, v, { causal: true }),
    [random(4, 2, 3, 17, 6), random(5, 2, 3, 17, 6), random(6, 2, 3, 17, 5)],
  ],
  "grouped heads and a mask": [
    (q, k, v, m) => p.attention(q, k, v, { mask: m, scale: 3 }),
    [
      random(7, 4, 9, 4),
      random(8, 2, 13, 4),
      random(9, 2, 13, 4),
      p.where(p.greater(random(10, 9, 13), -0.5), 0, -Infinity),
    ],
  ],
  "one key": [
    (q, k, v) => p.attention(q, k, v),
    [random(11, 1, 5, 4), random(12, 1, 1, 4), random(13, 1, 1, 4)],
  ],
  "an empirical score: the mean of noisy data that a point sees": [
    (x) =>
      p.sub(
        p.matmul(
          p.softmax(p.mul(-0.5, p.sum(p.square(p.sub(p.expandDims(x, 1), rows)), { axis: -1 }))),
          rows,
        ),
        x,
      ),
    [random(14, 12, 3)],
  ],
};

describe.each(devices)("attention on $kind", ({ skip, open }) => {
  let device: GpuJsDevice;
  beforeAll(async () => {
    if (!skip) device = await open();
  });
  afterAll(() => (skip ? undefined : device.close()));

  it.skipIf(skip).each(Object.keys(cases))("%s", async (name) => {
    const [f, args] = cases[name]!;
    const { graph } = traceGraph(f, args);
    const want = f(...args);
    for (const storedScores of [0, Infinity]) {
      const program = prepare(graph, { ...device, storedScores });
      const [got] = await program.run(denseOf(args));
      expect(
        p.allClose(got!, want, { relativeTolerance: 1e-4, absoluteTolerance: 2e-5 }),
        program.explain(),
      ).toBe(true);
      expect(/softmax matmul/.test(program.explain())).toBe(storedScores === 0);
      program.free();
    }
  });

  it.skipIf(skip)("four results a thread share the scores, whose row is nowhere in memory", () => {
    const args = [random(1, 2, 64, 8), random(2, 2, 64, 8), random(3, 2, 64, 8)];
    const { outputs, kept } = lower(
      traceGraph((q, k, v) => p.attention(q, k, v, { causal: true }), args).graph,
      1000,
    );
    const kernels = plan(outputs, kept, { maxArrays: 7, wideFrom: 1 });
    expect(kernels.map(({ lanes, writes }) => [lanes, writes.size])).toEqual([[4, 2 * 64 * 8]]);
    // one exponential for each of four scores and one for what came before, not one for each result
    expect(kernels[0]!.source.match(/Math\.exp/g)).toHaveLength(5);
  });
});
