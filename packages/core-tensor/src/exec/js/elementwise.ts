/** Reference loops for elementwise functions: contiguous fast paths, then a general strided walk with broadcasting. */
import type { TypedArray } from "../../array/dtype.js";
import { collapseAxes } from "../../array/shape.js";

/** A strided operand: storage, strides for the output's shape, position of the first element. */
export interface Operand {
  readonly data: TypedArray;
  readonly stride: readonly number[];
  readonly offset: number;
}

/** `out[i] = f(x[i])` over `n` consecutive elements. */
export function mapFlat(
  f: (x: number) => number,
  x: TypedArray,
  from: number,
  out: TypedArray,
): void {
  for (let i = 0; i < out.length; i++) out[i] = f(x[from + i]!);
}

/**
 * `out = f(a, b, c)` over a strided, broadcast index space in row-major order; functions of fewer arguments ignore the rest.
 * Operands beyond the function's arity are given as `undefined`.
 */
export function mapStrided(
  f: (a: number, b: number, c: number) => number,
  shape: readonly number[],
  operands: readonly Operand[],
  out: TypedArray,
): void {
  if (out.length === 0) return;
  const merged = collapseAxes(
    shape,
    operands.map((o) => o.stride),
  );
  const extents = merged.shape;
  const rank = extents.length;
  const n = rank > 0 ? extents[rank - 1]! : 1;
  const [a, b, c] = [operands[0]!, operands[1] ?? operands[0]!, operands[2] ?? operands[0]!];
  const [sa, sb, sc] = [
    merged.strides[0]!,
    merged.strides[1] ?? merged.strides[0]!,
    merged.strides[2] ?? merged.strides[0]!,
  ];
  const [da, db, dc] = [a.data, b.data, c.data];
  const [ia, ib, ic] = [sa[rank - 1] ?? 0, sb[rank - 1] ?? 0, sc[rank - 1] ?? 0];
  let [pa, pb, pc] = [a.offset, b.offset, c.offset];
  const counter = new Array<number>(rank).fill(0);
  for (let to = 0; to < out.length;) {
    for (let j = 0, qa = pa, qb = pb, qc = pc; j < n; j++, qa += ia, qb += ib, qc += ic)
      out[to++] = f(da[qa]!, db[qb]!, dc[qc]!);
    for (let axis = rank - 2; axis >= 0; axis--) {
      pa += sa[axis]!;
      pb += sb[axis]!;
      pc += sc[axis]!;
      if (++counter[axis]! < extents[axis]!) break;
      pa -= sa[axis]! * extents[axis]!;
      pb -= sb[axis]! * extents[axis]!;
      pc -= sc[axis]! * extents[axis]!;
      counter[axis] = 0;
    }
  }
}

/** `out[i] = f(a[…], b[…], c[…])` for `from ≤ i < to`: operands start at a place and go on by a step, 0 to repeat one number. */
export type RowLoop = (
  out: TypedArray,
  from: number,
  to: number,
  a: TypedArray,
  aStart: number,
  aStep: number,
  b: TypedArray,
  bStart: number,
  bStep: number,
  c: TypedArray,
  cStart: number,
  cStep: number,
) => void;

/** {@link mapStrided} for a function that comes as a loop over rows; operands that it has not stand for any. */
export function mapRows(
  loop: RowLoop,
  shape: readonly number[],
  [a, b, c]: readonly [Operand, Operand, Operand],
  out: TypedArray,
): void {
  if (out.length === 0) return;
  const merged = collapseAxes(shape, [a.stride, b.stride, c.stride]);
  const extents = merged.shape;
  const last = extents.length - 1;
  const n = last >= 0 ? extents[last]! : 1;
  const [sa, sb, sc] = merged.strides as [number[], number[], number[]];
  const [ia, ib, ic] = [sa[last] ?? 0, sb[last] ?? 0, sc[last] ?? 0];
  let pa = a.offset;
  let pb = b.offset;
  let pc = c.offset;
  const counter = new Array<number>(extents.length).fill(0);
  for (let from = 0; from < out.length; from += n) {
    loop(out, from, from + n, a.data, pa, ia, b.data, pb, ib, c.data, pc, ic);
    for (let axis = last - 1; axis >= 0; axis--) {
      pa += sa[axis]!;
      pb += sb[axis]!;
      pc += sc[axis]!;
      if (++counter[axis]! < extents[axis]!) break;
      pa -= sa[axis]! * extents[axis]!;
      pb -= sb[axis]! * extents[axis]!;
      pc -= sc[axis]! * extents[axis]!;
      counter[axis] = 0;
    }
  }
}
