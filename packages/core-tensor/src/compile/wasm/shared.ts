/** Making kernel modules that import an ordinary memory import a shared one. */
import { MAX_PAGES } from "./encode.js";

/** LEB128 at `at`: the number and where it ends. */
function read(bytes: Uint8Array, at: number): [number, number] {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) === 0) return [value >>> 0, at];
  }
}

function written(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value >>> 0; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** The module with its one import, a memory without maximum, declared shared. */
export function sharedModule(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = Array.from(bytes.subarray(0, 8));
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at]!;
    const [size, from] = read(bytes, at + 1);
    const content = bytes.subarray(from, from + size);
    at = from + size;
    // count, two names, kind, flags, minimum
    const changed = id === 2 ? importOf(content) : Array.from(content);
    out.push(id, ...written(changed.length), ...changed);
  }
  return Uint8Array.from(out);
}

function importOf(content: Uint8Array): number[] {
  const [, first] = read(content, 0);
  const [moduleLength, moduleAt] = read(content, first);
  const [nameLength, nameAt] = read(content, moduleAt + moduleLength);
  const kindAt = nameAt + nameLength;
  const [minimum, end] = read(content, kindAt + 2);
  return [
    ...content.subarray(0, kindAt + 1),
    3,
    ...written(minimum),
    ...written(MAX_PAGES),
    ...content.subarray(end),
  ];
}
