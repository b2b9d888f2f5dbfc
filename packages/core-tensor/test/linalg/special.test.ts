/** Decompositions, norms and orders of numbers that are not finite, singular, huge or tiny. */
import {
  CoreTensorError,
  array,
  grad,
  hessian,
  item,
  norm,
  sum,
  toNested,
  toTypedArray,
  topK,
} from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import * as l from "@provably/core-tensor/linalg";
import { describe, expect, it } from "vitest";

const f64 = (x: number[] | number[][]): NdArray => array(x, { dtype: "float64" });
const numbers = (x: NdArray): number[] => Array.from(toTypedArray(x));

describe("linear algebra of matrices that are not finite", () => {
  const functions: Record<string, (a: NdArray) => readonly NdArray[]> = {
    det: (a) => [l.det(a)],
    slogdet: (a) => [l.slogdet(a).logAbsDet],
    inv: (a) => [l.inv(a)],
    solve: (a) => [l.solve(a, f64([1, 0, 2]))],
    "solve with such a right-hand side": (a) => [
      l.solve(
        f64([
          [2, 1, 0],
          [1, 3, 1],
          [0, 1, 4],
        ]),
        a,
      ),
    ],
    cholesky: (a) => [l.cholesky(a)],
    qr: (a) => [l.qr(a).q, l.qr(a).r],
    eigh: (a) => [l.eigh(a).eigenvalues],
    eigvalsh: (a) => [l.eigvalsh(a)],
    svdvals: (a) => [l.svdvals(a)],
    pinv: (a) => [l.pinv(a)],
    cond: (a) => [l.cond(a)],
    lstsq: (a) => [l.lstsq(a, f64([1, 0, 2]))],
    matrixExp: (a) => [l.matrixExp(a)],
    matrixRank: (a) => [l.matrixRank(a)],
    lu: (a) => [l.lu(a).upper, l.lu(a).lower],
  };
  const places = [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => [i, j] as const));

  it.each(Object.entries(functions))("%s gives NaN or refuses, wherever the NaN is", (_, f) => {
    for (const base of [
      [
        [2, 1, 0],
        [1, 3, 1],
        [0, 1, 4],
      ],
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    ])
      for (const [i, j] of places)
        for (const both of [true, false]) {
          const a = base.map((row) => [...row]);
          a[i]![j] = NaN;
          // the triangles of a symmetric matrix stand for each other
          if (both) a[j]![i] = NaN;
          else if (["cholesky", "eigh", "eigvalsh"].includes(_)) continue;
          try {
            const results = f(f64(a)).flatMap(numbers);
            expect(results.some(Number.isNaN), `at ${i}, ${j}: ${results.join()}`).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(CoreTensorError);
          }
        }
  });
});

describe("the derivative of the determinant", () => {
  it("is the adjugate, at singular matrices too", () => {
    expect(
      toNested(
        grad(l.det)(
          f64([
            [0, 0],
            [0, 5],
          ]),
        ),
      ),
    ).toEqual([
      [5, 0],
      [0, 0],
    ]);
    const a = [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ];
    const want = [-3, 6, -3, 6, -12, 6, -3, 6, -3];
    numbers(grad(l.det)(f64(a))).forEach((v, i) => {
      expect(v).toBeCloseTo(want[i]!, 12);
    });
    // of rank one every minor is 0
    numbers(
      grad(l.det)(
        f64([
          [1, 2, 3],
          [2, 4, 6],
          [3, 6, 9],
        ]),
      ),
    ).forEach((v) => {
      expect(Math.abs(v)).toBeLessThan(1e-13);
    });
  });

  it("has a second derivative where the matrix is regular", () => {
    // det [[a, b], [c, d]] = ad − bc
    expect(
      toNested(
        hessian((x: NdArray) => l.det(x))(
          f64([
            [3, 1],
            [2, 4],
          ]),
        ),
      ),
    ).toEqual(
      [
        [
          [
            [0, 0],
            [0, 1],
          ],
          [
            [0, 0],
            [-1, 0],
          ],
        ],
        [
          [
            [0, -1],
            [0, 0],
          ],
          [
            [1, 0],
            [0, 0],
          ],
        ],
      ].map((r) => r.map((m) => m.map((row) => row.map((v) => expect.closeTo(v, 12) as number)))),
    );
  });

  it("belongs to values that do not leave the range on the way", () => {
    expect(
      item(
        l.det(
          f64([
            [1e200, 0, 0],
            [0, 1e200, 0],
            [0, 0, 1e-300],
          ]),
        ),
      ),
    ).toBeCloseTo(1e100, -88);
    expect(
      item(
        l.det(
          f64([
            [1, 2],
            [3, 4],
          ]),
        ),
      ),
    ).toBe(-2);
    expect(
      item(
        l.det(
          f64([
            [1e-200, 0],
            [0, 1e-200],
          ]),
        ),
      ),
    ).toBe(0);
    expect(
      item(
        l.det(
          f64([
            [1e200, 0],
            [0, -1e200],
          ]),
        ),
      ),
    ).toBe(-Infinity);
    expect(
      item(
        l.det(
          array([
            [0, 1],
            [1, 0],
          ]),
        ),
      ),
    ).toBe(-1);
  });
});

describe("the condition number", () => {
  it("of a singular matrix is infinite, of zero too", () => {
    expect(
      item(
        l.cond([
          [0, 0],
          [0, 0],
        ]),
      ),
    ).toBe(Infinity);
    expect(item(l.cond([[0]]))).toBe(Infinity);
    expect(
      item(
        l.cond([
          [1, 0],
          [0, 0],
        ]),
      ),
    ).toBe(Infinity);
    expect(
      item(
        l.cond([
          [3, 0],
          [0, 0.5],
        ]),
      ),
    ).toBe(6);
  });
});

describe("the exponential of a matrix", () => {
  it("beyond the range, or of a norm at which no digit is known, is refused", () => {
    expect(() =>
      l.matrixExp(
        f64([
          [1000, 0],
          [0, 0],
        ]),
      ),
    ).toThrow(/matrixExp: .*beyond the range of float64/);
    expect(() =>
      l.matrixExp([
        [100, 0],
        [0, 0],
      ]),
    ).toThrow(/beyond the range of float32/);
    expect(() =>
      l.matrixExp(
        f64([
          [0, 1e16],
          [-1e16, 0],
        ]),
      ),
    ).toThrow(/no digit/);
    expect(() =>
      l.matrixExp(
        f64([
          [1e300, 0],
          [0, 1e300],
        ]),
      ),
    ).toThrow(/matrixExp/);
    expect(
      numbers(
        l.matrixExp(
          f64([
            [-1000, 0],
            [0, -2],
          ]),
        ),
      ),
    ).toEqual([0, 0, 0, expect.closeTo(Math.exp(-2), 12)]);
  });
});

describe("the norm", () => {
  it("neither overflows nor underflows, and neither does its derivative", () => {
    expect(item(norm(array([3e30, 4e30])))).toBe(Math.fround(5e30));
    expect(item(norm(array([3e-30, -4e-30])))).toBeCloseTo(5e-30, 35);
    expect(item(norm(f64([3e200, 4e200])))).toBeCloseTo(5e200, -188);
    expect(item(norm(f64([3e-200, 4e-200])))).toBe(5e-200);
    expect(toNested(grad(norm)(array([1e-23, 0])))).toEqual([1, 0]);
    expect(toNested(grad((x: NdArray) => norm(x))(array([3e25, 4e25])))).toEqual([
      expect.closeTo(0.6, 6),
      expect.closeTo(0.8, 6),
    ]);
    expect(
      toNested(
        grad((x: NdArray) => sum(norm(x, { axis: 1 })))(
          f64([
            [0, 0],
            [6e-210, 8e-210],
            [3, 4],
          ]),
        ),
      ),
    ).toEqual([
      [0, 0],
      [expect.closeTo(0.6, 14), expect.closeTo(0.8, 14)],
      [expect.closeTo(0.6, 14), expect.closeTo(0.8, 14)],
    ]);
  });

  it("of infinities is infinite, with NaN it is NaN, of nothing it is 0", () => {
    expect(item(norm([Infinity, 1e30]))).toBe(Infinity);
    expect(item(norm([NaN, 1]))).toBeNaN();
    expect(item(norm([]))).toBe(0);
    expect(item(norm([0, 0]))).toBe(0);
  });
});

describe("the greatest elements", () => {
  it("begin with NaN, as the maximum is NaN", () => {
    const { values, indices } = topK([2, NaN, Infinity, NaN, 5], 4);
    expect(toNested(values)).toEqual([NaN, NaN, Infinity, 5]);
    expect(toNested(indices)).toEqual([1, 3, 2, 4]);
  });
});
