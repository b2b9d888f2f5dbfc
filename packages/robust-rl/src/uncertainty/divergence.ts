/** Worst cases within divergences that keep the support of the nominal distribution: Kullback-Leibler and chi-square. */
import { type SortedValues, type WorstCase, worstState } from "./mass.js";

/** Mass of the states that tie for the least value among those with mass. */
function massOfWorst({ values, order }: SortedValues, p: Float64Array, at: number, low: number): number {
  let mass = 0;
  for (let k = 0; k < order.length; k++) {
    const s = order[k]!;
    if (values[s]! > low) break;
    mass += p[at + s]!;
  }
  return mass;
}

/** Leaves p conditioned on its worst states. */
function condition({ values }: SortedValues, p: Float64Array, at: number, low: number, mass: number, kernel: Float64Array, to: number): void {
  for (let s = 0; s < values.length; s++) kernel[to + s] = values[s]! <= low ? p[at + s]! / mass : 0;
}

function copyRow(p: Float64Array, at: number, n: number, kernel: Float64Array, to: number): void {
  kernel.set(p.subarray(at, at + n), to);
}

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
    // Moments of u = (v − min)/range under q at θ.
    let [z, mean, variance] = [0, 0, 0];
    const moments = (theta: number): number => {
      let [z0, z1, z2] = [0, 0, 0];
      for (let s = 0; s < n; s++) {
        const u = (values[s]! - low) / top;
        const w = p[at + s]! * Math.exp(-theta * u);
        z0 += w;
        z1 += w * u;
        z2 += w * u * u;
      }
      z = z0;
      mean = z1 / z0;
      variance = Math.max(0, z2 / z0 - mean * mean);
      return -theta * mean - Math.log(z);
    };
    moments(0);
    if (radius === 0) {
      if (nature) {
        copyRow(p, at, n, nature.kernel, nature.at);
        nature.dual = Infinity;
      }
      return low + top * mean;
    }
    let [lo, hi] = [0, Infinity];
    let theta = Math.sqrt((2 * radius) / variance);
    for (let i = 0; i < 200; i++) {
      const divergence = moments(theta);
      if (divergence < radius) lo = theta;
      else hi = theta;
      const step = theta - (divergence - radius) / (theta * variance);
      const next = step > lo && step < hi ? step : hi === Infinity ? 2 * theta : 0.5 * (lo + hi);
      const close = Math.abs(next - theta) <= 4e-16 * theta;
      theta = next;
      if (close) break;
    }
    moments(theta);
    if (nature) {
      nature.dual = top / theta;
      for (let s = 0; s < n; s++) nature.kernel[nature.at + s] = (p[at + s]! * Math.exp((-theta * (values[s]! - low)) / top)) / z;
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
    let [mass, mean, spread] = [0, 0, 0];
    let [threshold, value] = [low, low];
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
      const room = (1 + radius) * mass - 1;
      if (!(room > 0) || end === u) continue;
      const x = Math.sqrt(spread / (mass * room));
      const a = mean + x;
      if (a <= end) {
        threshold = low + a;
        value = x > 0 && a < Infinity ? low + mean - spread / (x * mass) : low + mean;
        break;
      }
    }
    if (radius === 0) {
      threshold = Infinity;
      value = low + mean;
    }
    if (nature) {
      nature.dual = threshold;
      if (radius === 0) copyRow(p, at, n, nature.kernel, nature.at);
      else {
        let total = 0;
        for (let s = 0; s < n; s++) total += nature.kernel[nature.at + s] = p[at + s]! * Math.max(0, threshold - values[s]!);
        for (let s = 0; s < n; s++) nature.kernel[nature.at + s]! /= total;
      }
    }
    return value;
  };
}
