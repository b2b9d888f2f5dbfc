/** Worst case in a Euclidean ball: q(t) is the projection of p − t v on the simplex, with t such that ‖q − p‖ = r. */
import type { Support } from "./support.js";
import { type SortedValues, type WorstCase, dot, worstState } from "./mass.js";

/** Projects `x` on the simplex, over the states with `allowed`: x ← (x − μ)₊ with Σ = 1. */
function projectOnSimplex(x: Float64Array, allowed: Uint8Array): void {
  let [count, sum] = [0, 0];
  for (let s = 0; s < x.length; s++)
    if (allowed[s]) {
      count++;
      sum += x[s]!;
    }
  // Michelot: drop what is below the threshold until nothing is.
  let threshold = (sum - 1) / count;
  const inside = Uint8Array.from(allowed);
  for (let changed = true; changed;) {
    changed = false;
    for (let s = 0; s < x.length; s++)
      if (inside[s] && x[s]! <= threshold) {
        inside[s] = 0;
        count--;
        sum -= x[s]!;
        changed = true;
      }
    threshold = (sum - 1) / count;
  }
  for (let s = 0; s < x.length; s++) x[s] = inside[s] ? x[s]! - threshold : 0;
}

export function l2Case(sorted: SortedValues, support: Support): WorstCase {
  const { values } = sorted;
  const n = values.length;
  const q = new Float64Array(n);
  const allowed = new Uint8Array(n);
  const face = new Uint8Array(n);
  return (p, at, radius, nature) => {
    const low = values[worstState(sorted, p, at, support)]!;
    let top = 0;
    for (let s = 0; s < n; s++) {
      allowed[s] = support === "full" || p[at + s]! > 0 ? 1 : 0;
      face[s] = allowed[s] && values[s]! === low ? 1 : 0;
      if (allowed[s]) top = Math.max(top, values[s]! - low);
    }
    const project = (t: number): number => {
      for (let s = 0; s < n; s++) q[s] = p[at + s]! - t * ((values[s]! - low) / top);
      projectOnSimplex(q, allowed);
      return Math.sqrt(q.reduce((sum, x, s) => sum + (x - p[at + s]!) ** 2, 0));
    };
    const leave = (dual: number): void => {
      if (!nature) return;
      nature.kernel.set(q, nature.at);
      nature.dual = dual;
    };
    if (top === 0 || radius === 0) {
      q.set(p.subarray(at, at + n));
      leave(0);
      return dot(p, at, values);
    }
    q.set(p.subarray(at, at + n));
    projectOnSimplex(q, face);
    if (q.reduce((sum, x, s) => sum + (x - p[at + s]!) ** 2, 0) <= radius * radius) {
      leave(Infinity);
      return low;
    }
    let [lo, hi] = [0, 1];
    while (project(hi) < radius && hi < 1e300) hi *= 4;
    for (let i = 0; i < 200 && hi - lo > 2e-16 * hi; i++) {
      const middle = 0.5 * (lo + hi);
      if (project(middle) < radius) lo = middle;
      else hi = middle;
    }
    project(lo);
    leave(lo / top);
    let value = 0;
    for (let s = 0; s < n; s++) value += q[s]! * (values[s]! - low);
    return low + value;
  };
}
