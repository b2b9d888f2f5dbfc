/** Two-dimensional convolution (cross-correlation) of images NCHW with weights OIHW, and its two gradients. */
import type { FloatArray } from "./runtime.js";

/** Convolutions with fewer multiplications than this are faster in plain JavaScript. */
export const CONV_MIN_WORK = 4096;

/** Extents of a convolution. All arrays are contiguous; `padBottom`/`padRight` follow from the output extents. */
export interface Conv2dGeometry {
  readonly batch: number;
  readonly inChannels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly groups: number;
}

/** Output `[batch, outChannels, outHeight, outWidth]` of images `x` and weights `w` `[outChannels, inChannels / groups, kh, kw]`. */
export function conv2d<T extends FloatArray>(x: T, w: T, geometry: Conv2dGeometry): T | undefined {
  return undefined;
}

/** Gradient with respect to the images, from the cotangent of the output and the weights; also a transposed convolution. */
export function conv2dInputGradient<T extends FloatArray>(cotangent: T, w: T, geometry: Conv2dGeometry): T | undefined {
  return undefined;
}

/** Gradient with respect to the weights, from the cotangent of the output and the images. */
export function conv2dWeightGradient<T extends FloatArray>(cotangent: T, x: T, geometry: Conv2dGeometry): T | undefined {
  return undefined;
}
