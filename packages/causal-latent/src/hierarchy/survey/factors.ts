/** Factor analysis of a correlation matrix, and how many factors chance alone would not give. */
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { eigenOf, factorOf, inverseOf, logDeterminantOf } from "./matrices.js";
import { quantile } from "./normal.js";
import { streamOf } from "../rank/draws.js";

export interface FactorFit {
  /** [p, k], not rotated. */
  readonly loadings: Float64Array;
  readonly uniquenesses: Float64Array;
  /** $\log|\Sigma| + \operatorname{tr}(S\Sigma^{-1}) - \log|S| - p$. */
  readonly misfit: number;
}

/** Loadings from the eigenvectors of what items have in common, as squared multiple correlations guess it. */
function principalAxes(
  s: Float64Array,
  p: number,
  k: number,
): Pick<FactorFit, "loadings" | "uniquenesses"> {
  const inverse = inverseOf(s, p);
  const uniquenesses = Float64Array.from({ length: p }, (_, i) =>
    Math.min(0.95, Math.max(0.05, 1 / inverse[i * p + i]!)),
  );
  const reduced = s.map((x, at) => (Math.floor(at / p) === at % p ? x - uniquenesses[at % p]! : x));
  const { values, vectors } = eigenOf(reduced, p);
  const loadings = Float64Array.from(
    { length: p * k },
    (_, at) =>
      vectors[Math.floor(at / k) * p + (at % k)]! * Math.sqrt(Math.max(values[at % k]!, 1e-3)),
  );
  return { loadings, uniquenesses };
}

/** Unrotated loadings by maximum likelihood, with what every item keeps for itself; from a start, or from principal axes. */
export function fitFactors(
  s: Float64Array,
  p: number,
  k: number,
  {
    steps = 300,
    tolerance = 1e-5,
    start,
  }: {
    readonly steps?: number;
    readonly tolerance?: number;
    readonly start?: Pick<FactorFit, "loadings" | "uniquenesses"> | undefined;
  } = {},
): FactorFit {
  let { loadings, uniquenesses } = start ?? principalAxes(s, p, k);
  for (let step = 0; step < steps; step++) {
    const precision = new Float64Array(k * k);
    for (let f = 0; f < k; f++) precision[f * k + f] = 1;
    for (let i = 0; i < p; i++)
      for (let f = 0; f < k; f++)
        for (let g = 0; g < k; g++)
          precision[f * k + g]! += (loadings[i * k + f]! * loadings[i * k + g]!) / uniquenesses[i]!;
    const posterior = inverseOf(precision, k);
    // weights of the items in the latents, then covariances with them
    const weights = new Float64Array(p * k);
    for (let i = 0; i < p; i++)
      for (let f = 0; f < k; f++)
        for (let g = 0; g < k; g++)
          weights[i * k + f]! += (posterior[f * k + g]! * loadings[i * k + g]!) / uniquenesses[i]!;
    const cross = new Float64Array(p * k);
    for (let i = 0; i < p; i++)
      for (let j = 0; j < p; j++) {
        const x = s[i * p + j]!;
        for (let f = 0; f < k; f++) cross[i * k + f]! += x * weights[j * k + f]!;
      }
    const own = posterior.slice();
    for (let i = 0; i < p; i++)
      for (let f = 0; f < k; f++)
        for (let g = 0; g < k; g++) own[f * k + g]! += weights[i * k + f]! * cross[i * k + g]!;
    const back = inverseOf(own, k);
    const next = new Float64Array(p * k);
    const left = new Float64Array(p);
    let change = 0;
    for (let i = 0; i < p; i++) {
      let shared = 0;
      for (let f = 0; f < k; f++) {
        let sum = 0;
        for (let g = 0; g < k; g++) sum += cross[i * k + g]! * back[g * k + f]!;
        next[i * k + f] = sum;
        shared += sum * cross[i * k + f]!;
      }
      left[i] = Math.max(0.01, s[i * p + i]! - shared);
    }
    // latents of free variance, put back to 1: parameter expansion, which converges faster
    const scaled = timesFactor(next, own, p, k);
    left.forEach((x, i) => (change = Math.max(change, Math.abs(x - uniquenesses[i]!))));
    [loadings, uniquenesses] = [scaled, left];
    if (change < tolerance) break;
  }
  return { loadings, uniquenesses, misfit: misfitOf(s, p, k, loadings, uniquenesses) };
}

/** A L for the lower triangle L with S = L Lᵀ. */
function timesFactor(a: Float64Array, s: Float64Array, p: number, k: number): Float64Array {
  const l = factorOf(s, k);
  return Float64Array.from({ length: p * k }, (_, at) => {
    const [i, f] = [Math.floor(at / k), at % k];
    let sum = 0;
    for (let g = f; g < k; g++) sum += a[i * k + g]! * l[g * k + f]!;
    return sum;
  });
}

/** $\log|\Sigma| + \operatorname{tr}(S\Sigma^{-1}) - \log|S| - p$ of $\Sigma = \Lambda\Lambda^\top + \Psi$. */
export function misfitOf(
  s: Float64Array,
  p: number,
  k: number,
  loadings: Float64Array,
  uniquenesses: Float64Array,
): number {
  const implied = new Float64Array(p * p);
  for (let i = 0; i < p; i++)
    for (let j = 0; j < p; j++) {
      let sum = i === j ? uniquenesses[i]! : 0;
      for (let f = 0; f < k; f++) sum += loadings[i * k + f]! * loadings[j * k + f]!;
      implied[i * p + j] = sum;
    }
  const inverse = inverseOf(implied, p);
  let trace = 0;
  for (let at = 0; at < p * p; at++) trace += inverse[at]! * s[at]!;
  return Math.max(0, logDeterminantOf(implied, p) + trace - p - logDeterminantOf(s, p));
}

/**
 * Parallel analysis: eigenvalues of the correlations beside the 95 % points of those of independent items, as many rows; factors count as long as theirs are greater.
 *
 * Covariances of independent normal rows are drawn by Bartlett's decomposition, so that their number costs nothing.
 * @see Horn (1965), "A rationale and test for the number of factors in factor analysis"
 */
export function parallelAnalysis(
  s: Float64Array,
  p: number,
  size: number,
  key: RngKey,
  draws = 60,
): {
  readonly eigenvalues: Float64Array;
  readonly thresholds: Float64Array;
  readonly numFactors: number;
} {
  const eigenvalues = eigenOf(s, p).values;
  const n = Math.max(size, p + 1);
  const drawn = Array.from(
    { length: draws },
    (_, b) => eigenOf(randomCorrelations(p, n, foldIn(key, b)), p).values,
  );
  const thresholds = Float64Array.from({ length: p }, (_, e) => {
    const sorted = drawn.map((values) => values[e]!).sort((x, y) => x - y);
    return sorted[Math.min(draws - 1, Math.floor(0.95 * draws))]!;
  });
  const first = eigenvalues.findIndex((x, e) => x <= thresholds[e]!);
  return { eigenvalues, thresholds, numFactors: first < 0 ? p : first };
}

/** Correlations of n rows of p independent normals. */
function randomCorrelations(p: number, n: number, key: RngKey): Float64Array {
  const z = normal(key, [p * p], { dtype: "float64" }).data as Float64Array;
  const next = streamOf(foldIn(key, "diagonal"));
  const a = new Float64Array(p * p);
  for (let i = 0; i < p; i++) {
    const df = n - 1 - i;
    // Wilson and Hilferty: the cube root of a chi-square is nearly normal
    const cube = 1 - 2 / (9 * df) + quantile(Math.max(1e-12, next())) * Math.sqrt(2 / (9 * df));
    a[i * p + i] = Math.sqrt(Math.max(1e-9, df * cube ** 3));
    for (let j = 0; j < i; j++) a[i * p + j] = z[i * p + j]!;
  }
  const out = new Float64Array(p * p);
  for (let i = 0; i < p; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let c = 0; c <= j; c++) sum += a[i * p + c]! * a[j * p + c]!;
      out[i * p + j] = out[j * p + i] = sum;
    }
  const scale = Float64Array.from({ length: p }, (_, i) => Math.sqrt(out[i * p + i]!));
  return out.map((x, at) => x / (scale[Math.floor(at / p)]! * scale[at % p]!));
}
