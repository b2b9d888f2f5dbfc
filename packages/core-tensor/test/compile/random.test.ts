/** Random programs: compiled on SIMD and in JavaScript they give what running them eagerly gives. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { program, programs } from "./random-programs.js";
import { key, normal } from "@provably/core-tensor/random";

const scale = (x: NdArray): number => Math.max(1, ...p.toTypedArray(p.abs(p.astype(x, "float64"))));

function same(name: string, got: NdArray, want: NdArray, relative: number): void {
  expect(got.dtype, name).toBe(want.dtype);
  expect(got.shape, name).toEqual(want.shape);
  if (want.size === 0 || p.allClose(got, want, { relative, absolute: relative * scale(want) }))
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
    }, 120_000);
});
