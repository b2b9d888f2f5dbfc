/** The greatest and the smallest element along axes, and where they are. */
import { NONE, type Schema, anything, checkOptions } from "../check/index.js";
import { type DType, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { isRowMajor, normalizeAxis, sizeOf } from "../array/shape.js";
import { ShapeError } from "../errors.js";
import {
  type Reducer,
  argmaxReducer,
  argminReducer,
  maxReducer,
  minReducer,
  reduceAxes,
} from "../exec/js/reduce.js";
import { reduceAxes as reduceSimd } from "../exec/wasm/index.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { div, mul } from "./arithmetic.js";
import { broadcastTo, sumOver } from "./broadcast.js";
import { equal } from "./comparison.js";
import { type ReduceOptions, keptShape, reduceWith } from "./reduce.js";
import { reshape } from "./reshape.js";

/** Extremum over axes; the derivative is shared equally among the elements that attain it. */
function extremum(
  name: "max" | "min",
  reducer: Reducer,
): Primitive<{ readonly axes: readonly number[] }> {
  const primitive: Primitive<{ readonly axes: readonly number[] }> = {
    name,
    shape([x], { axes }) {
      if (axes.some((axis) => x!.shape[axis] === 0))
        throw new ShapeError(
          `${name}: an empty axis has no ${name} (shape [${x!.shape.join(", ")}])`,
        );
      return [{ shape: x!.shape.filter((_, i) => !axes.includes(i)), dtype: x!.dtype }];
    },
    wasm([x], { axes }, [out]) {
      if (!isRowMajor(x!.shape, x!.stride)) return undefined;
      const data = reduceSimd(name, rowMajorData(x!), x!.shape, axes);
      return data && [dense<DType>(data, out!.dtype, out!.shape)];
    },
    evaluate([x], { axes }, [out]) {
      const data = allocate(out!.dtype, sizeOf(out!.shape));
      reduceAxes(x!, axes, data, reducer);
      return [dense<DType>(data, out!.dtype, out!.shape)];
    },
    derivative: {
      kind: "rules",
      jvp({ inputs: [x], outputs: [y], tangents: [t], attrs: { axes } }) {
        const weights = share(x!, y!, axes);
        return [t && sumOver(mul(t, weights), axes)];
      },
      vjp({ inputs: [x], outputs: [y], cotangents: [ct], attrs: { axes } }) {
        return [
          ct &&
            mul(broadcastTo(reshape(ct, keptShape(x!.shape, axes)), x!.shape), share(x!, y!, axes)),
        ];
      },
    },
    batching: {
      kind: "rule",
      rule: ([x], _batched, { axes }) => [
        bindOne(primitive, [x!], { axes: axes.map((a) => a + 1) }),
      ],
    },
  };
  return primitive;
}

/** 1/k at each of the k elements of `x` that equal the extremum `y`, 0 elsewhere. */
function share(x: NdArray, y: NdArray, axes: readonly number[]): NdArray {
  const hit = convert(equal(x, reshape(y, keptShape(x.shape, axes))), x.dtype);
  return div(hit, reshape(sumOver(hit, axes), keptShape(x.shape, axes)));
}

const maxPrimitive = /* @__PURE__ */ extremum("max", maxReducer);
const minPrimitive = /* @__PURE__ */ extremum("min", minReducer);

/**
 * The greatest element over the given axes; NaN wins. Ties share the derivative equally. For two arrays see {@link maximum}.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link ShapeError} when a reduced axis is empty
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, max } from "@provably/core-tensor";
 *
 * item(max([1, 5, 3])); // => 5
 * ```
 * @category Reductions
 */
export function max(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("max", x, options, (a, axes) => bindOne(maxPrimitive, [a], { axes }));
}

/**
 * The smallest element over the given axes; NaN wins. Ties share the derivative equally. For two arrays see {@link minimum}.
 *
 * @param x - any shape
 * @param options - see {@link ReduceOptions}
 * @returns array without the reduced axes
 * @throws {@link ShapeError} when a reduced axis is empty
 * @throws {@link AxisError} when an axis is out of range or named twice
 * @example
 * ```ts
 * import { item, min } from "@provably/core-tensor";
 *
 * item(min([4, 2, 3])); // => 2
 * ```
 * @category Reductions
 */
export function min(x: ArrayInput, options: ReduceOptions = NONE): NdArray {
  return reduceWith("min", x, options, (a, axes) => bindOne(minPrimitive, [a], { axes }));
}

/** Place of an extremum along one axis. */
function place(name: string, reducer: Reducer): Primitive<{ readonly axis: number }> {
  const primitive: Primitive<{ readonly axis: number }> = {
    name,
    shape([x], { axis }) {
      if (x!.shape[axis] === 0)
        throw new ShapeError(`${name}: axis ${axis} is empty (shape [${x!.shape.join(", ")}])`);
      return [{ shape: x!.shape.filter((_, i) => i !== axis), dtype: "int32" }];
    },
    evaluate([x], { axis }, [out]) {
      const data = new Int32Array(sizeOf(out!.shape));
      reduceAxes(x!, [axis], data, reducer);
      return [dense(data, "int32", out!.shape)];
    },
    derivative: { kind: "none" },
    batching: {
      kind: "rule",
      rule: ([x], _batched, { axis }) => [bindOne(primitive, [x!], { axis: axis + 1 })],
    },
  };
  return primitive;
}

/**
 * Options of {@link argmax} and {@link argmin}.
 * @category Reductions
 */
export interface ArgOptions {
  /** The axis to search along; default the whole array in row-major order. */
  readonly axis?: number;
}

const ARG: Schema<ArgOptions> = { axis: anything };

function argWith(
  primitive: Primitive<{ readonly axis: number }>,
  input: ArrayInput,
  options: ArgOptions,
): NdArray {
  const { axis } = checkOptions(primitive.name, options, ARG);
  const x = toArray(primitive.name, input);
  if (axis === undefined) return bindOne(primitive, [reshape(x, [x.size])], { axis: 0 });
  return bindOne(primitive, [x], { axis: normalizeAxis(primitive.name, axis, x.shape.length) });
}

const argmaxPrimitive = /* @__PURE__ */ place("argmax", argmaxReducer);
const argminPrimitive = /* @__PURE__ */ place("argmin", argminReducer);

/**
 * The place of the first greatest element along an axis; the first NaN where there is one.
 *
 * @param x - any shape
 * @param options - see {@link ArgOptions}
 * @returns int32 array without that axis
 * @throws {@link ShapeError} when the axis is empty
 * @example
 * ```ts
 * import { argmax, item } from "@provably/core-tensor";
 *
 * item(argmax([1, 5, 3])); // => 1
 * ```
 * @category Reductions
 */
export function argmax(x: ArrayInput, options: ArgOptions = NONE): NdArray {
  return argWith(argmaxPrimitive, x, options);
}

/**
 * The place of the first smallest element along an axis; the first NaN where there is one.
 *
 * @param x - any shape
 * @param options - see {@link ArgOptions}
 * @returns int32 array without that axis
 * @throws {@link ShapeError} when the axis is empty
 * @example
 * ```ts
 * import { argmin, item } from "@provably/core-tensor";
 *
 * item(argmin([4, 2, 3])); // => 1
 * ```
 * @category Reductions
 */
export function argmin(x: ArrayInput, options: ArgOptions = NONE): NdArray {
  return argWith(argminPrimitive, x, options);
}
