// Trees of arrays as text, to the bit, and files that are whole or not there at all.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { array, isNdArray, toTypedArray } from "@provably/core-tensor";

const types = { float64: Float64Array, float32: Float32Array, int32: Int32Array };

const pack = (x) => {
  if (isNdArray(x)) {
    const { buffer, byteOffset, byteLength } = toTypedArray(x);
    return {
      dtype: x.dtype,
      shape: [...x.shape],
      bits: Buffer.from(buffer, byteOffset, byteLength).toString("base64"),
    };
  }
  if (Array.isArray(x)) return x.map(pack);
  return typeof x === "object" && x !== null
    ? Object.fromEntries(Object.entries(x).map(([name, value]) => [name, pack(value)]))
    : x;
};
const unpack = (x) => {
  if (Array.isArray(x)) return x.map(unpack);
  if (typeof x !== "object" || x === null) return x;
  if (x.bits === undefined)
    return Object.fromEntries(Object.entries(x).map(([name, value]) => [name, unpack(value)]));
  const bytes = Uint8Array.from(Buffer.from(x.bits, "base64"));
  return array(new types[x.dtype](bytes.buffer), { shape: x.shape });
};

export const toText = (tree) => JSON.stringify(pack(tree));
export const fromText = (text) => unpack(JSON.parse(text));

/** Writes beside the file and renames, so that a kill in the middle of a write leaves the old state. */
export function saveFile(path, tree) {
  writeFileSync(`${path}.new`, toText(tree));
  renameSync(`${path}.new`, path);
}
export const loadFile = (path) =>
  existsSync(path) ? fromText(readFileSync(path, "utf8")) : undefined;
