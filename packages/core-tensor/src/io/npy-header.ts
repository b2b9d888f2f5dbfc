/** What a `.npy` file says of itself: its header, and the element types that are known. */
import type { DType } from "../array/dtype.js";
import { halfToNumber } from "../array/half.js";
import { MAX_SIZE, sizeOf } from "../array/shape.js";
import { FormatError } from "../errors.js";
import { toBytes } from "./bytes.js";

export const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

type Reader = (view: DataView, at: number, little: boolean) => number;

/** Type codes: how NumPy names an element type, its width, how to read one element, and what it becomes here. */
export const CODES: Readonly<Record<string, { width: number; dtype: DType; read: Reader }>> = {
  f2: { width: 2, dtype: "float32", read: (v, at, le) => halfToNumber(v.getUint16(at, le)) },
  f4: { width: 4, dtype: "float32", read: (v, at, le) => v.getFloat32(at, le) },
  f8: { width: 8, dtype: "float64", read: (v, at, le) => v.getFloat64(at, le) },
  i1: { width: 1, dtype: "int8", read: (v, at) => v.getInt8(at) },
  u1: { width: 1, dtype: "uint8", read: (v, at) => v.getUint8(at) },
  i2: { width: 2, dtype: "int32", read: (v, at, le) => v.getInt16(at, le) },
  u2: { width: 2, dtype: "int32", read: (v, at, le) => v.getUint16(at, le) },
  i4: { width: 4, dtype: "int32", read: (v, at, le) => v.getInt32(at, le) },
  b1: { width: 1, dtype: "bool", read: (v, at) => Number(v.getUint8(at) !== 0) },
};

/** Integers that need not fit any element type: exact here, then put into the nearest one. */
export const WIDE: Readonly<
  Record<string, { width: number; read: (v: DataView, at: number, little: boolean) => bigint }>
> = {
  u4: { width: 4, read: (v, at, le) => BigInt(v.getUint32(at, le)) },
  i8: { width: 8, read: (v, at, le) => v.getBigInt64(at, le) },
  u8: { width: 8, read: (v, at, le) => v.getBigUint64(at, le) },
};

/** Pairs of floats: width of both, and of what type. */
export const COMPLEX: Readonly<Record<string, { width: number; part: "f4" | "f8" }>> = {
  c8: { width: 8, part: "f4" },
  c16: { width: 16, part: "f8" },
};

const OTHERS: Readonly<Record<string, string>> = {
  O: "Python objects, which only Python can read, and which may run code when read",
  U: "text",
  S: "bytes of text",
  a: "bytes of text",
  V: "raw records",
  M: "dates; save them as numbers",
  m: "spans of time; save them as numbers",
  f: "floats of another width; save them as float64",
};

/** What a file says of itself, and where its elements are. */
export interface NpyFile {
  readonly type: string;
  readonly little: boolean;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  readonly size: number;
  readonly view: DataView;
  readonly from: number;
}

/** The header of a file, checked against the bytes that follow. */
export function opened(fn: string, file: Uint8Array | ArrayBufferLike): NpyFile {
  const bytes = toBytes(fn, "file", file);
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new FormatError(`${fn}: bytes do not begin like a .npy file`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6]!;
  if (major < 1 || major > 3)
    throw new FormatError(`${fn}: version ${major} of the format is not known`);
  const wide = major > 1;
  if (wide && bytes.length < 12) throw new FormatError(`${fn}: the header is cut off`);
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  if (start + length > bytes.length)
    throw new FormatError(`${fn}: the header of ${length} bytes is cut off`);
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const { type, little, fortran, shape } = parseHeader(fn, header);
  const size = sizeOf(shape);
  const from = start + length;
  const width = (CODES[type] ?? WIDE[type] ?? COMPLEX[type]!).width;
  if (!(size <= MAX_SIZE) || size * width !== bytes.length - from)
    throw new FormatError(
      `${fn}: shape [${shape.join(", ")}] needs ${size * width} bytes, the file has ${bytes.length - from}`,
    );
  return { type, little, fortran, shape, size, view, from };
}

function parseHeader(
  fn: string,
  header: string,
): { type: string; little: boolean; fortran: boolean; shape: number[] } {
  if (/'descr'\s*:\s*\[/.test(header))
    throw new FormatError(
      `${fn}: the elements are records of several fields; save each field as an array of its own`,
    );
  const descr = /'descr'\s*:\s*'([<>|=])([a-zA-Z]\d*)(?:\[[^\]]*\])?'/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const extents = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header);
  if (descr === null || order === null || extents === null)
    throw new FormatError(`${fn}: the header cannot be read: ${header.slice(0, 80)}`);
  const type = descr[2]!;
  if (![CODES, WIDE, COMPLEX].some((table) => Object.hasOwn(table, type)))
    throw new FormatError(
      `${fn}: elements of type ${type} cannot be read: ${OTHERS[type[0]!] ?? "arrays have no such type"}; known are ${[CODES, WIDE, COMPLEX].flatMap(Object.keys).join(", ")}`,
    );
  const shape = extents[1]!
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(Number);
  if (shape.length > 32 || !shape.every(Number.isSafeInteger))
    throw new FormatError(`${fn}: the shape (${extents[1]}) cannot be used`);
  return { type, little: descr[1] !== ">", fortran: order[1] === "True", shape };
}
