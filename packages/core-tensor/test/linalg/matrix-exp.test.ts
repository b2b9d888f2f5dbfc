/** The matrix exponential in batches and in compiled programs, and its derivative against closed forms. */
import {
  LinAlgError,
  type NdArray,
  abs,
  array,
  exp,
  grad,
  item,
  jvp,
  max,
  mul,
  stack,
  sub,
  sum,
  toTypedArray,
  vmap,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { matrixExp } from "@provably/core-tensor/linalg";
import { key, normal } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";

const f64 = { dtype: "float64" } as const;
const far = (a: NdArray, b: NdArray): number => item(max(abs(sub(a, b))));
const small = normal(key("small"), [3, 3], f64);
const large = mul(normal(key("large"), [3, 3], f64), 8);

describe("the matrix exponential", () => {
  it("of each member of a batch has the bits it has alone, whatever the others are", () => {
    const both = stack([small, large]);
    for (const f of [matrixExp, vmap(matrixExp), compile(matrixExp), compile(vmap(matrixExp))]) {
      const y = toTypedArray(f(both));
      expect([...y.slice(0, 9)]).toEqual([...toTypedArray(matrixExp(small))]);
      expect([...y.slice(9)]).toEqual([...toTypedArray(matrixExp(large))]);
    }
  });

  it("has the derivative t ↦ A exp(tA), under vmap and compile too", () => {
    const value = (t: NdArray): NdArray => sum(matrixExp(mul(t, [[0, 2], [-2, 0]]))); // prettier-ignore
    // exp of t times a quarter turn of rate 2 sums to 2 cos 2t
    const times = array([0, 0.3, 5, 40], f64);
    const slopes = [0, 0.3, 5, 40].map((t) => -4 * Math.sin(2 * t));
    for (const f of [vmap(grad(value)), compile(vmap(grad(value)))])
      toTypedArray(f(times)).forEach((s, i) => expect(s).toBeCloseTo(slopes[i]!, 10));
  });

  it("moves along a direction as its difference quotient, for directions of any length", () => {
    const d = normal(key("d"), [3, 3], f64);
    const [, moved] = jvp(matrixExp, [small], [d]);
    const h = 1e-5;
    const quotient = mul(sub(matrixExp(sub(small, mul(-h, d))), matrixExp(sub(small, mul(h, d)))), 1 / (2 * h)); // prettier-ignore
    expect(far(moved, quotient)).toBeLessThan(1e-8);
    const [, long] = jvp(matrixExp, [small], [mul(d, 1e200)]);
    expect(far(mul(long, 1e-200), moved)).toBeLessThan(1e-13);
    const [, none] = jvp(matrixExp, [small], [mul(d, 0)]);
    expect(item(max(abs(none)))).toBe(0);
    const [, one] = jvp(matrixExp, [array([[2]], f64)], [array([[3]], f64)]);
    expect(item(one)).toBeCloseTo(3 * item(exp(array(2, f64))), 12);
  });

  it("refuses in compiled programs what it refuses outside, by name", () => {
    const run = compile(matrixExp);
    expect(() => run(array([[Infinity]], f64))).toThrow(LinAlgError);
    expect(() => run(array([[1e300]], f64))).toThrow(/^matrixExp: no digit/);
    expect(() => run(array([[800]], f64))).toThrow(/^matrixExp: the exponential .* beyond the range/); // prettier-ignore
  });
});
