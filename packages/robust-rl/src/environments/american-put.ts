/** Optimal stopping: an American put option. */
import { DomainError } from "@provably/core-tensor";
import {
  type Schema,
  checkOptions,
  finiteNumber,
  listOf,
  numberIn,
  positiveNumber,
} from "@provably/core-tensor/internal";
import { mdp } from "../mdp/model.js";
import type { Mdp } from "../mdp/process.js";

/**
 * Options of {@link americanPut}.
 * @category Environments
 */
export interface AmericanPutOptions {
  /** Probability of a move up; default 0.5. */
  readonly up?: number;
  /** Factors of a move up and a move down; default [1.02, 0.98]. */
  readonly factors?: readonly [number, number];
  /** Strike price; default 100. */
  readonly strike?: number;
  /** Lowest and highest price of the grid; default [80, 140]. */
  readonly range?: readonly [number, number];
  /** Distance of neighbouring prices; default 0.1. */
  readonly tick?: number;
}

const PUT: Schema<AmericanPutOptions> = {
  up: numberIn(0, 1),
  factors: listOf(finiteNumber, 2),
  strike: finiteNumber,
  range: listOf(finiteNumber, 2),
  tick: positiveNumber,
};

/**
 * The prices that the states of {@link americanPut} stand for.
 *
 * @param options - `range` and `tick` as there
 * @returns prices from the lowest to the highest, one for each state but the last
 * @example
 * ```ts
 * import { priceGrid } from "@provably/robust-rl";
 *
 * priceGrid({ range: [80, 82], tick: 1 }); // => [80, 81, 82]
 * ```
 * @category Environments
 */
export function priceGrid(options: AmericanPutOptions = {}): readonly number[] {
  return pricesOf("priceGrid", checkOptions<AmericanPutOptions>("priceGrid", options, PUT));
}

function pricesOf(
  fn: string,
  { range = [80, 140], tick = 0.1 }: AmericanPutOptions,
): readonly number[] {
  if (!(range[1] - range[0] >= tick) || !((range[1] - range[0]) / tick < 1e6))
    throw new DomainError(
      `${fn}: range must be [low, high] and tick positive, with between 2 and a million prices`,
    );
  return Array.from(
    { length: Math.round((range[1] - range[0]) / tick) + 1 },
    (_, i) => range[0] + i * tick,
  );
}

/**
 * An American put on a grid of prices: hold (action 0) and see the price move, or exercise (action 1) and receive what the strike exceeds the price by.
 *
 * Prices move by one of two factors and are rounded to the grid, halves up, in floating point. The last state is "exercised". Transitions are sparse.
 *
 * @param options - see {@link AmericanPutOptions}
 * @returns process with one state for every price of the grid and one more
 * @throws `DomainError` for a probability outside [0, 1] or an empty grid
 * @example
 * ```ts
 * import { americanPut, totalVariation, robustValueIteration } from "@provably/robust-rl";
 *
 * const plan = robustValueIteration(americanPut(), totalVariation(0), { horizon: 20 });
 * plan.values.get(0, 200).toFixed(4); // => "3.5239"
 * ```
 * @see Tamar, Mannor, Xu (2014), "Scaling up robust MDPs using function approximation", section 6
 * @category Environments
 */
export function americanPut(options: AmericanPutOptions = {}): Mdp {
  const fn = "americanPut";
  const {
    up = 0.5,
    factors = [1.02, 0.98],
    strike = 100,
    range = [80, 140],
    tick = 0.1,
  } = checkOptions<AmericanPutOptions>(fn, options, PUT);
  const prices = pricesOf(fn, options);
  const n = prices.length;
  const exercised = n;
  const nearest = (price: number): number =>
    Math.min(n - 1, Math.max(0, Math.floor((price - range[0]) / tick + 0.5)));
  const rowPointers = [0];
  const columns: number[] = [];
  const probabilities: number[] = [];
  const row = (...successors: readonly (readonly [number, number])[]): void => {
    for (const [state, p] of successors) {
      columns.push(state);
      probabilities.push(p);
    }
    rowPointers.push(columns.length);
  };
  const rewards = prices.map((price) => {
    row([nearest(price * factors[0]), up], [nearest(price * factors[1]), 1 - up]);
    row([exercised, 1]);
    return [0, Math.max(0, strike - price)];
  });
  row([exercised, 1]);
  row([exercised, 1]);
  return mdp({
    transitions: {
      shape: [n + 1, 2, n + 1],
      rowPointers: Int32Array.from(rowPointers),
      columns: Int32Array.from(columns),
      probabilities: Float64Array.from(probabilities),
    },
    rewards: [...rewards, [0, 0]],
    rewardAxes: "SA",
  });
}
