/** Results that stay in the memory of programs, in loops that never give the engine time to report what was collected. */
import { describe, expect, it } from "vitest";
import { type NdArray, add, item, mul, ones, slice, zeros } from "@provably/core-tensor";
import { compile, free, pin } from "@provably/core-tensor/compile";
import { ResidentArray } from "../../src/compile/wasm/resident.js";
import { MOST_RESULTS, allocator } from "../../src/compile/wasm/allocator.js";

const memory = allocator()!;
const MiB = 1 << 20;
/** 32 MiB. */
const SIZE = 8 * MiB;

describe("resident results in a loop without await", () => {
  it("take a bounded memory: beyond it they are copied out, with the same numbers", () => {
    const next = compile((x: NdArray) => add(x, 1), { resident: true });
    let x: NdArray = pin(zeros([SIZE]));
    const before = memory.size;
    const stayed: boolean[] = [];
    for (let i = 0; i < 12; i++) {
      x = next(x);
      stayed.push(x instanceof ResidentArray);
    }
    expect(item(slice(x, [SIZE - 1], [SIZE]))).toBe(12);
    expect(stayed.slice(0, 3)).toEqual([true, true, true]);
    expect(stayed.at(-1)).toBe(false);
    expect(memory.resultBytes).toBeLessThanOrEqual(MOST_RESULTS);
    // the results, one more on its way, the copied argument, and growth by an eighth
    expect(memory.size - before).toBeLessThan(1.5 * MOST_RESULTS);
  });

  it("come back when they are freed, and stay where a call takes them over", () => {
    const before = memory.resultBytes;
    const twice = compile((x: NdArray) => mul(x, 2), { resident: true, donate: [0] });
    let x: NdArray = pin(ones([1024]));
    for (let i = 0; i < 20; i++) x = twice(x);
    expect(x).toBeInstanceOf(ResidentArray);
    expect(item(slice(x, [0], [1]))).toBe(2 ** 20);
    free(x);
    const make = compile((y: NdArray) => mul(y, 3), { resident: true });
    const y = make(ones([1024]));
    const stays = y instanceof ResidentArray;
    expect(memory.resultBytes).toBe(before + (stays ? 4096 : 0));
    free(y);
    expect(memory.resultBytes).toBe(before);
  });
});
