/** The header of a GGUF file: key-value pairs and the table of tensors, every length checked against what is left of the file. */
import { FormatError } from "@provably/core-tensor";
import { GGUF_TYPES, ggufTypeName } from "./gguf-blocks.js";
import type { ModelFiles } from "./source.js";

/** A value of a pair. Lists longer than `MAX_LIST` stand as undefined, but for those that are asked for. */
export type GgufValue = GgufItem | readonly GgufItem[] | undefined;
type GgufItem = number | boolean | string;

export interface GgufTensor {
  readonly name: string;
  /** Outermost extent first. */
  readonly shape: readonly number[];
  readonly type: number;
  /** Bytes of the file. */
  readonly range: readonly [number, number];
}

/** Lists such as vocabularies are longer; models do not read them. */
const MAX_LIST = 1024;

/** No real header is longer: the largest vocabularies take some 20 MB. */
const MAX_HEADER = 1 << 28;

/** Bytes of a file that are read at first; headers with large vocabularies need more. */
const FIRST_READ = 1 << 20;

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

export interface GgufHeader {
  readonly values: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
}

/** The header of a file, of which no more is read than it takes; `keep` names the long lists that are wanted. */
export async function readGguf(
  fn: string,
  files: ModelFiles,
  name: string,
  keep: (key: string) => boolean = () => false,
): Promise<GgufHeader> {
  const size = await files.size(name);
  if (size === undefined) throw new FormatError(`${fn}: there is no file ${name}`);
  for (let count = FIRST_READ; ; count *= 4) {
    const header = parseGguf(fn, await files.read(name, 0, Math.min(count, size)), size, keep);
    if (header) return header;
    if (count > MAX_HEADER)
      throw new FormatError(`${fn}: the GGUF header of ${name} is longer than ${MAX_HEADER} bytes`);
  }
}

/** The header in the first bytes of a file of `sizeBytes`; undefined when more bytes are needed to tell. */
export function parseGguf(
  fn: string,
  bytes: Uint8Array,
  sizeBytes: number,
  keep: (key: string) => boolean,
): GgufHeader | undefined {
  try {
    return parse(fn, bytes, sizeBytes, keep);
  } catch (error) {
    if (!(error instanceof Short)) throw error;
    if (bytes.length >= sizeBytes)
      throw new FormatError(`${fn}: the GGUF header is cut off after ${bytes.length} bytes`);
    return undefined;
  }
}

function parse(
  fn: string,
  bytes: Uint8Array,
  sizeBytes: number,
  keep: (key: string) => boolean,
): GgufHeader {
  const read = reader(fn, bytes, sizeBytes);
  if (read.plain(4) !== 0x46554747)
    throw new FormatError(`${fn}: the bytes do not begin like a GGUF file`);
  const version = read.plain(4) as number;
  if (version === 0x02000000 || version === 0x03000000)
    throw new FormatError(`${fn}: the GGUF file is written for big-endian machines`);
  if (version !== 2 && version !== 3)
    throw new FormatError(`${fn}: GGUF version ${String(version)} is not 2 or 3`);
  const numTensors = read.count("tensors", MAX_ENTRIES);
  const numValues = read.count("key-value pairs", MAX_ENTRIES);
  const values = new Map<string, GgufValue>();
  for (let i = 0; i < numValues; i++) {
    const key = read.text();
    if (values.has(key)) throw new FormatError(`${fn}: GGUF key "${key}" is there twice`);
    values.set(key, read.value(read.plain(4) as number, keep(key) ? Infinity : MAX_LIST));
  }
  const rows: { name: string; shape: number[]; type: number; offset: number }[] = [];
  for (let i = 0; i < numTensors; i++) {
    const name = read.text();
    const rank = read.plain(4) as number;
    if (rank > 4)
      throw new FormatError(`${fn}: GGUF tensor "${name}" has ${rank} axes, expected at most 4`);
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
      `${fn}: GGUF alignment must be an integer in 1 … 65536, got ${JSON.stringify(alignment)}`,
    );
  const start = Math.ceil(read.at() / alignment) * alignment;
  const tensors = rows.map((row) => place(fn, row, start, sizeBytes));
  refuseOverlaps(fn, tensors);
  return { values, tensors };
}

/** Two tensors in the same bytes: one of them is not what it says. */
function refuseOverlaps(fn: string, tensors: readonly GgufTensor[]): void {
  const inOrder = [...tensors].sort((a, b) => a.range[0] - b.range[0] || a.range[1] - b.range[1]);
  inOrder.forEach((tensor, i) => {
    const next = inOrder[i + 1];
    if (next && next.range[0] < tensor.range[1])
      throw new FormatError(`${fn}: GGUF tensors "${tensor.name}" and "${next.name}" overlap`);
  });
}

/** Checks that the blocks of a tensor lie in the file. */
function place(
  fn: string,
  { name, shape, type, offset }: { name: string; shape: number[]; type: number; offset: number },
  start: number,
  sizeBytes: number,
): GgufTensor {
  const code = Object.hasOwn(GGUF_TYPES, type) ? GGUF_TYPES[type] : undefined;
  if (!code)
    throw new FormatError(
      `${fn}: GGUF tensor "${name}" has element type ${ggufTypeName(type)}; known are ${Object.values(
        GGUF_TYPES,
      )
        .map((t) => t.name)
        .join(", ")}`,
    );
  const size = shape.reduce((a, b) => a * b, 1);
  const bytes = (size / code.blockSize) * code.blockBytes;
  if ((shape.at(-1) ?? 1) % code.blockSize !== 0 || !(start + offset + bytes <= sizeBytes))
    throw new FormatError(
      `${fn}: GGUF tensor "${name}" of shape [${shape.join(", ")}] does not fit the file of ${sizeBytes} bytes`,
    );
  return { name, shape, type, range: [start + offset, start + offset + bytes] };
}

function reader(fn: string, bytes: Uint8Array, sizeBytes: number) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  /** Moves on; the file as a whole must hold what is skipped. */
  const skip = (count: number): number => {
    if (!(position + count <= sizeBytes))
      throw new FormatError(
        `${fn}: the GGUF header asks for ${count} bytes at ${position} of ${sizeBytes}`,
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
        `${fn}: the GGUF header promises ${n} ${what}, expected at most ${max}`,
      );
    return n;
  };
  const text = (): string => {
    const length = count("bytes of text", sizeBytes);
    const at = skip(length);
    return new TextDecoder().decode(bytes.subarray(at, at + length));
  };
  /** A list of more than `most` items is passed over. */
  const list = (most: number): GgufValue => {
    const inner = plain(4) as number;
    if (inner === LIST) throw new FormatError(`${fn}: GGUF lists of lists are not supported`);
    if (inner !== STRING && !Object.hasOwn(WIDTHS, inner))
      throw new FormatError(`${fn}: GGUF value type ${inner} is not known`);
    const length = count("list items", sizeBytes);
    if (Object.hasOwn(WIDTHS, inner)) {
      if (length <= most)
        return Array.from({ length: known(length * WIDTHS[inner]!, length) }, () => plain(inner));
      skip(length * WIDTHS[inner]!);
      return undefined;
    }
    const items: string[] = [];
    for (let i = 0; i < length; i++) {
      if (i < most) items.push(text());
      else skip(count("bytes of text", sizeBytes));
    }
    return length > most ? undefined : items;
  };
  const value = (type: number, most: number): GgufValue => {
    if (type === STRING) return text();
    if (type === LIST) return list(most);
    if (!Object.hasOwn(WIDTHS, type))
      throw new FormatError(`${fn}: GGUF value type ${type} is not known`);
    return plain(type);
  };
  /** `length`, once that many bytes are at hand. */
  const known = (size: number, length: number): number => {
    skip(size);
    position -= size;
    return length;
  };
  return { plain, count, text, value, at: () => position };
}
