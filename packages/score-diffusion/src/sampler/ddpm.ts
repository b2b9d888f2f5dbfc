/** The stochastic baseline. */
import { add, div, mul } from "@provably/core-tensor";
import { type Sampler, combine, defineSampler } from "./sampler.js";
import { type StepRow, stepRows } from "./steps.js";

/**
 * The stochastic sampler $Y_{t-1} = \left(Y_t + (1 - \alpha_t) s_t(Y_t) + \sqrt{1 - \alpha_t}\, Z_t\right)/\sqrt{\alpha_t}$.
 *
 * One evaluation and one noise a step. Its path distribution converges like $1/\sqrt T$ (in the root of the Kullback-Leibler divergence), its end point faster.
 *
 * @example
 * ```ts
 * import { ddpm } from "@provably/score-diffusion";
 *
 * ddpm.numNoises; // => 1
 * ```
 * @see Ho, Jain, Abbeel (2020), "Denoising diffusion probabilistic models", algorithm 2
 * @category Samplers
 */
export const ddpm: Sampler<StepRow> = /* @__PURE__ */ defineSampler({
  name: "ddpm",
  numNoises: 1,
  order: {
    expected: [0.3, 0.6],
    source: "O(1/√T) on paths, Li, Huang, Efimov, Wei, Chi, Chen (2024)",
  },
  table: stepRows,
  *step({ x }, { level, ratio }, [z]) {
    const score = yield { x, level, want: "score" };
    return {
      x: div(add(combine(1, x, 1 - ratio, score), mul(Math.sqrt(1 - ratio), z!)), Math.sqrt(ratio)),
    };
  },
});
