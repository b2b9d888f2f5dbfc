/** What the decompositions share: checks, and running a kernel on every matrix of a stack in double precision. */
import { type DType, allocate, floatDType } from "../array/dtype.js";
import { type DenseArray, dense, rowMajorData } from "../array/ndarray.js";
import type { NdArray } from "../array/ndarray.js";
import { type Shape, broadcastShapes, formatShape, sizeOf } from "../array/shape.js";
import { LinAlgError, ShapeError } from "../errors.js";
import { broadcastTo } from "../ops/broadcast.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Aval } from "../trace/primitive.js";

/** Rows and columns of the matrices of a stack. */
export function matrixExtents(fn: string, x: Aval, argument = "a"): [number, number] {
  const [m, n] = x.shape.slice(-2);
  if (m === undefined || n === undefined || x.shape.length < 2)
    throw new ShapeError(
      `${fn}: ${argument} must be a matrix or a stack of them, got shape ${formatShape(x.shape)}`,
    );
  return [m, n];
}

/** Side of the square matrices of a stack. */
export function squareExtent(fn: string, x: Aval): number {
  const [m, n] = matrixExtents(fn, x);
  if (m !== n)
    throw new ShapeError(`${fn}: matrices must be square, got shape ${formatShape(x.shape)}`);
  return n;
}

export function toMatrix(fn: string, input: ArrayInput, argument = "a"): NdArray {
  const x = toArray(fn, input, argument);
  matrixExtents(fn, x, argument);
  return convert(x, floatDType(x.dtype));
}

/** Operands with their leading axes broadcast to one stack; `core` of the last axes stay as they are. */
export function alignStacks(fn: string, operands: readonly NdArray[], core = 2): NdArray[] {
  const stack = broadcastShapes(
    fn,
    operands.map((x) => x.shape.slice(0, x.shape.length - core)),
  );
  return operands.map((x) => broadcastTo(x, [...stack, ...x.shape.slice(x.shape.length - core)]));
}

/**
 * Calls `kernel` for every matrix of a stack, in float64, and collects what it returns, one array per output.
 * `kernel` gets the matrices of all inputs and the number of the stack entry.
 */
export function eachMatrix(
  inputs: readonly DenseArray[],
  outputs: readonly Aval[],
  kernel: (
    matrices: readonly Float64Array[],
    entry: number,
  ) => readonly (Float64Array | Int32Array | number)[],
): DenseArray[] {
  const stack = sizeOf(inputs[0]!.shape.slice(0, -2));
  const flat = inputs.map((x) => {
    const data = rowMajorData(x);
    return data instanceof Float64Array ? data : Float64Array.from(data);
  });
  const widths = flat.map((data) => (stack === 0 ? 0 : data.length / stack));
  const results = outputs.map((out) => allocate(out.dtype, sizeOf(out.shape)));
  for (let i = 0; i < stack; i++) {
    const parts = kernel(
      flat.map((data, k) => data.subarray(i * widths[k]!, (i + 1) * widths[k]!)),
      i,
    );
    parts.forEach((part, k) => {
      const width = results[k]!.length / stack;
      if (typeof part === "number") results[k]![i] = part;
      else results[k]!.set(part, i * width);
    });
  }
  return results.map((data, k) => dense<DType>(data, outputs[k]!.dtype, outputs[k]!.shape));
}

/** Refuses NaN and infinities, which decompositions that iterate cannot take. */
export function checkFiniteMatrix(fn: string, x: Float64Array): void {
  for (const v of x)
    if (!Number.isFinite(v))
      throw new LinAlgError(`${fn}: the matrix must be finite, got an entry ${v}`);
}

/** The last two axes of a shape replaced. */
export function withLast(shape: Shape, drop: number, ...extents: number[]): number[] {
  return [...shape.slice(0, shape.length - drop), ...extents];
}
