/** Telling arrays of this copy of the package from those of another one in the same process. */

/** On every array, of whatever copy of the package. */
export const ARRAY = Symbol.for("@provably/core-tensor/array");

/** What is wrong where an array of another copy cannot be taken. */
export const TWO_COPIES =
  "it belongs to another copy of @provably/core-tensor: two copies are loaded (two versions, or one by import and one by require); see that all packages get the same one";

/** Whether something is an array of any copy of the package. */
export function isBranded(x: unknown): boolean {
  return typeof x === "object" && x !== null && ARRAY in x;
}
