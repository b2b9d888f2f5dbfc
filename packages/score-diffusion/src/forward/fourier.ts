/** The discrete Fourier transform of images of any extents, as two products with the matrices of its axes. */
import { type NdArray, add, array, matmul, neg, sub, transpose } from "@provably/core-tensor";

/** Images by real and imaginary part, each [n, h, w]. */
export interface Complex {
  readonly re: NdArray;
  readonly im: NdArray;
}

/** Cosines and sines of the orthonormal transform of one axis, [n, places]: F = C − iS. */
interface Axis {
  readonly cos: NdArray;
  readonly sin: NdArray;
}

/** The columns of the transform of n numbers that belong to all places but the first and last `pad`. */
function axisOf(n: number, pad: number): Axis {
  const places = n - 2 * pad;
  const fill = (f: (angle: number) => number): NdArray =>
    // the product of the two places is taken modulo n, so that angles stay small and exact
    array(
      Float64Array.from(
        { length: n * places },
        (_, i) =>
          f((2 * Math.PI * ((Math.floor(i / places) * (pad + (i % places))) % n)) / n) /
          Math.sqrt(n),
      ),
      { shape: [n, places] },
    );
  return { cos: fill(Math.cos), sin: fill(Math.sin) };
}

/** The orthonormal transform of padded images of one size, and its inverse. */
export interface Fourier {
  /** Of images [n, h, w], with zeros around them. */
  forward(x: NdArray): Complex;
  /** The real part of the inverse, without what lies in the padding. */
  inverseReal(z: Complex): NdArray;
}

/**
 * The transform of images of `height` × `width`, padding included. O(hw(h + w)) an image: for the sides of images, up to a few hundred, SIMD products are as
 * fast as a fast transform, take any extent and can be differentiated; and padding costs nothing.
 */
export function fourier(
  height: number,
  width: number,
  pad: readonly [number, number] = [0, 0],
): Fourier {
  const rows = axisOf(height, pad[0]);
  const columns = height === width && pad[0] === pad[1] ? rows : axisOf(width, pad[1]);
  return {
    forward(x) {
      const re = matmul(rows.cos, x);
      const im = neg(matmul(rows.sin, x));
      return {
        re: add(matmul(re, transpose(columns.cos)), matmul(im, transpose(columns.sin))),
        im: sub(matmul(im, transpose(columns.cos)), matmul(re, transpose(columns.sin))),
      };
    },
    inverseReal({ re, im }) {
      const a = sub(matmul(re, columns.cos), matmul(im, columns.sin));
      const b = add(matmul(re, columns.sin), matmul(im, columns.cos));
      return sub(matmul(transpose(rows.cos), a), matmul(transpose(rows.sin), b));
    },
  };
}
