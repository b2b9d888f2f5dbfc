import { type NdArray, item, mul, norm, sub, toNested } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type Model,
  type Sampler,
  certifyOrder,
  gaussianMixture,
  lambdaGrid,
  lambdaOf,
  levelAt,
  probabilityFlow,
  sample,
  scheduleOf,
  linearBetas,
} from "../src/index.js";
import { ddim, deis, pndm } from "../src/samplers/index.js";

const plane = gaussianMixture({
  weights: [0.4, 0.6],
  means: [
    [-1, 0.3],
    [1, -0.2],
  ],
  variances: [0.1, 0.2],
});
const start = normal(key(1), [64, 2], { dtype: "float64" });

/** Mean distance at the first level from the exact flow. */
function errorOf(sampler: Sampler, numSteps: number): number {
  const schedule = lambdaGrid(numSteps + 1, { lambdaMin: -4, lambdaMax: 3 });
  const [first, last] = [levelAt(schedule, 1), levelAt(schedule, numSteps + 1)];
  const end = sample(sampler, plane, key(0), { start, schedule, stopAt: 1 }).samples;
  return (
    item(norm(sub(end, probabilityFlow(plane, start, last, first, { numSteps: 800 })))) /
    Math.sqrt(64)
  );
}
const orderOf = (sampler: Sampler): number =>
  Math.log2(errorOf(sampler, 64) / errorOf(sampler, 128));

/** A noise that is a given polynomial of ln σ/α, whatever the point. */
const polynomial = (...coefficients: number[]): Model => ({
  prediction: "eps",
  evaluate(x, level) {
    const s = -lambdaOf(level);
    const value = coefficients.reduce((sum, c, k) => sum + c * s ** k, 0);
    return mul(value, normal(key("direction"), x.shape, { dtype: "float64" }));
  },
});

describe("deis", () => {
  it.each([1, 2, 3] as const)(
    "of order %i follows a noise of its degree exactly, once it has enough predictions",
    (order) => {
      const schedule = lambdaGrid(12, { lambdaMin: -3, lambdaMax: 2 });
      const model = polynomial(...[0.3, -0.2, 0.1].slice(0, order));
      const { trajectory } = sample(deis({ order }), model, key(0), {
        start,
        schedule,
        trajectory: true,
        stopAt: 1,
      });
      const at = (i: number): NdArray => trajectory!.pick(i, null, null);
      for (let i = order - 1; i < 11; i++) {
        const [from, to] = [levelAt(schedule, 12 - i), levelAt(schedule, 11 - i)];
        const exact = probabilityFlow(model, at(i), from, to, { numSteps: 200 });
        expect(item(norm(sub(at(i + 1), exact)))).toBeLessThan(1e-9);
      }
    },
  );

  it("of order 1 is ddim", () => {
    const options = { start, schedule: lambdaGrid(15) };
    const gap = sub(
      sample(deis({ order: 1 }), plane, key(0), options).samples,
      sample(ddim(), plane, key(0), options).samples,
    );
    expect(item(norm(gap))).toBeLessThan(1e-12);
  });

  it.for([
    [1, 0.9, 1.2],
    [2, 1.7, 2.3],
    [3, 2.6, 3.4],
  ] as const)(
    "of order %i converges at its order on an even grid, and is certified",
    ([order, low, high], { task }) => {
      const measured = orderOf(deis({ order }));
      expect(measured).toBeGreaterThan(low);
      expect(measured).toBeLessThan(high);
      expect(certifyOrder(deis({ order }), plane, key(3))).toMatchObject({ holds: true });
      task.meta.claim = {
        says: `The exponential integrator of order ${order} has that order in the number of steps`,
        source:
          "Zhang, Chen (2023), fast sampling with exponential integrators (tAB-DEIS); a mixture in the plane, steps even in λ",
        measured: `order ${measured.toFixed(2)} between 64 and 128 steps`,
      };
    },
  );

  it("a sampler of order 2 that claims order 3 is found out", () => {
    const claimed = { ...deis({ order: 2 }), order: deis({ order: 3 }).order! };
    expect(certifyOrder(claimed, plane, key(3)).holds).toBe(false);
  });

  it("refuses other orders", () => {
    expect(() => deis({ order: 4 as 3 })).toThrow(/deis: order must be one of 1, 2, 3, got 4/);
  });
});

describe("pndm", () => {
  it("follows a constant noise exactly, and ends on the predicted clean point", () => {
    const schedule = lambdaGrid(10);
    const run = sample(pndm(), polynomial(0.7), key(0), { start, schedule });
    const gap = sub(
      run.samples,
      sample(ddim(), polynomial(0.7), key(0), { start, schedule }).samples,
    );
    expect(item(norm(gap))).toBeLessThan(1e-12);
    expect(run.numEvaluations).toBe(3 * 4 + 7);
  });

  it("with a multistep warm-up takes one evaluation a step, and the published weights", () => {
    const sampler = pndm({ warmup: "multistep" });
    const schedule = scheduleOf(linearBetas(50));
    expect(sample(sampler, plane, key(0), { start, schedule }).numEvaluations).toBe(50);
    const weights = sampler.table(schedule, {}).map((row) => row.weights.map((w) => 24 * w));
    expect(weights[0]).toEqual([24]);
    expect(weights[1]).toEqual([36, -12]);
    weights[2]!.forEach((w, j) => expect(w).toBeCloseTo([46, -32, 10][j]!, 12));
    weights[3]!.forEach((w, j) => expect(w).toBeCloseTo([55, -59, 37, -9][j]!, 12));
  });

  it("converges at second order on an even grid, and is certified", () => {
    const measured = orderOf(pndm());
    expect(measured).toBeGreaterThan(1.7);
    expect(measured).toBeLessThan(2.6);
    expect(certifyOrder(pndm(), plane, key(3))).toMatchObject({ holds: true });
  });

  it("refuses another warm-up, and schedules that start in pure noise", () => {
    expect(() => pndm({ warmup: "none" as "multistep" })).toThrow(/pndm: warmup must be one of/);
    expect(() => pndm().table({ beta: [0.5, 1], alphaBar: [0.5, 0] }, {})).toThrow(
      /pndm: the schedule starts in pure noise/,
    );
  });

  it("takes 20 steps closer to the flow than ddim does", () => {
    expect(errorOf(pndm(), 20)).toBeLessThan(errorOf(ddim(), 20) / 3);
    expect(
      toNested(sample(pndm(), plane, key(2), { shape: [1, 2], numSteps: 40 }).samples),
    ).toEqual(toNested(sample(pndm(), plane, key(2), { shape: [1, 2], numSteps: 40 }).samples));
  });
});
