/** Steps, what they find while a program runs, and moving elements in and out of its memory. */
import type { DType } from "../../array/dtype.js";
import { DenseArray, copyStrided } from "../../array/ndarray.js";
import { isRowMajor, sizeOf } from "../../array/shape.js";
import type { Node } from "../../graph/graph.js";
import type { Executable } from "../../graph/interpret.js";
import { SIZES } from "./plan/group.js";
import { type Buffer, type BufferView, byteOffset } from "./plan/view.js";
import type { Allocator } from "./allocator.js";

/** What a step finds while the program runs. */
export interface Runtime {
  readonly allocator: Allocator;
  /** Byte address of each buffer by id. */
  readonly address: number[];
}

/** One call into a kernel, or one detour through JavaScript. */
export interface Step {
  readonly label: string;
  readonly reads: readonly Buffer[];
  readonly writes: readonly Buffer[];
  run(runtime: Runtime): void;
  /** Buffers whose contents go over into others: the two may be one where nothing later needs the old one. */
  readonly replaces?: readonly { readonly old: Buffer; readonly by: Buffer }[];
  /** Set for a loop over one long row of elements, which can be run tile by tile. */
  readonly row?: Row;
  /** Why this is not a SIMD kernel. */
  readonly reason?: string;
  readonly nodes: readonly Node[];
  /** Steps inside control flow, for explanations. */
  readonly inner?: readonly Step[];
}

/** A loop over one row. */
export interface Row {
  readonly length: number;
  readonly operands: readonly BufferView[];
  readonly results: readonly BufferView[];
  /** Runs on the first `count` elements of all buffers, a multiple of 1024 or what is left of the row behind one. */
  run(runtime: Runtime, count: number): void;
}

/** Elements that the program keeps in memory as long as it lives. */
export interface Constant {
  readonly bytes: number;
  /** Copies them to an address and notes it down. */
  load(runtime: Runtime, address: number): void;
}

/** A lowered graph. */
export interface LoweredGraph {
  readonly steps: readonly Step[];
  readonly buffers: readonly Buffer[];
  /** Where each input of the graph is expected; undefined when nothing reads it. */
  readonly inputs: readonly (BufferView | undefined)[];
  readonly outputs: readonly BufferView[];
  readonly constants: readonly Constant[];
}

/** A way to run a lowered graph whose constants lie in memory. */
export interface Strategy {
  /** Bytes of the arena that it needs. */
  readonly total: number;
  readonly run: Executable["run"];
  /** How, where it is not one call after the other. */
  readonly words?: string;
}

/** Address of the first element of a view. */
export function addressOf(runtime: Runtime, view: BufferView): number {
  return runtime.address[view.buffer.id]! + byteOffset(view);
}

/** The elements of a view as an array, valid until the memory grows or the buffer is used again. */
export function viewAt({ allocator, address }: Runtime, view: BufferView): DenseArray {
  const { dtype, shape, stride } = view;
  const offset = address[view.buffer.id]! / SIZES[dtype] + view.offset;
  return new DenseArray<DType>(allocator.views[dtype], dtype, shape, stride, offset, sizeOf(shape));
}

/** Copies an array to a row-major view. */
export function write(runtime: Runtime, view: BufferView, array: DenseArray): void {
  const memory = runtime.allocator.views[view.dtype];
  const at = addressOf(runtime, view) / SIZES[view.dtype];
  copyInto(array, memory, at);
}

/** Copies the elements of an array in row-major order to `out` from `at` on. */
export function copyInto(array: DenseArray, out: DenseArray["data"], at: number): void {
  const { storage: data, offset, size, shape, stride } = array;
  if (size === 0) return;
  if (isRowMajor(shape, stride)) {
    if (size < 16) for (let i = 0; i < size; i++) out[at + i] = data[offset + i]!;
    else
      out.set(
        offset === 0 && data.length === size ? data : data.subarray(offset, offset + size),
        at,
      );
    return;
  }
  copyStrided(data, shape, stride, offset, out.subarray(at, at + size));
}
