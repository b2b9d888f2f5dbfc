/** Exponential integrators in λ = ln(α/σ): the DPM-Solvers of one to three predictions, for the clean point or the noise, with noise or without. */
import type { NoiseLevel } from "../../schedule/level.js";
import { type TableFormula, type TableRow, gain, oneCall } from "./rows.js";

/** Which flow is integrated, and whether for the clean point or for the noise. */
export type DpmAlgorithm = "dpmsolver++" | "dpmsolver" | "sde-dpmsolver++" | "sde-dpmsolver";

export interface DpmSettings {
  readonly algorithm: DpmAlgorithm;
  readonly order: 1 | 2 | 3;
  /** How the derivative of the prediction enters. */
  readonly variant: "midpoint" | "heun";
  /** Whether the third order of the diffusion has the sign of diffusers, −1/2 where the expansion has 1/2. */
  readonly wrongSign?: boolean;
}

/** Factors of a step: of the point, of the prediction and its first two derivatives in λ (times h, h²), and of the noise. */
interface Factors {
  readonly point: number;
  readonly value: number;
  readonly slope: number;
  readonly curve: number;
  readonly noise: number;
}

/** (eˣ − 1 − x) / x² − 1/2 by its series near 0, where the digits cancel. */
function second(x: number): number {
  if (Math.abs(x) > 1e-2) return (Math.expm1(x) - x) / (x * x) - 0.5;
  return x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x * (1 / 720 + x / 5040))));
}

/** (eˣ − 1) / x − 1. */
function first(x: number): number {
  if (x === 0) return 0;
  if (Math.abs(x) > 1e-2) return Math.expm1(x) / x - 1;
  return x * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120 + x / 720))));
}

/**
 * The step from one level to another with a prediction that is a polynomial in λ. To the data the step is of first order.
 *
 * With $g = -h$ for the clean point of the flow, $-2h$ for that of the diffusion and $h$ for the noise, the value has the factor $c\,(e^g - 1)$, the slope
 * $c\,((e^g - 1)/g - 1)$ and the curve $c\,((e^g - 1 - g)/g^2 - 1/2)$, up to sign.
 */
function factors(
  { algorithm, variant, wrongSign = false }: DpmSettings,
  from: NoiseLevel,
  to: NoiseLevel,
): Factors {
  const h = gain(from, to);
  const carry = { clean: to.sigma / from.sigma, noise: to.alpha / from.alpha };
  if (h === Infinity) {
    const clean = algorithm.endsWith("++");
    return {
      point: clean ? 0 : carry.noise,
      value: clean ? to.alpha : -carry.noise * from.sigma,
      slope: 0,
      curve: 0,
      noise: 0,
    };
  }
  const midpoint = variant === "midpoint";
  switch (algorithm) {
    case "dpmsolver++": {
      const value = -to.alpha * Math.expm1(-h);
      const slope = midpoint ? value / 2 : -to.alpha * first(-h);
      return { point: carry.clean, value, slope, curve: -to.alpha * second(-h), noise: 0 };
    }
    case "sde-dpmsolver++": {
      const value = -to.alpha * Math.expm1(-2 * h);
      return {
        point: carry.clean * Math.exp(-h),
        value,
        slope: midpoint ? value / 2 : -to.alpha * first(-2 * h),
        curve: -to.alpha * (second(-2 * h) + (wrongSign ? 1 : 0)),
        noise: to.sigma * Math.sqrt(-Math.expm1(-2 * h)),
      };
    }
    case "dpmsolver": {
      const value = -to.sigma * Math.expm1(h);
      const slope = midpoint ? value / 2 : -to.sigma * first(h);
      return { point: carry.noise, value, slope, curve: -to.sigma * second(h), noise: 0 };
    }
    case "sde-dpmsolver": {
      const value = -2 * to.sigma * Math.expm1(h);
      return {
        point: carry.noise,
        value,
        slope: midpoint ? value / 2 : -2 * to.sigma * first(h),
        curve: -2 * to.sigma * second(h),
        noise: to.sigma * Math.sqrt(Math.expm1(2 * h)),
      };
    }
  }
}

/** How the two derivatives are made of predictions: rows of weights. */
interface Derivatives {
  readonly slope: readonly number[];
  readonly curve: readonly number[];
}

const sum = (terms: readonly (readonly [number, readonly number[]])[]): number[] =>
  Array.from({ length: Math.max(...terms.map(([, list]) => list.length)) }, (_, i) =>
    terms.reduce((total, [factor, list]) => total + factor * (list[i] ?? 0), 0),
  );

/** Backward differences over the last levels, in multiples of the step's own length. */
function backward(levels: readonly NoiseLevel[], i: number, order: number, h: number): Derivatives {
  if (order === 1) return { slope: [0], curve: [0] };
  const r0 = gain(levels[i - 1]!, levels[i]!) / h;
  const near = [1 / r0, -1 / r0];
  if (order === 2) return { slope: near, curve: [0] };
  const r1 = gain(levels[i - 2]!, levels[i - 1]!) / h;
  const far = [0, 1 / r1, -1 / r1];
  const share = r0 / (r0 + r1);
  return {
    slope: sum([
      [1 + share, near],
      [-share, far],
    ]),
    curve: sum([
      [1 / (r0 + r1), near],
      [-1 / (r0 + r1), far],
    ]),
  };
}

const wanted = (algorithm: DpmAlgorithm): "x0" | "eps" => (algorithm.endsWith("++") ? "x0" : "eps");

/** Orders of a multistep method of n steps: they rise at the start, and fall at the end where asked to. */
export interface OrderRules {
  /** Falls to 2 and 1 in the last two steps. */
  readonly lowerAtEnd: boolean;
  /** The last step is of first order. */
  readonly firstAtEnd: boolean;
}

/** The order of step i of n. */
export function multistepOrder(order: number, i: number, n: number, rules: OrderRules): number {
  const left = n - i;
  const allowed = left === 1 && rules.firstAtEnd ? 1 : rules.lowerAtEnd ? left : order;
  return Math.max(1, Math.min(order, i + 1, allowed));
}

/** The multistep DPM-Solvers. */
export function dpmMultistep(
  levels: readonly NoiseLevel[],
  settings: DpmSettings,
  rules: OrderRules,
): TableRow[] {
  const n = levels.length - 1;
  return Array.from({ length: n }, (_, i) => {
    const [level, to] = [levels[i]!, levels[i + 1]!];
    const h = gain(level, to);
    const f = factors(settings, level, to);
    const order = h === 0 || h === Infinity ? 1 : multistepOrder(settings.order, i, n, rules);
    // the second order has the midpoint's factor of the slope or Heun's, the third Heun's
    const slope =
      order === 3 ? factors({ ...settings, variant: "heun" }, level, to).slope : f.slope;
    const derivatives = backward(levels, i, order, h);
    const predictions = sum([
      [f.value, [1]],
      [slope, derivatives.slope],
      [f.curve, derivatives.curve],
    ]);
    return oneCall(level, to, wanted(settings.algorithm), {
      point: f.point,
      predictions,
      noise: f.noise,
    });
  });
}

/** The step of a singlestep solver from the level where its block began, with the predictions made inside it. */
function blockFormula(
  settings: DpmSettings,
  block: readonly NoiseLevel[],
  to: NoiseLevel,
): TableFormula {
  const [start] = block as readonly [NoiseLevel];
  const f = factors(settings, start, to);
  const h = gain(start, to);
  const base = { anchor: f.point, noise: f.noise };
  if (block.length === 1) return { ...base, predictions: [f.value] };
  if (block.length === 2) {
    const r0 = gain(start, block[1]!) / h;
    return { ...base, predictions: [f.slope / r0, f.value - f.slope / r0] };
  }
  const [r1, r0] = [gain(start, block[1]!) / h, gain(start, block[2]!) / h];
  const exact = factors({ ...settings, variant: "heun" }, start, to);
  if (settings.variant === "midpoint")
    return {
      ...base,
      predictions: [exact.slope / r0, 0, f.value - exact.slope / r0],
    };
  const [near, far] = [
    [0, 1 / r1, -1 / r1],
    [1 / r0, 0, -1 / r0],
  ];
  const slope = sum([
    [r0 / (r0 - r1), near],
    [-r1 / (r0 - r1), far],
  ]);
  const curve = sum([
    [2 / (r0 - r1), far],
    [-2 / (r0 - r1), near],
  ]);
  const predictions = sum([
    [f.value, [0, 0, 1]],
    [exact.slope, slope],
    [f.curve, curve],
  ]);
  return { ...base, predictions };
}

/** The orders of n singlestep calls, in blocks that rise from 1. With `lowerAtEnd` the blocks at the end are shorter, so that the last call is of low order. */
export function singlestepOrders(order: 1 | 2 | 3, n: number, lowerAtEnd: boolean): number[] {
  const blocks: number[] = [];
  for (let left = n; left > 0;) {
    const full = left > order || !lowerAtEnd;
    // three calls that are left are 2 + 1, two are one block of a third-order method and 1 + 1 of a second-order one
    const short = order === 3 && left === 2 ? 2 : Math.max(1, left - 1);
    const size = full ? Math.min(order, left) : Math.min(order, short);
    blocks.push(size);
    left -= size;
  }
  return blocks.flatMap((size) => Array.from({ length: size }, (_, i) => i + 1));
}

/** The singlestep DPM-Solvers: the levels of a block are those of the schedule. */
export function dpmSinglestep(
  levels: readonly NoiseLevel[],
  settings: DpmSettings,
  orders: readonly number[],
): TableRow[] {
  let from = 0;
  return Array.from({ length: levels.length - 1 }, (_, i) => {
    // a run that starts inside a block has no predictions of the block's earlier calls
    const toData = levels[i + 1]!.sigma === 0;
    if (orders[i] === 1 || toData) from = i;
    const order = Math.min(orders[i]!, i - from + 1);
    const start = i - order + 1;
    const formula = blockFormula(settings, levels.slice(start, i + 1), levels[i + 1]!);
    const want = wanted(settings.algorithm);
    if (order > 1) return oneCall(levels[i]!, levels[i + 1]!, want, formula);
    const { anchor, ...rest } = formula;
    const next = { ...rest, ...(anchor !== undefined && { point: anchor }) };
    return oneCall(levels[i]!, levels[i + 1]!, want, next, { point: 1 });
  });
}
