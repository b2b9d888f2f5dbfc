/** A lowered graph under construction: steps so far, the memory they use, and where each value lies. */
import type { DType } from "../../array/dtype.js";
import { DenseArray } from "../../array/ndarray.js";
import { sizeOf } from "../../array/shape.js";
import type { Graph, Node, Value } from "../../graph/graph.js";
import { SIZES } from "./plan/group.js";
import { type Buffer, type Place, rowMajorPlace } from "./plan/place.js";
import { type Constant, type Lowered, type Machine, type Step, copyInto } from "./machine.js";
import type { Store } from "./store.js";

export class Draft {
  readonly steps: Step[] = [];
  readonly buffers: Buffer[] = [];
  readonly constants: Constant[] = [];
  private readonly places = new Map<Value, Place>();

  constructor(
    readonly store: Store,
    readonly threads: number,
    /** Lowers the graph of a function inside control flow by itself; all its inputs lie in memory. */
    readonly nested: (graph: Graph) => Lowered,
  ) {}

  buffer(kind: Buffer["kind"], dtype: DType, size: number): Buffer {
    const buffer: Buffer = { id: this.buffers.length, kind, bytes: size * SIZES[dtype] };
    this.buffers.push(buffer);
    return buffer;
  }

  /** A fresh row-major place. */
  fresh(dtype: DType, shape: readonly number[]): Place {
    return rowMajorPlace(this.buffer("arena", dtype, sizeOf(shape)), dtype, shape);
  }

  /** Working memory of one step. */
  work(bytes: number): Buffer {
    return this.buffer("arena", "uint8", bytes);
  }

  place(x: Value): Place {
    let place = this.places.get(x);
    if (place === undefined) this.places.set(x, (place = this.constantPlace(x)));
    return place;
  }

  set(x: Value, place: Place): void {
    this.places.set(x, place);
  }

  step(step: Omit<Step, "nodes"> & { readonly nodes?: readonly Node[] }): void {
    const made = { nodes: [], ...step };
    this.steps.push(this.store.watch?.(made) ?? made);
  }

  private constantPlace(x: Value): Place {
    const array = x.constant!;
    const { dtype, shape } = array;
    // repeated elements are stored once
    const repeats = array.stride.map((s, i) => s === 0 && shape[i] !== 1);
    const stored = shape.map((extent, i) => (repeats[i] ? 1 : extent));
    const buffer = this.buffer("constant", dtype, sizeOf(stored));
    const elements = new DenseArray<DType>(
      array.data,
      dtype,
      stored,
      array.stride,
      array.offset,
      sizeOf(stored),
    );
    this.keep(buffer, (machine, address) => {
      copyInto(elements, machine.store.views[dtype], address / SIZES[dtype]);
    });
    const dense = rowMajorPlace(buffer, dtype, stored);
    return { ...dense, shape, stride: dense.stride.map((s, i) => (repeats[i] ? 0 : s)) };
  }

  /** A constant list, of integers or of bytes. */
  table(elements: Int32Array | Uint8Array): Buffer {
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
    const buffer = this.buffer("constant", "uint8", bytes.length);
    this.keep(buffer, ({ store }, address) => {
      store.views.uint8.set(bytes, address);
    });
    return buffer;
  }

  /** A constant buffer, filled when the program is placed in memory. */
  private keep(buffer: Buffer, fill: (machine: Machine, address: number) => void): void {
    this.constants.push({
      bytes: buffer.bytes,
      place(machine, address) {
        machine.address[buffer.id] = address;
        fill(machine, address);
      },
    });
  }

  /** Takes over the constants of a routine, which has a machine of its own. */
  adopt(routine: { readonly lowered: Lowered; readonly machine: Machine }): void {
    for (const { bytes, place } of routine.lowered.constants)
      this.constants.push({
        bytes,
        place: (_machine, address) => {
          place(routine.machine, address);
        },
      });
  }
}
