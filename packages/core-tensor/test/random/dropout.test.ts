/** Dropout: how often, which, and that compiled programs and batches draw what their keys say. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  array,
  grad,
  item,
  mean,
  ones,
  stack,
  sum,
  toNested,
  toTypedArray,
  vmap,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { bits, dropout, foldIn, key, keyWords } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";

const x = ones([20_000], { dtype: "float64" });

describe("dropout", () => {
  it.each([0.1, 0.5, 0.9])(
    "of rate %f keeps its share, at its scale, within four standard deviations",
    (rate) => {
      const y = toTypedArray(dropout(key(3), x, rate));
      const kept = y.filter((v) => v !== 0);
      expect(new Set(kept)).toEqual(new Set([1 / (1 - rate)]));
      const sigma = Math.sqrt(rate * (1 - rate) * 20_000);
      expect(Math.abs(kept.length - (1 - rate) * 20_000)).toBeLessThan(4 * sigma);
    },
  );

  it("drops by the words of the key, one for each element, and neighbours independently", () => {
    const words = toTypedArray(bits(key(5), 1000));
    const y = toTypedArray(dropout(key(5), ones([10, 100]), 0.3));
    words.forEach((w, i) => expect(y[i] === 0).toBe((w + 2 ** 31) / 2 ** 32 < 0.3));
    const z = [...toTypedArray(dropout(key(6), x, 0.5))];
    const both = z.reduce((n, v, i) => n + Number(v !== 0 && (z[i + 1] ?? 0) !== 0), 0);
    expect(Math.abs(both - 5000)).toBeLessThan(4 * Math.sqrt(20_000 * 0.25 * 1.25));
  });

  it("is the same for the same key and another for another, from its words too", () => {
    const a = toNested(dropout(key(1), x, 0.5));
    expect(toNested(dropout(key(1), x, 0.5))).toEqual(a);
    expect(toNested(dropout(keyWords(key(1)), x, 0.5))).toEqual(a);
    expect(toNested(dropout(foldIn(key(1), 1), x, 0.5))).not.toEqual(a);
  });

  it("in a compiled program follows the key that is handed in, with one program for all of them", () => {
    let traced = 0;
    const f = compile((words: NdArray, y: NdArray) => (traced++, dropout(words, y, 0.5)));
    for (const k of [key(1), key(2), key(3)])
      expect(toNested(f(keyWords(k), x))).toEqual(toNested(dropout(k, x, 0.5)));
    expect(traced).toBe(1);
    const slope = compile((words: NdArray) =>
      grad((y: NdArray) => sum(dropout(words, y, 0.25)))(x),
    );
    expect(toNested(slope(keyWords(key(9))))).toEqual(toNested(dropout(key(9), x, 0.25)));
  });

  it("in a batch gives each member the zeros of its own key, or all of them those of one", () => {
    const keys = [key(1), key(2)];
    const rows = vmap((w: NdArray) => dropout(w, ones([50]), 0.5))(stack(keys.map(keyWords)));
    expect(toNested(rows)).toEqual(keys.map((k) => toNested(dropout(k, ones([50]), 0.5))));
    const shared = toNested(vmap((y: NdArray) => dropout(key(1), y, 0.5))(ones([2, 50]))) as number[][]; // prettier-ignore
    expect(shared[0]).toEqual(shared[1]);
  });

  it("leaves the mean where it is, and everything at rate 0", () => {
    expect(item(mean(dropout(key(8), x, 0.2)))).toBeCloseTo(1, 1);
    expect(toNested(dropout(key(8), [1, 2], 0))).toEqual([1, 2]);
    expect(dropout(key(8), array([1, 2], { dtype: "int32" }), 0.5).dtype).toBe("float32");
    // an infinite element that is dropped is zero, not NaN
    const wild = toTypedArray(dropout(key(8), array(new Array<number>(64).fill(Infinity)), 0.5));
    expect(new Set(wild)).toEqual(new Set([0, Infinity]));
  });

  it("refuses rates and keys that are none", () => {
    for (const rate of [1, -0.1, NaN, 2])
      expect(() => dropout(key(0), x, rate)).toThrow(DomainError);
    expect(() => dropout("seed" as never, x, 0.5)).toThrow(/^dropout: key must be made by/);
    expect(() => dropout(3, x, 0.5)).toThrow(DomainError);
    expect(() => dropout(array([1, 2, 3], { dtype: "int32" }), x, 0.5)).toThrow(ShapeError);
    expect(() => dropout(array([1, 2]), x, 0.5)).toThrow(/^dropout: key/);
  });
});
