/** Bytes of files, and the check that they are some. */
import type { TypedArray } from "../array/dtype.js";
import { bytesOf } from "../array/realm.js";
import { show } from "../check/index.js";
import { DTypeError, FormatError } from "../errors.js";

/** The bytes of a `Uint8Array` or of a buffer of any realm, not copied. */
export function toBytes(
  fn: string,
  argument: string,
  value: Uint8Array | ArrayBufferLike,
): Uint8Array {
  const bytes = bytesOf(value);
  if (bytes === undefined)
    throw new FormatError(
      `${fn}: ${argument} must be a Uint8Array or an ArrayBuffer, got ${show(value)}`,
    );
  return bytes;
}

/** The elements as little-endian bytes, whatever the machine's order. */
export function littleEndianBytes(data: TypedArray): Uint8Array {
  const width = data.BYTES_PER_ELEMENT;
  const out = new Uint8Array(data.length * width);
  if (width === 1) {
    out.set(data);
    return out;
  }
  const view = new DataView(out.buffer);
  for (let i = 0; i < data.length; i++) {
    if (data instanceof Float64Array) view.setFloat64(i * 8, data[i]!, true);
    else if (data instanceof Float32Array) view.setFloat32(i * 4, data[i]!, true);
    else if (data instanceof Int32Array) view.setInt32(i * 4, data[i]!, true);
    else throw new DTypeError(`littleEndianBytes: no such storage, ${width} bytes an element`);
  }
  return out;
}
