import {
  type NdArray,
  array,
  grad,
  item,
  mul,
  square,
  sub,
  sum,
  toNested,
} from "@provably/core-tensor";
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
import { describe, expect, it } from "vitest";

const f64 = (x: number[]): NdArray => array(x, { dtype: "float64" });
const loss = (w: NdArray): NdArray => sum(mul([1, 10], square(sub(w, [3, -1]))));

function train<S>(
  optimizer: Optimizer<S>,
  steps: number,
  from?: { params: NdArray; state: S },
): { params: NdArray; state: S } {
  let params = from?.params ?? f64([0, 0]);
  let state = from?.state ?? optimizer.init(params);
  for (let i = 0; i < steps; i++) {
    const [step, next] = optimizer.update(grad(loss)(params), state, params);
    [params, state] = [applyUpdates(params, step), next];
  }
  return { params, state };
}

describe("optimisers", () => {
  it.each([
    ["sgd", sgd(0.04)],
    ["sgd with momentum", sgd(0.01, { momentum: 0.8 })],
    ["sgd with Nesterov's momentum", sgd(0.01, { momentum: 0.8, nesterov: true })],
    ["adam", adam(cosineDecay(0.3, 600))],
    ["adamw without decay", adamw(cosineDecay(0.3, 600), { weightDecay: 0 })],
    ["rmsprop", rmsprop(cosineDecay(0.1, 600))],
  ] as const)("%s finds the minimum of a quadratic", (_, optimizer) => {
    const { params } = train(optimizer as Optimizer, 600);
    const [a, b] = toNested(params) as number[];
    expect(a).toBeCloseTo(3, 3);
    expect(b).toBeCloseTo(-1, 3);
  });

  it("a first step of gradient descent is minus the rate times the gradient", () => {
    expect(toNested(train(sgd(0.01), 1).params)).toEqual([0.06, -0.2]);
  });

  it("resume from a stored state to the same bits", () => {
    const whole = train(adam(0.1), 20).params;
    const half = train(adam(0.1), 10);
    expect(toNested(train(adam(0.1), 10, half).params)).toEqual(toNested(whole));
  });

  it("clipping keeps the direction and bounds the length", () => {
    expect(toNested(clipByGlobalNorm({ a: f64([3]), b: f64([4]) }, 10).a)).toEqual([3]);
    const { a, b } = clipByGlobalNorm({ a: f64([3]), b: f64([4]) }, 1);
    expect(item(a)).toBeCloseTo(0.6, 14);
    expect(item(b)).toBeCloseTo(0.8, 14);
  });

  it("schedules run as drawn", () => {
    const rate = warmup(10, cosineDecay(1, 100, 0.1));
    expect([rate(0), rate(5), rate(10), rate(60), rate(110), rate(500)]).toEqual([
      0,
      0.5,
      1,
      expect.closeTo(0.55, 12),
      expect.closeTo(0.1, 12),
      expect.closeTo(0.1, 12),
    ]);
  });

  it("refuse what they cannot use", () => {
    expect(() => sgd(0.1, { momentum: 1 })).toThrow(/momentum/);
    expect(() => adam(0.1, { beta2: -1 })).toThrow(/beta2/);
    expect(() => clipByGlobalNorm(f64([1]), 0)).toThrow(/maxNorm/);
    expect(() => train(sgd(NaN), 1)).toThrow(/learningRate/);
  });
});
