/** The `safetensors` format: a JSON table of names, types and byte ranges, then the elements. */
import { type DType, allocate } from "../array/dtype.js";
import { halfToNumber } from "../array/half.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { MAX_SIZE, sizeOf } from "../array/shape.js";
import { FormatError } from "../errors.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";
import { littleEndianBytes } from "./npy.js";

/** Largest table that is read; real ones hold a few megabytes at most. */
const MAX_HEADER = 100_000_000;

interface Code {
  readonly width: number;
  readonly dtype: DType;
  readonly read: (v: DataView, at: number) => number;
}

const CODES: Readonly<Record<string, Code>> = {
  F64: { width: 8, dtype: "float64", read: (v, at) => v.getFloat64(at, true) },
  F32: { width: 4, dtype: "float32", read: (v, at) => v.getFloat32(at, true) },
  F16: { width: 2, dtype: "float32", read: (v, at) => halfToNumber(v.getUint16(at, true)) },
  BF16: { width: 2, dtype: "float32", read: (v, at) => bfloatToNumber(v.getUint16(at, true)) },
  I64: { width: 8, dtype: "int32", read: (v, at) => smallInteger(v.getBigInt64(at, true)) },
  I32: { width: 4, dtype: "int32", read: (v, at) => v.getInt32(at, true) },
  I16: { width: 2, dtype: "int32", read: (v, at) => v.getInt16(at, true) },
  I8: { width: 1, dtype: "int8", read: (v, at) => v.getInt8(at) },
  U8: { width: 1, dtype: "uint8", read: (v, at) => v.getUint8(at) },
  BOOL: { width: 1, dtype: "bool", read: (v, at) => Number(v.getUint8(at) !== 0) },
};
const NAMES: Readonly<Record<DType, string>> = { float64: "F64", float32: "F32", int32: "I32", int8: "I8", uint8: "U8", bool: "BOOL" };

const word = new DataView(new ArrayBuffer(4));

/** The upper half of a float32. */
function bfloatToNumber(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

function smallInteger(value: bigint): number {
  const n = Number(value);
  if (n !== (n | 0)) throw new FormatError(`decodeSafetensors: the 64-bit integer ${value} does not fit int32`);
  return n;
}

/**
 * What a safetensors file holds.
 * @category Files
 */
export interface Safetensors {
  /** The arrays by name. */
  readonly tensors: Readonly<Record<string, NdArray>>;
  /** Free text that came with them. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The arrays in the bytes of a `.safetensors` file.
 *
 * Half-precision types become float32, 16-bit integers int32, and 64-bit integers int32 where they fit. Every range is checked against the file
 * before anything is allocated, so a hostile file cannot ask for more memory than a few times its own size.
 *
 * @param bytes - the whole file
 * @returns see {@link Safetensors}
 * @throws `FormatError` when the bytes are not such a file, are cut off, or overlap
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { decodeSafetensors, encodeSafetensors } from "@provably/core-tensor/io";
 *
 * const bytes = encodeSafetensors({ w: array([1, 2]) }, { note: "two numbers" });
 * toNested(decodeSafetensors(bytes).tensors.w); // => [1, 2]
 * ```
 * @see the Safetensors format description, version 0.4
 * @category Files
 */
export function decodeSafetensors(bytes: Uint8Array): Safetensors {
  if (bytes.length < 8) throw new FormatError(`decodeSafetensors: a file has at least 8 bytes, got ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > bytes.length)
    throw new FormatError(`decodeSafetensors: the table of ${length} bytes is cut off or too large`);
  const table = parseTable(bytes.subarray(8, 8 + length));
  const start = 8 + length;
  const tensors: Record<string, NdArray> = Object.create(null) as Record<string, NdArray>;
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  const ranges: [number, number][] = [];
  for (const [name, entry] of Object.entries(table)) {
    if (name === "__metadata__") {
      for (const [key, value] of Object.entries(asObject(entry, name))) metadata[key] = String(value);
      continue;
    }
    const { code, shape, from, to } = parseEntry(name, entry, bytes.length - start);
    ranges.push([from, to]);
    const data = allocate(code.dtype, sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = code.read(view, start + from + i * code.width);
    tensors[name] = dense<DType>(data, code.dtype, shape);
  }
  ranges.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < ranges.length; i++)
    if (ranges[i]![0] < ranges[i - 1]![1]) throw new FormatError(`decodeSafetensors: two arrays share the bytes from ${ranges[i]![0]} on`);
  return { tensors, metadata };
}

function parseTable(bytes: Uint8Array): Record<string, unknown> {
  try {
    return asObject(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), "the table");
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(`decodeSafetensors: the table is not valid JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FormatError(`decodeSafetensors: ${name} must be an object`);
  return value as Record<string, unknown>;
}

function parseEntry(name: string, entry: unknown, available: number): { code: Code; shape: number[]; from: number; to: number } {
  const { dtype, shape, data_offsets: range } = asObject(entry, `"${name}"`);
  const code = typeof dtype === "string" && Object.hasOwn(CODES, dtype) ? CODES[dtype] : undefined;
  if (code === undefined)
    throw new FormatError(`decodeSafetensors: "${name}" has element type ${String(dtype)}, expected one of ${Object.keys(CODES).join(", ")}`);
  const whole = (list: unknown): list is number[] => Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
  if (!whole(shape) || shape.length > 32) throw new FormatError(`decodeSafetensors: "${name}" has no usable shape`);
  if (!whole(range) || range.length !== 2) throw new FormatError(`decodeSafetensors: "${name}" has no usable byte range`);
  const [from, to] = range as [number, number];
  const size = sizeOf(shape);
  if (!(size <= MAX_SIZE) || to > available || to - from !== size * code.width)
    throw new FormatError(
      `decodeSafetensors: "${name}" of shape [${shape.join(", ")}] needs ${size * code.width} bytes, its range is ${from} to ${to} of ${available}`,
    );
  return { code, shape, from, to };
}

/**
 * The bytes of a `.safetensors` file with the arrays.
 *
 * @param tensors - arrays by name
 * @param metadata - free text to go with them; default none
 * @returns the whole file
 * @throws `FormatError` when an array is named `__metadata__`
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { encodeSafetensors } from "@provably/core-tensor/io";
 *
 * encodeSafetensors({ w: zeros([2]) }).length % 8; // => 0
 * ```
 * @category Files
 */
export function encodeSafetensors(tensors: Readonly<Record<string, ArrayInput>>, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const table: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) table["__metadata__"] = metadata;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, input] of Object.entries(tensors)) {
    if (name === "__metadata__") throw new FormatError('encodeSafetensors: no array may be named "__metadata__"');
    const x = toConcrete("encodeSafetensors", input, name);
    const bytes = littleEndianBytes(rowMajorData(x));
    table[name] = { dtype: NAMES[x.dtype], shape: x.shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(table));
  const length = Math.ceil(text.length / 8) * 8;
  const out = new Uint8Array(8 + length + at).fill(32, 8, 8 + length);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(text, 8);
  let to = 8 + length;
  for (const part of parts) {
    out.set(part, to);
    to += part.length;
  }
  return out;
}
