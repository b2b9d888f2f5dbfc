/** All extreme equilibria: pairs of vertices of the best-response polytopes that share no missing label. */
import { DomainError } from "@provably/core-tensor";
import { lu, luSolve } from "./linear.js";
import type { Game } from "./payoffs.js";

/** At most this many choices of tight constraints a polytope. */
const MOST_BASES = 400_000;
const TIGHT = 1e-9;

interface Vertex {
  readonly point: Float64Array;
  /** Labels of tight constraints. */
  readonly labels: Set<number>;
}

/** Vertices of {z ≥ 0 : M z ≤ 1} but 0, M [rows, n] with positive entries. `labelOf` names constraint i: z_i ≥ 0 for i < n, then the rows. */
function vertices(
  matrix: Float64Array,
  rows: number,
  n: number,
  labelOf: (constraint: number) => number,
): Vertex[] {
  const found: Vertex[] = [];
  const choice = Array.from({ length: n }, (_, i) => i);
  const total = n + rows;
  for (;;) {
    // The constraints z_i ≥ 0 that are chosen are solved at once: only the other coordinates remain.
    const zero = new Set(choice.filter((c) => c < n));
    const free = Array.from({ length: n }, (_, i) => i).filter((i) => !zero.has(i));
    const tight = choice.filter((c) => c >= n).map((c) => c - n);
    if (free.length > 0) {
      const f = free.length;
      const a = Float64Array.from(
        { length: f * f },
        (_, i) => matrix[tight[Math.floor(i / f)]! * n + free[i % f]!]!,
      );
      const factors = lu(a, f);
      const z = factors && luSolve(factors, new Float64Array(f).fill(1), f);
      if (z?.every((value) => value >= -TIGHT)) {
        const point = new Float64Array(n);
        free.forEach((i, j) => (point[i] = Math.max(0, z[j]!)));
        const labels = new Set<number>();
        let inside = true;
        for (let i = 0; i < n; i++) if (point[i]! <= TIGHT) labels.add(labelOf(i));
        for (let r = 0; r < rows && inside; r++) {
          let value = 0;
          for (let i = 0; i < n; i++) value += matrix[r * n + i]! * point[i]!;
          if (value > 1 + TIGHT) inside = false;
          else if (value >= 1 - TIGHT) labels.add(labelOf(n + r));
        }
        if (inside && !found.some((v) => v.point.every((x, i) => Math.abs(x - point[i]!) < 1e-8)))
          found.push({ point, labels });
      }
    }
    let i = n - 1;
    while (i >= 0 && choice[i] === total - n + i) i--;
    if (i < 0) return found;
    choice[i]!++;
    for (let j = i + 1; j < n; j++) choice[j] = choice[j - 1]! + 1;
  }
}

function choose(n: number, k: number): number {
  let value = 1;
  for (let i = 1; i <= k; i++) value = (value * (n - k + i)) / i;
  return value;
}

const unit = (z: Float64Array): Float64Array => {
  const total = z.reduce((sum, x) => sum + x, 0);
  return z.map((x) => x / total);
};

export function vertexEnumeration(game: Game): {
  equilibria: [Float64Array, Float64Array][];
  degenerate: boolean;
} {
  const [m, k] = [game.actions[0]!, game.actions[1]!];
  if (choose(m + k, Math.min(m, k)) > MOST_BASES)
    throw new DomainError(
      `bimatrixNash: a game of ${m} × ${k} actions has too many vertices to enumerate; use method "lemke-howson"`,
    );
  const { payoffs, joint } = game;
  const low = payoffs.reduce((a, b) => Math.min(a, b), Infinity);
  const positive = (player: number, a: number, b: number): number =>
    (payoffs[player * joint + a * k + b]! - low) / game.range + 1;
  const forX = Float64Array.from({ length: k * m }, (_, i) =>
    positive(1, i % m, Math.floor(i / m)),
  );
  const forY = Float64Array.from({ length: m * k }, (_, i) =>
    positive(0, Math.floor(i / k), i % k),
  );
  const xs = vertices(forX, k, m, (c) => c);
  const ys = vertices(forY, m, k, (c) => (c < k ? m + c : c - k));
  const equilibria: [Float64Array, Float64Array][] = [];
  for (const x of xs)
    for (const y of ys) {
      let complete = true;
      for (let label = 0; label < m + k && complete; label++)
        complete = x.labels.has(label) || y.labels.has(label);
      if (complete) equilibria.push([unit(x.point), unit(y.point)]);
    }
  return {
    equilibria,
    degenerate: xs.some((v) => v.labels.size > m) || ys.some((v) => v.labels.size > k),
  };
}
