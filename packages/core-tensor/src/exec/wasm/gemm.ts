/** Matrix products $C = AB$ on strided operands, single and batched. */
import { gemmF32, gemmF64 } from "./binaries/gemm.js";
import { vecmatF32, vecmatF64 } from "./binaries/vecmat.js";
import { keptMatrix } from "./kept.js";
import type { VecmatKernel } from "./vecmat-kernel.js";
import { type Operand, copyOut, gather, place, placedBytes } from "./operand.js";
import { type FloatArray, SCRATCH_START, align, kernel, reserve, scratchLike } from "./runtime.js";

/**
 * Up to this many rows (or columns) a product streams the other matrix once instead of packing it. Few rows so add in another order than many: the one place
 * where the bits of a row depend on how many others there are. Few columns do so whatever the number of rows.
 */
const FEW = 4;

/** Exports of `assembly/gemm-f32.ts` and `gemm-f64.ts`; addresses and strides in bytes. */
interface GemmKernel {
  gemm(
    a: number,
    aRow: number,
    aCol: number,
    b: number,
    bRow: number,
    bCol: number,
    c: number,
    m: number,
    n: number,
    k: number,
    work: number,
  ): void;
  workBytes(n: number, k: number): number;
}

const gemm32 = /* @__PURE__ */ kernel<GemmKernel>(gemmF32);
const gemm64 = /* @__PURE__ */ kernel<GemmKernel>(gemmF64);
const vecmat32 = /* @__PURE__ */ kernel<VecmatKernel>(vecmatF32);
const vecmat64 = /* @__PURE__ */ kernel<VecmatKernel>(vecmatF64);

/**
 * Row-major product `[m, n]` of `a` `[m, k]` and `b` `[k, n]`, or `undefined` when the caller must compute it.
 *
 * Element `(i, j)` of `a` is `a[aOffset + i * aRowStride + j * aColStride]`; strides may be negative or zero. Both operands
 * have the same element type, which the result shares.
 */
export function gemm<T extends FloatArray>(
  a: T,
  aOffset: number,
  aRowStride: number,
  aColStride: number,
  b: T,
  bOffset: number,
  bRowStride: number,
  bColStride: number,
  m: number,
  n: number,
  k: number,
): T | undefined {
  if (m * n * k === 0) return undefined;
  const left = {
    data: a,
    offset: aOffset,
    rowStride: aRowStride,
    colStride: aColStride,
    rows: m,
    cols: k,
  };
  const right = {
    data: b,
    offset: bOffset,
    rowStride: bRowStride,
    colStride: bColStride,
    rows: k,
    cols: n,
  };
  if (n <= FEW && isStreamable(left)) {
    const product = fewRows(flipped(right), flipped(left));
    return product && (n === 1 || m === 1 ? product : transposed(product, n, m));
  }
  if (m <= FEW && isStreamable(right)) return fewRows(left, right);
  const run = (a instanceof Float32Array ? gemm32 : gemm64)();
  if (!run) return undefined;
  const bytes = a.BYTES_PER_ELEMENT;
  const aAt = SCRATCH_START;
  const bAt = aAt + placedBytes(left);
  const cAt = bAt + placedBytes(right);
  const workAt = cAt + align(m * n * bytes);
  if (!reserve(workAt + run.workBytes(n, k) - SCRATCH_START)) return undefined;
  const pa = place(left, aAt);
  const pb = place(right, bAt);
  run.gemm(
    pa.address,
    pa.rowBytes,
    pa.colBytes,
    pb.address,
    pb.rowBytes,
    pb.colBytes,
    cAt,
    m,
    n,
    k,
    workAt,
  );
  return copyOut(a, cAt, m * n);
}

function isStreamable({ rowStride, colStride }: Operand<FloatArray>): boolean {
  return rowStride === 1 || colStride === 1;
}

function flipped<T extends FloatArray>(x: Operand<T>): Operand<T> {
  return {
    data: x.data,
    offset: x.offset,
    rowStride: x.colStride,
    colStride: x.rowStride,
    rows: x.cols,
    cols: x.rows,
  };
}

function transposed<T extends FloatArray>(x: T, rows: number, cols: number): T {
  const out = x.slice() as T;
  gather({ data: x, offset: 0, rowStride: 1, colStride: cols, rows: cols, cols: rows }, out, 0);
  return out;
}

/** Product of few rows with a matrix whose rows or columns are contiguous. */
function fewRows<T extends FloatArray>(left: Operand<T>, right: Operand<T>): T | undefined {
  const run = (left.data instanceof Float32Array ? vecmat32 : vecmat64)();
  if (!run) return undefined;
  const { rows: m, cols: k } = left;
  const n = right.cols;
  const bytes = left.data.BYTES_PER_ELEMENT;
  const isAll = right.offset === 0 && right.data.length === k * n;
  const kept = isAll ? keptMatrix(right.data, m * k * bytes, m * n * bytes) : undefined;
  if (kept !== undefined) {
    const { kernel: stays, address, memory, x, y } = kept;
    gather(left, memory, x / bytes);
    if (right.colStride === 1) stays.axpyRows(x, address, right.rowStride * bytes, y, m, n, k);
    else stays.dotRows(x, address, right.colStride * bytes, y, m, n, k);
    // `slice` keeps the element type
    return memory.slice(y / bytes, y / bytes + m * n) as T;
  }
  const yAt = SCRATCH_START + align(m * k * bytes);
  const bAt = yAt + align(m * n * bytes);
  if (!reserve(bAt + placedBytes(right) - SCRATCH_START)) return undefined;
  gather(left, scratchLike(left.data), SCRATCH_START / bytes);
  const b = place(right, bAt);
  if (b.colBytes === bytes) run.axpyRows(SCRATCH_START, b.address, b.rowBytes, yAt, m, n, k);
  else run.dotRows(SCRATCH_START, b.address, b.colBytes, yAt, m, n, k);
  return copyOut(left.data, yAt, m * n);
}

/**
 * Stack `[batch, m, n]` of products; product `p` reads its matrices at `aOffsets[p]` and `bOffsets[p]`, so that a broadcast
 * operand repeats its offset. Products too small for a single call still run here when the stack is worth it.
 */
export function gemmBatched<T extends FloatArray>(
  a: T,
  aOffsets: ArrayLike<number>,
  aRowStride: number,
  aColStride: number,
  b: T,
  bOffsets: ArrayLike<number>,
  bRowStride: number,
  bColStride: number,
  m: number,
  n: number,
  k: number,
): T | undefined {
  const batch = aOffsets.length;
  const size = m * n;
  if (batch * size * k === 0) return undefined;
  if (isStack(aOffsets, m * aRowStride) && isStack(bOffsets, 0))
    return gemm(
      a,
      aOffsets[0]!,
      aRowStride,
      aColStride,
      b,
      bOffsets[0]!,
      bRowStride,
      bColStride,
      batch * m,
      n,
      k,
    );
  const narrow = a instanceof Float32Array;
  const run = (narrow ? gemm32 : gemm64)();
  const stream = (narrow ? vecmat32 : vecmat64)();
  if (!run || !stream) return undefined;
  const bytes = a.BYTES_PER_ELEMENT;
  const few = m <= FEW && (bRowStride === 1 || bColStride === 1);
  const aStack = stackOperand(a, aOffsets, aRowStride, aColStride, m, k, few);
  const bStack = stackOperand(b, bOffsets, bRowStride, bColStride, k, n, false);
  const cAt = SCRATCH_START + align(aStack.size * bytes) + align(bStack.size * bytes);
  const workAt = cAt + align(batch * size * bytes);
  if (!reserve(workAt + run.workBytes(n, k) - SCRATCH_START)) return undefined;
  const aAt = aStack.place(SCRATCH_START);
  const bAt = bStack.place(SCRATCH_START + align(aStack.size * bytes));
  const bRow = bStack.rowStride * bytes;
  const bCol = bStack.colStride * bytes;
  for (let p = 0; p < batch; p++) {
    const c = cAt + p * size * bytes;
    if (!few)
      run.gemm(
        aAt(p),
        aStack.rowStride * bytes,
        aStack.colStride * bytes,
        bAt(p),
        bRow,
        bCol,
        c,
        m,
        n,
        k,
        workAt,
      );
    else if (bStack.colStride === 1) stream.axpyRows(aAt(p), bAt(p), bRow, c, m, n, k);
    else stream.dotRows(aAt(p), bAt(p), bCol, c, m, n, k);
  }
  return copyOut(a, cAt, batch * size);
}

/** Whether consecutive offsets differ by `step`. */
function isStack(offsets: ArrayLike<number>, step: number): boolean {
  for (let p = 1; p < offsets.length; p++) if (offsets[p]! - offsets[p - 1]! !== step) return false;
  return true;
}

/** Matrices of one shape at many offsets of one array. */
interface Stack {
  /** Elements it takes in scratch. */
  readonly size: number;
  readonly rowStride: number;
  readonly colStride: number;
  /** Copies the stack to `address`; the answer gives the byte address of each matrix. */
  place(address: number): (p: number) => number;
}

/** The stack of a product's operand; each matrix row-major without gaps when `dense`. */
function stackOperand<T extends FloatArray>(
  data: T,
  offsets: ArrayLike<number>,
  rowStride: number,
  colStride: number,
  rows: number,
  cols: number,
  dense: boolean,
): Stack {
  const bytes = data.BYTES_PER_ELEMENT;
  let low = Infinity;
  let high = -Infinity;
  for (let p = 0; p < offsets.length; p++) {
    low = Math.min(low, offsets[p]!);
    high = Math.max(high, offsets[p]!);
  }
  low += Math.min(0, (rows - 1) * rowStride) + Math.min(0, (cols - 1) * colStride);
  high += Math.max(0, (rows - 1) * rowStride) + Math.max(0, (cols - 1) * colStride) + 1;
  const count = rows * cols;
  const isDense = (rows === 1 || rowStride === cols) && (cols === 1 || colStride === 1);
  if (high - low <= 2 * count * offsets.length && (isDense || !dense)) {
    return {
      size: high - low,
      rowStride,
      colStride,
      place(address) {
        scratchLike(data).set(data.subarray(low, high), address / bytes);
        return (p) => address + (offsets[p]! - low) * bytes;
      },
    };
  }
  return {
    size: count * offsets.length,
    rowStride: cols,
    colStride: 1,
    place(address) {
      const scratch = scratchLike(data);
      for (let p = 0; p < offsets.length; p++)
        gather(
          { data, offset: offsets[p]!, rowStride, colStride, rows, cols },
          scratch,
          address / bytes + p * count,
        );
      return (p) => address + p * count * bytes;
    },
  };
}
