/** Gaussian mixtures by expectation maximisation, started by k-means++. */
import { LinAlgError } from "@provably/core-tensor";
import { cholesky } from "@provably/core-tensor/linalg";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { float64Of, toArray } from "../internal/arrays.js";

/** Points as rows, row-major. */
export interface Points {
  readonly n: number;
  readonly p: number;
  readonly data: Float64Array;
}

/**
 * Covariances of the components of a mixture: one each, one diagonal each, or one for all.
 * @category Concepts
 */
export type CovarianceKind = "full" | "diag" | "tied";

export interface Mixture {
  readonly k: number;
  /** Responsibilities, [n, k]. */
  readonly posteriors: Float64Array;
  readonly labels: Int32Array;
  readonly logLikelihood: number;
  readonly bic: number;
  readonly centres: Float64Array;
}

/** Runs of k-means++. */
const RESTARTS = 20;

/** The best of several k-means++ runs: labels of the points. */
export function kMeans(
  { n, p, data }: Points,
  k: number,
  key: RngKey,
  signal?: AbortSignal,
): Int32Array {
  let best: { labels: Int32Array; loss: number } | undefined;
  for (let run = 0; run < RESTARTS; run++) {
    const draws = uniform(foldIn(key, run), [k], { dtype: "float64" }).data;
    const centres = new Float64Array(k * p);
    const nearest = new Float64Array(n).fill(Infinity);
    let at = Math.min(n - 1, Math.floor(draws[0]! * n));
    for (let c = 0; c < k; c++) {
      if (c > 0) {
        let total = 0;
        for (const d of nearest) total += d;
        let left = draws[c]! * total;
        at = 0;
        while (at < n - 1 && left >= nearest[at]!) left -= nearest[at++]!;
      }
      centres.set(data.subarray(at * p, at * p + p), c * p);
      for (let i = 0; i < n; i++)
        nearest[i] = Math.min(nearest[i]!, distance(data, i * p, centres, c * p, p));
    }
    const labels = new Int32Array(n);
    let loss = Infinity;
    for (let iteration = 0; iteration < 100; iteration++) {
      signal?.throwIfAborted();
      let next = 0;
      const sums = new Float64Array(k * p);
      const counts = new Int32Array(k);
      for (let i = 0; i < n; i++) {
        let [closest, d] = [0, Infinity];
        for (let c = 0; c < k; c++) {
          const e = distance(data, i * p, centres, c * p, p);
          if (e < d) [closest, d] = [c, e];
        }
        labels[i] = closest;
        counts[closest]!++;
        next += d;
        for (let j = 0; j < p; j++) sums[closest * p + j]! += data[i * p + j]!;
      }
      for (let c = 0; c < k; c++)
        if (counts[c]! > 0)
          for (let j = 0; j < p; j++) centres[c * p + j] = sums[c * p + j]! / counts[c]!;
      if (loss - next <= 1e-6 * next) break;
      loss = next;
    }
    if (best === undefined || loss < best.loss) best = { labels, loss };
  }
  return best!.labels;
}

function distance(x: Float64Array, i: number, y: Float64Array, j: number, p: number): number {
  let sum = 0;
  for (let d = 0; d < p; d++) sum += (x[i + d]! - y[j + d]!) ** 2;
  return sum;
}

/** A mixture of k Gaussians. Covariances get 1e-6 of the mean variance added, so that no component collapses onto a point. */
export function fitMixture(
  points: Points,
  k: number,
  key: RngKey,
  covariance: CovarianceKind = "full",
  signal?: AbortSignal,
): Mixture {
  const { n, p, data } = points;
  const start = k === 1 ? new Int32Array(n) : kMeans(points, k, key, signal);
  const r = new Float64Array(n * k);
  start.forEach((c, i) => (r[i * k + c] = 1));
  let variance = 0;
  for (let j = 0; j < p; j++) {
    let [m, s] = [0, 0];
    for (let i = 0; i < n; i++) m += data[i * p + j]! / n;
    for (let i = 0; i < n; i++) s += (data[i * p + j]! - m) ** 2 / n;
    variance += s / p;
  }
  const regularizer = 1e-6 * Math.max(variance, 1e-12);
  const means = new Float64Array(k * p);
  let last = -Infinity;
  for (let iteration = 0; iteration < 200; iteration++) {
    signal?.throwIfAborted();
    // M: weights, means, covariances
    const weights = new Float64Array(k);
    means.fill(0);
    for (let i = 0; i < n; i++)
      for (let c = 0; c < k; c++) {
        const w = r[i * k + c]!;
        weights[c]! += w;
        for (let j = 0; j < p; j++) means[c * p + j]! += w * data[i * p + j]!;
      }
    for (let c = 0; c < k; c++)
      for (let j = 0; j < p; j++) means[c * p + j]! /= Math.max(weights[c]!, 1e-300);
    const covariances = covariancesOf(points, r, k, weights, means, covariance, regularizer);
    // E: responsibilities
    const factors = Array.from({ length: k }, (_, c) =>
      factor(covariances.subarray(c * p * p, (c + 1) * p * p), p, regularizer),
    );
    let logLikelihood = 0;
    const logs = new Float64Array(k);
    const z = new Float64Array(p);
    for (let i = 0; i < n; i++) {
      let top = -Infinity;
      for (let c = 0; c < k; c++) {
        const { lower, logDet } = factors[c]!;
        let square = 0;
        for (let a = 0; a < p; a++) {
          let x = data[i * p + a]! - means[c * p + a]!;
          for (let b = 0; b < a; b++) x -= lower[a * p + b]! * z[b]!;
          z[a] = x / lower[a * p + a]!;
          square += z[a]! ** 2;
        }
        logs[c] =
          Math.log(Math.max(weights[c]! / n, 1e-300)) -
          0.5 * (square + p * Math.log(2 * Math.PI)) -
          logDet;
        top = Math.max(top, logs[c]!);
      }
      let sum = 0;
      for (let c = 0; c < k; c++) sum += r[i * k + c] = Math.exp(logs[c]! - top);
      for (let c = 0; c < k; c++) r[i * k + c]! /= sum;
      logLikelihood += top + Math.log(sum);
    }
    if (logLikelihood - last < 1e-6 * n) {
      last = logLikelihood;
      break;
    }
    last = logLikelihood;
  }
  const perCovariance = covariance === "diag" ? p : (p * (p + 1)) / 2;
  const parameters = k - 1 + k * p + (covariance === "tied" ? perCovariance : k * perCovariance);
  const labels = Int32Array.from({ length: n }, (_, i) => {
    let best = 0;
    for (let c = 1; c < k; c++) if (r[i * k + c]! > r[i * k + best]!) best = c;
    return best;
  });
  return {
    k,
    posteriors: r,
    labels,
    logLikelihood: last,
    bic: -2 * last + parameters * Math.log(n),
    centres: means,
  };
}

function covariancesOf(
  { n, p, data }: Points,
  r: Float64Array,
  k: number,
  weights: Float64Array,
  means: Float64Array,
  kind: CovarianceKind,
  regularizer: number,
): Float64Array {
  const out = new Float64Array(k * p * p);
  const d = new Float64Array(p);
  for (let i = 0; i < n; i++)
    for (let c = 0; c < k; c++) {
      const w = r[i * k + c]!;
      if (w < 1e-12) continue;
      for (let a = 0; a < p; a++) d[a] = data[i * p + a]! - means[c * p + a]!;
      for (let a = 0; a < p; a++)
        for (let b = kind === "diag" ? a : 0; b <= a; b++)
          out[(c * p + a) * p + b]! += w * d[a]! * d[b]!;
    }
  if (kind === "tied") {
    const sum = new Float64Array(p * p);
    for (let c = 0; c < k; c++) for (let e = 0; e < p * p; e++) sum[e]! += out[c * p * p + e]! / n;
    for (let c = 0; c < k; c++) out.set(sum, c * p * p);
  } else
    for (let c = 0; c < k; c++)
      for (let e = c * p * p; e < (c + 1) * p * p; e++) out[e]! /= Math.max(weights[c]!, 1e-300);
  for (let c = 0; c < k; c++)
    for (let a = 0; a < p; a++) {
      for (let b = 0; b < a; b++) out[(c * p + b) * p + a] = out[(c * p + a) * p + b]!;
      out[(c * p + a) * p + a]! += regularizer;
    }
  return out;
}

/** Cholesky factor and half the log-determinant; more is added to the diagonal where rounding made the matrix indefinite. */
function factor(
  matrix: Float64Array,
  p: number,
  regularizer: number,
): { lower: Float64Array; logDet: number } {
  for (let more = 0; ; more = more === 0 ? regularizer : 10 * more) {
    try {
      const m = matrix.slice();
      for (let a = 0; a < p; a++) m[a * p + a]! += more;
      const lower = float64Of(cholesky(toArray(m, [p, p]))).data;
      let logDet = 0;
      for (let a = 0; a < p; a++) logDet += Math.log(lower[a * p + a]!);
      return { lower, logDet };
    } catch (error) {
      if (!(error instanceof LinAlgError) || more > 1e12) throw error;
    }
  }
}

/** The mixture with the best BIC among component counts. */
export function bestMixture(
  points: Points,
  counts: readonly number[],
  key: RngKey,
  covariance: CovarianceKind = "full",
  signal?: AbortSignal,
): Mixture {
  const fits = counts
    .filter((k) => k <= points.n)
    .map((k) => fitMixture(points, k, foldIn(key, k), covariance, signal));
  return fits.reduce((best, next) => (next.bic < best.bic ? next : best));
}
