/** Worst cases that move mass between states in the order of their values: total variation, contamination, bounds, conditional value at risk. */
import type { Support } from "./support.js";

/**
 * The values that nature works against, sorted once for many rows. Both arrays may be filled anew between two rows.
 * @category Uncertainty
 */
export interface SortedValues {
  readonly values: Float64Array;
  /** Places in `values`, by ascending value. */
  readonly order: Int32Array;
  /** The state of each place, where a sparse row leaves states out; else place and state are the same. */
  readonly states?: Int32Array;
}

/**
 * Where a worst case leaves its distribution and its dual variable.
 * @category Uncertainty
 */
export interface Nature {
  /** Receives the minimising distribution, from `at` on. */
  readonly kernel: Float64Array;
  at: number;
  /** A number from which `bounds` of the set can tell that nothing is less. */
  dual: number;
}

/**
 * $\inf_{q \in \mathcal U(p)} q \cdot v$ for the distribution that begins in `p` at `at` and is as long as the values.
 * `index` is the number of the row in the process. Where `nature` is given it receives the minimiser.
 * @category Uncertainty
 */
export type WorstCase = (
  p: Float64Array,
  at: number,
  radius: number,
  nature: Nature | undefined,
  index: number,
) => number;

export function sortValues(values: Float64Array): SortedValues {
  return sortAgain({ values, order: new Int32Array(values.length) });
}

/** Up to this length sorting by insertion is faster, and allocates nothing. */
const SHORT = 24;

/** Puts the order right after values have changed. */
export function sortAgain(sorted: SortedValues): SortedValues {
  const { values, order } = sorted;
  for (let i = 0; i < order.length; i++) order[i] = i;
  if (order.length > SHORT) {
    order.sort((a, b) => values[a]! - values[b]! || a - b);
    return sorted;
  }
  for (let i = 1; i < order.length; i++) {
    let k = i;
    for (; k > 0 && values[order[k - 1]!]! > values[i]!; k--) order[k] = order[k - 1]!;
    order[k] = i;
  }
  return sorted;
}

export function dot(p: Float64Array, at: number, values: Float64Array): number {
  const n = values.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let s = 0;
  for (; s + 3 < n; s += 4) {
    a += p[at + s]! * values[s]!;
    b += p[at + s + 1]! * values[s + 1]!;
    c += p[at + s + 2]! * values[s + 2]!;
    d += p[at + s + 3]! * values[s + 3]!;
  }
  for (; s < n; s++) a += p[at + s]! * values[s]!;
  return a + b + (c + d);
}

/** The state of least value that nature may use. */
export function worstState(
  { order }: SortedValues,
  p: Float64Array,
  at: number,
  support: Support,
): number {
  if (support === "full") return order[0]!;
  let k = 0;
  while (k < order.length - 1 && p[at + order[k]!]! === 0) k++;
  return order[k]!;
}

/** Takes mass from the best states and gives it to the worst: O(S), and less after the product p·v when the radius is small. */
export function totalVariationCase(sorted: SortedValues, support: Support): WorstCase {
  const { values, order } = sorted;
  return (p, at, radius, nature) => {
    const worst = worstState(sorted, p, at, support);
    const low = values[worst]!;
    if (nature) nature.kernel.set(p.subarray(at, at + values.length), nature.at);
    let left = radius;
    let value = dot(p, at, values);
    let k = order.length - 1;
    for (; k >= 0 && left > 0; k--) {
      const s = order[k]!;
      const gain = values[s]! - low;
      if (!(gain > 0)) break;
      const moved = Math.min(left, p[at + s]!);
      value -= moved * gain;
      left -= moved;
      if (nature) {
        nature.kernel[nature.at + s]! -= moved;
        nature.kernel[nature.at + worst]! += moved;
      }
      if (left === 0 && moved < p[at + s]!) break;
    }
    if (nature) nature.dual = clipLevel(sorted, p, at, radius, low);
    return value;
  };
}

/** The smallest maximiser α of the dual: the smallest value x with p(v > x) ≤ σ. */
function clipLevel(
  { values, order }: SortedValues,
  p: Float64Array,
  at: number,
  radius: number,
  low: number,
): number {
  let above = 0;
  for (let k = order.length - 1; k >= 0; k--) {
    const s = order[k]!;
    above += p[at + s]!;
    if (above > radius) return Math.max(values[s]!, low);
  }
  return low;
}

export function contaminationCase(sorted: SortedValues, support: Support): WorstCase {
  const { values } = sorted;
  return (p, at, rate, nature) => {
    const worst = worstState(sorted, p, at, support);
    if (nature) {
      for (let s = 0; s < values.length; s++)
        nature.kernel[nature.at + s] = (1 - rate) * p[at + s]!;
      nature.kernel[nature.at + worst]! += rate;
      nature.dual = rate;
    }
    return (1 - rate) * dot(p, at, values) + rate * values[worst]!;
  };
}

/** Fills the states in ascending value up to their bounds. `bounds` writes the row's lower and upper bounds. */
function fillCase(
  { values, order }: SortedValues,
  bounds: (
    p: Float64Array,
    at: number,
    radius: number,
    lower: Float64Array,
    upper: Float64Array,
    index: number,
  ) => void,
): WorstCase {
  const n = values.length;
  const [lower, upper] = [new Float64Array(n), new Float64Array(n)];
  return (p, at, radius, nature, index) => {
    bounds(p, at, radius, lower, upper, index);
    let left = 1;
    let value = 0;
    for (let s = 0; s < n; s++) {
      left -= lower[s]!;
      value += lower[s]! * values[s]!;
    }
    if (nature) nature.kernel.set(lower, nature.at);
    for (let k = 0; k < n && left > 0; k++) {
      const s = order[k]!;
      const given = Math.min(left, upper[s]! - lower[s]!);
      value += given * values[s]!;
      left -= given;
      if (nature) {
        nature.kernel[nature.at + s]! += given;
        if (given > 0) nature.dual = values[s]!;
      }
    }
    return value;
  };
}

export function lInfCase(sorted: SortedValues, support: Support): WorstCase {
  return fillCase(sorted, (p, at, radius, lower, upper) => {
    for (let s = 0; s < lower.length; s++) {
      const mass = p[at + s]!;
      lower[s] = Math.max(0, mass - radius);
      upper[s] = support === "nominal" && mass === 0 ? 0 : Math.min(1, mass + radius);
    }
  });
}

export function cvarCase(sorted: SortedValues): WorstCase {
  return fillCase(sorted, (p, at, level, lower, upper) => {
    for (let s = 0; s < lower.length; s++) {
      lower[s] = 0;
      upper[s] = p[at + s]! / level;
    }
  });
}

/** `low` and `high` have one row for all, one for every row of a step, or one for every row of all steps. */
export function intervalCase(
  sorted: SortedValues,
  low: Float64Array,
  high: Float64Array,
): WorstCase {
  const n = sorted.values.length;
  return fillCase(sorted, (_p, _at, _radius, lower, upper, index) => {
    const from = (index * n) % low.length;
    lower.set(low.subarray(from, from + n));
    upper.set(high.subarray(from, from + n));
  });
}
