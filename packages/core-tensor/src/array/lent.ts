/** Storage that belongs to the user: it may change after an operation has read it, so that nothing may be put off or kept on its account. */
import type { TypedArray } from "./dtype.js";

const lent = new WeakSet<TypedArray>();

/** Notes that storage was not copied on its way in. */
export function markLent<T extends TypedArray>(data: T): T {
  lent.add(data);
  return data;
}

const awaited = new WeakSet<TypedArray>();

/** Notes that something which is computed later reads the storage as it is now. */
export function markAwaited(data: TypedArray): void {
  awaited.add(data);
}

/** Storage to give to somebody who may write into it: a copy where something reads what is there now. */
export function lentOf<T extends TypedArray>(data: T): T {
  return lent.has(data) ? data : markLent(awaited.has(data) ? (data.slice() as T) : data);
}

/** Whether nobody has storage to write to any more: it takes up its buffer, and did not come in uncopied. */
export function isOurs(data: TypedArray): boolean {
  return data.byteLength === data.buffer.byteLength && !lent.has(data);
}
