/** Orthogonal transformations of row-major matrices in place: on SIMD where there is any, else by the plain loops here. */
import { type Orthogonal, residentOrthogonal } from "../../exec/wasm/index.js";

/** Columns are taken in strips that stay in the first-level cache over a whole sequence of rotations. */
const STRIP = 64;

const plain: Orthogonal = {
  zeros: (length) => new Float64Array(length),

  rotate(a, width, l, m, cosines, sines, upwards) {
    for (let from = 0; from < width; from += STRIP) {
      const to = Math.min(width, from + STRIP);
      for (let k = 0; k < m - l; k++) {
        const i = upwards ? l + k : m - 1 - k;
        const c = cosines[i]!;
        const s = upwards ? -sines[i]! : sines[i]!;
        if (s === 0) continue;
        const shift = i * width;
        for (let p = shift + from, q = p + width; p < shift + to; p++, q++) {
          const x = a[p]!;
          const y = a[q]!;
          a[q] = s * x + c * y;
          a[p] = c * x - s * y;
        }
      }
    }
  },

  reflectRows(a, width, row, from, to, v, beta) {
    const w = new Float64Array(to - from);
    for (let i = 0; i < v.length; i++) {
      const vi = v[i]!;
      for (let j = 0, p = (row + i) * width + from; j < w.length; j++, p++) w[j]! += vi * a[p]!;
    }
    for (let i = 0; i < v.length; i++) {
      const f = beta * v[i]!;
      for (let j = 0, p = (row + i) * width + from; j < w.length; j++, p++) a[p]! -= f * w[j]!;
    }
  },

  reflectColumns(a, width, first, last, column, v, beta) {
    for (let i = first; i < last; i++) {
      const p = i * width + column;
      let s = 0;
      for (let j = 0; j < v.length; j++) s += a[p + j]! * v[j]!;
      s *= beta;
      for (let j = 0; j < v.length; j++) a[p + j]! -= s * v[j]!;
    }
  },

  // B − v pᵀ − p vᵀ with p = β B v − ½ β² (vᵀ B v) v
  rankTwo(a, width, at, v, beta) {
    const m = v.length;
    const p = new Float64Array(m);
    for (let i = 0; i < m; i++) {
      const row = (at + i) * width + at;
      const vi = v[i]!;
      let s = 0;
      for (let j = 0; j < i; j++) {
        const b = a[row + j]!;
        s += b * v[j]!;
        p[j]! += b * vi;
      }
      p[i]! += s + a[row + i]! * vi;
    }
    let dot = 0;
    for (let i = 0; i < m; i++) dot += p[i]! * v[i]!;
    const shift = (beta * beta * dot) / 2;
    for (let i = 0; i < m; i++) p[i] = beta * p[i]! - shift * v[i]!;
    for (let i = 0; i < m; i++) {
      const row = (at + i) * width + at;
      const [vi, pi] = [v[i]!, p[i]!];
      for (let j = 0; j <= i; j++) a[row + j]! -= vi * p[j]! + pi * v[j]!;
    }
  },
};

/** Transformations with room for `total` numbers in matrices whose sides are at most `longest`. */
export function orthogonal(total: number, longest: number): Orthogonal {
  return residentOrthogonal(total, longest) ?? plain;
}
