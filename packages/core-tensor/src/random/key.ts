/**
 * Keys: the only source of randomness. A key is a 128-bit value; what is drawn from it depends on nothing else.
 *
 * The mixer: a key is four 32-bit words. To fold a word w in, w is added to the first word and a domain tag to the second; then three rounds
 * follow, in each of which every word in turn takes the 32-bit finaliser of MurmurHash3 of the sum of itself and its left neighbour.
 * Every step can be undone, so different words never lead from one key to the same key.
 */
import { show } from "../check/index.js";
import { DomainError } from "../errors.js";

/**
 * A random key: 32 hexadecimal digits. Immutable, printable, and safe in JSON.
 * @category Keys
 */
export type RngKey = string & { readonly __rngKey: true };

/** More keys than one list of them should hold. */
const MAX_KEYS = 2 ** 24;

type Words = [number, number, number, number];

/** What a word stands for, so that a split never equals a fold of the same number. */
const TAG = { seedNumber: 1, seedText: 2, split: 3, foldNumber: 4, foldText: 5 } as const;

/** Finaliser of MurmurHash3 (Appleby 2011): every input bit flips every output bit with probability near ½. */
function finalize(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function absorb(words: Words, word: number, tag: number): void {
  words[0] = (words[0] + word) | 0;
  words[1] = (words[1] + tag) | 0;
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < 4; i++)
      words[i] = finalize((words[i]! + words[(i + 3) % 4]! + 0x9e3779b9) | 0);
}

function absorbText(words: Words, text: string, tag: number): void {
  for (let i = 0; i < text.length; i++) absorb(words, text.charCodeAt(i), tag);
  absorb(words, text.length, tag);
}

const view = new DataView(new ArrayBuffer(8));

function absorbNumber(words: Words, value: number, tag: number): void {
  view.setFloat64(0, value === 0 ? 0 : value);
  absorb(words, view.getInt32(0), tag);
  absorb(words, view.getInt32(4), tag);
}

function pack(words: Words): RngKey {
  return words.map((w) => (w >>> 0).toString(16).padStart(8, "0")).join("") as RngKey;
}

/** The four words of a key. */
export function unpack(fn: string, key: RngKey): Words {
  if (typeof key !== "string" || !/^[0-9a-f]{32}$/.test(key))
    throw new DomainError(
      `${fn}: key must be made by key(seed), split or foldIn, got ${show(key)}${typeof key === "number" ? `; make one with key(${String(key)})` : ""}`,
    );
  return [0, 8, 16, 24].map((at) => Number.parseInt(key.slice(at, at + 8), 16) | 0) as Words;
}

/**
 * The key of a seed.
 *
 * @param seed - any finite number, or any text
 * @returns key; different seeds give unrelated keys
 * @throws `DomainError` when the seed is neither text nor a finite number
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 *
 * key(0) === key(0); // => true
 * key(0) === key(1); // => false
 * ```
 * @category Keys
 */
export function key(seed: number | string): RngKey {
  const words: Words = [0x243f6a88, 0x85a308d3 | 0, 0x13198a2e, 0x03707344];
  if (typeof seed === "string") absorbText(words, seed, TAG.seedText);
  else if (typeof seed === "number" && Number.isFinite(seed))
    absorbNumber(words, seed, TAG.seedNumber);
  else throw new DomainError(`key: seed must be a finite number or text, got ${show(seed)}`);
  return pack(words);
}

/**
 * Several new keys from one; use them instead of it.
 *
 * @param parent - any key
 * @param count - how many, an integer ≥ 0; default 2
 * @returns `count` keys, unrelated to each other and to the parent
 * @throws `DomainError` when `count` is not an integer ≥ 0
 * @example
 * ```ts
 * import { key, split } from "@provably/core-tensor/random";
 *
 * split(key(0), 3).length; // => 3
 * ```
 * @category Keys
 */
export function split(parent: RngKey, count = 2): RngKey[] {
  if (!Number.isInteger(count) || count < 0 || count > MAX_KEYS)
    throw new DomainError(`split: count must be an integer from 0 to 2^24, got ${show(count)}`);
  const words = unpack("split", parent);
  return Array.from({ length: count }, (_, i) => {
    const child: Words = [...words];
    absorb(child, i, TAG.split);
    return pack(child);
  });
}

/**
 * The key of a part of the work: a step, a member of a batch, a name.
 *
 * Deriving keys by what they are for, not by the order in which they are asked for, keeps results independent of batch sizes and of threads.
 *
 * @param parent - any key
 * @param data - a finite number or text
 * @returns key, unrelated to the parent and to the keys of other data
 * @throws `DomainError` when `data` is neither text nor a finite number
 * @example
 * ```ts
 * import { foldIn, key } from "@provably/core-tensor/random";
 *
 * const step = foldIn(key(0), 17);
 * step === foldIn(key(0), 17); // => true
 * ```
 * @category Keys
 */
export function foldIn(parent: RngKey, data: number | string): RngKey {
  const words = unpack("foldIn", parent);
  if (typeof data === "string") absorbText(words, data, TAG.foldText);
  else if (typeof data === "number" && Number.isFinite(data))
    absorbNumber(words, data, TAG.foldNumber);
  else throw new DomainError(`foldIn: data must be a finite number or text, got ${show(data)}`);
  return pack(words);
}
