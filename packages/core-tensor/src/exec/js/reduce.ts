/** Reference reductions: strided, over any axes, in double precision with pairwise blocks for long sums. */
import type { TypedArray } from "../../array/dtype.js";
import type { Operand } from "./elementwise.js";

interface Reducible extends Operand {
  readonly shape: readonly number[];
}

/** Positions, relative to the first element, of every index of the axes in `which`, in row-major order. */
export function offsetsOf(x: Reducible, which: (axis: number) => boolean): Int32Array {
  let offsets = Int32Array.of(0);
  for (let axis = 0; axis < x.shape.length; axis++) {
    if (!which(axis)) continue;
    const extent = x.shape[axis]!;
    const step = x.stride[axis]!;
    const next = new Int32Array(offsets.length * extent);
    for (let i = 0, to = 0; i < offsets.length; i++) for (let j = 0; j < extent; j++) next[to++] = offsets[i]! + j * step;
    offsets = next;
  }
  return offsets;
}

/** Calls `f(data, base, inner)` for every output place in row-major order and stores what it returns. */
export function reduceAxes(
  x: Reducible,
  axes: readonly number[],
  out: TypedArray,
  f: (data: TypedArray, base: number, inner: Int32Array) => number,
): void {
  const outer = offsetsOf(x, (axis) => !axes.includes(axis));
  const inner = offsetsOf(x, (axis) => axes.includes(axis));
  for (let i = 0; i < outer.length; i++) out[i] = f(x.data, x.offset + outer[i]!, inner);
}

const BLOCK = 256;

function sumBlock(data: TypedArray, base: number, inner: Int32Array, from: number, to: number): number {
  if (to - from > BLOCK) {
    const middle = (from + to) >>> 1;
    return sumBlock(data, base, inner, from, middle) + sumBlock(data, base, inner, middle, to);
  }
  let total = 0;
  for (let j = from; j < to; j++) total += data[base + inner[j]!]!;
  return total;
}

export function sumAxes(x: Reducible, axes: readonly number[], out: TypedArray): void {
  reduceAxes(x, axes, out, (data, base, inner) => sumBlock(data, base, inner, 0, inner.length));
}
