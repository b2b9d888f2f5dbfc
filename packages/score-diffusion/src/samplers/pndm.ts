/** Pseudo numerical methods: the multistep formula of Adams and Bashforth for the noise, carried by the step of DDIM. */
import { type NdArray, add, mul } from "@provably/core-tensor";
import { checkOptions, oneOf } from "@provably/core-tensor/internal";
import { type NoiseLevel, levelOfLambda } from "../schedule/level.js";
import { type Sampler, combine, defineSampler } from "../sampler/sampler.js";
import { type Transition, signalLambda, transitions } from "../sampler/steps.js";

const OPTIONS = { warmup: oneOf("runge-kutta", "multistep") };

/**
 * One step of {@link pndm}.
 * @category Samplers
 */
export interface PndmRow extends Transition {
  /** Half way between the two levels in $\ln(\alpha/\sigma)$, for the first steps. */
  readonly middle: NoiseLevel;
  /** Factors of the last predictions, newest first; none for a step that looks ahead instead. */
  readonly weights: readonly number[];
}

/** Adams-Bashforth formulas of one to four predictions, for steps of equal length. */
const FORMULAS: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/** The step of DDIM with a given noise. */
function carried(x: NdArray, eps: NdArray, level: NoiseLevel, to: NoiseLevel): NdArray {
  const carry = to.alpha / level.alpha;
  return combine(carry, x, to.sigma - carry * level.sigma, eps);
}

/**
 * PNDM: $\varepsilon' = \tfrac{1}{24}(55\varepsilon_t - 59\varepsilon_{t-1} + 37\varepsilon_{t-2} - 9\varepsilon_{t-3})$ in place of the noise in a step of {@link ddim}.
 *
 * Second order on schedules whose steps are of equal length in $\ln(\alpha/\sigma)$ or change slowly; the weights know no other. The first three steps look
 * ahead in the manner of Runge and Kutta, with four evaluations each; with `warmup: "multistep"` they are shorter formulas with one. The step to the data is
 * of first order.
 *
 * @param options - `warmup`: how it starts, `runge-kutta` (the default) or `multistep`
 * @returns sampler
 * @throws `DomainError` when the warm-up is another
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussianMixture, lambdaGrid, sample } from "@provably/score-diffusion";
 * import { pndm } from "@provably/score-diffusion/samplers";
 *
 * const mixture = gaussianMixture({ weights: [1], means: [[3]], variances: [1] });
 * sample(pndm(), mixture, key(0), { shape: [2, 1], schedule: lambdaGrid(20) }).numEvaluations; // => 29
 * ```
 * @see Liu, Ren, Lin, Zhao (2022), "Pseudo numerical methods for diffusion models on manifolds", eq. 12 and 13, algorithm 2
 * @category Samplers
 */
export function pndm(
  options: { readonly warmup?: "runge-kutta" | "multistep" } = {},
): Sampler<PndmRow> {
  const { warmup = "runge-kutta" } = checkOptions("pndm", options, OPTIONS);
  return defineSampler(
    {
      name: "pndm",
      numNoises: 0,
      order: { expected: [1.6, 2.6], source: "second order" },
      table: (schedule, tableOptions) =>
        transitions(schedule, tableOptions).map(({ level, to }, i) => {
          const lambda = signalLambda("pndm", level);
          if (to.sigma === 0) return { level, to, middle: to, weights: FORMULAS[0]! };
          const middle = levelOfLambda((lambda + signalLambda("pndm", to)) / 2);
          return {
            level,
            to,
            middle,
            weights: i < 3 && warmup === "runge-kutta" ? [] : FORMULAS[Math.min(i, 3)]!,
          };
        }),
      *step({ x, memory = [] }, { level, to, middle, weights }) {
        const eps = yield { x, level, want: "eps" };
        const predictions = [eps, ...memory];
        const next = { memory: predictions.slice(0, 3) };
        if (weights.length > 0) {
          const mixed = weights
            .map((weight, j) => mul(weight, predictions[j]!))
            .reduce((a, b) => add(a, b));
          return { x: carried(x, mixed, level, to), ...next };
        }
        const second = yield { x: carried(x, eps, level, middle), level: middle, want: "eps" };
        const third = yield { x: carried(x, second, level, middle), level: middle, want: "eps" };
        const fourth = yield { x: carried(x, third, level, to), level: to, want: "eps" };
        const mixed = mul(1 / 6, add(add(eps, fourth), mul(2, add(second, third))));
        return { x: carried(x, mixed, level, to), ...next };
      },
    },
    ["level", "to", "middle"],
  );
}
