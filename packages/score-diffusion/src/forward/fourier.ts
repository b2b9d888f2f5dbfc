/** The discrete Fourier transform of images of any extents, as two products with the matrices of its axes. */
import { type NdArray, add, array, matmul, neg, sub } from "@provably/core-tensor";

/** Images by real and imaginary part, each [n, h, w]. */
export interface Complex {
  readonly re: NdArray;
  readonly im: NdArray;
}

/** Cosines and sines of the orthonormal transform of one axis, each [n, n]: F = C − iS. */
interface Axis {
  readonly cos: NdArray;
  readonly sin: NdArray;
}

function axisOf(n: number): Axis {
  const fill = (f: (angle: number) => number): NdArray =>
    // the product of the two places is taken modulo n, so that angles stay small and exact
    array(
      Float64Array.from({ length: n * n }, (_, i) => f((2 * Math.PI * ((Math.floor(i / n) * (i % n)) % n)) / n) / Math.sqrt(n)),
      { shape: [n, n] },
    );
  return { cos: fill(Math.cos), sin: fill(Math.sin) };
}

/** The orthonormal transform of images of one size, and its inverse. */
export interface Fourier {
  forward(x: NdArray): Complex;
  /** The real part of the inverse. */
  inverseReal(z: Complex): NdArray;
}

/**
 * O(hw(h + w)) an image: for the sides of images, up to a few hundred, SIMD products are as fast as a fast transform, take any extent and can be
 * differentiated.
 */
export function fourier(height: number, width: number): Fourier {
  const rows = axisOf(height);
  const columns = height === width ? rows : axisOf(width);
  return {
    forward(x) {
      const re = matmul(rows.cos, x);
      const im = neg(matmul(rows.sin, x));
      return {
        re: add(matmul(re, columns.cos), matmul(im, columns.sin)),
        im: sub(matmul(im, columns.cos), matmul(re, columns.sin)),
      };
    },
    inverseReal({ re, im }) {
      const a = sub(matmul(rows.cos, re), matmul(rows.sin, im));
      const b = add(matmul(rows.sin, re), matmul(rows.cos, im));
      return sub(matmul(a, columns.cos), matmul(b, columns.sin));
    },
  };
}
