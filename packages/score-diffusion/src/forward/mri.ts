/** Images of magnetic resonance, seen by some of their frequencies. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  concat,
  expandDims,
  item,
  max,
  mul,
  neg,
  notEqual,
  reshape,
  slice,
  sqrt,
  square,
  sub,
  sum,
  toTypedArray,
} from "@provably/core-tensor";
import { anything, check, optional, recordOf, wholeNumber } from "@provably/core-tensor/internal";
import { type Complex, fourier } from "./fourier.js";
import { type LinearOperator, batchOf, spectralArguments } from "./operator.js";

const OPTIONS = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  mask: anything,
  coils: optional(recordOf({ real: anything, imaginary: anything })),
});

/**
 * Options of {@link mri}.
 * @category Forward models
 */
export interface MriOptions {
  readonly height: number;
  readonly width: number;
  /** Which frequencies are seen, shape `[height, width]`, frequency 0 first; 0 hides. */
  readonly mask: ArrayInput;
  /** What each coil multiplies the image with, shape `[K, height, width]` each; default one coil that sees all alike. */
  readonly coils?: { readonly real: ArrayInput; readonly imaginary: ArrayInput };
}

/** An array of finite numbers and the given extents; `undefined` allows any. */
function checked(
  name: string,
  value: ArrayInput,
  extents: readonly (number | undefined)[],
): NdArray {
  const a = asType(value, "float64");
  if (
    a.shape.length !== extents.length ||
    extents.some((n, i) => n !== undefined && n !== a.shape[i])
  )
    throw new ShapeError(
      `mri: ${name} must be [${extents.map((n) => n ?? "K").join(", ")}], got [${a.shape.join(", ")}]`,
    );
  if (!toTypedArray(a).every((v) => Number.isFinite(v)))
    throw new DomainError(`mri: ${name} must hold finite numbers`);
  return a;
}

const times = (a: Complex, b: Complex, sign: 1 | -1): Complex => ({
  re: sub(mul(a.re, b.re), mul(sign, mul(a.im, b.im))),
  im: add(mul(a.im, b.re), mul(sign, mul(a.re, b.im))),
});

/**
 * Magnetic resonance imaging: $y_k = M F (c_k x)$ for every coil, with the orthonormal Fourier transform $F$ and the mask $M$.
 *
 * Points are complex images, the real part before the imaginary one; so are measurements, coil after coil, with 0 where the mask hides. With one coil the
 * transform makes it diagonal, so that Gaussian posteriors are sampled exactly. O(n^3) a coil for n × n pixels.
 *
 * @param options - see {@link MriOptions}
 * @returns operator from `[n, 2 · height · width]` to `[n, K · 2 · height · width]`
 * @throws `ShapeError` when the mask or the coils have other extents
 * @throws `DomainError` when they hold numbers that are not finite, or the mask hides everything
 * @example
 * ```ts
 * import { ones } from "@provably/core-tensor";
 * import { mri } from "@provably/score-diffusion";
 *
 * mri({ height: 4, width: 6, mask: ones([4, 6]) }).outputSize; // => 48
 * ```
 * @see Pruessmann et al. (1999), "SENSE: sensitivity encoding for fast MRI"
 * @category Forward models
 */
export function mri(options: MriOptions): LinearOperator {
  const fn = "mri";
  const { height, width } = check(fn, "options", options, OPTIONS);
  const mask = asType(
    notEqual(checked("options.mask", options.mask, [height, width]), 0),
    "float64",
  );
  if (item(sum(mask)) === 0) throw new DomainError("mri: options.mask hides everything");
  const maps = options.coils === undefined ? undefined : coilsOf(options.coils, height, width);
  const coils = maps?.re.shape[0] ?? 1;
  const [d, m] = [2 * height * width, coils * 2 * height * width];
  const transform = fourier(height, width);
  /** Rows as complex images, [images, h, w]. */
  const complexOf = (rows: NdArray, images: number): Complex => {
    const both = reshape(rows, [images, 2, height, width]);
    const part = (i: number): NdArray =>
      reshape(slice(both, [0, i, 0, 0], [images, i + 1, height, width]), [images, height, width]);
    return { re: part(0), im: part(1) };
  };
  const rowsOf = ({ re, im }: Complex, size: number): NdArray => {
    const both = concat([expandDims(re, 1), expandDims(im, 1)], { axis: 1 });
    return reshape(both, [both.size / size, size]);
  };
  const forward = ({ re, im }: Complex): Complex => {
    const [a, b] = [transform.forward(re), transform.forward(im)];
    return { re: sub(a.re, b.im), im: add(a.im, b.re) };
  };
  const inverse = ({ re, im }: Complex): Complex => ({
    re: transform.inverseReal({ re, im }),
    im: transform.inverseReal({ re: im, im: neg(re) }),
  });
  const masked = (z: Complex, by: NdArray): Complex => ({ re: mul(z.re, by), im: mul(z.im, by) });
  const operator: LinearOperator = {
    name: fn,
    inputSize: d,
    outputSize: m,
    norm:
      maps === undefined
        ? 1
        : item(max(sqrt(sum(add(square(maps.re), square(maps.im)), { axis: 0 })))),
    apply(x) {
      const n = batchOf(fn, "x", x, d).shape[0]!;
      const image = complexOf(asType(x, "float64"), n);
      const seen = maps === undefined ? image : spread(image, maps, n, height, width);
      return rowsOf(masked(forward(seen), mask), m);
    },
    adjoint(y) {
      const n = batchOf(fn, "y", y, m).shape[0]!;
      const back = inverse(masked(complexOf(asType(y, "float64"), n * coils), mask));
      return rowsOf(maps === undefined ? back : gather(back, maps, n, height, width), d);
    },
  };
  if (maps !== undefined) return operator;
  return {
    ...operator,
    normalFunction(f, points) {
      const v = spectralArguments(fn, f, points, d);
      const [hidden, visible] = [f(0), f(1)];
      const factors = array(
        Float64Array.from(toTypedArray(mask), (seen) => (Number(seen) === 0 ? hidden : visible)),
        { shape: [height, width] },
      );
      return rowsOf(inverse(masked(forward(complexOf(v, v.shape[0]!)), factors)), d);
    },
  };
}

function coilsOf(
  coils: { readonly real: ArrayInput; readonly imaginary: ArrayInput },
  height: number,
  width: number,
): Complex {
  const re = checked("options.coils.real", coils.real, [undefined, height, width]);
  const im = checked("options.coils.imaginary", coils.imaginary, [...re.shape]);
  if (re.shape[0] === 0) throw new ShapeError("mri: options.coils must hold at least one coil");
  return { re, im };
}

/** Every image times every coil, [n · K, h, w]. */
function spread(image: Complex, maps: Complex, n: number, height: number, width: number): Complex {
  const wide = { re: expandDims(image.re, 1), im: expandDims(image.im, 1) };
  const { re, im } = times(wide, maps, 1);
  const shape = [n * maps.re.shape[0]!, height, width];
  return { re: reshape(re, shape), im: reshape(im, shape) };
}

/** The sum over coils of their conjugates times their images. */
function gather(images: Complex, maps: Complex, n: number, height: number, width: number): Complex {
  const shape = [n, maps.re.shape[0]!, height, width];
  const each = { re: reshape(images.re, shape), im: reshape(images.im, shape) };
  const { re, im } = times(each, maps, -1);
  return { re: sum(re, { axis: 1 }), im: sum(im, { axis: 1 }) };
}
