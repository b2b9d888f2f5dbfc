import { concat, item, mul, square, sum, zeros } from "@provably/core-tensor";
import { key } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { type Model, type Sampler, gaussian, sample } from "../src/index.js";
import { type Scheduler, flowHeun, schedulerFromConfig } from "../src/samplers/index.js";
import { expectNear, f64 } from "./fixtures.js";

type Config = Readonly<Record<string, unknown>>;

/** Normal data of deviation 0.6: the flow only stretches, and every table is linear on it. */
const WIDTH = 0.6;
const model: Model = {
  prediction: "x0",
  evaluate: (x, { alpha, sigma }) =>
    mul((alpha * WIDTH ** 2) / ((alpha * WIDTH) ** 2 + sigma ** 2), x),
};

const spread = ({ alpha, sigma }: { alpha: number; sigma: number }): number =>
  Math.hypot(alpha * WIDTH, sigma);

/** Where the flow takes the point 1 at the first level, and where the scheduler does. */
function error(config: Config, numSteps: number): number {
  const { sampler, run, levels } = schedulerFromConfig(config, { numSteps });
  const rows = sampler.table(run.schedule, { stopAt: run.stopAt });
  const exact = spread(rows.at(-1)!.to) / spread(levels[0]!);
  const { samples } = sample(sampler, model, key(0), { start: f64([[1]]), ...run });
  return Math.abs(samples.get(0, 0) / exact - 1);
}

/** The exact variance at the end over that of the data: the start and each noise are followed apart. */
function finalVariance(scheduler: Scheduler): number {
  const { sampler, run, levels } = scheduler;
  const rows = sampler.table(run.schedule, { stopAt: run.stopAt });
  const n = rows.length;
  const noise = rows.map((_, i) => {
    const unit = zeros([1, 1], { dtype: "float64" });
    return [concat(Array.from({ length: n + 1 }, (_, j) => (j === i ? f64([[1]]) : unit)))];
  });
  const start = f64(Array.from({ length: n + 1 }, (_, j) => [j === n ? spread(levels[0]!) : 0]));
  const { samples } = sample(sampler, model, key(0), { start, noise, ...run });
  const total = item(sum(square(samples)));
  return total / spread(rows.at(-1)!.to) ** 2;
}

const sd = { beta_schedule: "scaled_linear", beta_start: 0.00085, beta_end: 0.012 };
const multi = { ...sd, _class_name: "DPMSolverMultistepScheduler" };
const single = { ...sd, _class_name: "DPMSolverSinglestepScheduler" };
const unipc = { ...sd, _class_name: "UniPCMultistepScheduler" };
const deis = { ...sd, _class_name: "DEISMultistepScheduler" };
const edm = { _class_name: "EDMDPMSolverMultistepScheduler" };
const edmLike = { ...sd, _class_name: "EulerDiscreteScheduler", sigma_min: 0.1, sigma_max: 10 };
const noisy = { final_sigmas_type: "sigma_min" };

/** The order by which the error falls from 48 to 96 steps. */
function orderOf(config: Config): number {
  return Math.log2(error(config, 48) / error(config, 96));
}

const QUANTILES = [0.942843636377586, 0.3293814957213838, 0.17568037865269498, 0.05715636362241408];

const karras = { ...noisy, use_karras_sigmas: true };

describe("a scheduler without a golden path", () => {
  it.each<readonly [string, Config, number]>([
    ["dpmsolver, Heun's form", { ...multi, ...karras, algorithm_type: "dpmsolver", solver_type: "heun" }, 2],
    ["dpmsolver of order 3", { ...multi, ...karras, algorithm_type: "dpmsolver", solver_order: 3 }, 2],
    ["dpmsolver++ on exponential levels", { ...multi, ...noisy, use_exponential_sigmas: true }, 2],
    ["dpmsolver++ on levels even in λ", { ...multi, ...noisy, use_lu_lambdas: true }, 2],
    ["singlestep dpmsolver of order 2", { ...single, ...karras, algorithm_type: "dpmsolver" }, 2],
    ["singlestep dpmsolver of order 3, Heun's form", { ...single, ...karras, algorithm_type: "dpmsolver", solver_order: 3, solver_type: "heun" }, 3],
    ["singlestep dpmsolver++ of order 2, Heun's form", { ...single, ...karras, solver_type: "heun" }, 2],
    ["singlestep dpmsolver++ of order 3, Heun's form", { ...single, ...karras, solver_order: 3, solver_type: "heun" }, 3],
    ["UniPC of order 2 with bh1", { ...unipc, ...karras, solver_type: "bh1" }, 3],
    ["UniPC of order 2 for the noise", { ...unipc, ...karras, predict_x0: false }, 3],
    ["UniPC without its corrector", { ...unipc, ...karras, disable_corrector: Array.from({ length: 96 }, (_, i) => i) }, 2],
    ["DEIS on Karras's levels", { ...deis, use_karras_sigmas: true }, 2],
    ["DPM-Solver++ of EDM", { ...edm, ...noisy }, 2],
  ])("%s comes to the end of the flow by its order", (_, config, order) => {
    const measured = orderOf(config);
    expect(measured).toBeGreaterThan(order - 0.35);
    expect(measured).toBeLessThan(order + 1.3);
  }); // prettier-ignore

  it("takes levels at quantiles of the beta distribution where asked to", () => {
    const { levels } = schedulerFromConfig({ ...edmLike, use_beta_sigmas: true }, { numSteps: 9 });
    const ratios = levels.map(({ alpha, sigma }) => (sigma / alpha - 0.1) / 9.9);
    // scipy.stats.beta.ppf([7/8, 3/8, 1/4, 1/8], 0.6, 0.6)
    expectNear([ratios[1]!, ratios[5]!, ratios[6]!, ratios[7]!], QUANTILES, 1e-9);
  });

  it.each<readonly [string, Config]>([
    ["sde-dpmsolver++ of order 2", { ...multi, ...karras, algorithm_type: "sde-dpmsolver++" }],
    ["sde-dpmsolver of order 2", { ...multi, ...karras, algorithm_type: "sde-dpmsolver" }],
    ["sde-dpmsolver++ of order 3", { ...multi, ...karras, algorithm_type: "sde-dpmsolver++", solver_order: 3 }],
    ["Euler with fresh noise", { ...sd, _class_name: "EulerAncestralDiscreteScheduler" }],
  ])("%s comes to the variance of the data", (_, config) => {
    const [coarse, fine] = [40, 80].map((numSteps) =>
      Math.abs(finalVariance(schedulerFromConfig(config, { numSteps })) - 1),
    );
    expect(fine).toBeLessThan(0.15);
    expect(fine).toBeLessThan(coarse! / 1.6);
  }); // prettier-ignore

  it("of flow matching takes Heun's steps as flowHeun does", () => {
    const config = { _class_name: "FlowMatchHeunDiscreteScheduler", shift: 3 };
    const { sampler, run } = schedulerFromConfig(config, { numSteps: 6 });
    const start = f64([[1], [-0.3]]);
    const [ours, other] = [sampler, flowHeun].map(
      (each) => sample<never>(each as Sampler<never>, model, key(0), { start, ...run }).samples,
    );
    expectNear(ours!, other!, 1e-12);
  });

  it("of third order on the diffusion is wrong where diffusers has the sign", () => {
    const config = { ...multi, algorithm_type: "sde-dpmsolver++", solver_order: 3 };
    const [ours, theirs] = [false, true].map((reproduceFaults) =>
      Math.abs(finalVariance(schedulerFromConfig(config, { numSteps: 40, reproduceFaults })) - 1),
    );
    expect(theirs).toBeGreaterThan(5 * ours!);
  });

  it("with dynamic thresholds keeps each row within its own bound", () => {
    const { sampler, run } = schedulerFromConfig(
      { ...multi, thresholding: true, sample_max_value: 1 },
      { numSteps: 8 },
    );
    const wide = gaussian({ mean: [5], covariance: [[1]] });
    const { samples } = sample(sampler, wide, key(0), { shape: [3, 1], ...run });
    expect(Math.max(...mul(samples, samples).data)).toBeLessThanOrEqual(1);
  });
});

describe("a configuration that is not understood", () => {
  const steps = { numSteps: 10 };
  it.each<readonly [string, unknown, object, RegExp]>([
    ["an unknown class", { _class_name: "VQDiffusionScheduler" }, steps, /config\._class_name must be one of DDIM/],
    ["no class", {}, steps, /config\._class_name/],
    ["an unknown field", { ...multi, solver_odrer: 2 }, steps, /unknown field "solver_odrer" of DPMSolver/],
    ["an unknown beta schedule", { ...multi, beta_schedule: "laplace" }, steps, /config\.beta_schedule must be one of/],
    ["a solver that cannot end at the data", { ...multi, algorithm_type: "dpmsolver" }, steps, /must end with final_sigmas_type sigma_min/],
    ["flow sigmas for another prediction", { ...multi, use_flow_sigmas: true }, steps, /belong together/],
    ["a shift without its mu", { _class_name: "FlowMatchEulerDiscreteScheduler", use_dynamic_shifting: true }, steps, /mu must be given/],
    ["an offset beyond the training", { _class_name: "DDIMScheduler", steps_offset: 500 }, steps, /leads to step/],
    ["more steps than the training has", { _class_name: "DDIMScheduler" }, { numSteps: 1001 }, /at most the 1000 steps/],
    ["no number of steps", { _class_name: "DDIMScheduler" }, {}, /either numSteps or sigmas/],
    ["a start after the end", { _class_name: "DDIMScheduler" }, { numSteps: 5, startIndex: 5 }, /startIndex must be below/],
    ["noise for a sampler without any", { _class_name: "HeunDiscreteScheduler" }, { numSteps: 5, eta: 1 }, /eta is an option of DDIMScheduler and TCDScheduler/],
    ["a shift for steps", { _class_name: "DDIMScheduler" }, { numSteps: 5, mu: 1 }, /mu is an option of/],
    ["variances that the network would have to say", { _class_name: "DDPMScheduler", variance_type: "learned_range" }, steps, /give variance, fixed_small or fixed_large/],
    ["a variance that the file has said", { _class_name: "DDPMScheduler" }, { numSteps: 5, variance: "fixed_large" }, /variance is taken where/],
    ["text that is no JSON", "{", steps, /config is no JSON/],
    ["a misspelt option", { _class_name: "DDIMScheduler" }, { steps: 3 }, /unknown option "steps"/],
  ])("is refused by name: %s", (_, config, options, message) => {
    expect(() => schedulerFromConfig(config, options)).toThrow(message);
  }); // prettier-ignore

  it("tells the fields of other classes that it ignores", () => {
    const config = { _class_name: "PNDMScheduler", skip_prk_steps: true, clip_sample: false };
    expect(schedulerFromConfig(config, steps).ignored).toEqual(["clip_sample"]);
  });

  it("runs on its own levels only", () => {
    const { sampler } = schedulerFromConfig(multi, steps);
    const other = schedulerFromConfig(multi, { numSteps: 9 }).run;
    expect(() => sample(sampler, model, key(0), { shape: [1, 1], ...other })).toThrow(
      /DPMSolverMultistepScheduler: runs its own levels only/,
    );
  });

  it("reads infinities as Python writes them", () => {
    const text = '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}';
    expect(schedulerFromConfig(text, steps).levels).toHaveLength(10);
  });
});
