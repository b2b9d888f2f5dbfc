// Inputs as people bring them to score-diffusion: step numbers, schedules, networks as exported, options by other names, arrays of other shapes.
import { array, mul, toTypedArray } from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  acceleratedOde,
  annealing,
  blur,
  certifyScore,
  dpnp,
  empiricalDistribution,
  gaussian,
  gaussianMixture,
  gaussianNoise,
  identityOperator,
  inpainting,
  karrasSigmas,
  levelAt,
  levelOfSigma,
  linearBetas,
  mri,
  onnxModel,
  radon,
  respace,
  sample,
  sampleAdaptive,
  sampleAsync,
  scaledLinearBetas,
  scheduleOf,
  scheduleOfSigmas,
  stepModel,
  timesteps,
} from "@provably/score-diffusion";
import { dps } from "@provably/score-diffusion/baselines";
import { ddim, fromDiffusers, heun, schedulerFromConfig } from "@provably/score-diffusion/samplers";

const schedule = scheduleOf(linearBetas(1000));
const trainedOn = { schedule };
const f64 = (x) => array(x, { dtype: "float64" });
const near = (a, b, tolerance) => Math.abs(a - b) <= tolerance;

/** The noise of N(0, v) at a point of step t, by hand: ε̂ = σ x / (ᾱ v + σ²). It knows levels by whole or fractional steps only. */
const V = 0.25;
function noiseAt(t) {
  if (!(t >= 0 && t <= 999)) throw new RangeError(`there is no step ${t}`);
  const low = Math.min(998, Math.floor(t));
  const log = (i) => Math.log((1 - schedule.alphaBar[i]) / schedule.alphaBar[i]) / 2;
  const ratio = Math.exp(log(low) + (t - low) * (log(low + 1) - log(low)));
  const [a, s] = [1 / Math.hypot(1, ratio), ratio / Math.hypot(1, ratio)];
  return s / (a * a * V + s * s);
}
const network = (x, t) => mul(noiseAt(t), x);
const model = stepModel(network, trainedOn);
/** The deterministic flow of a normal law only scales: x √(ᾱ' v + σ'²) / √(ᾱ v + σ²). */
const flowEnd = (x, ratio) => (x * Math.sqrt(V)) / Math.sqrt((V + ratio ** 2) / (1 + ratio ** 2));
const noisiest = Math.sqrt((1 - schedule.alphaBar[999]) / schedule.alphaBar[999]);
const data = normal(key(7), [4096, 1], { dtype: "float64", std: Math.sqrt(V) });

class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}
/** A session of a network exported with a fixed batch, a type of time, more channels, or other inputs. */
const session = ({ time = "int64", type = "float32", rows = "n", channels = 1, more = [], data } = {}) => ({
  inputNames: ["x", "t", ...more],
  outputNames: ["y"],
  inputMetadata: [
    { name: "x", type, shape: [rows, 1, 1] },
    { name: "t", type: time, shape: [1] },
    ...more.map((name) => ({ name, type: "int64", shape: [1] })),
  ],
  outputMetadata: [{ name: "y", type, shape: [rows, channels, 1] }],
  async run({ x, t }) {
    if (rows !== "n" && x.dims[0] !== rows) throw new Error(`Got invalid dimensions: ${x.dims}`);
    if (t.type !== time) throw new Error(`Unexpected input data type ${t.type}, expected ${time}`);
    const factor = noiseAt(Number(t.data[0]));
    const y = data ?? Float32Array.from({ length: x.dims[0] * channels }, (_, i) => (i % channels === 0 ? factor * x.data[i / channels] : 9));
    return { y: new Tensor(type, y, [x.dims[0], channels, 1]) };
  },
}); // prettier-ignore
const fromOnnx = (about, options = {}) =>
  onnxModel({ Tensor }, session(about), { trainedOn, ...options });
const drawOnnx = async (about, options) => {
  const start = f64([[[1]], [[-0.5]]]);
  const path = respace(schedule, timesteps(1000, 200));
  return (await sampleAsync(heun(), fromOnnx(about, options), key(0), { start, schedule: path }))
    .samples;
};
const rightOnnx = (x) =>
  near(x.get(0, 0, 0), flowEnd(1, noisiest), 0.02) &&
  near(x.get(1, 0, 0), flowEnd(-0.5, noisiest), 0.01);
const spread = (x) => {
  const values = toTypedArray(x);
  return Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);
};
const law = gaussian({ mean: [0], covariance: [[V]] });
const forward = gaussianNoise(identityOperator(1), 0.5);

export default [
  // steps of networks
  {
    kind: "step convention",
    given: "a network that counts 0 to 999, levels by σ/α from Karras sigmas",
    give: () =>
      sample(heun(), model, key(0), {
        start: f64([[1]]),
        schedule: scheduleOfSigmas(karrasSigmas(60, { sigmaMin: 0.02, sigmaMax: 80 })),
      }).samples,
    right: (x) => near(x.get(0, 0), flowEnd(1, 80), 0.01),
    outcome: "right",
  },
  {
    kind: "step convention",
    given: "a network that counts 1 to 1000, told so",
    give: () => {
      const counts = stepModel((x, t) => network(x, t - 1), { schedule, firstStep: 1 });
      return counts.evaluate(f64([[1]]), levelAt(schedule, 300));
    },
    right: (x) => near(x.get(0, 0), noiseAt(299), 1e-12),
    outcome: "right",
  },
  {
    kind: "step convention",
    given: "a network that counts 0 to 999, said to count from 1",
    give: () =>
      certifyScore(stepModel((x, t) => network(x, Math.min(t, 999)), { schedule, firstStep: 1 }), data, key(1)),
    right: () => false,
    certificates: (certificate) => certificate,
    outcome: "seen",
  },
  {
    kind: "step convention",
    given: "steps counted from the data end and from the noise end mixed up",
    give: () => certifyScore(stepModel((x, t) => network(x, 999 - t), trainedOn), data, key(1)),
    right: () => false,
    certificates: (certificate) => certificate,
    outcome: "seen",
  },
  {
    kind: "step convention",
    given: "a level with a step number in it, `{ alpha, sigma, t }`",
    give: () => model.evaluate(f64([[1]]), { ...levelAt(schedule, 10), t: 9 }),
    says: 'level: unknown field "t"',
    outcome: "refused",
  },
  {
    kind: "step convention",
    given: "DPnP on a network of steps, whose levels are between its steps and below the first",
    give: () => dpnp(forward, [0.6], model, key(3), { numSamples: 200, etas: annealing({ start: 1, end: 0.1, hold: 0, decay: 8, stay: 14 }) }),
    // N(0, 1/4) measured with noise 1/2: variance 1/8, mean 0.3
    right: ({ samples }) => {
      const values = toTypedArray(samples);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      return near(mean, 0.3, 0.12) && near(spread(samples) ** 2 - mean ** 2, 0.125, 0.06);
    },
    outcome: "right",
  },
  {
    kind: "schedule",
    given: "the schedule of another training (scaled linear for linear)",
    give: () => certifyScore(stepModel(network, { schedule: scheduleOf(scaledLinearBetas(1000)) }), data, key(1)),
    right: () => false,
    certificates: (certificate) => certificate,
    outcome: "seen",
  },
  {
    kind: "schedule",
    given: "no schedule at all for a network: the default steps",
    give: () => sample(heun(), model, key(0), { start: f64([[1]]), numSteps: 200 }).samples,
    right: (x) => near(x.get(0, 0), flowEnd(1, noisiest), 0.02),
    outcome: "right",
  },
  {
    kind: "schedule",
    given: "more noise than the network was trained on",
    give: () => {
      // a network that was asked would say so itself, and not by name
      const counting = stepModel(() => { throw new Error("the network was asked"); }, trainedOn); // prettier-ignore
      return sample(ddim(), counting, key(0), { shape: [1, 1], schedule: scheduleOfSigmas([400, 1]) });
    },
    says: "no step of the training has the noise",
    outcome: "refused",
  },
  {
    kind: "schedule",
    given: "`numSteps` beside a `schedule`",
    give: () => sample(ddim(), law, key(0), { shape: [1, 1], numSteps: 10, schedule }),
    says: "sample: give either numSteps or schedule",
    outcome: "refused",
  },
  {
    kind: "schedule",
    given: "betas in place of a schedule",
    give: () => stepModel(network, { schedule: linearBetas(1000) }),
    says: "trainedOn.schedule",
    outcome: "refused",
  },
  // networks as they are exported
  {
    kind: "code",
    given: "a velocity read as the noise",
    give: () => certifyScore({ prediction: "eps", evaluate: (x, level) => mul(level.alpha, law.evaluate(x, level)) }, data, key(1)),
    right: () => false,
    certificates: (certificate) => certificate,
    outcome: "seen",
  },
  { kind: "file", given: "an ONNX network with int32 time", give: () => drawOnnx({ time: "int32" }), right: rightOnnx, outcome: "right" },
  { kind: "file", given: "an ONNX network exported for a batch of 1, two rows", give: () => drawOnnx({ rows: 1 }), right: rightOnnx, outcome: "right" },
  { kind: "file", given: "an ONNX network that predicts variances too, told so", give: () => drawOnnx({ channels: 2 }, { learnedVariance: true }), right: rightOnnx, outcome: "right" },
  { kind: "file", given: "an ONNX network that predicts variances too, as its session says", give: () => drawOnnx({ channels: 2 }), right: rightOnnx, outcome: "right" },
  { kind: "file", given: "an ONNX network with a time, and no training", give: () => fromOnnx({}, { trainedOn: undefined }), says: "give trainedOn", outcome: "refused" },
  { kind: "file", given: "an ONNX network with class labels left without a value", give: () => fromOnnx({ more: ["class_labels"] }), says: '"class_labels"', outcome: "refused" },
  { kind: "file", given: "an ONNX network of 8-bit integers", give: () => fromOnnx({ type: "uint8" }), says: "uint8", outcome: "refused" },
  { kind: "file", given: "an ONNX output of another type", give: () => drawOnnx({ data: new Int32Array(2) }), says: "output y must hold float32", outcome: "refused" },
  // options and arguments
  { kind: "option", given: "`sample(…, { steps: 40 })`", give: () => sample(ddim(), law, key(0), { shape: [1, 1], steps: 40 }), says: 'did you mean "numSteps"', outcome: "refused" },
  { kind: "option", given: "`dpnp(…, { numsamples: 4 })`", give: () => dpnp(forward, [1], law, key(0), { numsamples: 4 }), says: 'did you mean "numSamples"', outcome: "refused" },
  { kind: "option", given: "`dps(…, { zeta: 1 })`", give: () => dps(forward, [1], law, key(0), { numSamples: 1, zeta: 1 }), says: 'dps: unknown option "zeta"', outcome: "refused" },
  { kind: "option", given: "`sampleAdaptive(…, { rtol: 1e-3 })`", give: () => sampleAdaptive(law, key(0), { shape: [1, 1], rtol: 1e-3 }), says: 'unknown option "rtol"', outcome: "refused" },
  { kind: "argument", given: "`gaussianMixture({ weights, mean })`", give: () => gaussianMixture({ weights: [1], mean: [[0]], variances: [1] }), says: "means", outcome: "refused" },
  { kind: "argument", given: "`sample(…, 0)` for a key", give: () => sample(ddim(), law, 0, { shape: [1, 1] }), says: "sample: key must be a random key, made by key(0)", outcome: "refused" },
  { kind: "argument", given: "`sample(acceleratedOde, data, …)`", give: () => sample(acceleratedOde, [[0], [1]], key(0), { shape: [1, 1] }), says: "empiricalDistribution", outcome: "refused" },
  { kind: "argument", given: "`sample(ddim, …)`, the maker of a sampler", give: () => sample(ddim, law, key(0), { shape: [1, 1] }), says: "call it, as in ddim()", outcome: "refused" },
  { kind: "argument", given: "`mri` with a mask of another size", give: () => mri({ height: 4, width: 4, mask: f64([[1, 0]]) }), says: "mri: options.mask must be [4, 4]", outcome: "refused" },
  { kind: "option", given: "`radon({ theta: … })`, degrees by another name", give: () => radon({ height: 4, width: 4, theta: [0, 90] }), says: "radon: ", outcome: "refused" },
  { kind: "argument", given: "a colour image where `blur` expects a grey one", give: () => blur({ height: 4, width: 4, kernel: f64([[1]]) }).apply(f64([new Array(48).fill(1)])), says: "blur: x must be [n, 16], got [1, 48]", outcome: "refused" },
  // schedulers and pipelines of diffusers
  {
    kind: "file",
    given: "a scheduler_config.json with the bare -Infinity that Python writes",
    give: () => {
      const text = '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "use_karras_sigmas": true}';
      const { sampler, run } = schedulerFromConfig(text, { numSteps: 80 });
      return sample(sampler, law, key(0), { start: f64([[1]]), ...run }).samples;
    },
    right: (x) => near(x.get(0, 0), flowEnd(1, noisiest), 0.01),
    outcome: "right",
  },
  { kind: "file", given: "the scheduler of a class that is not understood", give: () => schedulerFromConfig({ _class_name: "SASolverScheduler" }, { numSteps: 10 }), says: "config._class_name must be one of", outcome: "refused" },
  { kind: "file", given: "a scheduler with a misspelt field", give: () => schedulerFromConfig({ _class_name: "DDIMScheduler", predicton_type: "v_prediction" }, { numSteps: 10 }), says: 'unknown field "predicton_type"', outcome: "refused" },
  { kind: "option", given: "`schedulerFromConfig(…, { num_inference_steps: 20 })`", give: () => schedulerFromConfig({ _class_name: "DDIMScheduler" }, { num_inference_steps: 20 }), says: 'unknown option "num_inference_steps"', outcome: "refused" },
  { kind: "schedule", given: "a scheduler's sampler on another schedule", give: () => sample(schedulerFromConfig({ _class_name: "DDIMScheduler" }, { numSteps: 10 }).sampler, law, key(0), { shape: [1, 1], schedule }), says: "runs its own levels only", outcome: "refused" },
  { kind: "file", given: "a pipeline without its index", give: () => fromDiffusers(async () => undefined, { numSteps: 10 }), says: "there is no model_index.json", outcome: "refused" },
  { kind: "argument", given: "labels for two points beside three", give: () => fromOnnx({ more: ["class_labels"] }, { feeds: { class_labels: f64([[1, 2]]) } }).evaluate(f64([[[1]], [[1]], [[1]]]), levelAt(schedule, 9)), says: "feeds.class_labels must have the extents [1]", outcome: "refused" },
  { kind: "argument", given: "`dps` with a network that answers later", give: () => dps(forward, [1], { prediction: "eps", evaluate: async (x) => x }, key(0), { numSamples: 1 }), says: "the model answers later", outcome: "refused" },
  // storage
  {
    kind: "storage form",
    given: "an inpainting mask of 3 · 256² numbers",
    give: () => {
      const operator = inpainting(Float32Array.from({ length: 3 * 256 ** 2 }, (_, i) => i % 2));
      return operator.adjoint(operator.apply(array(Float64Array.from({ length: 3 * 256 ** 2 }, (_, i) => i), { shape: [1, 3 * 256 ** 2] })));
    },
    right: (x) => x.get(0, 4) === 0 && x.get(0, 196607) === 196607 && x.get(0, 7) === 7,
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "a mask of true and false",
    give: () => inpainting([true, false, true]).apply(f64([[5, 6, 7]])),
    right: (x) => x.get(0, 0) === 5 && x.get(0, 1) === 7 && x.shape[1] === 2,
    outcome: "right",
  },
  {
    kind: "storage form",
    given: "a data set of whole numbers in a typed array of bytes",
    give: () => empiricalDistribution(array(Uint8Array.from([0, 255]), { shape: [2, 1] })).evaluate(f64([[255]]), levelOfSigma(1)),
    right: (x) => near(x.get(0, 0), 255, 1e-6),
    outcome: "right",
  },
]; // prettier-ignore
