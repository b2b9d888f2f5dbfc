/** Eigenvalues of nonsymmetric matrices: against their definition, closed forms and finite differences. */
import {
  type NdArray,
  ShapeError,
  add,
  array,
  expandDims,
  eye,
  item,
  jvp,
  matmul,
  matrixTranspose,
  mul,
  sub,
  sum,
  toTypedArray,
  vjp,
  vmap,
} from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { eig, eigvals } from "@provably/core-tensor/eig";
import { eigvalsh } from "@provably/core-tensor/linalg";
import { key, normal } from "@provably/core-tensor/random";
import { checkGrads } from "@provably/core-tensor/testing";
import { describe, expect, it } from "vitest";
import { apart, greatest, residual } from "./measures.js";

const f64 = { dtype: "float64" } as const;
const random = (seed: string, ...shape: number[]): NdArray => normal(key(seed), shape, f64);
describe("eigenvalues and eigenvectors", () => {
  it.each([1, 2, 3, 4, 5, 8, 23, 24, 25, 60, 120])("of side %i satisfy A V = V Λ", (n) => {
    const a = random(`eig${n}`, n, n);
    expect(residual(a)).toBeLessThan(2e-15 * n);
    const { values, vectors } = eig(a);
    const lengths = toTypedArray(sum(add(mul(vectors.re, vectors.re), mul(vectors.im, vectors.im)), { axis: -2 })); // prettier-ignore
    for (const v of lengths) expect(v).toBeCloseTo(1, 13);
    // the sums of the eigenvalues and of their squares are traces
    const trace = (x: NdArray): number => item(sum(mul(x, eye(n))));
    expect(item(sum(values.re))).toBeCloseTo(trace(a), 11);
    expect(item(sum(sub(mul(values.re, values.re), mul(values.im, values.im)))) / n).toBeCloseTo(trace(matmul(a, a)) / n, 10); // prettier-ignore
    expect(Math.abs(item(sum(values.im)))).toBeLessThan(1e-13 * n);
  });

  it("come in order, pairs conjugate to the last bit, the greatest component positive", () => {
    const { values, vectors } = eig(random("order", 9, 9));
    const [re, im] = [toTypedArray(values.re), toTypedArray(values.im)];
    for (let i = 1; i < 9; i++) {
      expect(re[i - 1]! < re[i]! || (re[i - 1] === re[i] && im[i - 1]! <= im[i]!)).toBe(true);
      if (im[i]! > 0) expect([re[i - 1], im[i - 1]]).toEqual([re[i], -im[i]!]);
    }
    const [vr, vi] = [toTypedArray(vectors.re), toTypedArray(vectors.im)];
    for (let k = 0; k < 9; k++) {
      const sizes = Array.from({ length: 9 }, (_, i) => Math.hypot(vr[i * 9 + k]!, vi[i * 9 + k]!));
      const at = sizes.indexOf(Math.max(...sizes));
      expect(vi[at * 9 + k]).toBe(0);
      expect(vr[at * 9 + k]).toBeGreaterThan(0);
    }
  });

  it("are exact for triangular and permuted triangular matrices", () => {
    const upper = [[1, 1e9, -3e12], [0, 1e-9, 4e5], [0, 0, 7]]; // prettier-ignore
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
      [2, 1, 0],
    ]) {
      // prettier-ignore
      const a = order.map((i) => order.map((j) => upper[i]![j]!));
      expect([...toTypedArray(eigvals(array(a, f64)).re)]).toEqual([1e-9, 1, 7]);
    }
  });

  it("of a companion matrix are the roots of the polynomial", () => {
    // (x − 1)(x − 2)(x² + 4)
    const a = array([[3, -6, 12, -8], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], f64); // prettier-ignore
    expect(apart(eigvals(a), [1, 2, 0, 0], [0, 0, 2, -2])).toBeLessThan(1e-13);
  });

  it("of rotations, cycles, zeros and repeated blocks are known", () => {
    const cycle = Array.from({ length: 7 }, (_, i) => Array.from({ length: 7 }, (__, j) => Number((i + 1) % 7 === j))); // prettier-ignore
    const angles = Array.from({ length: 7 }, (_, k) => (2 * Math.PI * k) / 7);
    expect(apart(eigvals(array(cycle, f64)), angles.map(Math.cos), angles.map(Math.sin))).toBeLessThan(1e-14); // prettier-ignore
    expect([...toTypedArray(eigvals(array([[0, 0], [0, 0]], f64)).re)]).toEqual([0, 0]); // prettier-ignore
    const { values, vectors } = eig(eye(3, 3, f64));
    expect([...toTypedArray(values.re)]).toEqual([1, 1, 1]);
    expect(greatest(sub(vectors.re, eye(3)))).toBe(0);
    const twice = array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]], f64); // prettier-ignore
    expect(residual(twice)).toBeLessThan(1e-15);
    // a Jordan block: one direction only, and the residual is still small
    const jordan = add(mul(2, eye(5, 5, f64)), array([[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]], f64)); // prettier-ignore
    expect(residual(jordan)).toBeLessThan(1e-14);
  });

  it("of badly scaled matrices keep their small values: D A D⁻¹ has the eigenvalues of A", () => {
    const a = random("scaled", 6, 6);
    const powers = array([1e-12, 1e8, 1, 1e-5, 1e12, 1e3].map((x) => 2 ** Math.round(Math.log2(x))), f64); // prettier-ignore
    const similar = mul(mul(expandDims(powers, 1), a), expandDims(array([...toTypedArray(powers)].map((x) => 1 / x), f64), 0)); // prettier-ignore
    const wanted = eigvals(a);
    expect(apart(eigvals(similar), toTypedArray(wanted.re), toTypedArray(wanted.im))).toBeLessThan(1e-13); // prettier-ignore
  });

  it.each([1e-300, 1e300])("of a matrix near %f stay in range", (scale) => {
    const a = mul(random("range", 5, 5), scale);
    expect(residual(a)).toBeLessThan(1e-14);
  });

  it("of symmetric matrices are those of eigvalsh", () => {
    const x = random("symmetric", 12, 12);
    const s = add(x, matrixTranspose(x));
    expect(apart(eigvals(s), toTypedArray(eigvalsh(s)), new Float64Array(12))).toBeLessThan(1e-13);
  });

  it("settle for matrices that ordinary shifts do not move, and for any small integers", () => {
    const cycle = array([[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], f64); // prettier-ignore
    expect(residual(cycle)).toBeLessThan(1e-14);
    let state = 7;
    const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
    for (let trial = 0; trial < 400; trial++) {
      const n = 1 + Math.floor(next() * 6);
      const a = array(Float64Array.from({ length: n * n }, () => Math.floor(next() * 4) - 1), { shape: [n, n] }); // prettier-ignore
      expect(residual(a)).toBeLessThan(2e-14);
    }
  });
});

describe("a stack, a batch, a compiled program and a derivative of eig", () => {
  const stack = random("stack", 3, 4, 4);
  const flat = ({ values, vectors }: ReturnType<typeof eig>): NdArray[] => [values.re, values.im, vectors.re, vectors.im]; // prettier-ignore

  it("agree with single calls", () => {
    const all = flat(eig(stack));
    for (const other of [flat(vmap(eig)(stack)), flat(compile(eig)(stack))])
      all.forEach((x, k) => expect(toTypedArray(other[k]!)).toEqual(toTypedArray(x)));
  });

  it("have derivatives of first and second order, of values and vectors", () => {
    const a = random("derivative", 4, 4);
    expect(toTypedArray(eigvals(a).im).some((x) => x !== 0)).toBe(true);
    checkGrads((x: NdArray) => [eigvals(x).re, eigvals(x).im], [a]);
    checkGrads((x: NdArray) => [eig(x).vectors.re, eig(x).vectors.im], [a]);
    const both = (x: NdArray): NdArray => sum(mul(eig(x).vectors.re, eig(x).vectors.re));
    checkGrads((x: NdArray) => vjp(both, x)[1](array(1, f64))[0], [random("second", 3, 3)]);
  });

  it("agree on the two modes", () => {
    const a = random("modes", 5, 5);
    const d = random("direction", 5, 5);
    const f = (x: NdArray): NdArray[] => flat(eig(x));
    const [, moved] = jvp(f, [a], [d]);
    const [, pullback] = vjp(f, a);
    const cts = moved.map((x, i) => random(`ct${i}`, ...x.shape));
    const left = moved.reduce((t, x, i) => t + item(sum(mul(x, cts[i]!))), 0);
    expect(item(sum(mul(pullback(cts)[0], d)))).toBeCloseTo(left, 9);
  });

  it("of values alone is finite where the values coincide", () => {
    const [, pullback] = vjp((x: NdArray) => eigvals(x).re, eye(3, 3, f64));
    expect([...toTypedArray(pullback(array([1, 2, 3], f64))[0])]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 3]); // prettier-ignore
  });
});

describe("eig refuses", () => {
  it("what is no finite square matrix, and the derivative at a Jordan block is huge", () => {
    expect(() => eig([[1, 2, 3], [4, 5, 6]])).toThrow(ShapeError); // prettier-ignore
    expect(() => eigvals([[NaN, 1], [1, 0]])).toThrow(/^eig(vals)?: the matrix must be finite/); // prettier-ignore
    const [, pullback] = vjp((x: NdArray) => eigvals(x).re, array([[1, 1], [0, 1]], f64)); // prettier-ignore
    expect(greatest(pullback(array([1, 0], f64))[0])).toBeGreaterThan(1e12);
    expect(eig(array([], { shape: [0, 0], dtype: "float64" })).values.re.shape).toEqual([0]);
  });
});
