/** The `safetensors` format: a JSON table of names, types and byte ranges, then the elements. */
import { littleEndianBytes, toBytes } from "./bytes.js";
import { anyList, anyRecord, check, show, within } from "../check/index.js";
import { type DType, type TypedArray, allocate } from "../array/dtype.js";
import { halfToNumber } from "../array/half.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { MAX_SIZE, checkShape, sizeOf } from "../array/shape.js";
import { FormatError } from "../errors.js";
import { type ArrayInput, toConcrete } from "../trace/input.js";

/** Largest table that is read; real ones hold a few megabytes at most. */
const MAX_HEADER = 100_000_000;

interface Code {
  readonly width: number;
  readonly dtype: DType;
  readonly read: (bytes: Uint8Array, count: number) => TypedArray;
}

/** Reads one element after another. */
function each(dtype: DType, width: number, read: (v: DataView, at: number) => number): Code {
  return {
    width,
    dtype,
    read(bytes, count) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const data = allocate(dtype, count);
      for (let i = 0; i < count; i++) data[i] = read(view, i * width);
      return data;
    },
  };
}

/** Takes little-endian elements over as they are, where the machine is little-endian too. */
function copied(dtype: DType, width: number, read: (v: DataView, at: number) => number): Code {
  const slow = each(dtype, width, read);
  return {
    ...slow,
    read(bytes, count) {
      if (!LITTLE_ENDIAN) return slow.read(bytes, count);
      const data = allocate(dtype, count);
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(bytes);
      return data;
    },
  };
}

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** 16-bit numbers by a table of all of them, made when first needed. */
function tabled(toNumber: (bits: number) => number): Code {
  let table: Float32Array | undefined;
  return each(
    "float32",
    2,
    (v, at) =>
      (table ??= Float32Array.from({ length: 65536 }, (_, bits) => toNumber(bits)))[
        v.getUint16(at, true)
      ]!,
  );
}

const CODES: Readonly<Record<string, Code>> = {
  F64: copied("float64", 8, (v, at) => v.getFloat64(at, true)),
  F32: copied("float32", 4, (v, at) => v.getFloat32(at, true)),
  F16: tabled(halfToNumber),
  BF16: tabled(bfloatToNumber),
  I64: each("int32", 8, (v, at) => smallInteger(v.getBigInt64(at, true))),
  I32: copied("int32", 4, (v, at) => v.getInt32(at, true)),
  I16: each("int32", 2, (v, at) => v.getInt16(at, true)),
  I8: copied("int8", 1, (v, at) => v.getInt8(at)),
  U64: each("int32", 8, (v, at) => smallInteger(v.getBigUint64(at, true))),
  U32: each("float64", 4, (v, at) => v.getUint32(at, true)),
  U16: each("int32", 2, (v, at) => v.getUint16(at, true)),
  U8: copied("uint8", 1, (v, at) => v.getUint8(at)),
  BOOL: each("bool", 1, (v, at) => Number(v.getUint8(at) !== 0)),
  F8_E4M3: each("float32", 1, (v, at) => smallFloat(v.getUint8(at))),
  // the upper half of a float16
  F8_E5M2: each("float32", 1, (v, at) => halfToNumber(v.getUint8(at) << 8)),
};
const NAMES: Readonly<Record<DType, string>> = {
  float64: "F64",
  float32: "F32",
  int32: "I32",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

/** The upper half of a float32. */
function bfloatToNumber(bits: number): number {
  const word = new DataView(new ArrayBuffer(4));
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

/** 1 sign, 4 exponent and 3 fraction bits with bias 7; all ones are NaN, and there are no infinities. */
function smallFloat(bits: number): number {
  const [exponent, fraction] = [(bits >> 3) & 15, bits & 7];
  if (exponent === 15 && fraction === 7) return Number.NaN;
  const size = exponent === 0 ? fraction * 2 ** -9 : (8 + fraction) * 2 ** (exponent - 10);
  return bits >= 128 ? -size : size;
}

function smallInteger(value: bigint): number {
  const n = Number(value);
  if (n !== (n | 0))
    throw new FormatError(`safetensorsTable: the 64-bit integer ${value} does not fit int32`);
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
 * Where an array lies in a safetensors file.
 * @category Files
 */
export interface SafetensorsEntry {
  /** Element type as the file names it, such as `BF16`. */
  readonly type: string;
  readonly shape: readonly number[];
  /** First byte in the file, and the one after the last. */
  readonly range: readonly [number, number];
}

/**
 * The table of contents of a safetensors file.
 * @category Files
 */
export interface SafetensorsTable {
  readonly entries: Readonly<Record<string, SafetensorsEntry>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The arrays in the bytes of a `.safetensors` file.
 *
 * Half-precision and 8-bit floating types become float32, 16-bit integers int32, unsigned 32-bit integers float64, and 64-bit integers int32
 * where they fit. Every range is checked against the file
 * before anything is allocated, so a hostile file cannot ask for more memory than a few times its own size.
 *
 * @param file - all of its bytes, in a typed array or a buffer
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
export function decodeSafetensors(file: Uint8Array | ArrayBufferLike): Safetensors {
  const bytes = toBytes("decodeSafetensors", "file", file);
  return within("decodeSafetensors", () => {
    const { entries, metadata } = safetensorsTable(bytes, bytes.length);
    const tensors: Record<string, NdArray> = Object.create(null) as Record<string, NdArray>;
    for (const [name, entry] of Object.entries(entries))
      tensors[name] = decodeSafetensor(entry, bytes.subarray(...entry.range));
    return { tensors, metadata };
  });
}

/**
 * The table of contents of a safetensors file, for reading arrays one by one from files that are too large to hold.
 *
 * @param front - at least the first $8 + n$ bytes of the file, where the first 8 hold $n$; see {@link safetensorsHeadSize}
 * @param sizeBytes - size of the whole file
 * @returns see {@link SafetensorsTable}; every range lies in the file, and none overlap
 * @throws `FormatError` when the bytes are not such a table
 * @example
 * ```ts
 * import { array } from "@provably/core-tensor";
 * import { encodeSafetensors, safetensorsTable } from "@provably/core-tensor/io";
 *
 * const bytes = encodeSafetensors({ w: array([1, 2]) });
 * safetensorsTable(bytes, bytes.length).entries.w!.shape; // => [2]
 * ```
 * @see the Safetensors format description, version 0.4
 * @category Files
 */
export function safetensorsTable(
  front: Uint8Array | ArrayBufferLike,
  sizeBytes: number,
): SafetensorsTable {
  const head = toBytes("safetensorsTable", "front", front);
  const start = within("safetensorsTable", () => safetensorsHeadSize(head, sizeBytes));
  if (head.length < start)
    throw new FormatError(`safetensorsTable: the table needs ${start} bytes, got ${head.length}`);
  const table = parseTable(head.subarray(8, start));
  const entries: Record<string, SafetensorsEntry> = Object.create(null) as Record<
    string,
    SafetensorsEntry
  >;
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, entry] of Object.entries(table)) {
    if (name !== "__metadata__") entries[name] = parseEntry(name, entry, start, sizeBytes);
    else
      for (const [key, value] of Object.entries(asObject(entry, name)))
        metadata[key] = asText(value, key);
  }
  const ranges = Object.values(entries)
    .map(({ range }) => range)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (let i = 1; i < ranges.length; i++)
    if (ranges[i]![0] < ranges[i - 1]![1])
      throw new FormatError(
        `safetensorsTable: two arrays share the bytes from ${ranges[i]![0]} on`,
      );
  return { entries, metadata };
}

/**
 * Bytes that the table of contents of a safetensors file ends after.
 *
 * @param start - at least the first 8 bytes of the file
 * @param sizeBytes - size of the whole file
 * @returns $8 + n$
 * @throws `FormatError` when the file is too short for it
 * @example
 * ```ts
 * import { encodeSafetensors, safetensorsHeadSize } from "@provably/core-tensor/io";
 *
 * safetensorsHeadSize(encodeSafetensors({}), 16); // => 16
 * ```
 * @category Files
 */
export function safetensorsHeadSize(
  start: Uint8Array | ArrayBufferLike,
  sizeBytes: number,
): number {
  const head = toBytes("safetensorsHeadSize", "start", start);
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0)
    throw new FormatError(
      `safetensorsHeadSize: sizeBytes must be an integer ≥ 0, got ${show(sizeBytes)}`,
    );
  if (head.length < 8)
    throw new FormatError(`safetensorsHeadSize: a file has at least 8 bytes, got ${head.length}`);
  const length = Number(
    new DataView(head.buffer, head.byteOffset, head.byteLength).getBigUint64(0, true),
  );
  if (length > MAX_HEADER || 8 + length > sizeBytes)
    throw new FormatError(
      `safetensorsHeadSize: the table of ${length} bytes is cut off or too large`,
    );
  return 8 + length;
}

/**
 * One array of a safetensors file.
 *
 * @param entry - from {@link safetensorsTable}
 * @param rangeBytes - the bytes of its range
 * @returns the array; see {@link decodeSafetensors} for element types
 * @throws `FormatError` when there are more or fewer bytes than the entry needs
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { decodeSafetensor } from "@provably/core-tensor/io";
 *
 * toNested(decodeSafetensor({ type: "BF16", shape: [1], range: [0, 2] }, Uint8Array.of(0x80, 0x3f))); // => [1]
 * ```
 * @category Files
 */
export function decodeSafetensor(
  entry: SafetensorsEntry,
  rangeBytes: Uint8Array | ArrayBufferLike,
): NdArray {
  const { type, shape, range } = check("decodeSafetensor", "entry", entry, anyRecord);
  const bytes = toBytes("decodeSafetensor", "rangeBytes", rangeBytes);
  checkShape("decodeSafetensor", shape);
  if (!check("decodeSafetensor", "range", range, anyList).every(Number.isSafeInteger))
    throw new FormatError(`decodeSafetensor: range must hold two integers, got ${show(range)}`);
  const code = typeof type === "string" && Object.hasOwn(CODES, type) ? CODES[type] : undefined;
  const size = sizeOf(shape);
  if (
    code === undefined ||
    bytes.length !== size * code.width ||
    bytes.length !== range[1] - range[0]
  )
    throw new FormatError(
      `decodeSafetensor: ${typeof type === "string" ? type : show(type)} of shape ${show(shape)} does not lie in ${bytes.length} bytes`,
    );
  return dense<DType>(code.read(bytes, size), code.dtype, shape);
}

function parseTable(bytes: Uint8Array): Record<string, unknown> {
  try {
    return asObject(
      JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)),
      "the table",
    );
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(
      `safetensorsTable: the table is not valid JSON (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new FormatError(`safetensorsTable: ${name} must be an object`);
  return value as Record<string, unknown>;
}

function asText(value: unknown, name: string): string {
  if (typeof value !== "string")
    throw new FormatError(`safetensorsTable: "${name}" of the metadata must be text`);
  return value;
}

function parseEntry(
  name: string,
  entry: unknown,
  start: number,
  sizeBytes: number,
): SafetensorsEntry {
  const { dtype: type, shape, data_offsets: range } = asObject(entry, `"${name}"`);
  const code = typeof type === "string" && Object.hasOwn(CODES, type) ? CODES[type] : undefined;
  if (code === undefined)
    throw new FormatError(
      `safetensorsTable: "${name}" has element type ${typeof type === "string" ? type : typeof type}, expected one of ${Object.keys(CODES).join(", ")}`,
    );
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
  if (!whole(shape) || shape.length > 32)
    throw new FormatError(`safetensorsTable: "${name}" has no usable shape`);
  if (!whole(range) || range.length !== 2)
    throw new FormatError(`safetensorsTable: "${name}" has no usable byte range`);
  const [from, to] = range as [number, number];
  const size = sizeOf(shape);
  if (!(size <= MAX_SIZE) || start + to > sizeBytes || to - from !== size * code.width)
    throw new FormatError(
      `safetensorsTable: "${name}" of shape [${shape.join(", ")}] needs ${size * code.width} bytes, its range is ${from} to ${to} of ${sizeBytes - start}`,
    );
  return { type: type as string, shape, range: [start + from, start + to] };
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
export function encodeSafetensors(
  tensors: Readonly<Record<string, ArrayInput>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  // without a prototype, so that an array named __proto__ is written like any other
  const table = Object.create(null) as Record<string, unknown>;
  for (const [name, text] of Object.entries(
    check("encodeSafetensors", "metadata", metadata, anyRecord),
  ))
    if (typeof text !== "string")
      throw new FormatError(
        `encodeSafetensors: metadata "${name}" must be text, got ${show(text)}`,
      );
  if (Object.keys(metadata).length > 0) table["__metadata__"] = metadata;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [name, input] of Object.entries(
    check("encodeSafetensors", "tensors", tensors, anyRecord),
  )) {
    if (name === "__metadata__")
      throw new FormatError('encodeSafetensors: no array may be named "__metadata__"');
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
