/** What the plans of all classes share. */
import {
  type NdArray,
  DomainError,
  abs,
  clip,
  div,
  expandDims,
  maximum,
  minimum,
  neg,
  quantile,
  reshape,
} from "@provably/core-tensor";
import { type NoiseLevel, levelOf } from "../../schedule/level.js";
import type { DpmSettings, OrderRules } from "../table/exponential.js";
import type { CleanPointRule, TableRow } from "../table/rows.js";
import type { Settings } from "./config.js";
import { pickSteps } from "./grid.js";

/** What a run is told beside the configuration. */
export interface PlanOptions {
  readonly numSteps?: number;
  readonly sigmas?: readonly number[];
  readonly mu?: number;
  readonly eta?: number;
  readonly useClippedModelOutput?: boolean;
  readonly startIndex?: number;
  readonly variance?: "fixed_small" | "fixed_large";
  readonly reproduceFaults?: boolean;
}

/** A table, and what the network behind it knows. */
export interface Plan {
  readonly rows: readonly TableRow[];
  readonly numNoises: 0 | 1;
  /** ᾱ of the steps of the training, where the network knows steps. */
  readonly powers?: readonly number[];
  readonly rule?: CleanPointRule | undefined;
  readonly depth?: number;
  /** What the starting noise is multiplied with, on the variance-preserving scale. */
  readonly noiseScale: number;
}

export interface Asked extends PlanOptions {
  readonly fn: string;
  readonly numSteps: number;
  readonly startIndex: number;
}

export const DATA: NoiseLevel = levelOf(1);

/** Where ᾱ is taken for pure noise by schedulers that divide by it. */
export const FLOOR = 2 ** -24;

export function pairs<T>(
  levels: readonly NoiseLevel[],
  f: (level: NoiseLevel, to: NoiseLevel) => T,
): T[] {
  return levels.slice(0, -1).map((level, i) => f(level, levels[i + 1]!));
}

/** Clips, or spreads what is beyond the range by a quantile of each row. */
export function ruleOf(settings: Settings): CleanPointRule | undefined {
  if (settings.flag("thresholding")) {
    const [q, most] = [
      settings.number("dynamic_thresholding_ratio"),
      settings.number("sample_max_value"),
    ];
    return (clean: NdArray) => {
      const n = clean.shape[0]!;
      const rows = reshape(clean, [n, clean.size / Math.max(1, n)]);
      const bound = expandDims(
        minimum(maximum(quantile(abs(rows), q, { axis: 1 }), 1), Math.max(1, most)),
        1,
      );
      return reshape(div(maximum(minimum(rows, bound), neg(bound)), bound), clean.shape);
    };
  }
  if (!settings.flag("clip_sample")) return undefined;
  const range = settings.number("clip_sample_range");
  return (clean) => clip(clean, -range, range);
}

export const ratioAt = (power: number): number => Math.sqrt((1 - power) / power);

export const picked = (
  settings: Settings,
  { fn, numSteps }: Asked,
  total: number,
  oneMore = false,
  fractions = false,
): number[] =>
  pickSteps(fn, {
    total,
    numSteps,
    spacing: settings.word("timestep_spacing"),
    offset: settings.number("steps_offset"),
    oneMore,
    fractions,
  });

/** The power of a step; one beyond the training is refused. */
export function powerAt(fn: string, powers: readonly number[], step: number): number {
  const power = powers[step];
  if (power === undefined)
    throw new DomainError(
      `${fn}: config.steps_offset leads to step ${step}, of 0 to ${powers.length - 1}`,
    );
  return power;
}

export function dpmSettings(settings: Settings, order: 1 | 2 | 3, wrongSign: boolean): DpmSettings {
  return {
    algorithm: settings.word("algorithm_type") as DpmSettings["algorithm"],
    order,
    variant: settings.word("solver_type") as DpmSettings["variant"],
    wrongSign,
  };
}

export function endRules(settings: Settings, numSteps: number): OrderRules {
  const lower = settings.flag("lower_order_final") && numSteps < 15;
  const zero = settings.word("final_sigmas_type") === "zero";
  return { lowerAtEnd: lower, firstAtEnd: settings.flag("euler_at_final") || zero };
}
