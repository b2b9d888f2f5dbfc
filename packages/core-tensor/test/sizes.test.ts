/** Results that are larger than an array may be are refused before anything is allocated, under the name of the function called. */
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { compile, scan } from "@provably/core-tensor/compile";
import { dirichlet, key, normal, uniform } from "@provably/core-tensor/random";

const long = p.zeros([60_000]);
const column = p.reshape(long, [60_000, 1]);
const row = p.reshape(long, [1, 60_000]);
const ids = p.zeros([60_000], { dtype: "int32" });
/** A view of one number: large without storage. */
const wide = p.broadcastTo(p.array([[0]]), [40_000, 50_000]);

/** What is called, by the name that the error must have. */
const calls: Readonly<Record<string, () => unknown>> = {
  add: () => p.add(column, row),
  sub: () => p.sub(row, column),
  less: () => p.less(column, row),
  where: () => p.where(p.less(column, 0), row, 1),
  matmul: () => p.matmul(column, row),
  outer: () => p.outer(long, long),
  einsum: () => p.einsum("i,j->ij", long, long),
  tensordot: () => p.tensordot(long, long, 0),
  oneHot: () => p.oneHot(ids, 60_000),
  broadcastTo: () => p.broadcastTo(row, [60_000, 60_000]),
  tile: () => p.tile(long, [60_000]),
  repeat: () => p.repeat(long, 60_000),
  pad: () =>
    p.pad(p.zeros([1, 1]), [
      [0, 59_999],
      [0, 59_999],
    ]),
  stack: () => p.stack([wide, wide]),
  concat: () => p.concat([wide, wide]),
  take: () => p.take(row, ids, { axis: 0 }),
  diag: () => p.diag(long),
  conv1d: () => p.conv1d(p.reshape(long, [1, 1, 60_000]), p.reshape(long, [60_000, 1, 1])),
  upsampleNearest2d: () => p.upsampleNearest2d(p.zeros([1, 1, 10, 10]), 10_000),
  attention: () =>
    p.attention(...([1, 2, 3].map(() => p.expandDims(column, 0)) as [NdArray, NdArray, NdArray])),
  jacrev: () => p.jacrev((x) => p.sin(x))(long),
  jacfwd: () => p.jacfwd((x) => p.sin(x))(long),
  hessian: () => p.hessian((x) => p.sum(p.sin(x)))(long),
  full: () => p.full([60_000, 60_000], 1),
  eye: () => p.eye(60_000),
  normal: () => normal(key(1), [60_000, 60_000]),
  uniform: () => uniform(key(1), [60_000, 60_000]),
  dirichlet: () => dirichlet(key(1), new Array<number>(60_000).fill(1), [60_000]),
  scan: () => scan((c: NdArray) => [c, c], long, null, { length: 60_000 }),
};

/** The message of the typed error; a result would be too large to print. */
function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof p.CoreTensorError) return error.message;
    throw error;
  }
  return "no error";
}

describe("a result that is too large", () => {
  for (const [name, call] of Object.entries(calls))
    it(`is refused by ${name} before it is allocated`, () => {
      expect(messageOf(call)).toMatch(new RegExp(`^${name}: .*2\\^31 - 1`));
    });

  it("is refused in compiled programs too, under the same names", () => {
    for (const name of [
      "add",
      "less",
      "matmul",
      "outer",
      "einsum",
      "oneHot",
      "tile",
      "stack",
      "jacrev",
    ])
      expect(messageOf(() => compile(calls[name]!)())).toMatch(
        new RegExp(`^${name}: .*2\\^31 - 1`),
      );
    const sum = compile((a: NdArray, b: NdArray) => p.sum(p.add(a, b)));
    expect(() => sum(column, row)).toThrow(/^add: the result would have shape \[60000, 60000\]/);
    const loop = compile(
      (c: NdArray) => scan((s: NdArray) => [s, s], c, null, { length: 60_000 })[1],
    );
    expect(() => loop(long)).toThrow(/^scan: the result would have shape \[60000, 60000\]/);
  });
});
