import { describe, expect, it } from "vitest";
import {
  type NdArray,
  grad,
  lstmCell,
  mul,
  slice,
  squeeze,
  stack,
  sum,
  zeros,
} from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { lstmSequence } from "../../src/matte/index.js";
import { expectNear } from "./fixtures.js";

const [T, D, B, h] = [5, 2, 3, 4];
const draw = (name: string, shape: number[]): NdArray =>
  normal(key(name), shape, { dtype: "float64" });
const inputs = draw("inputs", [T, D, B, 4 * h]);
const weights = draw("weights", [D, 4 * h, h]);
const hidden = draw("hidden", [D, B, h]);
const cell = draw("cell", [D, B, h]);

/** The same by `lstmCell`: the inputs enter through a weight of ones. */
function bySteps(x: NdArray, w: NdArray, h0: NdArray, c0: NdArray): NdArray {
  const eye = Array.from({ length: 4 * h }, (_, i) =>
    Array.from({ length: 4 * h }, (_, j) => Number(i === j)),
  );
  const at = (a: NdArray, i: number): NdArray => squeeze(slice(a, [i], [i + 1]), 0);
  const members = Array.from({ length: D }, (_, d) => {
    let state = { hidden: at(h0, d), cell: at(c0, d) };
    return stack(
      Array.from({ length: T }, (_, t) => {
        state = lstmCell(at(at(x, t), d), state, { input: eye, hidden: at(w, d) });
        return state.hidden;
      }),
    );
  });
  return stack(members, { axis: 1 });
}

describe("lstmSequence", () => {
  it("is lstmCell, step by step", () => {
    expectNear(
      lstmSequence(inputs, weights, { hidden, cell }),
      bySteps(inputs, weights, hidden, cell),
      1e-12,
    );
  });

  it("has the same gradients in all its arguments", () => {
    const probe = draw("probe", [T, D, B, h]);
    const args = [inputs, weights, hidden, cell] as const;
    const ours = grad(
      (x: NdArray, w: NdArray, h0: NdArray, c0: NdArray) =>
        sum(mul(probe, lstmSequence(x, w, { hidden: h0, cell: c0 }))),
      {
        argnums: [0, 1, 2, 3],
      },
    );
    const theirs = grad(
      (x: NdArray, w: NdArray, h0: NdArray, c0: NdArray) => sum(mul(probe, bySteps(x, w, h0, c0))),
      { argnums: [0, 1, 2, 3] },
    );
    const expected = theirs(...args);
    ours(...args).forEach((g, i) => expectNear(g, expected[i]!, 1e-10));
  });

  it("names what does not fit", () => {
    expect(() =>
      lstmSequence(zeros([2, 1, 1, 8]), zeros([1, 12, 3]), {
        hidden: zeros([1, 1, 3]),
        cell: zeros([1, 1, 3]),
      }),
    ).toThrow(/lstmSequence: .*\[2, 1, 1, 8\]/);
  });
});
