/** Every method, convention of corners and antialiasing of `resize` against PyTorch (values in resize.json), and what it keeps. */
import { readFileSync } from "node:fs";
import { type NdArray, array, ones, resize, toNested, toTypedArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { checkGrads } from "@provably/core-tensor/testing";
import { describe, expect, it } from "vitest";

interface Case {
  readonly x: number[][];
  readonly y: number[][];
  readonly size: [number, number];
  readonly method: "nearest" | "bilinear" | "bicubic";
  readonly align: boolean;
  readonly anti: boolean;
}
const { cases } = JSON.parse(readFileSync(new URL("resize.json", import.meta.url), "utf8")) as { cases: Case[] }; // prettier-ignore
const optionsOf = ({ method, align, anti }: Case) =>
  method === "nearest" ? { method } : { method, alignCorners: align, antialias: anti };

describe("resize", () => {
  it("has the conventions of PyTorch: both of corners, antialiased or not, enlarged and shrunk", () => {
    const kinds = new Set(cases.map(({ method, align, anti }) => `${method} ${align} ${anti}`));
    expect(kinds.size).toBe(7);
    for (const c of cases) {
      const x = array(c.x, { dtype: "float64" });
      const f = (a: NdArray): NdArray => resize(a, c.size, optionsOf(c));
      const wanted = c.y.flat();
      for (const y of [f(x), compile(f)(x)])
        toTypedArray(y).forEach((v, i) => expect(v, JSON.stringify({ ...c, x: 0, y: 0 })).toBeCloseTo(wanted[i]!, 13)); // prettier-ignore
    }
  });

  it("keeps a constant picture, and has derivatives", () => {
    for (const c of cases.filter(({ x }) => x.length === 3)) {
      const grey = resize(ones([3, 5], { dtype: "float64" }), c.size, optionsOf(c));
      for (const v of toTypedArray(grey)) expect(v).toBeCloseTo(1, 13);
    }
    const x = array([[1, 2, 0.5], [-1, 3, 2]], { dtype: "float64" }); // prettier-ignore
    checkGrads((a: NdArray) => resize(a, [3, 2], { method: "bicubic", antialias: true }), [x]);
    expect(toNested(resize(array([[1, 2]], { dtype: "uint8" }), [1, 3], { method: "nearest" }))).toEqual([[1, 1, 2]]); // prettier-ignore
  });
});
