// Source of truth: the scheduler classes of diffusers 0.40.0.dev0 in float64, and corrected paths where they are at fault.
import { type NdArray, add, mul, slice, squeeze } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import {
  type Model,
  type NoiseLevel,
  addNoise,
  convertPrediction,
  mixtureMoments,
  sample,
  stepOfLevel,
} from "../src/index.js";
import { type SchedulerOptions, schedulerFromConfig } from "../src/samplers/index.js";
import { type GoldenMixture, expectNear, f64, load, mixtureOf } from "./fixtures.js";

interface Case {
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly numInferenceSteps: number | null;
  readonly setTimesteps: { readonly mu?: number; readonly sigmas?: number[] };
  readonly step: { readonly eta?: number; readonly use_clipped_model_output?: boolean };
  readonly coordinates: "vp" | "ve" | "flow" | "edm";
  readonly levels: [number, number, number][];
  readonly stepEnds: number[];
  readonly noises: number[][][];
  readonly noiseAtCall: number[];
  readonly img2img: { startIndex: number; clean: number[][]; noise: number[][] } | null;
  readonly trajectory: number[][][];
  readonly diffusersFault: string | null;
  readonly correctedTrajectory?: number[][][];
}

const { law, cases } = load<{ law: GoldenMixture; cases: Case[] }>("diffusers-trajectories");
const mixture = mixtureOf(law);

/** The clean point of the mixture; in pure noise that is its mean. */
const model: Model = {
  prediction: "x0",
  evaluate: (x, level) =>
    level.alpha === 0
      ? add(mul(0, x), mixtureMoments(mixture).mean)
      : convertPrediction(mixture.evaluate(x, level), mixture.prediction, "x0", x, level),
};

/** The classes whose points are x₀ + (σ/α)ε. */
const EXPLODING = /Euler|Heun|LMS|KDPM2/;

/** The factor from points on the variance-preserving scale to those of a case. */
function scaleAt({ coordinates, config }: Case, { alpha, sigma }: NoiseLevel): number {
  if (coordinates === "flow") return 1 / (alpha + sigma);
  if (coordinates === "edm") return 1 / alpha;
  return coordinates === "ve" && EXPLODING.test(String(config["_class_name"])) ? 1 / alpha : 1;
}

/** Noise for every step of the sampler; 0 where diffusers draws none. */
function noiseOf(given: Case, callsUntil: readonly number[], like: NdArray): NdArray[][] {
  let from = 0;
  return callsUntil.map((until) => {
    const at = given.noiseAtCall.findIndex((call) => call >= from && call < until);
    from = until;
    return [at < 0 ? mul(0, like) : f64(given.noises[at]!)];
  });
}

/** The path of a case, in its own coordinates, and the levels that were asked about. */
function path(given: Case, options: SchedulerOptions) {
  const { numInferenceSteps, setTimesteps, step, img2img } = given;
  const { sampler, run, levels, trainedOn } = schedulerFromConfig(JSON.stringify(given.config), {
    ...(numInferenceSteps !== null && { numSteps: numInferenceSteps }),
    ...setTimesteps,
    ...(step.eta !== undefined && { eta: step.eta }),
    ...(step.use_clipped_model_output && { useClippedModelOutput: true }),
    ...(img2img && { startIndex: img2img.startIndex }),
    ...options,
  });
  const rows = sampler.table(run.schedule, { stopAt: run.stopAt });
  const start = mul(1 / scaleAt(given, rows[0]!.level), f64(given.trajectory[0]!));
  let calls = 0;
  const callsUntil = rows.map((row) => (calls += row.calls.length));
  const { trajectory, numEvaluations } = sample(sampler, model, key(0), {
    start,
    ...run,
    ...(sampler.numNoises === 1 && { noise: noiseOf(given, callsUntil, start) }),
    trajectory: true,
  });
  const ends = rows.map(({ to }, i) => {
    const point = slice(trajectory!, [i + 1], [i + 2]);
    return mul(scaleAt(given, to), squeeze(point, 0));
  });
  return { ends, callsUntil, levels, trainedOn, numEvaluations };
}

describe("a scheduler of diffusers, by its configuration", () => {
  it.each(cases.map((given) => [given.name, given] as const))("%s takes its steps", (_, given) => {
    const { ends, callsUntil, levels, trainedOn, numEvaluations } = path(given, {});
    const truth = given.correctedTrajectory ?? given.trajectory;
    expect(numEvaluations).toBe(truth.length - 1);
    callsUntil.forEach((call, i) => expectNear(ends[i]!, f64(truth[call]!), 1e-9));
    given.levels.forEach(([time, alpha, sigma], i) => {
      const length = Math.hypot(alpha, sigma);
      const asked = levels[i]!;
      expectNear([asked.alpha, asked.sigma], [alpha / length, sigma / length], 1e-9);
      // lists of σ/α are rounded to steps by diffusers
      if (trainedOn) expect(Math.abs(stepOfLevel(trainedOn, asked) - time)).toBeLessThan(0.51);
    });
  });

  it.each(
    cases.filter((given) => given.diffusersFault).map((given) => [given.name, given] as const),
  )("%s is repeated with its fault when asked to", (_, given) => {
    const { ends, callsUntil } = path(given, { reproduceFaults: true });
    callsUntil.forEach((call, i) => expectNear(ends[i]!, f64(given.trajectory[call]!), 1e-9));
  });

  it("starts from a noised image at the level of its first step", () => {
    const given = cases.find(({ img2img }) => img2img)!;
    const { levels } = path(given, {});
    const { clean, noise } = given.img2img!;
    expectNear(addNoise(f64(clean), f64(noise), levels[0]!), f64(given.trajectory[0]!), 1e-9);
  });
});
