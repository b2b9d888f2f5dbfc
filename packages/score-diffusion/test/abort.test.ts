import { key, normal } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { abortLimit, processorTime } from "../../../scripts/testing/processor-time.js";
import {
  type AsyncModel,
  type Model,
  annealing,
  ddsDdpm,
  denoiseAsync,
  dpnpAsync,
  gaussianMixture,
  gaussianNoise,
  lambdaGrid,
  quantizedSensing,
  identityOperator,
  sample,
  sampleAdaptiveAsync,
  sampleAsync,
  acceleratedSde,
  compressedSensing,
} from "../src/index.js";
import { dpmSolverPlusPlus2M } from "../src/samplers/index.js";

const plane = gaussianMixture({
  weights: [1, 1],
  means: [
    [-2, 0],
    [2, 1],
  ],
  variances: [0.1, 0.2],
});
/** Answers in the same turn of the event loop: timers run only where the driver lets them. */
const prompt = ({ prediction, evaluate }: Model): AsyncModel => ({
  prediction,
  evaluate: (...args) => Promise.resolve(evaluate(...args)),
});
/** Answers after ten seconds, if at all. */
const slow: AsyncModel = {
  prediction: "score",
  evaluate: (x, level) =>
    new Promise((resolve) => setTimeout(() => resolve(plane.evaluate(x, level)), 10_000).unref()),
};
const x = normal(key(0), [500, 2], { dtype: "float64" });
const shape = [500, 2];

/** Milliseconds of processor time from the abort to the rejection of work that would take much longer. */
async function delay(work: (signal: AbortSignal) => Promise<unknown>): Promise<number> {
  const reason = new Error("enough");
  const controller = new AbortController();
  let abortedAt = Infinity;
  setTimeout(() => {
    abortedAt = processorTime();
    controller.abort(reason);
  }, 100);
  await expect(work(controller.signal)).rejects.toBe(reason);
  return processorTime() - abortedAt;
}

describe("an abort", () => {
  const photons = quantizedSensing(identityOperator(2), 0.4);
  const sensing = quantizedSensing(compressedSensing(2, 600, key(1)), 0.4);
  const bits = Array.from({ length: 600 }, (_, i) => (i % 2 === 0 ? 1 : -1));
  it.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    [
      "sampleAsync",
      (signal) =>
        sampleAsync(acceleratedSde, prompt(plane), key(0), { shape, numSteps: 100_000, signal }),
    ],
    [
      "sampleAsync, in a model",
      (signal) => sampleAsync(acceleratedSde, slow, key(0), { shape, signal }),
    ],
    [
      "sampleAdaptiveAsync",
      (signal) =>
        sampleAdaptiveAsync(prompt(plane), key(0), {
          shape,
          relativeTolerance: 1e-12,
          absoluteTolerance: 1e-12,
          maxIterations: 1e6,
          signal,
        }),
    ],
    [
      "sampleAdaptiveAsync, in a model",
      (signal) => sampleAdaptiveAsync(slow, key(0), { shape, signal }),
    ],
    [
      "denoiseAsync",
      (signal) =>
        denoiseAsync(ddsDdpm({ numSteps: 100_000 }), prompt(plane), x, 0.5, key(0), { signal }),
    ],
    [
      "dpnpAsync, in its rounds",
      (signal) =>
        dpnpAsync(photons, [1, 1], prompt(plane), key(0), {
          numSamples: 100,
          etas: annealing({ stay: 100_000 }),
          signal,
        }),
    ],
    [
      "dpnpAsync, in Langevin steps",
      (signal) =>
        dpnpAsync(photons, [1, 1], prompt(plane), key(0), {
          numSamples: 500,
          malaSteps: 1_000_000,
          signal,
        }),
    ],
    [
      "dpnpAsync, in its certificate or before",
      (signal) =>
        dpnpAsync(sensing, bits, prompt(plane), key(0), {
          numSamples: 3000,
          malaSteps: 1,
          etas: [0.5],
          signal,
        }),
    ],
    [
      "dpnpAsync, in a model",
      (signal) =>
        dpnpAsync(gaussianNoise(identityOperator(2), 0.5), [1, 1], slow, key(0), {
          numSamples: 2,
          signal,
        }),
    ],
  ])("stops %s soon, in processor time", async (_, work) => {
    expect(await delay(work)).toBeLessThan(abortLimit());
  });

  it("before the start does no work", async () => {
    const asked: number[] = [];
    const model: AsyncModel = {
      prediction: "score",
      evaluate: () => Promise.reject(new Error(`asked ${asked.push(1)} times`)),
    };
    await expect(
      sampleAsync(acceleratedSde, model, key(0), {
        shape,
        signal: AbortSignal.abort(new Error("early")),
      }),
    ).rejects.toThrow("early");
    expect(asked).toEqual([]);
  });

  it("that never comes changes nothing, and the pauses change no bit", async () => {
    const options = { shape, schedule: lambdaGrid(200), signal: new AbortController().signal };
    const patient = await sampleAsync(dpmSolverPlusPlus2M(), prompt(plane), key(0), options);
    expect(patient.samples.data).toEqual(
      sample(dpmSolverPlusPlus2M(), plane, key(0), options).samples.data,
    );
  });

  it("passes on what a model throws", async () => {
    const model: AsyncModel = {
      prediction: "score",
      evaluate: () => Promise.reject(new Error("no device")),
    };
    await expect(
      sampleAsync(acceleratedSde, model, key(0), { shape, signal: new AbortController().signal }),
    ).rejects.toThrow("no device");
  });
});
