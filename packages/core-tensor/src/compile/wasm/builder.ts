/** A lowered graph under construction: steps so far, the memory they use, and where each value lies. */
import type { DType } from "../../array/dtype.js";
import { DenseArray } from "../../array/ndarray.js";
import { sizeOf } from "../../array/shape.js";
import type { Graph, Node, Value } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import { type Buffer, type BufferView, rowMajorView } from "./plan/view.js";
import { type Constant, type LoweredGraph, type Runtime, type Step, copyInto } from "./runtime.js";
import type { Allocator } from "./allocator.js";

export class Builder {
  readonly steps: Step[] = [];
  readonly buffers: Buffer[] = [];
  readonly constants: Constant[] = [];
  private readonly views = new Map<Value, BufferView>();

  constructor(
    readonly allocator: Allocator,
    readonly threads: number,
    /** Lowers the graph of a function inside control flow by itself; all its inputs lie in memory. */
    readonly nested: (graph: Graph) => LoweredGraph,
  ) {}

  buffer(kind: Buffer["kind"], dtype: DType, size: number): Buffer {
    const buffer: Buffer = { id: this.buffers.length, kind, bytes: size * SIZES[dtype] };
    this.buffers.push(buffer);
    return buffer;
  }

  /** A fresh row-major view. */
  fresh(dtype: DType, shape: readonly number[]): BufferView {
    return rowMajorView(this.buffer("arena", dtype, sizeOf(shape)), dtype, shape);
  }

  /** Working memory of one step. */
  work(bytes: number): Buffer {
    return this.buffer("arena", "uint8", bytes);
  }

  view(x: Value): BufferView {
    let view = this.views.get(x);
    if (view === undefined) this.views.set(x, (view = this.constantView(x)));
    return view;
  }

  set(x: Value, view: BufferView): void {
    this.views.set(x, view);
  }

  step(step: Omit<Step, "nodes"> & { readonly nodes?: readonly Node[] }): void {
    const made = { nodes: [], ...step };
    this.steps.push(this.allocator.watch?.(made) ?? made);
  }

  private constantView(x: Value): BufferView {
    const array = x.constant!;
    const { dtype, shape } = array;
    // repeated elements are stored once
    const repeats = array.stride.map((s, i) => s === 0 && shape[i] !== 1);
    const stored = shape.map((extent, i) => (repeats[i] ? 1 : extent));
    const buffer = this.buffer("constant", dtype, sizeOf(stored));
    const elements = new DenseArray<DType>(
      array.storage,
      dtype,
      stored,
      array.stride,
      array.offset,
      sizeOf(stored),
    );
    this.keep(buffer, (runtime, address) => {
      copyInto(elements, runtime.allocator.views[dtype], address / SIZES[dtype]);
    });
    const dense = rowMajorView(buffer, dtype, stored);
    return { ...dense, shape, stride: dense.stride.map((s, i) => (repeats[i] ? 0 : s)) };
  }

  /** A constant list, of integers or of bytes. */
  table(elements: Int32Array | Uint8Array): Buffer {
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    const buffer = this.buffer("constant", "uint8", bytes.length);
    this.keep(buffer, ({ allocator }, address) => {
      allocator.views.uint8.set(bytes, address);
    });
    return buffer;
  }

  /** A constant buffer, filled when the program is placed in memory. */
  private keep(buffer: Buffer, fill: (runtime: Runtime, address: number) => void): void {
    this.constants.push({
      bytes: buffer.bytes,
      load(runtime, address) {
        runtime.address[buffer.id] = address;
        fill(runtime, address);
      },
    });
  }

  /** Takes over the constants of a routine, which has a runtime of its own. */
  adopt(routine: { readonly lowered: LoweredGraph; readonly runtime: Runtime }): void {
    for (const { bytes, load } of routine.lowered.constants)
      this.constants.push({
        bytes,
        load: (_runtime, address) => {
          load(routine.runtime, address);
        },
      });
  }
}
