/** Graphs as text: what stands in them can be read back by hand. */
import {
  ConcretizationError,
  type NdArray,
  array,
  exp,
  grad,
  item,
  matmul,
  mul,
  sum,
  vmap,
  zeros,
} from "@provably/core-tensor";
import { compile, cond, formatGraph, scan } from "@provably/core-tensor/compile";
import { describe, expect, it } from "vitest";

const x = zeros([2, 3]);

describe("formatGraph", () => {
  it("writes one line an operation, with equal operations once and dead ones left out", () => {
    const f = (a: NdArray): NdArray => {
      exp(a);
      return mul(sum(mul(a, a)), sum(mul(a, a)));
    };
    const lines = formatGraph(f, x).split("\n");
    expect(lines.length).toBe(5);
    expect(lines[0]).toBe("inputs %0: f32[2, 3]");
    expect(lines[1]).toMatch(/^%\d+: f32\[2, 3\] = mul\(%0, %0\)$/);
    expect(lines[2]).toMatch(/^%\d+: f32\[\] = sum\(%\d+\)/);
    expect(lines[3]).toMatch(/^%\d+: f32\[\] = (mul\((%\d+), \2\)|square\(%\d+\))$/);
    expect(lines[4]).toMatch(/^outputs %\d+$/);
  });

  it("takes derivatives, batches, compiled functions, trees and numbers", () => {
    const f = ({ w }: { w: NdArray }, k: number): NdArray => sum(mul(exp(w), k));
    expect(formatGraph(grad(f), { w: x }, 2)).toContain("exp(%0)");
    expect(formatGraph(f, { w: x }, 2)).not.toBe(formatGraph(f, { w: x }, 3));
    expect(formatGraph(vmap((r: NdArray) => sum(r)), x)).toContain("f32[2] = sum(%0)"); // prettier-ignore
    expect(formatGraph(compile((a: NdArray) => matmul(a, zeros([3, 4]))), x)).toContain("f32[2, 4]"); // prettier-ignore
  });

  it("shows the bodies of loops and branches, indented", () => {
    const f = (a: NdArray): NdArray => scan((c: NdArray, row: NdArray) => [mul(c, sum(row)), c], array(1), a)[0]; // prettier-ignore
    const text = formatGraph(f, x);
    expect(text).toMatch(/= scan\(/);
    expect(text).toMatch(/\n {4,}inputs .*\n(.*\n)* {4,}outputs /);
    expect(formatGraph((a: NdArray) => cond(sum(a), (b: NdArray) => b, (b: NdArray) => exp(b), a), x)).toContain("exp"); // prettier-ignore
  });

  it("refuses what is no function, and functions that read elements", () => {
    expect(() => formatGraph(3 as never)).toThrow(/^formatGraph: f must be a function/);
    expect(() => formatGraph((a: NdArray) => mul(a, item(sum(a))), x)).toThrow(ConcretizationError);
  });
});
