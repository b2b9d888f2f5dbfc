/** Writes small GGUF files: texts, numbers and lists of texts as values, bytes as tensors. */

export interface WrittenTensor {
  readonly name: string;
  /** Innermost extent first, as in the file. */
  readonly shape: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
}

type Value = string | number | boolean | readonly string[];

const utf8 = new TextEncoder();

export function writeGguf(
  values: readonly (readonly [key: string, value: Value])[],
  tensors: readonly WrittenTensor[] = [],
): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const plain = (value: number, width: number): void => {
    for (let i = 0; i < width; i++) out.push(Math.floor(value / 256 ** i) % 256);
  };
  const text = (value: string): void => {
    const bytes = utf8.encode(value);
    plain(bytes.length, 8);
    out.push(...bytes);
  };
  plain(0x46554747, 4);
  plain(3, 4);
  plain(tensors.length, 8);
  plain(values.length, 8);
  for (const [key, value] of values) {
    text(key);
    if (typeof value === "string") {
      plain(8, 4);
      text(value);
    } else if (typeof value === "boolean") {
      plain(7, 4);
      plain(Number(value), 1);
    } else if (typeof value === "number") {
      plain(Number.isInteger(value) ? 4 : 6, 4);
      if (Number.isInteger(value)) plain(value, 4);
      else out.push(...new Uint8Array(Float32Array.of(value).buffer));
    } else {
      plain(9, 4);
      plain(8, 4);
      plain(value.length, 8);
      value.forEach(text);
    }
  }
  let offset = 0;
  for (const { name, shape, type, bytes } of tensors) {
    text(name);
    plain(shape.length, 4);
    for (const extent of shape) plain(extent, 8);
    plain(type, 4);
    plain(offset, 8);
    offset += Math.ceil(bytes.length / 32) * 32;
  }
  const start = Math.ceil(out.length / 32) * 32;
  const file = new Uint8Array(start + offset);
  file.set(out);
  let at = start;
  for (const { bytes } of tensors) {
    file.set(bytes, at);
    at += Math.ceil(bytes.length / 32) * 32;
  }
  return file;
}
