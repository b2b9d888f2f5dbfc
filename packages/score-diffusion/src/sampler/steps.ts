/** The steps of the paper samplers run over: from T down to 1, each with its ratio of signal powers. */
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import type { Schedule } from "../schedule/schedule.js";
import type { TableOptions } from "./sampler.js";

/**
 * One step from $t$ to $t - 1$.
 * @category Samplers
 */
export interface StepRow {
  /** Where the step starts. */
  readonly level: NoiseLevel;
  /** $\alpha_t = \bar\alpha_t / \bar\alpha_{t-1}$. */
  readonly ratio: number;
}

/** Rows for t = T … 1, or down to 2 when the chain stops at Y₁. */
export function stepRows({ alphaBar }: Schedule, { stopAt = 0 }: TableOptions): StepRow[] {
  const rows: StepRow[] = [];
  for (let t = alphaBar.length; t > stopAt; t--)
    rows.push({ level: levelOf(alphaBar[t - 1]!, t), ratio: alphaBar[t - 1]! / (t > 1 ? alphaBar[t - 2]! : 1) });
  return rows;
}
