/** Langevin steps between the steps of a sampler. */
import { add, mul } from "@provably/core-tensor";
import { checkOptions, positiveNumber, wholeNumber } from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOf } from "../schedule/level.js";
import { levelAt } from "../schedule/schedule.js";
import { type Sampler, checkSampler, combine, defineSampler } from "../sampler/sampler.js";

const OPTIONS = { corrections: wholeNumber(1), signalToNoise: positiveNumber };

/**
 * Options of {@link withCorrector}.
 * @category Samplers
 */
export interface CorrectorOptions {
  /** Langevin steps after each step; default 1. */
  readonly corrections?: number;
  /** Signal-to-noise ratio $r$ that sets their size; default 0.16. */
  readonly signalToNoise?: number;
}

/**
 * One step of {@link withCorrector}.
 * @category Samplers
 */
export interface CorrectedRow<Row> {
  /** The predictor's row. */
  readonly row: Row;
  /** Where it starts. */
  readonly level: NoiseLevel;
  /** Where it ends, and the corrections happen. */
  readonly to: NoiseLevel;
}

/**
 * A sampler followed, after each step but the last to the data, by Langevin steps at the level reached, $x \leftarrow x + \epsilon s(x) + \sqrt{2\epsilon}\,z$ with
 * $\epsilon = 2(r\sigma)^2$: errors of the predictor are forgotten instead of carried along.
 *
 * The paper sets $\epsilon = 2\alpha\left(r\,\|z\|/\|s\|\right)^2$ with norms averaged over the batch. Their ratio is about $\sigma$ and $\alpha$ about 1; put so, a step does not
 * depend on the batch nor on the point, which keeps the distribution invariant up to the length of the steps.
 *
 * @param sampler - the predictor
 * @param options - see {@link CorrectorOptions}
 * @returns sampler with one evaluation and one noise more for each correction
 * @throws `DomainError` when an option is out of range
 * @example
 * ```ts
 * import { ddim, withCorrector } from "@provably/score-diffusion/samplers";
 *
 * withCorrector(ddim()).numNoises; // => 1
 * ```
 * @see Song et al. (2021), "Score-based generative modeling through stochastic differential equations", algorithms 4 and 5
 * @category Samplers
 */
export function withCorrector<Row extends { readonly level: NoiseLevel }>(
  sampler: Sampler<Row>,
  options: CorrectorOptions = {},
): Sampler<CorrectedRow<Row>> {
  const { corrections = 1, signalToNoise = 0.16 } = checkOptions("withCorrector", options, OPTIONS);
  checkSampler("withCorrector", sampler);
  return defineSampler(
    {
      name: `${sampler.name} with corrector`,
      numNoises: sampler.numNoises + corrections,
      table(schedule, tableOptions) {
        const rows = sampler.table(schedule, tableOptions);
        const end = tableOptions.stopAt === 1 ? levelAt(schedule, 1) : levelOf(1);
        return rows.map((row, i) => ({ row, level: row.level, to: rows[i + 1]?.level ?? end }));
      },
      *step(state, { row, to }, noise) {
        const moved = yield* sampler.step(state, row, noise.slice(0, sampler.numNoises));
        if (to.sigma === 0) return moved;
        const size = 2 * (signalToNoise * to.sigma) ** 2;
        let { x } = moved;
        for (const z of noise.slice(sampler.numNoises)) {
          const score = yield { x, level: to, want: "score" };
          x = add(combine(1, x, size, score), mul(Math.sqrt(2 * size), z));
        }
        return { ...moved, x };
      },
    },
    ["level", "to"],
  );
}
