/** Reference convolution (cross-correlation) of images NCHW with filters OIHW, and its two gradients, by plain loops. */
import type { TypedArray } from "../../array/dtype.js";
import type { Conv2dGeometry } from "../wasm/index.js";

/** Calls `f(place in the output, place in the image, place in the filter)` for every product of the convolution. */
function forEachProduct(g: Conv2dGeometry, f: (y: number, x: number, w: number) => void): void {
  const inPerGroup = g.inChannels / g.groups;
  const outPerGroup = g.outChannels / g.groups;
  for (let n = 0; n < g.batch; n++)
    for (let o = 0; o < g.outChannels; o++) {
      const firstIn = Math.floor(o / outPerGroup) * inPerGroup;
      for (let i = 0; i < g.outHeight; i++)
        for (let j = 0; j < g.outWidth; j++) {
          const y = ((n * g.outChannels + o) * g.outHeight + i) * g.outWidth + j;
          for (let c = 0; c < inPerGroup; c++)
            for (let p = 0; p < g.kernelHeight; p++) {
              const row = i * g.strideHeight - g.padTop + p * g.dilationHeight;
              if (row < 0 || row >= g.height) continue;
              for (let q = 0; q < g.kernelWidth; q++) {
                const col = j * g.strideWidth - g.padLeft + q * g.dilationWidth;
                if (col < 0 || col >= g.width) continue;
                f(
                  y,
                  ((n * g.inChannels + firstIn + c) * g.height + row) * g.width + col,
                  ((o * inPerGroup + c) * g.kernelHeight + p) * g.kernelWidth + q,
                );
              }
            }
        }
    }
}

export function conv2d(x: TypedArray, w: TypedArray, g: Conv2dGeometry, out: TypedArray): void {
  const total = new Float64Array(out.length);
  forEachProduct(g, (y, i, k) => (total[y]! += x[i]! * w[k]!));
  out.set(total);
}

export function conv2dInputGradient(
  ct: TypedArray,
  w: TypedArray,
  g: Conv2dGeometry,
  out: TypedArray,
): void {
  const total = new Float64Array(out.length);
  forEachProduct(g, (y, i, k) => (total[i]! += ct[y]! * w[k]!));
  out.set(total);
}

export function conv2dWeightGradient(
  ct: TypedArray,
  x: TypedArray,
  g: Conv2dGeometry,
  out: TypedArray,
): void {
  const total = new Float64Array(out.length);
  forEachProduct(g, (y, i, k) => (total[k]! += ct[y]! * x[i]!));
  out.set(total);
}
