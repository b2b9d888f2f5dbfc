/** DDIM run backwards: from an image to the noise that makes it. */
import { DomainError, mul } from "@provably/core-tensor";
import { checkOptions, wholeNumber } from "@provably/core-tensor/internal";
import { type Sampler, combine, defineSampler } from "../sampler/sampler.js";
import { type Transition, transitions } from "../sampler/steps.js";

const OPTIONS = { iterations: wholeNumber(1) };

/**
 * The inverse of deterministic {@link ddim}, as a sampler that runs from data to noise: give the image as `start`, and the result is the noise from which `ddim()` on
 * the same schedule makes it again.
 *
 * A step of DDIM from the noisier point $x_s$ is $x_t = \tfrac{\alpha_t}{\alpha_s}x_s + \left(\sigma_t - \tfrac{\alpha_t\sigma_s}{\alpha_s}\right)\varepsilon(x_s)$. It is solved for
 * $x_s$ by fixed-point iteration, one evaluation each; with a single one this is the usual inversion, which is off by the change of $\varepsilon$ over a step.
 *
 * @param options - `iterations` a step, default 3
 * @returns sampler, from the data to the last level of the schedule, or from $Y_1$ with `stopAt: 1`
 * @throws `DomainError` when `iterations` is not a positive integer
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, lambdaGrid, sample } from "@provably/score-diffusion";
 * import { ddim, ddimInversion } from "@provably/score-diffusion/samplers";
 *
 * const mixture = gaussianMixture({ weights: [1, 1], means: [[-1], [1]], variances: [0.1, 0.1] });
 * const schedule = lambdaGrid(40);
 * const noise = sample(ddimInversion({ iterations: 20 }), mixture, key(0), { start: [[0.7]], schedule }).samples;
 * const again = sample(ddim(), mixture, key(0), { start: noise, schedule }).samples;
 * again.get(0, 0).toFixed(6); // => "0.700000"
 * ```
 * @see Song, Meng, Ermon (2021), "Denoising diffusion implicit models", section 4.3; Pan et al. (2023), "Effective real image editing with accelerated iterative diffusion inversion"
 * @category Samplers
 */
export function ddimInversion(options: { readonly iterations?: number } = {}): Sampler<Transition> {
  const { iterations = 3 } = checkOptions("ddimInversion", options, OPTIONS);
  return defineSampler(
    {
      name: "ddimInversion",
      numNoises: 0,
      order: { expected: [0.7, 1.2], source: "first order" },
      table: (schedule, tableOptions) =>
        transitions(schedule, tableOptions)
          .map(({ level, to }) => ({ level: to, to: level }))
          .reverse(),
      *step({ x }, { level, to }) {
        if (to.alpha === 0)
          throw new DomainError(
            "ddimInversion: the schedule ends in pure noise, from which nothing can be found again",
          );
        const ratio = to.alpha / level.alpha;
        const gain = ratio * level.sigma - to.sigma;
        let point = mul(ratio, x);
        for (let i = 0; i < iterations; i++) {
          const eps = yield { x: point, level: to, want: "eps" };
          point = combine(ratio, x, -gain, eps);
        }
        return { x: point };
      },
    },
    ["level", "to"],
  );
}
