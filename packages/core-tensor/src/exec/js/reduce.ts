/** Reference reductions over any axes of a strided array, in double precision. */
import { type TypedArray } from "../../array/dtype.js";

interface Reducible {
  readonly storage: TypedArray;
  readonly offset: number;
  readonly stride: readonly number[];
  readonly shape: readonly number[];
}

/** What becomes of the `n` elements `data[base + inner[j]]`. */
export type Reducer = (data: TypedArray, base: number, inner: Int32Array, n: number) => number;

/** Positions, relative to the first element, of every index of the axes that `which` accepts, in row-major order. */
function offsetsOf(x: Reducible, which: (axis: number) => boolean): Int32Array {
  let offsets = Int32Array.of(0);
  for (let axis = 0; axis < x.shape.length; axis++) {
    if (!which(axis)) continue;
    const extent = x.shape[axis]!;
    const step = x.stride[axis]!;
    const next = new Int32Array(offsets.length * extent);
    for (let i = 0, to = 0; i < offsets.length; i++)
      for (let j = 0; j < extent; j++) next[to++] = offsets[i]! + j * step;
    offsets = next;
  }
  return offsets;
}

/** Reduces over `axes`; the result of each place of the other axes is stored in row-major order. */
export function reduceAxes(
  x: Reducible,
  axes: readonly number[],
  out: TypedArray,
  reduce: Reducer,
): void {
  const outer = offsetsOf(x, (axis) => !axes.includes(axis));
  const inner = offsetsOf(x, (axis) => axes.includes(axis));
  for (let i = 0; i < outer.length; i++)
    out[i] = reduce(x.storage, x.offset + outer[i]!, inner, inner.length);
}

const BLOCK = 256;

/** Pairwise sum: the rounding error grows with the logarithm of the length. */
export const sumReducer: Reducer = (data, base, inner, n) => sumRange(data, base, inner, 0, n);

function sumRange(
  data: TypedArray,
  base: number,
  inner: Int32Array,
  from: number,
  to: number,
): number {
  if (to - from > BLOCK) {
    const middle = (from + to) >>> 1;
    return sumRange(data, base, inner, from, middle) + sumRange(data, base, inner, middle, to);
  }
  let total = 0;
  for (let j = from; j < to; j++) total += data[base + inner[j]!]!;
  return total;
}

export const maxReducer: Reducer = (data, base, inner, n) => {
  let best = -Infinity;
  for (let j = 0; j < n; j++) {
    const v = data[base + inner[j]!]!;
    if (v > best) best = v;
    else if (v !== v) return NaN;
  }
  return best;
};

export const minReducer: Reducer = (data, base, inner, n) => {
  let best = Infinity;
  for (let j = 0; j < n; j++) {
    const v = data[base + inner[j]!]!;
    if (v < best) best = v;
    else if (v !== v) return NaN;
  }
  return best;
};

/** Place of the first maximum; NaN counts as the greatest. */
export const argmaxReducer: Reducer = (data, base, inner, n) => {
  let at = 0;
  let best = data[base + inner[0]!]!;
  for (let j = 0; j < n; j++) {
    const v = data[base + inner[j]!]!;
    if (v !== v) return j;
    if (v > best) {
      best = v;
      at = j;
    }
  }
  return at;
};

/** Place of the first minimum; NaN counts as the smallest. */
export const argminReducer: Reducer = (data, base, inner, n) => {
  let at = 0;
  let best = data[base + inner[0]!]!;
  for (let j = 0; j < n; j++) {
    const v = data[base + inner[j]!]!;
    if (v !== v) return j;
    if (v < best) {
      best = v;
      at = j;
    }
  }
  return at;
};

/** log Σ exp, shifted by the maximum. */
export const logsumexpReducer: Reducer = (data, base, inner, n) => {
  const m = maxReducer(data, base, inner, n);
  if (!Number.isFinite(m)) return m;
  let total = 0;
  for (let j = 0; j < n; j++) total += Math.exp(data[base + inner[j]!]! - m);
  return m + Math.log(total);
};

/** Sum over one contiguous layout `[outer, rows, cols]` of the middle axis: adds whole rows, so memory is read in order. */
export function sumMiddle(
  x: TypedArray,
  outer: number,
  rows: number,
  cols: number,
  out: TypedArray,
): void {
  const total = new Float64Array(cols);
  for (let o = 0, at = 0; o < outer; o++) {
    total.fill(0);
    for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) total[c]! += x[at++]!;
    out.set(total, o * cols);
  }
}
