/** Whether draws of a posterior stay what they are under one more round by another denoiser: what a measurement alone cannot see. */
import {
  type Certificate,
  type NdArray,
  item,
  mean,
  mul,
  ndtr,
  slice,
  sub,
  sum,
  toTypedArray,
} from "@provably/core-tensor";
import { certificate } from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";

const [MOST, REPLICATES, SIGNIFICANCE] = [128, 499, 0.01];

/** The first rows, as many as the test looks at. */
export function firstDraws(x: NdArray): NdArray {
  return slice(x, [0], [Math.min(MOST, x.shape[0]!)]);
}

/** One more round: the draws, what the proximal step makes of them, the clean points that the model expects there, and what the denoiser draws. */
export interface Round {
  readonly before: NdArray;
  readonly between: NdArray;
  readonly expected: NdArray;
  readonly after: NdArray;
}

/**
 * A certificate of one more round. Before and after it draws have the same distribution: a round of proximal and denoising step is reversible, so that in the
 * distribution that it keeps a draw and what becomes of it can be swapped, and their energy distance is not greater than with swaps at random. And its
 * denoising step draws around the clean point that the model itself expects: what is missed does not grow with the point.
 */
export function certifyRound(
  { before, between, expected, after }: Round,
  key: RngKey,
): Certificate {
  const moved = swapTest(before, after, key);
  const drawn = driftTest(between, sub(after, expected));
  const n = before.shape[0]!;
  // with so few draws no swap is rare enough
  const couldFail = 2 ** (1 - n) < SIGNIFICANCE / 2;
  const value = Math.min(1, 2 * Math.min(moved.p, drawn.p));
  return certificate({
    claim:
      "p-value that one more round, by another denoiser, leaves the distribution of the draws as it is and draws around what the model expects",
    kind: "statistical",
    value,
    expected: [SIGNIFICANCE, 1],
    confidence: 1 - SIGNIFICANCE,
    verdict: !couldFail ? "undecided" : value >= SIGNIFICANCE,
    note: `${n} draws, energy distance ${moved.distance.toPrecision(2)} with p = ${moved.p.toPrecision(2)}, drift ${drawn.slope.toPrecision(2)} with p = ${drawn.p.toPrecision(2)}${couldFail ? "" : "; too few to tell"}; a prior other than the one meant is seen by certifyScore alone`,
  });
}

/** Whether what is missed grows with the point, over draws: its slope, and a two-sided p-value by the normal distribution. */
function driftTest(point: NdArray, missed: NdArray): { slope: number; p: number } {
  const centred = sub(point, mean(point, { axis: 0, keepDims: true }));
  const rows = toTypedArray(sum(mul(missed, centred), { axis: 1 })) as Float64Array;
  const n = rows.length;
  const average = rows.reduce((a, b) => a + b, 0) / n;
  const variance = rows.reduce((a, b) => a + (b - average) ** 2, 0) / Math.max(1, n - 1);
  const slope = average / (item(sum(mul(centred, centred))) / n);
  if (!(variance > 0)) return { slope: 0, p: 1 };
  return { slope, p: 2 * item(ndtr(-Math.abs(average) / Math.sqrt(variance / n))) };
}

function swapTest(before: NdArray, after: NdArray, key: RngKey): { distance: number; p: number } {
  const [n, d] = before.shape as readonly [number, number];
  const points = [before, after].map((x) => toTypedArray(x) as Float64Array);
  const distance = (p: number, i: number, q: number, j: number): number => {
    let total = 0;
    for (let k = 0; k < d; k++) total += (points[p]![i * d + k]! - points[q]![j * d + k]!) ** 2;
    return Math.sqrt(total);
  };
  // with signs s_i = ±1 for who is called before, the energy distance is −Σ s_i s_j (same − other) / n²
  const gaps = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      gaps[i * n + j] =
        distance(0, i, 1, j) + distance(1, i, 0, j) - distance(0, i, 0, j) - distance(1, i, 1, j);
  const energy = (signs: Int8Array): number => {
    let total = 0;
    for (let i = 0; i < n; i++) {
      let row = 0;
      for (let j = 0; j < n; j++) row += signs[j]! * gaps[i * n + j]!;
      total += signs[i]! * row;
    }
    return total / (n * n);
  };
  const seen = energy(new Int8Array(n).fill(1));
  let above = 1;
  for (let r = 0; r < REPLICATES; r++) {
    const coins = toTypedArray(uniform(foldIn(key, r), [n], { dtype: "float64" }));
    const signs = Int8Array.from({ length: n }, (_, i) => (coins[i]! < 0.5 ? 1 : -1));
    if (energy(signs) >= seen - 1e-12 * Math.abs(seen)) above++;
  }
  return { distance: seen, p: above / (REPLICATES + 1) };
}
