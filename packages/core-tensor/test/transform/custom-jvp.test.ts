// A function with a forward rule of its own, against the built-in derivative and against rules that are wrong on purpose.
import {
  type NdArray,
  ShapeError,
  add,
  array,
  cos,
  customJvp,
  exp,
  grad,
  hvp,
  item,
  jvp,
  linearize,
  mul,
  sin,
  sum,
  toNested,
  vjp,
  vmap,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { checkGrads } from "@provably/core-tensor/testing";
import { describe, expect, it } from "vitest";

const f64 = { dtype: "float64" } as const;
type Pair = { a: NdArray; b: NdArray };
/** y = a sin b and z = a², as a tree. */
const plain = ({ a, b }: Pair, c: NdArray): { y: NdArray; z: NdArray } => ({ y: mul(mul(a, sin(b)), c), z: mul(a, a) }); // prettier-ignore
let ruled = 0;
const own = customJvp(plain, ([{ a, b }, c], [d, dc]) => {
  ruled++;
  const first = mul(mul(d.a, sin(b)), c);
  const second = mul(mul(mul(a, cos(b)), d.b), c);
  return { y: add(add(first, second), mul(mul(a, sin(b)), dc)), z: mul(2, mul(a, d.a)) };
});
const point: [Pair, NdArray] = [{ a: array([1, 2], f64), b: array([0.5, -1], f64) }, array([3, 0.1], f64)]; // prettier-ignore

describe("customJvp", () => {
  it("with the true rule has every derivative of the function", () => {
    const lists = (f: typeof plain) => (a: NdArray, b: NdArray, c: NdArray) => Object.values(f({ a, b }, c)); // prettier-ignore
    checkGrads(lists(own), [point[0].a, point[0].b, point[1]]);
    const scalar = (f: typeof plain) => (p: Pair, c: NdArray): NdArray => sum(mul(f(p, c).y, f(p, c).z)); // prettier-ignore
    const direction: [Pair, NdArray] = [{ a: array([1, 0], f64), b: array([2, 1], f64) }, array([0, 1], f64)]; // prettier-ignore
    const numbers = (x: unknown): unknown => JSON.parse(JSON.stringify(x, (_, v: unknown) => (typeof v === "number" ? Math.round(v * 1e9) / 1e9 : v))); // prettier-ignore
    for (const run of [
      (f: typeof plain) => jvp(f, point, direction)[1],
      (f: typeof plain) => grad(scalar(f), { argnums: [0, 1] })(...point),
      (f: typeof plain) => hvp(scalar(f), point, direction),
      (f: typeof plain) => linearize(f, ...point)[1](...direction),
      (f: typeof plain) => vmap(grad((a: NdArray, b: NdArray) => scalar(f)({ a, b }, array(2, f64))))(point[0].a, point[0].b), // prettier-ignore
      (f: typeof plain) => compile(grad(scalar(f)))(...point),
      (f: typeof plain) => compile(vmap((c: NdArray) => jvp((x: NdArray) => f({ a: x, b: c }, x).y, [c], [c])[1]))(point[1]), // prettier-ignore
    ])
      expect(numbers(run(own))).toEqual(numbers(run(plain)));
    expect(ruled).toBeGreaterThan(5);
  });

  it("uses the rule and not the function, in both modes and inside other functions", () => {
    const half = customJvp((x: NdArray) => exp(x), ([x], [dx]) => mul(0.5, mul(exp(x), dx))); // prettier-ignore
    const x = array(0, f64);
    expect(item(jvp(half, [x], [array(1, f64)])[1])).toBe(0.5);
    expect(item(grad(half)(x))).toBe(0.5);
    // the rule itself is differentiated by the built-in rules
    expect(item(grad(grad(half))(x))).toBe(0.5);
    expect(toNested(vmap(grad((y: NdArray) => mul(3, half(y))))(array([0, 0], f64)))).toEqual([1.5, 1.5]); // prettier-ignore
    // a zero rule stops the derivative
    const still = customJvp((y: NdArray) => mul(y, y), ([y]) => mul(y, 0)); // prettier-ignore
    expect(item(grad(still)(array(3, f64)))).toBe(0);
  });

  it("refuses a tangent that does not fit the value, and what is no function", () => {
    const f = (x: NdArray): NdArray => mul(x, 2);
    const short = customJvp(f, () => array([1], f64));
    expect(() => jvp(short, [array([1, 2], f64)], [array([1, 2], f64)])).toThrow(/^customJvp: what tangent returns must have shape \[2\]/); // prettier-ignore
    expect(() => vjp(short, array([1, 2], f64))[1](array([1, 1], f64))).toThrow(ShapeError);
    const tree = customJvp(f, (() => ({})) as never);
    expect(() => jvp(tree, [array(1)], [array(1)])).toThrow(/^customJvp: tangent must return a tree like the value/); // prettier-ignore
    expect(() => customJvp(f, undefined as never)).toThrow(/^customJvp: tangent/);
  });
});
