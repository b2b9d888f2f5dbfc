/**
 * Random tables: of given probabilities, and of given margins. Counts are drawn by inversion from
 * the mode outwards, in about as many steps as their standard deviation.
 */
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";

const SMALL = Float64Array.from({ length: 1024 }, () => 0);
for (let i = 2; i < SMALL.length; i++) SMALL[i] = SMALL[i - 1]! + Math.log(i);

/** ln n! for a whole number, by Stirling's series beyond the table: relative error below 1e-15. */
export function logFactorial(n: number): number {
  if (n < SMALL.length) return SMALL[n]!;
  const x = n + 1;
  const y = 1 / (x * x);
  return (x - 0.5) * Math.log(x) - x + 0.9189385332046727 + (1 / 12 - (1 / 360 - y / 1260) * y) / x;
}

/** Numbers in [0, 1), one after the other. */
export type Stream = () => number;

export function streamOf(key: RngKey): Stream {
  let [batch, at] = [0, 0];
  let numbers: Float64Array = new Float64Array(0);
  return () => {
    if (at === numbers.length) {
      numbers = uniform(foldIn(key, batch++), [2048], { dtype: "float64" }).data as Float64Array;
      at = 0;
    }
    return numbers[at++]!;
  };
}

/** The count at which probabilities summed from the mode outwards pass u; `up(x)` is P(x + 1) / P(x). */
function fromMode(
  u: number,
  mode: number,
  low: number,
  high: number,
  logP: number,
  up: (x: number) => number,
): number {
  let left = u - Math.exp(logP);
  if (left < 0) return mode;
  let [above, below] = [mode, mode];
  let [pAbove, pBelow] = [Math.exp(logP), Math.exp(logP)];
  while (above < high || below > low) {
    if (above < high) {
      pAbove *= up(above++);
      left -= pAbove;
      if (left < 0) return above;
    }
    if (below > low) {
      pBelow /= up(--below);
      left -= pBelow;
      if (left < 0) return below;
    }
    if (pAbove < 1e-300 && pBelow < 1e-300) break;
  }
  return mode; // rounding alone leads here
}

/** How many of n draws without replacement are among K of N. */
function hypergeometric(next: Stream, K: number, N: number, n: number): number {
  const [low, high] = [Math.max(0, n - (N - K)), Math.min(n, K)];
  if (low === high) return low;
  const mode = Math.min(high, Math.max(low, Math.floor(((n + 1) * (K + 1)) / (N + 2))));
  const logP =
    logFactorial(K) -
    logFactorial(mode) -
    logFactorial(K - mode) +
    logFactorial(N - K) -
    logFactorial(n - mode) -
    logFactorial(N - K - n + mode) -
    (logFactorial(N) - logFactorial(n) - logFactorial(N - n));
  return fromMode(
    next(),
    mode,
    low,
    high,
    logP,
    (x) => ((K - x) * (n - x)) / ((x + 1) * (N - K - n + x + 1)),
  );
}

/** How many of n draws have probability p. */
function binomial(next: Stream, n: number, p: number): number {
  if (n === 0 || p <= 0) return 0;
  if (p >= 1) return n;
  const mode = Math.min(n, Math.floor((n + 1) * p));
  const logP =
    logFactorial(n) -
    logFactorial(mode) -
    logFactorial(n - mode) +
    mode * Math.log(p) +
    (n - mode) * Math.log1p(-p);
  const odds = p / (1 - p);
  return fromMode(next(), mode, 0, n, logP, (x) => ((n - x) / (x + 1)) * odds);
}

/** Writes a table with the given margins into `out`, every one as often as under independence. */
export function tableOfMargins(
  next: Stream,
  rows: readonly number[],
  columns: readonly number[],
  out: Float64Array,
): void {
  const [p, q] = [rows.length, columns.length];
  const left = [...columns];
  let total = columns.reduce((a, b) => a + b, 0);
  for (let i = 0; i < p - 1; i++) {
    let [want, open] = [rows[i]!, total];
    total -= want;
    for (let j = 0; j < q - 1; j++) {
      const x = hypergeometric(next, left[j]!, open, want);
      open -= left[j]!;
      left[j]! -= x;
      want -= x;
      out[i * q + j] = x;
    }
    left[q - 1]! -= want;
    out[i * q + q - 1] = want;
  }
  for (let j = 0; j < q; j++) out[(p - 1) * q + j] = left[j]!;
}

/** Writes counts of n draws with the given probabilities into `out`. */
export function countsOfProbabilities(
  next: Stream,
  probabilities: Float64Array,
  n: number,
  out: Float64Array,
): void {
  let [left, mass] = [n, 1];
  for (let i = 0; i < out.length; i++) {
    const p = probabilities[i]!;
    out[i] = i === out.length - 1 ? left : binomial(next, left, Math.min(1, p / mass));
    left -= out[i]!;
    mass = Math.max(mass - p, 1e-300);
  }
}
