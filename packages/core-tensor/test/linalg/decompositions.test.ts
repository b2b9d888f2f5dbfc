import {
  type NdArray,
  allClose,
  array,
  eye,
  item,
  matmul,
  matrixTranspose,
  max,
  abs,
  sub,
  toTypedArray,
  diagonal,
  mul,
  expandDims,
} from "@provably/core-tensor";
import { LinAlgError, ShapeError } from "@provably/core-tensor";
import * as l from "@provably/core-tensor/linalg";
import { key, normal } from "@provably/core-tensor/random";
import { EigenvalueDecomposition, Matrix, SingularValueDecomposition } from "ml-matrix";
import { describe, expect, it } from "vitest";

const random = (seed: string, ...shape: number[]): NdArray =>
  normal(key(seed), shape, { dtype: "float64" });
const symmetric = (x: NdArray): NdArray => mul(0.5, sub(x, mul(-1, matrixTranspose(x))));
const far = (a: NdArray, b: NdArray): number => item(max(abs(sub(a, b))));
const sizes = [1, 2, 3, 7, 23, 24, 25, 60];

describe("decompositions give the matrix back, below and above the size where SIMD takes over", () => {
  it.each(sizes)("side %i", (n) => {
    const a = random(`a${n}`, n, n);
    const bound = 1e-13 * n * item(max(abs(a)));
    const { q, r } = l.qr(a);
    expect(far(matmul(q, r), a)).toBeLessThan(bound);
    expect(far(matmul(matrixTranspose(q), q), eye(n, n, { dtype: "float64" }))).toBeLessThan(
      1e-13 * n,
    );
    const { u, singularValues, v } = l.svd(a);
    expect(far(matmul(mul(u, expandDims(singularValues, 0)), matrixTranspose(v)), a)).toBeLessThan(
      bound,
    );
    const s = symmetric(a);
    const { eigenvalues, eigenvectors } = l.eigh(s);
    expect(
      far(matmul(mul(eigenvectors, expandDims(eigenvalues, 0)), matrixTranspose(eigenvectors)), s),
    ).toBeLessThan(bound);
    for (const d of toTypedArray(diagonal(r))) expect(d).toBeGreaterThanOrEqual(0);
  });

  it.each([
    [5, 3],
    [3, 5],
    [40, 26],
  ])("%i by %i", (m, n) => {
    const a = random(`r${m}`, m, n);
    const { u, singularValues, v } = l.svd(a);
    expect(
      allClose(matmul(mul(u, expandDims(singularValues, 0)), matrixTranspose(v)), a, {
        relativeTolerance: 1e-12,
        absoluteTolerance: 1e-12,
      }),
    ).toBe(true);
    // Penrose's four conditions
    const p = l.pinv(a);
    const near = { relativeTolerance: 1e-10, absoluteTolerance: 1e-10 };
    expect(allClose(matmul(matmul(a, p), a), a, near)).toBe(true);
    expect(allClose(matmul(matmul(p, a), p), p, near)).toBe(true);
    expect(allClose(matmul(a, p), matrixTranspose(matmul(a, p)), near)).toBe(true);
    expect(allClose(matmul(p, a), matrixTranspose(matmul(p, a)), near)).toBe(true);
  });

  it("agrees with an independent library", () => {
    const n = 50;
    const a = random("oracle", n, n);
    const rows = Matrix.from1DArray(n, n, [...toTypedArray(a)]);
    const values = new SingularValueDecomposition(rows).diagonal;
    expect(
      allClose(l.svdvals(a), array(Float64Array.from(values)), { relativeTolerance: 1e-11 }),
    ).toBe(true);
    const s = symmetric(a);
    const eigen = new EigenvalueDecomposition(Matrix.from1DArray(n, n, [...toTypedArray(s)]), {
      assumeSymmetric: true,
    }).realEigenvalues;
    expect(
      allClose(l.eigvalsh(s), array(Float64Array.from(eigen).sort()), {
        relativeTolerance: 1e-10,
        absoluteTolerance: 1e-11,
      }),
    ).toBe(true);
  });

  it("finds the singular values of a Hilbert matrix to 1e-13 of the largest, tiny ones included", () => {
    // the product of the singular values is |det|, known in closed form: c_n⁴ / c_2n with c_n = Π i!
    const n = 6;
    const h = array(
      Float64Array.from({ length: n * n }, (_, i) => 1 / (Math.floor(i / n) + (i % n) + 1)),
      { shape: [n, n] },
    );
    const c = (k: number): number =>
      Array.from({ length: k - 1 }, (_, i) =>
        Array.from({ length: i + 1 }, (_unused, j) => j + 1).reduce((p, q) => p * q, 1),
      ).reduce((p, q) => p * q, 1);
    const det = c(n) ** 4 / c(2 * n);
    const s = [...toTypedArray(l.svdvals(h))];
    expect(s.reduce((p, q) => p * q, 1) / det).toBeCloseTo(1, 6);
    expect(
      item(l.matrixRank(matmul(expandDims(random("col", 5), 1), expandDims(random("row", 5), 0)))),
    ).toBe(1);
  });

  it("takes matrices whose rank is far below their size, where rounding makes up most eigenvalues", () => {
    for (const seed of ["low rank", "few", "narrow"]) {
      const a = random(seed, 5, 64);
      const gram = matmul(matrixTranspose(a), a);
      const { eigenvalues, eigenvectors } = l.eigh(gram);
      expect(
        far(matmul(mul(eigenvectors, eigenvalues), matrixTranspose(eigenvectors)), gram),
      ).toBeLessThan(1e-11);
      expect(
        far(matmul(matrixTranspose(eigenvectors), eigenvectors), eye(64, 64, { dtype: "float64" })),
      ).toBeLessThan(1e-12);
      const squares = l.eigvalsh(matmul(a, matrixTranspose(a)));
      for (let i = 0; i < 5; i++) expect(eigenvalues.get(59 + i)).toBeCloseTo(squares.get(i), 9);
    }
  });

  it("holds the identities of determinant, inverse, Cholesky and exponential", () => {
    const [a, b] = [random("p", 6, 6), random("q", 6, 6)];
    expect(item(l.det(matmul(a, b)))).toBeCloseTo(item(l.det(a)) * item(l.det(b)), 8);
    expect(far(matmul(l.inv(a), a), eye(6, 6, { dtype: "float64" }))).toBeLessThan(1e-11);
    const spd = matmul(a, matrixTranspose(a));
    const c = l.cholesky(spd);
    expect(far(matmul(c, matrixTranspose(c)), spd)).toBeLessThan(1e-12);
    // det(e^A) = e^(tr A)
    expect(item(l.slogdet(l.matrixExp(a)).logAbsDet)).toBeCloseTo(
      [...toTypedArray(diagonal(a))].reduce((s, v) => s + v, 0),
      9,
    );
    const { lower, upper, permutation } = l.lu(a);
    const rows = [...toTypedArray(permutation)].flatMap((i) => [...toTypedArray(a.pick(i, null))]);
    expect(
      far(matmul(lower, upper), array(Float64Array.from(rows), { shape: [6, 6] })),
    ).toBeLessThan(1e-13);
  });

  it("keeps eigenvalue gradients finite where eigenvalues coincide", async () => {
    const { grad, sum, all, isFinite } = await import("@provably/core-tensor");
    const g = grad((x: NdArray) => sum(mul(l.eigvalsh(x), [1, 2, 3])))(
      eye(3, 3, { dtype: "float64" }),
    );
    expect(item(all(isFinite(g)))).toBe(1);
  });
});

describe("matrices that cannot be decomposed are named", () => {
  it.each([
    [
      "solve",
      () =>
        l.solve(
          [
            [1, 2],
            [2, 4],
          ],
          [1, 1],
        ),
      LinAlgError,
      /singular \(pivot 2 of 2/,
    ],
    [
      "cholesky",
      () =>
        l.cholesky([
          [1, 2],
          [2, 1],
        ]),
      LinAlgError,
      /leading minor of order 2/,
    ],
    [
      "eigh of NaN",
      () =>
        l.eigh([
          [NaN, 0],
          [0, 1],
        ]),
      LinAlgError,
      /finite/,
    ],
    [
      "svd of Infinity",
      () =>
        l.svd([
          [Infinity, 0],
          [0, 1],
        ]),
      LinAlgError,
      /finite/,
    ],
    [
      "inv of a rectangle",
      () =>
        l.inv([
          [1, 2, 3],
          [4, 5, 6],
        ]),
      ShapeError,
      /square/,
    ],
    ["det of a vector", () => l.det([1, 2]), ShapeError, /matrix/],
    ["triangularSolve", () => l.triangularSolve([[0]], [1]), LinAlgError, /diagonal entry 0/],
    ["matrixExp of NaN", () => l.matrixExp([[NaN]]), LinAlgError, /finite/],
  ] as const)("%s", (_, run, type, message) => {
    expect(run).toThrow(type);
    expect(run).toThrow(message);
  });
});
