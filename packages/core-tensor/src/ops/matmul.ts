/** Matrix products. */
import { type DType, allocate, isFloat, stored } from "../array/dtype.js";
import { type DenseArray, type NdArray, dense } from "../array/ndarray.js";
import { broadcastShapes, broadcastStrides, formatShape, sizeOf } from "../array/shape.js";
import { within } from "../check/index.js";
import { ShapeError } from "../errors.js";
import { multiply } from "../exec/js/matmul.js";
import { gemm, gemmBatched } from "../exec/wasm/index.js";
import { bindOne } from "../trace/bind.js";
import { promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import { sumTo } from "./broadcast.js";
import { expandDims, reshape, transpose } from "./reshape.js";

/** Rows, columns and stack of a product of matrices. */
function extents(x: { readonly shape: readonly number[] }): {
  rows: number;
  cols: number;
  stack: readonly number[];
} {
  const rank = x.shape.length;
  return { rows: x.shape[rank - 2]!, cols: x.shape[rank - 1]!, stack: x.shape.slice(0, -2) };
}

/** Where each matrix of a stack of shape `stack` begins. */
function starts(x: DenseArray, stack: readonly number[]): Int32Array {
  const stride = broadcastStrides(x.shape.slice(0, -2), x.stride.slice(0, -2), stack);
  let list = Int32Array.of(x.offset);
  stack.forEach((extent, axis) => {
    const next = new Int32Array(list.length * extent);
    for (let i = 0, to = 0; i < list.length; i++)
      for (let j = 0; j < extent; j++) next[to++] = list[i]! + j * stride[axis]!;
    list = next;
  });
  return list;
}

function lastStrides(x: DenseArray): [number, number] {
  const rank = x.stride.length;
  return [x.stride[rank - 2]!, x.stride[rank - 1]!];
}

const matmulPrimitive: Primitive = {
  name: "matmul",
  shape([a, b]) {
    const [x, y] = [extents(a!), extents(b!)];
    return [
      {
        shape: [...broadcastShapes("matmul", [x.stack, y.stack]), x.rows, y.cols],
        dtype: a!.dtype,
      },
    ];
  },
  wasm([a, b], _attrs, [out]) {
    if (!isFloat(a!.dtype)) return undefined;
    const { rows: m, cols: k } = extents(a!);
    const n = extents(b!).cols;
    const [ar, ac] = lastStrides(a!);
    const [br, bc] = lastStrides(b!);
    // both operands have one float type here
    const [x, y] = [a!.storage as Float32Array, b!.storage as Float32Array];
    const stack = out!.shape.slice(0, -2);
    const data =
      sizeOf(stack) === 1
        ? gemm(x, a!.offset, ar, ac, y, b!.offset, br, bc, m, n, k)
        : gemmBatched(x, starts(a!, stack), ar, ac, y, starts(b!, stack), br, bc, m, n, k);
    return data && [dense<DType>(data, out!.dtype, out!.shape)];
  },
  evaluate([a, b], _attrs, [out]) {
    const { rows: m, cols: k } = extents(a!);
    const n = extents(b!).cols;
    const stack = out!.shape.slice(0, -2);
    const [as, bs] = [starts(a!, stack), starts(b!, stack)];
    const [ar, ac] = lastStrides(a!);
    const [br, bc] = lastStrides(b!);
    const data = allocate(out!.dtype === "bool" ? "float64" : out!.dtype, sizeOf(out!.shape));
    for (let i = 0; i < as.length; i++) {
      const x = { data: a!.storage, offset: as[i]!, rowStride: ar, colStride: ac };
      const y = { data: b!.storage, offset: bs[i]!, rowStride: br, colStride: bc };
      multiply(x, y, m, n, k, data, i * m * n);
    }
    const held = data instanceof Float64Array ? stored(data, out!.dtype) : data;
    return [dense<DType>(held, out!.dtype, out!.shape)];
  },
  derivative: {
    kind: "linear",
    transpose: [
      (ct, [a, b]) =>
        sumTo(bindOne(matmulPrimitive, [ct, matrixTranspose(b!)], undefined), a!.shape),
      (ct, [a, b]) =>
        sumTo(bindOne(matmulPrimitive, [matrixTranspose(a!), ct], undefined), b!.shape),
    ],
  },
  // leading axes broadcast like those of elementwise functions
  batching: { kind: "elementwise" },
};

/**
 * A view of each matrix with rows and columns exchanged.
 *
 * @param x - shape `[…, n, m]`
 * @returns view of shape `[…, m, n]`
 * @throws {@link AxisError} when `x` has fewer than two axes
 * @example
 * ```ts
 * import { matrixTranspose, zeros } from "@provably/core-tensor";
 *
 * matrixTranspose(zeros([5, 2, 3])).shape; // => [5, 3, 2]
 * ```
 * @category Matrices
 */
export function matrixTranspose(x: ArrayInput): NdArray {
  const a = toArray("matrixTranspose", x);
  const rank = a.shape.length;
  if (rank < 2)
    throw new ShapeError(
      `matrixTranspose: x must have at least two axes, got shape ${formatShape(a.shape)}`,
    );
  return transpose(a, [...a.shape.keys()].slice(0, -2).concat(rank - 1, rank - 2));
}

/**
 * The matrix product $C_{ij} = \sum_k A_{ik} B_{kj}$, with stacks of matrices broadcast over their leading axes.
 *
 * A vector on the left counts as a row, on the right as a column, and its axis is dropped from the result, as in NumPy.
 * float32 and float64 run on SIMD where there is any; transposed and reversed views are read as they are.
 * Costs $2mnk$ flops; the error is bounded by $k\,\varepsilon\,(|A||B|)_{ij}$.
 *
 * @param a - shape `[…, m, k]`, or `[k]`
 * @param b - shape `[…, k, n]`, or `[k]`
 * @returns array of shape `[…, m, n]`
 * @throws {@link ShapeError} when the inner extents differ or an operand is a single number
 * @example
 * ```ts
 * import { matmul, toNested } from "@provably/core-tensor";
 *
 * toNested(matmul([[1, 2], [3, 4]], [[1], [1]])); // => [[3], [7]]
 * ```
 * @see Goto, van de Geijn (2008), "Anatomy of high-performance matrix multiplication"
 * @category Matrices
 */
export function matmul(a: ArrayInput, b: ArrayInput): NdArray {
  return matmulOf("matmul", a, b);
}

/** The product within `fn`, whose arguments have the given names. */
export function matmulOf(
  fn: string,
  a: ArrayInput,
  b: ArrayInput,
  names: readonly [string, string] = ["a", "b"],
): NdArray {
  const [x, y] = promote(fn, a, b, false, names);
  const rowVector = x.shape.length === 1;
  const columnVector = y.shape.length === 1;
  // told here as the arguments came: below a vector is a matrix
  const got = (): string =>
    `${names[0]} is ${formatShape(x.shape)}, ${names[1]} is ${formatShape(y.shape)}`;
  if (x.shape.length === 0 || y.shape.length === 0)
    throw new ShapeError(
      `${fn}: operands must have at least one axis: ${got()}; use mul for scalars`,
    );
  if (x.shape[x.shape.length - 1] !== y.shape[columnVector ? 0 : y.shape.length - 2])
    throw new ShapeError(
      `${fn}: inner extents differ: ${got()}; transpose one of them or check their order`,
    );
  const product = within(fn, () =>
    bindOne(
      matmulPrimitive,
      [rowVector ? expandDims(x, 0) : x, columnVector ? expandDims(y, 1) : y],
      undefined,
    ),
  );
  if (!rowVector && !columnVector) return product;
  const shape = product.shape.slice(0, -2);
  const [m, n] = product.shape.slice(-2) as [number, number];
  return reshape(product, [...shape, ...(rowVector ? [] : [m]), ...(columnVector ? [] : [n])]);
}

/**
 * The inner product $\sum_i a_i b_i$ of two vectors.
 *
 * @param a - shape `[n]`
 * @param b - shape `[n]`
 * @returns a single number
 * @throws {@link ShapeError} unless both are vectors of one length
 * @example
 * ```ts
 * import { dot, item } from "@provably/core-tensor";
 *
 * item(dot([1, 2], [3, 4])); // => 11
 * ```
 * @category Matrices
 */
export function dot(a: ArrayInput, b: ArrayInput): NdArray {
  const [x, y] = promote("dot", a, b);
  if (x.shape.length !== 1 || y.shape.length !== 1 || x.shape[0] !== y.shape[0])
    throw new ShapeError(
      `dot: a and b must be vectors of one length, got ${formatShape(x.shape)} and ${formatShape(y.shape)}`,
    );
  return matmul(x, y);
}

/**
 * The outer product $C_{ij} = a_i b_j$ of two vectors.
 *
 * @param a - shape `[n]`
 * @param b - shape `[m]`
 * @returns array of shape `[n, m]`
 * @throws {@link ShapeError} unless both are vectors
 * @example
 * ```ts
 * import { outer, toNested } from "@provably/core-tensor";
 *
 * toNested(outer([1, 2], [3, 4])); // => [[3, 4], [6, 8]]
 * ```
 * @category Matrices
 */
export function outer(a: ArrayInput, b: ArrayInput): NdArray {
  const [x, y] = promote("outer", a, b);
  if (x.shape.length !== 1 || y.shape.length !== 1)
    throw new ShapeError(
      `outer: a and b must be vectors, got ${formatShape(x.shape)} and ${formatShape(y.shape)}`,
    );
  return within("outer", () => matmul(expandDims(x, 1), expandDims(y, 0)));
}
