/** Shapes: sizes, strides, axis normalisation and broadcasting. */
import { anything, checkOptions, show } from "../check/index.js";
import { AxisError, ShapeError } from "../errors.js";

/**
 * Extents of an array, outermost first.
 * @category Arrays
 */
export type Shape = readonly number[];

/**
 * One axis or several; negative numbers count from the end.
 * @category Arrays
 */
export type Axis = number | readonly number[];

export function formatShape(shape: Shape): string {
  return show(shape);
}

export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Row-major strides in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const stride = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    stride[i] = step;
    step *= shape[i]!;
  }
  return stride;
}

export function isRowMajor(shape: Shape, stride: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const extent = shape[i]!;
    if (extent === 0) return true;
    if (extent !== 1 && stride[i] !== step) return false;
    step *= extent;
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Largest number of elements an array may have: 2³¹ − 1, so that byte offsets and indices stay exact everywhere. */
export const MAX_SIZE = 0x7fffffff;

/** Throws where a result would be larger than an array may be, before anything is allocated. */
export function checkSize(fn: string, shape: Shape): void {
  if (sizeOf(shape) > MAX_SIZE)
    throw new ShapeError(
      `${fn}: the result would have shape ${formatShape(shape)}, more than 2^31 - 1 elements`,
    );
}

export function checkShape(
  fn: string,
  shape: unknown,
  argument = "shape",
): asserts shape is number[] {
  if (!Array.isArray(shape))
    throw new ShapeError(`${fn}: ${argument} must be a list such as [2, 3], got ${show(shape)}`);
  let size = 1;
  for (const extent of shape as unknown[]) {
    if (typeof extent !== "number" || !Number.isInteger(extent) || extent < 0)
      throw new ShapeError(
        `${fn}: ${argument} must hold integers ≥ 0, got ${formatShape(shape as number[])}`,
      );
    size *= extent;
  }
  if (size > MAX_SIZE)
    throw new ShapeError(
      `${fn}: ${argument} ${formatShape(shape as number[])} has more than 2^31 - 1 elements`,
    );
}

export function normalizeAxis(fn: string, axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new AxisError(`${fn}: axis ${show(axis)} is out of range for an array of rank ${rank}`);
  return axis < 0 ? axis + rank : axis;
}

const AXIS = { axis: anything };

/** The axis that the only option names, or `fallback`. */
export function axisOf(
  fn: string,
  options: { readonly axis?: number },
  fallback: number,
  rank: number,
): number {
  return normalizeAxis(fn, checkOptions(fn, options, AXIS).axis ?? fallback, rank);
}

/** Sorted distinct non-negative axes; all of them when `axis` is undefined. */
export function normalizeAxes(fn: string, axis: Axis | undefined, rank: number): number[] {
  if (axis === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = Array.isArray(axis) ? (axis as readonly number[]) : [axis as number];
  const axes = list.map((a) => normalizeAxis(fn, a, rank)).sort((a, b) => a - b);
  for (let i = 1; i < axes.length; i++)
    if (axes[i] === axes[i - 1])
      throw new AxisError(`${fn}: axis ${axes[i]} is named twice in ${show(list)}`);
  return axes;
}

/** The shape two or more shapes broadcast to. */
export function broadcastShapes(fn: string, shapes: readonly Shape[]): number[] {
  let rank = 0;
  for (const s of shapes) rank = Math.max(rank, s.length);
  const out = new Array<number>(rank).fill(1);
  for (const s of shapes) {
    const pad = rank - s.length;
    for (let i = 0; i < s.length; i++) {
      const extent = s[i]!;
      if (extent === 1) continue;
      if (out[pad + i] !== 1 && out[pad + i] !== extent)
        throw new ShapeError(
          `${fn}: shapes ${shapes.map(formatShape).join(" and ")} do not broadcast together`,
        );
      out[pad + i] = extent;
    }
  }
  return out;
}

/** Strides that read an array of `shape`/`stride` as if it had shape `target`: 0 along every repeated axis. */
export function broadcastStrides(shape: Shape, stride: readonly number[], target: Shape): number[] {
  const pad = target.length - shape.length;
  const out = new Array<number>(target.length).fill(0);
  for (let i = 0; i < shape.length; i++)
    out[pad + i] = shape[i] === 1 && target[pad + i] !== 1 ? 0 : stride[i]!;
  return out;
}

/**
 * Merges neighbouring axes that every operand walks through with one constant step, so that loops get as few and as long axes as possible.
 * `strides` holds one stride list per operand, all for `shape`.
 */
export function collapseAxes(
  shape: Shape,
  strides: readonly (readonly number[])[],
): { shape: number[]; strides: number[][] } {
  const outShape: number[] = [];
  const outStrides: number[][] = strides.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    const extent = shape[i]!;
    if (extent === 1) continue;
    const last = outShape.length - 1;
    const mergeable = last >= 0 && strides.every((s, k) => outStrides[k]![last] === s[i]! * extent);
    if (mergeable) {
      outShape[last] = outShape[last]! * extent;
      strides.forEach((s, k) => (outStrides[k]![last] = s[i]!));
    } else {
      outShape.push(extent);
      strides.forEach((s, k) => outStrides[k]!.push(s[i]!));
    }
  }
  return { shape: outShape, strides: outStrides };
}
