/** The `.npy` format of NumPy: a short text header, then the elements. */
import { type DType, type TypedArray, allocate } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { MAX_SIZE, sizeOf } from "../array/shape.js";
import { DTypeError, FormatError } from "../errors.js";
import { toBytes } from "./bytes.js";
import { transpose } from "../ops/reshape.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Type codes: how NumPy names an element type, its width, how to read one element, and what it becomes here. */
const CODES: Readonly<
  Record<
    string,
    { width: number; dtype: DType; read: (v: DataView, at: number, little: boolean) => number }
  >
> = {
  f4: { width: 4, dtype: "float32", read: (v, at, le) => v.getFloat32(at, le) },
  f8: { width: 8, dtype: "float64", read: (v, at, le) => v.getFloat64(at, le) },
  i1: { width: 1, dtype: "int8", read: (v, at) => v.getInt8(at) },
  u1: { width: 1, dtype: "uint8", read: (v, at) => v.getUint8(at) },
  i2: { width: 2, dtype: "int32", read: (v, at, le) => v.getInt16(at, le) },
  u2: { width: 2, dtype: "int32", read: (v, at, le) => v.getUint16(at, le) },
  i4: { width: 4, dtype: "int32", read: (v, at, le) => v.getInt32(at, le) },
  b1: { width: 1, dtype: "bool", read: (v, at) => Number(v.getUint8(at) !== 0) },
};
const NAMES: Readonly<Record<DType, string>> = {
  float32: "<f4",
  float64: "<f8",
  int32: "<i4",
  int8: "|i1",
  uint8: "|u1",
  bool: "|b1",
};

/**
 * The array in the bytes of a `.npy` file.
 *
 * @param file - all of its bytes, in a typed array or a buffer
 * @returns array; 16-bit integers become int32, column-major data a transposed view
 * @throws `FormatError` when the bytes are not such a file, are cut off, or hold a type that arrays do not have
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { decodeNpy, encodeNpy } from "@provably/core-tensor/io";
 *
 * toNested(decodeNpy(encodeNpy(array([1, 2])))); // => [1, 2]
 * ```
 * @see NumPy Enhancement Proposal 1, "A simple file format for NumPy arrays"
 * @category Files
 */
export function decodeNpy(file: Uint8Array | ArrayBufferLike): NdArray {
  const bytes = toBytes("decodeNpy", "file", file);
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new FormatError("decodeNpy: bytes do not begin like a .npy file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3)
    throw new FormatError(`decodeNpy: version ${major} of the format is not known`);
  const wide = major > 1;
  if (wide && bytes.length < 12) throw new FormatError("decodeNpy: the header is cut off");
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  if (start + length > bytes.length)
    throw new FormatError(`decodeNpy: the header of ${length} bytes is cut off`);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const { code, little, fortran, shape } = parseHeader(header);
  const size = sizeOf(shape);
  const from = start + length;
  if (!(size <= MAX_SIZE) || size * code.width !== bytes.length - from)
    throw new FormatError(
      `decodeNpy: shape [${shape.join(", ")}] needs ${size * code.width} bytes, the file has ${bytes.length - from}`,
    );
  const data = allocate(code.dtype, size);
  for (let i = 0; i < size; i++) data[i] = code.read(view, from + i * code.width, little);
  if (!fortran || shape.length < 2) return dense<DType>(data, code.dtype, shape);
  return transpose(dense<DType>(data, code.dtype, [...shape].reverse()));
}

function parseHeader(header: string): {
  code: (typeof CODES)[string];
  little: boolean;
  fortran: boolean;
  shape: number[];
} {
  const descr = /'descr'\s*:\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const extents = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header);
  if (descr === null || order === null || extents === null)
    throw new FormatError(`decodeNpy: the header cannot be read: ${header.slice(0, 80)}`);
  const code = Object.hasOwn(CODES, descr[2]!) ? CODES[descr[2]!] : undefined;
  if (code === undefined)
    throw new FormatError(
      `decodeNpy: element type ${descr[2]} is not one of ${Object.keys(CODES).join(", ")}`,
    );
  const shape = extents[1]!
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  if (shape.length > 32 || !shape.every(Number.isSafeInteger))
    throw new FormatError(`decodeNpy: the shape (${extents[1]}) cannot be used`);
  return { code, little: descr[1] !== ">", fortran: order[1] === "True", shape };
}

/**
 * The bytes of a `.npy` file with the array.
 *
 * @param x - any array
 * @returns the whole file, little-endian, row-major
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { encodeNpy } from "@provably/core-tensor/io";
 *
 * encodeNpy(zeros([2, 2])).length; // => 144
 * ```
 * @category Files
 */
export function encodeNpy(x: ArrayInput): Uint8Array {
  const a = toConcrete("encodeNpy", x);
  const shape = a.shape.length === 1 ? `${a.shape[0]},` : a.shape.join(", ");
  const text = `{'descr': '${NAMES[a.dtype]}', 'fortran_order': False, 'shape': (${shape}), }`;
  const padded = text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11) + "\n";
  const body = littleEndianBytes(rowMajorData(a));
  const out = new Uint8Array(10 + padded.length + body.length);
  out.set([...MAGIC, 1, 0, padded.length & 255, padded.length >> 8]);
  out.set(new TextEncoder().encode(padded), 10);
  out.set(body, 10 + padded.length);
  return out;
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
