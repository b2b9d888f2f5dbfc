/** Random programs: on gpu.js they give what running them eagerly gives. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { traceGraph } from "../../src/graph/trace.js";
import type { GpuJsDevice } from "../../src/compile/gpu/device.js";
import { prepare } from "../../src/compile/gpu/program.js";
import { looped, program, programs, viewsOf } from "../compile/random-programs.js";
import { denseOf } from "./dense.js";
import { devices } from "./devices.js";

const scale = (x: NdArray): number => Math.max(1, ...p.toTypedArray(p.abs(p.asType(x, "float64"))));

describe.each(devices)("$kind", ({ skip, open, runs }) => {
  let device: GpuJsDevice;
  beforeAll(async () => {
    if (!skip) device = await open();
  });
  afterAll(() => (skip ? undefined : device.close()));

  it.skipIf(skip)(
    `equals eager evaluation on ${runs} random programs`,
    async () => {
      await fc.assert(
        fc.asyncProperty(
          programs.choices,
          programs.shapes,
          programs.seed,
          async (steps, extents, seed) => {
            const f = program(steps);
            const leaves = extents.map((shape, i) => normal(key(`${seed} ${i}`), shape));
            const want = f(...leaves);
            const compiled = prepare(traceGraph(f, leaves).graph, device);
            const got = await compiled.run(denseOf(leaves));
            compiled.free();
            got.forEach((y, k) => {
              const z = want[k]!;
              const name = `output ${k} ${compiled.explain()}`;
              expect(y.dtype, name).toBe(z.dtype);
              expect(y.shape, name).toEqual(z.shape);
              // 1e-4 of the largest element
              if (
                z.size > 0 &&
                !p.allClose(y, z, { relativeTolerance: 1e-4, absoluteTolerance: 1e-4 * scale(z) })
              )
                expect(p.toNested(y), name).toEqual(p.toNested(z));
            });
          },
        ),
        { seed: 7, numRuns: runs },
      );
    },
    120_000,
  );

  it.skipIf(skip)(
    "leaves arguments as they were, also overlapping views of one buffer and states of loops",
    async () => {
      const form = fc.constantFrom("straight", "scan", "whileLoop", "cond");
      const kinds = fc.array(fc.nat({ max: 27 }), { minLength: 4, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(
          programs.choices,
          programs.shapes,
          programs.seed,
          kinds,
          form,
          async (steps, extents, seed, views, how) => {
            const f = how === "straight" ? program(steps) : looped(steps, how);
            const data = p.toTypedArray(normal(key(seed), [128], { dtype: "float32" }));
            const before = data.slice();
            const leaves = viewsOf(data, extents, views);
            const compiled = prepare(traceGraph(f, leaves).graph, device);
            const first = (await compiled.run(denseOf(leaves))).map((x) => p.toNested(x));
            expect(data).toEqual(before);
            expect((await compiled.run(denseOf(leaves))).map((x) => p.toNested(x))).toEqual(first);
            expect(data).toEqual(before);
            compiled.free();
          },
        ),
        { seed: 13, numRuns: Math.ceil(runs / 5) },
      );
    },
    120_000,
  );
});
