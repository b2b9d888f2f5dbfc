import { type NdArray, mul } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type DenoisingSampler,
  type Model,
  type Query,
  type Sampler,
  type Training,
  acceleratedOde,
  acceleratedSde,
  annealing,
  certifyOrder,
  certifyScore,
  ddpm,
  ddsDdim,
  dpnp,
  gaussianMixture,
  gaussianNoise,
  levelAt,
  linearBetas,
  matrixOperator,
  mixtureSamples,
  scaledLinearBetas,
  scheduleOf,
  stepModel,
} from "../src/index.js";
import { ddim } from "../src/samplers/index.js";

const mixture = gaussianMixture({ weights: [1, 1], means: [[2, 0], [-2, 0]], variances: [0.1, 0.1] }); // prettier-ignore
const schedule = scheduleOf(linearBetas(1000));
const data = mixtureSamples(mixture, key("data"), 4096);

/** A network trained on the schedule, which knows its levels by steps 0 to 999. */
function network(x: NdArray, step: number): NdArray {
  if (!(step >= 0 && step <= 999)) throw new RangeError(`there is no step ${step}`);
  const low = Math.min(998, Math.floor(step));
  const [a, b] = [levelAt(schedule, low + 1), levelAt(schedule, low + 2)];
  const [from, to] = [Math.log(a.sigma / a.alpha), Math.log(b.sigma / b.alpha)];
  const ratio = Math.exp(from + (step - low) * (to - from));
  const level = { alpha: 1 / Math.hypot(1, ratio), sigma: ratio / Math.hypot(1, ratio) };
  return mul(-level.sigma, mixture.evaluate(x, level));
}

describe("certifyScore", () => {
  const trained: Training = { schedule };

  it("holds for a network that is asked the right steps, and for the exact score", () => {
    for (const model of [stepModel(network, trained), mixture])
      expect(certifyScore(model, data, key(1))).toMatchObject({ verdict: "holds" });
  });

  it.each<readonly [string, Model]>([
    ["steps counted from 1", stepModel((x, t) => network(x, Math.min(999, t)), { schedule, firstStep: 1 })],
    ["the first step always", stepModel((x) => network(x, 0), trained)],
    ["the last step always", stepModel((x) => network(x, 999), trained)],
    ["steps counted from the other end", stepModel((x, t) => network(x, 999 - t), trained)],
    ["the schedule of another training", stepModel(network, { schedule: scheduleOf(scaledLinearBetas(1000)) })],
    ["a velocity taken for the noise", { prediction: "eps", evaluate: (x, level) => mul(level.alpha, mixture.evaluate(x, level)) }],
    ["a score taken for the noise", { prediction: "eps", evaluate: (x, level) => mixture.evaluate(x, level) }],
    ["half the noise", stepModel((x, t) => mul(0.5, network(x, t)), trained)],
  ])("fails with %s", (_, model) => {
    expect(certifyScore(model, data, key(1)).verdict).toBe("fails");
  }); // prettier-ignore

  it("is undecided where there are too few examples", () => {
    const few = mixtureSamples(mixture, key("few"), 4);
    expect(certifyScore(mixture, few, key(1)).verdict).toBe("undecided");
  });

  it("names what is wrong", () => {
    expect(() => certifyScore(mixture, [1, 2, 3], key(0))).toThrow(/certifyScore: data must be/);
    expect(() => certifyScore(mixture, data, key(0), { samples: 4 } as never)).toThrow(
      /numSamples/,
    );
    expect(() => certifyScore(mixture, data, 0 as never)).toThrow(/certifyScore: key must be/);
  });
});

/** A denoiser that asks, as it must, and leaves the point where it is. */
function* keep(x: NdArray): Generator<Query, NdArray, NdArray> {
  yield { x, level: levelAt(schedule, 1), want: "eps" };
  return x;
}

describe("the stationarity of DPnP's draws", () => {
  const forward = gaussianNoise(matrixOperator([[1, 0]]), 0.5);
  const etas = annealing({ start: 1.5, end: 0.3, hold: 2, decay: 10, stay: 6 });

  it("holds for the right model and is undecided for few draws", () => {
    const run = (numSamples: number) => dpnp(forward, [1.5], mixture, key(2), { numSamples, etas });
    expect(run(100).stationarity.verdict).toBe("holds");
    expect(run(4).stationarity.verdict).toBe("undecided");
  });

  it.each<readonly [string, DenoisingSampler]>([
    ["half the noise", { name: "half", process: (x, eta, k) => ddsDdim().process(x, eta / 2, k) }],
    ["none of the noise", { name: "none", process: keep }],
  ])("fails for a denoiser that takes %s", (_, denoiser) => {
    const { stationarity } = dpnp(forward, [1.5], mixture, key(2), {
      numSamples: 128,
      etas,
      denoiser,
    });
    expect(stationarity.verdict).toBe("fails");
  });

  it("leaves a network that is wrong alike for every denoiser to certifyScore", () => {
    const wrong = stepModel((x) => network(x, 0), { schedule });
    expect(certifyScore(wrong, data, key(1)).verdict).toBe("fails");
    const { stationarity } = dpnp(forward, [1.5], wrong, key(2), { numSamples: 16, etas });
    expect(stationarity.note).toMatch(/certifyScore/);
  });
});

describe("certifyOrder", () => {
  const line = gaussianMixture({
    weights: [0.4, 0.6],
    means: [[-1.2], [1]],
    variances: [0.09, 0.16],
  });

  /** A sampler that takes another multiple of the score. */
  const scaled = <Row>(sampler: Sampler<Row>, factor: number): Sampler<Row> => ({
    ...sampler,
    *step(state, row, noise) {
      const steps = sampler.step(state, row, noise);
      let turn = steps.next();
      while (!turn.done) turn = steps.next(mul(factor, yield turn.value));
      return turn.value;
    },
  });
  const brief = { numSteps: [25, 50], numPaths: 16 };

  it("fails for samplers whose score is off by 5 %, however many steps they need", () => {
    expect(certifyOrder(ddpm, line, key(0), brief).holds).toBe(true);
    for (const factor of [0.95, 1.05]) {
      expect(certifyOrder(scaled(ddpm, factor), line, key(0), brief).holds).toBe(false);
    }
    expect(certifyOrder(scaled(acceleratedSde, 1.05), line, key(0), brief).holds).toBe(false);
    const paths = { numSteps: [80, 160], numPaths: 16 };
    for (const sampler of [acceleratedOde, ddim()] as Sampler<never>[])
      expect(certifyOrder(scaled(sampler, 1.05), line, key(0), paths).holds).toBe(false);
  });
});
