/** Points that are traced name the same elements as points that are not, with the same refusals. */
import {
  IndexError,
  type NdArray,
  ShapeError,
  arange,
  array,
  asType,
  gatherNd,
  grad,
  mul,
  reshape,
  square,
  sum,
  toNested,
  vmap,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { describe, expect, it } from "vitest";

const i32 = { dtype: "int32" } as const;
const x = reshape(arange(24, undefined, 1, { dtype: "float64" }), [2, 3, 4]);
const points = array([[[0, 1], [1, -1]], [[-2, 0], [1, 2]]], i32); // prettier-ignore
/** By indexing lists. */
const wanted = [[[4, 5, 6, 7], [20, 21, 22, 23]], [[0, 1, 2, 3], [20, 21, 22, 23]]]; // prettier-ignore

describe("gatherNd with traced points", () => {
  it("reads in compiled programs and batches what it reads outside", () => {
    expect(toNested(gatherNd(x, points))).toEqual(wanted);
    expect(toNested(compile(gatherNd)(x, points))).toEqual(wanted);
    expect(toNested(vmap((p: NdArray) => gatherNd(x, p))(points))).toEqual(wanted);
    const rows = vmap((row: NdArray, p: NdArray) => gatherNd(row, p))(x, array([[[2, 3]], [[0, -4]]], i32)); // prettier-ignore
    expect(toNested(rows)).toEqual([[11], [12]]);
    expect(toNested(compile(vmap((p: NdArray) => gatherNd(x, p)))(points))).toEqual(wanted);
  });

  it("takes points that are computed, and sends derivatives to the named elements", () => {
    const f = (y: NdArray, p: NdArray): NdArray => sum(square(gatherNd(y, asType(mul(p, 1), "int32")))); // prettier-ignore
    const p = array([[0, 1, 2], [0, 1, 2], [1, 0, 0]], i32); // prettier-ignore
    const slope = compile((y: NdArray) => grad((z: NdArray) => f(z, p))(y))(x);
    const expected = new Float64Array(24);
    expected[6] = 4 * 6;
    expected[12] = 2 * 12;
    expect(toNested(reshape(slope, [24]))).toEqual([...expected]);
  });

  it("refuses points that are out of range on one axis, though the flat place exists", () => {
    const outside = array([[0, 3]], i32);
    for (const f of [
      gatherNd,
      compile(gatherNd),
      vmap((y: NdArray, p: NdArray) => gatherNd(y, p), { inAxes: [null, 0] }),
    ])
      // prettier-ignore
      expect(() => f(x, outside)).toThrow(/^gatherNd: index 3 .* axis 1 of extent 3/);
    expect(() => compile(gatherNd)(x, outside)).toThrow(IndexError);
    expect(() => gatherNd(x, array([[0, 0, 0, 0]], i32))).toThrow(ShapeError);
    expect(() => gatherNd(x, array(1, i32))).toThrow(ShapeError);
  });
});
