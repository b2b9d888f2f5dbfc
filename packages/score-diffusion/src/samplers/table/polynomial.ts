/** Methods of several predictions by Lagrange polynomials: LMS in σ/α, DEIS in ln σ/α, and the formulas of Adams and Bashforth (PNDM) for equal steps. */
import type { NoiseLevel } from "../../schedule/level.js";
import { multistepOrder, type OrderRules } from "./exponential.js";
import { type TableFormula, type TableRow, gain, oneCall, ratioOf } from "./rows.js";

/** Coefficients of the polynomial that is 1 at one of the places and 0 at the others, lowest power first. */
function lagrange(places: readonly number[], j: number): number[] {
  return places.reduce<number[]>(
    (poly, place, k) => {
      if (k === j) return poly;
      const scale = places[j]! - place;
      return [0, ...poly].map((c, i) => (c - place * (poly[i] ?? 0)) / scale);
    },
    [1],
  );
}

/** The step with ∫ of each polynomial over σ/α: the noise is the slope of x/α in σ/α. */
function alongNoise(level: NoiseLevel, to: NoiseLevel, integrals: readonly number[]): TableFormula {
  return {
    point: to.alpha / level.alpha,
    predictions: integrals.map((integral) => to.alpha * integral),
  };
}

/** Linear multistep: polynomials in σ/α through the last predictions, integrated exactly. */
export function lmsRows(levels: readonly NoiseLevel[], order: number): TableRow[] {
  return levels.slice(0, -1).map((level, i) => {
    const [to, from] = [levels[i + 1]!, ratioOf(level)];
    const places = Array.from(
      { length: Math.min(order, i + 1) },
      (_, j) => ratioOf(levels[i - j]!) - from,
    );
    const end = ratioOf(to) - from;
    const integrals = places.map((_, j) =>
      lagrange(places, j).reduce(
        (sum, c, power) => sum + (c * end ** (power + 1)) / (power + 1),
        0,
      ),
    );
    return oneCall(level, to, "eps", alongNoise(level, to, integrals));
  });
}

/** ∫ sᵏ eˢ ds from 0 to −h, for k = 0, 1, 2. */
function moments(h: number): readonly [number, number, number] {
  const e = Math.exp(-h);
  return [Math.expm1(-h), 1 - (1 + h) * e, (2 + 2 * h + h * h) * e - 2];
}

/** DEIS: polynomials in ln(σ/α) through the last predictions, integrated over σ/α. To the data the step is of first order. */
export function deisRows(
  levels: readonly NoiseLevel[],
  order: number,
  rules: OrderRules,
): TableRow[] {
  const n = levels.length - 1;
  return levels.slice(0, -1).map((level, i) => {
    const [to, from] = [levels[i + 1]!, ratioOf(level)];
    const h = gain(level, to);
    if (h === Infinity) return oneCall(level, to, "eps", alongNoise(level, to, [-from]));
    const used = h === 0 ? 1 : multistepOrder(order, i, n, rules);
    const places = Array.from({ length: used }, (_, j) => gain(levels[i - j]!, level));
    const powers = moments(h);
    const integrals = places.map(
      (_, j) => from * lagrange(places, j).reduce((sum, c, power) => sum + c * powers[power]!, 0),
    );
    return oneCall(level, to, "eps", alongNoise(level, to, integrals));
  });
}

/** Adams-Bashforth formulas of one to four predictions, for steps of equal length. */
const ADAMS: readonly (readonly number[])[] = [
  [1],
  [3 / 2, -1 / 2],
  [23 / 12, -16 / 12, 5 / 12],
  [55 / 24, -59 / 24, 37 / 24, -9 / 24],
];

/** The step of DDIM from a level with a mixture of predicted noises. */
function carried(
  from: NoiseLevel,
  to: NoiseLevel,
  weights: readonly number[],
  where: "point" | "anchor" = "point",
): TableFormula {
  const carry = to.alpha / from.alpha;
  const scale = to.sigma - carry * from.sigma;
  return { [where]: carry, predictions: weights.map((weight) => scale * weight) };
}

/**
 * PLMS as Stable Diffusion ships it: the first step is taken twice, the second time with the mean of the noises at both of its ends, and then come the formulas
 * of two, three and four predictions. One call more than there are steps.
 */
export function plmsRows(levels: readonly NoiseLevel[]): TableRow[] {
  const [start, second] = levels as readonly [NoiseLevel, NoiseLevel];
  const ahead = oneCall(start, second, "eps", carried(start, second, [1]), { point: 1 });
  if (levels.length < 3) return [ahead];
  const again = oneCall(second, second, "eps", carried(start, second, [1 / 2, 1 / 2], "anchor"));
  const later = levels.slice(1, -1).map((level, k): TableRow => {
    const formula = ADAMS[Math.min(k + 1, 3)]!;
    // the prediction of the second call is left out
    const weights = k > 2 ? formula : [...formula.slice(0, k + 1), 0, ...formula.slice(k + 1)];
    return oneCall(level, levels[k + 2]!, "eps", carried(level, levels[k + 2]!, weights));
  });
  return [ahead, again, ...later];
}

/** Predictions that {@link prkRows} reaches back for. */
export const PRK_DEPTH = 13;

/** Three steps of Runge and Kutta with a level half way, and then PLMS of fourth order: PNDM as it was published. */
export function prkRows(
  warm: readonly {
    readonly from: NoiseLevel;
    readonly half: NoiseLevel;
    readonly to: NoiseLevel;
  }[],
  rest: readonly NoiseLevel[],
): TableRow[] {
  const stages = warm.flatMap(({ from, half, to }): TableRow[] => [
    oneCall(from, half, "eps", carried(from, half, [1]), { point: 1 }),
    oneCall(half, half, "eps", carried(from, half, [1], "anchor")),
    oneCall(half, to, "eps", carried(from, to, [1], "anchor")),
    oneCall(to, to, "eps", carried(from, to, [1 / 6, 1 / 3, 1 / 3, 1 / 6], "anchor")),
  ]);
  const later = rest.slice(0, -1).map((level, i): TableRow => {
    // of the four stages of each step before, the first counts: 4, 8 and 12 calls before the first of these
    const ages = [0, 1, 2, 3].map((age) => (age <= i ? age : i + 4 * (age - i)));
    const weights = new Array<number>(ages[3]! + 1).fill(0);
    ages.forEach((age, j) => (weights[age] = ADAMS[3]![j]!));
    return oneCall(level, rest[i + 1]!, "eps", carried(level, rest[i + 1]!, weights));
  });
  return [...stages, ...later];
}
