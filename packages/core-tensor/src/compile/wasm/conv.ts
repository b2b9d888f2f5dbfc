/** Convolution of images that lie in memory already, and its gradients. The tables of offsets are constants of the program. */
import { isFloat } from "../../array/dtype.js";
import { sizeOf } from "../../array/shape.js";
import {
  type Conv2dGeometry,
  MIN_GEMM_FILTERS,
  type Pass,
  forwardPass,
  inputGradientPass,
  pixelOffsets,
  reach,
  weightOffsets,
} from "../../exec/wasm/conv2d.js";
import { type ConvAttrs, geometry } from "../../ops/conv.js";
import type { Node } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import { type Buffer, type BufferView, rowMajorView } from "./plan/view.js";
import type { Builder } from "./builder.js";
import { inOrder } from "./loop.js";
import { addressOf } from "./runtime.js";
import { aligned } from "./allocator.js";

export function lowerConv(builder: Builder, node: Node, inputs: readonly BufferView[]): boolean {
  const { name } = node.primitive;
  if (name !== "conv2d" && name !== "conv2dInputGradient" && name !== "conv2dWeightGradient")
    return false;
  if (!isFloat(node.outputs[0]!.dtype) || inputs.some((x) => sizeOf(x.shape) === 0)) return false;
  const g = geometry(node.attrs as ConvAttrs);
  const [first, second] = inputs as [BufferView, BufferView];
  if (name === "conv2d")
    forward(
      builder,
      node,
      first,
      inOrder(builder, second),
      g.outChannels / g.groups,
      g,
      forwardPass(g),
    );
  else if (name === "conv2dInputGradient")
    forward(
      builder,
      node,
      first,
      reversed(builder, second, g),
      g.inChannels / g.groups,
      g,
      inputGradientPass(g),
    );
  else weightGradient(builder, node, first, second, g);
  return true;
}

/** Filters and channels exchanged within each group, both kernel axes reversed: another view, put in order. */
function reversed(builder: Builder, weights: BufferView, g: Conv2dGeometry): BufferView {
  const w = inOrder(builder, weights);
  const [filters, channels, height, width] = [
    g.outChannels / g.groups,
    g.inChannels / g.groups,
    g.kernelHeight,
    g.kernelWidth,
  ];
  const taps = height * width;
  return inOrder(builder, {
    ...w,
    shape: [g.groups, channels, filters, height, width],
    stride: [filters * channels * taps, taps, channels * taps, -width, -1],
    offset: w.offset + taps - 1,
  });
}

function tables(
  builder: Builder,
  pass: Pass,
  bytes: number,
): { readonly weights: Buffer; readonly pixels: Buffer } {
  return {
    weights: builder.table(weightOffsets(pass, bytes)),
    pixels: builder.table(pixelOffsets(pass, bytes)),
  };
}

function forward(
  builder: Builder,
  node: Node,
  given: BufferView,
  weights: BufferView,
  filters: number,
  g: Conv2dGeometry,
  pass: Pass,
): void {
  const [y] = node.outputs as [Node["outputs"][number]];
  const type = y.dtype as "float32" | "float64";
  const bytes = SIZES[type];
  const x = inOrder(builder, given);
  const out = rowMajorView(builder.buffer("arena", type, sizeOf(y.shape)), type, y.shape);
  builder.set(y, out);
  const kernel = builder.allocator.kernel("gemm", type);
  const [embed, gemm, direct] = [kernel["embed"]!, kernel["gatherGemm"]!, kernel["direct"]!];
  const k = pass.channels * pass.kernelHeight * pass.kernelWidth;
  const n = pass.outHeight * pass.outWidth;
  const { rows, cols } = reach(pass);
  const planes = g.groups * pass.channels;
  const sourceBytes = planes * pass.height * pass.width * bytes;
  const offsets = tables(builder, pass, bytes);
  const isProduct = filters >= MIN_GEMM_FILTERS;
  const pool =
    isProduct && g.batch > 1 && 2 * n * k * filters >= 1e6 ? builder.allocator.pool : undefined;
  const shares = pool === undefined ? 1 : Math.min(builder.threads, g.batch);
  const imageBytes = aligned(planes * rows * cols * bytes);
  const workBytes = aligned(kernel["workBytes"]!(n, k));
  const scratch = builder.work(shares * (imageBytes + workBytes));
  builder.step({
    label: `${node.primitive.name} ${g.batch} images, ${g.groups > 1 ? `${g.groups} groups of ` : ""}${filters}x${k}x${n}`,
    nodes: [node],
    reads: [x.buffer, weights.buffer, offsets.weights, offsets.pixels],
    writes: [out.buffer, scratch],
    run(runtime) {
      const [from, to, w] = [
        addressOf(runtime, x),
        addressOf(runtime, out),
        addressOf(runtime, weights),
      ];
      const images = runtime.address[scratch.id]!;
      const works = images + shares * imageBytes;
      const [taps, pixels] = [
        runtime.address[offsets.weights.id]!,
        runtime.address[offsets.pixels.id]!,
      ];
      const embedding = (b: number, i: number): number[] => [
        from + b * sourceBytes,
        planes,
        pass.height,
        pass.width,
        images + i * imageBytes,
        rows,
        cols,
        pass.top,
        pass.left,
        pass.spreadY,
        pass.spreadX,
      ];
      const product = (b: number, i: number, group: number): number[] => [
        w + group * filters * k * bytes,
        k * bytes,
        images + i * imageBytes + group * pass.channels * rows * cols * bytes,
        taps,
        pixels,
        to + (b * g.groups + group) * filters * n * bytes,
        filters,
        n,
        k,
        0,
        works + i * workBytes,
      ];
      for (let b = 0; b < g.batch; b += shares) {
        const count = Math.min(shares, g.batch - b);
        const each = <T>(f: (b: number, i: number) => T): T[] =>
          Array.from({ length: count }, (_, i) => f(b + i, i));
        if (pool !== undefined) pool.run(embed, each(embedding));
        else embed(...embedding(b, 0));
        for (let group = 0; group < g.groups; group++) {
          if (pool !== undefined)
            pool.run(
              gemm,
              each((image, i) => product(image, i, group)),
            );
          else if (isProduct) gemm(...product(b, 0, group));
          else {
            const [a, , image, , , c] = product(b, 0, group) as [
              number,
              number,
              number,
              number,
              number,
              number,
            ];
            const [stepY, stepX] = [pass.strideHeight * cols * bytes, pass.strideWidth * bytes];
            for (let f = 0; f < filters; f++)
              direct(
                a + f * k * bytes,
                image,
                taps,
                k,
                c + f * n * bytes,
                pass.outHeight,
                pass.outWidth,
                stepY,
                stepX,
              );
          }
        }
      }
    },
  });
}

function weightGradient(
  builder: Builder,
  node: Node,
  cotangent: BufferView,
  images: BufferView,
  g: Conv2dGeometry,
): void {
  const [y] = node.outputs as [Node["outputs"][number]];
  const type = y.dtype as "float32" | "float64";
  const bytes = SIZES[type];
  const [ct, x] = [inOrder(builder, cotangent), inOrder(builder, images)];
  const out = builder.fresh(type, y.shape);
  builder.set(y, out);
  const kernel = builder.allocator.kernel("gemm", type);
  const [embed, gemm] = [kernel["embed"]!, kernel["gatherGemm"]!];
  const pass = forwardPass(g);
  const filters = g.outChannels / g.groups;
  const taps = pass.channels * g.kernelHeight * g.kernelWidth;
  const pixels = g.outHeight * g.outWidth;
  const { rows, cols } = reach(pass);
  const offsets = tables(builder, pass, bytes);
  const imageBytes = aligned(g.inChannels * rows * cols * bytes);
  const scratch = builder.work(imageBytes + aligned(kernel["workBytes"]!(taps, pixels)));
  builder.step({
    label: `${node.primitive.name} ${g.batch} images, ${filters}x${pixels}x${taps}`,
    nodes: [node],
    reads: [ct.buffer, x.buffer, offsets.weights, offsets.pixels],
    writes: [out.buffer, scratch],
    run(runtime) {
      const [from, source, to] = [
        addressOf(runtime, ct),
        addressOf(runtime, x),
        addressOf(runtime, out),
      ];
      const image = runtime.address[scratch.id]!;
      const [byTap, byPixel] = [
        runtime.address[offsets.weights.id]!,
        runtime.address[offsets.pixels.id]!,
      ];
      for (let b = 0; b < g.batch; b++) {
        const at = source + b * g.inChannels * g.height * g.width * bytes;
        embed(at, g.inChannels, g.height, g.width, image, rows, cols, g.padTop, g.padLeft, 1, 1);
        for (let group = 0; group < g.groups; group++)
          gemm(
            from + (b * g.groups + group) * filters * pixels * bytes,
            pixels * bytes,
            image + group * pass.channels * rows * cols * bytes,
            byPixel,
            byTap,
            to + group * filters * taps * bytes,
            filters,
            taps,
            pixels,
            Number(b > 0),
            image + imageBytes,
          );
      }
    },
  });
}
