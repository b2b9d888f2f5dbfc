/** The accelerated stochastic sampler. */
import { add, mul } from "@provably/core-tensor";
import { type Sampler, combine, defineSampler } from "./sampler.js";
import { type StepRow, stepRows } from "./steps.js";

/**
 * The accelerated stochastic sampler: half of the noise goes in before the score is taken,
 * $Y_t^+ = Y_t + \sqrt{\tfrac{1 - \alpha_t}{2}}\, Z_t$, and half after it,
 * $Y_{t-1} = \tfrac{1}{\sqrt{\alpha_t}}\left(Y_t^+ + (1 - \alpha_t)\, s_t(Y_t^+) + \sqrt{\tfrac{1 - \alpha_t}{2}}\, Z_t^+\right)$.
 *
 * One evaluation and two noises a step; $O(1/T)$ where {@link ddpm} has $O(1/\sqrt T)$. The second noise belongs *inside* the bracket: outside it, as one
 * printed version has it, the covariance of a step is off by first order and the gain is lost (a test measures both).
 *
 * @example
 * ```ts
 * import { acceleratedSde } from "@provably/score-diffusion";
 *
 * acceleratedSde.numNoises; // => 2
 * ```
 * @see Li, Huang, Efimov, Wei, Chi, Chen (2024), "Accelerating convergence of score-based diffusion models, provably", the stochastic sampler
 * @category Samplers
 */
export const acceleratedSde: Sampler<StepRow> = /* @__PURE__ */ defineSampler({
  name: "acceleratedSde",
  numNoises: 2,
  order: { expected: [1, 2], source: "O(1/T) on paths, Li, Huang, Efimov, Wei, Chi, Chen (2024)" },
  table: stepRows,
  *step({ x }, { level, ratio }, [z, zPlus]) {
    const half = Math.sqrt((1 - ratio) / 2);
    const shaken = combine(1, x, half, z!);
    const score = yield { x: shaken, level, want: "score" };
    return {
      x: mul(1 / Math.sqrt(ratio), add(combine(1, shaken, 1 - ratio, score), mul(half, zPlus!))),
    };
  },
});
