/** Schedulers of flow matching: Euler, with the noise kept or drawn anew, and Heun. */
import { DomainError } from "@provably/core-tensor";
import type { NoiseLevel } from "../../schedule/level.js";
import type { TableRow } from "../table/rows.js";
import { ddimRow, renoisedRow } from "../table/steps.js";
import type { Settings } from "./config.js";
import { linspace, listByFlags, shifted, stretched } from "./grid.js";
import { type Asked, type Plan, pairs } from "./shared.js";

/** The level at a time of flow matching, on the variance-preserving scale. */
export function flowLevel(u: number): NoiseLevel {
  const length = Math.hypot(1 - u, u);
  return { alpha: (1 - u) / length, sigma: u / length };
}

/** Flow matching: Euler, with the noise kept or drawn anew, and Heun. */
export function flowPlan(settings: Settings, asked: Asked): Plan {
  const { fn, numSteps, sigmas, mu, startIndex } = asked;
  const total = settings.number("num_train_timesteps");
  const dynamic = settings.flag("use_dynamic_shifting");
  if (dynamic !== (mu !== undefined))
    throw new DomainError(
      `${fn}: mu must be given where config.use_dynamic_shifting is true, and only there, got ${String(mu)}`,
    );
  const shift = settings.number("shift");
  const ends = dynamic ? [1, 1 / total] : shifted([1, 1 / total], shift);
  const even = sigmas ?? linspace(ends[0]!, ends[1]!, numSteps);
  const list = listByFlags(settings, even[0]!, even.at(-1)!, even.length) ?? even;
  const moved = dynamic ? shiftedBy(settings, mu!, list) : shifted(list, shift);
  const last = settings.maybe("shift_terminal");
  const times = [...(last === undefined ? moved : stretched(moved, last)), 0];
  const levels = times.map(flowLevel).slice(startIndex);
  const noiseScale = 1 / Math.hypot(1 - times[0]!, times[0]!);
  if (settings.kind === "FlowMatchHeunDiscreteScheduler")
    return { rows: flowHeunRows(times.slice(startIndex)), numNoises: 0, noiseScale };
  const fresh = settings.flag("stochastic_sampling");
  const rows = pairs(levels, fresh ? renoisedRow : flowEulerRow);
  return { rows, numNoises: fresh ? 1 : 0, noiseScale };
}

function shiftedBy(settings: Settings, mu: number, times: readonly number[]): number[] {
  const shift = settings.word("time_shift_type") === "linear" ? mu : Math.exp(mu);
  return times.map((u) => shift / (shift + (1 / u - 1)));
}

/** Euler in the time of flow matching, which is DDIM without noise: it begins in pure noise too. */
function flowEulerRow(level: NoiseLevel, to: NoiseLevel): TableRow {
  return ddimRow(level, to, { eta: 0, rawNoise: false });
}

/** Heun in the time of flow matching: the mean of the velocities at both ends. */
function flowHeunRows(times: readonly number[]): TableRow[] {
  return times.slice(0, -1).map((u, i) => {
    const end = times[i + 1]!;
    const [level, to] = [flowLevel(u), flowLevel(end)];
    if (end === 0) return flowEulerRow(level, to);
    // points w = x · length, velocities (w − x₀)/u
    const [length, lengthTo] = [Math.hypot(1 - u, u), Math.hypot(1 - end, end)];
    const half = (end - u) / 2;
    const first = flowEulerRow(level, to).calls[0]!;
    return {
      level,
      to,
      calls: [
        { ...first, keep: { point: 1 } },
        {
          level: to,
          want: "x0",
          next: {
            anchor: (length / lengthTo) * (1 + half / u),
            point: half / end,
            predictions: [-half / end / lengthTo, -half / u / lengthTo],
          },
        },
      ],
    };
  });
}
