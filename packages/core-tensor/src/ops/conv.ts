/** Convolution of images and sequences, and its transpose. The three bilinear maps here are one another's derivatives. */
import {
  type Schema,
  anything,
  checkOptions,
  show,
  wholeNumber,
  extended,
} from "../check/index.js";
import { type DType, allocate, isFloat } from "../array/dtype.js";
import { type DenseArray, type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { type Shape, checkShape, formatShape, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import * as js from "../exec/js/conv.js";
import * as wasm from "../exec/wasm/index.js";
import type { Conv2dGeometry } from "../exec/wasm/index.js";
import { bindOne } from "../trace/bind.js";
import { convert, promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { add } from "./arithmetic.js";
import { broadcastTo } from "./broadcast.js";
import { expandDims, moveAxis, reshape, squeeze } from "./reshape.js";

type Pair = readonly [number, number];

/** What fixes a convolution beside its operands: the image and filter extents included, so that each map knows the others' shapes. */
export interface ConvAttrs {
  readonly stride: Pair;
  readonly dilation: Pair;
  /** Top and left; bottom and right follow from the output extents. */
  readonly pad: Pair;
  readonly groups: number;
  /** Shape of the images `[N, C, H, W]`. */
  readonly image: Shape;
  /** Shape of the filters `[O, C / groups, kh, kw]`. */
  readonly filter: Shape;
  /** Output height and width. */
  readonly out: Pair;
}

export function geometry(a: ConvAttrs): Conv2dGeometry {
  const [batch, inChannels, height, width] = a.image as [number, number, number, number];
  const [outChannels, , kernelHeight, kernelWidth] = a.filter as [number, number, number, number];
  return {
    batch,
    inChannels,
    height,
    width,
    outChannels,
    kernelHeight,
    kernelWidth,
    outHeight: a.out[0],
    outWidth: a.out[1],
    strideHeight: a.stride[0],
    strideWidth: a.stride[1],
    padTop: a.pad[0],
    padLeft: a.pad[1],
    dilationHeight: a.dilation[0],
    dilationWidth: a.dilation[1],
    groups: a.groups,
  };
}

const outputShape = (a: ConvAttrs): Shape => [a.image[0]!, a.filter[0]!, ...a.out];

type Kernel = (p: Float32Array, q: Float32Array, g: Conv2dGeometry) => Float32Array | undefined;
type Loop = (
  p: DenseArray["data"],
  q: DenseArray["data"],
  g: Conv2dGeometry,
  out: DenseArray["data"],
) => void;

/** One of the three bilinear maps. `result` says which shape comes out, `operands` which go in. */
function bilinear(
  name: string,
  simd: Kernel,
  loop: Loop,
  result: (a: ConvAttrs) => Shape,
  operands: readonly ("image" | "filter" | "output")[],
  transpose: readonly ((ct: NdArray, inputs: readonly NdArray[], attrs: ConvAttrs) => NdArray)[],
): Primitive<ConvAttrs> {
  const produces = operands.includes("output")
    ? operands.includes("filter")
      ? "image"
      : "filter"
    : "output";
  const primitive: Primitive<ConvAttrs> = {
    name,
    shape: ([p], attrs) => [{ shape: result(attrs), dtype: p!.dtype }],
    wasm([p, q], attrs, [out]) {
      if (!isFloat(p!.dtype)) return undefined;
      const data = simd(
        rowMajorData(p!) as Float32Array,
        rowMajorData(q!) as Float32Array,
        geometry(attrs),
      );
      return data && [dense<DType>(data, out!.dtype, out!.shape)];
    },
    evaluate([p, q], attrs, [out]) {
      const data = allocate(out!.dtype, sizeOf(out!.shape));
      loop(rowMajorData(p!), rowMajorData(q!), geometry(attrs), data);
      return [dense<DType>(data, out!.dtype, out!.shape)];
    },
    derivative: { kind: "linear", transpose },
    batching: {
      kind: "rule",
      // members become groups: channels of all members side by side, each with its own filters
      rule(inputs, batched, attrs, batchSize) {
        const merged = inputs.map((x, i) => {
          const all = batched[i] ? x : broadcastTo(x, [batchSize, ...x.shape]);
          return operands[i] === "filter" ? mergeFirst(all) : mergeFirst(moveAxis(all, 0, 1), 1);
        });
        const [n, c, ...rest] = attrs.image as [number, number, number, number];
        const [o, ...kernel] = attrs.filter as [number, number, number, number];
        const wide = {
          ...attrs,
          groups: attrs.groups * batchSize,
          image: [n, c * batchSize, ...rest],
          filter: [o * batchSize, ...kernel],
        };
        const y = bindOne(primitive, merged, wide);
        const [axis, extent] = produces === "filter" ? [0, o] : [1, produces === "image" ? c : o];
        const split = reshape(y, [
          ...y.shape.slice(0, axis),
          batchSize,
          extent,
          ...y.shape.slice(axis + 1),
        ]);
        return [moveAxis(split, axis, 0)];
      },
    },
  };
  return primitive;
}

/** Axes `axis` and `axis + 1` in one. */
function mergeFirst(x: NdArray, axis = 0): NdArray {
  return reshape(x, [
    ...x.shape.slice(0, axis),
    x.shape[axis]! * x.shape[axis + 1]!,
    ...x.shape.slice(axis + 2),
  ]);
}

const convPrimitive = /* @__PURE__ */ bilinear(
  "conv2d",
  wasm.conv2d,
  js.conv2d,
  outputShape,
  ["image", "filter"],
  [
    (ct, [, w], attrs) => bindOne(inputGradientPrimitive, [ct, w!], attrs),
    (ct, [x], attrs) => bindOne(weightGradientPrimitive, [ct, x!], attrs),
  ],
);

const inputGradientPrimitive = /* @__PURE__ */ bilinear(
  "conv2dInputGradient",
  wasm.conv2dInputGradient,
  js.conv2dInputGradient,
  (a) => a.image,
  ["output", "filter"],
  [
    (ct, [, w], attrs) => bindOne(convPrimitive, [ct, w!], attrs),
    (ct, [y], attrs) => bindOne(weightGradientPrimitive, [y!, ct], attrs),
  ],
);

const weightGradientPrimitive = /* @__PURE__ */ bilinear(
  "conv2dWeightGradient",
  wasm.conv2dWeightGradient,
  js.conv2dWeightGradient,
  (a) => a.filter,
  ["output", "image"],
  [
    (ct, [, x], attrs) => bindOne(convPrimitive, [x!, ct], attrs),
    (ct, [y], attrs) => bindOne(inputGradientPrimitive, [y!, ct], attrs),
  ],
);

/**
 * Options of {@link conv2d}.
 * @category Networks
 */
export interface Conv2dOptions {
  /** Steps between neighbouring outputs, one number or `[vertical, horizontal]`; default 1. */
  readonly stride?: number | readonly [number, number];
  /** Rows and columns of zeros on each side, one number or `[vertical, horizontal]`; default 0. */
  readonly padding?: number | readonly [number, number];
  /** Steps between neighbouring filter entries, one number or `[vertical, horizontal]`; default 1. */
  readonly dilation?: number | readonly [number, number];
  /** Number of independent channel groups; as many as channels for a depthwise convolution. Default 1. */
  readonly groups?: number;
  /** Added to each output channel, shape `[O]`; default none. */
  readonly bias?: ArrayInput;
}

const CONV1D: Schema<Conv1dOptions> = {
  stride: /* @__PURE__ */ wholeNumber(),
  padding: anything,
  dilation: /* @__PURE__ */ wholeNumber(),
  groups: anything,
};
const CONV2D: Schema<Conv2dOptions> = {
  stride: anything,
  padding: anything,
  dilation: anything,
  groups: anything,
  bias: anything,
};
const CONV_TRANSPOSE2D: Schema<ConvTranspose2dOptions> = /* @__PURE__ */ extended(CONV2D, {
  outputPadding: anything,
});

function pair(fn: string, argument: string, value: number | Pair, least: number): Pair {
  const both: Pair = typeof value === "number" ? [value, value] : value;
  if (
    !Array.isArray(both) ||
    both.length !== 2 ||
    !both.every((n) => Number.isInteger(n) && n >= least)
  )
    throw new DomainError(
      `${fn}: ${argument} must be one or two integers ≥ ${least}, got ${show(both)}`,
    );
  return both;
}

function withBias(fn: string, y: NdArray, bias: ArrayInput | undefined): NdArray {
  if (bias === undefined) return y;
  const b = convert(toArray(fn, bias, "bias"), y.dtype);
  if (b.shape.length !== 1 || b.shape[0] !== y.shape[1])
    throw new ShapeError(
      `${fn}: bias must have shape [${y.shape[1]}], got ${formatShape(b.shape)}`,
    );
  return add(y, reshape(b, [y.shape[1]!, 1, 1]));
}

/**
 * The convolution (cross-correlation, as in neural networks) of images with filters,
 * $y_{noij} = \sum_{cpq} x_{n,c,\,si + dp - a,\,sj + dq - a}\; w_{ocpq}$.
 *
 * float32 and float64 run on SIMD by packing image patches straight into the matrix product.
 *
 * @param x - images, shape `[N, C, H, W]`
 * @param weights - filters, shape `[O, C / groups, kh, kw]`
 * @param options - see {@link Conv2dOptions}
 * @returns array of shape `[N, O, H', W']` with $H' = \lfloor (H + 2a - d(k_h - 1) - 1)/s \rfloor + 1$
 * @throws {@link ShapeError} when channels and filters do not fit, or the filter is larger than the padded image
 * @throws {@link DomainError} for strides, paddings, dilations or groups that are not integers in range
 * @example
 * ```ts
 * import { conv2d, ones } from "@provably/core-tensor";
 *
 * conv2d(ones([1, 3, 8, 8]), ones([4, 3, 3, 3]), { padding: 1, stride: 2 }).shape; // => [1, 4, 4, 4]
 * ```
 * @category Networks
 */
export function conv2d(x: ArrayInput, weights: ArrayInput, options: Conv2dOptions = {}): NdArray {
  checkOptions("conv2d", options, CONV2D);
  const pad = pair("conv2d", "padding", options.padding ?? 0, 0);
  return withBias("conv2d", convolve("conv2d", x, weights, options, pad, pad), options.bias);
}

function convolve(
  fn: string,
  x: ArrayInput,
  weights: ArrayInput,
  options: Conv2dOptions,
  before: Pair,
  after: Pair,
): NdArray {
  const [image, filter] = promote(fn, x, weights, true, ["x", "weights"]);
  const stride = pair(fn, "stride", options.stride ?? 1, 1);
  const dilation = pair(fn, "dilation", options.dilation ?? 1, 1);
  const { groups = 1 } = options;
  if (image.shape.length !== 4 || filter.shape.length !== 4)
    throw new ShapeError(
      `${fn}: x must be [N, C, H, W] and weights [O, C / groups, kh, kw], got ${formatShape(image.shape)} and ${formatShape(filter.shape)}`,
    );
  const [, channels] = image.shape as [number, number];
  if (
    !Number.isInteger(groups) ||
    groups < 1 ||
    channels % groups !== 0 ||
    filter.shape[0]! % groups !== 0
  )
    throw new DomainError(
      `${fn}: groups must divide the ${channels} input and ${filter.shape[0]} output channels, got ${show(groups)}`,
    );
  if (filter.shape[1] !== channels / groups)
    throw new ShapeError(
      `${fn}: weights must have ${channels / groups} channels for ${channels} image channels in ${groups} groups, got ${formatShape(filter.shape)}`,
    );
  const out = [0, 1].map((i) => {
    const span =
      image.shape[2 + i]! + before[i]! + after[i]! - dilation[i]! * (filter.shape[2 + i]! - 1) - 1;
    if (span < 0)
      throw new ShapeError(
        `${fn}: filters ${formatShape(filter.shape)} with dilation ${dilation[i]} are larger than the padded image ${formatShape(image.shape)}`,
      );
    return Math.floor(span / stride[i]!) + 1;
  }) as unknown as Pair;
  checkShape(fn, [image.shape[0], filter.shape[0], ...out], "the result");
  return bindOne(convPrimitive, [image, filter], {
    stride,
    dilation,
    pad: before,
    groups,
    image: image.shape,
    filter: filter.shape,
    out,
  });
}

/**
 * Options of {@link conv1d}.
 * @category Networks
 */
export interface Conv1dOptions {
  /** Steps between neighbouring outputs; default 1. */
  readonly stride?: number;
  /** Zeros on both sides, or `[before, after]`; `[d(k − 1), 0]` makes the convolution causal. Default 0. */
  readonly padding?: number | readonly [number, number];
  /** Steps between neighbouring filter entries; default 1. */
  readonly dilation?: number;
  /** Number of independent channel groups; default 1. */
  readonly groups?: number;
}

/**
 * The convolution of sequences with filters, as {@link conv2d} with one row.
 *
 * @param x - sequences, shape `[N, C, L]`
 * @param weights - filters, shape `[O, C / groups, k]`
 * @param options - see {@link Conv1dOptions}
 * @returns array of shape `[N, O, L']`
 * @throws {@link ShapeError} when channels and filters do not fit
 * @example
 * ```ts
 * import { conv1d, toNested } from "@provably/core-tensor";
 *
 * toNested(conv1d([[[1, 2, 3]]], [[[1, 1]]])); // => [[[3, 5]]]
 * ```
 * @category Networks
 */
export function conv1d(x: ArrayInput, weights: ArrayInput, options: Conv1dOptions = {}): NdArray {
  checkOptions("conv1d", options, CONV1D);
  const [image, filter] = promote("conv1d", x, weights, true, ["x", "weights"]);
  if (image.shape.length !== 3 || filter.shape.length !== 3)
    throw new ShapeError(
      `conv1d: x must be [N, C, L] and weights [O, C / groups, k], got ${formatShape(image.shape)} and ${formatShape(filter.shape)}`,
    );
  const [before, after] = pair("conv1d", "padding", options.padding ?? 0, 0);
  const wide = {
    stride: [1, options.stride ?? 1] as const,
    dilation: [1, options.dilation ?? 1] as const,
    groups: options.groups ?? 1,
  };
  return squeeze(
    convolve("conv1d", expandDims(image, 2), expandDims(filter, 2), wide, [0, before], [0, after]),
    2,
  );
}

/**
 * Options of {@link convTranspose2d}.
 * @category Networks
 */
export interface ConvTranspose2dOptions extends Conv2dOptions {
  /** Rows and columns added at the bottom and right, smaller than the stride; default 0. */
  readonly outputPadding?: number | readonly [number, number];
}

/**
 * The transposed convolution: the gradient of {@link conv2d} in its images, used to enlarge them.
 *
 * @param x - images, shape `[N, C, H, W]`
 * @param weights - filters, shape `[C, O / groups, kh, kw]`
 * @param options - see {@link ConvTranspose2dOptions}
 * @returns array of shape `[N, O, H', W']` with $H' = (H - 1)s - 2a + d(k_h - 1) + b + 1$
 * @throws {@link ShapeError} when channels and filters do not fit
 * @example
 * ```ts
 * import { convTranspose2d, ones } from "@provably/core-tensor";
 *
 * convTranspose2d(ones([1, 3, 4, 4]), ones([3, 2, 2, 2]), { stride: 2 }).shape; // => [1, 2, 8, 8]
 * ```
 * @category Networks
 */
export function convTranspose2d(
  x: ArrayInput,
  weights: ArrayInput,
  options: ConvTranspose2dOptions = {},
): NdArray {
  checkOptions("convTranspose2d", options, CONV_TRANSPOSE2D);
  const [image, filter] = promote("convTranspose2d", x, weights, true, ["x", "weights"]);
  const stride = pair("convTranspose2d", "stride", options.stride ?? 1, 1);
  const dilation = pair("convTranspose2d", "dilation", options.dilation ?? 1, 1);
  const pad = pair("convTranspose2d", "padding", options.padding ?? 0, 0);
  const extra = pair("convTranspose2d", "outputPadding", options.outputPadding ?? 0, 0);
  const { groups = 1 } = options;
  if (image.shape.length !== 4 || filter.shape.length !== 4 || image.shape[1] !== filter.shape[0])
    throw new ShapeError(
      `convTranspose2d: x must be [N, C, H, W] and weights [C, O / groups, kh, kw], got ${formatShape(image.shape)} and ${formatShape(filter.shape)}`,
    );
  if (!Number.isInteger(groups) || groups < 1 || image.shape[1]! % groups !== 0)
    throw new DomainError(
      `convTranspose2d: groups must divide the ${image.shape[1]} input channels, got ${show(groups)}`,
    );
  const [height, width] = [0, 1].map(
    (i) =>
      (image.shape[2 + i]! - 1) * stride[i]! -
      2 * pad[i]! +
      dilation[i]! * (filter.shape[2 + i]! - 1) +
      extra[i]! +
      1,
  ) as [number, number];
  if (height < 1 || width < 1)
    throw new ShapeError(
      `convTranspose2d: padding ${formatShape(pad)} leaves nothing of the output`,
    );
  checkShape(
    "convTranspose2d",
    [image.shape[0], filter.shape[1]! * groups, height, width],
    "the result",
  );
  const out = [image.shape[2]!, image.shape[3]!] as const;
  const attrs = {
    stride,
    dilation,
    pad,
    groups,
    image: [image.shape[0]!, filter.shape[1]! * groups, height, width],
    filter: filter.shape,
    out,
  };
  const y = bindOne(inputGradientPrimitive, [image, filter], attrs);
  return withBias("convTranspose2d", y, options.bias);
}
