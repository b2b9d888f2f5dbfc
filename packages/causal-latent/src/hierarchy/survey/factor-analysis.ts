/** Classical factor analysis, to be read beside groups. */
import { type ArrayInput, DomainError, type NdArray, ShapeError } from "@provably/core-tensor";
import {
  type Schema,
  checkOptions,
  oneOf,
  positiveNumber,
  rngKey,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, key as keyOf } from "@provably/core-tensor/random";
import { float64Of, toArray } from "../internal/arrays.js";
import { fitFactors, parallelAnalysis } from "./factors.js";
import { eigenOf } from "./matrices.js";
import { oblimin, varimax } from "./rotate.js";

/**
 * Options of {@link factorAnalysis}.
 * @category Surveys
 */
export interface FactorOptions {
  /** Number of factors; default that of parallel analysis, at least 1. */
  readonly numFactors?: number;
  /** How loadings are turned: default `oblimin`, factors correlated; `varimax` keeps them uncorrelated. */
  readonly rotation?: "oblimin" | "varimax" | "none";
  /** Key of the random matrices of parallel analysis; default `key(0)`. */
  readonly key?: RngKey;
}

/**
 * What {@link factorAnalysis} finds.
 * @category Surveys
 */
export interface FactorAnalysis {
  readonly numFactors: number;
  /** Pattern of loadings, [p, k]. */
  readonly loadings: NdArray<"float64">;
  /** Correlations of the factors, [k, k]. */
  readonly factorCorrelations: NdArray<"float64">;
  /** What each variable keeps for itself, [p]. */
  readonly uniquenesses: NdArray<"float64">;
  /** Of the correlations, greatest first, [p]. */
  readonly eigenvalues: NdArray<"float64">;
  /** 95 % points of the eigenvalues of as many rows of independent variables, [p]. */
  readonly thresholds: NdArray<"float64">;
  /** Root mean square error of approximation. */
  readonly rmsea: number;
}

const OPTIONS: Schema<FactorOptions> = {
  numFactors: wholeNumber(1, 1000),
  rotation: oneOf("oblimin", "varimax", "none"),
  key: rngKey,
};

/**
 * Factors of a correlation matrix: $\Sigma = \Lambda\Phi\Lambda^\top + \Psi$ by maximum likelihood (EM), rotated.
 *
 * @param correlations - [p, p], positive definite, ones on the diagonal; see {@link itemCorrelations}
 * @param size - number of rows behind them
 * @param options - see {@link FactorOptions}
 * @returns see {@link FactorAnalysis}
 * @throws `ShapeError` for a matrix that is not square
 * @throws `DomainError` for one that is not symmetric, has no ones on its diagonal or is not positive definite
 * @example
 * ```ts
 * import { factorAnalysis } from "@provably/causal-latent/hierarchy";
 *
 * // one factor: every correlation is 0.8 · 0.8
 * const r = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 1 : 0.64)));
 * const { loadings, numFactors } = factorAnalysis(r, 500);
 * [numFactors, Math.abs(loadings.get(0, 0)).toFixed(2)]; // => [1, "0.80"]
 * ```
 * @see Rubin, Thayer (1982), "EM algorithms for ML factor analysis"
 * @see Horn (1965), "A rationale and test for the number of factors in factor analysis"
 * @category Surveys
 */
export function factorAnalysis(
  correlations: ArrayInput,
  size: number,
  options: FactorOptions = {},
): FactorAnalysis {
  const fn = "factorAnalysis";
  const {
    numFactors: asked,
    rotation = "oblimin",
    key = keyOf(0),
  } = checkOptions<FactorOptions>(fn, options, OPTIONS);
  const fault = positiveNumber(size);
  if (fault !== undefined || size < 4)
    throw new DomainError(
      `${fn}: size must be the number of rows, at least 4, got ${String(size)}`,
    );
  const { data: s, shape } = float64Of(correlations);
  const p = shape[0] ?? 0;
  if (shape.length !== 2 || shape[1] !== p || p < 3)
    throw new ShapeError(
      `${fn}: correlations must have shape [p, p] with p ≥ 3, got [${shape.join(", ")}]`,
    );
  checkCorrelations(fn, s, p);
  const parallel = parallelAnalysis(s, p, size, key);
  const k = asked ?? Math.max(1, parallel.numFactors);
  const df = ((p - k) ** 2 - p - k) / 2;
  if (df < 0)
    throw new DomainError(
      `${fn}: numFactors must leave degrees of freedom, got ${k} for ${p} variables`,
    );
  const { loadings, uniquenesses, misfit } = fitFactors(s, p, k, { steps: 5000, tolerance: 1e-8 });
  const identity = Float64Array.from({ length: k * k }, (_, at) =>
    Math.floor(at / k) === at % k ? 1 : 0,
  );
  const turned =
    k === 1 || rotation === "none"
      ? { loadings, correlations: identity }
      : rotation === "varimax"
        ? { loadings: varimax(loadings, p, k), correlations: identity }
        : oblimin(varimax(loadings, p, k), p, k);
  return {
    numFactors: k,
    loadings: toArray(turned.loadings, [p, k]),
    factorCorrelations: toArray(turned.correlations, [k, k]),
    uniquenesses: toArray(uniquenesses, [p]),
    eigenvalues: toArray(parallel.eigenvalues, [p]),
    thresholds: toArray(parallel.thresholds, [p]),
    rmsea: df > 0 ? Math.sqrt(Math.max(0, misfit / df - 1 / size)) : 0,
  };
}

function checkCorrelations(fn: string, s: Float64Array, p: number): void {
  for (let i = 0; i < p; i++)
    for (let j = 0; j <= i; j++) {
      const [x, y] = [s[i * p + j]!, s[j * p + i]!];
      const fits = i === j ? Math.abs(x - 1) < 1e-6 : Math.abs(x) <= 1 && Math.abs(x - y) < 1e-6;
      if (!fits)
        throw new DomainError(
          `${fn}: correlations must be symmetric with ones on the diagonal, got ${x} and ${y} at [${i}, ${j}]`,
        );
    }
  const least = eigenOf(s, p).values[p - 1]!;
  if (!(least > 1e-8))
    throw new DomainError(
      `${fn}: correlations must be positive definite, the smallest eigenvalue is ${least}`,
    );
}
