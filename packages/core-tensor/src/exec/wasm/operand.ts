/** Copying strided matrices into the scratch memory. */
import { type FloatArray, align, scratchLike } from "./runtime.js";

/** A strided matrix inside a typed array; strides are in elements. */
export interface Operand<T extends FloatArray> {
  readonly data: T;
  readonly offset: number;
  readonly rowStride: number;
  readonly colStride: number;
  readonly rows: number;
  readonly cols: number;
}

/** Where a matrix lies in scratch: byte address of its element (0, 0), strides in bytes. */
export interface Placed {
  readonly address: number;
  readonly rowBytes: number;
  readonly colBytes: number;
}

/** Spans up to this multiple of the element count are copied whole; sparser ones are gathered. */
const MAX_SPREAD = 2;

function lowest({ offset, rowStride, colStride, rows, cols }: Operand<FloatArray>): number {
  return offset + Math.min(0, (rows - 1) * rowStride) + Math.min(0, (cols - 1) * colStride);
}

function span({ rowStride, colStride, rows, cols }: Operand<FloatArray>): number {
  return Math.abs((rows - 1) * rowStride) + Math.abs((cols - 1) * colStride) + 1;
}

function isGathered(x: Operand<FloatArray>): boolean {
  return span(x) > MAX_SPREAD * x.rows * x.cols + 64;
}

/** Bytes of scratch that `place` takes for `x`. */
export function placedBytes(x: Operand<FloatArray>): number {
  return align((isGathered(x) ? x.rows * x.cols : span(x)) * x.data.BYTES_PER_ELEMENT);
}

/** Copies the non-empty matrix `x` to `address`: the span it touches, or, when that is mostly other data, its elements in row-major order. */
export function place<T extends FloatArray>(x: Operand<T>, address: number): Placed {
  const { data, offset, rowStride, colStride, cols } = x;
  const scratch = scratchLike(data);
  const bytes = data.BYTES_PER_ELEMENT;
  const to = address / bytes;
  if (!isGathered(x)) {
    const low = lowest(x);
    copyIn(data, low, span(x), scratch, to);
    return {
      address: address + (offset - low) * bytes,
      rowBytes: rowStride * bytes,
      colBytes: colStride * bytes,
    };
  }
  gather(x, scratch, to);
  return { address, rowBytes: cols * bytes, colBytes: bytes };
}

/** Copies `size` elements of `data` from index `from` on to index `to` of `scratch`. */
function copyIn<T extends FloatArray>(
  data: T,
  from: number,
  size: number,
  scratch: T,
  to: number,
): void {
  // The view costs as much as copying a hundred elements.
  scratch.set(size === data.length ? data : data.subarray(from, from + size), to);
}

/** From here on a copy by construction, which needs no zeros first, pays for the view that it is made of. */
const LONG = 4096;

/** Fresh array with `size` elements of the scratch memory from byte `address` on. */
export function copyOut<T extends FloatArray>(like: T, address: number, size: number): T {
  const scratch = scratchLike(like);
  const from = address / like.BYTES_PER_ELEMENT;
  // `slice` keeps the element type, as do both constructors
  if (size < LONG) return scratch.slice(from, from + size) as T;
  const view = scratch.subarray(from, from + size);
  return (view instanceof Float32Array ? new Float32Array(view) : new Float64Array(view)) as T;
}

/** Writes the elements of `x` in row-major order to `out` from index `to` on. */
export function gather<T extends FloatArray>(x: Operand<T>, out: T, to: number): void {
  const { data, offset, rowStride, colStride, rows, cols } = x;
  let at = to;
  for (let i = 0; i < rows; i++) {
    let from = offset + i * rowStride;
    for (let j = 0; j < cols; j++, from += colStride) out[at++] = data[from]!;
  }
}
