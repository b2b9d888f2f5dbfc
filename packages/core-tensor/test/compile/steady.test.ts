/** Programs that are compiled, run and dropped leave nothing behind: neither on the heap nor in the memory of compiled programs. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  type NdArray,
  add,
  array,
  grad,
  matmul,
  mul,
  slice,
  square,
  sum,
  tanh,
  toTypedArray,
} from "@provably/core-tensor";
import { compile, explain, pin } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";
import { sharedAllocator } from "../../src/compile/wasm/allocator.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const cycles = process.env["RUN_SLOW"] === undefined ? 2000 : 100_000;

interface Held {
  readonly heap: number;
  readonly programs: number;
}

/** Collects, and gives finalisers the chance to run, which on a busy machine takes them several turns. */
async function finalise(times = 1): Promise<void> {
  for (let i = 0; i < times; i++) {
    collect();
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** What is held when all that can be has been given back. */
async function held(): Promise<Held> {
  await finalise(5);
  const f = compile((x: NdArray) => add(x, 1));
  f(array([1]));
  return {
    heap: process.memoryUsage().heapUsed,
    programs: Number(/(\d+) bytes of memory in all programs/.exec(explain(f))![1]),
  };
}

/** What is held after half of the cycles and after all of them. The collector does not see the memory of programs: each hundred calls it. */
async function halves(cycle: (i: number) => void): Promise<readonly [Held, Held]> {
  let middle: Held | undefined;
  for (let i = 0; i < cycles; i++) {
    cycle(i);
    if (i % 100 === 99) await finalise();
    if (i === cycles / 2) middle = await held();
  }
  return [middle!, await held()];
}

describe(`${cycles} cycles of compile, run and drop`, () => {
  const weights = normal(key("weights"), [64, 64]);

  it("of one program hold their memory", async () => {
    const loss = (w: NdArray, x: NdArray): NdArray => sum(square(tanh(mul(matmul(x, w), weights))));
    const x = normal(key("x"), [64, 64]);
    const [middle, end] = await halves(() => void compile(grad(loss))(weights, x));
    // 16 KB of constants each would be 16 MB even for the short form
    expect(end.programs).toBe(middle.programs);
    expect(end.heap - middle.heap).toBeLessThan(2e6);
  }, 1_200_000);

  it("of programs that all differ hold their memory, their modules included", async () => {
    // 1024 generated loops are kept; before the middle of the slow form all of them have been replaced
    const [middle, end] = await halves(
      (i) => void compile((x: NdArray) => sum(mul(tanh(add(x, i)), weights)))(pin(weights)),
    );
    expect(end.programs - middle.programs).toBeLessThanOrEqual(1e6);
    expect(end.heap - middle.heap).toBeLessThan(cycles < 4000 ? 30e6 : 2e6);
  }, 1_200_000);

  it("on two threads forget the functions that no program uses", async () => {
    const { pool } = sharedAllocator(2)!;
    // extents are in the code, so that every loop is another one; some are long enough to be cut in two
    const x = normal(key("long"), [1 << 18]);
    const piece = (extent: number): NdArray => slice(x, [0], [extent]);
    for (let i = 0; i < cycles; i++) {
      compile((y: NdArray) => mul(tanh(y), y), { threads: 2 })(
        piece(i % 50 === 0 ? 65536 + i : 1 + i),
      );
      if (i % 100 === 99) await finalise();
    }
    await finalise(5);
    // 1024 generated loops are kept for programs to come
    expect(pool!.numGenerated).toBeGreaterThan(900);
    expect(pool!.numGenerated).toBeLessThan(1200);
    // a worker that had the old function of a number computes with the new one
    const [one, two] = [1, 2].map((threads) =>
      compile((y: NdArray) => add(tanh(y), 1), { threads })(piece(1 << 18)),
    );
    expect(toTypedArray(two!)).toEqual(toTypedArray(one!));
  }, 1_200_000);
});
