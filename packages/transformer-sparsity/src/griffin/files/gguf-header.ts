/** The header of a GGUF file: key-value pairs and the table of tensors, every length checked against what is left of the file. */
import { FormatError } from "@provably/core-tensor";
import { GGUF_TYPES, ggufTypeName } from "./gguf-blocks.js";

/** A value of a pair. Lists longer than `MAX_LIST` are skipped and stand as undefined. */
export type GgufValue =
  number | boolean | string | readonly (number | boolean | string)[] | undefined;

export interface GgufTensor {
  readonly name: string;
  /** Outermost extent first. */
  readonly shape: readonly number[];
  readonly type: number;
  /** Bytes of the file. */
  readonly range: readonly [number, number];
}

/** Lists such as vocabularies are longer; nothing here reads them. */
const MAX_LIST = 1024;

/** No real file has more pairs or tensors. */
const MAX_ENTRIES = 100_000;

/** Sizes of the plain values, by their type number. */
const WIDTHS: Readonly<Record<number, number>> = {
  0: 1,
  1: 1,
  2: 2,
  3: 2,
  4: 4,
  5: 4,
  6: 4,
  7: 1,
  10: 8,
  11: 8,
  12: 8,
};
const STRING = 8;
const LIST = 9;

/** Thrown inside when the bytes at hand end before the header does. */
class Short extends Error {}

/** The header in the first bytes of a file of `sizeBytes`; undefined when more bytes are needed to tell. */
export function parseGguf(
  bytes: Uint8Array,
  sizeBytes: number,
):
  | { readonly values: ReadonlyMap<string, GgufValue>; readonly tensors: readonly GgufTensor[] }
  | undefined {
  try {
    return parse(bytes, sizeBytes);
  } catch (error) {
    if (!(error instanceof Short)) throw error;
    if (bytes.length >= sizeBytes)
      throw new FormatError(`loadModel: the GGUF header is cut off after ${bytes.length} bytes`);
    return undefined;
  }
}

function parse(
  bytes: Uint8Array,
  sizeBytes: number,
): { values: Map<string, GgufValue>; tensors: GgufTensor[] } {
  const read = reader(bytes, sizeBytes);
  if (read.plain(4) !== 0x46554747)
    throw new FormatError("loadModel: the bytes do not begin like a GGUF file");
  const version = read.plain(4);
  if (version !== 2 && version !== 3)
    throw new FormatError(`loadModel: GGUF version ${String(version)} is not 2 or 3`);
  const numTensors = read.count("tensors", MAX_ENTRIES);
  const numValues = read.count("key-value pairs", MAX_ENTRIES);
  const values = new Map<string, GgufValue>();
  for (let i = 0; i < numValues; i++) {
    const key = read.text();
    values.set(key, read.value(read.plain(4) as number, 0));
  }
  const rows: { name: string; shape: number[]; type: number; offset: number }[] = [];
  for (let i = 0; i < numTensors; i++) {
    const name = read.text();
    const rank = read.plain(4) as number;
    if (rank > 4)
      throw new FormatError(
        `loadModel: GGUF tensor "${name}" has ${rank} axes, expected at most 4`,
      );
    const shape = Array.from({ length: rank }, () =>
      read.count("extent", Number.MAX_SAFE_INTEGER),
    ).reverse();
    rows.push({
      name,
      shape,
      type: read.plain(4) as number,
      offset: read.count("offset", Number.MAX_SAFE_INTEGER),
    });
  }
  const alignment = values.get("general.alignment") ?? 32;
  if (
    typeof alignment !== "number" ||
    alignment < 1 ||
    alignment > 65536 ||
    !Number.isInteger(alignment)
  )
    throw new FormatError(
      `loadModel: GGUF alignment must be an integer in 1 … 65536, got ${JSON.stringify(alignment)}`,
    );
  const start = Math.ceil(read.at() / alignment) * alignment;
  return { values, tensors: rows.map((row) => place(row, start, sizeBytes)) };
}

/** Checks that the blocks of a tensor lie in the file. */
function place(
  { name, shape, type, offset }: { name: string; shape: number[]; type: number; offset: number },
  start: number,
  sizeBytes: number,
): GgufTensor {
  const code = Object.hasOwn(GGUF_TYPES, type) ? GGUF_TYPES[type] : undefined;
  if (!code)
    throw new FormatError(
      `loadModel: GGUF tensor "${name}" has element type ${ggufTypeName(type)}; known are ${Object.values(
        GGUF_TYPES,
      )
        .map((t) => t.name)
        .join(", ")}`,
    );
  const size = shape.reduce((a, b) => a * b, 1);
  const bytes = (size / code.blockSize) * code.blockBytes;
  if ((shape.at(-1) ?? 1) % code.blockSize !== 0 || !(start + offset + bytes <= sizeBytes))
    throw new FormatError(
      `loadModel: GGUF tensor "${name}" of shape [${shape.join(", ")}] does not fit the file of ${sizeBytes} bytes`,
    );
  return { name, shape, type, range: [start + offset, start + offset + bytes] };
}

function reader(bytes: Uint8Array, sizeBytes: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  /** Moves on; the file as a whole must hold what is skipped. */
  const skip = (count: number): number => {
    if (!(position + count <= sizeBytes))
      throw new FormatError(
        `loadModel: the GGUF header asks for ${count} bytes at ${position} of ${sizeBytes}`,
      );
    if (position + count > bytes.length) throw new Short();
    position += count;
    return position - count;
  };
  const plain = (type: number): number | boolean => {
    const at = skip(WIDTHS[type]!);
    switch (type) {
      case 0:
        return view.getUint8(at);
      case 1:
        return view.getInt8(at);
      case 2:
        return view.getUint16(at, true);
      case 3:
        return view.getInt16(at, true);
      case 4:
        return view.getUint32(at, true);
      case 5:
        return view.getInt32(at, true);
      case 6:
        return view.getFloat32(at, true);
      case 7:
        return view.getUint8(at) !== 0;
      case 10:
        return Number(view.getBigUint64(at, true));
      case 11:
        return Number(view.getBigInt64(at, true));
      default:
        return view.getFloat64(at, true);
    }
  };
  const count = (what: string, max: number): number => {
    const n = plain(10) as number;
    if (n > max)
      throw new FormatError(
        `loadModel: the GGUF header promises ${n} ${what}, expected at most ${max}`,
      );
    return n;
  };
  const text = (): string => {
    const length = count("bytes of text", sizeBytes);
    const at = skip(length);
    return new TextDecoder().decode(bytes.subarray(at, at + length));
  };
  const value = (type: number, depth: number): GgufValue => {
    if (type === STRING) return text();
    if (type !== LIST) {
      if (!Object.hasOwn(WIDTHS, type))
        throw new FormatError(`loadModel: GGUF value type ${type} is not known`);
      return plain(type);
    }
    if (depth > 0) throw new FormatError("loadModel: GGUF lists of lists are not supported");
    const inner = plain(4) as number;
    const length = count("list items", sizeBytes);
    if (inner !== STRING && Object.hasOwn(WIDTHS, inner) && length > MAX_LIST) {
      skip(length * WIDTHS[inner]!);
      return undefined;
    }
    const list: (number | boolean | string)[] = [];
    for (let i = 0; i < length; i++) {
      if (inner === STRING && i >= MAX_LIST) skip(count("bytes of text", sizeBytes));
      else list.push(value(inner, depth + 1) as number | boolean | string);
    }
    return length > MAX_LIST ? undefined : list;
  };
  return { plain, count, text, value, at: () => position };
}
