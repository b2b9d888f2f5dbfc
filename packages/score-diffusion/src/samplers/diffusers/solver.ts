/** Solvers of higher order: DPM-Solver, UniPC, DEIS. */
import { DomainError } from "@provably/core-tensor";
import { type NoiseLevel, levelOfSigma } from "../../schedule/level.js";
import { dpmMultistep, dpmSinglestep, singlestepOrders } from "../table/exponential.js";
import { deisRows } from "../table/polynomial.js";
import { uniPcRows } from "../table/uni-pc.js";
import type { Settings } from "./config.js";
import { flowLevel } from "./flow.js";
import {
  exponentialList,
  linspace,
  listByFlags,
  pickSteps,
  shifted,
  stretched,
  trainedPowers,
} from "./grid.js";
import {
  type Asked,
  DATA,
  FLOOR,
  type Plan,
  dpmSettings,
  endRules,
  picked,
  powerAt,
  ratioAt,
  ruleOf,
} from "./shared.js";

/** The levels of the solvers of higher order: by steps, by lists, or by times of flow matching. */
function solverLevels(
  settings: Settings,
  asked: Asked,
): { levels: NoiseLevel[]; powers?: number[]; noiseScale: number } {
  const { fn, numSteps, startIndex, mu } = asked;
  const flow = settings.flag("use_flow_sigmas");
  if (flow !== (settings.word("prediction_type") === "flow_prediction"))
    throw new DomainError(
      `${fn}: config.use_flow_sigmas and the prediction_type flow_prediction belong together, got ${flow} and ${settings.word("prediction_type")}`,
    );
  if (settings.flag("use_dynamic_shifting") !== (mu !== undefined))
    throw new DomainError(
      `${fn}: mu must be given where config.use_dynamic_shifting is true, and only there, got ${String(mu)}`,
    );
  const sigmaMin = settings.word("final_sigmas_type") === "sigma_min";
  const trained = trainedPowers(settings, FLOOR);
  const repeats = settings.kind === "DEISMultistepScheduler";
  if (flow) {
    const shift = mu === undefined ? settings.number("flow_shift") : Math.exp(mu);
    const even = linspace(1, 1 / trained.length, numSteps + 1).map((alpha) => 1 - alpha);
    const times = shifted(even, shift).reverse().slice(0, numSteps);
    const last = settings.maybe("shift_terminal");
    const list = last === undefined ? times : stretched(times, last);
    const end = repeats || sigmaMin ? list.at(-1)! : 0;
    const levels = [...list, end].map(flowLevel).slice(startIndex);
    return { levels, noiseScale: 1 / Math.hypot(1 - list[0]!, list[0]!) };
  }
  const all = trained.map(ratioAt);
  const [high, low] = [
    settings.maybe("sigma_max") ?? all.at(-1)!,
    settings.maybe("sigma_min") ?? all[0]!,
  ];
  const list =
    listByFlags(settings, high, low, numSteps) ??
    (settings.flag("use_lu_lambdas") ? exponentialList(high, low, numSteps) : undefined);
  const ratios = list ?? solverSteps(settings, asked, all).map((step) => all[step]!);
  const end = repeats
    ? list === undefined
      ? all[0]!
      : ratios.at(-1)!
    : sigmaMin
      ? list === undefined
        ? all[0]!
        : ratios.at(-1)!
      : 0;
  const levels = [...ratios, end].map((s) => (s === 0 ? DATA : levelOfSigma(s))).slice(startIndex);
  return { levels, powers: trained, noiseScale: 1 };
}

/** Steps of the training for the solvers of higher order, noisier ones than `lambda_min_clipped` left out. */
function solverSteps(settings: Settings, asked: Asked, all: readonly number[]): number[] {
  const least = settings.number("lambda_min_clipped");
  const total =
    Number.isFinite(least) && least !== undefined
      ? all.filter((s) => -Math.log(s) >= least).length
      : all.length;
  if (settings.kind === "DPMSolverSinglestepScheduler")
    return pickSteps(asked.fn, {
      total,
      numSteps: asked.numSteps,
      spacing: "linspace",
      offset: 0,
      oneMore: true,
    });
  if (total < all.length && settings.word("timestep_spacing") === "trailing")
    throw new DomainError(
      `${asked.fn}: config.lambda_min_clipped is not understood with the spacing trailing`,
    );
  const steps = picked(settings, asked, total, true);
  for (const step of steps) powerAt(asked.fn, all, step);
  return steps;
}

/** DPM-Solver, UniPC, DEIS. */
export function solverPlan(settings: Settings, asked: Asked): Plan {
  const { fn, numSteps, startIndex, reproduceFaults = false } = asked;
  const { levels, ...rest } = solverLevels(settings, asked);
  const base = { ...rest, rule: ruleOf(settings) };
  const order = settings.number("solver_order") as 1 | 2 | 3;
  switch (settings.kind) {
    case "UniPCMultistepScheduler": {
      const unipc = {
        order,
        variant: settings.word("solver_type") as "bh1" | "bh2",
        predictsClean: settings.flag("predict_x0"),
        uncorrected: settings.list("disable_corrector") ?? [],
      };
      const rules = { lowerAtEnd: settings.flag("lower_order_final"), firstAtEnd: false };
      return { ...base, rows: uniPcRows(levels, unipc, rules, startIndex), numNoises: 0 };
    }
    case "DEISMultistepScheduler": {
      const lowerAtEnd = settings.flag("lower_order_final") && numSteps < 15;
      return {
        ...base,
        rows: deisRows(levels, order, { lowerAtEnd, firstAtEnd: false }),
        numNoises: 0,
      };
    }
  }
  const dpm = dpmSettings(settings, order, reproduceFaults);
  const toData = settings.word("final_sigmas_type") === "zero";
  if (toData && !dpm.algorithm.endsWith("++"))
    throw new DomainError(
      `${fn}: config.algorithm_type ${dpm.algorithm} must end with final_sigmas_type sigma_min, got zero`,
    );
  if (order === 3 && dpm.algorithm === "sde-dpmsolver")
    throw new DomainError(`${fn}: config.algorithm_type sde-dpmsolver has orders 1 and 2, got 3`);
  const numNoises = dpm.algorithm.startsWith("sde") ? 1 : 0;
  if (settings.kind === "DPMSolverMultistepScheduler")
    return { ...base, rows: dpmMultistep(levels, dpm, endRules(settings, numSteps)), numNoises };
  if (dpm.algorithm.startsWith("sde") && order === 3)
    throw new DomainError(`${fn}: singlestep ${dpm.algorithm} has orders 1 and 2, got 3`);
  const lower = settings.flag("lower_order_final") || toData || numSteps % order !== 0;
  const orders = singlestepOrders(order, numSteps, lower).slice(startIndex);
  return { ...base, rows: dpmSinglestep(levels, dpm, orders), numNoises };
}
