/** Exponential integrators of second order in λ = ln(α/σ). */
import { type NdArray, add, mul } from "@provably/core-tensor";
import { type Schema, checkOptions, trueOrFalse } from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOfLambda } from "../schedule/level.js";
import type { Schedule } from "../schedule/schedule.js";
import type { Process } from "../sampler/drive.js";
import {
  type Sampler,
  type SamplerState,
  type TableOptions,
  combine,
  defineSampler,
} from "../sampler/sampler.js";
import { type Transition, signalLambda, transitions } from "../sampler/steps.js";

/**
 * One step of the DPM-Solvers, of length `h` in $\lambda$.
 * @category Samplers
 */
export interface DpmRow extends Transition {
  /** $\lambda$ gained; infinite for the step to the data, which is of first order. */
  readonly h: number;
  /** Half way between the two levels in $\lambda$, for the solvers that look there. */
  readonly middle: NoiseLevel;
  /** Length of the step before as a multiple of `h`; 0 where the step is of first order. */
  readonly before: number;
}

function rows(schedule: Schedule, options: TableOptions, firstOrderEnd = false): DpmRow[] {
  const steps = transitions(schedule, options);
  const lambdas = steps.map(({ level }) => signalLambda("dpmSolver", level));
  return steps.map(({ level, to }, i) => {
    const h = to.sigma === 0 ? Infinity : signalLambda("dpmSolver", to) - lambdas[i]!;
    const plain = i === 0 || h === Infinity || (firstOrderEnd && i === steps.length - 1);
    return {
      level,
      to,
      h,
      middle: h === Infinity ? to : levelOfLambda(lambdas[i]! + h / 2),
      before: plain ? 0 : (lambdas[i]! - lambdas[i - 1]!) / h,
    };
  });
}

const secondOrder = { expected: [1.6, 2.4] as const, source: "second order" };

/**
 * DPM-Solver-2: the noise is taken again half way, $u = \tfrac{\alpha_m}{\alpha_s}x - \sigma_m(e^{h/2} - 1)\,\varepsilon_s$, then
 * $x \leftarrow \tfrac{\alpha_t}{\alpha_s}x - \sigma_t(e^h - 1)\,\varepsilon(u)$.
 *
 * Two evaluations a step, second order. The step to the data is one of {@link ddim}, with one evaluation.
 *
 * @example
 * ```ts
 * import { lambdaGrid } from "@provably/score-diffusion";
 * import { dpmSolver2 } from "@provably/score-diffusion/samplers";
 *
 * dpmSolver2.table(lambdaGrid(10), {}).length; // => 10
 * ```
 * @see Lu et al. (2022), "DPM-Solver: a fast ODE solver for diffusion probabilistic model sampling in around 10 steps", algorithm 1
 * @category Samplers
 */
export const dpmSolver2: Sampler<DpmRow> = /* @__PURE__ */ defineSampler(
  {
    name: "dpmSolver2",
    numNoises: 0,
    order: secondOrder,
    table: (schedule, options) => rows(schedule, options),
    *step({ x }, { level, to, middle, h }) {
      const eps = yield { x, level, want: "eps" };
      if (h === Infinity)
        return { x: combine(1 / level.alpha, x, -level.sigma / level.alpha, eps) };
      const u = combine(middle.alpha / level.alpha, x, -middle.sigma * Math.expm1(h / 2), eps);
      const epsMiddle = yield { x: u, level: middle, want: "eps" };
      return { x: combine(to.alpha / level.alpha, x, -to.sigma * Math.expm1(h), epsMiddle) };
    },
  },
  ["level", "to", "middle"],
);

/**
 * DPM-Solver++ (2S): as {@link dpmSolver2} for the clean point instead of the noise, which stays stable under strong guidance:
 * $u = \tfrac{\sigma_m}{\sigma_s}x - \alpha_m(e^{-h/2} - 1)D_s$, $x \leftarrow \tfrac{\sigma_t}{\sigma_s}x - \alpha_t(e^{-h} - 1)D(u)$.
 *
 * Two evaluations a step, second order.
 *
 * @example
 * ```ts
 * import { dpmSolverPlusPlus2S } from "@provably/score-diffusion/samplers";
 *
 * dpmSolverPlusPlus2S.numNoises; // => 0
 * ```
 * @see Lu et al. (2022), "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", algorithm 1
 * @category Samplers
 */
export const dpmSolverPlusPlus2S: Sampler<DpmRow> = /* @__PURE__ */ defineSampler(
  {
    name: "dpmSolverPlusPlus2S",
    numNoises: 0,
    order: secondOrder,
    table: (schedule, options) => rows(schedule, options),
    *step({ x }, { level, to, middle, h }) {
      const x0 = yield { x, level, want: "x0" };
      if (h === Infinity) return { x: x0 };
      const u = combine(middle.sigma / level.sigma, x, -middle.alpha * Math.expm1(-h / 2), x0);
      const x0Middle = yield { x: u, level: middle, want: "x0" };
      return { x: combine(to.sigma / level.sigma, x, -to.alpha * Math.expm1(-h), x0Middle) };
    },
  },
  ["level", "to", "middle"],
);

/**
 * Options of {@link dpmSolverPlusPlus2M} and {@link dpmSolverSde2M}.
 * @category Samplers
 */
export interface MultistepOptions {
  /** Whether the last step is of first order, which is steadier in few steps; default: with fewer than 15 steps. */
  readonly lowerOrderFinal?: boolean;
}

/** The clean point, extrapolated along the line through the one before it. */
function* extrapolated(
  { x, memory }: SamplerState,
  { level, before }: DpmRow,
): Process<{ readonly x0: NdArray; readonly line: NdArray }> {
  const x0 = yield { x, level, want: "x0" };
  const last = memory?.[0];
  const weight = before === 0 ? 0 : 1 / (2 * before);
  return {
    x0,
    line: last === undefined || weight === 0 ? x0 : combine(1 + weight, x0, -weight, last),
  };
}

const MULTISTEP: Schema<MultistepOptions> = { lowerOrderFinal: trueOrFalse };

function multistepTable(fn: string, options: MultistepOptions): Sampler<DpmRow>["table"] {
  const { lowerOrderFinal } = checkOptions<MultistepOptions>(fn, options, MULTISTEP);
  return (schedule, tableOptions) =>
    rows(schedule, tableOptions, lowerOrderFinal ?? schedule.alphaBar.length < 15);
}

/**
 * DPM-Solver++ (2M): $D = D_s + \tfrac{D_s - D_{\mathrm{before}}}{2r}$ with $r$ the length of the step before over that of this one, then
 * $x \leftarrow \tfrac{\sigma_t}{\sigma_s}x - \alpha_t(e^{-h} - 1)D$.
 *
 * One evaluation a step, second order: the usual choice for 10 to 30 steps.
 *
 * @param options - see {@link MultistepOptions}
 * @returns sampler
 * @example
 * ```ts
 * import { dpmSolverPlusPlus2M } from "@provably/score-diffusion/samplers";
 *
 * dpmSolverPlusPlus2M().name; // => "dpmSolverPlusPlus2M"
 * ```
 * @see Lu et al. (2022), "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", algorithm 2
 * @category Samplers
 */
export function dpmSolverPlusPlus2M(options: MultistepOptions = {}): Sampler<DpmRow> {
  return defineSampler(
    {
      name: "dpmSolverPlusPlus2M",
      numNoises: 0,
      order: secondOrder,
      table: multistepTable("dpmSolverPlusPlus2M", options),
      *step(state, row) {
        const { x0, line } = yield* extrapolated(state, row);
        const { level, to, h } = row;
        const x =
          h === Infinity
            ? x0
            : combine(to.sigma / level.sigma, state.x, -to.alpha * Math.expm1(-h), line);
        return { x, memory: [x0] };
      },
    },
    ["level", "to", "middle"],
  );
}

/**
 * SDE-DPM-Solver++ (2M): {@link dpmSolverPlusPlus2M} on the reverse diffusion, with noise in every step but that to the data:
 * $x \leftarrow \tfrac{\sigma_t}{\sigma_s}e^{-h}x - \alpha_t(e^{-2h} - 1)D + \sigma_t\sqrt{1 - e^{-2h}}\, z$.
 *
 * @param options - see {@link MultistepOptions}
 * @returns sampler
 * @example
 * ```ts
 * import { dpmSolverSde2M } from "@provably/score-diffusion/samplers";
 *
 * dpmSolverSde2M().numNoises; // => 1
 * ```
 * @see Lu et al. (2022), "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", appendix B
 * @category Samplers
 */
export function dpmSolverSde2M(options: MultistepOptions = {}): Sampler<DpmRow> {
  return defineSampler(
    {
      name: "dpmSolverSde2M",
      numNoises: 1,
      order: { expected: [0.7, 1.6], source: "first order on paths" },
      table: multistepTable("dpmSolverSde2M", options),
      *step(state, row, [z]) {
        const { x0, line } = yield* extrapolated(state, row);
        const { level, to, h } = row;
        if (h === Infinity) return { x: x0, memory: [x0] };
        const mean = combine(
          (to.sigma / level.sigma) * Math.exp(-h),
          state.x,
          -to.alpha * Math.expm1(-2 * h),
          line,
        );
        return { x: add(mean, mul(to.sigma * Math.sqrt(-Math.expm1(-2 * h)), z!)), memory: [x0] };
      },
    },
    ["level", "to", "middle"],
  );
}
