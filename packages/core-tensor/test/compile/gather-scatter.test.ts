/** Reading, adding and running sums along an axis inside compiled programs: the bits of eager evaluation. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import { type DType, IndexError, type NdArray } from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";

const data = (seed: number, shape: readonly number[], dtype: DType): NdArray =>
  p.asType(p.mul(normal(key(seed), shape, { dtype: "float64" }), dtype === "bool" ? 1 : 20), dtype);

/** Compiled and eager results have the same elements, types and shapes, and nothing ran in JavaScript. */
function expectSame(
  f: (...args: NdArray[]) => NdArray | readonly NdArray[],
  ...args: NdArray[]
): void {
  const run = compile(f);
  const [got, want] = [run(...args), f(...args)];
  [got].flat().forEach((y, k) => {
    const truth = [want].flat()[k]!;
    expect([y.dtype, y.shape]).toEqual([truth.dtype, truth.shape]);
    expect(p.toTypedArray(y)).toEqual(p.toTypedArray(truth));
  });
  expect(explain(run)).not.toMatch(/in JavaScript/);
}

const extents = fc.tuple(
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: 1, max: 9 }),
  fc.constantFrom(1, 2, 3, 7, 70, 300),
);

describe("places in compiled programs", () => {
  const dtypes = fc.constantFrom<DType>("float32", "float64", "int32", "uint8", "int8", "bool");
  const summable = fc.constantFrom<DType>("float32", "float64", "int32");

  it("take, takeAlongAxis and their gradients give the bits of eager evaluation, of any type and along any axis", () => {
    fc.assert(
      fc.property(
        extents,
        dtypes,
        fc.nat({ max: 2 }),
        fc.array(fc.double({ min: -1, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.nat(),
        (shape, dtype, axis, fractions, seed) => {
          const n = shape[axis]!;
          const places = p.array(fractions.map((v) => Math.floor(v * n)), { dtype: "int32" }); // prettier-ignore
          const x = data(seed, shape, dtype);
          expectSame((a, list) => p.take(a, list, { axis }), x, places);
          // views are read where they lie, or put in order
          expectSame((a, list) => p.take(p.transpose(a), list, { axis: 2 - axis }), x, places);
          const each = p.broadcastTo(p.reshape(places, [1, 1, fractions.length].map((extent, i, all) => (i === axis ? all[2]! : i === 2 ? 1 : extent))), shape.map((extent, i) => (i === axis ? fractions.length : extent))); // prettier-ignore
          expectSame((a, list) => p.takeAlongAxis(a, list, { axis }), x, each);
        },
      ),
      { numRuns: 30, seed: 1 },
    );
  });

  it("scatterAdd gives the bits of eager evaluation, repeated places included", () => {
    fc.assert(
      fc.property(
        extents,
        summable,
        fc.nat({ max: 2 }),
        fc.array(fc.double({ min: -1, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 12 }),
        fc.nat(),
        (shape, dtype, axis, fractions, seed) => {
          const n = shape[axis]!;
          const places = p.array(fractions.map((v) => Math.floor(v * n)), { dtype: "int32" }); // prettier-ignore
          const updates = data(seed, shape.map((extent, i) => (i === axis ? fractions.length : extent)), dtype); // prettier-ignore
          expectSame(
            (a, list, u) => p.scatterAdd(a, list, u, { axis }),
            p.zeros(shape, { dtype }),
            places,
            updates,
          );
        },
      ),
      { numRuns: 30, seed: 2 },
    );
    const [x, order] = [
      data(5, [4, 6, 3], "float64"),
      p.argsort(data(6, [4, 6, 3], "float64"), { axis: 1 }),
    ];
    // the gradient of taking along an axis adds along it
    expectSame(
      (a, list) =>
        p.grad((b: NdArray) => p.sum(p.square(p.takeAlongAxis(b, list, { axis: 1 }))))(a),
      x,
      order,
    );
  });

  it("cumsum gives the bits of eager evaluation, and integers wrap as they do there", () => {
    fc.assert(
      fc.property(extents, summable, fc.nat({ max: 2 }), fc.nat(), (shape, dtype, axis, seed) => {
        expectSame((a) => p.cumsum(a, { axis }), data(seed, shape, dtype));
        expectSame((a) => p.cumsum(p.flip(a), { axis }), data(seed, shape, dtype));
      }),
      { numRuns: 30, seed: 3 },
    );
    expectSame((a) => p.cumsum(a), p.full([5], 2 ** 30, { dtype: "int32" }));
    expectSame((a) => p.cumsum(p.greater(a, 0), { axis: 1 }), data(4, [3, 40], "float32"));
  });

  it("empty arrays stay with the reference, and so do indices of other types", () => {
    const run = compile((x: NdArray, list: NdArray) => p.take(x, list));
    expect(run(p.ones([3, 2]), p.zeros([0], { dtype: "int32" })).shape).toEqual([0, 2]);
    expect(p.toNested(run(p.array([5, 6, 7]), p.array([2, 0], { dtype: "uint8" })))).toEqual([
      7, 5,
    ]);
  });

  it("name a place that is out of range, as eager evaluation does, and the program goes on working", () => {
    const cases: readonly ((list: NdArray) => NdArray)[] = [
      (list) => p.take(p.ones([4, 5]), list),
      (list) => p.scatterAdd(p.ones([4]), list, p.ones([3])),
      (list) => p.takeAlongAxis(p.ones([4]), list),
    ];
    for (const f of cases) {
      const run = compile(f);
      for (const bad of [4, -5, 2 ** 31 - 1, -(2 ** 31)]) {
        const list = p.array([0, -4, bad], { dtype: "int32" });
        let message = "";
        expect(() => {
          try {
            f(list);
          } catch (error) {
            message = (error as Error).message;
            throw error;
          }
        }).toThrow(IndexError);
        expect(() => run(list)).toThrow(IndexError);
        expect(() => run(list)).toThrow(message);
      }
      const good = p.array([0, -4, 3], { dtype: "int32" });
      expect(p.toNested(run(good))).toEqual(p.toNested(f(good)));
    }
  });
});
