/** Storage that belongs to the user: it may change after an operation has read it, so that nothing may be put off or kept on its account. */
import type { TypedArray } from "./dtype.js";

const lent = new WeakSet<TypedArray>();

/** Notes that storage was not copied on its way in. */
export function markLent<T extends TypedArray>(data: T): T {
  lent.add(data);
  return data;
}

/** Whether nobody has storage to write to any more: it takes up its buffer, and did not come in uncopied. */
export function isOurs(data: TypedArray): boolean {
  return data.byteLength === data.buffer.byteLength && !lent.has(data);
}
