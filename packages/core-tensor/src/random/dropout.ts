/** Dropout, and keys that are arrays: they may be traced, batched and passed to compiled programs. */
import { check, numberIn, within } from "../check/index.js";
import { allocate, floatDType } from "../array/dtype.js";
import { type NdArray, dense, rowMajorData } from "../array/ndarray.js";
import { type Shape, formatShape, sizeOf } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { mul } from "../ops/arithmetic.js";
import { greaterEqual, where } from "../ops/comparison.js";
import { bindOne } from "../trace/bind.js";
import { convert } from "../trace/elementwise.js";
import { type ArrayInput, scalar, toArray } from "../trace/input.js";
import type { Primitive } from "../trace/primitive.js";
import type { RngKey } from "./key.js";
import { threefryKey, wordsInto } from "./threefry.js";

interface Into {
  readonly shape: Shape;
}

/** Random words by counter under keys `[…, 2]`. */
const bitsPrimitive: Primitive<Into> = {
  name: "randomBits",
  shape: ([words], { shape }) => [
    { shape: [...words!.shape.slice(0, -1), ...shape], dtype: "int32" },
  ],
  evaluate([words], { shape }, [out]) {
    const keys = rowMajorData(words!);
    const data = allocate("int32", sizeOf(out!.shape));
    const size = sizeOf(shape);
    for (let i = 0; i * size < data.length; i++)
      wordsInto(keys[2 * i]!, keys[2 * i + 1]!, 0, data.subarray(i * size, (i + 1) * size));
    return [dense(data, "int32", out!.shape)];
  },
  derivative: { kind: "none" },
  batching: { kind: "leading" },
};

/**
 * A key as an array of two words, for `dropout`: unlike the key itself it can be an argument of a compiled function, which then runs anew
 * for each key instead of being made anew, and can be batched by `vmap`.
 *
 * @param key - random key
 * @returns int32 array of shape `[2]`; different keys give different words but for a chance of $2^{-64}$
 * @throws `DomainError` when `key` is not a key
 * @example
 * ```ts
 * import { key, keyWords } from "@provably/core-tensor/random";
 *
 * keyWords(key(0)).shape; // => [2]
 * ```
 * @category Keys
 */
export function keyWords(key: RngKey): NdArray<"int32"> {
  return dense(Int32Array.from(threefryKey("keyWords", key)), "int32", [2]);
}

/**
 * `x` with each element zero with probability `rate`, independently, and the others divided by $1 - \text{rate}$, so that the mean stays.
 * For training; in inference leave it out.
 *
 * A key that a compiled function closes over gives the same zeros at every call: hand it in, as `keyWords(key)`.
 *
 * @param key - random key, or its words as {@link keyWords} gives them
 * @param x - any array
 * @param rate - probability of a zero, in $[0, 1)$; rounded to a multiple of $2^{-32}$
 * @returns float array of the shape of `x`
 * @throws `DomainError` when `rate` is outside $[0, 1)$ or `key` is not a key
 * @throws `ShapeError` when words are not two
 * @example
 * ```ts
 * import { ones, toNested } from "@provably/core-tensor";
 * import { dropout, key } from "@provably/core-tensor/random";
 *
 * toNested(dropout(key(0), ones([2]), 0)); // => [1, 1]
 * ```
 * @see Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout"
 * @category Draws
 */
export function dropout(key: RngKey | ArrayInput, x: ArrayInput, rate: number): NdArray {
  const fn = "dropout";
  check(fn, "rate", rate, numberIn(0, 1));
  if (rate === 1) throw new DomainError(`${fn}: rate must be below 1, got 1`);
  const words = wordsOf(fn, key);
  const given = toArray(fn, x);
  const a = convert(given, floatDType(given.dtype));
  const threshold = Math.round(rate * 2 ** 32);
  if (threshold === 0) return a;
  return within(fn, () => {
    const bits = bindOne(bitsPrimitive, [words], { shape: a.shape });
    // signed words are equally likely from -2^31 on
    const kept = greaterEqual(bits, scalar(Math.min(threshold - 2 ** 31, 2 ** 31 - 1), "int32"));
    return where(kept, mul(a, 1 / (1 - rate)), 0);
  });
}

function wordsOf(fn: string, key: RngKey | ArrayInput): NdArray {
  if (typeof key === "string" || typeof key === "number" || typeof key === "boolean")
    return dense(Int32Array.from(threefryKey(fn, key as RngKey)), "int32", [2]);
  const words = toArray(fn, key, "key", "int32");
  if (words.dtype !== "int32" || words.shape.length !== 1 || words.shape[0] !== 2)
    throw new ShapeError(
      `${fn}: key must be a key, or its words as keyWords gives them: two int32, got ${words.dtype} of shape ${formatShape(words.shape)}`,
    );
  return words;
}
