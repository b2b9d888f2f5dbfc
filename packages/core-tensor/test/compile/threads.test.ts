import { describe, expect, it } from "vitest";
import {
  type NdArray,
  DomainError,
  add,
  exp,
  matmul,
  matrixTranspose,
  mul,
  softmax,
  sum,
  tanh,
  toTypedArray,
  zeros,
} from "@provably/core-tensor";
import { compile, explain } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { sharedAllocator } from "../../src/compile/wasm/allocator.js";

const f = (...[x, w, b]: NdArray[]): NdArray[] => {
  const h = tanh(add(matmul(x!, w!), b!));
  const y = matmul(h, w!);
  return [h, y, exp(mul(-0.1, mul(y, y))), sum(y, { axis: 1 }), sum(h), softmax(y)];
};

/** Calls until every worker is up, giving the event loop a chance in between. */
async function whenUp(
  compiled: (...args: NdArray[]) => NdArray[],
  args: readonly NdArray[],
  threads: number,
): Promise<void> {
  for (let i = 0; i < 200; i++) {
    compiled(...args);
    if (explain(compiled).includes(`on ${threads} threads, ${threads} of them up`)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`workers did not come up:\n${explain(compiled)}`);
}

describe("threads", () => {
  for (const dtype of ["float32", "float64"] as const)
    it(`any number of them gives the same bits in ${dtype}`, async () => {
      const args = [
        normal(key("x"), [301, 250], { dtype }),
        normal(key("w"), [250, 250], { dtype }),
        normal(key("b"), [250], { dtype }),
      ];
      const want = compile(f)(...args).map((y) => toTypedArray(y));
      for (const threads of [2, 3, 5]) {
        const compiled = compile(f, { threads });
        await whenUp(compiled, args, threads);
        compiled(...args).forEach((y, k) => {
          expect(
            Buffer.from(toTypedArray(y).buffer).equals(Buffer.from(want[k]!.buffer)),
            `output ${k}`,
          ).toBe(true);
        });
      }
    });

  it("one row through a matrix, by rows and by columns, is the same bits too", async () => {
    const products = (...[x, w]: NdArray[]): NdArray[] => [
      matmul(x!, w!),
      matmul(x!, matrixTranspose(w!)),
      matmul(w!, matrixTranspose(x!)),
    ];
    const args = [normal(key("row"), [1, 601]), normal(key("matrix"), [601, 601])];
    const want = compile(products)(...args).map((y) => toTypedArray(y));
    const compiled = compile(products, { threads: 3 });
    await whenUp(compiled, args, 3);
    compiled(...args).forEach((y, k) => {
      expect(
        Buffer.from(toTypedArray(y).buffer).equals(Buffer.from(want[k]!.buffer)),
        `output ${k}`,
      ).toBe(true);
    });
  });

  it("one row through a matrix that no cache holds, read as one stream, is the sum of its products, and the same bits too", async () => {
    // 34 MB: above the size from which on one thread streams; a third of it is below
    const n = 2900;
    const [x, w] = [normal(key("long row"), [1, n]), normal(key("large matrix"), [n, n])];
    const products = (...[a, b]: NdArray[]): NdArray[] => [
      matmul(a!, b!),
      matmul(a!, matrixTranspose(b!)),
    ];
    const [row, matrix] = [toTypedArray(x), toTypedArray(w)];
    const [across, along, scale] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const v = matrix[i * n + j]!;
        across[j]! += row[i]! * v;
        along[i]! += row[j]! * v;
        scale[j]! += Math.abs(row[i]! * v);
      }
    const one = compile(products);
    const want = one(x, w).map((y) => toTypedArray(y));
    // each of n roundings costs at most 6e-8 of the sum of sizes, and they average out
    const bound = 6e-8 * Math.sqrt(n) * Math.max(...scale);
    [across, along].forEach((truth, k) => {
      const worst = truth.reduce((most, v, i) => Math.max(most, Math.abs(v - want[k]![i]!)), 0);
      expect(worst).toBeLessThan(bound);
    });
    // a row has the same bits in the company of three others
    const four = one(add(zeros([4, n]), x), w).map((y) => toTypedArray(y).subarray(n, 2 * n));
    four.forEach((y, k) => expect(y).toEqual(want[k]));
    const compiled = compile(products, { threads: 3 });
    await whenUp(compiled, [x, w], 3);
    compiled(x, w).forEach((y, k) => {
      expect(
        Buffer.from(toTypedArray(y).buffer).equals(Buffer.from(want[k]!.buffer)),
        `output ${k}`,
      ).toBe(true);
    });
  });

  it("does the work of workers that fail", async () => {
    const product = (...[x, w]: NdArray[]): NdArray[] => [matmul(x!, w!)];
    const args = [normal(key("left"), [300, 200]), normal(key("right"), [200, 300])];
    const want = compile(product)(...args).map((y) => toTypedArray(y));
    const compiled = compile(product, { threads: 2 });
    await whenUp(compiled, args, 2);
    // a function whose module no engine takes
    const { pool } = sharedAllocator(2)!;
    const shares: number[] = [];
    const odd = (i: number): number => shares.push(i);
    pool!.add(odd, Uint8Array.of(1, 2, 3));
    // for each of the workers that are up by now
    const each = Array.from({ length: pool!.numReady + 1 }, (_, i) => i);
    pool!.run(
      odd,
      each.map((i) => [i]),
    );
    expect(shares.sort((a, b) => a - b)).toEqual(each);
    for (let i = 0; i < 8; i++)
      expect(
        Buffer.from(toTypedArray(compiled(...args)[0]!).buffer).equals(
          Buffer.from(want[0]!.buffer),
        ),
      ).toBe(true);
    expect(explain(compiled)).toMatch(/1 of them up/);
  });

  it("wants a number that makes sense", () => {
    expect(() => compile(f, { threads: 0 })).toThrow(DomainError);
    expect(() => compile(f, { threads: 1.5 })).toThrow(/threads/);
  });
});
