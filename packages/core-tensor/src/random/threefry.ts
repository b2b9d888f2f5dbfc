/** Threefry-2x32: random bits computed from a key and a counter, in any order. */
import { type Schema, anything, checkOptions, show } from "../check/index.js";
import { allocate } from "../array/dtype.js";
import { MAX_SIZE } from "../array/shape.js";
import { DomainError } from "../errors.js";
import { type NdArray, dense } from "../array/ndarray.js";
import { type RngKey, unpack } from "./key.js";

const PARITY = 0x1bd11bda;

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/**
 * Twenty rounds of Threefry on the counter words `out[0], out[1]` under the key words `k0, k1`; the result replaces the counter.
 * Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3". Unrolled, which halves its time.
 */
export function threefry2x32(k0: number, k1: number, out: Int32Array): void {
  const k2 = k0 ^ k1 ^ PARITY;
  let x = (out[0]! + k0) | 0;
  let y = (out[1]! + k1) | 0;
  x = (x + y) | 0;
  y = rotate(y, 13) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 15) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 26) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 6) ^ x;
  x = (x + k1) | 0;
  y = (y + k2 + 1) | 0;
  x = (x + y) | 0;
  y = rotate(y, 17) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 29) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 16) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 24) ^ x;
  x = (x + k2) | 0;
  y = (y + k0 + 2) | 0;
  x = (x + y) | 0;
  y = rotate(y, 13) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 15) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 26) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 6) ^ x;
  x = (x + k0) | 0;
  y = (y + k1 + 3) | 0;
  x = (x + y) | 0;
  y = rotate(y, 17) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 29) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 16) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 24) ^ x;
  x = (x + k1) | 0;
  y = (y + k2 + 4) | 0;
  x = (x + y) | 0;
  y = rotate(y, 13) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 15) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 26) ^ x;
  x = (x + y) | 0;
  y = rotate(y, 6) ^ x;
  x = (x + k2) | 0;
  y = (y + k0 + 5) | 0;
  out[0] = x;
  out[1] = y;
}

/** The two Threefry key words of a key. */
export function threefryKey(fn: string, key: RngKey): [number, number] {
  const [a, b, c, d] = unpack(fn, key);
  return [a ^ c, b ^ d];
}

/** Words `start …` of the stream of a key, `start` even. */
export function wordsInto(k0: number, k1: number, start: number, data: Int32Array): void {
  const block = new Int32Array(2);
  for (let i = 0; i < data.length; i += 2) {
    const counter = (start + i) / 2;
    block[0] = counter;
    block[1] = Math.floor(counter / 2 ** 32);
    threefry2x32(k0, k1, block);
    data[i] = block[0];
    if (i + 1 < data.length) data[i + 1] = block[1];
  }
}

const BITS: Schema<{ readonly start?: number }> = { start: anything };

/**
 * Random bits by counter: word `i` depends on the key and on `i` alone, so any part of the stream can be had without the rest.
 *
 * @param key - random key
 * @param count - how many words, an integer ≥ 0
 * @param options - `start`: number of the first word, an even integer ≥ 0; default 0
 * @returns int32 array of shape `[count]`, all 2³² values equally likely
 * @throws `DomainError` when `count` or `start` is out of range
 * @example
 * ```ts
 * import { bits, key } from "@provably/core-tensor/random";
 *
 * bits(key(0), 4).get(3) === bits(key(0), 2, { start: 2 }).get(1); // => true
 * ```
 * @see Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3"
 * @category Draws
 */
export function bits(
  key: RngKey,
  count: number,
  options: { readonly start?: number } = {},
): NdArray<"int32"> {
  const { start = 0 } = checkOptions("bits", options, BITS);
  if (!Number.isInteger(count) || count < 0 || count > MAX_SIZE)
    throw new DomainError(`bits: count must be an integer from 0 to 2^31 - 1, got ${show(count)}`);
  if (!Number.isSafeInteger(start) || start < 0 || start % 2 !== 0)
    throw new DomainError(`bits: start must be an even integer ≥ 0, got ${show(start)}`);
  const [k0, k1] = threefryKey("bits", key);
  const data = allocate("int32", count);
  wordsInto(k0, k1, start, data);
  return dense(data, "int32", [count]);
}
