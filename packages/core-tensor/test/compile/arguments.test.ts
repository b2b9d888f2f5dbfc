/** A call leaves its arguments as they were, to the bit: overlapping views of one buffer, pinned arrays, states of loops that are written in place. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray, TypedArray } from "@provably/core-tensor";
import { type CompileOptions, compile, pin } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { looped, program, programs, viewsOf } from "./random-programs.js";

const bits = (data: TypedArray): Uint8Array => new Uint8Array(data.buffer).slice();
const values = (list: readonly NdArray[]): unknown[] => list.map((x) => p.toNested(x));

/** Holds every view that {@link viewsOf} takes. */
const LENGTH = 128;

const given = {
  kinds: fc.array(fc.nat({ max: 27 }), { minLength: 4, maxLength: 4 }),
  form: fc.constantFrom("straight", "scan", "whileLoop", "cond"),
  dtype: fc.constantFrom("float32", "float64"),
} as const;

const devices: readonly (readonly [string, CompileOptions])[] = [
  ["js", { device: "js" }],
  ["wasm", {}],
  ["wasm, results resident", { resident: true }],
  ["wasm, two threads", { threads: 2 }],
];

describe.each(devices)("a call on %s", (_, options) => {
  it("leaves views that overlap, and the buffer behind them, as they were", () => {
    fc.assert(
      fc.property(
        programs.choices,
        programs.shapes,
        programs.seed,
        given.kinds,
        given.form,
        given.dtype,
        (steps, extents, seed, kinds, form, dtype) => {
          const f = form === "straight" ? program(steps) : looped(steps, form);
          const data = p.toTypedArray(normal(key(seed), [LENGTH], { dtype }));
          const before = bits(data);
          const leaves = viewsOf(data, extents, kinds);
          const compiled = compile(f, options);
          const first = values(compiled(...leaves));
          expect(bits(data)).toEqual(before);
          expect(values(compiled(...leaves))).toEqual(first);
          expect(bits(data)).toEqual(before);
        },
      ),
      { seed: 11, numRuns: 150 },
    );
  });

  it("leaves pinned arrays, one of them given several times, as they were", () => {
    fc.assert(
      fc.property(
        programs.choices,
        programs.shapes,
        programs.seed,
        given.form,
        given.dtype,
        (steps, extents, seed, form, dtype) => {
          const f = form === "straight" ? program(steps) : looped(steps, form);
          const plain = extents.map((shape, i) => normal(key(`${seed} ${i}`), shape, { dtype }));
          const pinned = pin(plain);
          // the first array in every place whose shape it has
          const leaves = pinned.map((x) =>
            x.shape.join() === pinned[0]!.shape.join() ? pinned[0]! : x,
          );
          const compiled = compile(f, options);
          const first = values(compiled(...leaves));
          expect(values(compiled(...leaves))).toEqual(first);
          // read for the first time: nothing was copied out before the calls
          expect(values(pinned)).toEqual(values(plain));
        },
      ),
      { seed: 12, numRuns: 150 },
    );
  });
});

describe("a pinned array", () => {
  it("shows nothing of the memory it lies in, which other programs change", () => {
    const x = pin(p.ones([3]));
    const shown = JSON.stringify(x);
    compile((y: NdArray) => p.tanh(p.matmul(y, y)))(normal(key(1), [200, 200]));
    compile(p.exp, { threads: 2 })(x);
    expect(Object.keys(x).sort()).toEqual(Object.keys(p.ones([3])).sort());
    expect(JSON.stringify(x)).toBe(shown);
  });
});
