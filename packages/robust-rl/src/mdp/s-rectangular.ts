/** s-rectangular uncertainty: one L1 budget that nature shares out among the actions of a state. */
import { type ArrayInput, DomainError, type NdArray } from "@provably/core-tensor";
import { anything, checkOptions, show, flatNumbers } from "@provably/core-tensor/internal";
import { float64 } from "../internal/read.js";

/**
 * The s-rectangular set $\lbrace(q_a)_a : \sum_a w_a \lVert q_a - p_a \rVert_1 \le \kappa_s\rbrace$. Nature sees the policy, not the action, so the best policy may
 * have to be randomised. Make one with {@link sRectangularL1}.
 * @category Uncertainty
 */
export interface SRectangularSet {
  readonly kind: "sRectangularL1";
  /** $\kappa$, or one for every state. */
  readonly radius: number | NdArray;
  /** $w$, [actions]; absent for 1. */
  readonly weights?: NdArray;
}

/**
 * Options of {@link sRectangularL1}.
 * @category Uncertainty
 */
export interface SRectangularOptions {
  /** $w > 0$, one for each action; default 1. */
  readonly weights?: ArrayInput;
}

/**
 * The s-rectangular L1 set: nature may spend $\kappa$ on all actions of a state together.
 *
 * @param budget - $\kappa \ge 0$ in L1 distance (twice total variation), or one for every state
 * @param options - see {@link SRectangularOptions}
 * @returns the set
 * @throws `DomainError` for a negative budget or weight, or NaN
 * @example
 * ```ts
 * import { mdp, robustValueIteration, sRectangularL1 } from "@provably/robust-rl";
 *
 * // Two actions that bet on opposite outcomes: against a shared budget it is best to mix them.
 * const model = mdp({ transitions: [[[0, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]]], rewards: [[0, 0], [1, 1], [1, 1]] });
 * robustValueIteration(model, sRectangularL1(0.4), { discount: 0.9 }).policy.shape; // => [3, 2]
 * ```
 * @see Ho, Petrik, Wiesemann (2021), "Partial policy iteration for L1-robust Markov decision processes"
 * @category Uncertainty
 */
export function sRectangularL1(
  budget: number | ArrayInput,
  options: SRectangularOptions = {},
): SRectangularSet {
  const given = checkOptions<SRectangularOptions>("sRectangularL1", options, { weights: anything });
  const checkWeight = (name: string, x: number, strict: boolean): void => {
    if (!(typeof x === "number" && (strict ? x > 0 : x >= 0)))
      throw new DomainError(
        `sRectangularL1: ${name} must be ${strict ? "positive" : "≥ 0"}, got ${show(x)}`,
      );
  };
  const radius = typeof budget === "number" ? budget : float64("sRectangularL1", "budget", budget);
  if (typeof radius === "number") checkWeight("budget", radius, false);
  else flatNumbers(radius).forEach((x, i) => checkWeight(`budget[${i}]`, x, false));
  if (given.weights === undefined) return { kind: "sRectangularL1", radius };
  const weights = float64("sRectangularL1", "weights", given.weights);
  flatNumbers(weights).forEach((x, i) => checkWeight(`weights[${i}]`, x, true));
  return { kind: "sRectangularL1", radius, weights };
}

/** One state: rows of its actions, and what each is worth for every successor, $r + \gamma V$. */
export interface StateProblem {
  /** [actions, states]. */
  readonly p: Float64Array;
  /** [actions, states]. */
  readonly z: Float64Array;
  readonly numStates: number;
  readonly numActions: number;
  /** Successors of every action by ascending worth. */
  readonly orders: readonly Int32Array[];
  readonly weights: (action: number) => number;
}

/** A piece of w ξ_a(u), the L1 distance that brings action a down to u: falls by `slope` from `top` to `bottom`. */
interface Segment {
  readonly action: number;
  readonly top: number;
  readonly bottom: number;
  readonly slope: number;
}

/** The robust value of a state and a policy that attains it: the smallest u whose total price is within the budget. */
export function bestMixture(problem: StateProblem, budget: number, policy: Float64Array): number {
  const { p, z, numStates: n, numActions, orders, weights } = problem;
  const segments: Segment[] = [];
  let highest = -Infinity;
  let floor = -Infinity;
  let [best, flooring] = [0, 0];
  for (let a = 0; a < numActions; a++) {
    const [at, order] = [a * n, orders[a]!];
    const low = z[at + order[0]!]!;
    let level = low;
    if (level > floor) [floor, flooring] = [level, a];
    // From the bottom up: mass in states of small value is moved last.
    for (let k = 0; k < n; k++) {
      const s = order[k]!;
      const gain = z[at + s]! - low;
      if (gain <= 0 || p[at + s] === 0) continue;
      const top = level + p[at + s]! * gain;
      segments.push({ action: a, top, bottom: level, slope: (2 * weights(a)) / gain });
      level = top;
    }
    if (level > highest) [highest, best] = [level, a];
  }
  policy.fill(0);
  const price = (u: number): number =>
    segments.reduce(
      (sum, { top, bottom, slope }) => (u < top ? sum + slope * (top - Math.max(u, bottom)) : sum),
      0,
    );
  if (budget === 0 || highest <= floor) {
    policy[best] = 1;
    return highest;
  }
  if (price(floor) <= budget) {
    policy[flooring] = 1;
    return floor;
  }
  const kinks = [
    ...new Set([
      floor,
      ...segments.flatMap(({ top, bottom }) => [top, bottom]).filter((u) => u > floor),
    ]),
  ].sort((a, b) => a - b);
  let [lo, hi] = [0, kinks.length - 1];
  while (hi - lo > 1) {
    const middle = (lo + hi) >> 1;
    if (price(kinks[middle]!) > budget) lo = middle;
    else hi = middle;
  }
  let slope = 0;
  for (const piece of segments)
    if (piece.top >= kinks[hi]! && piece.bottom <= kinks[lo]!) {
      slope += piece.slope;
      policy[piece.action]! += piece.slope;
    }
  for (let a = 0; a < numActions; a++) policy[a]! /= slope;
  return kinks[hi]! - (budget - price(kinks[hi]!)) / slope;
}

/** The value of a given mixture when nature knows it: mass is moved where the policy makes it hurt most. */
export function mixtureValue(
  problem: StateProblem,
  budget: number,
  policy: Float64Array,
  kernel?: Float64Array,
): number {
  const { p, z, numStates: n, numActions, orders, weights } = problem;
  let value = 0;
  const moves: { readonly gain: number; readonly index: number; readonly weight: number }[] = [];
  for (let a = 0; a < numActions; a++) {
    const share = policy[a]!;
    const [at, low] = [a * n, z[a * n + orders[a]![0]!]!];
    let mean = 0;
    for (let s = 0; s < n; s++) {
      const mass = p[at + s]!;
      mean += mass * z[at + s]!;
      const gain = (share * (z[at + s]! - low)) / weights(a);
      if (gain > 0 && mass > 0) moves.push({ gain, index: at + s, weight: weights(a) });
    }
    value += share * mean;
  }
  kernel?.set(p);
  moves.sort((a, b) => b.gain - a.gain || a.index - b.index);
  let left = budget / 2;
  for (const { gain, index, weight } of moves) {
    if (left <= 0) break;
    const moved = Math.min(left / weight, p[index]!);
    value -= moved * weight * gain;
    left -= moved * weight;
    if (kernel) {
      const a = Math.floor(index / n);
      kernel[index]! -= moved;
      kernel[a * n + orders[a]![0]!]! += moved;
    }
  }
  return value;
}

/** The nearest kernel under which no action of the state is worth more than `level`. */
export function saddleKernel(problem: StateProblem, level: number, kernel: Float64Array): void {
  const { p, z, numStates: n, numActions, orders } = problem;
  kernel.set(p);
  for (let a = 0; a < numActions; a++) {
    const [at, order] = [a * n, orders[a]!];
    const worst = at + order[0]!;
    let excess = -level;
    for (let s = 0; s < n; s++) excess += p[at + s]! * z[at + s]!;
    for (let k = n - 1; k > 0 && excess > 0; k--) {
      const s = at + order[k]!;
      const gain = z[s]! - z[worst]!;
      if (gain <= 0) break;
      const moved = Math.min(p[s]!, excess / gain);
      kernel[s]! -= moved;
      kernel[worst]! += moved;
      excess -= moved * gain;
    }
  }
}
