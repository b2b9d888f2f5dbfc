// The linear map against forward mode and closed forms.
import {
  type NdArray,
  add,
  array,
  clip,
  customVjp,
  exp,
  grad,
  item,
  jvp,
  linearize,
  matmul,
  mul,
  sin,
  sum,
  tanh,
  toNested,
  toTypedArray,
  vmap,
  zeros,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";

const f64 = { dtype: "float64" } as const;
type Params = { w: NdArray; b: NdArray };
const layer = ({ w, b }: Params, x: NdArray): { y: NdArray; s: NdArray } => {
  const y = tanh(add(matmul(x, w), b));
  return { y, s: sum(mul(exp(y), sin(y))) };
};
const params: Params = { w: normal(key(1), [3, 2], f64), b: normal(key(2), [2], f64) };
const x = normal(key(3), [4, 3], f64);

describe("the linear map of a function", () => {
  it("is forward mode, for trees, and runs the function once", () => {
    let runs = 0;
    const [value, push] = linearize((p: Params, z: NdArray) => (runs++, layer(p, z)), params, x);
    expect(toNested(value.y)).toEqual(toNested(layer(params, x).y));
    for (let i = 0; i < 3; i++) {
      const dp = { w: normal(key(10 + i), [3, 2], f64), b: normal(key(20 + i), [2], f64) };
      const dx = normal(key(30 + i), [4, 3], f64);
      const [, wanted] = jvp(layer, [params, x], [dp, dx]);
      const got = push(dp, dx);
      const numbers = (t: typeof got): number[] => [...toTypedArray(t.y), item(t.s)];
      numbers(got).forEach((v, k) => expect(v).toBeCloseTo(numbers(wanted)[k]!, 12));
    }
    expect(runs).toBe(1);
  });

  it("passes through vmap, grad and compile", () => {
    const [, push] = linearize((z: NdArray) => mul(z, sin(z)), x);
    const directions = normal(key(5), [5, 4, 3], f64);
    const rows = vmap(push)(directions);
    expect(rows.shape).toEqual([5, 4, 3]);
    const slope = (z: NdArray): NdArray => linearize((v: NdArray) => mul(v, mul(v, v)), z)[1](array(1, f64)); // prettier-ignore
    // the derivative of 3 z² is 6 z
    expect(item(grad(slope)(array(2, f64)))).toBeCloseTo(12, 12);
    expect(item(compile(slope)(array(2, f64)))).toBeCloseTo(12, 12);
  });

  it("uses the derivative of customVjp", () => {
    const halved = customVjp(
      (z: NdArray) => z,
      (z: NdArray): [NdArray, NdArray[]] => [z, []],
      (_, ct: NdArray) => [mul(ct, 0.5)],
    );
    expect(item(linearize((z: NdArray) => halved(z), array(3))[1](array(4)))).toBe(2);
  });

  it("is zero where the value does not depend on the argument", () => {
    expect(toNested(linearize((z: NdArray) => clip(z, 0, 1), array([5, -5]))[1](array([1, 1])))).toEqual([0, 0]); // prettier-ignore
    expect(toNested(linearize((_: NdArray) => zeros([2]), array(1))[1](array(1)))).toEqual([0, 0]);
  });

  it("refuses tangents that do not fit, by name", () => {
    const [, push] = linearize((z: NdArray) => sin(z), array([1, 2]));
    expect(() => push(array([1]))).toThrow(
      /^linearize: tangent 0 must have shape \[2\], got \[1\]/,
    );
    expect(() => push(undefined as never)).toThrow(/^linearize: /);
    expect(() => linearize(3 as never, array(1))).toThrow(/^linearize: f must be/);
  });
});
