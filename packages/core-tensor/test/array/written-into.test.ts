/** Arrays are immutable, yet `data` is a typed array: what is written into it never changes a result that was asked for before, nor is it missed later. */
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";

const last = (x: NdArray): number => p.toTypedArray(x).at(-1)!;
const write = (x: NdArray, value: number): void => {
  x.data[x.data.length - 1] = value;
};

describe("writing into the storage of an array", () => {
  it.each([100, 8191, 8192, 50_000])("of %d elements leaves earlier results alone", (n) => {
    const made = p.array(new Float32Array(n).fill(2));
    const computed = p.add(made, 1);
    const sums = [p.add(made, 10), p.add(computed, 10), p.mul(made, computed)];
    write(made, 50);
    write(computed, 60);
    expect(sums.map(last)).toEqual([12, 13, 6]);
    expect(last(p.add(made, 1))).toBe(51);
    expect(last(p.add(computed, 1))).toBe(61);
    expect([made.data.at(-1), computed.data.at(-1)]).toEqual([50, 60]);
    expect([made.get(n - 1), computed.get(n - 1)]).toEqual([50, 60]);
  });

  it("is no different for an intermediate result, read or not", () => {
    const x = p.full([20_000], 3);
    const between = p.mul(x, 2);
    const after = p.sub(between, 1);
    write(between, 0);
    expect([last(after), last(between), last(p.sub(between, 1))]).toEqual([5, 0, -1]);
    write(between, 9);
    expect(last(p.sub(between, 1))).toBe(8);
  });

  it("through a view leaves alone what was computed on the way and not kept", () => {
    const x = p.mul(p.full([10_000], 3), 2);
    const between = p.add(x, 1);
    const after = p.mul(between, 2);
    const view = p.reshape(x, [100, 100]);
    expect(last(after)).toBe(14);
    write(view, 0);
    expect([last(between), last(after), last(p.add(view, 1))]).toEqual([7, 14, 1]);
  });

  it("is seen by products with a matrix that came often", () => {
    const w = p.ones([512, 512]);
    const x = p.ones([1, 512]);
    for (let i = 0; i < 4; i++) expect(last(p.matmul(x, w))).toBe(512);
    write(w, 1000);
    expect(last(p.matmul(x, w))).toBe(1511);
  });

  it("is seen, and earlier results stay, when the operand is repeated by broadcasting", () => {
    const row = p.full([9000], 1);
    const y = p.add(row, p.zeros([3, 9000]));
    write(row, 7);
    expect([last(y), last(p.add(row, p.zeros([3, 9000])))]).toEqual([1, 7]);
  });

  it("goes with a structured clone", () => {
    const x = p.full([9000], 1);
    expect(structuredClone(x)).toMatchObject({ shape: [9000], offset: 0 });
    expect(structuredClone(x).data.length).toBe(9000);
  });
});
