// Longer computations than the examples: the long runs that are killed and resumed, and those that run side by side.
import { abs, conv2d, div, matmul, mul } from "@provably/core-tensor";
import { foldIn, key, normal } from "@provably/core-tensor/random";
import { jobs } from "../resume/jobs.mjs";
import { tasks } from "../together/tasks.mjs";

const drawn = (shape, name, dtype) => normal(foldIn(key("products"), name), shape, { dtype });

/**
 * Matrix products and convolutions, which the kernels with fused multiply-add round otherwise, in units of what rounding allows: two builds may differ by 1,
 * which is twice the bound k ε (|A||B|) of an entry that sums k products.
 */
function products() {
  return ["float32", "float64"].flatMap((dtype) => {
    const epsilon = dtype === "float32" ? 2 ** -23 : 2 ** -52;
    const inUnits = (product, k, ...factors) =>
      div(product(...factors), mul(2 * k * epsilon, product(...factors.map(abs))));
    return [
      inUnits(matmul, 700, drawn([12, 700], "a", dtype), drawn([700, 40], "b", dtype)),
      inUnits(conv2d, 81, drawn([2, 9, 12, 12], "x", dtype), drawn([5, 9, 3, 3], "w", dtype)),
    ];
  });
}

export const computations = {
  products,
  ...tasks,
  ...Object.fromEntries(
    Object.entries(jobs).map(([name, job]) => [name, () => job(undefined, () => {})]),
  ),
};
