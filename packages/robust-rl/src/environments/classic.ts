/** Small decision processes of the literature. */
import { DomainError } from "@provably/core-tensor";
import {
  type Schema,
  checkOptions,
  finiteNumber,
  listOf,
  nonNegativeNumber,
  numberIn,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { mdp } from "../mdp/model.js";
import type { Mdp } from "../mdp/process.js";
import { checkSizes } from "./sizes.js";

/** Collects probabilities and rewards of a process cell by cell. */
function builder(fn: string, numStates: number, numActions: number) {
  checkSizes(fn, { states: numStates }, 2);
  checkSizes(fn, { states: numStates, actions: numActions, successors: numStates });
  const rows = (): number[][] =>
    Array.from({ length: numStates }, () => new Array<number>(numActions).fill(0));
  const transitions = Array.from({ length: numStates }, () =>
    Array.from({ length: numActions }, () => new Array<number>(numStates).fill(0)),
  );
  const rewards = rows();
  return {
    rewards,
    move(state: number, action: number, to: number, probability: number): void {
      transitions[state]![action]![to]! += probability;
    },
    build: (): Mdp => mdp({ transitions, rewards, axes: "SAS", rewardAxes: "SA" }),
  };
}

/**
 * RiverSwim: swimming right against the current leads to a large reward that a small one at the left end tempts away from.
 *
 * @param length - number of states, default 6
 * @returns process with actions 0 (left) and 1 (right); rewards 0.005 at the left end, 1 at the right end
 * @throws `DomainError` for fewer than 2 states
 * @example
 * ```ts
 * import { riverSwim, valueIteration } from "@provably/robust-rl";
 *
 * valueIteration(riverSwim(), { discount: 0.95 }).policy; // => [1, 1, 1, 1, 1, 1]
 * ```
 * @see Strehl, Littman (2008), "An analysis of model-based interval estimation for Markov decision processes"
 * @category Environments
 */
export function riverSwim(length = 6): Mdp {
  checkSizes("riverSwim", { length }, 2);
  const { rewards, move, build } = builder("riverSwim", length, 2);
  const last = length - 1;
  for (let s = 0; s < length; s++) {
    move(s, 0, Math.max(0, s - 1), 1);
    if (s === 0) {
      move(s, 1, 0, 0.4);
      move(s, 1, 1, 0.6);
    } else if (s === last) {
      move(s, 1, s - 1, 0.4);
      move(s, 1, s, 0.6);
    } else {
      move(s, 1, s - 1, 0.05);
      move(s, 1, s, 0.6);
      move(s, 1, s + 1, 0.35);
    }
  }
  rewards[0]![0] = 0.005;
  rewards[last]![1] = 1;
  return build();
}

/**
 * Machine replacement: wait while a machine wears out, or send it to repair, which may go wrong.
 *
 * States 0 … n − 1 are wear, n is a finished repair, n + 1 a long one. Actions are 0 (wait) and 1 (repair). Rewards: −20 in the last wear state, −2 and
 * −10 in the repair states.
 *
 * @param wearStates - $n$, default 8
 * @returns process with n + 2 states
 * @throws `DomainError` for no wear state
 * @example
 * ```ts
 * import { machineReplacement } from "@provably/robust-rl";
 *
 * machineReplacement().numStates; // => 10
 * ```
 * @see after Delage, Mannor (2010), "Percentile optimization for Markov decision processes with parameter uncertainty"; the numbers are our own
 * @category Environments
 */
export function machineReplacement(wearStates = 8): Mdp {
  checkSizes("machineReplacement", { wearStates });
  const n = wearStates;
  const { rewards, move, build } = builder("machineReplacement", n + 2, 2);
  const [short, long] = [n, n + 1];
  for (let s = 0; s < n; s++) {
    if (s === n - 1) move(s, 0, s, 1);
    else {
      move(s, 0, s + 1, 0.8);
      move(s, 0, s, 0.2);
    }
    move(s, 1, short, 0.6);
    move(s, 1, long, 0.1);
    move(s, 1, s, 0.3);
  }
  for (const a of [0, 1]) {
    move(short, a, 0, 0.8);
    move(short, a, short, 0.2);
    move(long, a, short, 0.6);
    move(long, a, long, 0.4);
    rewards[n - 1]![a] = -20;
    rewards[short]![a] = -2;
    rewards[long]![a] = -10;
  }
  return build();
}

/**
 * Options of {@link inventory}.
 * @category Environments
 */
export interface InventoryOptions {
  /** Largest stock; default 10. */
  readonly capacity?: number;
  /** Probabilities of a demand of 0, 1, 2, …; default [0.1, 0.2, 0.3, 0.2, 0.2]. */
  readonly demand?: readonly number[];
  /** Price of a unit sold; default 4. */
  readonly price?: number;
  /** Cost of a unit ordered; default 2. */
  readonly unitCost?: number;
  /** Cost of holding a unit; default 0.1. */
  readonly holdingCost?: number;
  /** Cost of ordering at all; default 1. */
  readonly fixedCost?: number;
}

const INVENTORY: Schema<InventoryOptions> = {
  capacity: wholeNumber(),
  demand: listOf(nonNegativeNumber),
  price: finiteNumber,
  unitCost: finiteNumber,
  holdingCost: finiteNumber,
  fixedCost: finiteNumber,
};

/**
 * Inventory control: how much to order when the stock is s. What is not in stock is not sold.
 *
 * @param options - see {@link InventoryOptions}
 * @returns process with a state and an action for every amount from 0 to the capacity; orders beyond the capacity are cut
 * @throws `DomainError` when the demand is not a distribution
 * @example
 * ```ts
 * import { inventory, valueIteration } from "@provably/robust-rl";
 *
 * // Order only when nothing is left, because ordering has a price.
 * valueIteration(inventory({ capacity: 4, demand: [0.5, 0.5] }), { discount: 0.9 }).policy; // => [2, 0, 0, 0, 0]
 * ```
 * @category Environments
 */
export function inventory(options: InventoryOptions = {}): Mdp {
  const {
    capacity = 10,
    demand = [0.1, 0.2, 0.3, 0.2, 0.2],
    price = 4,
    unitCost = 2,
    holdingCost = 0.1,
    fixedCost = 1,
  } = checkOptions<InventoryOptions>("inventory", options, INVENTORY);
  checkSizes("inventory", { capacity });
  const total = demand.reduce((sum, p) => sum + p, 0);
  if (!(Math.abs(total - 1) <= 1e-8))
    throw new DomainError(
      `inventory: demand must be a distribution, got probabilities that sum to ${total}`,
    );
  const { rewards, move, build } = builder("inventory", capacity + 1, capacity + 1);
  for (let s = 0; s <= capacity; s++)
    for (let a = 0; a <= capacity; a++) {
      const ordered = Math.min(a, capacity - s);
      const stock = s + ordered;
      let sold = 0;
      demand.forEach((p, d) => {
        sold += p * Math.min(d, stock);
        move(s, a, Math.max(0, stock - d), p);
      });
      rewards[s]![a] =
        price * sold - (ordered > 0 ? fixedCost : 0) - unitCost * ordered - holdingCost * s;
    }
  return build();
}

/**
 * Options of {@link gridWorld}.
 * @category Environments
 */
export interface GridWorldOptions {
  /** Default 4. */
  readonly rows?: number;
  /** Default 5. */
  readonly columns?: number;
  /** Probability of a step to one of the sides; default 0.2. */
  readonly slip?: number;
  /** Row and column of the pit; default [1, 3]. */
  readonly pit?: readonly [number, number];
}

const GRID: Schema<GridWorldOptions> = {
  rows: wholeNumber(),
  columns: wholeNumber(),
  slip: numberIn(0, 1),
  pit: listOf(wholeNumber(0), 2),
};

/**
 * A grid with a goal in the upper right corner and a pit below it. Moves slip to a side; walls keep one in place.
 *
 * Actions are 0 up, 1 right, 2 down, 3 left. State row · columns + column. Every step costs 0.04; entering the goal gives 1, the pit −1; both end it.
 *
 * @param options - see {@link GridWorldOptions}
 * @returns process with rows · columns states
 * @throws `DomainError` for a slip outside [0, 1] or a pit outside the grid
 * @example
 * ```ts
 * import { gridWorld, valueIteration } from "@provably/robust-rl";
 *
 * // Between the start of the top row and the goal the way is to the right.
 * valueIteration(gridWorld({ rows: 1, columns: 3, slip: 0, pit: [0, 0] }), { discount: 0.9 }).policy; // => [0, 1, 0]
 * ```
 * @category Environments
 */
export function gridWorld(options: GridWorldOptions = {}): Mdp {
  const {
    rows = 4,
    columns = 5,
    slip = 0.2,
    pit = [1, 3],
  } = checkOptions<GridWorldOptions>("gridWorld", options, GRID);
  checkSizes("gridWorld", { rows, columns });
  if (!(pit[0] < rows && pit[1] < columns))
    throw new DomainError(
      `gridWorld: pit must be a cell [row, column] of the grid of ${rows} × ${columns}`,
    );
  const { rewards, move, build } = builder("gridWorld", rows * columns, 4);
  const goal = columns - 1;
  const hole = pit[0] * columns + pit[1];
  const steps = [
    [-1, 0],
    [0, 1],
    [1, 0],
    [0, -1],
  ] as const;
  const next = (row: number, column: number, direction: number): number => {
    const [dr, dc] = steps[direction]!;
    const [r, c] = [row + dr, column + dc];
    return r < 0 || r >= rows || c < 0 || c >= columns ? row * columns + column : r * columns + c;
  };
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const s = row * columns + column;
      for (let a = 0; a < 4; a++) {
        if (s === goal || s === hole) {
          move(s, a, s, 1);
          continue;
        }
        let reward = -0.04;
        for (const [turn, p] of [
          [0, 1 - slip],
          [1, slip / 2],
          [3, slip / 2],
        ] as const) {
          const to = next(row, column, (a + turn) % 4);
          move(s, a, to, p);
          if (to === goal) reward += p;
          if (to === hole) reward -= p;
        }
        rewards[s]![a] = reward;
      }
    }
  return build();
}
