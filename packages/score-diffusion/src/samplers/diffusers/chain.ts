/** Schedulers on the training's own steps: DDIM, DDPM, PNDM, and the consistency models. */
import { DomainError } from "@provably/core-tensor";
import { type NoiseLevel, levelOf } from "../../schedule/level.js";
import { PRK_DEPTH, plmsRows, prkRows } from "../table/polynomial.js";
import { ddimRow, ddpmRow, lcmRow, tcdRow } from "../table/steps.js";
import type { Settings } from "./config.js";
import { trainedPowers } from "./grid.js";
import { type Asked, DATA, type Plan, pairs, picked, powerAt, ruleOf } from "./shared.js";

/** DDIM, DDPM, PNDM: samplers on the training's own steps. */
export function chainPlan(settings: Settings, asked: Asked): Plan {
  const { fn, startIndex, reproduceFaults = false } = asked;
  const powers = trainedPowers(settings, 0);
  const steps = picked(settings, asked, powers.length);
  const at = (step: number): NoiseLevel => levelOf(powerAt(fn, powers, step));
  const toOne = settings.kind === "DDPMScheduler" || settings.flag("set_alpha_to_one");
  const end = toOne ? DATA : at(0);
  const levels = [...steps.map(at), end].slice(startIndex);
  const rule = ruleOf(settings);
  const base = { powers, noiseScale: 1 };
  if (settings.kind === "PNDMScheduler")
    return { ...base, ...pndmRows(settings, asked, steps, at, levels) };
  if (settings.kind === "DDPMScheduler") {
    const large = varianceOf(fn, settings, asked) === "fixed_large";
    const rows = pairs(levels, (level, to) =>
      ddpmRow(level, to, (a, p) => {
        // noise in a final image: what diffusers adds where its last step is not step 0
        if (to === DATA && !(reproduceFaults && large && steps.at(-1)! > 0)) return 0;
        return large ? 1 - a / p : ((1 - p) / (1 - a)) * (1 - a / p);
      }),
    );
    return { ...base, rows, numNoises: 1, rule };
  }
  const { eta = 0, useClippedModelOutput = false } = asked;
  const ddim = { eta, rawNoise: rule !== undefined && !useClippedModelOutput };
  const stride = Math.floor(powers.length / steps.length);
  const rows = levels.slice(0, -1).map((level, i) => {
    const before = steps[i + startIndex]! - stride;
    const theirs = before < 0 ? end : at(before);
    return ddimRow(level, reproduceFaults ? theirs : levels[i + 1]!, ddim);
  });
  return { ...base, rows, numNoises: eta > 0 ? 1 : 0, rule };
}

/** Which variance the steps of the reverse chain have. */
function varianceOf(fn: string, settings: Settings, { variance }: Asked): string {
  const kind = settings.word("variance_type");
  const learned = kind.startsWith("learned");
  if (learned && variance === undefined)
    throw new DomainError(
      `${fn}: config.variance_type ${kind} takes variances from the network, which samplers here do not; give variance, fixed_small or fixed_large`,
    );
  return learned ? variance! : kind;
}

function pndmRows(
  settings: Settings,
  { fn, startIndex }: Asked,
  steps: readonly number[],
  at: (step: number) => NoiseLevel,
  levels: readonly NoiseLevel[],
): Pick<Plan, "rows" | "numNoises" | "depth"> {
  if (settings.flag("skip_prk_steps")) return { rows: plmsRows(levels), numNoises: 0 };
  if (startIndex > 0 || steps.length < 4)
    throw new DomainError(
      `${fn}: with skip_prk_steps false a run must begin at its first step and have at least 4, got startIndex ${startIndex} and ${steps.length} steps`,
    );
  const warm = [0, 1, 2].map((i) => {
    const half = Math.floor((steps[i]! + steps[i + 1]!) / 2);
    return { from: at(steps[i]!), half: at(half), to: at(steps[i + 1]!) };
  });
  return { rows: prkRows(warm, levels.slice(3)), numNoises: 0, depth: PRK_DEPTH };
}

/** Consistency models: few steps out of those that they were distilled for. */
export function consistencyPlan(settings: Settings, asked: Asked): Plan {
  const { fn, numSteps, startIndex, eta = 0.3 } = asked;
  const powers = trainedPowers(settings, 0);
  const original = settings.number("original_inference_steps");
  if (numSteps > original)
    throw new DomainError(
      `${fn}: numSteps must be at most original_inference_steps, ${original}, got ${numSteps}`,
    );
  const ratio = Math.floor(powers.length / original);
  const list = Array.from({ length: original }, (_, i) => (original - i) * ratio - 1);
  const steps = Array.from(
    { length: numSteps },
    (_, i) => list[Math.floor((i * original) / numSteps)]!,
  ).slice(startIndex);
  const at = (step: number): NoiseLevel => levelOf(powerAt(fn, powers, step));
  const rows = steps.map((step, i) => {
    const next = steps[i + 1];
    if (settings.kind === "LCMScheduler")
      return lcmRow(
        at(step),
        next === undefined ? DATA : at(next),
        step * settings.number("timestep_scaling"),
      );
    const down = at(Math.floor((1 - eta) * (next ?? 0)));
    return tcdRow(at(step), down, at(next ?? 0), next !== undefined && eta > 0);
  });
  return { rows, powers, numNoises: 1, rule: ruleOf(settings), noiseScale: 1 };
}
