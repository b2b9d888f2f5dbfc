import { describe, expect, it } from "vitest";
import {
  type NdArray,
  abs,
  add,
  array,
  concat,
  item,
  mean,
  mul,
  norm,
  slice,
  sub,
  toNested,
  variance,
} from "@provably/core-tensor";
import { key, normal } from "@provably/core-tensor/random";
import {
  type AsyncModel,
  type Model,
  type Sampler,
  addNoise,
  certifyErrorBound,
  certifyOrder,
  convertPrediction,
  ddpm,
  truncateSchedule,
  flowSchedule,
  gaussian,
  gaussianMixture,
  lambdaGrid,
  levelAt,
  levelOf,
  levelOfLambda,
  levelOfSigma,
  logLikelihood,
  mixtureLogDensity,
  mixtureMoments,
  mixtureSamples,
  theorySchedule,
  probabilityFlow,
  sample,
  sampleAdaptive,
  sampleAdaptiveAsync,
  sampleAsync,
  scheduleOf,
  stepOfLevel,
} from "../src/index.js";
import {
  type DdimRow,
  ddim,
  ddimInversion,
  ddpmAncestral,
  dpmSolverPlusPlus2M,
  flowEuler,
  flowHeun,
  repaint,
  withCorrector,
} from "../src/samplers/index.js";
import { f64 } from "./fixtures.js";

const line = gaussianMixture({
  weights: [0.4, 0.6],
  means: [[-1.2], [1]],
  variances: [0.09, 0.16],
});
const plane = gaussianMixture({
  weights: [0.4, 0.6],
  means: [[-1, 0.3], [1, -0.2]], // prettier-ignore
  covariances: [[[0.2, 0.05], [0.05, 0.1]], [[0.1, -0.04], [-0.04, 0.3]]], // prettier-ignore
});
const later = ({ prediction, evaluate }: Model): AsyncModel => ({
  prediction,
  evaluate: (...args) => Promise.resolve(evaluate(...args)),
});

describe("flow matching", () => {
  it("flowEuler gives the same points as ddim, also from pure noise", () => {
    // in pure noise the clean point is the mean of the law
    const clean: Model = {
      prediction: "x0",
      evaluate: (x, level) =>
        level.alpha === 0
          ? add(mul(0, x), mixtureMoments(plane).mean)
          : convertPrediction(plane.evaluate(x, level), "score", "x0", x, level),
    };
    const options = { shape: [5, 2], schedule: flowSchedule(12), trajectory: true };
    const [a, b] = [
      sample(flowEuler, clean, key(1), options),
      sample(ddim(), clean, key(1), options),
    ];
    expect(item(norm(sub(a.trajectory!, b.trajectory!)))).toBeLessThan(1e-12);
  });

  it("flowHeun is of second order", () => {
    expect(certifyOrder(flowHeun, plane, key(2), { numSteps: [80, 160, 320] })).toMatchObject({
      holds: true,
    });
    expect(
      certifyOrder({ ...flowHeun, step: flowEuler.step }, plane, key(2), {
        numSteps: [80, 160, 320],
      }).holds,
    ).toBe(false);
  });
});

describe("ddimInversion", () => {
  it("finds the noise that makes a point, the better the more it iterates", () => {
    const schedule = lambdaGrid(40);
    const points = mixtureSamples(plane, key(0), 50);
    const back = (iterations: number): number => {
      const noise = sample(ddimInversion({ iterations }), plane, key(0), {
        start: points,
        schedule,
      }).samples;
      return item(
        norm(sub(sample(ddim(), plane, key(0), { start: noise, schedule }).samples, points)),
      );
    };
    const errors = [1, 3, 10, 40].map(back);
    expect(errors[1]!).toBeLessThan(errors[0]!);
    expect(errors[2]!).toBeLessThan(errors[1]! / 10);
    expect(errors[3]!).toBeLessThan(1e-7);
  });

  it("maps data to standard normal noise", () => {
    const { samples } = sample(ddimInversion(), line, key(0), {
      start: mixtureSamples(line, key(4), 3000),
      schedule: lambdaGrid(200),
    });
    // 3000 draws: standard errors 0.018 and 0.026, five of each
    expect(Math.abs(item(mean(samples)))).toBeLessThan(0.09);
    expect(Math.abs(item(variance(samples)) - 1)).toBeLessThan(0.13);
    expect(() => ddimInversion({ iterations: 0 })).toThrow(/iterations/);
    expect(() =>
      sample(ddimInversion(), line, key(0), { start: [[1]], schedule: flowSchedule(5) }),
    ).toThrow(/pure noise/);
  });
});

describe("starting from an image", () => {
  it("keeps close to it when little noise is put in, and forgets it with much", () => {
    const schedule = theorySchedule(100);
    const from = f64([[1.1, -0.3]]);
    const distance = (step: number): number => {
      const start = addNoise(
        mul(from, array(new Float64Array(200).fill(1), { shape: [200, 1] })),
        normal(key(1), [200, 2], { dtype: "float64" }),
        levelAt(schedule, step),
      );
      return item(
        mean(
          norm(
            sub(
              sample(ddim(), plane, key(2), { start, schedule: truncateSchedule(schedule, step) })
                .samples,
              from,
            ),
            { axis: 1 },
          ),
        ),
      );
    };
    expect(distance(20)).toBeLessThan(distance(60) / 2);
    expect(distance(60)).toBeLessThan(distance(100));
    expect(() => truncateSchedule(schedule, 101)).toThrow(/numSteps/);
  });
});

describe("levels and steps", () => {
  it("stepOfLevel undoes levelAt, interpolates between steps and refuses more noise than there was", () => {
    const schedule = scheduleOf([0.1, 0.2, 0.3, 0.4]);
    const step = (ratio: number): number => stepOfLevel({ schedule }, levelOfSigma(ratio));
    const ratio = (t: number): number => levelAt(schedule, t).sigma / levelAt(schedule, t).alpha;
    for (const t of [1, 2, 3, 4]) {
      expect(stepOfLevel({ schedule }, levelAt(schedule, t))).toBe(t - 1);
      expect(stepOfLevel({ schedule, firstStep: 1 }, levelAt(schedule, t))).toBe(t);
    }
    expect(step(Math.sqrt(ratio(2) * ratio(3)))).toBeCloseTo(1.5, 10);
    expect(stepOfLevel({ schedule, wholeSteps: true }, levelOfSigma(1.2 * ratio(2)))).toBe(1);
    expect([step(1e-6), step(0)]).toEqual([0, 0]);
    expect(() => step(1e6)).toThrow(/stepOfLevel: no step of the training has the noise/);
    expect(() => levelOfSigma(-1)).toThrow(/ratio/);
  });

  it("ddpmAncestral interpolates between its variances in the logarithm", () => {
    const [small, half, large] = (["small", 0.5, "large"] as const).map(
      (v) => ddpmAncestral({ variance: v }).table(theorySchedule(30), {})[4]!.noise,
    );
    expect(half).toBeCloseTo(Math.sqrt(small! * large!), 12);
    expect(() => ddpmAncestral({ variance: 1.5 })).toThrow(/variance/);
  });
});

describe("repaint", () => {
  const law = gaussian({ mean: [0, 0], covariance: [[1, 0.8], [0.8, 1]] }); // prettier-ignore

  it("keeps the known part and brings the rest near its conditional law", () => {
    const sampler = repaint(ddpmAncestral(), [1.5, 0], [1, 0], { resamplings: 10, jumpLength: 5 });
    const { samples } = sample(sampler, law, key(3), {
      shape: [1500, 2],
      schedule: theorySchedule(60),
    });
    expect(new Set(toNested(slice(samples, [0, 0], [1500, 1])) as number[]).size).toBeGreaterThan(
      0,
    );
    expect(item(norm(sub(slice(samples, [0, 0], [1500, 1]), 1.5)))).toBeLessThan(1e-9);
    const rest = slice(samples, [0, 1], [1500, 2]);
    // the conditional law is N(1.2, 0.36); replacement is approximate, but without resampling it is further off
    expect(Math.abs(item(mean(rest)) - 1.2)).toBeLessThan(0.1);
    const once = sample(
      repaint(ddpmAncestral(), [1.5, 0], [1, 0], { resamplings: 1 }),
      law,
      key(3),
      {
        shape: [1500, 2],
        schedule: theorySchedule(60),
      },
    );
    expect(Math.abs(item(mean(slice(once.samples, [0, 1], [1500, 2]))) - 1.2)).toBeGreaterThan(
      0.15,
    );
  });

  it("gives a batch in parts the same points as in one piece, and the same when the model answers later", async () => {
    const sampler = repaint(ddpmAncestral(), [1, 0], [1, 0], { resamplings: 2, jumpLength: 3 });
    const options = { schedule: theorySchedule(30) };
    const whole = sample(sampler, law, key(5), { shape: [5, 2], ...options }).samples;
    const parts = [[0, 2], [2, 3]].map(([firstRow, n]) => sample(sampler, law, key(5), { shape: [n!, 2], firstRow: firstRow!, ...options }).samples); // prettier-ignore
    expect(toNested(concat(parts))).toEqual(toNested(whole));
    expect(
      toNested(
        (await sampleAsync(sampler, later(law), key(5), { shape: [2, 2], ...options })).samples,
      ),
    ).toEqual(toNested(sample(sampler, law, key(5), { shape: [2, 2], ...options }).samples));
  });

  it("refuses options and masks it cannot use", () => {
    expect(() => repaint(ddpm, [0], [0.5])).toThrow(/mask/);
    expect(() => repaint(ddpm, [0], [1], { jumpLength: 0 })).toThrow(/jumpLength/);
    expect(() => certifyOrder(repaint(ddpm, [0], [1]), line, key(0))).toThrow(/no order/);
  });
});

describe("withCorrector", () => {
  it("repairs a coarse predictor", () => {
    const options = {
      shape: [4000, 1],
      schedule: lambdaGrid(12, { lambdaMin: -4, lambdaMax: 2 }),
      stopAt: 1,
    } as const;
    const { alpha, sigma } = levelAt(options.schedule, 1);
    const exact = (0.4 * 1.2 ** 2 + 0.6) * 1 + 0.4 * 0.09 + 0.6 * 0.16 - (0.4 * -1.2 + 0.6) ** 2;
    const error = (sampler: Parameters<typeof sample>[0]): number =>
      Math.abs(
        item(variance(sample(sampler, line, key(1), options).samples)) -
          (alpha ** 2 * exact + sigma ** 2),
      );
    expect(error(withCorrector(ddim(), { corrections: 10 }))).toBeLessThan(error(ddim()));
  });

  it("leaves the law alone up to the length of its steps", () => {
    // at one level, many corrections of a sample of the law: mean and variance stay
    const law = gaussian({ mean: [0.5], covariance: [[0.25]] });
    const schedule = scheduleOf([0.2, 0.3]);
    const level = levelAt(schedule, 1);
    const still: Sampler<DdimRow> = {
      ...ddim(),
      *step({ x }) {
        yield* [];
        return { x };
      },
    };
    const start = addNoise(
      mixtureSamples(law, key(1), 4000),
      normal(key(2), [4000, 1], { dtype: "float64" }),
      level,
    );
    const { samples } = sample(
      withCorrector(still, { corrections: 50, signalToNoise: 0.1 }),
      law,
      key(3),
      { start, schedule, stopAt: 1 },
    );
    const spread = 0.25 * level.alpha ** 2 + level.sigma ** 2;
    expect(Math.abs(item(mean(samples)) - 0.5 * level.alpha)).toBeLessThan(0.05);
    expect(Math.abs(item(variance(samples)) / spread - 1)).toBeLessThan(0.12);
    expect(() => withCorrector(ddim(), { corrections: 0 })).toThrow(/corrections/);
    expect(() => withCorrector(ddim(), { signalToNoise: 0 })).toThrow(/signalToNoise/);
  });
});

describe("sampleAdaptive", () => {
  it("ends where the exact flow ends, the closer the smaller the tolerance", ({ task }) => {
    const start = normal(key(1), [64, 2], { dtype: "float64" });
    const exact = probabilityFlow(plane, start, levelOfLambda(-5), levelOfLambda(4));
    const runs = [1e-2, 1e-3, 1e-4].map((tolerance) => {
      const options = {
        start,
        relativeTolerance: tolerance,
        absoluteTolerance: tolerance,
        denoise: false,
      };
      const result = sampleAdaptive(plane, key(0), options);
      expect(result.certificate.holds).toBe(true);
      return {
        error: item(mean(norm(sub(result.samples, exact), { axis: 1 }))),
        steps: result.lambdas.length,
      };
    });
    expect(runs[1]!.error).toBeLessThan(runs[0]!.error / 3);
    expect(runs[2]!.error).toBeLessThan(runs[1]!.error / 3);
    expect(runs[2]!.error).toBeLessThan(1e-2);
    // second order: a hundredth of the tolerance for ten times the steps, within a factor of two
    expect(runs[2]!.steps / runs[0]!.steps).toBeGreaterThan(4);
    expect(runs[2]!.steps / runs[0]!.steps).toBeLessThan(20);
    task.meta.claim = {
      says: "Steps that adapt to a tolerance end as near to the exact flow as the tolerance asks, at second order",
      source:
        "the flow of Song and others (2021), section 4.3, with a pair of embedded orders 1 and 2",
      measured: `mean distance ${runs.map(({ error }) => error.toExponential(1)).join(", ")} in ${runs.map(({ steps }) => steps).join(", ")} steps at tolerances 10⁻², 10⁻³, 10⁻⁴; 64 points in the plane`,
    };
  });

  it("gives the same numbers when the model answers later", async () => {
    const now = sampleAdaptive(plane, key(3), { shape: [4, 2] });
    const then = await sampleAdaptiveAsync(later(plane), key(3), { shape: [4, 2] });
    expect(toNested(then.samples)).toEqual(toNested(now.samples));
    expect(then.numEvaluations).toBe(now.numEvaluations);
  });

  it("says so when it gives up, and names bad options", () => {
    const result = sampleAdaptive(plane, key(0), { shape: [4, 2], maxIterations: 3 });
    expect(result.converged).toBe(false);
    expect(result.certificate.holds).toBe(false);
    expect(() => sampleAdaptive(plane, key(0), { shape: [4, 2], relativeTolerance: -1 })).toThrow(
      /relativeTolerance/,
    );
    expect(() => sampleAdaptive(plane, key(0), { shape: [4, 2], lambdaMin: 5 })).toThrow(
      /lambdaMin/,
    );
    expect(() => sampleAdaptive(plane, key(0), {})).toThrow(/shape or start/);
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    expect(() => sampleAdaptive(plane, key(0), { shape: [4, 2], signal: stop.signal })).toThrow(
      "enough",
    );
  });
});

describe("logLikelihood", () => {
  const level = levelOf(0.95);
  const points = addNoise(
    mixtureSamples(plane, key(6), 12),
    normal(key(7), [12, 2], { dtype: "float64" }),
    level,
  );
  const exact = mixtureLogDensity(plane, points, level);
  const worst = (a: NdArray): number => Math.max(...(toNested(abs(sub(a, exact))) as number[]));

  it("is the exact density of a mixture, with an error of fourth order", ({ task }) => {
    // what is left at the end is the law's distance from standard normal at λ = −9, about 1e-8
    const errors = [25, 50, 100].map((numSteps) =>
      worst(logLikelihood(plane, points, level, { numSteps, lambdaMin: -9 }).logLikelihood),
    );
    expect(errors[1]! / errors[2]!).toBeGreaterThan(10);
    expect(errors[2]!).toBeLessThan(1e-4);
    task.meta.claim = {
      says: "Change of variables along the probability flow gives the density of the data",
      source: "Song and others (2021), section 4.3; Chen and others (2018)",
      measured: `largest error of 12 log-densities ${errors.map((e) => e.toExponential(1)).join(", ")} in 25, 50, 100 steps (fourth order)`,
    };
  });

  it("agrees for a model that is differentiated automatically", () => {
    const { prediction, evaluate } = plane;
    const automatic = logLikelihood({ prediction, evaluate }, points, level, {
      numSteps: 40,
    }).logLikelihood;
    expect(
      item(
        norm(sub(automatic, logLikelihood(plane, points, level, { numSteps: 40 }).logLikelihood)),
      ),
    ).toBeLessThan(1e-8);
  });

  it("is right on average with random probes", () => {
    const run = (seed: number, numProbes: number): NdArray =>
      logLikelihood(plane, points, level, {
        numSteps: 60,
        divergence: { kind: "hutchinson", key: key(seed), numProbes },
      }).logLikelihood;
    const many = Array.from({ length: 30 }, (_, i) => run(i, 1));
    const average = mul(
      1 / many.length,
      many.reduce((a, b) => add(a, b)),
    );
    const reference = logLikelihood(plane, points, level, { numSteps: 60 }).logLikelihood;
    expect(Math.max(...(toNested(abs(sub(average, reference))) as number[]))).toBeLessThan(0.25);
    expect(() => run(0, 0)).toThrow(/numProbes/);
  });

  it("takes points to standard normal noise", () => {
    const data = addNoise(
      mixtureSamples(line, key(6), 2000),
      normal(key(7), [2000, 1], { dtype: "float64" }),
      level,
    );
    const { latent } = logLikelihood(line, data, level);
    expect(Math.abs(item(mean(latent)))).toBeLessThan(0.12);
    expect(Math.abs(item(variance(latent)) - 1)).toBeLessThan(0.16);
    expect(() => logLikelihood(line, data, levelOf(1))).toThrow(/level/);
    expect(() => logLikelihood(line, data, level, { lambdaMin: 9 })).toThrow(/lambdaMin/);
  });
});

describe("a model that goes wrong", () => {
  it("ends the run with what there is, when asked to", () => {
    let calls = 0;
    const failing: Model = {
      prediction: "eps",
      evaluate: (x) => (++calls === 4 ? mul(x, NaN) : x),
    };
    const { samples, certificate } = sample(dpmSolverPlusPlus2M(), failing, key(0), {
      shape: [2, 1],
      numSteps: 20,
      onNonFinite: "stop",
    });
    expect(certificate).toMatchObject({ value: 3 / 20, holds: false });
    expect(certificate.note).toMatch(/step 4/);
    expect(Number.isFinite(samples.get(0, 0))).toBe(true);
  });
});

describe("certifyErrorBound", () => {
  it("refuses samplers without an order", () => {
    expect(() =>
      certifyErrorBound(withCorrector(ddim()), line, line, key(0), theorySchedule(40)),
    ).toThrow(/no order/);
  });
});
