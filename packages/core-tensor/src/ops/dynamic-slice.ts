/** Taking and replacing a block whose place is not known beforehand: rows of a cache that fills up, windows that move along a sequence. */
import { show, within } from "../check/index.js";
import { type DType, allocate, isFloat } from "../array/dtype.js";
import { DenseArray, type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import {
  type Shape,
  checkShape,
  formatShape,
  rowMajorStrides,
  sameShape,
  sizeOf,
} from "../array/shape.js";
import { DTypeError, IndexError, ShapeError } from "../errors.js";
import { scatterStrided } from "../exec/js/scatter.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, isNdArray, toArray } from "../trace/input.js";
import type { Aval, Primitive } from "../trace/primitive.js";
import { zeros } from "./create.js";
import { concat } from "./join.js";
import { reshape } from "./reshape.js";

/** Extents of the block; the axes of `x` before them are those of a batch, of which each member has a start of its own. */
interface Block {
  readonly size: Shape;
}

function checkStart(fn: string, x: Aval, start: Aval, size: Shape): void {
  if (start.dtype !== "int32")
    throw new DTypeError(`${fn}: start must be integers, got ${start.dtype}`);
  const batch = x.shape.slice(0, x.shape.length - size.length);
  if (!sameShape(start.shape, [...batch, size.length]))
    throw new ShapeError(
      `${fn}: start must have shape ${formatShape([size.length])}, one index for each axis of x, got ${formatShape(start.shape)}`,
    );
}

/** Strides of one member of the batch, the array being row-major. */
export function memberStrides(shape: Shape, size: Shape): number[] {
  return rowMajorStrides(shape.slice(shape.length - size.length));
}

/** Where the block of each member of the batch begins, in elements of the row-major array. */
export function blockOffsets(
  fn: string,
  shape: Shape,
  size: Shape,
  start: ArrayLike<number>,
): number[] {
  const rank = size.length;
  const member = shape.slice(shape.length - rank);
  const stride = rowMajorStrides(member);
  return Array.from({ length: sizeOf(shape.slice(0, shape.length - rank)) }, (_, b) =>
    member.reduce(
      (at, n, axis) => {
        const from = start[b * rank + axis]!;
        const first = from < 0 ? from + n : from;
        if (!(first >= 0 && first + size[axis]! <= n))
          throw new IndexError(
            `${fn}: a block of ${size[axis]} from ${from} on is out of range for axis ${axis} of extent ${n}`,
          );
        return at + first * stride[axis]!;
      },
      b * sizeOf(member),
    ),
  );
}

const slicePrimitive: Primitive<Block> = {
  name: "dynamicSlice",
  shape([x, start], { size }) {
    checkStart("dynamicSlice", x!, start!, size);
    return [
      { shape: [...x!.shape.slice(0, x!.shape.length - size.length), ...size], dtype: x!.dtype },
    ];
  },
  evaluate([x, start], { size }, [out]) {
    const data = allocate(out!.dtype, sizeOf(out!.shape));
    const source = rowMajorData(x!);
    const count = sizeOf(size);
    const inside = memberStrides(x!.shape, size);
    blockOffsets("dynamicSlice", x!.shape, size, rowMajorData(start!)).forEach((offset, b) => {
      scatterStrided(
        new DenseArray<DType>(source, x!.dtype, size, inside, offset, count),
        data,
        rowMajorStrides(size),
        b * count,
      );
    });
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, [x, start], block) =>
        bindOne(updatePrimitive, [zeros(x!.shape, { dtype: ct.dtype }), ct, start!], block),
      null,
    ],
  },
  batching: { kind: "leading" },
};

const updatePrimitive: Primitive<Block> = {
  name: "dynamicUpdateSlice",
  shape([x, , start], { size }) {
    checkStart("dynamicUpdateSlice", x!, start!, size);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  evaluate([x, update, start], { size }, [out]) {
    const data = rowMajorData(x!).slice();
    const source = rowMajorData(update!);
    const count = sizeOf(size);
    const inside = memberStrides(x!.shape, size);
    blockOffsets("dynamicUpdateSlice", x!.shape, size, rowMajorData(start!)).forEach(
      (offset, b) => {
        scatterStrided(
          new DenseArray<DType>(source, x!.dtype, size, rowMajorStrides(size), b * count, count),
          data,
          inside,
          offset,
        );
      },
    );
    return [dense<DType>(data, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "rules",
    jvp: ({ inputs: [x, update, start], tangents: [dx, du], attrs }) =>
      dx === undefined && du === undefined
        ? [undefined]
        : [
            bindOne(
              updatePrimitive,
              [
                dx ?? zeros(x!.shape, { dtype: x!.dtype }),
                du ?? zeros(update!.shape, { dtype: x!.dtype }),
                start!,
              ],
              attrs,
            ),
          ],
    vjp: ({ inputs: [, update, start], cotangents: [ct], attrs, needed }) =>
      ct === undefined
        ? [undefined, undefined, undefined]
        : [
            needed[0]
              ? bindOne(
                  updatePrimitive,
                  [ct, zeros(update!.shape, { dtype: ct.dtype }), start!],
                  attrs,
                )
              : undefined,
            needed[1] ? bindOne(slicePrimitive, [ct, start!], attrs) : undefined,
            undefined,
          ],
  },
  batching: { kind: "leading" },
};

/**
 * Where a block begins: one integer for each axis, as an array `[rank]` or as a list whose entries may be arrays of one element, traced
 * ones included.
 * @category Indexing
 */
export type BlockStart = ArrayInput | readonly (number | NdArray)[];

function startOf(fn: string, start: BlockStart): NdArray {
  if (Array.isArray(start) && start.some(isNdArray)) {
    const list: readonly (number | NdArray)[] = start;
    return within(fn, () =>
      concat(
        list.map((entry, axis) =>
          reshape(whole(fn, toArray(fn, entry, `start[${axis}]`, "int32"), entry), [1]),
        ),
      ),
    );
  }
  const given = toArray(fn, start as ArrayInput, "start", "int32");
  return whole(fn, given, start);
}

/** As int32; plain numbers, which arrive as floats, are checked one by one. */
function whole(fn: string, x: NdArray, input: unknown): NdArray {
  if (x.dtype === "bool" || (isFloat(x.dtype) && isNdArray(input)))
    throw new DTypeError(`${fn}: start must be integers, got ${x.dtype}`);
  if (isFloat(x.dtype) && x instanceof DenseArray)
    for (const v of rowMajorData(x))
      if (!Number.isInteger(v)) throw new DTypeError(`${fn}: start must be integers, got ${v}`);
  return convert(x, "int32");
}

/**
 * The block of `x` with given extents that begins at a computed place.
 *
 * $$y_{i_1 \dots i_r} = x_{s_1 + i_1, \dots, s_r + i_r}$$
 *
 * Unlike `slice`, the place may be an array, so that a traced or compiled function need not know it. On a GPU, which cannot throw, a
 * block that would reach beyond an axis is read as far back as it must be.
 *
 * @param x - any array of rank $r$
 * @param start - $s$, one integer for each axis; negative ones count from the end; see {@link BlockStart}
 * @param size - extents of the block, integers ≥ 0
 * @returns array of shape `size`
 * @throws {@link IndexError} when the block reaches beyond an axis
 * @throws {@link ShapeError} when `start` or `size` does not name every axis
 * @throws {@link DTypeError} when the place is not made of integers
 * @example
 * ```ts
 * import { array, dynamicSlice, toNested } from "@provably/core-tensor";
 *
 * const t = array(2, { dtype: "int32" });
 * toNested(dynamicSlice([10, 20, 30, 40], [t], [2])); // => [30, 40]
 * ```
 * @category Indexing
 */
export function dynamicSlice(x: ArrayInput, start: BlockStart, size: Shape): NdArray {
  const a = toArray("dynamicSlice", x);
  if (
    !Array.isArray(size) ||
    size.length !== a.shape.length ||
    !size.every((n) => Number.isInteger(n) && n >= 0)
  )
    throw new ShapeError(
      `dynamicSlice: size must name an extent for each axis of ${formatShape(a.shape)}, got ${show(size)}`,
    );
  checkShape("dynamicSlice", size, "size");
  return bindOne(slicePrimitive, [a, startOf("dynamicSlice", start)], { size });
}

/**
 * `x` with the block that begins at a computed place replaced by `update`.
 *
 * The argument is not written to. Inside a compiled program the block is written in place wherever nothing else needs the old array, in
 * loops too: a `scan` that fills a cache row by row costs the rows, not the cache. On a GPU, which cannot throw, a block that would reach
 * beyond an axis is moved back.
 *
 * @param x - any array of rank $r$
 * @param update - array of rank $r$ with extents no larger; takes the type of `x`
 * @param start - where the block begins, one integer for each axis; negative ones count from the end; see {@link BlockStart}
 * @returns array of the shape of `x`
 * @throws {@link IndexError} when the block reaches beyond an axis
 * @throws {@link ShapeError} when the ranks differ, or `start` does not name every axis
 * @throws {@link DTypeError} when the place is not made of integers
 * @example
 * ```ts
 * import { array, dynamicUpdateSlice, toNested, zeros } from "@provably/core-tensor";
 *
 * const row = array(1, { dtype: "int32" });
 * toNested(dynamicUpdateSlice(zeros([3, 2]), [[5, 6]], [row, 0])); // => [[0, 0], [5, 6], [0, 0]]
 * ```
 * @see XLA operation semantics, "DynamicUpdateSlice"; there a block is moved back instead of refused everywhere
 * @category Indexing
 */
export function dynamicUpdateSlice(x: ArrayInput, update: ArrayInput, start: BlockStart): NdArray {
  const a = toArray("dynamicUpdateSlice", x);
  const block = convert(toArray("dynamicUpdateSlice", update, "update", a.dtype), a.dtype);
  if (block.shape.length !== a.shape.length || block.shape.some((n, axis) => n > a.shape[axis]!))
    throw new ShapeError(
      `dynamicUpdateSlice: update must fit into x ${formatShape(a.shape)}, got ${formatShape(block.shape)}`,
    );
  return bindOne(updatePrimitive, [a, block, startOf("dynamicUpdateSlice", start)], {
    size: block.shape,
  });
}
