/** The distribution of largest entropy among those with D p ≤ 0. */
import { simplex } from "../lp/simplex.js";

/** Joint actions that have positive probability in some solution: those that a linear program can raise above rounding. */
function possible(rows: readonly Float64Array[], joint: number): boolean[] {
  const all = [...rows, new Float64Array(joint).fill(1)];
  const matrix = new Float64Array(all.length * joint);
  all.forEach((row, k) => matrix.set(row, k * joint));
  const bounds = new Float64Array(all.length);
  bounds[all.length - 1] = 1;
  const found = new Array<boolean>(joint).fill(false);
  for (let a = 0; a < joint; a++) {
    if (found[a]) continue;
    const cost = new Float64Array(joint);
    cost[a] = -1;
    const { x } = simplex({ n: joint, cost, matrix, bounds, inequalities: rows.length });
    x.forEach((p, b) => {
      if (p > 1e-9) found[b] = true;
    });
  }
  return found;
}

/** Solves the symmetric positive definite system `h x = g` of order n in place, by Cholesky's method. */
function choleskySolve(h: Float64Array, g: Float64Array, n: number): Float64Array {
  for (let j = 0; j < n; j++) {
    let d = h[j * n + j]!;
    for (let k = 0; k < j; k++) d -= h[j * n + k]! ** 2;
    const root = Math.sqrt(Math.max(d, 1e-300));
    h[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let s = h[i * n + j]!;
      for (let k = 0; k < j; k++) s -= h[i * n + k]! * h[j * n + k]!;
      h[i * n + j] = s / root;
    }
  }
  const x = Float64Array.from(g);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= h[i * n + k]! * x[k]!;
    x[i]! /= h[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= h[k * n + i]! * x[k]!;
    x[i]! /= h[i * n + i]!;
  }
  return x;
}

/**
 * Minimises the dual $F(\lambda) = \ln\sum_a e^{-(D^T\lambda)_a}$ over $\lambda \ge 0$ by a projected Newton method; $p \propto e^{-D^T\lambda}$. Joint
 * actions that no solution plays are taken out first: their multipliers would be infinite.
 */
export function maxEntropy(rows: readonly Float64Array[], joint: number): Float64Array {
  const allowed = possible(rows, joint);
  const kept = Array.from({ length: joint }, (_, a) => a).filter((a) => allowed[a]);
  const n = kept.length;
  const constraints = rows
    .map((row) => Float64Array.from(kept, (a) => row[a]!))
    .map((row) => {
      const largest = row.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
      return largest > 0 ? row.map((x) => x / largest) : undefined;
    })
    .filter((row) => row !== undefined);
  const m = constraints.length;
  let lambda = new Float64Array(m);
  const at = (l: Float64Array): { value: number; p: Float64Array } => {
    const e = new Float64Array(n);
    constraints.forEach((row, k) => {
      if (l[k] !== 0) for (let a = 0; a < n; a++) e[a]! -= l[k]! * row[a]!;
    });
    const top = e.reduce((x, y) => Math.max(x, y), -Infinity);
    let z = 0;
    for (let a = 0; a < n; a++) z += e[a] = Math.exp(e[a]! - top);
    return { value: top + Math.log(z), p: e.map((x) => x / z) };
  };
  let { value, p } = at(lambda);
  let damping = 1e-6;
  for (let iteration = 0; iteration < 500; iteration++) {
    // Slack D p: positive where a constraint is broken, which is minus the gradient.
    const slack = Float64Array.from(constraints, (row) =>
      row.reduce((sum, x, a) => sum + x * p[a]!, 0),
    );
    const violation = slack.reduce(
      (worst, s, k) => Math.max(worst, s, lambda[k]! > 0 ? Math.min(lambda[k]!, -s) : 0),
      0,
    );
    if (violation <= 1e-12) break;
    // Multipliers that are nearly 0 and want to fall are not curved along with the others: they take a plain gradient step, cut off at 0.
    const residual = Math.sqrt(
      lambda.reduce((sum, l, k) => sum + (l - Math.max(0, l + slack[k]!)) ** 2, 0),
    );
    const margin = Math.min(1e-3, residual);
    const free = Array.from({ length: m }, (_, k) => k).filter(
      (k) => slack[k]! > 0 || lambda[k]! > margin,
    );
    const bound = Array.from({ length: m }, (_, k) => k).filter(
      (k) => slack[k]! <= 0 && lambda[k]! > 0 && lambda[k]! <= margin,
    );
    const f = free.length;
    const hessian = new Float64Array(f * f);
    for (let i = 0; i < f; i++)
      for (let j = 0; j <= i; j++) {
        const [x, y] = [constraints[free[i]!]!, constraints[free[j]!]!];
        let sum = -slack[free[i]!]! * slack[free[j]!]!;
        for (let a = 0; a < n; a++) sum += p[a]! * x[a]! * y[a]!;
        hessian[i * f + j] = hessian[j * f + i] = sum + (i === j ? damping : 0);
      }
    const step = choleskySolve(
      hessian,
      Float64Array.from(free, (k) => slack[k]!),
      f,
    );
    let moved = false;
    for (let scale = 1; scale > 1e-12; scale /= 2) {
      const trial = Float64Array.from(lambda);
      free.forEach((k, i) => (trial[k] = Math.max(0, trial[k]! + scale * step[i]!)));
      for (const k of bound) trial[k] = Math.max(0, trial[k]! + scale * slack[k]!);
      const there = at(trial);
      let promised = 0;
      for (let k = 0; k < m; k++) promised += slack[k]! * (trial[k]! - lambda[k]!);
      if (there.value <= value - 1e-4 * promised + 1e-16 * Math.abs(value)) {
        moved = trial.some((x, k) => x !== lambda[k]);
        lambda = trial;
        ({ value, p } = there);
        damping = scale === 1 ? Math.max(damping / 10, 1e-14) : damping;
        break;
      }
    }
    if (!moved) {
      damping *= 100;
      if (damping > 1e6) break;
    }
  }
  const out = new Float64Array(joint);
  kept.forEach((a, k) => (out[a] = p[k]!));
  return out;
}
