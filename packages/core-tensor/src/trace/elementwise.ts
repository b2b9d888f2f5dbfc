/** Definers and callers for elementwise primitives: one number in each place out of one number in each place. */
import {
  type DType,
  type TypedArray,
  allocate,
  floatDType,
  isFloat,
  promoteDTypes,
  weakDType,
} from "../array/dtype.js";
import { type ArrayInput, toArray } from "./input.js";
import { DenseArray, type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { broadcastShapes, broadcastStrides, isRowMajor, sameShape } from "../array/shape.js";
import { type RowLoop, mapFlat, mapRows, mapStrided } from "../exec/js/elementwise.js";
import { DTypeError } from "../errors.js";
import type { DeviceForm } from "../forms/device.js";
import type { VectorForm } from "../forms/vector.js";
import { bindOne } from "./bind.js";
import type { Aval, Derivative, Pointwise, Primitive } from "./primitive.js";

/** Type of the result: that of the inputs, a float, or bool. */
export type ResultType = "same" | "float" | "bool";

export interface Elementwise {
  readonly name: string;
  /** Number of inputs. */
  readonly arity: 1 | 2 | 3;
  /** Default `same`. */
  readonly result?: ResultType;
  /** The function itself, in double precision. */
  readonly js: (a: number, b: number, c: number) => number;
  /** {@link RowLoop} for functions so cheap that a call per element would dominate. */
  readonly loop?: RowLoop;
  /** Why bool has no such arithmetic, and what to take instead. */
  readonly refusesBool?: string;
  /** SIMD kernel over contiguous input; undefined when it declines. */
  readonly simd?: (x: Float32Array | Float64Array) => TypedArray | undefined;
  /** On vectors, in the loops of compiled programs; or why a compiled program calls JavaScript instead. */
  readonly vector: VectorForm;
  /** In the kernels of devices. */
  readonly device: DeviceForm;
  /** `partials[i](t, inputs, output)` is t · ∂f/∂input_i; null for no dependence. Left out: the derivative is zero. */
  readonly partials?: Extract<Derivative<undefined>, { kind: "elementwise" }>["partials"];
}

export type ElementwisePrimitive = Primitive & {
  readonly result: ResultType;
  readonly elementwise: Pointwise;
};

/**
 * An elementwise primitive: all that is known of it in one record. Calls carry `@__PURE__`, so that a bundler drops what nothing uses.
 */
export function elementwise(spec: Elementwise): ElementwisePrimitive {
  const result = spec.result ?? "same";
  const outType = (dtype: DType): DType =>
    result === "bool" ? "bool" : result === "float" ? floatDType(dtype) : dtype;
  return {
    name: spec.name,
    result,
    elementwise: {
      arity: spec.arity,
      result,
      js: spec.js,
      vector: spec.vector,
      device: spec.device,
    },
    shape(inputs) {
      const first = inputs[0]!;
      if (spec.refusesBool !== undefined && first.dtype === "bool")
        throw new DTypeError(`${spec.name}: ${spec.refusesBool}`);
      const dtype = outType(inputs[inputs.length - 1]!.dtype);
      if (inputs.length === 1 || inputs.every((x) => sameShape(x.shape, first.shape)))
        return [{ shape: first.shape, dtype }];
      return [
        {
          shape: broadcastShapes(
            spec.name,
            inputs.map((x) => x.shape),
          ),
          dtype,
        },
      ];
    },
    evaluate(inputs, _attrs, outputs) {
      return [evaluate(spec, inputs, outputs[0]!)];
    },
    ...(spec.simd && {
      wasm(inputs: readonly DenseArray[], _attrs: undefined, outputs: readonly Aval[]) {
        const x = inputs[0]!;
        const out = outputs[0]!;
        if (!isFloat(x.dtype) || x.dtype !== out.dtype) return undefined;
        // views are copied, so that an element's bits do not depend on its neighbours in storage
        const y = spec.simd!(rowMajorData(x) as Float32Array | Float64Array);
        return y && [dense<DType>(y, out.dtype, out.shape)];
      },
    }),
    derivative: spec.partials ? { kind: "elementwise", partials: spec.partials } : { kind: "none" },
    batching: { kind: "elementwise" },
  };
}

function evaluate(spec: Elementwise, inputs: readonly DenseArray[], out: Aval): DenseArray {
  const a = inputs[0]!;
  const size = out.shape.length === 0 ? 1 : out.shape.reduce((n, extent) => n * extent, 1);
  const data = allocate(out.dtype, size);
  const b = inputs[1] ?? a;
  const c = inputs[2] ?? b;
  const { loop } = spec;
  if (loop !== undefined && isFlat(a, size) && isFlat(b, size) && isFlat(c, size)) {
    const step = (x: DenseArray): 0 | 1 => (x.size === 1 ? 0 : 1);
    const [da, db, dc] = [step(a), step(b), step(c)];
    loop(data, 0, size, a.storage, a.offset, da, b.storage, b.offset, db, c.storage, c.offset, dc);
  } else if (inputs.length === 1 && isRowMajor(a.shape, a.stride)) {
    mapFlat(spec.js as (x: number) => number, a.storage, a.offset, data);
  } else {
    const operands = inputs.map((x) => ({
      data: x.storage,
      stride: broadcastStrides(x.shape, x.stride, out.shape),
      offset: x.offset,
    }));
    const [first, second = first!, third = second] = operands;
    if (loop === undefined) mapStrided(spec.js, out.shape, operands, data);
    else mapRows(loop, out.shape, [first!, second, third], data);
  }
  // arithmetic of truth values: whether the number is not zero, so that a sum is "or" and a product "and"
  if (out.dtype === "bool" && spec.result !== "bool")
    for (let i = 0; i < size; i++) if (data[i]! > 1) data[i] = 1;
  return dense<DType>(data, out.dtype, out.shape);
}

function isFlat(x: DenseArray, size: number): boolean {
  return x.size === 1 || (x.size === size && isRowMajor(x.shape, x.stride));
}

/** `x` with element type `dtype`, differentiable between floats. */
export const convertPrimitive: Primitive<{ readonly dtype: DType }> = {
  name: "asType",
  shape: (inputs, { dtype }) => [{ shape: inputs[0]!.shape, dtype }],
  evaluate(inputs, { dtype }, outputs) {
    const x = inputs[0]!;
    const data = allocate(dtype, x.size);
    const f = dtype === "bool" ? (v: number) => Number(v !== 0) : (v: number) => v;
    mapStrided(f, x.shape, [x], data);
    return [dense<DType>(data, dtype, outputs[0]!.shape)];
  },
  derivative: { kind: "linear", transpose: [(ct, inputs) => convert(ct, inputs[0]!.dtype)] },
  batching: { kind: "elementwise" },
};

export function convert(x: NdArray, dtype: DType): NdArray {
  return x.dtype === dtype ? x : bindOne(convertPrimitive, [x], { dtype });
}

export function applyUnary(primitive: ElementwisePrimitive, input: ArrayInput): NdArray {
  let x = toArray(primitive.name, input);
  if (primitive.result === "float" && !isFloat(x.dtype)) x = convert(x, "float32");
  return bindOne(primitive, [x], undefined);
}

export function applyBinary(
  primitive: ElementwisePrimitive,
  left: ArrayInput,
  right: ArrayInput,
): NdArray {
  const [a, b] = promote(primitive.name, left, right, primitive.result === "float");
  return bindOne(primitive, [a, b], undefined);
}

function isDense(x: unknown): x is DenseArray {
  return x instanceof DenseArray;
}

/** Both operands as arrays of the type in which they meet; a plain number takes the other's type where it fits. `names` are the arguments'. */
export function promote(
  fn: string,
  left: ArrayInput,
  right: ArrayInput,
  toFloat = false,
  names: readonly [string, string] = ["a", "b"],
): [NdArray, NdArray] {
  if (
    isDense(left) &&
    isDense(right) &&
    left.dtype === right.dtype &&
    (!toFloat || isFloat(left.dtype))
  )
    return [left, right];
  if (typeof left === "number" && typeof right !== "number") {
    const b = toArray(fn, right, names[1]);
    const dtype = meet(left, b.dtype, toFloat);
    return [toArray(fn, left, names[0], dtype), convert(b, dtype)];
  }
  const a = toArray(fn, left, names[0]);
  if (typeof right === "number") {
    const dtype = meet(right, a.dtype, toFloat);
    return [convert(a, dtype), toArray(fn, right, names[1], dtype)];
  }
  const b = toArray(fn, right, names[1]);
  const together = promoteDTypes(a.dtype, b.dtype);
  const dtype = toFloat ? floatDType(together) : together;
  return [convert(a, dtype), convert(b, dtype)];
}

function meet(value: number, dtype: DType, toFloat: boolean): DType {
  const type = weakDType(value, dtype);
  const together = type === dtype ? type : promoteDTypes(type, dtype);
  return toFloat ? floatDType(together) : together;
}
