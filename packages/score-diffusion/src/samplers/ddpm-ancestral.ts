/** Ancestral sampling as trained networks are usually sampled. */
import { add, mul } from "@provably/core-tensor";
import { checkOptions, either, numberIn, oneOf } from "@provably/core-tensor/internal";

import { type Sampler, defineSampler, combine } from "../sampler/sampler.js";
import { type Transition, transitions } from "../sampler/steps.js";

const OPTIONS = { variance: either(oneOf("small", "large"), numberIn(0, 1)) };

/**
 * One step of {@link ddpmAncestral}: `x ← clean · x0 + carry · x + noise · z`.
 * @category Samplers
 */
export interface AncestralRow extends Transition {
  readonly clean: number;
  readonly carry: number;
  readonly noise: number;
}

/**
 * Ancestral sampling: the reverse step of the forward chain given the predicted clean point,
 * $x \leftarrow \tfrac{\beta\sqrt P}{1 - A}\, x_0 + \tfrac{(1 - P)\sqrt{1 - \beta}}{1 - A}\, x + \varsigma z$ from $\bar\alpha = A$ to $P$ with $\beta = 1 - A/P$.
 * The last step to the data adds no noise.
 *
 * @param options - `variance` of the noise: `small` $\tfrac{1 - P}{1 - A}\beta$ (the default), exact for data in one point, `large` $\beta$, exact for
 *   standard normal data, or a number from 0 (small) to 1 (large) to interpolate between their logarithms
 * @returns sampler
 * @throws `DomainError` for an unknown variance
 * @example
 * ```ts
 * import { ddpmAncestral } from "@provably/score-diffusion/samplers";
 *
 * ddpmAncestral({ variance: "large" }).numNoises; // => 1
 * ```
 * @see Ho, Jain, Abbeel (2020), "Denoising diffusion probabilistic models", eq. 6 and 7; Nichol, Dhariwal (2021), eq. 15, for the interpolation
 * @category Samplers
 */
export function ddpmAncestral(
  options: { readonly variance?: "small" | "large" | number } = {},
): Sampler<AncestralRow> {
  const { variance = "small" } = checkOptions("ddpmAncestral", options, OPTIONS);
  const fraction = variance === "small" ? 0 : variance === "large" ? 1 : variance;
  return defineSampler(
    {
      name: `ddpmAncestral(${variance})`,
      numNoises: 1,
      order: { expected: [0.3, 0.6], source: "O(1/√T) on paths" },
      table: (schedule, tableOptions) =>
        transitions(schedule, tableOptions).map(({ level, to }) => {
          const [a, p] = [level.alpha ** 2, to.alpha ** 2];
          const beta = 1 - a / p;
          const spread = beta * ((1 - p) / (1 - a)) ** (1 - fraction);
          return {
            level,
            to,
            clean: (beta * to.alpha) / (1 - a),
            carry: ((1 - p) * Math.sqrt(1 - beta)) / (1 - a),
            noise: to.sigma === 0 ? 0 : Math.sqrt(spread),
          };
        }),
      *step({ x }, { level, clean, carry, noise }, [z]) {
        const x0 = yield { x, level, want: "x0" };
        return { x: add(combine(clean, x0, carry, x), mul(noise, z!)) };
      },
    },
    ["level", "to"],
  );
}
