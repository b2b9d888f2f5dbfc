// Source of truth: closed form and quadrature in NumPy/SciPy, see fixtures/score-diffusion/README.md.
import {
  type NdArray,
  add,
  array,
  asType,
  matmul,
  slice,
  square,
  toTypedArray,
} from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type AsyncModel,
  type ForwardModel,
  type OnnxRuntime,
  type OnnxSession,
  type Operator,
  type Sampler,
  type Schedule,
  type Training,
  annealing,
  dpnp,
  dpnpAsync,
  gaussianMixture,
  gaussianNoise,
  lambdaOf,
  levelOfSigma,
  linearBetas,
  matrixOperator,
  mixtureSamples,
  onnxModel,
  posteriorByRejection,
  sample,
  sampleAdaptive,
  sampleAdaptiveAsync,
  sampleAsync,
  sampleMoments,
  scaledLinearBetas,
  cosineBetas,
  scheduleOf,
  scheduleOfSigmas,
  stepModel,
} from "../src/index.js";
import { ddim, dpmSolver2, euler, heun } from "../src/samplers/index.js";
import { expectNear, f64, load } from "./fixtures.js";

interface Statistics {
  readonly meanAbs: number;
  readonly sdAbs: number;
  readonly mean: number;
  readonly sd: number;
  readonly sdAcross: number;
}
interface Law {
  readonly mean: number[];
  readonly cov: number[][];
}
interface Posterior {
  readonly name: string;
  readonly A?: number[][];
  readonly y: number[];
  readonly sigma: number;
  readonly posterior: Law;
  readonly stationary: readonly (Law & { readonly eta: number })[];
}
interface Golden {
  readonly schedule: { name: string; betaStart: number; betaEnd: number; numSteps: number };
  readonly alphaBar: Readonly<Record<string, number>>;
  readonly law: { weightOfPlus: number; mean: number[]; variance: number };
  readonly network: { checks: readonly { t: number; x: number[][]; eps: number[][] }[] };
  readonly cases: readonly {
    name: string;
    sampler: "ddim" | "euler" | "dpmSolver2" | "heun" | "adaptive";
    network: "interpolate" | "round";
    sigmaOverAlpha: number[];
    timesAsked?: number[];
    start: number[][];
    final: number[][];
    finalAtLastNoisyLevel: number[][];
    expected: Statistics;
  }[];
  readonly posteriors: readonly Posterior[];
}

const golden = load<Golden>("step-indexed-model");
const { mean: m, variance: v, weightOfPlus: w } = golden.law;
const betas: Readonly<Record<string, typeof linearBetas>> = {
  linear: linearBetas,
  scaledLinear: scaledLinearBetas,
  cosine: (n) => cosineBetas(n),
};
const { name: kind, numSteps, betaStart: start, betaEnd: end } = golden.schedule;
const schedule = scheduleOf(betas[kind]!(numSteps, { start, end }));
const T = schedule.alphaBar.length;
const logs = schedule.alphaBar.map((a) => Math.log((1 - a) / a) / 2);

const halfToEven = (t: number): number => {
  const near = Math.round(t);
  return Math.abs(t - Math.floor(t) - 0.5) < 1e-12 ? 2 * Math.round(t / 2) : near;
};

/** The network of the file: it knows a level by its step alone, and refuses steps that it does not have. */
function network(rounds: boolean, asked: number[] = []): (x: NdArray, t: number) => NdArray {
  return (x, t) => {
    if (!(t >= 0 && t <= T - 1)) throw new RangeError(`there is no step ${t}`);
    asked.push(t);
    const step = rounds ? halfToEven(t) : t;
    const low = Math.min(Math.floor(step), T - 2);
    const log = logs[low]! + (step - low) * (logs[low + 1]! - logs[low]!);
    const a = 1 / Math.sqrt(1 + Math.exp(2 * log));
    const s = 1 / Math.sqrt(1 + Math.exp(-2 * log));
    const S = a * a * v + s * s;
    const h = Math.log(w / (1 - w)) / 2;
    const points = toTypedArray(x);
    const d = m.length;
    const out = new Float64Array(points.length);
    for (let i = 0; i < points.length; i += d) {
      let dot = 0;
      for (let j = 0; j < d; j++) dot += m[j]! * points[i + j]!;
      const pull = Math.tanh((a * dot) / S + h);
      for (let j = 0; j < d; j++) out[i + j] = (s * (points[i + j]! - a * m[j]! * pull)) / S;
    }
    return array(out, { shape: x.shape });
  };
}

class Tensor {
  constructor(
    readonly type: string,
    readonly data: unknown,
    readonly dims: readonly number[],
  ) {}
}
const runtime = { Tensor } as unknown as OnnxRuntime;

/** The same network as a session of onnxruntime, whose time is of the given type. */
function session(timeType: string, rounds: boolean, asked: number[]): OnnxSession {
  const inner = network(rounds, asked);
  const sample = { name: "sample", type: "float64", shape: ["n", m.length] };
  return {
    inputNames: ["timestep", "sample"],
    outputNames: ["noise"],
    inputMetadata: [{ name: "timestep", type: timeType, shape: [1] }, sample],
    outputMetadata: [{ ...sample, name: "noise" }],
    run: (feeds) => {
      const { sample: x, timestep } = feeds as unknown as Record<string, Tensor>;
      const t = (timestep!.data as ArrayLike<number | bigint>)[0];
      const points = array(x!.data as Float64Array, { shape: x!.dims });
      const noise = new Tensor("float64", toTypedArray(inner(points, Number(t))), x!.dims);
      return Promise.resolve({ noise });
    },
  };
}

const samplers: Readonly<Record<string, () => Sampler>> = {
  ddim: () => ddim(),
  euler: () => euler(),
  dpmSolver2: () => dpmSolver2,
  heun: () => heun(),
};
const trainedOn: Training = { schedule };
/** Levels by σ/α, with no steps anywhere. */
const levelsOf = (sigmas: readonly number[]): Schedule => scheduleOfSigmas(sigmas);

describe("a network that knows levels by its steps", () => {
  it("is the one of the golden file", () => {
    for (const [t, power] of Object.entries(golden.alphaBar))
      expectNear([schedule.alphaBar[Number(t)]!], [power], 1e-12);
    for (const { t, x, eps } of golden.network.checks)
      expectNear(network(false)(f64(x), t), eps, 1e-12);
  });

  for (const c of golden.cases.filter(({ sampler }) => sampler !== "adaptive")) {
    const karras = !Number.isInteger(Math.round(1e6 * (c.timesAsked?.[0] ?? 0)) / 1e6);
    const tolerance = karras ? 1e-6 : 1e-9;
    const sampler = samplers[c.sampler]!();
    const options = { start: f64(c.start), schedule: levelsOf(c.sigmaOverAlpha) };

    it(`is asked the golden times by ${c.name}, as a function`, () => {
      const asked: number[] = [];
      const model = stepModel(network(c.network === "round", asked), trainedOn);
      const run = sample(sampler, model, key(0), options);
      expectNear(asked, c.timesAsked!, 0, 1e-6);
      expectNear(run.samples, c.final, tolerance);
      const noisy = sample(sampler, model, key(0), { ...options, stopAt: 1 });
      expectNear(noisy.samples, c.finalAtLastNoisyLevel, tolerance);
    });

    it(`is asked the golden times by ${c.name}, as a session of onnxruntime`, async () => {
      const asked: number[] = [];
      const whole = c.network === "round";
      const given = session(whole ? "int64" : "float64", false, asked);
      const model = onnxModel(runtime, given, { trainedOn });
      const run = await sampleAsync(sampler, model, key(0), options);
      expectNear(asked, whole ? c.timesAsked!.map(halfToEven) : c.timesAsked!, 0, 1e-6);
      expectNear(run.samples, c.final, tolerance);
    });

    it(`ends in the golden distribution with ${c.name}`, () => {
      const n = 4000;
      const model = stepModel(network(c.network === "round"), trainedOn);
      const { samples } = sample(sampler, model, key(c.name), {
        schedule: options.schedule,
        shape: [n, 2],
      });
      const length = Math.hypot(...m);
      const along = [...toTypedArray(matmul(samples, f64(m.map((x) => [x / length]))))];
      const across = [...toTypedArray(matmul(samples, f64([[-m[1]! / length], [m[0]! / length]])))];
      const average = (x: number[]): number => x.reduce((a, b) => a + b, 0) / n;
      const sd = (x: number[]): number =>
        Math.sqrt(average(x.map((value) => (value - average(x)) ** 2)));
      const sizes = along.map(Math.abs);
      const { expected } = c;
      const near = (value: number, golden: number, spread: number): void =>
        expect(Math.abs(value - golden)).toBeLessThan((5 * spread) / Math.sqrt(n) + 1e-3);
      near(average(sizes), expected.meanAbs, expected.sdAbs);
      near(sd(sizes), expected.sdAbs, expected.sdAbs);
      near(average(along), expected.mean, expected.sd);
      near(sd(across), expected.sdAcross, expected.sdAcross);
    });
  }

  for (const c of golden.cases.filter(({ sampler }) => sampler === "adaptive"))
    it(`is followed to the golden end by ${c.name}`, async () => {
      const noisy = c.sigmaOverAlpha.filter((s) => s > 0);
      const options = {
        start: f64(c.start),
        lambdaMin: lambdaOf(levelOfSigma(noisy[0]!)),
        lambdaMax: lambdaOf(levelOfSigma(noisy.at(-1)!)),
      };
      const model = stepModel(network(false), trainedOn);
      expectNear(sampleAdaptive(model, key(0), options).samples, c.final, 0, 2e-3);
      const before = sampleAdaptive(model, key(0), { ...options, denoise: false });
      expectNear(before.samples, c.finalAtLastNoisyLevel, 0, 2e-3);
      const later = onnxModel(runtime, session("float64", false, []), { trainedOn });
      const run = await sampleAdaptiveAsync(later, key(0), options);
      expectNear(run.samples, c.final, 0, 2e-3);
    });
});

const bent: Operator = {
  name: "x0² + x1",
  inputSize: 2,
  outputSize: 1,
  norm: 6,
  apply(x) {
    const n = x.shape[0]!;
    return add(square(slice(x, [0, 0], [n, 1])), slice(x, [0, 1], [n, 2]));
  },
};
const measured = ({ A, sigma }: Posterior): ForwardModel =>
  gaussianNoise(A === undefined ? bent : matrixOperator(A), sigma);

/** The law of the file, for starts that know the weights of its modes, which Gibbs sampling at a small η does not change. */
const law = gaussianMixture({
  weights: [w, 1 - w],
  means: [m, m.map((x) => -x)],
  variances: [v, v],
});

/** Moments within 5 standard errors and what the file allows beside them; covariances of n draws scatter too. */
function expectLaw(samples: NdArray, { mean, cov }: Law, n: number): void {
  const { mean: means, covariance } = sampleMoments(samples);
  for (const i of [0, 1]) {
    const spread = 5 * Math.sqrt(cov[i]![i]! / n);
    expect(Math.abs(asType(means, "float64").get(i) - mean[i]!)).toBeLessThan(spread + 0.03);
    for (const j of [0, 1]) {
      const value = cov[i]![j]!;
      const scatter = 5 * Math.sqrt((2 * cov[i]![i]! * cov[j]![j]!) / n);
      expect(Math.abs(asType(covariance, "float64").get(i, j) - value)).toBeLessThan(
        0.15 * Math.abs(value) + 0.02 + scatter,
      );
    }
  }
}

describe("DPnP on a network that knows levels by its steps", () => {
  for (const c of golden.posteriors)
    for (const { eta, ...kept } of c.stationary)
      it(`keeps the golden law at eta = ${eta}: ${c.name}`, () => {
        const n = 500;
        const asked: number[] = [];
        const model = stepModel(network(false, asked), trainedOn);
        const forward = measured(c);
        const start = posteriorByRejection(
          forward,
          c.y,
          (k, count) => mixtureSamples(law, k, count),
          key(`start of ${c.name}`),
          n,
        );
        const { samples, certificate, stationarity } = dpnp(forward, c.y, model, key(c.name), {
          start,
          etas: new Array<number>(12).fill(eta),
        });
        // a level with less noise than the first step is asked at the first, the others between
        expect(Math.min(...asked)).toBe(0);
        expect(new Set(asked).size).toBeGreaterThan(20);
        expectLaw(samples, kept, n);
        if (eta < 0.2) expectLaw(samples, c.posterior, n);
        expect(certificate.holds).toBe(true);
        expect(stationarity.holds).toBe(true);
      });

  it("finds the golden posterior from noise where it has one mode", () => {
    const n = 500;
    for (const c of golden.posteriors.filter(({ posterior: { cov } }) => cov[0]![0]! < 0.5)) {
      const model = stepModel(network(false), trainedOn);
      const etas = annealing({ start: 1.5, end: 0.1, hold: 2, decay: 16, stay: 6 });
      const run = dpnp(measured(c), c.y, model, key(c.name), { numSamples: n, etas });
      expectLaw(run.samples, c.posterior, n);
    }
  });

  it("gives the same draws when it answers later", async () => {
    const [c] = golden.posteriors;
    const options = { numSamples: 8, etas: [1, 0.3] };
    const later: AsyncModel = onnxModel(runtime, session("float64", false, []), { trainedOn });
    const now = dpnp(measured(c!), c!.y, stepModel(network(false), trainedOn), key(0), options);
    const run = await dpnpAsync(measured(c!), c!.y, later, key(0), options);
    expectNear(run.samples, now.samples, 1e-12);
  });
});
