/**
 * Storage by what it is, not by who made it: every realm (a `node:vm` context, a frame, jsdom) has typed arrays of its own, of which
 * `instanceof` knows nothing.
 */

/** The kind of a view of a buffer, such as `Float32Array` or `DataView`; undefined for anything else. */
export function kindOf(x: unknown): string | undefined {
  return ArrayBuffer.isView(x)
    ? (x as unknown as { readonly [Symbol.toStringTag]: string })[Symbol.toStringTag]
    : undefined;
}

const STORAGE = {
  Float32Array,
  Float64Array,
  Int32Array,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray: Uint8Array,
} as const;

type Storage = InstanceType<(typeof STORAGE)[keyof typeof STORAGE]>;

/** The same elements, not copied, in a typed array of this realm and of no subclass; undefined for kinds that arrays cannot hold. */
export function ownStorage(x: unknown): Storage | undefined {
  const kind = kindOf(x);
  if (kind === undefined || !Object.hasOwn(STORAGE, kind)) return undefined;
  const Own = STORAGE[kind as keyof typeof STORAGE];
  // x is of that kind, whatever realm it comes from
  const { buffer, byteOffset, length } = x as Storage;
  return Object.getPrototypeOf(x) === Own.prototype
    ? (x as Storage)
    : new Own(buffer, byteOffset, length);
}

/** The bytes of a `Uint8Array` or of a whole buffer, not copied; undefined for anything else. */
export function bytesOf(x: unknown): Uint8Array | undefined {
  if (kindOf(x) === "Uint8Array") return ownStorage(x) as Uint8Array;
  const tag = Object.prototype.toString.call(x);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]"
    ? new Uint8Array(x as ArrayBuffer)
    : undefined;
}
