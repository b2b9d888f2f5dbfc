/** Blurred images. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  conv2d,
  convTranspose2d,
  flip,
  matmul,
  mul,
  reshape,
  square,
  sub,
  toTypedArray,
  transpose,
} from "@provably/core-tensor";
import {
  anything,
  check,
  oneOf,
  optional,
  positiveNumber,
  recordOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Complex, fourier } from "./fourier.js";
import { type LinearOperator, batchOf, linearOperator, spectralArguments } from "./operator.js";

const OPTIONS = recordOf({
  height: wholeNumber(1),
  width: wholeNumber(1),
  kernel: anything,
  boundary: optional(oneOf("circular", "reflect", "zero", "valid")),
});

/**
 * Extents of images, and what blurs them.
 * @category Forward models
 */
export interface BlurOptions {
  readonly height: number;
  readonly width: number;
  /** Weights, shape `[p, q]` with odd extents; see {@link gaussianKernel} and {@link motionKernel}. */
  readonly kernel: ArrayInput;
  /**
   * What lies beyond the edge: the image again (`circular`, the default), its mirror image without the edge itself (`reflect`), nothing (`zero`), or nothing is
   * measured there (`valid`).
   */
  readonly boundary?: "circular" | "reflect" | "zero" | "valid";
}

/**
 * Convolution of images with a kernel.
 *
 * With the circular boundary the Fourier transform makes it diagonal, so that Gaussian posteriors are sampled exactly.
 *
 * @param options - see {@link BlurOptions}
 * @returns operator on images `[n, height · width]`
 * @throws `ShapeError` when the kernel is not odd, or larger than the image
 * @example
 * ```ts
 * import { blur, gaussianKernel } from "@provably/score-diffusion";
 *
 * blur({ height: 8, width: 8, kernel: gaussianKernel(5, 1) }).norm.toFixed(3); // => "1.000"
 * ```
 * @category Forward models
 */
export function blur(options: BlurOptions): LinearOperator {
  const { height, width, boundary = "circular" } = check("blur", "options", options, OPTIONS);
  const kernel = asType(options.kernel, "float64");
  const [p, q] = kernel.shape;
  if (
    p === undefined ||
    q === undefined ||
    kernel.shape.length !== 2 ||
    p % 2 === 0 ||
    q % 2 === 0 ||
    p > height ||
    q > width
  )
    throw new ShapeError(
      `blur: kernel must be [p, q], odd and at most [${height}, ${width}], got [${kernel.shape.join(", ")}]`,
    );
  if (boundary === "valid") return validBlur(kernel, height, width);
  if (boundary !== "circular") return paddedBlur(kernel, height, width, boundary);
  const d = height * width;
  const transform = fourier(height, width);
  const spread = new Float64Array(d);
  for (let i = 0; i < p; i++)
    for (let j = 0; j < q; j++) {
      const row = (i - (p - 1) / 2 + height) % height;
      const column = (j - (q - 1) / 2 + width) % width;
      spread[row * width + column]! += kernel.get(i, j);
    }
  const { re, im } = transform.forward(array(spread, { shape: [1, height, width] }));
  const gainRe = mul(Math.sqrt(d), re);
  const gainIm = mul(Math.sqrt(d), im);
  const eigenvalues = toTypedArray(add(square(gainRe), square(gainIm)));
  const image = (x: NdArray): NdArray =>
    reshape(batchOf("blur", "x", x, d), [x.shape[0]!, height, width]);
  const flat = (x: NdArray): NdArray => reshape(x, [x.shape[0]!, d]);
  const times = (z: Complex, sign: 1 | -1): Complex => ({
    re: sub(mul(z.re, gainRe), mul(sign, mul(z.im, gainIm))),
    im: add(mul(z.im, gainRe), mul(sign, mul(z.re, gainIm))),
  });
  return {
    name: "blur",
    inputSize: d,
    outputSize: d,
    norm: Math.sqrt((eigenvalues as Float64Array).reduce((a, b) => Math.max(a, b), 0)),
    apply: (x) => flat(transform.inverseReal(times(transform.forward(image(x)), 1))),
    adjoint: (y) => flat(transform.inverseReal(times(transform.forward(image(y)), -1))),
    normalFunction(f, v) {
      spectralArguments("blur", f, v, d);
      const factors = array(
        Float64Array.from(eigenvalues, (eigenvalue) => f(eigenvalue)),
        { shape: [height, width] },
      );
      const z = transform.forward(image(v));
      return flat(transform.inverseReal({ re: mul(z.re, factors), im: mul(z.im, factors) }));
    },
  };
}

/** The extension of an axis beyond both ends, [n + 2 pad, n]. */
function extension(n: number, pad: number, boundary: "reflect" | "zero"): NdArray {
  const weights = new Float64Array((n + 2 * pad) * n);
  for (let i = 0; i < n + 2 * pad; i++) {
    const place = i - pad;
    const inside = place >= 0 && place < n;
    const mirrored = place < 0 ? -place : 2 * (n - 1) - place;
    if (inside || boundary === "reflect") weights[i * n + (inside ? place : mirrored)] = 1;
  }
  return array(weights, { shape: [n + 2 * pad, n] });
}

function paddedBlur(
  kernel: NdArray,
  height: number,
  width: number,
  boundary: "reflect" | "zero",
): LinearOperator {
  const [p, q] = kernel.shape as [number, number];
  const rows = extension(height, (p - 1) / 2, boundary);
  const columns = extension(width, (q - 1) / 2, boundary);
  const [tall, wide] = [rows.shape[0]!, columns.shape[0]!];
  const inner = validBlur(kernel, tall, wide);
  const d = height * width;
  return linearOperator({
    name: `blur(${boundary})`,
    inputSize: d,
    outputSize: d,
    apply(x) {
      const n = batchOf("blur", "x", x, d).shape[0]!;
      const extended = matmul(matmul(rows, reshape(x, [n, height, width])), transpose(columns));
      return inner.apply(reshape(extended, [n, tall * wide]));
    },
    adjoint(y) {
      const n = batchOf("blur", "y", y, d).shape[0]!;
      const extended = reshape(inner.adjoint(y), [n, tall, wide]);
      return reshape(matmul(matmul(transpose(rows), extended), columns), [n, d]);
    },
  });
}

function validBlur(kernel: NdArray, height: number, width: number): LinearOperator {
  const [p, q] = kernel.shape as [number, number];
  const [h, w] = [height - p + 1, width - q + 1];
  // networks' convolution does not turn the kernel round; convolution does
  const filter = reshape(flip(kernel, [0, 1]), [1, 1, p, q]);
  return linearOperator({
    name: "blur(valid)",
    inputSize: height * width,
    outputSize: h * w,
    apply: (x) =>
      reshape(
        conv2d(
          reshape(batchOf("blur", "x", x, height * width), [x.shape[0]!, 1, height, width]),
          filter,
        ),
        [x.shape[0]!, h * w],
      ),
    adjoint: (y) =>
      reshape(
        convTranspose2d(reshape(batchOf("blur", "y", y, h * w), [y.shape[0]!, 1, h, w]), filter),
        [y.shape[0]!, height * width],
      ),
  });
}

function normalized(weights: Float64Array, size: number): NdArray {
  const total = weights.reduce((a, b) => a + b, 0);
  return array(
    weights.map((w) => w / total),
    { shape: [size, size] },
  );
}

function checkKernel(fn: string, size: number): void {
  if (!Number.isInteger(size) || size < 1 || size % 2 === 0)
    throw new DomainError(`${fn}: size must be a positive odd integer, got ${show(size)}`);
}

/**
 * A round Gaussian kernel of sum 1.
 *
 * @param size - extent, odd
 * @param std - standard deviation in pixels
 * @returns array of shape `[size, size]`
 * @throws `DomainError` when an argument is out of range
 * @example
 * ```ts
 * import { gaussianKernel } from "@provably/score-diffusion";
 *
 * gaussianKernel(3, 1).get(1, 1).toFixed(3); // => "0.204"
 * ```
 * @category Forward models
 */
export function gaussianKernel(size: number, std: number): NdArray {
  checkKernel("gaussianKernel", size);
  check("gaussianKernel", "std", std, positiveNumber);
  const c = (size - 1) / 2;
  const weight = (i: number): number =>
    Math.exp(-((Math.floor(i / size) - c) ** 2 + ((i % size) - c) ** 2) / (2 * std * std));
  return normalized(
    Float64Array.from({ length: size * size }, (_, i) => weight(i)),
    size,
  );
}

/**
 * A kernel of straight motion, of sum 1: a line through the middle, spread over the pixels that it passes.
 *
 * @param size - extent and length of the line, odd
 * @param angle - direction in radians, 0 along the rows
 * @returns array of shape `[size, size]`
 * @throws `DomainError` when an argument is out of range
 * @example
 * ```ts
 * import { motionKernel } from "@provably/score-diffusion";
 *
 * motionKernel(3, 0).get(0, 0); // => 0
 * ```
 * @category Forward models
 */
export function motionKernel(size: number, angle: number): NdArray {
  checkKernel("motionKernel", size);
  if (!Number.isFinite(angle))
    throw new DomainError(`motionKernel: angle must be finite, got ${show(angle)}`);
  const c = (size - 1) / 2;
  const weights = new Float64Array(size * size);
  const points = 32 * size;
  for (let k = 0; k < points; k++) {
    const along = ((k + 0.5) / points - 0.5) * (size - 1);
    const [y, x] = [c + along * Math.sin(angle), c + along * Math.cos(angle)];
    const [top, left] = [Math.floor(y), Math.floor(x)];
    for (const [row, v] of [
      [top, 1 - (y - top)],
      [top + 1, y - top],
    ] as const)
      for (const [column, u] of [
        [left, 1 - (x - left)],
        [left + 1, x - left],
      ] as const)
        if (row >= 0 && row < size && column >= 0 && column < size)
          weights[row * size + column]! += v * u;
  }
  return normalized(weights, size);
}
