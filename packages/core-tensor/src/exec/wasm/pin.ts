/** Matrices kept resident in WebAssembly memory, for repeated products with vectors. */

/** Opaque handle of a resident copy of a matrix. The memory returns when the handle is collected, or on `free`. */
export interface PinnedMatrix {
  readonly rows: number;
  readonly cols: number;
  readonly dtype: "float32" | "float64";
  /** Releases the memory now; the handle then answers `undefined`. */
  free(): void;
}

/** Resident copy of the contiguous row-major matrix `data` `[rows, cols]`. */
export function pinMatrix(data: Float32Array | Float64Array, rows: number, cols: number): PinnedMatrix | undefined {
  return undefined;
}

/** Product of `x` `[rows]` with the pinned matrix `[rows, cols]`: `[cols]`. */
export function pinnedMatvec<T extends Float32Array | Float64Array>(matrix: PinnedMatrix, x: T): T | undefined {
  return undefined;
}
