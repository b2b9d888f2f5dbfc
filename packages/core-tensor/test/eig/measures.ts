/** How far eigenvalues are from being ones, and from others. */
import {
  type NdArray,
  abs,
  add,
  expandDims,
  item,
  matmul,
  max,
  mul,
  sub,
  toTypedArray,
} from "@provably/core-tensor";
import { type Complex, eig } from "@provably/core-tensor/eig";

export const greatest = (x: NdArray): number => item(max(abs(x)));
const column = (x: Complex): Complex => ({ re: expandDims(x.re, -2), im: expandDims(x.im, -2) });

/** The greatest entry of A V − V Λ, over that of A. */
export function residual(a: NdArray): number {
  const { values, vectors } = eig(a);
  const { re, im } = column(values);
  const left = { re: matmul(a, vectors.re), im: matmul(a, vectors.im) };
  const right = {
    re: sub(mul(vectors.re, re), mul(vectors.im, im)),
    im: add(mul(vectors.re, im), mul(vectors.im, re)),
  };
  const far = Math.max(greatest(sub(left.re, right.re)), greatest(sub(left.im, right.im)));
  return far / Math.max(greatest(a), Number.MIN_VALUE);
}

/** How far two lists of complex numbers are apart as sets, each matched with its nearest that is left. */
export function apart(got: Complex, re: ArrayLike<number>, im: ArrayLike<number>): number {
  const left = Array.from({ length: re.length }, (_, i) => [re[i]!, im[i]!] as const);
  const [gr, gi] = [toTypedArray(got.re), toTypedArray(got.im)];
  return Array.from(gr, (r, i) => {
    const gaps = left.map(([x, y]) => Math.hypot(r - x, gi[i]! - y));
    const nearest = gaps.indexOf(Math.min(...gaps));
    left.splice(nearest, 1);
    return gaps[nearest]!;
  }).reduce((most, gap) => Math.max(most, gap), 0);
}
