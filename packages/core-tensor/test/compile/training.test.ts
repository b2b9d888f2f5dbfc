import { describe, expect, it } from "vitest";
import {
  type NdArray,
  add,
  allClose,
  array,
  crossEntropy,
  item,
  matmul,
  meanSquaredError,
  relu,
  toNested,
  treeLeaves,
  valueAndGrad,
  vmap,
} from "@provably/core-tensor";
import { compile, explain, free, pin } from "@provably/core-tensor/compile";
import {
  type Optimizer,
  adam,
  adamw,
  applyUpdates,
  clipByGlobalNorm,
  cosineDecay,
  rmsprop,
  sgd,
  warmup,
} from "@provably/core-tensor/optim";
import { key, normal } from "@provably/core-tensor/random";

interface Params {
  readonly w: NdArray;
  readonly b: NdArray;
  readonly v: NdArray;
}
const params: Params = {
  w: normal(key("w"), [6, 16]),
  b: normal(key("b"), [16]),
  v: normal(key("v"), [16, 3]),
};
const x = normal(key("x"), [10, 6]);
const labels = array(
  Int32Array.from({ length: 10 }, (_, i) => i % 3),
  { shape: [10] },
);
const network = (p: Params, input: NdArray): NdArray =>
  matmul(relu(add(matmul(input, p.w), p.b)), p.v);
const loss = (p: Params, input: NdArray): NdArray => crossEntropy(network(p, input), labels);

function stepOf<S>(optimizer: Optimizer<S>) {
  return (p: Params, state: S, input: NdArray): [NdArray, Params, S] => {
    const [value, gradient] = valueAndGrad(loss)(p, input);
    const [updates, next] = optimizer.update(clipByGlobalNorm(gradient, 0.5), state, p);
    return [value, applyUpdates(p, updates), next];
  };
}

describe("a compiled training step", () => {
  const schedule = warmup(3, cosineDecay(0.05, 20));
  const optimizers: readonly (readonly [string, Optimizer])[] = [
    ["sgd", sgd(schedule, { momentum: 0.9, nesterov: true })],
    ["adam", adam(0.01)],
    ["adamw on a schedule", adamw(schedule, { weightDecay: 0.1 })],
    ["rmsprop", rmsprop(schedule)],
  ];
  it.each(optimizers)(
    "with %s goes where the step by itself goes, from one program",
    (_, optimizer) => {
      const step = stepOf(optimizer);
      const compiled = compile(step);
      let [p, s] = [params, optimizer.init(params)];
      let [q, t] = [params, optimizer.init(params)];
      for (let i = 0; i < 25; i++) {
        const [one, other] = [step(p, s, x), compiled(q, t, x)];
        [, p, s] = one;
        [, q, t] = other;
        expect(Math.abs(item(one[0]) - item(other[0]))).toBeLessThan(1e-5);
      }
      treeLeaves(p).forEach((y, k) => {
        expect(
          allClose(y, treeLeaves(q)[k]!, { relativeTolerance: 1e-4, absoluteTolerance: 1e-5 }),
        ).toBe(true);
      });
      expect(explain(compiled).match(/outputs/g)!.length).toBe(1);
    },
  );

  it("goes on from a state whose count is a plain number", () => {
    const optimizer = adam(0.01);
    const [, later] = optimizer.update(params, optimizer.init(params), params);
    const [a] = optimizer.update(params, later, params);
    const [b, last] = optimizer.update(params, { ...later, step: 1 }, params);
    expect(toNested(a.b)).toEqual(toNested(b.b));
    expect(last.step).toBe(2);
  });

  it("trains an ensemble under vmap", () => {
    const optimizer = adam(warmup(2, () => 0.1));
    const target = array([[1], [2], [3]]);
    const member = (
      w: NdArray,
      state: ReturnType<typeof optimizer.init>,
    ): [NdArray, typeof state] => {
      const [, gradient] = valueAndGrad((v: NdArray) => meanSquaredError(v, target))(w);
      const [update, next] = optimizer.update(gradient, state, w);
      return [add(w, update), next];
    };
    const ws = normal(key("ensemble"), [4, 3, 1]);
    const states = vmap((w: NdArray) => optimizer.init(w))(ws);
    const [together, after] = compile(vmap(member))(ws, states);
    expect(together.shape).toEqual([4, 3, 1]);
    expect(toNested(after.step as NdArray)).toEqual([1, 1, 1, 1]);
  });

  it("with pinned parameters donated from call to call, memory stays as it is for ten thousand steps", () => {
    const optimizer = adam(1e-4);
    const compiled = compile(stepOf(optimizer), { resident: true, donate: [0, 1] });
    let [p, s] = [pin(params), pin(optimizer.init(params))];
    const run = (steps: number): void => {
      for (let i = 0; i < steps; i++) {
        const [value, q, t] = compiled(p, s, x);
        free(value);
        [p, s] = [q, t];
      }
    };
    run(200);
    const before = memoryOf(compiled);
    run(10_000);
    expect(memoryOf(compiled)).toBe(before);
    expect(Number.isFinite(item(loss(p, x)))).toBe(true);
  });

  it("without pins, garbage is all it leaves for ten thousand steps", () => {
    const optimizer = sgd(1e-3);
    const compiled = compile(stepOf(optimizer));
    let [p, s] = [params, optimizer.init(params)];
    const run = (steps: number): void => {
      for (let i = 0; i < steps; i++) [, p, s] = compiled(p, s, x);
      global.gc?.();
    };
    run(500);
    const [heap, wasm] = [process.memoryUsage().heapUsed, memoryOf(compiled)];
    run(10_000);
    expect(memoryOf(compiled)).toBe(wasm);
    // without --expose-gc the heap may hold garbage of the last steps
    expect(process.memoryUsage().heapUsed - heap).toBeLessThan(global.gc ? heap * 0.05 : 64e6);
  });

  it("refuses parameters that were donated", () => {
    const compiled = compile((q: NdArray) => add(q, 1), { resident: true, donate: [0] });
    const once = pin(array([1, 2]));
    expect(toNested(compiled(once))).toEqual([2, 3]);
    expect(() => compiled(once)).toThrow(/donated/);
    expect(() => toNested(once)).toThrow(/donated/);
  });
});

/** Bytes of the memory of compiled programs, as explained. */
function memoryOf(compiled: (...args: never[]) => unknown): number {
  return Number(/(\d+) bytes of memory in all programs/.exec(explain(compiled))![1]);
}
