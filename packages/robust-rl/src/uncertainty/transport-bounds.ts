/** What is sure about the worst case of a Wasserstein ball: a plan of transport within the budget, and a price of moving. */
import type { RowBounds, RowOfWorth } from "./bounds.js";

/** The best place for the mass of a state at a price: what it comes to, the nearest and the farthest of those that tie. */
interface Destination {
  readonly total: number;
  readonly near: number;
  readonly far: number;
}

/** `prices` are the costs [states, states], already raised to the order. */
export function wassersteinBounds(prices: Float64Array, order: number): RowBounds {
  return ({ p, z }, radius, { dual }) => {
    const budget = radius ** order;
    let [least, sum] = [Infinity, 0];
    const destinations: Destination[] = [];
    for (let s = 0; s < p.length; s++) {
      least = Math.min(least, z[s]!);
      destinations.push(p[s] === 0 ? NOWHERE : destination(prices, z, s, dual));
      if (p[s]! > 0) sum += p[s]! * destinations[s]!.total;
    }
    const low = radius === 0 ? sum : sum - dual * budget;
    return {
      low: low > least ? low : least,
      high: transported({ p, z }, prices, budget, destinations),
    };
  };
}

const NOWHERE: Destination = { total: 0, near: 0, far: 0 };

function destination(prices: Float64Array, z: Float64Array, s: number, dual: number): Destination {
  const n = z.length;
  const price = (t: number): number => prices[s * n + t]!;
  const total = (t: number): number => z[t]! + (price(t) === 0 ? 0 : dual * price(t));
  let [near, far, best] = [s, s, z[s]!];
  for (let t = 0; t < n; t++) best = Math.min(best, total(t));
  const tie = best + 1e-11 * (Math.abs(best) + Math.abs(z[s]!));
  if (total(s) > tie) near = -1;
  for (let t = 0; t < n; t++) {
    if (total(t) > tie) continue;
    if (near < 0 || price(t) < price(near)) near = t;
    if (total(far) > tie || price(t) > price(far)) far = t;
  }
  return { total: best, near, far };
}

/** Nearest places first, farther ones as long as the budget lasts. */
function transported(
  { p, z }: RowOfWorth,
  prices: Float64Array,
  budget: number,
  destinations: readonly Destination[],
): number {
  const n = p.length;
  let [left, value] = [budget, 0];
  for (let s = 0; s < n; s++) {
    if (p[s] === 0) continue;
    const { near } = destinations[s]!;
    left -= p[s]! * prices[s * n + near]!;
    value += p[s]! * z[near]!;
  }
  if (left < -1e-9 * budget - 1e-12) return Infinity;
  for (let s = 0; s < n; s++) {
    const { near, far } = destinations[s]!;
    if (p[s] === 0 || far === near) continue;
    const more = prices[s * n + far]! - prices[s * n + near]!;
    const moved = more > 0 ? Math.max(0, Math.min(p[s]!, left / more)) : p[s]!;
    left -= moved * more;
    value += moved * (z[far]! - z[near]!);
  }
  return value;
}
