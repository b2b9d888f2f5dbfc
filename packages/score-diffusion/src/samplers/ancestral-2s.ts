/** The second order of DPM-Solver++, with fresh noise after every step. */
import { add, mul } from "@provably/core-tensor";
import { checkOptions, numberIn } from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import { type Sampler, combine, defineSampler } from "../sampler/sampler.js";
import { signalLambda, transitions } from "../sampler/steps.js";
import type { EulerAncestralRow } from "./edm.js";

const OPTIONS = { eta: numberIn(0, 1) };

/**
 * One step of {@link dpmSolverPlusPlus2SAncestral}.
 * @category Samplers
 */
export interface Ancestral2SRow extends EulerAncestralRow {
  /** The level between, at the geometric mean of both ends' $\sigma/\alpha$. */
  readonly middle: NoiseLevel;
}

/**
 * DPM-Solver++ (2S) with fresh noise: in the coordinates $u = x/\alpha$ with noise $s = \sigma/\alpha$, the step of second order from $s$ down to
 * $s_\downarrow = \sqrt{s'^2 - s_\uparrow^2}$ by way of $s_m = \sqrt{s\,s_\downarrow}$,
 * $u_m = \tfrac{s_m}{s}u + (1 - \tfrac{s_m}{s})D(u)$, $u \leftarrow \tfrac{s_\downarrow}{s}u + (1 - \tfrac{s_\downarrow}{s})D(u_m)$, then noise of standard deviation
 * $s_\uparrow = \min\!\left(s',\ \eta\sqrt{s'^2(s^2 - s'^2)/s^2}\right)$.
 *
 * Two evaluations a step, one for a step without noise left. With `eta` 0 it is `dpmSolverPlusPlus2S`.
 *
 * @param options - `eta`: 0 to 1 (the default), how much of the noise is fresh
 * @returns sampler
 * @throws `DomainError` when `eta` is outside $[0, 1]$
 * @example
 * ```ts
 * import { dpmSolverPlusPlus2SAncestral } from "@provably/score-diffusion/samplers";
 *
 * dpmSolverPlusPlus2SAncestral({ eta: 0.5 }).numNoises; // => 1
 * ```
 * @see Lu et al. (2022), "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", algorithm 1; Karras, Aittala, Aila, Laine (2022) for the split of the noise
 * @category Samplers
 */
export function dpmSolverPlusPlus2SAncestral(
  options: { readonly eta?: number } = {},
): Sampler<Ancestral2SRow> {
  const fn = "dpmSolverPlusPlus2SAncestral";
  const { eta = 1 } = checkOptions(fn, options, OPTIONS);
  return defineSampler(
    {
      name: fn,
      numNoises: 1,
      order: {
        expected: [0.3, 2.4],
        source: "first order at the end point with fresh noise, second without",
      },
      table: (schedule, tableOptions) =>
        transitions(schedule, tableOptions).map(({ level, to }) => {
          signalLambda(fn, level);
          const [s, end] = [level.sigma / level.alpha, to.sigma / to.alpha];
          const up = Math.min(end, eta * Math.sqrt((end * end * (s * s - end * end)) / (s * s)));
          const down = Math.sqrt(end * end - up * up);
          return { level, to, down, up, middle: levelOf(1 / (1 + s * down)) };
        }),
      *step({ x }, { level, to, middle, down, up }, [z]) {
        const s = level.sigma / level.alpha;
        const first = yield { x, level, want: "x0" };
        if (down === 0) return { x: mul(to.alpha, add(first, mul(up, z!))) };
        const between = middle.sigma / middle.alpha / s;
        const u = combine(between / level.alpha, x, 1 - between, first);
        const second = yield { x: mul(middle.alpha, u), level: middle, want: "x0" };
        const kept = down / s;
        const moved = combine(kept / level.alpha, x, 1 - kept, second);
        return { x: mul(to.alpha, add(moved, mul(up, z!))) };
      },
    },
    ["level", "to", "middle"],
  );
}
