/** Putting arrays together, and taking them apart. */
import { NONE, anyList, check, listOf, show, wholeNumber } from "../check/index.js";
import { type DType, allocate, promoteDTypes } from "../array/dtype.js";
import { type NdArray, dense } from "../array/ndarray.js";
import {
  axisOf,
  checkShape,
  checkSize,
  formatShape,
  normalizeAxis,
  rowMajorStrides,
  sameShape,
  sizeOf,
} from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { scatterStrided } from "../exec/js/scatter.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { broadcastTo } from "./broadcast.js";
import { zeros } from "./create.js";
import { expandDims, reshape } from "./reshape.js";
import { sliceAxis } from "./slice.js";

const concatPrimitive: Primitive<{ readonly axis: number }> = {
  name: "concat",
  shape(parts, { axis }) {
    const [first] = parts;
    for (const part of parts)
      if (
        part.shape.length !== first!.shape.length ||
        part.shape.some((extent, i) => i !== axis && extent !== first!.shape[i])
      )
        throw new ShapeError(
          `concat: shapes must agree except along axis ${axis}, got ${parts.map((p) => formatShape(p.shape)).join(", ")}`,
        );
    const total = parts.reduce((n, part) => n + part.shape[axis]!, 0);
    return [
      {
        shape: first!.shape.map((extent, i) => (i === axis ? total : extent)),
        dtype: first!.dtype,
      },
    ];
  },
  evaluate(parts, { axis }, [out]) {
    const data = allocate(out!.dtype, sizeOf(out!.shape));
    const stride = rowMajorStrides(out!.shape);
    let at = 0;
    for (const part of parts) {
      scatterStrided(part, data, stride, at * stride[axis]!);
      at += part.shape[axis]!;
    }
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "rules",
    jvp: ({ inputs, tangents, attrs }) =>
      tangents.every((t) => t === undefined)
        ? [undefined]
        : [
            bindOne(
              concatPrimitive,
              inputs.map((x, i) => tangents[i] ?? zeros(x.shape, { dtype: x.dtype })),
              attrs,
            ),
          ],
    vjp({ inputs, cotangents: [ct], attrs: { axis }, needed }) {
      let at = 0;
      return inputs.map((x, i) => {
        const from = at;
        at += x.shape[axis]!;
        return needed[i] && ct ? sliceAxis(ct, axis, from, at) : undefined;
      });
    },
  },
  batching: {
    kind: "rule",
    rule(parts, batched, { axis }, batchSize) {
      const all = parts.map((x, i) => (batched[i] ? x : broadcastTo(x, [batchSize, ...x.shape])));
      return [bindOne(concatPrimitive, all, { axis: axis + 1 })];
    },
  },
};

/**
 * Options of {@link concat}, {@link stack}, {@link split} and their kin.
 * @category Joining
 */
export interface AxisOptions {
  /** The axis, negative ones counted from the end; default 0. */
  readonly axis?: number;
}

/** All parts as arrays of the type in which they meet. */
function together(fn: string, inputs: readonly ArrayInput[]): NdArray[] {
  check(fn, "arrays", inputs, anyList);
  if (inputs.length === 0) throw new ShapeError(`${fn}: at least one array is needed, got none`);
  const parts = inputs.map((x, i) => toArray(fn, x, `arrays[${i}]`));
  const dtype = parts.map((x) => x.dtype).reduce(promoteDTypes);
  return parts.map((x) => convert(x, dtype));
}

/**
 * Arrays one after the other along an axis.
 *
 * @param arrays - at least one; their shapes agree except along the axis
 * @param options - see {@link AxisOptions}
 * @returns array of the type in which the parts meet
 * @throws {@link ShapeError} when the list is empty or the shapes do not agree
 * @example
 * ```ts
 * import { concat, toNested } from "@provably/core-tensor";
 *
 * toNested(concat([[1, 2], [3]])); // => [1, 2, 3]
 * ```
 * @category Joining
 */
export function concat(arrays: readonly ArrayInput[], options: AxisOptions = NONE): NdArray {
  const parts = together("concat", arrays);
  return bindOne(concatPrimitive, parts, {
    axis: axisOf("concat", options, 0, parts[0]!.shape.length),
  });
}

/**
 * Arrays of one shape side by side along a new axis.
 *
 * @param arrays - at least one, all of one shape
 * @param options - see {@link AxisOptions}; the place of the new axis
 * @returns array with one more axis
 * @throws {@link ShapeError} when the list is empty or the shapes differ
 * @example
 * ```ts
 * import { stack, toNested } from "@provably/core-tensor";
 *
 * toNested(stack([[1, 2], [3, 4]], { axis: 1 })); // => [[1, 3], [2, 4]]
 * ```
 * @category Joining
 */
export function stack(arrays: readonly ArrayInput[], options: AxisOptions = NONE): NdArray {
  const parts = together("stack", arrays);
  const first = parts[0]!.shape;
  for (const part of parts)
    if (!sameShape(part.shape, first))
      throw new ShapeError(
        `stack: arrays must have one shape, got ${formatShape(first)} and ${formatShape(part.shape)}`,
      );
  const axis = axisOf("stack", options, 0, first.length + 1);
  checkSize("stack", [parts.length, ...first]);
  return bindOne(
    concatPrimitive,
    parts.map((part) => expandDims(part, axis)),
    { axis },
  );
}

/** More parts than anybody means of an axis of extent 0. */
const MANY = 65536;

function isPartition(sizes: readonly number[], extent: number): boolean {
  return (
    check("split", "parts", sizes, anyList).every((n) => Number.isInteger(n) && n >= 0) &&
    sizes.reduce((total, n) => total + n, 0) === extent
  );
}

/**
 * The parts of an array along an axis, as views.
 *
 * @param x - any array
 * @param parts - how many equal parts, or the extent of each
 * @param options - see {@link AxisOptions}
 * @returns the parts in order
 * @throws {@link ShapeError} when the parts do not add up to the axis
 * @example
 * ```ts
 * import { split, toNested } from "@provably/core-tensor";
 *
 * split([1, 2, 3, 4], 2).map(toNested); // => [[1, 2], [3, 4]]
 * split([1, 2, 3, 4], [1, 3]).map(toNested); // => [[1], [2, 3, 4]]
 * ```
 * @category Joining
 */
export function split(
  x: ArrayInput,
  parts: number | readonly number[],
  options: AxisOptions = NONE,
): NdArray[] {
  const a = toArray("split", x);
  const axis = axisOf("split", options, 0, a.shape.length);
  const extent = a.shape[axis]!;
  const fits =
    typeof parts === "number"
      ? Number.isInteger(parts) &&
        parts >= 1 &&
        parts <= Math.max(extent, MANY) &&
        Number.isInteger(extent / parts)
      : isPartition(parts, extent);
  if (!fits)
    throw new ShapeError(
      `split: axis ${axis} of extent ${extent} does not divide into ${show(parts)}${typeof parts === "number" ? " parts" : ""}`,
    );
  const sizes = typeof parts === "number" ? new Array<number>(parts).fill(extent / parts) : parts;
  let at = 0;
  return sizes.map((n) => sliceAxis(a, axis, at, (at += n)));
}

/**
 * The array with its entries moved along axes; what leaves at one end comes back at the other.
 *
 * @param x - any shape
 * @param shift - by how many places, or a number for each of several axes
 * @param axis - the axis, or several; default the array in row-major order
 * @returns array of the shape of `x`
 * @throws {@link AxisError} when an axis is out of range
 * @throws {@link DomainError} when there are not as many shifts as axes
 * @example
 * ```ts
 * import { roll, toNested } from "@provably/core-tensor";
 *
 * toNested(roll([1, 2, 3, 4], 1)); // => [4, 1, 2, 3]
 * toNested(roll([[1, 2], [3, 4]], [1, 1], [0, 1])); // => [[4, 3], [2, 1]]
 * ```
 * @category Joining
 */
export function roll(
  x: ArrayInput,
  shift: number | readonly number[],
  axis?: number | readonly number[],
): NdArray {
  const a = toArray("roll", x);
  const shifts = Array.isArray(shift) ? (shift as readonly number[]) : [shift as number];
  if (!shifts.every(Number.isInteger))
    throw new DomainError(`roll: shift must be an integer, got ${show(shift)}`);
  if (axis === undefined) {
    const total = shifts.reduce((sum, by) => sum + by, 0);
    return reshape(rollAxis(reshape(a, [a.size]), total, 0), a.shape);
  }
  const axes = (Array.isArray(axis) ? (axis as readonly number[]) : [axis as number]).map((at) =>
    normalizeAxis("roll", at, a.shape.length),
  );
  if (shifts.length !== axes.length && shifts.length !== 1)
    throw new DomainError(`roll: shift has ${shifts.length} numbers for ${axes.length} axes`);
  return axes.reduce(
    (y, at, i) => rollAxis(y, shifts.length === 1 ? shifts[0]! : shifts[i]!, at),
    a,
  );
}

function rollAxis(a: NdArray, shift: number, axis: number): NdArray {
  const n = a.shape[axis]!;
  if (n === 0) return a;
  const cut = n - (((shift % n) + n) % n);
  return cut === n ? a : concat([sliceAxis(a, axis, cut, n), sliceAxis(a, axis, 0, cut)], { axis });
}

/**
 * The whole array several times over along each axis.
 *
 * @param x - any array
 * @param reps - how often along each axis, lined up at the end; integers ≥ 0
 * @returns larger array
 * @throws {@link DomainError} when a count is not an integer ≥ 0
 * @example
 * ```ts
 * import { tile, toNested } from "@provably/core-tensor";
 *
 * toNested(tile([1, 2], [2])); // => [1, 2, 1, 2]
 * ```
 * @category Joining
 */
export function tile(x: ArrayInput, reps: readonly number[]): NdArray {
  const a = toArray("tile", x);
  if (!check("tile", "reps", reps, anyList).every((n) => Number.isInteger(n) && n >= 0))
    throw new DomainError(`tile: reps must be integers ≥ 0, got ${show(reps)}`);
  const rank = Math.max(a.shape.length, reps.length);
  const shape = [...new Array<number>(rank - a.shape.length).fill(1), ...a.shape];
  const counts = [...new Array<number>(rank - reps.length).fill(1), ...reps];
  checkShape(
    "tile",
    shape.map((extent, i) => extent * counts[i]!),
    "the result",
  );
  const spread = broadcastTo(
    reshape(
      a,
      shape.flatMap((extent) => [1, extent]),
    ),
    shape.flatMap((extent, i) => [counts[i]!, extent]),
  );
  return reshape(
    spread,
    shape.map((extent, i) => extent * counts[i]!),
  );
}

/**
 * Each element several times in a row along an axis.
 *
 * @param x - any array
 * @param repeats - how often, an integer ≥ 0
 * @param options - see {@link AxisOptions}
 * @returns larger array
 * @throws {@link DomainError} when `repeats` is not an integer ≥ 0
 * @example
 * ```ts
 * import { repeat, toNested } from "@provably/core-tensor";
 *
 * toNested(repeat([1, 2], 2)); // => [1, 1, 2, 2]
 * ```
 * @category Joining
 */
export function repeat(
  x: ArrayInput,
  repeats: number | readonly number[],
  options: AxisOptions = NONE,
): NdArray {
  const a = toArray("repeat", x);
  const axis = axisOf("repeat", options, 0, a.shape.length);
  if (typeof repeats === "object") return repeatEach(a, repeats, axis);
  if (!Number.isInteger(repeats) || repeats < 0)
    throw new DomainError(`repeat: repeats must be an integer ≥ 0, got ${show(repeats)}`);
  const wide = [...a.shape.slice(0, axis + 1), repeats, ...a.shape.slice(axis + 1)];
  const shape = a.shape.map((extent, i) => (i === axis ? extent * repeats : extent));
  checkShape("repeat", shape, "the result");
  return reshape(broadcastTo(expandDims(a, axis + 1), wide), shape);
}

/** Every entry its own number of times. */
function repeatEach(a: NdArray, repeats: readonly number[], axis: number): NdArray {
  const counts = check("repeat", "repeats", repeats, listOf(wholeNumber(0)));
  if (counts.length !== a.shape[axis])
    throw new ShapeError(`repeat: repeats must be ${a.shape[axis]} numbers, got ${counts.length}`);
  const parts = counts.flatMap((n, i) => {
    const entry = sliceAxis(a, axis, i, i + 1);
    return n === 0 ? [] : [repeat(entry, n, { axis })];
  });
  return parts.length === 0 ? sliceAxis(a, axis, 0, 0) : concat(parts, { axis });
}
