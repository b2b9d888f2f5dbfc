/** Convolution of volumes. */
import { type Schema, anything, checkOptions, show, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { checkShape, formatShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { convert, promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { add } from "./arithmetic.js";
import { conv2d } from "./conv.js";
import { stack } from "./join.js";
import { moveAxis, reshape, transpose } from "./reshape.js";
import { pad, slice } from "./slice.js";

type Triple = readonly [number, number, number];

/**
 * Options of {@link conv3d}.
 * @category Networks
 */
export interface Conv3dOptions {
  /** Steps between neighbouring outputs, one number or `[depth, vertical, horizontal]`; default 1. */
  readonly stride?: number | readonly [number, number, number];
  /** Zeros on each side, one number or `[depth, vertical, horizontal]`; default 0. */
  readonly padding?: number | readonly [number, number, number];
  /** Steps between neighbouring filter entries, one number or `[depth, vertical, horizontal]`; default 1. */
  readonly dilation?: number | readonly [number, number, number];
  /** Number of independent channel groups; default 1. */
  readonly groups?: number;
  /** Added to each output channel, shape `[O]`; default none. */
  readonly bias?: ArrayInput;
}

const FN = "conv3d";
const CONV3D: Schema<Conv3dOptions> = {
  stride: anything,
  padding: anything,
  dilation: anything,
  groups: anything,
  bias: anything,
};

function triple(argument: string, value: number | Triple, least: number): Triple {
  const all = typeof value === "number" ? ([value, value, value] as const) : value;
  if (
    !Array.isArray(all) ||
    all.length !== 3 ||
    !all.every((n) => Number.isSafeInteger(n) && n >= least)
  )
    throw new DomainError(
      `${FN}: ${argument} must be one or three integers ≥ ${least}, got ${show(value)}`,
    );
  return all;
}

/**
 * The convolution (cross-correlation) of volumes with filters,
 * $y_{nodij} = \sum_{ctpq} x_{n,c,\,sd + et - a,\,si + ep - a,\,sj + eq - a}\; w_{octpq}$.
 *
 * The layers of each filter are laid beside the channels, and one {@link conv2d} does the rest: it takes as many times the memory of the volumes
 * as a filter has layers.
 *
 * @param x - volumes, shape `[N, C, D, H, W]`
 * @param weights - filters, shape `[O, C / groups, kd, kh, kw]`
 * @param options - see {@link Conv3dOptions}
 * @returns array of shape `[N, O, D', H', W']` with $D' = \lfloor (D + 2a - e(k_d - 1) - 1)/s \rfloor + 1$
 * @throws {@link ShapeError} when channels and filters do not fit, or the filter is larger than the padded volume
 * @throws {@link DomainError} for strides, paddings, dilations or groups that are not integers in range
 * @example
 * ```ts
 * import { conv3d, ones } from "@provably/core-tensor";
 *
 * conv3d(ones([1, 3, 8, 8, 8]), ones([4, 3, 3, 3, 3]), { padding: 1, stride: 2 }).shape; // => [1, 4, 4, 4, 4]
 * ```
 * @category Networks
 */
export function conv3d(x: ArrayInput, weights: ArrayInput, options: Conv3dOptions = {}): NdArray {
  const { groups = 1, bias } = checkOptions(FN, options, CONV3D);
  const [volume, filter] = promote(FN, x, weights, true, ["x", "weights"]);
  const stride = triple("stride", options.stride ?? 1, 1);
  const padding = triple("padding", options.padding ?? 0, 0);
  const dilation = triple("dilation", options.dilation ?? 1, 1);
  if (volume.shape.length !== 5 || filter.shape.length !== 5)
    throw new ShapeError(
      `${FN}: x must be [N, C, D, H, W] and weights [O, C / groups, kd, kh, kw], got ${formatShape(volume.shape)} and ${formatShape(filter.shape)}`,
    );
  const [n, c, depth, height, width] = volume.shape as [number, number, number, number, number];
  const [o, perGroup, layers, kh, kw] = filter.shape as [number, number, number, number, number];
  const spans = [depth, height, width].map((extent, i) => {
    return extent + 2 * padding[i]! - dilation[i]! * (filter.shape[2 + i]! - 1) - 1;
  });
  if (spans.some((span) => span < 0) || layers === 0)
    throw new ShapeError(
      `${FN}: filters ${formatShape(filter.shape)} with dilation ${show(dilation)} are larger than the padded volume ${formatShape(volume.shape)}`,
    );
  const out = spans.map((span, i) => Math.floor(span / stride[i]!) + 1);
  checkShape(FN, [n, o, ...out], "the result");
  const deep = out[0]!;
  return within(FN, () => {
    const wide =
      padding[0] === 0
        ? volume
        : pad(volume, [
            [0, 0],
            [0, 0],
            [padding[0], padding[0]],
            [0, 0],
            [0, 0],
          ]);
    const parts = Array.from({ length: layers }, (_, t) => {
      const from = t * dilation[0];
      const to = from + (deep - 1) * stride[0] + 1;
      return slice(wide, [0, 0, from], [null, null, to], [1, 1, stride[0]]);
    });
    // [N, C, layers, D', H, W] with each channel's layers side by side, so that groups stay together
    const beside = transpose(stack(parts, { axis: 2 }), [0, 3, 1, 2, 4, 5]);
    const y = conv2d(
      reshape(beside, [n * deep, c * layers, height, width]),
      reshape(filter, [o, perGroup * layers, kh, kw]),
      {
        stride: [stride[1], stride[2]],
        padding: [padding[1], padding[2]],
        dilation: [dilation[1], dilation[2]],
        groups,
      },
    );
    const volumes = moveAxis(reshape(y, [n, deep, o, out[1]!, out[2]!]), 2, 1);
    if (bias === undefined) return volumes;
    const b = convert(toArray(FN, bias, "bias"), volumes.dtype);
    if (b.shape.length !== 1 || b.shape[0] !== o)
      throw new ShapeError(`${FN}: bias must have shape [${o}], got ${formatShape(b.shape)}`);
    return add(volumes, reshape(b, [o, 1, 1, 1]));
  });
}
