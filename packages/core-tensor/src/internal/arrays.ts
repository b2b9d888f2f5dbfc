/** Guards of arrays and of flat numbers. */
import { TWO_COPIES, isBranded } from "../array/copies.js";
import { DenseArray, type NdArray } from "../array/ndarray.js";
import { kindOf } from "../array/realm.js";
import { isRowMajor } from "../array/shape.js";
import { type Guard, anyNumber, listOf, satisfying } from "../check/index.js";
import { toTypedArray } from "../ops/create.js";
import type { RngKey } from "../random/key.js";
import { isNdArray } from "../trace/input.js";

/** An array of this package. */
export const tensor: Guard<NdArray> = (got) => {
  if (isNdArray(got)) return undefined;
  const says = isBranded(got) ? ` cannot be used, ${TWO_COPIES}` : undefined;
  return { path: "", expected: "an array of core-tensor", got, ...(says && { says }) };
};

/** Numbers in a list or in a typed array. */
export const numberList: Guard<ArrayLike<number>> = (x) => {
  if (Array.isArray(x)) return listOf(anyNumber)(x);
  const fits = isTyped(x) && !kindOf(x)!.startsWith("Big");
  return fits && isHere(x) ? undefined : { path: "", expected: "a list of numbers", got: x };
};

function isTyped(x: unknown): x is ArrayBufferView {
  return ArrayBuffer.isView(x) && kindOf(x) !== "DataView";
}

/** Whether the storage of a typed array is still there, and was not transferred to a worker. */
function isHere(x: ArrayBufferView): boolean {
  try {
    return new Uint8Array(x.buffer).length >= 0;
  } catch {
    return false;
  }
}

interface TypedArrayKinds {
  Float32Array: Float32Array;
  Float64Array: Float64Array;
  Int32Array: Int32Array;
  Uint8Array: Uint8Array;
}

/** A typed array of one kind, of any realm, with its storage and of the length where one is given. */
export function typedArray<K extends keyof TypedArrayKinds>(
  kind: K,
  length?: number,
): Guard<TypedArrayKinds[K]> {
  const long = length === undefined ? " that was not transferred away" : ` of ${length} numbers`;
  return satisfying(
    `a ${kind}${long}`,
    (x) =>
      isTyped(x) &&
      kindOf(x) === kind &&
      isHere(x) &&
      (length === undefined || (x as Uint8Array).length === length),
  );
}

/** A random key. */
export const rngKey = /* @__PURE__ */ satisfying<RngKey>(
  "a random key, made by key(0) of core-tensor/random",
  (x) => typeof x === "string" && /^[0-9a-f]{32}$/.test(x),
);

/** The numbers of a float64 array in row-major order: its own storage where they lie there in that order, else a copy. To be read only. */
export function flatNumbers(x: NdArray): Float64Array {
  return isRowMajor(x.shape, x.stride)
    ? ((x instanceof DenseArray ? x.storage : x.data) as Float64Array).subarray(
        x.offset,
        x.offset + x.size,
      )
    : (toTypedArray(x) as Float64Array);
}
