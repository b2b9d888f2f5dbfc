/** Products of matrices that lie in memory already: no operand is copied, whatever its strides. */
import { isFloat } from "../../array/dtype.js";
import { broadcastStrides, sizeOf } from "../../array/shape.js";
import type { Node } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import type { BufferView } from "./plan/view.js";
import type { Builder } from "./builder.js";
import { inOrder } from "./loop.js";
import { addressOf } from "./runtime.js";
import type { FloatType, Kernel } from "./static-kernels.js";
import { aligned } from "./allocator.js";

/** Up to this many rows a product streams the other matrix once instead of packing it. */
const FEW = 4;

/** Products with less arithmetic run on one thread, and so do those that stream a smaller matrix. */
const PARALLEL_FLOPS = 2e6;
const PARALLEL_BYTES = 1 << 20;

/** Threads' shares begin at a multiple of this, which both builds' register tiles divide; and least rows of a share. */
const MR = 12;
const MIN_ROWS = 24;

interface Matrix {
  readonly rowBytes: number;
  readonly colBytes: number;
}

function matrixOf(view: BufferView): Matrix {
  const bytes = SIZES[view.dtype];
  const rank = view.stride.length;
  return { rowBytes: view.stride[rank - 2]! * bytes, colBytes: view.stride[rank - 1]! * bytes };
}

/** Byte offsets of the matrices of a stack relative to the first. */
function stackOffsets(view: BufferView, stack: readonly number[]): Float64Array {
  const stride = broadcastStrides(view.shape.slice(0, -2), view.stride.slice(0, -2), stack);
  let list = Float64Array.of(0);
  stack.forEach((extent, axis) => {
    const next = new Float64Array(list.length * extent);
    for (let i = 0, to = 0; i < list.length; i++)
      for (let j = 0; j < extent; j++)
        next[to++] = list[i]! + j * stride[axis]! * SIZES[view.dtype];
    list = next;
  });
  return list;
}

function isArithmetic(offsets: Float64Array, step: number): boolean {
  for (let p = 1; p < offsets.length; p++) if (offsets[p]! - offsets[p - 1]! !== step) return false;
  return true;
}

export function lowerMatmul(builder: Builder, node: Node, inputs: readonly BufferView[]): boolean {
  if (node.primitive.name !== "matmul") return false;
  const [out] = node.outputs as [Node["outputs"][number]];
  if (!isFloat(out.dtype)) return false;
  const type: FloatType = out.dtype;
  let [left, right] = inputs as [BufferView, BufferView];
  const bytes = SIZES[type];
  const rank = out.shape.length;
  let m = out.shape[rank - 2]!;
  const n = out.shape[rank - 1]!;
  const k = left.shape[left.shape.length - 1]!;
  if (k === 0) return false;
  const stack = out.shape.slice(0, -2);
  let b = matrixOf(right);
  const few = m <= FEW && (b.rowBytes === bytes || b.colBytes === bytes);
  // vectors must be contiguous for the streaming kernels
  if (
    few &&
    (matrixOf(left).colBytes !== bytes || (m > 1 && matrixOf(left).rowBytes !== k * bytes))
  )
    left = inOrder(builder, left);
  const a = matrixOf(left);
  const column = n === 1 && !few && (a.rowBytes === bytes || a.colBytes === bytes);
  if (column && b.rowBytes !== bytes && k > 1) {
    right = inOrder(builder, right);
    b = matrixOf(right);
  }
  let aStack = stackOffsets(left, stack);
  let bStack = stackOffsets(right, stack);
  // a stack of matrices times one matrix is one taller product
  if (
    !few &&
    !column &&
    aStack.length > 1 &&
    isArithmetic(aStack, m * a.rowBytes) &&
    isArithmetic(bStack, 0)
  ) {
    m *= aStack.length;
    [aStack, bStack] = [aStack.slice(0, 1), bStack.slice(0, 1)];
  }
  const view = builder.fresh(type, out.shape);
  builder.set(out, view);
  const size = m * n * bytes;
  const { allocator } = builder;
  const count = aStack.length;
  if (few || column) {
    // few rows of vectors times a matrix `[k, outs]` that is read once
    const [vectors, matrix] = few ? [left, right] : [right, left];
    const [vectorStack, matrixStack] = few ? [aStack, bStack] : [bStack, aStack];
    const [rows, outs] = few ? [m, n] : [1, m];
    const { rowBytes, colBytes } = few ? b : { rowBytes: a.colBytes, colBytes: a.rowBytes };
    const acrossRows = colBytes === bytes;
    const stream = allocator.kernel("vecmat", type)[acrossRows ? "axpyRows" : "dotRows"]!;
    const pool = rows === 1 && outs * k * bytes >= PARALLEL_BYTES ? allocator.pool : undefined;
    const shares = pool === undefined ? 1 : builder.threads;
    const cuts = Array.from({ length: shares + 1 }, (_, i) =>
      i === shares ? outs : Math.round((outs * i) / shares / 64) * 64,
    );
    builder.step({
      label: few ? `vecmat ${m}x${k}x${n}` : `matvec ${m}x${k}`,
      nodes: [node],
      reads: [left.buffer, right.buffer],
      writes: [view.buffer],
      run(runtime) {
        const [x, w, z] = [
          addressOf(runtime, vectors),
          addressOf(runtime, matrix),
          addressOf(runtime, view),
        ];
        for (let p = 0; p < count; p++) {
          const share = (i: number): number[] => [
            x + vectorStack[p]!,
            w + matrixStack[p]! + cuts[i]! * (acrossRows ? bytes : colBytes),
            acrossRows ? rowBytes : colBytes,
            z + p * size + cuts[i]! * bytes,
            rows,
            cuts[i + 1]! - cuts[i]!,
            k,
          ];
          if (pool === undefined) stream(...share(0));
          else
            pool.run(
              stream,
              Array.from({ length: shares }, (_, i) => share(i)),
            );
        }
      },
    });
    return true;
  }
  const gemm: Kernel = allocator.kernel("gemm", type);
  const workBytes = aligned(gemm["workBytes"]!(n, k));
  const pool = 2 * m * n * k >= PARALLEL_FLOPS ? allocator.pool : undefined;
  // rows in whole blocks, so that the tiles are those of one thread
  const shares =
    pool === undefined ? 1 : Math.max(1, Math.min(builder.threads, Math.floor(m / MIN_ROWS)));
  const cuts = Array.from({ length: shares + 1 }, (_, i) =>
    i === shares ? m : Math.round((m * i) / shares / MR) * MR,
  );
  const work = builder.work(workBytes * shares);
  builder.step({
    label: `matmul ${sizeOf(stack) > 1 && count > 1 ? `${count} of ` : ""}${m}x${k}x${n}`,
    nodes: [node],
    reads: [left.buffer, right.buffer],
    writes: [view.buffer, work],
    run(runtime) {
      const [x, y, z] = [
        addressOf(runtime, left),
        addressOf(runtime, right),
        addressOf(runtime, view),
      ];
      const w = runtime.address[work.id]!;
      const run = gemm["gemm"]!;
      for (let p = 0; p < count; p++) {
        const [xp, yp, zp] = [x + aStack[p]!, y + bStack[p]!, z + p * size];
        if (pool === undefined)
          run(xp, a.rowBytes, a.colBytes, yp, b.rowBytes, b.colBytes, zp, m, n, k, w);
        else
          pool.run(
            run,
            Array.from({ length: shares }, (_, i) => {
              const row = cuts[i]!;
              const rows = cuts[i + 1]! - row;
              return [
                xp + row * a.rowBytes,
                a.rowBytes,
                a.colBytes,
                yp,
                b.rowBytes,
                b.colBytes,
                zp + row * n * bytes,
                rows,
                n,
                k,
                w + i * workBytes,
              ];
            }),
          );
      }
    },
  });
  return true;
}
