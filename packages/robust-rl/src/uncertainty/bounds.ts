/**
 * What is sure about a worst case without solving for it: any kernel that is seen to lie in the set bounds it from
 * above, any dual variable bounds it from below.
 *
 * The solvers are asked for such witnesses only. The sets are written here a second time, as their definitions read.
 */
import type { NdArray } from "@provably/core-tensor";
import { toTypedArray } from "@provably/core-tensor";
import type { UncertaintySet } from "./set.js";

/** One row: the nominal distribution, and what each successor is worth. */
export interface RowOfWorth {
  readonly p: Float64Array;
  readonly z: Float64Array;
}

/** What a solver says about a row: nature's kernel and the dual variable. */
export interface Witness {
  readonly q: Float64Array;
  readonly dual: number;
}

/** Bounds on inf q·z over a set, for rows given by their number among all rows of the process. */
export function rowBounds(
  set: UncertaintySet,
): (
  row: RowOfWorth,
  radius: number,
  witness: Witness,
  place: number,
) => { low: number; high: number } {
  const part = (x: NdArray | undefined): ArrayLike<number> => (x ? toTypedArray(x) : []);
  const weights = set.kind === "l1" ? part(set.weights) : [];
  const cost = set.kind === "wasserstein" ? part(set.cost) : [];
  const [lower, upper] = set.kind === "interval" ? [part(set.lower), part(set.upper)] : [[], []];
  const nominal =
    "support" in set ? set.support === "nominal" : !["wasserstein", "interval"].includes(set.kind);
  return ({ p, z }, radius, { q, dual }, place) => {
    const n = p.length;
    const w = (s: number): number => weights[s] ?? 1;
    const bound = (which: "lower" | "upper", s: number): number => {
      if (set.kind === "lInf") {
        if (which === "lower") return Math.max(0, p[s]! - radius);
        return nominal && p[s] === 0 ? 0 : p[s]! + radius;
      }
      const given = which === "lower" ? lower : upper;
      return given[given.length === n ? s : place * n + s]!;
    };
    let [least, mean] = [Infinity, 0];
    for (let s = 0; s < n; s++) {
      if (!nominal || p[s]! > 0) least = Math.min(least, z[s]!);
      mean += p[s]! * z[s]!;
    }
    const fixed =
      radius === 0 && set.kind !== "interval" && set.kind !== "cvar" && set.kind !== "wasserstein";
    // a dual variable that is none, as where all worths are the same, leaves the least of them
    const dualLow = fixed ? mean : dualBound();
    const low = dualLow > least || fixed ? dualLow : least;
    if (set.kind === "wasserstein") return { low, high: transported() };
    const excess = fixed ? distance("l1") : outside();
    // what a solver's rounding may overstep
    const inside = excess <= 1e-9 * radius + 1e-12 && isDistribution(q, nominal ? p : undefined);
    let high = 0;
    for (let s = 0; s < n; s++) high += q[s]! * z[s]!;
    return { low, high: inside ? high : Infinity };

    function distance(kind: "l1" | "l2"): number {
      let sum = 0;
      for (let s = 0; s < n; s++)
        sum += kind === "l1" ? w(s) * Math.abs(q[s]! - p[s]!) : (q[s]! - p[s]!) ** 2;
      return kind === "l1" ? sum : Math.sqrt(sum);
    }

    /** How far nature's kernel lies outside the set. */
    function outside(): number {
      let [sum, worst] = [0, -Infinity];
      switch (set.kind) {
        case "totalVariation":
          return 0.5 * distance("l1") - radius;
        case "l1":
          return distance("l1") - radius;
        case "l2":
          return distance("l2") - radius;
        case "kullbackLeibler":
          for (let s = 0; s < n; s++)
            if (q[s]! > 0) sum += q[s]! * Math.log(q[s]! / p[s]!) - q[s]! + p[s]!;
          for (let s = 0; s < n; s++) if (q[s] === 0) sum += p[s]!;
          return sum - radius;
        case "chiSquare":
          for (let s = 0; s < n; s++) if (q[s] !== p[s]) sum += (q[s]! - p[s]!) ** 2 / p[s]!;
          return sum - radius;
        case "contamination":
          for (let s = 0; s < n; s++) worst = Math.max(worst, (1 - radius) * p[s]! - q[s]!);
          return worst;
        case "cvar":
          for (let s = 0; s < n; s++) worst = Math.max(worst, q[s]! * radius - p[s]!);
          return worst;
        default:
          for (let s = 0; s < n; s++)
            worst = Math.max(worst, bound("lower", s) - q[s]!, q[s]! - bound("upper", s));
          return worst;
      }
    }

    /** A value that no kernel of the set goes below, from the dual variable. */
    function dualBound(): number {
      let sum = 0;
      switch (set.kind) {
        case "totalVariation":
        case "l1": {
          if (weights.length > 0) {
            // q(z − ν) + λ w |q − p| ≥ p min(z − ν, λ w) as long as ν ≤ z + λ w
            let nu = Infinity;
            for (let s = 0; s < n; s++)
              if (!nominal || p[s]! > 0) nu = Math.min(nu, z[s]! + dual * w(s));
            if (!Number.isFinite(dual)) return -Infinity;
            for (let s = 0; s < n; s++) sum += p[s]! * Math.min(z[s]! - nu, dual * w(s));
            return nu + sum - dual * radius;
          }
          // what is worth more than the level is cut down to it
          for (let s = 0; s < n; s++) sum += p[s]! * Math.min(z[s]!, dual);
          return sum - (set.kind === "l1" ? radius / 2 : radius) * (dual - least);
        }
        case "l2": {
          // g ≤ z, so q·z ≥ q·g ≥ p·g − r ‖g − mean g‖
          let [level, used, count] = [0, 0, 0];
          for (let s = 0; s < n; s++)
            if (q[s]! > 0) {
              level += z[s]! - (p[s]! - q[s]!) / dual;
              used++;
            }
          level /= used;
          const g = (s: number): number =>
            q[s]! > 0 ? z[s]! : Math.min(z[s]!, level + p[s]! / dual);
          let [average, spread] = [0, 0];
          for (let s = 0; s < n; s++)
            if (!nominal || p[s]! > 0) {
              count++;
              average += (g(s) - average) / count;
            }
          for (let s = 0; s < n; s++)
            if (!nominal || p[s]! > 0) {
              spread += (g(s) - average) ** 2;
              sum += p[s]! * (g(s) - average);
            }
          return average + sum - radius * Math.sqrt(spread);
        }
        case "kullbackLeibler":
          if (!(dual > 0)) return least;
          for (let s = 0; s < n; s++)
            if (p[s]! > 0) sum += p[s]! * Math.expm1((least - z[s]!) / dual);
          return least - dual * (Math.log1p(sum) + radius);
        case "chiSquare": {
          // Cauchy-Schwarz on what is cut down to the level
          let [average, spread] = [0, 0];
          for (let s = 0; s < n; s++) average += p[s]! * (Math.min(z[s]!, dual) - least);
          for (let s = 0; s < n; s++)
            spread += p[s]! * (Math.min(z[s]!, dual) - least - average) ** 2;
          return least + average - Math.sqrt(radius * spread);
        }
        case "contamination":
          return (1 - radius) * mean + radius * least;
        case "cvar":
          for (let s = 0; s < n; s++) sum += (p[s]! / radius) * Math.max(0, dual - z[s]!);
          return dual - sum;
        case "wasserstein": {
          for (let s = 0; s < n; s++) if (p[s]! > 0) sum += p[s]! * cheapest(s).total;
          return radius === 0 ? sum : sum - dual * radius ** set.order;
        }
        default:
          for (let s = 0; s < n; s++)
            sum +=
              z[s]! > dual
                ? bound("lower", s) * (z[s]! - dual)
                : bound("upper", s) * (z[s]! - dual);
          return dual + sum;
      }
    }

    /** The best place for mass of s when moving costs the dual price, and the nearest and farthest of those that tie. */
    function cheapest(s: number): { total: number; near: number; far: number } {
      const order = set.kind === "wasserstein" ? set.order : 1;
      const price = (t: number): number => cost[s * n + t]! ** order;
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

    /** A plan of transport within the budget: nearest places first, farther ones as long as the budget lasts. */
    function transported(): number {
      const order = set.kind === "wasserstein" ? set.order : 1;
      const price = (s: number, t: number): number => cost[s * n + t]! ** order;
      let left = radius ** order;
      let value = 0;
      const steps: { readonly s: number; readonly near: number; readonly far: number }[] = [];
      for (let s = 0; s < n; s++) {
        if (p[s] === 0) continue;
        const { near, far } = cheapest(s);
        left -= p[s]! * price(s, near);
        value += p[s]! * z[near]!;
        if (far !== near) steps.push({ s, near, far });
      }
      if (left < -1e-9 * radius ** order - 1e-12) return Infinity;
      for (const { s, near, far } of steps) {
        const more = price(s, far) - price(s, near);
        const moved = more > 0 ? Math.max(0, Math.min(p[s]!, left / more)) : p[s]!;
        left -= moved * more;
        value += moved * (z[far]! - z[near]!);
      }
      return value;
    }
  };
}

function isDistribution(q: Float64Array, within: Float64Array | undefined): boolean {
  let total = 0;
  for (let s = 0; s < q.length; s++) {
    if (!(q[s]! >= -1e-12) || (within && q[s]! > 1e-12 && within[s] === 0)) return false;
    total += q[s]!;
  }
  return Math.abs(total - 1) <= 1e-7;
}
