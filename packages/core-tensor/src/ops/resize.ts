/** Pictures in other sizes. */
import {
  type Schema,
  checkOptions,
  listOf,
  oneOf,
  show,
  trueOrFalse,
  wholeNumber,
  within,
} from "../check/index.js";
import { type DType, floatDType } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { take } from "./gather.js";
import { matmul, matrixTranspose } from "./matmul.js";

/**
 * Options of {@link resize}.
 * @category Layers
 */
export interface ResizeOptions {
  /** How to find what lies between pixels; default `bilinear`. `bicubic` is Keys' kernel with a = −0.75, as in PyTorch and OpenCV. */
  readonly method?: "nearest" | "bilinear" | "bicubic";
  /** `true`: the centres of the corner pixels stay where they are. `false` (the default): the outer edges of the picture do. */
  readonly alignCorners?: boolean;
  /** Widen the kernel when the picture shrinks, so that no pixel is left out (bicubic then with a = −0.5, as in Pillow); default false. */
  readonly antialias?: boolean;
}

const RESIZE: Schema<ResizeOptions> = {
  method: /* @__PURE__ */ oneOf("nearest", "bilinear", "bicubic"),
  alignCorners: trueOrFalse,
  antialias: trueOrFalse,
};

const tent = (t: number): number => Math.max(0, 1 - Math.abs(t));

/** Keys' cubic kernel. */
function cubic(t: number, a: number): number {
  const s = Math.abs(t);
  if (s <= 1) return ((a + 2) * s - (a + 3)) * s * s + 1;
  return s < 2 ? a * (((s - 5) * s + 8) * s - 4) : 0;
}

/** Where output pixel i lies among the input pixels. */
function centre(i: number, from: number, to: number, alignCorners: boolean): number {
  if (alignCorners) return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
  return ((i + 0.5) * from) / to - 0.5;
}

/** The matrix `[to, from]` that resamples one axis; pixels beyond the edge are those at the edge. */
function weights(
  from: number,
  to: number,
  options: Required<ResizeOptions>,
): Float64Array<ArrayBuffer> {
  const { method, alignCorners, antialias } = options;
  const out = new Float64Array(to * from);
  const scale = antialias ? Math.max(1, from / to) : 1;
  const kernel = (t: number): number =>
    method === "bilinear" ? tent(t) : cubic(t, antialias ? -0.5 : -0.75);
  const reach = (method === "bilinear" ? 1 : 2) * scale;
  for (let i = 0; i < to; i++) {
    const raw = centre(i, from, to, alignCorners);
    const at = method === "bilinear" && !antialias ? Math.max(raw, 0) : raw;
    let total = 0;
    for (let j = Math.floor(at - reach) + 1; j < at + reach; j++) {
      // a widened kernel is cut at the edge, a narrow one sees the edge go on
      if (antialias && (j < 0 || j >= from)) continue;
      const weight = kernel((j - at) / scale);
      out[i * from + Math.min(Math.max(j, 0), from - 1)]! += weight;
      total += weight;
    }
    for (let j = 0; antialias && j < from; j++) out[i * from + j]! /= total;
  }
  return out;
}

/**
 * Pictures in another size. Differentiable; each axis is resampled by one matrix product.
 *
 * @param x - pictures, shape `[…, height, width]`, such as `[N, C, H, W]`
 * @param size - new height and width
 * @param options - see {@link ResizeOptions}
 * @returns float array of shape `[…, ...size]`; `nearest` keeps the type
 * @throws {@link ShapeError} for pictures without pixels
 * @throws {@link DomainError} for `nearest` with options that it does not have
 * @example
 * ```ts
 * import { resize, toNested } from "@provably/core-tensor";
 *
 * toNested(resize([[1, 2]], [1, 4], { method: "nearest" })); // => [[1, 1, 2, 2]]
 * toNested(resize([[0, 3]], [1, 4], { alignCorners: true })); // => [[0, 1, 2, 3]]
 * ```
 * @see Keys (1981), "Cubic convolution interpolation for digital image processing"
 * @category Layers
 */
export function resize(
  x: ArrayInput,
  size: readonly [number, number],
  options: ResizeOptions = {},
): NdArray {
  const fn = "resize";
  const {
    method = "bilinear",
    alignCorners = false,
    antialias = false,
  } = checkOptions(fn, options, RESIZE);
  const fault = listOf(wholeNumber(1, 2 ** 24), 2)(size);
  if (fault !== undefined)
    throw new DomainError(`${fn}: size must be [height, width], got ${show(size)}`);
  const given = toArray(fn, x);
  const [height, width] = given.shape.slice(-2);
  if (height === undefined || width === undefined || height * width === 0)
    throw new ShapeError(
      `${fn}: x must have height and width, got shape ${formatShape(given.shape)}`,
    );
  if (method === "nearest") {
    if (alignCorners || antialias)
      throw new DomainError(`${fn}: nearest has no ${alignCorners ? "alignCorners" : "antialias"}`);
    const places = (from: number, to: number): NdArray =>
      dense<DType>(
        Int32Array.from({ length: to }, (_, i) => Math.min(from - 1, Math.floor((i * from) / to))),
        "int32",
        [to],
      );
    const [rows, cols] = [places(height, size[0]), places(width, size[1])];
    return within(fn, () => take(take(given, rows, { axis: -2 }), cols, { axis: -1 }));
  }
  const settings = { method, alignCorners, antialias };
  const a = convert(given, floatDType(given.dtype));
  const matrix = (from: number, to: number): NdArray =>
    convert(dense<DType>(weights(from, to, settings), "float64", [to, from]), a.dtype);
  return within(fn, () => {
    const tall = matmul(matrix(height, size[0]), a);
    return matmul(tall, matrixTranspose(matrix(width, size[1])));
  });
}
