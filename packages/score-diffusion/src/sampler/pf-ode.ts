/** The probability-flow sampler whose convergence theory is the baseline of the accelerated one. */
import { add, div, mul } from "@provably/core-tensor";
import { type Sampler, defineSampler } from "./sampler.js";
import { type StepRow, stepRows } from "./steps.js";

/**
 * The deterministic sampler $Y_{t-1} = \left(Y_t + \tfrac{1 - \alpha_t}{2} s_t(Y_t)\right)/\sqrt{\alpha_t}$: Euler's method on the probability-flow equation.
 *
 * One evaluation a step. The distribution of $Y_1$ is within $O(d/T)$ of that of $X_1$ in total variation, up to logarithms and score errors.
 *
 * @example
 * ```ts
 * import { pfOde } from "@provably/score-diffusion";
 *
 * pfOde.numNoises; // => 0
 * ```
 * @see Li, Wei, Chi, Chen (2024), "A sharp convergence theory for the probability flow ODEs of diffusion models", theorem 1
 * @category Samplers
 */
export const pfOde: Sampler<StepRow> = /* @__PURE__ */ defineSampler({
  name: "pfOde",
  numNoises: 0,
  order: { expected: [0.7, 1.2], source: "O(1/T), Li, Wei, Chi, Chen (2024)" },
  table: stepRows,
  *step({ x }, { level, ratio }) {
    const score = yield { x, level, want: "score" };
    return { x: div(add(x, mul((1 - ratio) / 2, score)), Math.sqrt(ratio)) };
  },
});
