/** Samplers of EDM: methods in the coordinates x/α, whose noise has standard deviation s = σ/α. */
import { type NdArray, add, div, mul, sub } from "@provably/core-tensor";
import {
  anyNumber,
  checkOptions,
  type Guard,
  listOf,
  nonNegativeNumber,
  numberIn,
} from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import type { Schedule } from "../schedule/schedule.js";
import { type Sampler, type TableOptions, combine, defineSampler } from "../sampler/sampler.js";
import { type Transition, signalLambda, transitions } from "../sampler/steps.js";

const CHURN = {
  churn: nonNegativeNumber,
  churnRange: listOf(anyNumber, 2) as Guard<readonly [number, number]>,
  churnNoise: nonNegativeNumber,
};
const ANCESTRAL = { eta: numberIn(0, 1) };

/**
 * Noise that {@link euler} and {@link heun} put in before a step, to be taken out again with it.
 * @category Samplers
 */
export interface ChurnOptions {
  /** How much in all, over the whole run; default 0, a deterministic sampler. */
  readonly churn?: number;
  /** Only where $\sigma/\alpha$ lies in this interval; default everywhere. */
  readonly churnRange?: readonly [number, number];
  /** Factor of the noise put in; default 1. */
  readonly churnNoise?: number;
}

/**
 * One step of {@link euler} and {@link heun}.
 * @category Samplers
 */
export interface EdmRow extends Transition {
  /** Where the slope is taken: at `level`, or above it after churn. */
  readonly raised: NoiseLevel;
  /** Standard deviation of the noise put in, in the coordinates $x/\alpha$. */
  readonly noise: number;
}

const ratio = ({ alpha, sigma }: NoiseLevel): number => sigma / alpha;
const levelOfRatio = (s: number): NoiseLevel => levelOf(1 / (1 + s * s));

function churned(fn: string, options: ChurnOptions): Sampler<EdmRow>["table"] {
  const { churn = 0, churnRange = [0, Infinity], churnNoise = 1 } = options;
  return (schedule: Schedule, tableOptions: TableOptions) => {
    const steps = transitions(schedule, tableOptions);
    return steps.map(({ level, to }) => {
      signalLambda(fn, level);
      const s = ratio(level);
      const gamma =
        s >= churnRange[0] && s <= churnRange[1]
          ? Math.min(churn / steps.length, Math.SQRT2 - 1)
          : 0;
      if (gamma === 0) return { level, to, raised: level, noise: 0 };
      const raised = s * (1 + gamma);
      return {
        level,
        to,
        raised: levelOfRatio(raised),
        noise: churnNoise * Math.sqrt(raised * raised - s * s),
      };
    });
  };
}

/** The point in the coordinates x/α after churn. */
function raise(x: NdArray, { level, noise }: EdmRow, z: NdArray | undefined): NdArray {
  const u = div(x, level.alpha);
  return z === undefined || noise === 0 ? u : add(u, mul(noise, z));
}

/**
 * Euler's method of EDM, $u \leftarrow u + (s' - s)\tfrac{u - D(u)}{s}$ with $u = x/\alpha$ and $s = \sigma/\alpha$; without churn the same as {@link ddim}.
 *
 * @param options - see {@link ChurnOptions}
 * @returns sampler
 * @throws `DomainError` when an option is negative
 * @example
 * ```ts
 * import { euler } from "@provably/score-diffusion/samplers";
 *
 * euler({ churn: 10 }).numNoises; // => 1
 * ```
 * @see Karras, Aittala, Aila, Laine (2022), "Elucidating the design space of diffusion-based generative models", algorithm 2
 * @category Samplers
 */
export function euler(options: ChurnOptions = {}): Sampler<EdmRow> {
  const table = churned("euler", checkOptions("euler", options, CHURN));
  const numNoises = (options.churn ?? 0) > 0 ? 1 : 0;
  return defineSampler(
    {
      name: "euler",
      numNoises,
      order: { expected: [0.7, 1.2], source: "first order" },
      table,
      *step({ x }, row, [z]) {
        const u = raise(x, row, z);
        const x0 = yield { x: mul(row.raised.alpha, u), level: row.raised, want: "x0" };
        const kept = ratio(row.to) / ratio(row.raised);
        return { x: mul(row.to.alpha, combine(kept, u, 1 - kept, x0)) };
      },
    },
    ["level", "to", "raised"],
  );
}

/**
 * Heun's method of EDM: Euler's step of {@link euler}, then again with the mean of the slopes at both ends. Second order, two evaluations a step; the step
 * to the data is Euler's.
 *
 * @param options - see {@link ChurnOptions}
 * @returns sampler
 * @throws `DomainError` when an option is negative
 * @example
 * ```ts
 * import { karrasSigmas, scheduleOfSigmas } from "@provably/score-diffusion";
 * import { heun } from "@provably/score-diffusion/samplers";
 *
 * heun().table(scheduleOfSigmas(karrasSigmas(18)), {}).length; // => 18
 * ```
 * @see Karras, Aittala, Aila, Laine (2022), "Elucidating the design space of diffusion-based generative models", algorithms 1 and 2
 * @category Samplers
 */
export function heun(options: ChurnOptions = {}): Sampler<EdmRow> {
  const table = churned("heun", checkOptions("heun", options, CHURN));
  const numNoises = (options.churn ?? 0) > 0 ? 1 : 0;
  return defineSampler(
    {
      name: "heun",
      numNoises,
      order: { expected: [1.6, 2.4], source: "second order" },
      table,
      *step({ x }, row, [z]) {
        const { raised, to } = row;
        const u = raise(x, row, z);
        const [s, end] = [ratio(raised), ratio(to)];
        const slope = div(sub(u, yield { x: mul(raised.alpha, u), level: raised, want: "x0" }), s);
        const predicted = combine(1, u, end - s, slope);
        if (end === 0) return { x: predicted };
        const slopeEnd = div(
          sub(predicted, yield { x: mul(to.alpha, predicted), level: to, want: "x0" }),
          end,
        );
        return { x: mul(to.alpha, combine(1, u, (end - s) / 2, add(slope, slopeEnd))) };
      },
    },
    ["level", "to", "raised"],
  );
}

/**
 * One step of {@link eulerAncestral}.
 * @category Samplers
 */
export interface EulerAncestralRow extends Transition {
  /** Level in $\sigma/\alpha$ that the step goes down to before noise is put back. */
  readonly down: number;
  /** Standard deviation of that noise. */
  readonly up: number;
}

/**
 * Euler's method with fresh noise: a step down to $s_\downarrow = \sqrt{s'^2 - s_\uparrow^2}$, then noise of standard deviation
 * $s_\uparrow = \min\!\left(s',\ \eta\sqrt{s'^2(s^2 - s'^2)/s^2}\right)$.
 *
 * @param options - `eta`: 0 to 1 (the default), how much of the noise is fresh
 * @returns sampler
 * @throws `DomainError` when `eta` is outside $[0, 1]$
 * @example
 * ```ts
 * import { eulerAncestral } from "@provably/score-diffusion/samplers";
 *
 * eulerAncestral().numNoises; // => 1
 * ```
 * @category Samplers
 */
export function eulerAncestral(
  options: { readonly eta?: number } = {},
): Sampler<EulerAncestralRow> {
  const { eta = 1 } = checkOptions("eulerAncestral", options, ANCESTRAL);
  return defineSampler(
    {
      name: "eulerAncestral",
      numNoises: 1,
      order: { expected: [0.3, 1.2], source: "first order at the end point" },
      table: (schedule, tableOptions) =>
        transitions(schedule, tableOptions).map(({ level, to }) => {
          signalLambda("eulerAncestral", level);
          const [s, end] = [ratio(level), ratio(to)];
          const up = Math.min(end, eta * Math.sqrt((end * end * (s * s - end * end)) / (s * s)));
          return { level, to, down: Math.sqrt(end * end - up * up), up };
        }),
      *step({ x }, { level, to, down, up }, [z]) {
        const x0 = yield { x, level, want: "x0" };
        const kept = down / ratio(level);
        return { x: mul(to.alpha, add(combine(kept / level.alpha, x, 1 - kept, x0), mul(up, z!))) };
      },
    },
    ["level", "to"],
  );
}
