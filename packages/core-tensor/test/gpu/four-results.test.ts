/** Products whose threads compute four elements each: the same results, handed from kernel to kernel. */
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { scan } from "@provably/core-tensor/compile";
import { traceGraph } from "../../src/graph/trace.js";
import { openWebGpu } from "../../src/compile/gpu/device.js";
import { prepare } from "../../src/compile/gpu/program.js";
import { denseOf } from "./dense.js";
import { dawn, missing } from "./dawn.js";

const [a, b, bias] = [normal(key(1), [9, 23]), normal(key(2), [23, 12]), normal(key(3), [12])];

const cases: Readonly<
  Record<string, readonly [(...args: NdArray[]) => NdArray, readonly NdArray[]]>
> = {
  "a product": [(x, w) => p.matmul(x, w), [a, b]],
  "a product with bias and activation": [
    (x, w, c) => p.tanh(p.add(p.matmul(x, w), c)),
    [a, b, bias],
  ],
  "a product of transposed factors": [
    (x, w) => p.matmul(p.transpose(x), p.transpose(w)),
    [normal(key(4), [23, 9]), normal(key(5), [12, 23])],
  ],
  "a stack of products": [
    (x, w) => p.matmul(x, w),
    [normal(key(6), [3, 5, 7]), normal(key(7), [3, 7, 8])],
  ],
  "a product that feeds others": [
    (x, w) => p.softmax(p.matmul(p.relu(p.matmul(x, w)), p.transpose(w))),
    [a, b],
  ],
  "a sum of two products": [
    (x, w) => p.add(p.matmul(x, w), p.matmul(p.neg(x), p.square(w))),
    [a, b],
  ],
  "products in a loop": [
    (x, w) => scan((s: NdArray) => [p.tanh(p.matmul(s, w)), null], x, null, { length: 5 })[0],
    [normal(key(8), [6, 8]), normal(key(9), [8, 8])],
  ],
  "the gradient of a product": [
    (x, w) => p.grad((v: NdArray) => p.sum(p.square(p.matmul(x, v))))(w),
    [a, b],
  ],
};

describe("four results a thread", () => {
  it.skipIf(missing !== undefined).each(Object.keys(cases))("%s", async (name) => {
    const [f, args] = cases[name]!;
    const device = await openWebGpu({ gpu: await dawn(), wideFrom: 1 });
    const program = prepare(traceGraph(f, args).graph, device);
    expect(program.explain()).toMatch(/4 a thread/);
    const want = f(...args);
    const [got] = await program.run(denseOf(args));
    expect(
      p.allClose(got!, want, { relativeTolerance: 1e-5, absoluteTolerance: 1e-5 }),
      program.explain(),
    ).toBe(true);
    // again, from the recorded pipeline
    const [again] = await program.run(denseOf(args));
    expect(p.toNested(again!)).toEqual(p.toNested(got!));
    program.free();
    await device.close();
  });
});
