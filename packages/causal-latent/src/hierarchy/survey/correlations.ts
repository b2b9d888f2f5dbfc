/**
 * Correlations of the normal variables behind answers: polychoric for ordered answers, of normal
 * scores for continuous ones, polyserial between the two, each from the rows that have both.
 */
import type { Item } from "./item.js";
import { below, bivariate, bivariateDensity, density, quantile } from "./normal.js";

/** Correlations of items, with what they are worth. */
export interface Correlations {
  /** [p, p], row-major, positive definite. */
  readonly matrix: Float64Array;
  /** Rows that a correlation of this precision would need among complete normal data: the median over pairs. */
  readonly size: number;
  /** How far the matrix was from being positive definite: what was added to its smallest eigenvalue; 0 if nothing. */
  readonly lifted: number;
}

const BOUND = 0.97;

/** Thresholds of an ordered item between its states: $\tau_s = \Phi^{-1}(P(x \le s))$, with infinite ends. */
export function thresholdsOf(item: Item, weights: Float64Array | undefined): Float64Array {
  const counts = new Float64Array(item.numStates);
  item.values.forEach((x, r) => {
    if (x >= 0) counts[x]! += weights?.[r] ?? 1;
  });
  const total = counts.reduce((sum, c) => sum + c, 0);
  const out = new Float64Array(item.numStates + 1);
  let sum = 0;
  out[0] = -Infinity;
  for (let s = 0; s < item.numStates; s++) {
    sum += counts[s]!;
    out[s + 1] = s + 1 === item.numStates ? Infinity : quantile(sum / total);
  }
  return out;
}

/** Normal scores of a continuous item: quantiles of the ranks, by weight where there is one, ties in the middle; NaN where missing. */
export function normalScores(
  values: Float64Array,
  weights: Float64Array | undefined,
): Float64Array {
  const known = Int32Array.from(values.keys()).filter((r) => !Number.isNaN(values[r]!));
  known.sort((a, b) => values[a]! - values[b]!);
  const out = new Float64Array(values.length).fill(NaN);
  const total =
    weights === undefined ? known.length : known.reduce((sum, r) => sum + weights[r]!, 0);
  // rows without weight at the ends would lie at infinity
  const least =
    (weights === undefined
      ? 1
      : known.reduce((x, r) => (weights[r]! > 0 ? Math.min(x, weights[r]!) : x), Infinity)) /
    (2 * total);
  let before = 0;
  for (let from = 0; from < known.length;) {
    let [to, mass] = [from, 0];
    for (; to < known.length && values[known[to]!] === values[known[from]!]; to++)
      mass += weights?.[known[to]!] ?? 1;
    const share = (before + mass / 2) / total;
    const score = quantile(Math.min(1 - least, Math.max(least, share)));
    for (let i = from; i < to; i++) out[known[i]!] = score;
    before += mass;
    from = to;
  }
  return out;
}

/** One item made ready. */
interface Prepared {
  readonly item: Item;
  readonly thresholds: Float64Array;
  /** Of the state of every row, the mean of the normal variable in it; normal scores where continuous. */
  readonly scores: Float64Array;
}

export function prepare(item: Item, weights: Float64Array | undefined): Prepared {
  if (item.kind === "continuous") {
    const scores = normalScores(item.values, weights);
    return { item, thresholds: new Float64Array(0), scores };
  }
  const thresholds = thresholdsOf(item, weights);
  const means = Float64Array.from({ length: item.numStates }, (_, s) => {
    const [from, to] = [thresholds[s]!, thresholds[s + 1]!];
    const mass = below(to) - below(from);
    return mass > 0 ? (density(from) - density(to)) / mass : 0;
  });
  return { item, thresholds, scores: item.values.map((x) => (x >= 0 ? means[x]! : NaN)) };
}

/** Weighted correlation of the rows in which both are known; `size`: unweighted rows that would know it as well. */
export function pearson(
  x: Float64Array,
  y: Float64Array,
  weights: Float64Array | undefined,
): { readonly r: number; readonly size: number; readonly deviation: number } {
  let [n, squared, sx, sy, sxx, syy, sxy] = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i]!, y[i]!];
    if (a !== a || b !== b) continue;
    const w = weights === undefined ? 1 : weights[i]!;
    n += w;
    squared += w * w;
    sx += w * a;
    sy += w * b;
    sxx += w * a * a;
    syy += w * b * b;
    sxy += w * a * b;
  }
  const [vx, vy] = [sxx / n - (sx / n) ** 2, syy / n - (sy / n) ** 2];
  const r = vx > 0 && vy > 0 ? (sxy / n - (sx / n) * (sy / n)) / Math.sqrt(vx * vy) : 0;
  return { r, size: n > 0 ? (n * n) / squared : 0, deviation: Math.sqrt(Math.max(vx, 0)) };
}

/** Weighted counts of the pairs of states. */
function counts(a: Item, b: Item, weights: Float64Array | undefined): Float64Array {
  const table = new Float64Array(a.numStates * b.numStates);
  const [x, y, q] = [a.values, b.values, b.numStates];
  for (let r = 0; r < x.length; r++) {
    const [i, j] = [x[r]!, y[r]!];
    if (i >= 0 && j >= 0) table[i * q + j]! += weights === undefined ? 1 : weights[r]!;
  }
  return table;
}

/**
 * The polychoric correlation: the ρ at which two normals cut at given thresholds make a table
 * likeliest, by Fisher scoring; with its information. An empty cell of a table of two by two counts a half.
 *
 * @see Olsson (1979), "Maximum likelihood estimation of the polychoric correlation coefficient"
 */
export function polychoric(
  table: Float64Array,
  rows: Float64Array,
  columns: Float64Array,
): { readonly r: number; readonly information: number } {
  const [p, q] = [rows.length - 1, columns.length - 1];
  if (p === 2 && q === 2) table = table.map((x) => (x === 0 ? 0.5 : x));
  let [rho, information, step] = [0, 0, Infinity];
  for (let round = 0; round < 25 && Math.abs(step) > 1e-6; round++) {
    const joint = bivariate(rho);
    const [corner, slope] = [
      new Float64Array((p + 1) * (q + 1)),
      new Float64Array((p + 1) * (q + 1)),
    ];
    for (let i = 1; i <= p; i++)
      for (let j = 1; j <= q; j++) {
        corner[i * (q + 1) + j] = joint(rows[i]!, columns[j]!);
        slope[i * (q + 1) + j] = bivariateDensity(rows[i]!, columns[j]!, rho);
      }
    let [score, expected, total] = [0, 0, 0];
    for (let i = 0; i < p; i++)
      for (let j = 0; j < q; j++) {
        const at = i * (q + 1) + j;
        const cell = (x: Float64Array): number =>
          x[at + q + 2]! - x[at + 1]! - x[at + q + 1]! + x[at]!;
        const [probability, change] = [Math.max(cell(corner), 1e-9), cell(slope)];
        const count = table[i * q + j]!;
        score += (count * change) / probability;
        expected += (change * change) / probability;
        total += count;
      }
    information = expected * total;
    if (!(information > 0)) return { r: 0, information: 0 };
    const next = Math.max(
      -BOUND,
      Math.min(BOUND, rho + Math.max(-0.5, Math.min(0.5, score / information))),
    );
    step = next - rho;
    rho = next;
  }
  return { r: rho, information };
}

/** Correlation of a pair, and the size of a complete normal sample that would know it as well. */
function pair(
  a: Prepared,
  b: Prepared,
  weights: Float64Array | undefined,
): { readonly r: number; readonly size: number } {
  if (a.item.kind === "continuous" && b.item.kind === "continuous") {
    const { r, size } = pearson(a.scores, b.scores, weights);
    return { r: Math.max(-BOUND, Math.min(BOUND, r)), size };
  }
  if (a.item.kind !== "continuous" && b.item.kind !== "continuous") {
    const table = counts(a.item, b.item, weights);
    const { r, information } = polychoric(table, a.thresholds, b.thresholds);
    const kish =
      weights === undefined
        ? 1
        : pearson(a.scores, b.scores, weights).size / table.reduce((sum, x) => sum + x, 0);
    return { r, size: (1 - r * r) ** 2 * information * (Number.isFinite(kish) ? kish : 1) };
  }
  // the scores of an ordered item lack the spread within its states
  const [ordered, other] = a.item.kind === "continuous" ? [b, a] : [a, b];
  const { r, size, deviation } = pearson(ordered.scores, other.scores, weights);
  const full = deviation > 0 ? r / deviation : 0;
  return { r: Math.max(-BOUND, Math.min(BOUND, full)), size: size * Math.min(1, deviation ** 2) };
}

/** Correlations of all pairs. */
export function correlationsOf(
  items: readonly Item[],
  weights: Float64Array | undefined,
  signal?: AbortSignal,
  onPair?: (done: number) => void,
): { readonly matrix: Float64Array; readonly sizes: Float64Array } {
  const p = items.length;
  const prepared = items.map((item) => prepare(item, weights));
  const matrix = new Float64Array(p * p);
  const sizes = new Float64Array(p * p);
  for (let i = 0; i < p; i++) {
    signal?.throwIfAborted();
    matrix[i * p + i] = 1;
    for (let j = 0; j < i; j++) {
      const { r, size } = pair(prepared[i]!, prepared[j]!, weights);
      matrix[i * p + j] = matrix[j * p + i] = r;
      sizes[i * p + j] = sizes[j * p + i] = size;
    }
    onPair?.(((i + 1) * i) / 2);
  }
  return { matrix, sizes };
}
