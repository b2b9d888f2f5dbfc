/** Steps, what they find while a program runs, and moving elements in and out of its memory. */
import type { DType } from "../../array/dtype.js";
import { DenseArray, copyStrided } from "../../array/ndarray.js";
import { isRowMajor, sizeOf } from "../../array/shape.js";
import type { Node } from "../../graph/graph.js";
import type { Executable } from "../../graph/interpret.js";
import { SIZES } from "./plan/group.js";
import { type Buffer, type Place, byteOffset } from "./plan/place.js";
import type { Store } from "./store.js";

/** What a step finds while the program runs. */
export interface Machine {
  readonly store: Store;
  /** Byte address of each buffer by id. */
  readonly address: number[];
}

/** One call into a kernel, or one detour through JavaScript. */
export interface Step {
  readonly label: string;
  readonly reads: readonly Buffer[];
  readonly writes: readonly Buffer[];
  run(machine: Machine): void;
  /** Buffers whose contents go over into others: the two may be one where nothing later needs the old one. */
  readonly replaces?: readonly { readonly old: Buffer; readonly by: Buffer }[];
  /** Set for a loop over one long row of elements, which can be run piece by piece. */
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
  readonly operands: readonly Place[];
  readonly results: readonly Place[];
  /** Runs on the first `count` elements of all buffers, a multiple of 1024 or what is left of the row behind one. */
  run(machine: Machine, count: number): void;
}

/** Elements that the program keeps in memory as long as it lives. */
export interface Constant {
  readonly bytes: number;
  /** Copies them to an address and notes it down. */
  place(machine: Machine, address: number): void;
}

/** A lowered graph. */
export interface Lowered {
  readonly steps: readonly Step[];
  readonly buffers: readonly Buffer[];
  /** Where each input of the graph is expected; undefined when nothing reads it. */
  readonly inputs: readonly (Place | undefined)[];
  readonly outputs: readonly Place[];
  readonly constants: readonly Constant[];
}

/** A way to run a lowered graph whose constants lie in memory. */
export interface Way {
  /** Bytes of the arena that it needs. */
  readonly total: number;
  readonly run: Executable["run"];
  /** How, where it is not one call after the other. */
  readonly words?: string;
}

/** Address of the first element of a place. */
export function addressOf(machine: Machine, place: Place): number {
  return machine.address[place.buffer.id]! + byteOffset(place);
}

/** The elements of a place as an array, valid until the memory grows or the buffer is used again. */
export function viewAt({ store, address }: Machine, place: Place): DenseArray {
  const { dtype, shape, stride } = place;
  const offset = address[place.buffer.id]! / SIZES[dtype] + place.offset;
  return new DenseArray<DType>(store.views[dtype], dtype, shape, stride, offset, sizeOf(shape));
}

/** Copies an array to a row-major place. */
export function write(machine: Machine, place: Place, array: DenseArray): void {
  const view = machine.store.views[place.dtype];
  const at = addressOf(machine, place) / SIZES[place.dtype];
  copyInto(array, view, at);
}

/** Copies the elements of an array in row-major order to `out` from `at` on. */
export function copyInto(array: DenseArray, out: DenseArray["data"], at: number): void {
  const { data, offset, size, shape, stride } = array;
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
