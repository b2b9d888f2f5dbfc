/** The `.npz` format of NumPy: a zip archive with a `.npy` file for each array. */
import { unzipSync, zipSync } from "fflate";
import type { NdArray } from "../array/ndarray.js";
import {
  NONE,
  type Schema,
  anyRecord,
  check,
  checkOptions,
  show,
  trueOrFalse,
  within,
} from "../check/index.js";
import { DomainError, FormatError } from "../errors.js";
import type { ArrayInput } from "../trace/input.js";
import { toBytes } from "./bytes.js";
import { decodeNpyAs } from "./npy-read.js";
import { encodeNpy } from "./npy-write.js";

/** Deflate makes of a byte 1032 at most; what claims more is no archive but a trap. */
const MOST = 1032;

/**
 * The arrays in the bytes of a `.npz` file by their names, packed or not.
 *
 * @param file - all of its bytes, in a typed array or a buffer
 * @returns arrays by name, without `.npy`, in the order of the file; see `decodeNpy` for their types
 * @throws `FormatError` when the bytes are no such archive, or a member is no array or holds a type that arrays do not have; the message
 * names the member
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { decodeNpz, encodeNpz } from "@provably/core-tensor/io";
 *
 * const arrays = decodeNpz(encodeNpz({ weights: [[1, 2]], bias: [3] }));
 * Object.keys(arrays); // => ["weights", "bias"]
 * toNested(arrays["bias"]!); // => [3]
 * ```
 * @category Files
 */
export function decodeNpz(file: Uint8Array | ArrayBufferLike): Record<string, NdArray> {
  const fn = "decodeNpz";
  const bytes = toBytes(fn, "file", file);
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b)
    throw new FormatError(`${fn}: bytes do not begin like a zip archive`);
  const arrays: Record<string, NdArray> = Object.create(null) as Record<string, NdArray>;
  for (const [member, content] of Object.entries(unpacked(fn, bytes))) {
    const name = member.replace(/\.npy$/, "");
    if (name === member) throw new FormatError(`${fn}: member ${show(member)} is no .npy file`);
    try {
      arrays[name] = decodeNpyAs(fn, content);
    } catch (error) {
      if (error instanceof FormatError)
        throw new FormatError(error.message.replace(`${fn}: `, `${fn}: member ${show(name)}: `));
      throw error;
    }
  }
  return { ...arrays };
}

function unpacked(fn: string, bytes: Uint8Array): Record<string, Uint8Array> {
  const seen = new Set<string>();
  const fits = ({
    name,
    size,
    originalSize,
  }: {
    name: string;
    size: number;
    originalSize: number;
  }): boolean => {
    if (originalSize > MOST * size + 64 || size > bytes.length)
      throw new FormatError(
        `${fn}: member ${show(name)} claims ${originalSize} bytes out of ${size}`,
      );
    if (seen.has(name)) throw new FormatError(`${fn}: member ${show(name)} is there twice`);
    seen.add(name);
    return true;
  };
  try {
    return unzipSync(bytes, { filter: fits });
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError(
      `${fn}: the archive cannot be read: ${error instanceof Error ? error.message : show(error)}`,
    );
  }
}

/**
 * Options of {@link encodeNpz}.
 * @category Files
 */
export interface NpzOptions {
  /** Pack the arrays, as `numpy.savez_compressed` does; default false. */
  readonly compressed?: boolean;
}

const NPZ: Schema<NpzOptions> = { compressed: trueOrFalse };

/**
 * The bytes of a `.npz` file with arrays under names.
 *
 * @param arrays - arrays by name
 * @param options - see {@link NpzOptions}
 * @returns the whole file; the same arrays give the same bytes
 * @throws `DomainError` for an empty name
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { encodeNpz } from "@provably/core-tensor/io";
 *
 * const zipped = encodeNpz({ x: zeros([1000]) }, { compressed: true });
 * zipped.length < 400; // => true
 * ```
 * @category Files
 */
export function encodeNpz(
  arrays: Readonly<Record<string, ArrayInput>>,
  options: NpzOptions = NONE,
): Uint8Array {
  const fn = "encodeNpz";
  check(fn, "arrays", arrays, anyRecord);
  const { compressed = false } = checkOptions(fn, options, NPZ);
  const members: Record<string, Uint8Array> = {};
  for (const [name, x] of Object.entries(arrays)) {
    if (name === "") throw new DomainError(`${fn}: every array must have a name`);
    members[`${name}.npy`] = within(fn, () => encodeNpy(x));
  }
  // the earliest date that archives have: bytes do not depend on when they are made
  return zipSync(members, { level: compressed ? 6 : 0, mtime: new Date(1980, 0, 1) });
}
