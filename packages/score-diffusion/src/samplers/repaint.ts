/** Inpainting by replacement: known pixels are put back, at the right noise, in every step. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  add,
  all,
  asType,
  equal,
  item,
  logicalOr,
  mul,
  sub,
} from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  check,
  checkOptions,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import { levelAt } from "../schedule/schedule.js";
import { type Sampler, checkSampler, combine, defineSampler } from "../sampler/sampler.js";

const OPTIONS = { resamplings: wholeNumber(1), jumpLength: wholeNumber(1) };

/**
 * Options of {@link repaint}.
 * @category Samplers
 */
export interface RepaintOptions {
  /** How often each stretch is walked; default 10. */
  readonly resamplings?: number;
  /** Steps of a stretch: how far back each new walk begins; default 10. */
  readonly jumpLength?: number;
}

/**
 * One step of {@link repaint}: a stretch of inner steps.
 * @category Samplers
 */
export interface RepaintRow<Row> {
  /** The inner steps, from noise to data. */
  readonly steps: readonly { readonly row: Row; readonly to: NoiseLevel }[];
  /** Where the stretch begins. */
  readonly level: NoiseLevel;
}

/**
 * A sampler that fills in the unknown part of an image, from any single-step sampler of whole images: after each step the known part is replaced by the
 * known image at that noise level, and each stretch of `jumpLength` steps is walked `resamplings` times, with noise put back in between, so that the
 * two parts come to agree.
 *
 * For its evaluations cheaper than a posterior sampler, and without its guarantee: the conditional distribution is only approached. For noisy or indirect
 * measurements see `dpnp`.
 *
 * @param sampler - takes the steps; `ddpmAncestral()` in the paper
 * @param known - the image where it is known, shape `[d]` or `[n, d]`, on the scale of the data
 * @param mask - 1 where it is known, 0 where not, of the same shape or `[d]`
 * @param options - see {@link RepaintOptions}
 * @returns sampler whose steps are the stretches
 * @throws `DomainError` when an option is not a positive integer, or the mask holds other numbers than 0 and 1
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussian, sample, theorySchedule } from "@provably/score-diffusion";
 * import { ddpmAncestral, repaint } from "@provably/score-diffusion/samplers";
 *
 * const distribution = gaussian({ mean: [0, 0], covariance: [[1, 0.9], [0.9, 1]] });
 * const { samples } = sample(repaint(ddpmAncestral(), [2, 0], [1, 0]), distribution, key(0), { shape: [3, 2], schedule: theorySchedule(40) });
 * samples.get(0, 0); // => 2
 * ```
 * @see Lugmayr et al. (2022), "RePaint: inpainting using denoising diffusion probabilistic models", algorithm 1
 * @category Samplers
 */
export function repaint<Row extends { readonly level: NoiseLevel }>(
  sampler: Sampler<Row>,
  known: ArrayInput,
  mask: ArrayInput,
  options: RepaintOptions = {},
): Sampler<RepaintRow<Row>> {
  const { resamplings = 10, jumpLength = 10 } = checkOptions("repaint", options, OPTIONS);
  checkSampler("repaint", sampler);
  const [clean, keep] = [asType(known, "float64"), asType(mask, "float64")];
  if (!item(all(logicalOr(equal(keep, 0), equal(keep, 1)))))
    throw new DomainError("repaint: mask must hold 0 and 1 only");
  const unknown = sub(1, keep);
  // per inner step its own noise and that of the known part; one to go back, between walks
  const perStep = sampler.numNoises + 1;
  return defineSampler({
    name: `repaint(${sampler.name})`,
    numNoises: resamplings * jumpLength * perStep + resamplings - 1,
    table(schedule, tableOptions) {
      const rows = sampler.table(schedule, tableOptions);
      const end = tableOptions.stopAt === 1 ? levelAt(schedule, 1) : levelOf(1);
      const steps = rows.map((row, i) => ({ row, to: rows[i + 1]?.level ?? end }));
      return Array.from({ length: Math.ceil(steps.length / jumpLength) }, (_, i) => {
        const stretch = steps.slice(i * jumpLength, (i + 1) * jumpLength);
        return { steps: stretch, level: stretch[0]!.row.level };
      });
    },
    *step({ x }, { steps, level }, noise) {
      let at = 0;
      const draw = (): NdArray => noise[at++]!;
      let point = x;
      if (check("repaint", "row.steps", steps, anyList).length === 0)
        throw new DomainError("repaint: row.steps must hold at least one step, got none");
      for (let walk = 0; walk < resamplings; walk++) {
        for (const one of steps) {
          const { row, to } = check("repaint", "row.steps", one, anyRecord);
          const inner = Array.from({ length: sampler.numNoises }, draw);
          const moved = yield* sampler.step({ x: point }, row, inner);
          const noised = combine(to.alpha, clean, to.sigma, draw());
          point = add(mul(keep, noised), mul(unknown, moved.x));
        }
        if (walk < resamplings - 1)
          point = renoise(point, steps[steps.length - 1]!.to, level, draw());
      }
      return { x: point };
    },
  });
}

/** From a level back to a noisier one, in distribution as the forward process does it. */
function renoise(x: NdArray, from: NoiseLevel, to: NoiseLevel, z: NdArray): NdArray {
  const ratio = to.alpha / from.alpha;
  return combine(ratio, x, Math.sqrt(Math.max(0, to.sigma ** 2 - (ratio * from.sigma) ** 2)), z);
}
