/** Schedulers on lists of σ/α: Euler, Heun, KDPM2, LMS, and EDM's own. */
import { levelOfSigma } from "../../schedule/level.js";
import { dpmMultistep } from "../table/exponential.js";
import { lmsRows } from "../table/polynomial.js";
import { dpm2Row, eulerAncestralRow, eulerRow, heunRow } from "../table/steps.js";
import type { Settings } from "./config.js";
import { exponentialList, interpolate, karrasList, listByFlags, trainedPowers } from "./grid.js";
import {
  type Asked,
  DATA,
  FLOOR,
  type Plan,
  dpmSettings,
  endRules,
  pairs,
  picked,
  ratioAt,
  ruleOf,
} from "./shared.js";

/** Euler, Heun, KDPM2, LMS: lists of σ/α between steps of the training. */
export function ratioPlan(settings: Settings, asked: Asked): Plan {
  const { startIndex } = asked;
  const powers = trainedPowers(settings, FLOOR);
  const all = powers.map(ratioAt);
  const steps = picked(settings, asked, powers.length, false, true);
  const chosen = steps.map((step) => interpolate(all, step));
  const high = settings.maybe("sigma_max") ?? chosen[0]!;
  const low = settings.maybe("sigma_min") ?? chosen.at(-1)!;
  const logLinear =
    settings.word("interpolation_type") === "log_linear"
      ? exponentialList(all.at(-1)!, all[0]!, steps.length + 1)
      : undefined;
  const end =
    settings.kind === "EulerDiscreteScheduler" && settings.word("final_sigmas_type") === "sigma_min"
      ? all[0]!
      : 0;
  const list = listByFlags(settings, high, low, steps.length);
  const ratios = list ? [...list, end] : (logLinear ?? [...chosen, end]);
  const levels = ratios.map((s) => (s === 0 ? DATA : levelOfSigma(s))).slice(startIndex);
  const first = levels[0]!;
  const base = {
    powers,
    rule: ruleOf(settings),
    noiseScale: settings.word("timestep_spacing") === "leading" ? 1 : first.sigma,
  };
  switch (settings.kind) {
    case "EulerAncestralDiscreteScheduler":
      return { ...base, rows: pairs(levels, (a, b) => eulerAncestralRow(a, b)), numNoises: 1 };
    case "HeunDiscreteScheduler":
      return { ...base, rows: pairs(levels, heunRow), numNoises: 0 };
    case "KDPM2DiscreteScheduler":
      return { ...base, rows: pairs(levels, (a, b) => dpm2Row(a, b, 0)), numNoises: 0 };
    case "KDPM2AncestralDiscreteScheduler":
      return { ...base, rows: pairs(levels, (a, b) => dpm2Row(a, b, 1)), numNoises: 1 };
    case "LMSDiscreteScheduler":
      return { ...base, rows: lmsRows(levels, 4), numNoises: 0 };
    default:
      return { ...base, rows: pairs(levels, eulerRow), numNoises: 0 };
  }
}

/** EDM: Euler, or DPM-Solver++, on lists of σ. */
export function edmPlan(settings: Settings, asked: Asked): Plan {
  const { numSteps, startIndex, reproduceFaults = false } = asked;
  const [high, low] = [settings.number("sigma_max"), settings.number("sigma_min")];
  const list =
    settings.word("sigma_schedule") === "karras"
      ? karrasList(high, low, numSteps, settings.number("rho"))
      : exponentialList(high, low, numSteps);
  const end = settings.word("final_sigmas_type") === "sigma_min" ? low : 0;
  const levels = [...list, end].map((s) => (s === 0 ? DATA : levelOfSigma(s))).slice(startIndex);
  if (settings.kind === "EDMEulerScheduler")
    return { rows: pairs(levels, eulerRow), numNoises: 0, noiseScale: 1 };
  const order = settings.number("solver_order") as 1 | 2 | 3;
  const dpm = dpmSettings(settings, order, reproduceFaults);
  return {
    rows: dpmMultistep(levels, dpm, endRules(settings, numSteps)),
    numNoises: dpm.algorithm.startsWith("sde") ? 1 : 0,
    rule: ruleOf(settings),
    noiseScale: 1,
  };
}
