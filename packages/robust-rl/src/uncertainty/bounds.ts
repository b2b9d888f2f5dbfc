/**
 * What is sure about a worst case without solving for it: any kernel that is seen to lie in the set bounds it from
 * above, any dual variable bounds it from below.
 *
 * The solvers are asked for such witnesses only. The sets are written here a second time, as their definitions read.
 */
import type { Support } from "./support.js";

/**
 * One row: the nominal distribution, and what each successor is worth.
 * @category Uncertainty
 */
export interface RowOfWorth {
  readonly p: Float64Array;
  readonly z: Float64Array;
}

/**
 * What a solver says about a row.
 * @category Uncertainty
 */
export interface Witness {
  /** Nature's kernel. */
  readonly q: Float64Array;
  /** The dual variable. */
  readonly dual: number;
  /** The worst case itself. */
  readonly value: number;
}

/**
 * Numbers between which the worst case surely lies.
 * @category Uncertainty
 */
export interface SureRange {
  readonly low: number;
  readonly high: number;
}

/**
 * Bounds on $\inf q \cdot z$ of one row over a set, from a solver's witness. `index` is the row's number in the process.
 * @category Uncertainty
 */
export type RowBounds = (
  row: RowOfWorth,
  radius: number,
  witness: Witness,
  index: number,
) => SureRange;

/** How a set reads: what its kernels may do, and what a dual variable says. */
interface Definition {
  /** Whether nature keeps to the support of the nominal distribution. */
  readonly keeps: boolean;
  /** Whether radius 0 leaves nature no choice. */
  readonly still: boolean;
  /** How far a kernel lies outside the set. */
  readonly excess: (row: RowOfWorth, radius: number, q: Float64Array, index: number) => number;
  /** A value that no kernel of the set goes below. `least` and `mean` are those of the worth. */
  readonly dualBound: (
    row: RowOfWorth,
    radius: number,
    witness: Witness,
    known: { readonly least: number; readonly mean: number; readonly index: number },
  ) => number;
}

function boundsOf({ keeps, still, excess, dualBound }: Definition): RowBounds {
  return (row, radius, witness, index) => {
    const { p, z } = row;
    const { q } = witness;
    let [least, mean] = [Infinity, 0];
    for (let s = 0; s < p.length; s++) {
      if (!keeps || p[s]! > 0) least = Math.min(least, z[s]!);
      mean += p[s]! * z[s]!;
    }
    const fixed = still && radius === 0;
    // a dual variable that is none, as where all worths are the same, leaves the least of them
    const dualLow = fixed ? mean : dualBound(row, radius, witness, { least, mean, index });
    const low = dualLow > least || fixed ? dualLow : least;
    const over = fixed ? l1(p, q) : excess(row, radius, q, index);
    // what a solver's rounding may overstep
    const inside = over <= 1e-9 * radius + 1e-12 && isDistribution(q, keeps ? p : undefined);
    return { low, high: inside ? worthOf(q, z) : Infinity };
  };
}

/** Bounds of a set that brings none: its worst case is taken at its word, its kernel must be a distribution. */
export function wordOf(leavesSupport: boolean): RowBounds {
  return ({ p, z }, _radius, { q, value }) => {
    const inside = isDistribution(q, leavesSupport ? undefined : p);
    const high = inside ? worthOf(q, z) : Infinity;
    // a worst case above what nature's own kernel is worth is none
    const scale = z.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    return { low: value <= high + 1e-9 * scale ? value : -Infinity, high };
  };
}

export function isDistribution(q: Float64Array, within: Float64Array | undefined): boolean {
  let total = 0;
  for (let s = 0; s < q.length; s++) {
    if (!(q[s]! >= -1e-12) || (within && q[s]! > 1e-12 && within[s] === 0)) return false;
    total += q[s]!;
  }
  return Math.abs(total - 1) <= 1e-7;
}

function worthOf(q: Float64Array, z: Float64Array): number {
  let sum = 0;
  for (let s = 0; s < q.length; s++) sum += q[s]! * z[s]!;
  return sum;
}

function l1(p: Float64Array, q: Float64Array, weights?: Float64Array): number {
  let sum = 0;
  for (let s = 0; s < p.length; s++) sum += (weights ? weights[s]! : 1) * Math.abs(q[s]! - p[s]!);
  return sum;
}

/** What is worth more than the level is cut down to it. */
function clipped({ p, z }: RowOfWorth, level: number, radius: number, least: number): number {
  let sum = 0;
  for (let s = 0; s < p.length; s++) sum += p[s]! * Math.min(z[s]!, level);
  return sum - radius * (level - least);
}

export const totalVariationBounds = (support: Support): RowBounds =>
  boundsOf({
    keeps: support === "nominal",
    still: true,
    excess: ({ p }, radius, q) => 0.5 * l1(p, q) - radius,
    dualBound: (row, radius, { dual }, { least }) => clipped(row, dual, radius, least),
  });

export function l1Bounds(support: Support, weights: Float64Array | undefined): RowBounds {
  const keeps = support === "nominal";
  return boundsOf({
    keeps,
    still: true,
    excess: ({ p }, radius, q) => l1(p, q, weights) - radius,
    dualBound: (row, radius, { dual }, { least }) => {
      if (weights === undefined) return clipped(row, dual, radius / 2, least);
      if (!Number.isFinite(dual)) return -Infinity;
      // q(z − ν) + λ w |q − p| ≥ p min(z − ν, λ w) as long as ν ≤ z + λ w
      const { p, z } = row;
      let [nu, sum] = [Infinity, 0];
      for (let s = 0; s < p.length; s++)
        if (!keeps || p[s]! > 0) nu = Math.min(nu, z[s]! + dual * weights[s]!);
      for (let s = 0; s < p.length; s++) sum += p[s]! * Math.min(z[s]! - nu, dual * weights[s]!);
      return nu + sum - dual * radius;
    },
  });
}

export function l2Bounds(support: Support): RowBounds {
  const keeps = support === "nominal";
  return boundsOf({
    keeps,
    still: true,
    excess: ({ p }, radius, q) => {
      let sum = 0;
      for (let s = 0; s < p.length; s++) sum += (q[s]! - p[s]!) ** 2;
      return Math.sqrt(sum) - radius;
    },
    // g ≤ z, so q·z ≥ q·g ≥ p·g − r ‖g − mean g‖
    dualBound: ({ p, z }, radius, { q, dual }) => {
      let [level, used, count] = [0, 0, 0];
      for (let s = 0; s < p.length; s++)
        if (q[s]! > 0) {
          level += z[s]! - (p[s]! - q[s]!) / dual;
          used++;
        }
      level /= used;
      const g = (s: number): number => (q[s]! > 0 ? z[s]! : Math.min(z[s]!, level + p[s]! / dual));
      let [average, spread, sum] = [0, 0, 0];
      for (let s = 0; s < p.length; s++)
        if (!keeps || p[s]! > 0) {
          count++;
          average += (g(s) - average) / count;
        }
      for (let s = 0; s < p.length; s++)
        if (!keeps || p[s]! > 0) {
          spread += (g(s) - average) ** 2;
          sum += p[s]! * (g(s) - average);
        }
      return average + sum - radius * Math.sqrt(spread);
    },
  });
}

/** Bounds on every probability: nature fills what is worth least, so a level tells what is filled and what is not. */
function filled(
  keeps: boolean,
  still: boolean,
  bound: (row: RowOfWorth, radius: number, s: number, index: number) => readonly [number, number],
): RowBounds {
  return boundsOf({
    keeps,
    still,
    excess: (row, radius, q, index) => {
      let worst = -Infinity;
      for (let s = 0; s < q.length; s++) {
        const [lower, upper] = bound(row, radius, s, index);
        worst = Math.max(worst, lower - q[s]!, q[s]! - upper);
      }
      return worst;
    },
    dualBound: (row, radius, { dual }, { index }) => {
      let sum = 0;
      for (let s = 0; s < row.z.length; s++) {
        const [lower, upper] = bound(row, radius, s, index);
        sum += (row.z[s]! > dual ? lower : upper) * (row.z[s]! - dual);
      }
      return dual + sum;
    },
  });
}

export const lInfBounds = (support: Support): RowBounds =>
  filled(support === "nominal", true, ({ p }, radius, s) => [
    Math.max(0, p[s]! - radius),
    support === "nominal" && p[s] === 0 ? 0 : p[s]! + radius,
  ]);

export const intervalBounds = (lower: Float64Array, upper: Float64Array): RowBounds =>
  filled(false, false, ({ p }, _radius, s, index) => {
    const at = ((index * p.length) % lower.length) + s;
    return [lower[at]!, upper[at]!];
  });

export const kullbackLeiblerBounds = boundsOf({
  keeps: true,
  still: true,
  excess: ({ p }, radius, q) => {
    let sum = 0;
    for (let s = 0; s < p.length; s++)
      sum += q[s]! > 0 ? q[s]! * Math.log(q[s]! / p[s]!) - q[s]! + p[s]! : p[s]!;
    return sum - radius;
  },
  dualBound: ({ p, z }, radius, { dual }, { least }) => {
    if (!(dual > 0)) return least;
    let sum = 0;
    for (let s = 0; s < p.length; s++)
      if (p[s]! > 0) sum += p[s]! * Math.expm1((least - z[s]!) / dual);
    return least - dual * (Math.log1p(sum) + radius);
  },
});

export const chiSquareBounds = boundsOf({
  keeps: true,
  still: true,
  excess: ({ p }, radius, q) => {
    let sum = 0;
    for (let s = 0; s < p.length; s++) if (q[s] !== p[s]) sum += (q[s]! - p[s]!) ** 2 / p[s]!;
    return sum - radius;
  },
  // Cauchy-Schwarz on what is cut down to the level
  dualBound: ({ p, z }, radius, { dual }, { least }) => {
    let [average, spread] = [0, 0];
    for (let s = 0; s < p.length; s++) average += p[s]! * (Math.min(z[s]!, dual) - least);
    for (let s = 0; s < p.length; s++)
      spread += p[s]! * (Math.min(z[s]!, dual) - least - average) ** 2;
    return least + average - Math.sqrt(radius * spread);
  },
});

export const contaminationBounds = (support: Support): RowBounds =>
  boundsOf({
    keeps: support === "nominal",
    still: true,
    excess: ({ p }, radius, q) => {
      let worst = -Infinity;
      for (let s = 0; s < p.length; s++) worst = Math.max(worst, (1 - radius) * p[s]! - q[s]!);
      return worst;
    },
    dualBound: (_row, radius, _witness, { least, mean }) => (1 - radius) * mean + radius * least,
  });

export const cvarBounds = boundsOf({
  keeps: true,
  still: false,
  excess: ({ p }, level, q) => {
    let worst = -Infinity;
    for (let s = 0; s < p.length; s++) worst = Math.max(worst, q[s]! * level - p[s]!);
    return worst;
  },
  dualBound: ({ p, z }, level, { dual }) => {
    let sum = 0;
    for (let s = 0; s < p.length; s++) sum += (p[s]! / level) * Math.max(0, dual - z[s]!);
    return dual - sum;
  },
});
