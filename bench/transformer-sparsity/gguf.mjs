// A GGUF file, version 3, from key-value pairs and tensors; for tests and for comparing with other runtimes on the same weights.

const text = (value) => {
  const bytes = new TextEncoder().encode(value);
  return [u64(bytes.length), bytes];
};
const fixed = (size, write) => (value) => {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer), value);
  return bytes;
};
const u32 = fixed(4, (view, value) => view.setUint32(0, value, true));
const f32 = fixed(4, (view, value) => view.setFloat32(0, value, true));
const u64 = fixed(8, (view, value) => view.setBigUint64(0, BigInt(value), true));

/** A value with its type: whole numbers as u32, other numbers as f32, text, lists of one of these. */
function typed(value) {
  if (typeof value === "string") return [u32(8), text(value)];
  if (typeof value === "boolean") return [u32(7), Uint8Array.of(Number(value))];
  if (Array.isArray(value)) {
    const kind = typeof value[0] === "string" ? 8 : value.kind === "i32" ? 5 : 6;
    const write = kind === 8 ? text : kind === 5 ? u32 : f32;
    return [u32(9), u32(kind), u64(value.length), ...value.map((item) => write(item))];
  }
  return Number.isInteger(value) ? [u32(4), u32(value)] : [u32(6), f32(value.f32 ?? value)];
}

/** Bytes of a file. Tensors are `{ name, shape, type, data }` with the outermost extent first; types 0 and 1 take typed arrays of their bits. */
export function encodeGguf(values, tensors) {
  const align = (n) => Math.ceil(n / 32) * 32;
  let offset = 0;
  const table = tensors.map(({ name, shape, type, data }) => {
    const row = [
      text(name),
      u32(shape.length),
      ...[...shape].reverse().map((extent) => u64(extent)),
      u32(type),
      u64(offset),
    ];
    offset = align(offset + data.byteLength);
    return row;
  });
  const pairs = Object.entries(values).map(([key, value]) => [text(key), typed(value)]);
  const head = [u32(0x46554747), u32(3), u64(tensors.length), u64(pairs.length), pairs, table].flat(
    Infinity,
  );
  const headSize = head.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(align(headSize) + offset);
  let at = 0;
  for (const part of head) {
    bytes.set(part, at);
    at += part.length;
  }
  at = align(headSize);
  for (const { data } of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at = align(at + data.byteLength);
  }
  return bytes;
}
