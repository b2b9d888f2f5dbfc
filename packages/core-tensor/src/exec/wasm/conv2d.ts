/**
 * Two-dimensional convolution (cross-correlation) of images NCHW with weights OIHW, and its two gradients.
 *
 * The image lies embedded in zeros, so that the value under weight (c, i, j) at output pixel (y, x) stands at a sum of two
 * offsets, one of the weight and one of the pixel. The matrix of all these values is never formed: the product gathers its
 * panels straight from the image. The weight gradient swaps the roles of the two offsets; the input gradient is a convolution
 * of the cotangent, spread by the stride, with the reversed weights.
 */
import { gemmF32, gemmF64 } from "./binaries/gemm.js";
import {
  type FloatArray,
  SCRATCH_START,
  align,
  freshLike,
  kernel,
  reserve,
  scratchI32,
  scratchLike,
} from "./runtime.js";

/** Convolutions with fewer multiplications than this are faster in plain JavaScript. */
export const CONV_MIN_WORK = 4096;

/** Fewer filters than this over one input are computed directly, without packing. */
export const MIN_GEMM_FILTERS = 3;

/** Panels of gathered columns end at a multiple of this; the table of offsets is filled up to it. */
const PANEL = 8;

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

/** Exports of `assembly/gemm-f32.ts` and `gemm-f64.ts` that serve convolution; addresses, offsets and steps in bytes. */
interface ConvKernel {
  gatherGemm(
    a: number,
    aRow: number,
    b: number,
    depthOffsets: number,
    colOffsets: number,
    c: number,
    m: number,
    n: number,
    k: number,
    accumulate: number,
    work: number,
  ): void;
  workBytes(n: number, k: number): number;
  embed(
    from: number,
    planes: number,
    height: number,
    width: number,
    to: number,
    toHeight: number,
    toWidth: number,
    top: number,
    left: number,
    stepY: number,
    stepX: number,
  ): void;
  direct(
    weights: number,
    image: number,
    offsets: number,
    k: number,
    out: number,
    height: number,
    width: number,
    stepY: number,
    stepX: number,
  ): void;
}

const conv32 = /* @__PURE__ */ kernel<ConvKernel>(gemmF32);
const conv64 = /* @__PURE__ */ kernel<ConvKernel>(gemmF64);

/** A stride-`step` pass of a `[channels, kernelHeight, kernelWidth]` filter over the planes of an embedded image. */
export interface Pass {
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
  /** Distance of neighbouring source pixels in the embedding. */
  readonly spreadY: number;
  readonly spreadX: number;
  readonly channels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
}

/** Extents of the embedding: what the filter can reach. */
export function reach(pass: Pass): { rows: number; cols: number } {
  return {
    rows:
      (pass.outHeight - 1) * pass.strideHeight + (pass.kernelHeight - 1) * pass.dilationHeight + 1,
    cols: (pass.outWidth - 1) * pass.strideWidth + (pass.kernelWidth - 1) * pass.dilationWidth + 1,
  };
}

/** Byte offset of every weight of the filter in the embedding, filled up to a whole panel. */
export function weightOffsets(pass: Pass, bytes: number): Int32Array {
  const { rows, cols } = reach(pass);
  const offsets = new Int32Array(tableSize(pass.channels * pass.kernelHeight * pass.kernelWidth));
  let at = 0;
  for (let c = 0; c < pass.channels; c++)
    for (let i = 0; i < pass.kernelHeight; i++)
      for (let j = 0; j < pass.kernelWidth; j++)
        offsets[at++] =
          ((c * rows + i * pass.dilationHeight) * cols + j * pass.dilationWidth) * bytes;
  return offsets.fill(offsets[at - 1]!, at);
}

/** Byte offset of every output pixel, filled up to a whole panel. */
export function pixelOffsets(pass: Pass, bytes: number): Int32Array {
  const { cols } = reach(pass);
  const offsets = new Int32Array(tableSize(pass.outHeight * pass.outWidth));
  let at = 0;
  for (let y = 0; y < pass.outHeight; y++)
    for (let x = 0; x < pass.outWidth; x++)
      offsets[at++] = (y * pass.strideHeight * cols + x * pass.strideWidth) * bytes;
  return offsets.fill(offsets[at - 1]!, at);
}

function tableSize(count: number): number {
  return Math.ceil(count / PANEL) * PANEL;
}

/** Forward pass of every image and group, with weights `[groups, filters, channels · kernelHeight · kernelWidth]` by rows. */
function convolve<T extends FloatArray>(
  x: T,
  weights: T,
  batch: number,
  groups: number,
  filters: number,
  pass: Pass,
): T | undefined {
  const run = (x instanceof Float32Array ? conv32 : conv64)();
  if (!run) return undefined;
  const bytes = x.BYTES_PER_ELEMENT;
  const k = pass.channels * pass.kernelHeight * pass.kernelWidth;
  const n = pass.outHeight * pass.outWidth;
  const { rows, cols } = reach(pass);
  const source = groups * pass.channels * pass.height * pass.width;
  const weightOffsetsAt = SCRATCH_START;
  const pixelOffsetsAt = weightOffsetsAt + tableSize(k) * 4;
  const weightsAt = align(pixelOffsetsAt + tableSize(n) * 4);
  const sourceAt = weightsAt + align(weights.length * bytes);
  const imageAt = sourceAt + align(source * bytes);
  // A vector at the last pixel of a row may stick out of the image.
  const outAt = imageAt + align(groups * pass.channels * rows * cols * bytes) + 32;
  const workAt = outAt + align(groups * filters * n * bytes) + 32;
  if (!reserve(workAt + run.workBytes(n, k) - SCRATCH_START)) return undefined;
  const scratch = scratchLike(x);
  scratchI32.set(weightOffsets(pass, bytes), weightOffsetsAt / 4);
  scratchI32.set(pixelOffsets(pass, bytes), pixelOffsetsAt / 4);
  scratch.set(weights, weightsAt / bytes);
  const out = freshLike(x, batch * groups * filters * n);
  for (let b = 0; b < batch; b++) {
    scratch.set(x.subarray(b * source, (b + 1) * source), sourceAt / bytes);
    run.embed(
      sourceAt,
      groups * pass.channels,
      pass.height,
      pass.width,
      imageAt,
      rows,
      cols,
      pass.top,
      pass.left,
      pass.spreadY,
      pass.spreadX,
    );
    for (let g = 0; g < groups; g++) {
      const a = weightsAt + g * filters * k * bytes;
      const image = imageAt + g * pass.channels * rows * cols * bytes;
      const c = outAt + g * filters * n * bytes;
      if (filters >= MIN_GEMM_FILTERS)
        run.gatherGemm(
          a,
          k * bytes,
          image,
          weightOffsetsAt,
          pixelOffsetsAt,
          c,
          filters,
          n,
          k,
          0,
          workAt,
        );
      else
        for (let f = 0; f < filters; f++)
          run.direct(
            a + f * k * bytes,
            image,
            weightOffsetsAt,
            k,
            c + f * n * bytes,
            pass.outHeight,
            pass.outWidth,
            pass.strideHeight * cols * bytes,
            pass.strideWidth * bytes,
          );
    }
    out.set(
      scratch.subarray(outAt / bytes, outAt / bytes + groups * filters * n),
      b * groups * filters * n,
    );
  }
  return out;
}

/** Multiplications of the convolution. */
function work(g: Conv2dGeometry): number {
  return (
    (g.batch *
      g.outChannels *
      g.outHeight *
      g.outWidth *
      g.inChannels *
      g.kernelHeight *
      g.kernelWidth) /
    g.groups
  );
}

/** The convolution as a pass over its images. */
export function forwardPass(g: Conv2dGeometry): Pass {
  return {
    ...g,
    channels: g.inChannels / g.groups,
    top: g.padTop,
    left: g.padLeft,
    spreadY: 1,
    spreadX: 1,
  };
}

/** Output `[batch, outChannels, outHeight, outWidth]` of images `x` and weights `w` `[outChannels, inChannels / groups, kh, kw]`. */
export function conv2d<T extends FloatArray>(x: T, w: T, geometry: Conv2dGeometry): T | undefined {
  if (work(geometry) < CONV_MIN_WORK) return undefined;
  const { batch, groups, outChannels } = geometry;
  return convolve(x, w, batch, groups, outChannels / groups, forwardPass(geometry));
}

/** Gradient with respect to the images, from the cotangent of the output and the weights; also a transposed convolution. */
export function conv2dInputGradient<T extends FloatArray>(
  cotangent: T,
  w: T,
  geometry: Conv2dGeometry,
): T | undefined {
  const g = geometry;
  if (work(g) < CONV_MIN_WORK) return undefined;
  return convolve(
    cotangent,
    reversedWeights(w, g),
    g.batch,
    g.groups,
    g.inChannels / g.groups,
    inputGradientPass(g),
  );
}

/** The same pass over the cotangent, spread by the stride. */
export function inputGradientPass(g: Conv2dGeometry): Pass {
  return {
    height: g.outHeight,
    width: g.outWidth,
    top: (g.kernelHeight - 1) * g.dilationHeight - g.padTop,
    left: (g.kernelWidth - 1) * g.dilationWidth - g.padLeft,
    spreadY: g.strideHeight,
    spreadX: g.strideWidth,
    channels: g.outChannels / g.groups,
    kernelHeight: g.kernelHeight,
    kernelWidth: g.kernelWidth,
    dilationHeight: g.dilationHeight,
    dilationWidth: g.dilationWidth,
    outHeight: g.height,
    outWidth: g.width,
    strideHeight: 1,
    strideWidth: 1,
  };
}

/** Weights `[groups, filters, channels, kh, kw]` as `[groups, channels, filters, kh, kw]` with both kernel axes reversed. */
function reversedWeights<T extends FloatArray>(w: T, g: Conv2dGeometry): T {
  const filters = g.outChannels / g.groups;
  const channels = g.inChannels / g.groups;
  const taps = g.kernelHeight * g.kernelWidth;
  const out = freshLike(w, w.length);
  let at = 0;
  for (let group = 0; group < g.groups; group++)
    for (let c = 0; c < channels; c++)
      for (let f = 0; f < filters; f++) {
        const from = ((group * filters + f) * channels + c) * taps;
        for (let tap = taps - 1; tap >= 0; tap--) out[at++] = w[from + tap]!;
      }
  return out;
}

/** Gradient with respect to the weights, from the cotangent of the output and the images. */
export function conv2dWeightGradient<T extends FloatArray>(
  cotangent: T,
  x: T,
  geometry: Conv2dGeometry,
): T | undefined {
  const g = geometry;
  if (work(g) < CONV_MIN_WORK) return undefined;
  const run = (x instanceof Float32Array ? conv32 : conv64)();
  if (!run) return undefined;
  const pass = forwardPass(g);
  const bytes = x.BYTES_PER_ELEMENT;
  const filters = g.outChannels / g.groups;
  const taps = pass.channels * g.kernelHeight * g.kernelWidth;
  const pixels = g.outHeight * g.outWidth;
  const { rows, cols } = reach(pass);
  const source = g.inChannels * g.height * g.width;
  const weightOffsetsAt = SCRATCH_START;
  const pixelOffsetsAt = weightOffsetsAt + tableSize(taps) * 4;
  const cotangentAt = align(pixelOffsetsAt + tableSize(pixels) * 4);
  const sourceAt = cotangentAt + align(g.outChannels * pixels * bytes);
  const imageAt = sourceAt + align(source * bytes);
  const outAt = imageAt + align(g.inChannels * rows * cols * bytes) + 32;
  const workAt = outAt + align(g.outChannels * taps * bytes);
  if (!reserve(workAt + run.workBytes(taps, pixels) - SCRATCH_START)) return undefined;
  const scratch = scratchLike(x);
  scratchI32.set(weightOffsets(pass, bytes), weightOffsetsAt / 4);
  scratchI32.set(pixelOffsets(pass, bytes), pixelOffsetsAt / 4);
  for (let b = 0; b < g.batch; b++) {
    scratch.set(
      cotangent.subarray(b * g.outChannels * pixels, (b + 1) * g.outChannels * pixels),
      cotangentAt / bytes,
    );
    scratch.set(x.subarray(b * source, (b + 1) * source), sourceAt / bytes);
    run.embed(
      sourceAt,
      g.inChannels,
      g.height,
      g.width,
      imageAt,
      rows,
      cols,
      g.padTop,
      g.padLeft,
      1,
      1,
    );
    for (let group = 0; group < g.groups; group++)
      run.gatherGemm(
        cotangentAt + group * filters * pixels * bytes,
        pixels * bytes,
        imageAt + group * pass.channels * rows * cols * bytes,
        pixelOffsetsAt,
        weightOffsetsAt,
        outAt + group * filters * taps * bytes,
        filters,
        taps,
        pixels,
        b === 0 ? 0 : 1,
        workAt,
      );
  }
  const from = outAt / bytes;
  // `slice` keeps the element type.
  return scratch.slice(from, from + g.outChannels * taps) as T;
}
