/** Worst cases within divergences that keep the support of the nominal distribution: Kullback-Leibler and chi-square. */
import { type SortedValues, type WorstCase, worstState } from "./mass.js";

/** Mass of the states that tie for the least value among those with mass. */
function massOfWorst(
  { values, order }: SortedValues,
  p: Float64Array,
  at: number,
  low: number,
): number {
  let mass = 0;
  for (let k = 0; k < order.length; k++) {
    const s = order[k]!;
    if (values[s]! > low) break;
    mass += p[at + s]!;
  }
  return mass;
}

/** Leaves p conditioned on its worst states. */
function condition(
  { values }: SortedValues,
  p: Float64Array,
  at: number,
  low: number,
  mass: number,
  kernel: Float64Array,
  to: number,
): void {
  for (let s = 0; s < values.length; s++)
    kernel[to + s] = values[s]! <= low ? p[at + s]! / mass : 0;
}

/** Beyond this θ all mass is on the worst states, to rounding. */
const STEEPEST = 1e18;

/** q ∝ p exp(−θ(v − min v)); θ = 1/β solves KL(q‖p) = σ by Newton's method within a shrinking bracket. */
export function kullbackLeiblerCase(sorted: SortedValues): WorstCase {
  const { values } = sorted;
  const n = values.length;
  return (p, at, radius, nature) => {
    const low = values[worstState(sorted, p, at, "nominal")]!;
    let top = 0;
    for (let s = 0; s < n; s++) if (p[at + s]! > 0) top = Math.max(top, values[s]! - low);
    const mass = massOfWorst(sorted, p, at, low);
    if (top === 0 || -Math.log(mass) <= radius) {
      if (nature) {
        condition(sorted, p, at, low, mass, nature.kernel, nature.at);
        nature.dual = 0;
      }
      return low;
    }
    // Moments of u = (v − min)/range under q at θ. `less` is z − 1, kept apart because it is what is left when θ is small.
    let z = 0;
    let less = 0;
    let mean = 0;
    let variance = 0;
    const moments = (theta: number): number => {
      let z0 = 0;
      let z1 = 0;
      let z2 = 0;
      less = 0;
      for (let s = 0; s < n; s++) {
        if (p[at + s] === 0) continue;
        const u = (values[s]! - low) / top;
        const w = p[at + s]! * Math.exp(-theta * u);
        less += p[at + s]! * Math.expm1(-theta * u);
        z0 += w;
        z1 += w * u;
        z2 += w * u * u;
      }
      z = z0;
      mean = z1 / z0;
      variance = Math.max(Number.MIN_VALUE, z2 / z0 - mean * mean);
      return -theta * mean - (less < -0.5 ? Math.log(z) : Math.log1p(less));
    };
    moments(0);
    const first = Math.sqrt((2 * radius) / variance);
    if (radius < 1e-16 && first < 1e-3) {
      // The first-order expansion; what it leaves out is below the radius.
      if (nature) {
        nature.dual = top / first;
        for (let s = 0; s < n; s++)
          nature.kernel[nature.at + s] =
            p[at + s]! * (1 + first * (mean - (values[s]! - low) / top));
      }
      return low + top * (mean - first * variance);
    }
    let lo = 0;
    let hi = Infinity;
    let theta = first;
    for (let i = 0; i < 200 && theta < STEEPEST; i++) {
      const divergence = moments(theta);
      if (divergence < radius) lo = theta;
      else hi = theta;
      const step = theta - (divergence - radius) / (theta * variance);
      const next = step > lo && step < hi ? step : hi === Infinity ? 2 * theta : 0.5 * (lo + hi);
      const close = Math.abs(next - theta) <= 4e-16 * theta;
      theta = next;
      if (close) break;
    }
    theta = Math.min(theta, STEEPEST);
    moments(theta);
    if (nature) {
      nature.dual = top / theta;
      for (let s = 0; s < n; s++)
        nature.kernel[nature.at + s] =
          p[at + s] === 0 ? 0 : (p[at + s]! * Math.exp((-theta * (values[s]! - low)) / top)) / z;
    }
    return low + top * mean;
  };
}

/** q ∝ p (a − v)₊. Along the sorted states the constraint is a quadratic in a between two values, so a is found in closed form. */
export function chiSquareCase(sorted: SortedValues): WorstCase {
  const { values, order } = sorted;
  const n = values.length;
  return (p, at, radius, nature) => {
    const low = values[worstState(sorted, p, at, "nominal")]!;
    const worst = massOfWorst(sorted, p, at, low);
    if (1 / worst - 1 <= radius) {
      if (nature) {
        condition(sorted, p, at, low, worst, nature.kernel, nature.at);
        nature.dual = low;
      }
      return low;
    }
    // Mass, mean and spread of the states taken in, updated stably.
    let mass = 0;
    let mean = 0;
    let spread = 0;
    let x = Infinity;
    for (let k = 0; k < n; k++) {
      const s = order[k]!;
      const w = p[at + s]!;
      if (w === 0) continue;
      const u = values[s]! - low;
      const delta = u - mean;
      mass += w;
      mean += (delta * w) / mass;
      spread += w * delta * (u - mean);
      let next = k + 1;
      while (next < n && p[at + order[next]!] === 0) next++;
      const end = next < n ? values[order[next]!]! - low : Infinity;
      // -0 + 0 is 0, by which one may divide
      const room = next < n ? (1 + radius) * mass - 1 : radius + 0;
      if (end === u || (room <= 0 && next < n)) continue;
      x = spread > 0 ? Math.sqrt(spread / (mass * room)) : Infinity;
      if (mean + x <= end) break;
    }
    if (nature) {
      nature.dual = low + mean + x;
      for (let s = 0; s < n; s++) {
        const density = 1 + (mean - (values[s]! - low)) / x;
        nature.kernel[nature.at + s] = density > 0 ? (p[at + s]! * density) / mass : 0;
      }
    }
    return low + mean - spread / (x * mass);
  };
}
