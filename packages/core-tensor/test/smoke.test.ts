import { expect, it } from "vitest";
import * as p from "@provably/core-tensor";
it("smoke", () => {
  const f = (x: p.NdArray) => p.sum(p.mul(x, p.mul(x, x)));
  const x = p.array(
    [
      [1, 2],
      [3, 4],
    ],
    { dtype: "float64" },
  );
  expect(p.toNested(p.grad(f)(x))).toEqual([
    [3, 12],
    [27, 48],
  ]);
  expect(p.toNested(p.grad((y: p.NdArray) => p.sum(p.grad(f)(y)))(x))).toEqual([
    [6, 12],
    [18, 24],
  ]);
  expect(p.toNested(p.hvp(f, [x], [p.ones([2, 2], { dtype: "float64" })])[0])).toEqual([
    [6, 12],
    [18, 24],
  ]);
  expect(p.toNested(p.vmap(p.grad(f))(x))).toEqual([
    [3, 12],
    [27, 48],
  ]);
  expect(p.toNested(p.jacrev((v: p.NdArray) => p.mul(v, v))([1, 2]))).toEqual([
    [2, 0],
    [0, 4],
  ]);
  expect(p.toNested(p.hessian((v: p.NdArray) => p.div(1, p.sum(v)))([1, 1]))).toEqual([
    [0.25, 0.25],
    [0.25, 0.25],
  ]);
  const c = p.customVjp(
    (v: p.NdArray) => p.mul(v, 2),
    (v) => [p.mul(v, 2), v],
    (r, ct) => [p.mul(p.mul(r, ct), 100)],
  );
  expect(p.item(p.grad((v: p.NdArray) => c(v))(3 as never))).toBe(300);
  expect(p.toNested(p.vmap(p.grad((v: p.NdArray) => c(v)))(p.array([1, 2])))).toEqual([100, 200]);
  expect(p.toNested(p.grad((v: p.NdArray) => p.sum(p.vmap(c)(v)))(p.array([1, 2])))).toEqual([100, 200]);
  expect(() => p.add(p.zeros([2]), p.zeros([3]))).toThrow(p.ShapeError);
  const a = p.array(new Float32Array(16));
  for (let i = 0; i < 200000; i++) p.add(a, a);
  const t = performance.now();
  for (let i = 0; i < 1000000; i++) p.add(a, a);
  console.log("add16 us", (performance.now() - t) / 1000);
});
