/** Random programs: compiled on SIMD and in JavaScript they give what running them eagerly gives. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { sharedAllocator, allocator } from "../../src/compile/wasm/allocator.js";
import { looped, program, programs, recurrence, recurrences } from "./random-programs.js";
import { watching } from "./watch.js";
import { key, normal } from "@provably/core-tensor/random";

const scale = (x: NdArray): number => Math.max(1, ...p.toTypedArray(p.abs(p.asType(x, "float64"))));

function same(name: string, got: NdArray, want: NdArray, relative: number): void {
  expect(got.dtype, name).toBe(want.dtype);
  expect(got.shape, name).toEqual(want.shape);
  if (
    want.size === 0 ||
    p.allClose(got, want, {
      relativeTolerance: relative,
      absoluteTolerance: relative * scale(want),
    })
  )
    return;
  expect(p.toNested(got), name).toEqual(p.toNested(want));
}

describe("compile", () => {
  for (const dtype of ["float32", "float64"] as const)
    it(`equals eager evaluation on random programs of ${dtype}`, () => {
      fc.assert(
        fc.property(programs.choices, programs.shapes, programs.seed, (steps, extents, seed) => {
          const f = program(steps);
          const leaves = extents.map((shape, i) => normal(key(`${seed} ${i}`), shape, { dtype }));
          const want = f(...leaves);
          const tolerance = dtype === "float32" ? 2e-4 : 1e-11;
          for (const device of ["js", "wasm"] as const) {
            const compiled = compile(f, { device });
            const first = compiled(...leaves);
            const second = compiled(...leaves);
            first.forEach((y, k) => {
              same(`${device} output ${k} ${explain(compiled)}`, y, want[k]!, tolerance);
              expect(p.toNested(second[k]!)).toEqual(p.toNested(y));
            });
          }
        }),
        { seed: 7, numRuns: 500 },
      );
    });

  it("equals eager evaluation on recurrences of any width, with gradients, in both directions", () => {
    fc.assert(
      fc.property(recurrences, programs.seed, (shape, seed) => {
        const { step, width, length, dtype } = shape;
        const f = recurrence(shape);
        const loss = (...leaves: [NdArray, NdArray, NdArray]): NdArray =>
          f(...leaves)
            .map((y, i) => p.sum(p.mul(y, p.cos(p.add(p.reshape(p.arange(y.size), y.shape), i)))))
            .reduce((a, b) => p.add(a, b));
        const gradient = p.grad(loss, { argnums: [0, 1, 2] });
        const leaves = [[width], [length, width], [width]].map((extents, i) =>
          normal(key(`${seed} ${i}`), extents, { dtype }),
        ) as [NdArray, NdArray, NdArray];
        const tolerance = dtype === "float32" ? 2e-4 : 1e-11;
        // a loop of unknown length has no gradient
        for (const g of step === "while" ? [f] : [f, gradient]) {
          const want = g(...leaves);
          watching(allocator(), () => {
            const compiled = compile(g);
            for (let run = 0; run < 2; run++)
              compiled(...leaves).forEach((y, k) => {
                same(`${JSON.stringify(shape)}, array ${k}`, y, want[k]!, tolerance);
              });
          });
        }
      }),
      { seed: 18, numRuns: 150 },
    );
  });

  it("writes nothing but what it says, whatever the program, its threads and its results", () => {
    const how = fc.record({
      form: fc.constantFrom("straight", "scan", "whileLoop", "cond"),
      resident: fc.boolean(),
      threads: fc.constantFrom(1, 2),
    });
    fc.assert(
      fc.property(
        programs.choices,
        programs.shapes,
        programs.seed,
        how,
        (steps, extents, seed, { form, resident, threads }) => {
          const f = form === "straight" ? program(steps) : looped(steps, form);
          const dtype = seed % 2 === 0 ? "float32" : "float64";
          const leaves = extents.map((shape, i) => normal(key(`${seed} ${i}`), shape, { dtype }));
          const memory = threads === 1 ? allocator() : sharedAllocator(threads);
          watching(memory, () => compile(f, { resident, threads })(...leaves));
        },
      ),
      { seed: 19, numRuns: 200 },
    );
  });

  it("writes nothing but what it says, in tiles and where loops are cut among threads", () => {
    const chain = (x: NdArray, y: NdArray): NdArray[] => [p.add(p.exp(x), y), p.greater(x, y)];
    for (const size of [32_771, 65_539, 70_001])
      for (const dtype of ["float32", "float64"] as const)
        for (const threads of [1, 2]) {
          const [x, y] = ["x", "y"].map((name) => normal(key(name), [size], { dtype })) as [
            NdArray,
            NdArray,
          ];
          const memory = threads === 1 ? allocator() : sharedAllocator(threads);
          watching(memory, () => {
            const got = compile(chain, { threads })(x, y);
            chain(x, y).forEach((want, k) => {
              same(`${size} ${dtype} ${k}`, got[k]!, want, 1e-5);
            });
          });
        }
  });
});
