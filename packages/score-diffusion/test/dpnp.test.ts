import { describe, expect, it } from "vitest";
import {
  type NdArray,
  allClose,
  array,
  concat,
  full,
  mean,
  mul,
  slice,
  toTypedArray,
  zeros,
} from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  type DpnpOptions,
  type DpnpState,
  annealing,
  blur,
  compressedSensing,
  ddsDdim,
  ddsDdpm,
  denoise,
  dpnp,
  dpnpAsync,
  effectiveSampleSize,
  gaussianKernel,
  gaussianMixture,
  gaussianNoise,
  linearOperator,
  matrixOperator,
  pcsGaussian,
  pcsMala,
  quantizedSensing,
  splitRHat,
} from "../src/index.js";
import { f64 } from "./fixtures.js";

const prior = gaussianMixture({
  weights: [1, 2],
  means: [
    [-1, 0],
    [1, 0.5],
  ],
  variances: [0.1, 0.2],
});
const linear = gaussianNoise(matrixOperator([[1, 0.5]]), 0.3);
const bits = quantizedSensing(2, 0.4);
const etas = annealing({ start: 1, end: 0.2, hold: 1, decay: 3, stay: 4 });
const base: DpnpOptions = { etas, malaSteps: 20, denoiser: ddsDdim({ numSteps: 8 }) };
const problems = [
  ["exact steps", linear, [0.8]],
  ["Langevin steps", bits, [1, -1]],
] as const;
const same = (a: NdArray, b: NdArray): void =>
  expect([...toTypedArray(a)]).toEqual([...toTypedArray(b)]);

describe.each(problems)("dpnp with %s", (_, forward, y) => {
  const whole = dpnp(forward, y, prior, key(1), { ...base, numSamples: 120 });

  it("does not depend on how the batch is split, though every chain adapts its steps", () => {
    // parts and whole in one range of sizes, since core-tensor and mixtures compute few and many numbers by other kernels
    const first = dpnp(forward, y, prior, key(1), { ...base, numSamples: 50 });
    const rest = dpnp(forward, y, prior, key(1), { ...base, numSamples: 70, firstRow: 50 });
    same(concat([first.samples, rest.samples], { axis: 0 }), whole.samples);
    same(concat([first.chain, rest.chain], { axis: 1 }), whole.chain);
  });

  it.each([1, 5, 7])("goes on after round %i as if it had never stopped", (stop) => {
    let state: DpnpState | undefined;
    dpnp(forward, y, prior, key(1), {
      ...base,
      numSamples: 120,
      onProgress: (progress) => progress.iteration === stop && (state = progress.state),
    });
    const resumed = dpnp(forward, y, prior, key(1), { ...base, state: state! });
    same(resumed.samples, whole.samples);
    same(resumed.chain, whole.chain);
    same(resumed.rHat!, whole.rHat!);
    expect(resumed.acceptance).toEqual(whole.acceptance);
    expect(resumed.numEvaluations).toBe(whole.numEvaluations);
    expect(resumed.certificate).toEqual(whole.certificate);
  });

  it("gives the same with a model that answers later", async () => {
    const later = {
      prediction: prior.prediction,
      evaluate: (x: NdArray, level: Parameters<typeof prior.evaluate>[1]) =>
        Promise.resolve(prior.evaluate(x, level)),
    };
    same(
      (await dpnpAsync(forward, y, later, key(1), { ...base, numSamples: 120 })).samples,
      whole.samples,
    );
  });

  it("keeps the draws at the last eta, thinned, after burning in", () => {
    expect(whole.chain.shape).toEqual([5, 120, 2]);
    const thinned = dpnp(forward, y, prior, key(1), {
      ...base,
      numSamples: 120,
      burnIn: 1,
      thin: 2,
    });
    expect(thinned.chain.shape).toEqual([2, 120, 2]);
    same(slice(thinned.chain, [1], [2]), slice(whole.chain, [3], [4]));
    expect(thinned.rHat).toBeUndefined();
    expect(allClose(whole.mean, mean(whole.chain, { axis: 0 }))).toBe(true);
    expect(whole.rHat!.shape).toEqual([2]);
    expect(whole.effectiveSampleSize!.get(0)).toBeGreaterThan(50);
  });

  it("stops when told to", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = (): void => controller.abort(reason);
    expect(() =>
      dpnp(forward, y, prior, key(1), {
        ...base,
        numSamples: 2,
        signal: controller.signal,
        onProgress,
      }),
    ).toThrow(reason);
    await expect(
      dpnpAsync(
        forward,
        y,
        { prediction: "score", evaluate: () => Promise.reject(new Error("not asked")) },
        key(1),
        {
          ...base,
          numSamples: 2,
          signal: controller.signal,
        },
      ),
    ).rejects.toThrow(reason);
  });

  it("takes a batch of none", () => {
    const none = dpnp(forward, y, prior, key(1), { ...base, numSamples: 0 });
    expect(none.samples.shape).toEqual([0, 2]);
  });
});

describe("dpnp", () => {
  it("denoises first when asked to", () => {
    const options = { ...base, etas: [0.5], numSamples: 3 };
    expect(
      dpnp(linear, [0.8], prior, key(1), { ...options, order: "dds-pcs-dds" }).numEvaluations,
    ).toBe(30);
    expect(dpnp(linear, [0.8], prior, key(1), options).numEvaluations).toBe(15);
  });

  it("names what is wrong", () => {
    const go = (options: DpnpOptions, y: readonly number[] | NdArray = [0.8]): unknown =>
      dpnp(linear, y, prior, key(1), { ...base, ...options });
    expect(() => go({})).toThrow(/give one of numSamples, start and state/);
    expect(() => go({ numSamples: -1 })).toThrow(/numSamples must be an integer ≥ 0/);
    expect(() => go({ numSamples: 1, etas: [] })).toThrow(/at least one round/);
    expect(() => go({ numSamples: 1, etas: [0.1, 0.2] })).toThrow(
      /must not grow, got 0.2 after 0.1/,
    );
    expect(() => go({ numSamples: 1, etas: [0.1, 0] })).toThrow(/etas\[1\] must be positive/);
    expect(() => go({ numSamples: 1, thin: 0 })).toThrow(/thin/);
    expect(() => go({ numSamples: 1, burnIn: 0.5 })).toThrow(/burnIn/);
    expect(() => go({ numSamples: 1, malaSteps: 0 })).toThrow(/malaSteps/);
    expect(() => go({ numSamples: 1, order: "dds" as "pcs-dds" })).toThrow(
      /order must be one of "pcs-dds", "dds-pcs-dds", got "dds"/,
    );
    expect(() => go({ numSamples: 1, proximal: "exact" as "auto" })).toThrow(/proximal/);
    expect(() => go({ start: f64([[1]]) })).toThrow(/chains must be \[n, 2\], got \[1, 1\]/);
    expect(() => go({ start: f64([[1, NaN]]) })).toThrow(/finite/);
    expect(() => go({ numSamples: 1 }, [1, 2])).toThrow(/y must be \[1\]/);
    expect(() => go({ numSamples: 2 }, f64([[1], [2], [3]]))).toThrow(
      /one for each of the 2 chains/,
    );
    const broken = { prediction: "eps", evaluate: (x: NdArray) => mul(NaN, x) } as const;
    expect(() => dpnp(linear, [0.8], broken, key(1), { ...base, numSamples: 1 })).toThrow(
      /NaN or infinite values in round 1/,
    );
    expect(() => annealing({ start: 0.1, end: 0.2 })).toThrow(/end must not exceed start/);
    expect(() => annealing({ hold: 0, decay: 0 })).toThrow(/leave no round/);
  });
});

describe("the published annealing", () => {
  it("holds 0.4 for four rounds and falls to 0.16 in twelve", () => {
    const published = annealing();
    expect(published).toHaveLength(16);
    expect(published.slice(0, 5)).toEqual([0.4, 0.4, 0.4, 0.4, 0.4]);
    expect(published[15]).toBe(0.16);
    expect(published[10]! / published[9]!).toBeCloseTo((0.16 / 0.4) ** (1 / 11), 12);
  });
});

describe("proximal steps", () => {
  it("by spectrum, Cholesky and conjugate gradients have one distribution, for circular convolutions and compressed sensing", () => {
    const n = 4000;
    for (const operator of [
      blur({ height: 3, width: 3, kernel: gaussianKernel(3, 0.8) }),
      compressedSensing(9, 4, key(3)),
    ]) {
      const d = operator.inputSize;
      const likelihood = gaussianNoise(operator, 0.5).likelihood(
        new Array<number>(operator.outputSize).fill(0.3),
      );
      const x = full([n, d], 0.2, { dtype: "float64" });
      const [spectral, cg] = (["spectral", "cg"] as const).map((method) =>
        pcsGaussian(likelihood, x, 0.7, key(4), { method }),
      ) as [NdArray, NdArray];
      // means of n draws of standard deviation at most 0.7
      for (let j = 0; j < d; j++)
        expect(
          Math.abs(mean(spectral, { axis: 0 }).get(j) - mean(cg, { axis: 0 }).get(j)),
        ).toBeLessThan((4.5 * 0.7 * Math.SQRT2) / Math.sqrt(n));
    }
  });

  it("conjugate gradients treat every row by itself", () => {
    const { apply, adjoint } = compressedSensing(9, 4, key(3));
    const blind = linearOperator({
      inputSize: 9,
      outputSize: 4,
      apply: (v) => apply(v),
      adjoint: (v) => adjoint(v),
    });
    const likelihood = gaussianNoise(blind, 0.5).likelihood([1, 2, 3, 4]);
    const x = mul([[1], [1e3], [1e-3]], normal(key(1), [3, 9], { dtype: "float64" }));
    const all = pcsGaussian(likelihood, x, 0.7, key(4));
    for (let i = 0; i < 3; i++)
      same(
        pcsGaussian(likelihood, slice(x, [i], [i + 1]), 0.7, key(4), { firstRow: i }),
        slice(all, [i], [i + 1]),
      );
    expect(() => pcsGaussian(likelihood, x, 0.7, key(4), { maxIterations: 1 })).toThrow(
      /relative residual of .* after 1 steps/,
    );
  });

  it("name what is wrong", () => {
    const x = zeros([1, 2], { dtype: "float64" });
    expect(() => pcsGaussian(bits.likelihood([1, 1]), x, 1, key(0))).toThrow(
      /must be linear with Gaussian noise; use pcsMala/,
    );
    expect(() => pcsGaussian(linear.likelihood([1]), x, 0, key(0))).toThrow(/eta must be positive/);
    expect(() =>
      pcsGaussian(linear.likelihood([1]), x, 1, key(0), { method: "cg", noise: x }),
    ).toThrow(/noise cannot be given/);
    expect(() =>
      pcsGaussian(linear.likelihood([1]), x, 1, key(0), { method: "lu" as "cg" }),
    ).toThrow(/method must be one of .* got "lu"/);
    expect(() => pcsMala(bits.likelihood([1, 1]), x, 1, key(0), { stepSize: -1 })).toThrow(
      /stepSize must be positive/,
    );
    expect(() => pcsMala(bits.likelihood([1, 1]), x, 1, key(0), { stepSize: f64([1, 2]) })).toThrow(
      /stepSize must be a number or \[1\]/,
    );
    expect(() =>
      pcsMala(bits.likelihood([1, 1]), x, 1, key(0), { numSteps: 2, noise: [x] }),
    ).toThrow(/noise must hold 2 arrays, got 1/);
    expect(() => ddsDdim({ grid: [0, 1] })).toThrow(/grid must go from 0 to 1.57/);
    expect(() => ddsDdim({ method: "rk4" as "heun" })).toThrow(
      /method must be one of "heun", "euler"/,
    );
    expect(() => ddsDdpm({ grid: [0, 0.5, 0.5, 1] })).toThrow(/grid must ascend/);
    expect(() => denoise(ddsDdim(), prior, x, 0, key(0))).toThrow(/denoise: eta must be positive/);
  });
});

describe("diagnostics", () => {
  it("of independent draws are 1 and their number; of a slow chain they are not", () => {
    const draws = normal(key(2), [400, 4, 1], { dtype: "float64" });
    expect(splitRHat(draws).get(0)).toBeCloseTo(1, 2);
    // the standard error of the estimate is a few percent here
    expect(effectiveSampleSize(draws).get(0)).toBeGreaterThan(1300);
    const slow = new Float64Array(1600);
    for (let t = 0; t < 400; t++)
      for (let c = 0; c < 4; c++)
        slow[4 * t + c] =
          t === 0
            ? draws.get(0, c, 0)
            : 0.9 * slow[4 * (t - 1) + c]! + Math.sqrt(0.19) * draws.get(t, c, 0);
    // an autoregression of 0.9 is worth (1 − 0.9) / (1 + 0.9) of its length: 84
    const size = effectiveSampleSize(fourChains(slow)).get(0);
    expect(size).toBeGreaterThan(45);
    expect(size).toBeLessThan(170);
    const apart = fourChains(
      Float64Array.from(
        { length: 1600 },
        (_, i) => draws.get(Math.floor(i / 4), i % 4, 0) + 3 * (i % 4),
      ),
    );
    expect(splitRHat(apart).get(0)).toBeGreaterThan(2);
    expect(splitRHat(full([10, 2, 1], 3)).get(0)).toBe(1);
    expect(() => splitRHat(zeros([3, 2, 1]))).toThrow(/rounds ≥ 4/);
  });
});

function fourChains(data: Float64Array): NdArray {
  return array(data, { shape: [data.length / 4, 4, 1] });
}
