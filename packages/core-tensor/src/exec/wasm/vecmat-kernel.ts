/** Exports of `assembly/vecmat-f32.ts` and `vecmat-f64.ts`. */
export interface VecmatKernel {
  /** Rows of the matrix contiguous, `rowStride` bytes apart. */
  axpyRows(
    x: number,
    matrix: number,
    rowStride: number,
    y: number,
    m: number,
    n: number,
    k: number,
  ): void;
  /** Columns of the matrix contiguous, `colStride` bytes apart. */
  dotRows(
    x: number,
    matrix: number,
    colStride: number,
    y: number,
    m: number,
    n: number,
    k: number,
  ): void;
}
