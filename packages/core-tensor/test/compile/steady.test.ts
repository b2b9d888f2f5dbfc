/** Programs that are compiled, run and dropped leave nothing behind: neither on the heap nor in the memory of compiled programs. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type NdArray, add, array, grad, matmul, mul, square, sum, tanh } from "@provably/core-tensor";
import { compile, explain, pin } from "@provably/core-tensor/compile";
import { key, normal } from "@provably/core-tensor/random";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const cycles = process.env["RUN_SLOW"] === undefined ? 2000 : 100_000;

interface Held {
  readonly heap: number;
  readonly programs: number;
}

/** Collected until finalisers have run. */
async function held(): Promise<Held> {
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const f = compile((x: NdArray) => add(x, 1));
  f(array([1]));
  return { heap: process.memoryUsage().heapUsed, programs: Number(/(\d+) bytes of memory in all programs/.exec(explain(f))![1]) };
}

/** What is held after half of the cycles and after all of them. The collector does not see the memory of programs: each hundred calls it. */
async function halves(cycle: (i: number) => void): Promise<readonly [Held, Held]> {
  let middle: Held | undefined;
  for (let i = 0; i < cycles; i++) {
    cycle(i);
    if (i % 100 === 99) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
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
    const [middle, end] = await halves((i) => void compile((x: NdArray) => sum(mul(tanh(add(x, i)), weights)))(pin(weights)));
    expect(end.programs - middle.programs).toBeLessThanOrEqual(1e6);
    expect(end.heap - middle.heap).toBeLessThan(cycles < 4000 ? 30e6 : 2e6);
  }, 1_200_000);
});
