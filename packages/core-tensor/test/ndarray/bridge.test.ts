import {
  type NdArray,
  ShapeError,
  add,
  allClose,
  array,
  flip,
  mul,
  slice,
  toNested,
  transpose,
  zeros,
} from "@provably/core-tensor";
import { copyInto, fromNdarray, toNdarray } from "@provably/core-tensor/ndarray";
import fc from "fast-check";
import scijs from "ndarray";
import ops from "ndarray-ops";
import { describe, expect, it } from "vitest";

const views = fc
  .tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: 4 }),
    fc.boolean(),
    fc.boolean(),
    fc.integer({ min: 1, max: 99 }),
  )
  .map(([n, m, turn, back, seed]) => {
    const base = array(
      Float64Array.from({ length: n * m }, (_, i) => Math.sin(seed + i)),
      { shape: [n, m] },
    );
    const turned = turn ? transpose(base) : base;
    return back ? flip(turned, 1) : turned;
  });

/** The same view as a scijs array, sharing storage. */
const wrap = (x: NdArray): scijs.NdArray<Float64Array> =>
  scijs(x.data as Float64Array, [...x.shape], [...x.stride], x.offset);

describe("the bridge", () => {
  it("strided functions agree with ndarray-ops on every view", () => {
    fc.assert(
      fc.property(views, (x) => {
        const out = scijs(new Float64Array(x.size), [...x.shape]);
        ops.mul(out, wrap(x), wrap(x));
        expect(
          allClose(fromNdarray(out), mul(x, x), { relativeTolerance: 0, absoluteTolerance: 0 }),
        ).toBe(true);
        ops.adds(out, wrap(x), 3);
        expect(
          allClose(fromNdarray(out), add(x, 3), { relativeTolerance: 0, absoluteTolerance: 0 }),
        ).toBe(true);
      }),
    );
  });
  it("copies out and in, and keeps no tie", () => {
    fc.assert(
      fc.property(views, (x) => {
        const there = toNdarray(x);
        expect(allClose(fromNdarray(there), x)).toBe(true);
        if (x.size > 0) there.set(0, 0, 99);
        expect(allClose(x, fromNdarray(toNdarray(x)))).toBe(true);
      }),
    );
  });
  it("functions take scijs arrays as they are, without copying", () => {
    const image = scijs(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]).transpose(1, 0);
    expect(toNested(add(image, 0))).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(slice(array(image), [0]).shape).toEqual([3, 2]);
  });
  it("copyInto writes through any strides and checks the shape", () => {
    const target = scijs(new Float32Array(6), [2, 3]);
    copyInto(target.transpose(1, 0), [
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect([...target.data]).toEqual([1, 3, 5, 2, 4, 6]);
    expect(() => copyInto(target, zeros([3, 2]))).toThrow(ShapeError);
  });
});
