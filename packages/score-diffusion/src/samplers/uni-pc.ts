/** The predictor-corrector of UniPC. */
import { type NdArray, add, array, mul } from "@provably/core-tensor";
import { checkOptions, oneOf } from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import type { Schedule } from "../schedule/schedule.js";
import { type Sampler, type TableOptions, defineSampler } from "../sampler/sampler.js";
import { type Transition, signalLambda, transitions } from "../sampler/steps.js";

const OPTIONS = { order: oneOf(1, 2, 3), variant: oneOf("bh1", "bh2") };

/**
 * Options of {@link uniPC}.
 * @category Samplers
 */
export interface UniPcOptions {
  /** Predictions that a step draws on: 1, 2 (the default) or 3. */
  readonly order?: 1 | 2 | 3;
  /** The function $B(h)$: `bh2`, $e^{-h} - 1$ (the default), or `bh1`, $-h$. */
  readonly variant?: "bh1" | "bh2";
}

/**
 * A linear combination of the point before and of predictions.
 * @category Samplers
 */
export interface UniPcFormula {
  /** Factor of the point. */
  readonly carry: number;
  /** Factors of the predictions, newest first. */
  readonly weights: readonly number[];
}

/**
 * One step of {@link uniPC}: the coefficients of both of its formulas.
 * @category Samplers
 */
export interface UniPcRow extends Transition {
  /** The next point from this one and the last predictions. */
  readonly predict: UniPcFormula;
  /** This point again from the one before, now that the prediction here is known; not in the first step. */
  readonly correct?: UniPcFormula;
}

function formula(
  transition: Transition,
  lambdas: readonly number[],
  end: number,
  order: number,
  corrects: boolean,
  variant: "bh1" | "bh2",
): UniPcFormula {
  const { level, to } = transition;
  if (to.sigma === 0) return { carry: 0, weights: [1] };
  const h = end - lambdas[0]!;
  const phi = Math.expm1(-h);
  const scale = variant === "bh2" ? phi : -h;
  const ratios = Array.from({ length: order - 1 }, (_, j) => (lambdas[j + 1]! - lambdas[0]!) / h);
  const nodes = corrects ? [...ratios, 1] : ratios;
  const rho = quadrature(nodes, h, scale);
  // with differences (m_j − m) / r_j written out, the newest prediction collects what the others give up
  const others = ratios.map((r, j) => (-to.alpha * scale * rho[j]!) / r);
  const ahead = corrects ? -to.alpha * scale * rho[order - 1]! : 0;
  const newest = -to.alpha * phi - others.reduce((a, b) => a + b, 0) - ahead;
  return {
    carry: to.sigma / level.sigma,
    weights: corrects ? [ahead, newest, ...others] : [newest, ...others],
  };
}

/** Weights that match the first powers of the time inside a step. */
function quadrature(nodes: readonly number[], h: number, scale: number): number[] {
  const p = nodes.length;
  if (p === 0) return [];
  if (p === 1) return [0.5];
  const moments: number[] = [];
  let [g, factorial] = [Math.expm1(-h) / -h - 1, 1];
  for (let j = 1; j <= p; j++) {
    moments.push((g * factorial) / scale);
    factorial *= j + 1;
    g = g / -h - 1 / factorial;
  }
  const powers = Array.from({ length: p }, (_, j) => nodes.map((r) => r ** j));
  const rho = solve(array(powers, { dtype: "float64" }), array(moments, { dtype: "float64" }));
  return Array.from({ length: p }, (_, j) => rho.get(j));
}

function table(
  schedule: Schedule,
  options: TableOptions,
  order: number,
  variant: "bh1" | "bh2",
): UniPcRow[] {
  const steps = transitions(schedule, options);
  const lambdas = steps.map(({ level }) => signalLambda("uniPC", level));
  const orders = steps.map((_, i) => Math.min(order, i + 1, steps.length - i));
  const newestFirst = (i: number): number[] => lambdas.slice(0, i + 1).reverse();
  return steps.map((step, i) => {
    const end = step.to.sigma === 0 ? Infinity : signalLambda("uniPC", step.to);
    const predict = formula(step, newestFirst(i), end, orders[i]!, false, variant);
    return i === 0
      ? { ...step, predict }
      : {
          ...step,
          predict,
          correct: formula(
            steps[i - 1]!,
            newestFirst(i - 1),
            lambdas[i]!,
            orders[i - 1]!,
            true,
            variant,
          ),
        };
  });
}

function evaluate(
  { carry, weights }: UniPcFormula,
  x: NdArray,
  predictions: readonly NdArray[],
): NdArray {
  return weights.reduce((sum, weight, j) => add(sum, mul(weight, predictions[j]!)), mul(carry, x));
}

/**
 * UniPC: a multistep predictor for the clean point, and a corrector that reuses the next step's evaluation, so that it costs none of its own. One order more
 * than predictions used; orders rise at the start and fall at the end.
 *
 * @param options - see {@link UniPcOptions}
 * @returns sampler
 * @throws `DomainError` when an option is unknown
 * @example
 * ```ts
 * import { uniPC } from "@provably/score-diffusion/samplers";
 *
 * uniPC({ order: 3 }).name; // => "uniPC-3"
 * ```
 * @see Zhao et al. (2023), "UniPC: a unified predictor-corrector framework for fast sampling of diffusion models", algorithms 1 and 2
 * @category Samplers
 */
export function uniPC(options: UniPcOptions = {}): Sampler<UniPcRow> {
  const { order = 2, variant = "bh2" } = checkOptions("uniPC", options, OPTIONS);
  return defineSampler(
    {
      name: `uniPC-${order}`,
      numNoises: 0,
      order: {
        expected: [order + 0.5, order + 1.6],
        source: "one order more than predictions used",
      },
      table: (schedule, tableOptions) => table(schedule, tableOptions, order, variant),
      *step({ x, memory = [] }, { level, predict, correct }) {
        // memory: the corrected point before, then the predictions, newest first
        const prediction = yield { x, level, want: "x0" };
        const predictions = [prediction, ...memory.slice(1)];
        const point = correct === undefined ? x : evaluate(correct, memory[0]!, predictions);
        return {
          x: evaluate(predict, point, predictions),
          memory: [point, ...predictions.slice(0, order)],
        };
      },
    },
    ["level", "to"],
  );
}
