import { runInNewContext } from "node:vm";
import { array, toNested } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type AsyncModel,
  type OnnxModelOptions,
  type OnnxRuntime,
  type OnnxSession,
  acceleratedOde,
  blur,
  certifyPosterior,
  certifyPosteriorPredictive,
  ddsDdim,
  decodePng,
  denoise,
  denoiseAsync,
  denoisingLoss,
  dpnp,
  encodePng,
  gaussian,
  gaussianKernel,
  gaussianMixture,
  gaussianNoise,
  identityOperator,
  inpainting,
  levelOf,
  levelOfSigma,
  linearBetas,
  onnxModel,
  pcsGaussian,
  pcsMala,
  posteriorByRejection,
  sample,
  sampleAdaptive,
  scheduleOf,
  scheduleOfSigmas,
  stepModel,
} from "../src/index.js";
import { dps } from "../src/baselines/index.js";
import { ddim } from "../src/samplers/index.js";

const mixture = gaussian({ mean: [0], covariance: [[1]] });
const forward = gaussianNoise(identityOperator(1), 0.5);
const wrong = (value: unknown): never => value as never;

describe("options", () => {
  it.each<readonly [string, () => unknown, RegExp]>([
    ["sample", () => sample(ddim(), mixture, key(0), wrong({ shape: [1, 1], steps: 40 })), /sample: unknown option "steps"; did you mean "numSteps"\?/],
    ["sampleAdaptive", () => sampleAdaptive(mixture, key(0), wrong({ shape: [1, 1], relativTolerance: 1 })), /sampleAdaptive: unknown option "relativTolerance"; did you mean "relativeTolerance"/],
    ["dpnp", () => dpnp(forward, [1], mixture, key(0), wrong({ numSample: 1 })), /dpnp: unknown option "numSample"; did you mean "numSamples"/],
    ["dps", () => dps(forward, [1], mixture, key(0), wrong({ numSamples: 1, step: 5 })), /dps: unknown option "step"/],
    ["blur", () => blur(wrong({ height: 4, width: 4, kernal: gaussianKernel(3, 1) })), /blur: options.kernel must be given.*"kernal"/],
    ["gaussianMixture", () => gaussianMixture(wrong({ weights: [1], mean: [[0]], variances: [1] })), /gaussianMixture: input.means must be given.*it has "mean"/],
    ["ddim", () => ddim(wrong({ Eta: 1 })), /ddim: unknown option "Eta"; did you mean "eta"/],
  ])("of %s that are misspelt are errors that name the right one", (_, call, message) => {
    expect(call).toThrow(message);
  });
}); // prettier-ignore

describe("arguments", () => {
  it("of another kind say which is wanted, and which function was called", () => {
    const options = { shape: [1, 1] };
    const data = [[0], [1]];
    expect(() => sample(ddim(), mixture, wrong(0), options)).toThrow(
      /sample: key must be a random key, made by key\(0\) of core-tensor\/random, got 0/,
    );
    for (const given of [data, array(data)])
      expect(() => sample(acceleratedOde, wrong(given), key(0), options)).toThrow(
        /sample: model must be a model of the score, .*empiricalDistribution/,
      );
    expect(() => sample(wrong(ddim), mixture, key(0), options)).toThrow(/call it, as in ddim\(\)/);
    expect(() => dpnp(forward, [1], mixture, wrong("seed"), { numSamples: 1 })).toThrow(
      /dpnp: key/,
    );
    const schedule = scheduleOf(linearBetas(10));
    expect(() => sample(ddim(), mixture, key(0), { ...options, schedule, numSteps: 5 })).toThrow(
      /either numSteps or schedule/,
    );
    expect(() => mixture.evaluate(array(data), wrong({ ...levelOf(0.5), t: 3 }))).toThrow(
      /level: unknown field "t"/,
    );
  });
});

describe("a network of steps", () => {
  it("is never asked about more noise than it was trained on", () => {
    let calls = 0;
    const model = stepModel((x) => (calls++, x), { schedule: scheduleOf(linearBetas(1000)) });
    const tooMuch = { shape: [1, 1], schedule: scheduleOfSigmas([400, 10, 1]) };
    expect(() => sample(ddim(), model, key(0), tooMuch)).toThrow(
      /sample: no step of the training has the noise sigma\/alpha = 400/,
    );
    expect(() => dpnp(forward, [1], model, key(0), { numSamples: 1, etas: [300] })).toThrow(
      /no step of the training/,
    );
    expect(calls).toBe(0);
  });

  it("gives at less noise than its first step the score of that step", () => {
    // N(0, v): the score −u / (v + r²) hardly changes with a small r
    const v = 0.25;
    const schedule = scheduleOf(linearBetas(1000));
    const first = Math.sqrt((1 - schedule.alphaBar[0]!) / schedule.alphaBar[0]!);
    for (const prediction of ["eps", "x0", "v", "score"] as const) {
      const model = stepModel(
        (x, step) => {
          expect(step).toBe(0);
          const level = levelOf(schedule.alphaBar[0]!);
          const u = x.get(0, 0) / level.alpha;
          const score = -u / (v + first ** 2) / level.alpha;
          const eps = -level.sigma * score;
          const x0 = (x.get(0, 0) - level.sigma * eps) / level.alpha;
          const all = { score, eps, x0, v: level.alpha * eps - level.sigma * x0 };
          return array([[all[prediction]]], { dtype: "float64" });
        },
        { schedule },
        { prediction },
      );
      const level = levelOfSigma(first / 10);
      const x = array([[0.3]], { dtype: "float64" });
      const score = -0.3 / level.alpha / (v + first ** 2) / level.alpha;
      const eps = -level.sigma * score;
      const x0 = (0.3 - level.sigma * eps) / level.alpha;
      const truth = { score, eps, x0, v: level.alpha * eps - level.sigma * x0 };
      expect(model.evaluate(x, level).get(0, 0)).toBeCloseTo(truth[prediction], 12);
    }
  });
});

describe("inpainting", () => {
  it("of three channels of 256² keeps indices only", () => {
    const d = 3 * 256 ** 2;
    const operator = inpainting(array(Float64Array.from({ length: d }, (_, i) => i % 3)));
    const x = array(
      Float64Array.from({ length: d }, (_, i) => i),
      { shape: [1, d] },
    );
    const y = operator.apply(x);
    expect(y.shape).toEqual([1, operator.outputSize]);
    const back = operator.adjoint(y);
    for (const i of [0, 1, 2, 3, d - 1]) expect(back.get(0, i)).toBe(i % 3 === 0 ? 0 : i);
    expect(operator.matrix).toBeUndefined();
    const scaled = operator.normalFunction!((eigenvalue) => 2 + eigenvalue, x);
    expect([scaled.get(0, 3), scaled.get(0, 4)]).toEqual([6, 12]);
  });
});

class Tensor {
  constructor(
    readonly type: string,
    readonly data: unknown,
    readonly dims: readonly number[],
  ) {}
}
const runtime = { Tensor } as unknown as OnnxRuntime;
const trainedOn = { schedule: scheduleOf(linearBetas(1000)) };

/** A session whose answer is its points times its time. */
function session(
  inputs: readonly (readonly [string, string, readonly (string | number)[]])[],
  answer: (points: Float32Array, time: number) => Tensor,
): OnnxSession & { readonly seen: Tensor[] } {
  const seen: Tensor[] = [];
  return {
    seen,
    inputNames: inputs.map(([name]) => name),
    outputNames: ["y"],
    inputMetadata: inputs.map(([name, type, shape]) => ({ name, type, shape })),
    outputMetadata: [{ name: "y", type: "float32", shape: ["n", "c"] }],
    run(feeds) {
      const given = feeds as unknown as Record<string, Tensor>;
      seen.push(given["t"]!);
      const time = Number((given["t"]!.data as ArrayLike<number>)[0]);
      return Promise.resolve({ y: answer(given["x"]!.data as Float32Array, time) });
    },
  };
}

describe("a session of onnxruntime", () => {
  const product = (points: Float32Array, time: number): Tensor =>
    new Tensor(
      "float32",
      points.map((v) => v * time),
      [points.length / 2, 2],
    );
  const x = array([[1, 2], [3, 4], [5, 6]], { dtype: "float64" }); // prettier-ignore
  const level = levelOf(trainedOn.schedule.alphaBar[7]!);
  const model = (given: OnnxSession, options: OnnxModelOptions = {}) =>
    onnxModel(runtime, given, { trainedOn, ...options });

  it("is wired by what it says of its inputs, in any order", async () => {
    for (const [type, shape, storage] of [
      ["int64", [1], BigInt64Array],
      ["int32", ["n"], Int32Array],
      ["float32", [], Float32Array],
      ["float64", ["m"], Float64Array],
    ] as const) {
      const given = session([["t", type, shape], ["x", "float32", ["n", "c"]]], product); // prettier-ignore
      const y = await model(given).evaluate(x, level);
      expect(y.get(2, 1)).toBe(42);
      expect(given.seen[0]!.data).toBeInstanceOf(storage);
      expect(given.seen[0]!.dims).toEqual(
        { int64: [1], int32: [3], float32: [], float64: [1] }[type],
      );
    }
  });

  it("that was exported for two rows is called as often as it takes", async () => {
    const given = session([["x", "float32", [2, 2]], ["t", "int64", [1]]], product); // prettier-ignore
    const y = await model(given).evaluate(x, level);
    expect([y.get(0, 0), y.get(1, 1), y.get(2, 0), y.get(2, 1)]).toEqual([7, 28, 35, 42]);
    expect(given.seen.length).toBe(2);
  });

  it("that does not fit is refused by name, before or after the call", async () => {
    const points = ["x", "float32", ["n", "c"]] as const;
    const time = ["t", "int64", [1]] as const;
    expect(() => model(session([points, time, ["labels", "int64", ["n"]]], product))).toThrow(
      /onnxModel: the inputs "t", "labels" are left/,
    );
    expect(() => model(session([["x", "uint8", ["n", "c"]], time], product))).toThrow(/got uint8/);
    expect(() => onnxModel(runtime, session([points, time], product))).toThrow(/give trainedOn/);
    const answers: readonly (readonly [Tensor, RegExp])[] = [
      [new Tensor("int32", new Int32Array(6), [3, 2]), /output y must hold float32, float64 or float16/],
      [new Tensor("float32", new Float32Array(12), [3, 4]), /output y must be \[3, 2\], got \[3, 4\]; .*learnedVariance/],
      [new Tensor("float32", new Float32Array(6), [2, 3]), /output y must be \[3, 2\], got \[2, 3\]/],
    ]; // prettier-ignore
    for (const [answer, message] of answers)
      await expect(model(session([points, time], () => answer)).evaluate(x, level)).rejects.toThrow(
        message,
      );
    const angry = session([points, time], () => {
      throw new Error("Unexpected input data type");
    });
    await expect(model(angry).evaluate(x, level)).rejects.toThrow(
      /onnxModel: the runtime refused the inputs .*\[3, 2\].*: Unexpected/,
    );
  });

  it("that predicts variances too gives the first half of its channels", async () => {
    const both = (): Tensor =>
      new Tensor(
        "float32",
        Float32Array.from({ length: 12 }, (_, i) => i),
        [3, 4],
      );
    const given = session([["x", "float32", ["n", "c"]], ["t", "int64", [1]]], both); // prettier-ignore
    const y = await model(given, { learnedVariance: true }).evaluate(x, level);
    expect([y.get(0, 0), y.get(0, 1), y.get(1, 0), y.get(2, 1)]).toEqual([0, 1, 4, 9]);
  });

  it("of half precision is given and read as such", async () => {
    const half = new Tensor(
      "float16",
      Uint16Array.from([0x3c00, 0xc000, 0x0001, 0x7bff, 0, 0x3555]),
      [3, 2],
    );
    const given = session([["x", "float16", ["n", "c"]], ["t", "float16", [1]]], () => half); // prettier-ignore
    const y = await model(given).evaluate(x, level);
    const [one, minusTwo, least, greatest, zero, third] = [0, 1, 2, 3, 4, 5].map((i) =>
      y.get(i >> 1, i & 1),
    );
    expect([one, minusTwo, least, greatest, zero]).toEqual([1, -2, 2 ** -24, 65504, 0]);
    expect(third).toBeCloseTo(1 / 3, 3);
  });
});

describe("a wrong key", () => {
  const bad = wrong(7);
  const x = array([[0]], { dtype: "float64" });
  const likelihood = forward.likelihood([1]);
  it.each<readonly [string, () => unknown]>([
    ["denoise", () => denoise(ddsDdim(), mixture, x, 0.5, bad)],
    ["pcsGaussian", () => pcsGaussian(likelihood, x, 0.5, bad)],
    ["pcsMala", () => pcsMala(likelihood, x, 0.5, bad)],
    ["certifyPosterior", () => certifyPosterior([[0], [1]], mixture, bad)],
    ["certifyPosteriorPredictive", () => certifyPosteriorPredictive(forward, [1], [[0]], bad)],
    ["posteriorByRejection", () => posteriorByRejection(forward, [1], () => x, bad, 1)],
    ["denoisingLoss", () => denoisingLoss({ prediction: "eps", apply: (_, p) => p }, {}, x, bad)],
  ])("is refused by %s, in its own name", (name, call) => {
    expect(call).toThrow(new RegExp(`^${name}: key must be a random key`));
  });

  it("of an asynchronous run is refused by the function that was called", async () => {
    const later: AsyncModel = {
      prediction: "score",
      evaluate: (p, level) => Promise.resolve(mixture.evaluate(p, level)),
    };
    await expect(denoiseAsync(ddsDdim(), later, x, 0.5, bad)).rejects.toThrow(/^denoiseAsync: key/);
  });
});

describe("storage of another realm", () => {
  it("is read as PNG bytes, and anything else is refused by name", () => {
    const png = encodePng([[-1, 1]]);
    const foreign = runInNewContext("new Uint8Array(list)", { list: [...png] }) as Uint8Array;
    expect(foreign).not.toBeInstanceOf(Uint8Array);
    expect(toNested(decodePng(foreign))).toEqual([[[-1, 1]]]);
    expect(() => decodePng(wrong([...png]))).toThrow(/decodePng: bytes must be a Uint8Array/);
  });
});
