/** Exponential integration with an extrapolated noise: DEIS. */
import { type NdArray, add, mul } from "@provably/core-tensor";
import { check, checkOptions, oneOf } from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import type { Schedule } from "../schedule/schedule.js";
import { type Sampler, type TableOptions, defineSampler } from "../sampler/sampler.js";
import { signalLambda, transitions } from "../sampler/steps.js";

const OPTIONS = { order: oneOf(1, 2, 3) };

/**
 * One step of {@link deis}: the next point is a linear combination of this one and of the last predictions.
 * @category Samplers
 */
export interface DeisRow {
  /** Where the step starts. */
  readonly level: NoiseLevel;
  /** Factor of the point. */
  readonly carry: number;
  /** Factors of the predictions, newest first. */
  readonly weights: readonly number[];
}

/** ∫ sᵏ eˢ ds from 0 to −h, for k = 0, 1, 2. */
function moments(h: number): readonly [number, number, number] {
  const e = Math.exp(-h);
  return [Math.expm1(-h), 1 - (1 + h) * e, (2 + 2 * h + h * h) * e - 2];
}

/** ∫ of the polynomials that are 1 at one of the places and 0 at the others, against eˢ from 0 to −h. */
function integrals(places: readonly number[], h: number): number[] {
  const [m0, m1, m2] = moments(h);
  return places.map((place, j) => {
    const others = places.filter((_, k) => k !== j);
    const scale = others.reduce((product, other) => product * (place - other), 1);
    // (s − a)(s − b) = s² − (a + b) s + ab, and its shorter forms
    const [a = 0, b = 0] = others;
    return (
      (others.length === 0
        ? m0
        : others.length === 1
          ? m1 - a * m0
          : m2 - (a + b) * m1 + a * b * m0) / scale
    );
  });
}

function table(schedule: Schedule, options: TableOptions, order: number): DeisRow[] {
  const steps = transitions(schedule, options);
  const lambdas = steps.map(({ level }) => signalLambda("deis", level));
  return steps.map(({ level, to }, i) => {
    const carry = to.alpha / level.alpha;
    const scale = carry * level.sigma;
    if (to.sigma === 0) return { level, carry, weights: [-scale] };
    const h = signalLambda("deis", to) - lambdas[i]!;
    // places of the last predictions in s = ln σ/α, counted from this one
    const places = Array.from(
      { length: Math.min(order, i + 1) },
      (_, j) => lambdas[i]! - lambdas[i - j]!,
    );
    return { level, carry, weights: integrals(places, h).map((integral) => scale * integral) };
  });
}

/**
 * DEIS: the noise is extrapolated by a polynomial through the last predictions, and the flow with it integrated exactly,
 * $\tfrac{x_t}{\alpha_t} = \tfrac{x_s}{\alpha_s} + \sum_j \varepsilon_j \int_{\rho_s}^{\rho_t} \ell_j\,\mathrm d\rho$ with $\rho = \sigma/\alpha$ and the Lagrange polynomials $\ell_j$.
 *
 * One evaluation a step, as many predictions as its order; order 1 is {@link ddim}. The polynomials are in $\ln\rho$, as in common libraries; the paper takes
 * them in the time of its schedule or in $\rho$. The first steps, and that to the data, are of lower order.
 *
 * @param options - `order`: predictions that a step draws on, 1, 2 or 3 (the default)
 * @returns sampler
 * @throws `DomainError` when the order is another
 * @example
 * ```ts
 * import { lambdaGrid } from "@provably/score-diffusion";
 * import { deis } from "@provably/score-diffusion/samplers";
 *
 * deis().table(lambdaGrid(10), {})[5].weights.length; // => 3
 * ```
 * @see Zhang, Chen (2023), "Fast sampling of diffusion models with exponential integrator", eq. 14 and 15
 * @category Samplers
 */
export function deis(options: { readonly order?: 1 | 2 | 3 } = {}): Sampler<DeisRow> {
  const { order = 3 } = checkOptions("deis", options, OPTIONS);
  check("deis", "order", order, oneOf(1, 2, 3));
  return defineSampler({
    name: `deis-${order}`,
    numNoises: 0,
    order: { expected: [order - 0.4, order + 0.6], source: "as many predictions as its order" },
    table: (schedule, tableOptions) => table(schedule, tableOptions, order),
    *step({ x, memory = [] }, { level, carry, weights }) {
      const predictions: NdArray[] = [yield { x, level, want: "eps" }, ...memory];
      const moved = weights.reduce<NdArray>(
        (sum, weight, j) => add(sum, mul(weight, predictions[j]!)),
        mul(carry, x),
      );
      return { x: moved, memory: predictions.slice(0, order - 1) };
    },
  });
}
