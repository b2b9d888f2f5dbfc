// A sampler as a user would write it, outside of the package: with public names only.
import { add, mul, sub } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  certifyOrder,
  defineSampler,
  gaussianMixture,
  levelOfSigma,
  sample,
  theorySchedule,
  transitions,
} from "../src/index.js";

const ratio = ({ alpha, sigma }: { alpha: number; sigma: number }): number => sigma / alpha;

/** The midpoint rule in σ/α, with a factor on the slope in the middle, by which mistakes are planted. */
const midpoint = (factor = 1) =>
  defineSampler(
    {
      name: "midpoint",
      numNoises: 0,
      order: { expected: [1.6, 2.1], source: "the midpoint rule" },
      table: transitions,
      *step({ x }, { level, to }) {
        const [s, end] = [ratio(level), ratio(to)];
        const middle = levelOfSigma((s + end) / 2);
        const u = mul(1 / level.alpha, x);
        const slope = yield { x, level, want: "eps" };
        const half = add(u, mul((end - s) / 2, slope));
        const again = yield { x: mul(middle.alpha, half), level: middle, want: "eps" };
        return { x: mul(to.alpha, add(u, mul(factor * (end - s), again))) };
      },
    },
    ["level", "to"],
  );

const mixture = gaussianMixture({
  weights: [0.4, 0.6],
  means: [[-1.2], [0.9]],
  variances: [0.09, 0.16],
});

describe("a sampler of one's own", () => {
  it("runs wherever those of the package run, and has its order certified", () => {
    const own = midpoint();
    const { samples, numEvaluations } = sample(own, mixture, key(0), {
      shape: [4, 1],
      schedule: theorySchedule(40),
    });
    expect(samples.shape).toEqual([4, 1]);
    expect(numEvaluations).toBe(80);
    expect(certifyOrder(own, mixture, key(1)).holds).toBe(true);
  });

  it("with a slope that is 1 % off fails its certificate", () => {
    expect(certifyOrder(midpoint(1.01), mixture, key(1)).holds).toBe(false);
  });

  it("is refused by name where a part is missing or wrong", () => {
    const spec = { name: "mine", numNoises: 0, table: transitions };
    expect(() => defineSampler(spec as never)).toThrow(/defineSampler: .*step/);
    const asks = defineSampler({
      ...spec,
      *step({ x }, { level }) {
        return { x: sub(x, yield { x, level, want: "noise" as never }) };
      },
    });
    const run = { shape: [1, 1], numSteps: 20 };
    expect(() => sample(asks, mixture, key(0), run)).toThrow(/must be one of .*"eps"/);
    const forgets = defineSampler({
      ...spec,
      *step({ x }, { level }) {
        yield { x, level, want: "eps" };
        return { y: x } as never;
      },
    });
    expect(() => sample(forgets, mixture, key(0), run)).toThrow(/sample: state\.x/);
  });
});
