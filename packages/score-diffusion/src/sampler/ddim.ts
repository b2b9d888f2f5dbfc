/** The sampler most people know, as a peer. */
import { DomainError, add, mul } from "@provably/core-tensor";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import { type Sampler, combine } from "./sampler.js";

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
 * @param options - `eta`: 0 for the deterministic sampler (the default), 1 for ancestral sampling
 * @returns sampler
 * @throws `DomainError` when `eta` is outside $[0, 1]$
 * @example
 * ```ts
 * import { ddim } from "@provably/score-diffusion";
 *
 * ddim({ eta: 1 }).noises; // => 1
 * ```
 * @see Song, Meng, Ermon (2021), "Denoising diffusion implicit models", eq. 12
 * @category Samplers
 */
export function ddim(options: { readonly eta?: number } = {}): Sampler<DdimRow> {
  const { eta = 0 } = options;
  if (!(eta >= 0 && eta <= 1)) throw new DomainError(`ddim: eta must be in [0, 1], got ${eta}`);
  return {
    name: eta === 0 ? "ddim" : `ddim(eta ${eta})`,
    noises: eta === 0 ? 0 : 1,
    order: eta === 0 ? { expected: [0.7, 1.2], source: "first order" } : { expected: [0.3, 1.2], source: "first order at the end point" },
    table({ alphaBar }, { stopAt = 0 }) {
      const rows: DdimRow[] = [];
      for (let t = alphaBar.length; t > stopAt; t--) {
        const current = alphaBar[t - 1]!;
        const next = t > 1 ? alphaBar[t - 2]! : 1;
        const noise = eta * Math.sqrt(((1 - next) / (1 - current)) * (1 - current / next));
        rows.push({ level: levelOf(current, t), clean: Math.sqrt(next), direction: Math.sqrt(Math.max(0, 1 - next - noise * noise)), noise });
      }
      return rows;
    },
    *step({ x }, { level, clean, direction, noise }, [z]) {
      const eps = yield { x, level, want: "eps" };
      const x0 = combine(1 / level.alpha, x, -level.sigma / level.alpha, eps);
      const moved = combine(clean, x0, direction, eps);
      return { x: z === undefined ? moved : add(moved, mul(noise, z)) };
    },
  };
}
