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
import { type Buffer, type Place, rowMajorPlace } from "./plan/place.js";
import type { Draft } from "./draft.js";
import { inOrder } from "./loop.js";
import { addressOf } from "./machine.js";
import { aligned } from "./store.js";

export function lowerConv(draft: Draft, node: Node, inputs: readonly Place[]): boolean {
  const { name } = node.primitive;
  if (name !== "conv2d" && name !== "conv2dInputGradient" && name !== "conv2dWeightGradient")
    return false;
  if (!isFloat(node.outputs[0]!.dtype) || inputs.some((x) => sizeOf(x.shape) === 0)) return false;
  const g = geometry(node.attrs as ConvAttrs);
  const [first, second] = inputs as [Place, Place];
  if (name === "conv2d")
    forward(
      draft,
      node,
      first,
      inOrder(draft, second),
      g.outChannels / g.groups,
      g,
      forwardPass(g),
    );
  else if (name === "conv2dInputGradient")
    forward(
      draft,
      node,
      first,
      reversed(draft, second, g),
      g.inChannels / g.groups,
      g,
      inputGradientPass(g),
    );
  else weightGradient(draft, node, first, second, g);
  return true;
}

/** Filters and channels exchanged within each group, both kernel axes reversed: another view, put in order. */
function reversed(draft: Draft, weights: Place, g: Conv2dGeometry): Place {
  const w = inOrder(draft, weights);
  const [filters, channels, height, width] = [
    g.outChannels / g.groups,
    g.inChannels / g.groups,
    g.kernelHeight,
    g.kernelWidth,
  ];
  const taps = height * width;
  return inOrder(draft, {
    ...w,
    shape: [g.groups, channels, filters, height, width],
    stride: [filters * channels * taps, taps, channels * taps, -width, -1],
    offset: w.offset + taps - 1,
  });
}

function tables(
  draft: Draft,
  pass: Pass,
  bytes: number,
): { readonly weights: Buffer; readonly pixels: Buffer } {
  return {
    weights: draft.table(weightOffsets(pass, bytes)),
    pixels: draft.table(pixelOffsets(pass, bytes)),
  };
}

function forward(
  draft: Draft,
  node: Node,
  given: Place,
  weights: Place,
  filters: number,
  g: Conv2dGeometry,
  pass: Pass,
): void {
  const [y] = node.outputs as [Node["outputs"][number]];
  const type = y.dtype as "float32" | "float64";
  const bytes = SIZES[type];
  const x = inOrder(draft, given);
  const out = rowMajorPlace(draft.buffer("arena", type, sizeOf(y.shape)), type, y.shape);
  draft.set(y, out);
  const kernel = draft.store.kernel("gemm", type);
  const [embed, gemm, direct] = [kernel["embed"]!, kernel["gatherGemm"]!, kernel["direct"]!];
  const k = pass.channels * pass.kernelHeight * pass.kernelWidth;
  const n = pass.outHeight * pass.outWidth;
  const { rows, cols } = reach(pass);
  const planes = g.groups * pass.channels;
  const sourceBytes = planes * pass.height * pass.width * bytes;
  const offsets = tables(draft, pass, bytes);
  const isProduct = filters >= MIN_GEMM_FILTERS;
  const crew =
    isProduct && g.batch > 1 && 2 * n * k * filters >= 1e6 ? draft.store.crew : undefined;
  const shares = crew === undefined ? 1 : Math.min(draft.threads, g.batch);
  const imageBytes = aligned(planes * rows * cols * bytes);
  const workBytes = aligned(kernel["workBytes"]!(n, k));
  const scratch = draft.work(shares * (imageBytes + workBytes));
  draft.step({
    label: `${node.primitive.name} ${g.batch} images, ${g.groups > 1 ? `${g.groups} groups of ` : ""}${filters}x${k}x${n}`,
    nodes: [node],
    reads: [x.buffer, weights.buffer, offsets.weights, offsets.pixels],
    writes: [out.buffer, scratch],
    run(machine) {
      const [from, to, w] = [
        addressOf(machine, x),
        addressOf(machine, out),
        addressOf(machine, weights),
      ];
      const images = machine.address[scratch.id]!;
      const works = images + shares * imageBytes;
      const [taps, pixels] = [
        machine.address[offsets.weights.id]!,
        machine.address[offsets.pixels.id]!,
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
        if (crew !== undefined) crew.run(embed, each(embedding));
        else embed(...embedding(b, 0));
        for (let group = 0; group < g.groups; group++) {
          if (crew !== undefined)
            crew.run(
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
  draft: Draft,
  node: Node,
  cotangent: Place,
  images: Place,
  g: Conv2dGeometry,
): void {
  const [y] = node.outputs as [Node["outputs"][number]];
  const type = y.dtype as "float32" | "float64";
  const bytes = SIZES[type];
  const [ct, x] = [inOrder(draft, cotangent), inOrder(draft, images)];
  const out = draft.fresh(type, y.shape);
  draft.set(y, out);
  const kernel = draft.store.kernel("gemm", type);
  const [embed, gemm] = [kernel["embed"]!, kernel["gatherGemm"]!];
  const pass = forwardPass(g);
  const filters = g.outChannels / g.groups;
  const taps = pass.channels * g.kernelHeight * g.kernelWidth;
  const pixels = g.outHeight * g.outWidth;
  const { rows, cols } = reach(pass);
  const offsets = tables(draft, pass, bytes);
  const imageBytes = aligned(g.inChannels * rows * cols * bytes);
  const scratch = draft.work(imageBytes + aligned(kernel["workBytes"]!(taps, pixels)));
  draft.step({
    label: `${node.primitive.name} ${g.batch} images, ${filters}x${pixels}x${taps}`,
    nodes: [node],
    reads: [ct.buffer, x.buffer, offsets.weights, offsets.pixels],
    writes: [out.buffer, scratch],
    run(machine) {
      const [from, source, to] = [
        addressOf(machine, ct),
        addressOf(machine, x),
        addressOf(machine, out),
      ];
      const image = machine.address[scratch.id]!;
      const [byTap, byPixel] = [
        machine.address[offsets.weights.id]!,
        machine.address[offsets.pixels.id]!,
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
