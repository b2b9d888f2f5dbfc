/** Attacks on readers of files: mutations, each of which must give a typed error or a value, soon, and in bounded memory. */
import { readFileSync } from "node:fs";
import { isCoreTensorError } from "@provably/core-tensor";
import { expect } from "vitest";
import { processorTime, slowness } from "../../../scripts/testing/processor-time.js";

/** A file. */
export const bytes = (path: string): Uint8Array => new Uint8Array(readFileSync(path));
/** Mutations of a kind. */
export const RUNS = process.env["RUN_SLOW"] ? 100_000 : 1_000;

/** A reproducible stream of whole numbers. */
export function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return (state >>> 0) % n;
  };
}

function without(bytes: Uint8Array, at: number, count: number): Uint8Array<ArrayBuffer> {
  const rest = bytes.subarray(Math.min(bytes.length, at + count));
  const shorter = new Uint8Array(at + rest.length);
  shorter.set(bytes.subarray(0, at));
  shorter.set(rest, at);
  return shorter;
}

/** The file with some bytes changed, moved, doubled or cut, most of them in its first `head` bytes; sometimes digits for digits. */
export function mutate(
  original: Uint8Array,
  head: number,
  next: (n: number) => number,
): Uint8Array {
  let copy = original.slice(0, next(8) === 0 ? next(original.length) : original.length);
  for (let edits = next(4) + 1; edits > 0 && copy.length > 0; edits--) {
    const at = next(Math.min(copy.length, next(5) === 0 ? copy.length : head));
    switch (next(5)) {
      case 0:
        copy[at] = next(256);
        break;
      case 1:
        copy[at]! ^= 1 << next(8);
        break;
      case 2:
        if (copy[at]! >= 48 && copy[at]! < 58) copy[at] = 48 + next(10);
        else copy[at] = 34 + next(92);
        break;
      case 3:
        copy = without(copy, at, next(6));
        break;
      default:
        copy.copyWithin(at, next(copy.length), copy.length);
    }
  }
  return copy;
}

const allocated = (): number => {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** Files of some 100 kB take less than half a megabyte, of which most is the model itself. */
const MOST_BYTES = 8e6;

/** Runs a loader on mutations: each gives a typed error or a value, soon, and without more memory than a few times the files. */
export async function attack(
  run: (next: (n: number) => number) => Promise<unknown>,
  seed: number,
  runs = RUNS,
): Promise<{ errors: number; values: number }> {
  const next = numbers(seed);
  const counts = { errors: 0, values: 0 };
  let [slowest, largest] = [0, 0];
  const growth = async (numbers: (n: number) => number): Promise<number> => {
    const before = allocated();
    await run(numbers).catch(() => undefined);
    return allocated() - before;
  };
  for (let i = 0; i < runs; i++) {
    const start = processorTime();
    const before = allocated();
    const drawn: number[] = [];
    const noted = (n: number): number => drawn[drawn.push(next(n)) - 1]!;
    try {
      await run(noted);
      counts.values++;
    } catch (error) {
      if (!isCoreTensorError(error))
        throw new Error(`mutation ${i} of seed ${seed}: ${String(error)}`, { cause: error });
      counts.errors++;
    }
    slowest = Math.max(slowest, processorTime() - start);
    let grown = allocated() - before;
    // the engine's own work (compiled code, late accounts of freed buffers) comes to some file or other: what is the file's own comes again
    for (let again = 0; grown > MOST_BYTES && again < 3; again++) {
      let k = 0;
      grown = Math.min(grown, await growth(() => drawn[k++]!));
    }
    largest = Math.max(largest, grown);
  }
  // thousands of times what one takes; a hang or a quadratic blow-up is far beyond
  expect(slowest).toBeLessThan(10_000 * slowness());
  expect(largest).toBeLessThan(MOST_BYTES);
  return counts;
}
