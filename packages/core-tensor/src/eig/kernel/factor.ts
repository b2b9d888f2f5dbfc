/** Eigenvalues and eigenvectors of a real matrix: balancing, Hessenberg form, Schur form, back substitution. Row-major float64. */
import { powerOfTwoNear } from "../../linalg/kernels/scale.js";
import { balance, type Balanced } from "./balance.js";
import { hessenberg } from "./hessenberg.js";
import { schur } from "./schur.js";
import { type Vector, eigenvaluesOf, vectorOf } from "./vectors.js";

export interface Eigen {
  readonly values: Vector;
  /** Matrices, one eigenvector in each column. */
  readonly vectors: Vector;
}

/** Eigenvalues by real part, then by imaginary part, with vectors of length 1 whose greatest component is positive; undefined when one does not settle. */
export function eigFactor(a: Float64Array, n: number): Eigen | undefined {
  const scale = powerOfTwoNear(a);
  const balanced = balance(
    a.map((x) => x / scale),
    n,
  );
  const { h, z } = hessenberg(balanced.matrix, n);
  if (!schur(h, z, n)) return undefined;
  const norm = h.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const pairs = eigenvaluesOf(h, n).flatMap((value) => {
    const vector = onOriginal(vectorOf(h, n, value, norm), z, n, balanced);
    const { re, im } = value;
    if (im === 0) return [{ re, im, vector }];
    const conjugate = { re: vector.re, im: vector.im.map((x) => 0 - x) };
    return [
      { re, im: -im, vector: conjugate },
      { re, im, vector },
    ];
  });
  pairs.sort((p, q) => p.re - q.re || p.im - q.im);
  const vectors: Vector = { re: new Float64Array(n * n), im: new Float64Array(n * n) };
  for (const [k, { vector }] of pairs.entries())
    for (let i = 0; i < n; i++) {
      vectors.re[i * n + k] = vector.re[i]!;
      vectors.im[i * n + k] = vector.im[i]!;
    }
  const part = (of: "re" | "im"): Float64Array =>
    Float64Array.from(pairs, (pair) => pair[of] * scale);
  return { values: { re: part("re"), im: part("im") }, vectors };
}

/** `P D Z x`, of length 1, turned so that its greatest component is positive. */
function onOriginal(x: Vector, z: Float64Array, n: number, { order, factors }: Balanced): Vector {
  const product = (part: Float64Array): Float64Array => {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0, p = i * n; j < n; j++, p++) sum += z[p]! * part[j]!;
      out[order[i]!] = sum * factors[i]!;
    }
    return out;
  };
  const [re, im] = [product(x.re), product(x.im)];
  const top = re.reduce((most, v, i) => Math.max(most, Math.abs(v), Math.abs(im[i]!)), 0);
  let [squares, greatest, at] = [0, -1, 0];
  for (let i = 0; i < n; i++) {
    re[i]! /= top;
    im[i]! /= top;
    const square = re[i]! * re[i]! + im[i]! * im[i]!;
    squares += square;
    if (square > greatest) [greatest, at] = [square, i];
  }
  // divided by its phase and by the length
  const size = Math.sqrt(greatest) * Math.sqrt(squares);
  const [c, s] = [re[at]! / size, im[at]! / size];
  const turned: Vector = { re: new Float64Array(n), im: new Float64Array(n) };
  for (let i = 0; i < n; i++) {
    turned.re[i] = re[i]! * c + im[i]! * s;
    turned.im[i] = i === at ? 0 : im[i]! * c - re[i]! * s;
  }
  return turned;
}
