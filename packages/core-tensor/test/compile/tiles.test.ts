/** Long loops run tile by tile when arguments are copied in and results out: the same bits as in one tile, which is how they run on resident memory. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, explain, pin } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";

const bytes = (x: NdArray): Buffer => {
  const data = p.toTypedArray(x);
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
};

/** Results in tiles and in one tile, and what the first compiled function says. */
function both(f: (...args: NdArray[]) => readonly NdArray[], ...args: NdArray[]): string {
  const [tiles, whole] = [compile(f), compile(f, { resident: true })];
  const want = whole(...args);
  for (let call = 0; call < 2; call++)
    tiles(...args).forEach((y, k) => {
      expect([y.dtype, y.shape]).toEqual([want[k]!.dtype, want[k]!.shape]);
      expect(bytes(y).equals(bytes(want[k]!)), `output ${k}, call ${call}`).toBe(true);
    });
  expect(explain(whole)).not.toContain("tiles");
  return explain(tiles);
}

describe("a long loop in tiles", () => {
  it("gives the bits of one piece for any extent, type and number of results", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 32768, max: 50000 }),
        fc.constantFrom("float32", "float64"),
        (n, dtype) => {
          const [a, b] = [normal(key(n), [n], { dtype }), normal(key(n + 1), [n], { dtype })];
          const f = (x: NdArray, y: NdArray): NdArray[] => {
            const z = p.add(x, y);
            return [p.mul(p.tanh(z), p.exp(y)), p.greater(z, y), p.asType(p.floor(z), "int32")];
          };
          // loops over eight-byte elements keep integers apart
          if (dtype === "float64") both(f, a, b);
          else expect(both(f, a, b)).toContain(`${Math.ceil(n / 8192)} tiles of 8192 elements`);
          expect(both((x, y) => f(x, y).slice(0, 1), a, b)).toContain("tiles");
        },
      ),
      { seed: 5, numRuns: 12 },
    );
  });

  it("takes single numbers, pinned arrays, constants, views and results of other shapes", () => {
    const n = 40_000;
    const x = normal(key(1), [200, 200]);
    const weights = normal(key(2), [200, 200]);
    const f = (a: NdArray, b: NdArray, s: NdArray): NdArray[] => {
      const y = p.add(p.mul(p.sigmoid(a), s), p.mul(b, weights));
      return [y, p.reshape(y, [n]), y];
    };
    for (const [a, b] of [
      [x, pin(weights)],
      [p.transpose(x), p.flip(weights)],
      [pin(x), pin(x)],
      [p.slice(normal(key(3), [201, 200]), [1], [201]), x],
    ])
      expect(both(f, a!, b!, p.array(0.3))).toContain("5 tiles of 8192 elements");
  });

  it("is not for what needs more than one piece at a time, nor for short arrays", () => {
    const x = normal(key(4), [200, 200]);
    for (const f of [
      (a: NdArray) => [p.add(a, p.transpose(a))],
      (a: NdArray) => [p.sum(p.exp(a))],
      (a: NdArray) => [p.exp(a), a],
      (a: NdArray) => [p.transpose(p.exp(a))],
      (a: NdArray) => [p.add(a, p.slice(a, [0], [1]))],
    ])
      expect(both(f, x)).not.toContain("tiles");
    expect(both((a) => [p.exp(a)], normal(key(5), [32767]))).not.toContain("tiles");
  });

  it("takes little memory, and leaves arguments as they were", () => {
    const n = 2 ** 17;
    const data = p.toTypedArray(normal(key(6), [n]));
    const before = data.slice();
    const f = compile((a: NdArray) => p.mul(p.exp(p.neg(p.square(a))), a));
    f(p.array(data, { copy: false }));
    expect(Buffer.from(data.buffer).equals(Buffer.from(before.buffer))).toBe(true);
    const arena = Number(/(\d+) bytes of arena/.exec(explain(f))![1]);
    expect(arena).toBeLessThan(200_000);
  });
});

describe("branches of elementwise operations that meet", () => {
  const loops = (f: (...args: NdArray[]) => unknown, ...args: NdArray[]): string[] => {
    const compiled = compile(f);
    compiled(...args);
    return explain(compiled)
      .split("\n")
      .filter((line) => line.startsWith("  "))
      .map((line) => line.trim());
  };
  const [a, b, c] = [1, 2, 3].map((k) => normal(key(k), [50]));

  it("are one loop", () => {
    expect(
      loops(
        (x, y, z) => p.mul(p.tanh(p.add(p.mul(x, y), z)), p.exp(p.neg(p.square(x)))),
        a!,
        b!,
        c!,
      ),
    ).toHaveLength(1);
    // four branches, two and two first
    expect(
      loops((x, y) => p.add(p.mul(p.exp(x), p.sin(y)), p.mul(p.tanh(x), p.cos(y))), a!, b!),
    ).toHaveLength(1);
  });

  it("stay apart where one needs the other through something that is no such operation", () => {
    const sorted = (x: NdArray): NdArray => p.mul(p.exp(x), p.tanh(p.sort(p.exp(x))));
    expect(loops(sorted as never, a!)).toEqual([
      "exp",
      expect.stringContaining("sort"),
      "tanh mul",
    ]);
    expect(p.allClose(compile(sorted)(a!), sorted(a!), { absoluteTolerance: 1e-6 })).toBe(true);
    const normalised = (x: NdArray, y: NdArray): NdArray =>
      p.mul(p.div(p.exp(x), p.sum(p.exp(x))), p.tanh(y));
    expect(
      p.allClose(compile(normalised)(a!, b!), normalised(a!, b!), { absoluteTolerance: 1e-6 }),
    ).toBe(true);
  });
});
