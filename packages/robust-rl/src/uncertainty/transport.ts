/**
 * Worst cases whose constraint is a budget: mass is moved for a price. Wasserstein balls and weighted L1 balls.
 *
 * For a price λ per unit of cost nature's best move is known. Each λ gives one point (cost spent, value); the lower convex hull of these points at the
 * budget is the worst case. The hull's edge over the budget is found by Newton's method on the concave piecewise linear dual: intersect two tangents,
 * try the price there, repeat until nothing lies below. It ends after finitely many steps with the exact edge.
 */
import { type SortedValues, type WorstCase, worstState } from "./mass.js";
import type { Support } from "./support.js";

/** One response of nature to a price: what it spends, what it reaches, and with which distribution. */
interface Move {
  spent: number;
  value: number;
  readonly q: Float64Array;
}

const move = (n: number): Move => ({ spent: 0, value: 0, q: new Float64Array(n) });

/**
 * The worst value at a budget. `respond(λ, move)` writes the best move at a price; at price 0 the cheapest among the best. `free` is the move that costs
 * nothing, already written. Returns the price; `free` becomes the mix of the two moves whose edge spans the budget.
 */
function onBudget(
  budget: number,
  respond: (price: number, into: Move) => void,
  free: Move,
  spare: readonly [Move, Move],
): number {
  let cheap = free;
  let [dear, trial] = spare;
  respond(0, dear);
  if (dear.spent <= budget) {
    free.q.set(dear.q);
    free.value = dear.value;
    return 0;
  }
  let price = 0;
  for (let i = 0; i < 10_000; i++) {
    price = (cheap.value - dear.value) / (dear.spent - cheap.spent);
    respond(price, trial);
    const edge = cheap.value + price * cheap.spent;
    if (
      !(trial.value + price * trial.spent < edge - 1e-13 * (Math.abs(edge) + Math.abs(cheap.value)))
    )
      break;
    if (trial.spent <= budget) [cheap, trial] = [trial, cheap];
    else [dear, trial] = [trial, dear];
  }
  const share = (budget - cheap.spent) / (dear.spent - cheap.spent);
  const value = cheap.value + share * (dear.value - cheap.value);
  for (let s = 0; s < cheap.q.length; s++)
    free.q[s] = cheap.q[s]! + share * (dear.q[s]! - cheap.q[s]!);
  free.value = value;
  return price;
}

function budgetCase(
  sorted: SortedValues,
  power: number,
  respondTo: (p: Float64Array, at: number, low: number) => (price: number, into: Move) => void,
  support: Support,
  freeMoves = false,
): WorstCase {
  const { values } = sorted;
  const n = values.length;
  return (p, at, radius, nature) => {
    const low = values[worstState(sorted, p, at, support)]!;
    const free = move(n);
    for (let s = 0; s < n; s++) {
      free.q[s] = p[at + s]!;
      free.value += p[at + s]! * (values[s]! - low);
    }
    const price =
      radius === 0 && !freeMoves
        ? Infinity
        : onBudget(radius ** power, respondTo(p, at, low), free, [move(n), move(n)]);
    if (nature) {
      nature.kernel.set(free.q, nature.at);
      nature.dual = price;
    }
    return low + free.value;
  };
}

/** Moving from s to s' costs `cost[s, s']`, already raised to its order. */
export function wassersteinCase(
  sorted: SortedValues,
  cost: Float64Array,
  order: number,
): WorstCase {
  const { values } = sorted;
  const n = values.length;
  const respondTo =
    (p: Float64Array, at: number, low: number) =>
    (price: number, into: Move): void => {
      into.q.fill(0);
      into.spent = 0;
      into.value = 0;
      for (let s = 0; s < n; s++) {
        const mass = p[at + s]!;
        if (mass === 0) continue;
        let best = Infinity;
        let to = s;
        for (let t = 0; t < n; t++) {
          const total = values[t]! - low + price * cost[s * n + t]!;
          if (total < best || (total === best && cost[s * n + t]! < cost[s * n + to]!)) {
            best = total;
            to = t;
          }
        }
        into.q[to]! += mass;
        into.spent += mass * cost[s * n + to]!;
        into.value += mass * (values[to]! - low);
      }
    };
  const freeMoves = cost.some((c, i) => c === 0 && Math.floor(i / n) !== i % n);
  return budgetCase(sorted, order, respondTo, "full", freeMoves);
}

/** Taking mass from s costs `weights[s]`, giving it to t costs `weights[t]`. */
export function weightedL1Case(
  sorted: SortedValues,
  weights: Float64Array,
  support: Support,
): WorstCase {
  const { values, states } = sorted;
  const n = values.length;
  const weight = states
    ? (s: number): number => weights[states[s]!]!
    : (s: number): number => weights[s]!;
  const respondTo =
    (p: Float64Array, at: number, low: number) =>
    (price: number, into: Move): void => {
      let best = Infinity;
      let to = -1;
      for (let t = 0; t < n; t++) {
        if (support === "nominal" && p[at + t] === 0) continue;
        const total = values[t]! - low + price * weight(t);
        if (total < best || (total === best && weight(t) < weight(to))) {
          best = total;
          to = t;
        }
      }
      into.q.fill(0);
      into.spent = 0;
      into.value = 0;
      for (let s = 0; s < n; s++) {
        const mass = p[at + s]!;
        const cost = weight(s) + weight(to);
        if (s !== to && mass > 0 && values[s]! - low - price * weight(s) > best) {
          into.q[to]! += mass;
          into.spent += mass * cost;
          into.value += mass * (values[to]! - low);
        } else {
          into.q[s]! += mass;
          into.value += mass * (values[s]! - low);
        }
      }
    };
  return budgetCase(sorted, 1, respondTo, support);
}
