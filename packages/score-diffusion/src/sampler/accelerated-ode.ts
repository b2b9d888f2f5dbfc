/** The accelerated deterministic samplers. */
import { add, mul, sub } from "@provably/core-tensor";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import type { Schedule } from "../schedule/schedule.js";
import { type Sampler, type TableOptions, combine, defineSampler } from "./sampler.js";
import { type StepRow, stepRows } from "./steps.js";

/**
 * One step of {@link acceleratedOde}.
 * @category Samplers
 */
export interface AcceleratedRow extends StepRow {
  /** The noisier neighbour $t + 1$; undefined for a plain first step. */
  readonly above?: StepRow;
}

function rowsWithAbove(
  schedule: Schedule,
  options: TableOptions,
  extend: boolean,
): AcceleratedRow[] {
  const rows = stepRows(schedule, options);
  const { alphaBar, nextBeta } = schedule;
  const last = alphaBar[alphaBar.length - 1]!;
  const beyond: StepRow | undefined =
    extend && nextBeta !== undefined
      ? { level: levelOf(last * (1 - nextBeta)), ratio: 1 - nextBeta }
      : undefined;
  return rows.map((row, i) => {
    const above = i === 0 ? beyond : rows[i - 1];
    return above === undefined ? row : { ...row, above };
  });
}

const accelerated = {
  expected: [1.6, 2.1] as const,
  source: "O(1/T²), Li, Huang, Efimov, Wei, Chi, Chen (2024)",
};

function* acceleratedStep(
  ...[{ x }, { level, ratio, above }]: Parameters<Sampler<AcceleratedRow>["step"]>
): ReturnType<Sampler<AcceleratedRow>["step"]> {
  const score = yield { x, level, want: "score" };
  const plain = combine(1, x, (1 - ratio) / 2, score);
  if (above === undefined) return { x: mul(1 / Math.sqrt(ratio), plain) };
  // a first-order step back to t + 1, to see how the score changes along the flow
  const root = Math.sqrt(above.ratio);
  const back = mul(root, combine(1, x, -(1 - above.ratio) / 2, score));
  const scoreAbove = yield { x: back, level: above.level, want: "score" };
  const correction = sub(score, mul(root, scoreAbove));
  return {
    x: mul(
      1 / Math.sqrt(ratio),
      combine(1, plain, (1 - ratio) ** 2 / (4 * (1 - above.ratio)), correction),
    ),
  };
}

/**
 * The accelerated deterministic sampler, with a second score to cancel the leading error of {@link pfOde}:
 * $Y_t^- = \sqrt{\alpha_{t+1}}\left(Y_t - \tfrac{1 - \alpha_{t+1}}{2} s_t(Y_t)\right)$, then
 * $Y_{t-1} = \tfrac{1}{\sqrt{\alpha_t}}\left(Y_t + \tfrac{1 - \alpha_t}{2} s_t(Y_t) + \tfrac{(1 - \alpha_t)^2}{4(1 - \alpha_{t+1})}\left(s_t(Y_t) - \sqrt{\alpha_{t+1}}\, s_{t+1}(Y_t^-)\right)\right)$.
 *
 * Two evaluations a step, $O(1/T^2)$. The first step, for which there is no $t + 1$, is a plain one; this does no harm to the order.
 *
 * @example
 * ```ts
 * import { acceleratedOde } from "@provably/score-diffusion";
 *
 * acceleratedOde.order.expected; // => [1.6, 2.1]
 * ```
 * @see Li, Huang, Efimov, Wei, Chi, Chen (2024), "Accelerating convergence of score-based diffusion models, provably", the deterministic sampler
 * @category Samplers
 */
export const acceleratedOde: Sampler<AcceleratedRow> = /* @__PURE__ */ defineSampler({
  name: "acceleratedOde",
  numNoises: 0,
  order: accelerated,
  table: (schedule, options) => rowsWithAbove(schedule, options, false),
  step: acceleratedStep,
});

/**
 * {@link acceleratedOde} with the first step accelerated too, by the schedule's step beyond the last; the model must know that noise level.
 *
 * @example
 * ```ts
 * import { acceleratedOdeExtended } from "@provably/score-diffusion";
 *
 * acceleratedOdeExtended.numNoises; // => 0
 * ```
 * @see Li, Huang, Efimov, Wei, Chi, Chen (2024), "Accelerating convergence of score-based diffusion models, provably", the deterministic sampler
 * @category Samplers
 */
export const acceleratedOdeExtended: Sampler<AcceleratedRow> = /* @__PURE__ */ defineSampler({
  name: "acceleratedOdeExtended",
  numNoises: 0,
  order: accelerated,
  table: (schedule, options) => rowsWithAbove(schedule, options, true),
  step: acceleratedStep,
});

/**
 * One step of {@link acceleratedOdeMultistep}: `x ← carry · x + slope · ε + bend · (ε_before − ε)`.
 * @category Samplers
 */
export interface MultistepRow {
  readonly level: NoiseLevel;
  readonly carry: number;
  readonly slope: number;
  readonly bend: number;
}

/** ∫ of the noise's factor in ᾱ: finite at ᾱ = 1. */
function primitive(q: number, current: number): number {
  return current * Math.sqrt((1 - q) / q) + Math.asin(Math.sqrt(q));
}

/**
 * The accelerated deterministic sampler with one evaluation a step: the predicted noise is extrapolated linearly in $\bar\alpha$ from the step before and
 * integrated exactly. The first step is one of `ddim`.
 *
 * The practical form that the authors published with the paper; also of second order, with a far smaller constant.
 *
 * @example
 * ```ts
 * import { acceleratedOdeMultistep, theorySchedule } from "@provably/score-diffusion";
 *
 * acceleratedOdeMultistep.table(theorySchedule(20), {}).length; // => 20
 * ```
 * @see Li, Huang, Efimov, Wei, Chi, Chen (2024), "Accelerating convergence of score-based diffusion models, provably", the authors' implementation
 * @category Samplers
 */
export const acceleratedOdeMultistep: Sampler<MultistepRow> = /* @__PURE__ */ defineSampler({
  name: "acceleratedOdeMultistep",
  numNoises: 0,
  order: {
    expected: [1.6, 2.4],
    source: "second order, measured; practical form of Li, Huang, Efimov, Wei, Chi, Chen (2024)",
  },
  table(schedule, options) {
    const { alphaBar } = schedule;
    return stepRows(schedule, options).map(({ level }, i) => {
      const t = alphaBar.length - i;
      const current = alphaBar[t - 1]!;
      const next = t > 1 ? alphaBar[t - 2]! : 1;
      const before = alphaBar[t];
      const carry = Math.sqrt(next / current);
      const bend =
        before === undefined
          ? 0
          : (Math.sqrt(next) / (current - before)) *
            (primitive(next, current) - primitive(current, current));
      return { level, carry, slope: Math.sqrt(1 - next) - carry * Math.sqrt(1 - current), bend };
    });
  },
  *step({ x, memory }, { level, carry, slope, bend }) {
    const eps = yield { x, level, want: "eps" };
    const moved = combine(carry, x, slope, eps);
    const before = memory?.[0];
    return {
      x: before === undefined ? moved : add(moved, mul(bend, sub(before, eps))),
      memory: [eps],
    };
  },
});
