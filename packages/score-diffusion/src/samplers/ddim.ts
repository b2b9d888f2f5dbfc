/** The sampler most people know, as a peer. */
import { type NdArray, add, mul } from "@provably/core-tensor";
import { checkOptions, numberIn } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import { type Sampler, combine, defineSampler } from "../sampler/sampler.js";
import { transitions } from "../sampler/steps.js";

const OPTIONS = { eta: numberIn(0, 1) };

/**
 * One step of {@link ddim}: `x ← clean · x0 + direction · ε + noise · z`.
 * @category Samplers
 */
export interface DdimRow {
  readonly level: NoiseLevel;
  readonly clean: number;
  readonly direction: number;
  readonly noise: number;
}

/**
 * DDIM: the clean point is predicted and noised again to the next level, $x \leftarrow \sqrt{P}\, x_0 + \sqrt{1 - P - \varsigma^2}\,\varepsilon + \varsigma z$ with
 * $\varsigma = \eta\sqrt{\tfrac{1 - P}{1 - A}\left(1 - \tfrac{A}{P}\right)}$, from $\bar\alpha = A$ to $\bar\alpha = P$.
 *
 * With `eta` 0 this is Euler's method on the probability flow in the coordinates of EDM and of flow matching alike.
 *
 * @param options - `eta`: 0 for the deterministic sampler (the default), 1 for ancestral sampling
 * @returns sampler
 * @throws `DomainError` when `eta` is outside $[0, 1]$
 * @example
 * ```ts
 * import { ddim } from "@provably/score-diffusion/samplers";
 *
 * ddim({ eta: 1 }).numNoises; // => 1
 * ```
 * @see Song, Meng, Ermon (2021), "Denoising diffusion implicit models", eq. 12
 * @category Samplers
 */
export function ddim(options: { readonly eta?: number } = {}): Sampler<DdimRow> {
  const { eta = 0 } = checkOptions("ddim", options, OPTIONS);
  return defineSampler({
    name: eta === 0 ? "ddim" : `ddim(eta ${eta})`,
    numNoises: eta === 0 ? 0 : 1,
    order:
      eta === 0
        ? { expected: [0.7, 1.2], source: "first order" }
        : { expected: [0.3, 1.2], source: "first order at the end point" },
    table(schedule, options) {
      return transitions(schedule, options).map(({ level, to }) => {
        const power = to.alpha ** 2;
        const noise =
          eta * Math.sqrt(((1 - power) / (1 - level.alpha ** 2)) * (1 - level.alpha ** 2 / power));
        return {
          level,
          clean: to.alpha,
          direction: Math.sqrt(Math.max(0, 1 - power - noise * noise)),
          noise,
        };
      });
    },
    *step({ x }, { level, clean, direction, noise }, [z]) {
      // in pure noise only the clean point can be asked for, and the point is the noise
      if (level.alpha === 0) {
        const x0 = yield { x, level, want: "x0" };
        return { x: noised(combine(clean, x0, direction, x), noise, z) };
      }
      const eps = yield { x, level, want: "eps" };
      const carry = clean / level.alpha;
      return { x: noised(combine(carry, x, direction - carry * level.sigma, eps), noise, z) };
    },
  });
}

function noised(x: NdArray, deviation: number, z: NdArray | undefined): NdArray {
  return z === undefined ? x : add(x, mul(deviation, z));
}
