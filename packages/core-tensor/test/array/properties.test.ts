/** Laws of shapes and layouts: every function sees a view as it sees a copy, and broadcasts as plain loops do. */
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

/** A strided view over shared storage: permuted, reversed, stepped, sometimes empty; and the same elements copied. */
const views = (minRank = 1): fc.Arbitrary<{ view: NdArray; copy: NdArray }> =>
  fc
    .record({
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: minRank, maxLength: 4 }),
      order: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
      steps: fc.array(fc.constantFrom(1, 1, -1, 2, -2), { minLength: 4, maxLength: 4 }),
      seed: fc.integer({ min: 1, max: 1e6 }),
      dtype: fc.constantFrom("float64" as const, "float32" as const),
    })
    .map(({ shape, order, steps, seed, dtype }) => {
      const n = shape.reduce((a, b) => a * b, 1);
      const data = Float64Array.from({ length: n }, (_, i) =>
        Math.fround(Math.sin(seed + 7 * i) * 3),
      );
      const base = p.array(data, { shape, dtype });
      const axes = shape.map((_, i) => i).sort((i, j) => order[i]! - order[j]!);
      const view = p.slice(
        p.transpose(base, axes),
        [],
        [],
        shape.map((_, i) => steps[i]!),
      );
      return { view, copy: p.array(p.toTypedArray(view), { shape: view.shape }) };
    });

const same = (a: NdArray, b: NdArray): void => {
  expect(a.shape).toEqual(b.shape);
  expect(
    p.allClose(a, b, {
      relativeTolerance: a.dtype === "float32" ? 1e-5 : 1e-12,
      absoluteTolerance: a.dtype === "float32" ? 1e-5 : 1e-12,
    }),
  ).toBe(true);
};

describe("a view gives what a copy gives", () => {
  const functions: readonly (readonly [string, (x: NdArray) => NdArray, number])[] = [
    ["exp", p.exp, 1],
    ["tanh", p.tanh, 1],
    ["add with itself", (x) => p.add(x, x), 1],
    ["sum", (x) => p.sum(x), 1],
    ["sum over the first axis", (x) => p.sum(x, { axis: 0 }), 1],
    ["mean over the last axis, kept", (x) => p.mean(x, { axis: -1, keepDims: true }), 1],
    ["cumsum", (x) => p.cumsum(x, { axis: 0 }), 1],
    ["sort", (x) => p.sort(x), 1],
    ["argsort", (x) => p.asType(p.argsort(x), "float64"), 1],
    ["softmax over the first axis", (x) => p.softmax(x, { axis: 0 }), 1],
    ["logSumExp", (x) => p.logSumExp(x, { axis: -1 }), 1],
    ["flip", (x) => p.flip(x), 1],
    ["reshape", (x) => p.reshape(x, [x.size]), 1],
    [
      "pad",
      (x) =>
        p.pad(
          x,
          x.shape.map(() => [1, 2]),
          0.5,
        ),
      1,
    ],
    ["concat", (x) => p.concat([x, x], { axis: -1 }), 1],
    ["matmul with its transpose", (x) => p.matmul(x, p.matrixTranspose(x)), 2],
    ["asType", (x) => p.asType(x, "int32"), 1],
  ];
  it.each(functions)("%s", (_, f, minRank) => {
    fc.assert(fc.property(views(minRank), ({ view, copy }) => same(f(view), f(copy))));
  });
});

/** Shapes that broadcast together: some extents of each replaced by 1, some leading ones dropped. */
const pairs = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }).chain((shape) =>
  fc.tuple(
    ...[0, 1].map(() =>
      fc
        .record({
          ones: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
          drop: fc.integer({ min: 0, max: shape.length }),
        })
        .map(({ ones, drop }) => shape.map((n, i) => (ones[i] ? 1 : n)).slice(drop)),
    ),
  ),
);

describe("broadcasting", () => {
  it("reads every element that plain index arithmetic reads", () => {
    fc.assert(
      fc.property(pairs, ([left, right]) => {
        const fill = (shape: number[], seed: number): NdArray =>
          p.array(
            Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => seed + i),
            { shape },
          );
        const [a, b] = [fill(left!, 1), fill(right!, 100)];
        const sum = p.add(a, p.mul(1000, b));
        const at = (x: NdArray, index: number[]): number =>
          x.get(
            ...x.shape.map((n, i) => (n === 1 ? 0 : index[index.length - x.shape.length + i]!)),
          );
        const walk = (index: number[]): void => {
          if (index.length === sum.shape.length)
            expect(sum.get(...index)).toBe(at(a, index) + 1000 * at(b, index));
          else for (let i = 0; i < sum.shape[index.length]!; i++) walk([...index, i]);
        };
        walk([]);
      }),
    );
  });

  it("is undone by summing: the gradient of a broadcast sum counts the repeats", () => {
    fc.assert(
      fc.property(pairs, ([left, right]) => {
        const a = p.zeros(left!, { dtype: "float64" });
        const b = p.zeros(right!, { dtype: "float64" });
        const g = p.grad((x: NdArray) => p.sum(p.add(x, b)))(a);
        const total = p.add(a, b).size;
        expect(g.shape).toEqual(a.shape);
        if (a.size > 0) for (const v of p.toTypedArray(g)) expect(v).toBe(total / a.size);
      }),
    );
  });

  it("refuses shapes that do not fit, naming both", () => {
    expect(() => p.add(p.zeros([2, 3]), p.zeros([2]))).toThrow(
      /add: shapes \[2, 3\] and \[2\] do not broadcast/,
    );
  });
});

describe("types", () => {
  it.each([
    ["float32", "float64", "float64"],
    ["int32", "float32", "float32"],
    ["bool", "int32", "int32"],
    ["uint8", "int8", "int32"],
    ["bool", "bool", "bool"],
  ] as const)("%s and %s meet in %s", (left, right, expected) => {
    expect(p.add(p.zeros([1], { dtype: left }), p.zeros([1], { dtype: right })).dtype).toBe(
      expected,
    );
  });
  it("plain numbers take the type of the array beside them where they fit", () => {
    expect(p.add(p.zeros([1], { dtype: "float64" }), 1).dtype).toBe("float64");
    expect(p.add(p.zeros([1], { dtype: "int32" }), 1).dtype).toBe("int32");
    expect(p.add(p.zeros([1], { dtype: "int32" }), 0.5).dtype).toBe("float32");
    expect(p.add(p.zeros([1], { dtype: "uint8" }), 300).dtype).toBe("int32");
    expect(p.div(p.zeros([1], { dtype: "int32" }), 2).dtype).toBe("float32");
    expect(p.exp(p.zeros([1], { dtype: "int32" })).dtype).toBe("float32");
  });
});

describe("bad input is refused before any work, and nothing is written into", () => {
  it.each([
    ["ragged lists", () => p.array([[1, 2], [3]]), p.ShapeError, /equal length/],
    [
      "a shape that does not hold the values",
      () => p.array([1, 2, 3], { shape: [2, 2] }),
      p.ShapeError,
      /holds 4 elements, got 3/,
    ],
    [
      "an unknown type",
      () => p.zeros([1], { dtype: "float16" as "float32" }),
      p.DTypeError,
      /dtype/,
    ],
    ["a negative extent", () => p.zeros([-1]), p.ShapeError, /integers ≥ 0/],
    ["too large a shape", () => p.zeros([2 ** 16, 2 ** 16]), p.ShapeError, /2\^31/],
    ["an axis out of range", () => p.sum(p.zeros([2, 3]), { axis: 2 }), p.AxisError, /axis 2/],
    ["an axis named twice", () => p.sum(p.zeros([2, 3]), { axis: [0, -2] }), p.AxisError, /twice/],
    ["the maximum of nothing", () => p.max(p.zeros([0])), p.ShapeError, /empty axis/],
    [
      "matrices that do not fit",
      () => p.matmul(p.zeros([3, 4]), p.zeros([5, 2])),
      p.ShapeError,
      /inner extents differ: a is \[3, 4\], b is \[5, 2\]/,
    ],
    ["text", () => p.exp("1" as never), p.DTypeError, /x must be an array/],
    ["an object", () => p.exp({ a: 1 } as never), p.DTypeError, /keys \[a\]/],
    ["an index out of range", () => p.take([1, 2], [2]), p.IndexError, /index 2/],
    ["an index that is no integer", () => p.take([1, 2], [0.5]), p.DTypeError, /integers/],
    ["a reshape to another size", () => p.reshape([1, 2, 3], [2]), p.ShapeError, /3 elements/],
    [
      "a permutation that is none",
      () => p.transpose(p.zeros([2, 3]), [0, 0]),
      p.AxisError,
      /each of the 2 axes/,
    ],
    ["a quantile above 1", () => p.quantile([1], 1.5), p.DomainError, /q must be/],
    ["bounds the wrong way round", () => p.clip([1], 2, 1), p.DomainError, /min/],
    [
      "an equation that is none",
      () => p.einsum("ij,jk=>ik", [[1]], [[1]]),
      p.DomainError,
      /equation/,
    ],
    [
      "a filter larger than the image",
      () => p.conv2d(p.zeros([1, 1, 2, 2]), p.zeros([1, 1, 3, 3])),
      p.ShapeError,
      /larger than the padded image/,
    ],
    ["writing into an array", () => p.zeros([1]).set(0, 1), p.ImmutableError, /immutable/],
  ] as const)("%s", (_, run, type, message) => {
    expect(run).toThrow(type);
    expect(run).toThrow(message);
  });

  it("a buffer that was transferred away is noticed", () => {
    const data = new Float32Array([1, 2, 3]);
    structuredClone(data, { transfer: [data.buffer] });
    expect(() => p.array(data, { shape: [3] })).toThrow(p.ShapeError);
    expect(() => p.exp({ data, shape: [3], stride: [1], offset: 0 })).toThrow(p.ShapeError);
  });

  it("frozen inputs are fine", () => {
    const frozen = Object.freeze([Object.freeze([1, 2]), Object.freeze([3, 4])]) as number[][];
    expect(p.toNested(p.matmul(frozen, frozen))).toEqual([
      [7, 10],
      [15, 22],
    ]);
    const like = Object.freeze({
      data: new Float64Array([1, 2, 3, 4]),
      shape: Object.freeze([2, 2]),
      stride: Object.freeze([1, 2]),
      offset: 0,
    });
    expect(p.toNested(p.add(like, 0))).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it("a view that reaches outside its storage is refused", () => {
    expect(() =>
      p.exp({ data: new Float32Array(3), shape: [2, 2], stride: [2, 1], offset: 0 }),
    ).toThrow(/outside its storage/);
  });
});
