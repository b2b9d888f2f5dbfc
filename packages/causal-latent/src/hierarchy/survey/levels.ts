/**
 * How many latents, and which items hang on each: the rank of what items have in common, counted
 * with a price for every parameter, among the numbers for which every latent has items of its own.
 */
import { foldIn, type RngKey } from "@provably/core-tensor/random";
import { type FactorFit, fitFactors, parallelAnalysis } from "./factors.js";
import { oblimin, varimax } from "./rotate.js";

/** The items in k groups. */
export interface Level {
  readonly k: number;
  readonly fit: FactorFit;
  /** Pattern of loadings, [p, k], columns turned so that most of their weight is positive. */
  readonly pattern: Float64Array;
  /** Correlations of the latents, [k, k]. */
  readonly latents: Float64Array;
  /** Of every item, the latent on which it loads most. */
  readonly groupOf: Int32Array;
  /** Whether every latent has enough items that load on it most. */
  readonly measured: boolean;
  readonly cost: number;
  /** Root mean square error of approximation. */
  readonly rmsea: number;
}

export interface LevelSettings {
  /** Rows that the correlations are worth. */
  readonly size: number;
  /** What a parameter must explain at least, as a root mean square error of approximation. */
  readonly effect: number;
  readonly minItems: number;
  readonly maxGroups: number | undefined;
  /** Fewest groups that are looked at; default 1. */
  readonly minGroups?: number;
  /** The number of factors by parallel analysis, where it is known already. */
  readonly numFactors?: number;
  readonly key: RngKey;
  readonly signal: AbortSignal | undefined;
  readonly onLevel?: ((done: number, total: number) => void) | undefined;
}

/** Below this an item does not count as one that measures a latent. */
export const WEAK = 0.2;

/**
 * One level: k factors by maximum likelihood, turned to simple structure.
 *
 * Cost: $n F + m (\ln n + n \varepsilon^2)$ for misfit F and m free parameters. $\ln n$ is the price of the Bayesian
 * information criterion; $n\varepsilon^2$ keeps rows without end from paying for parameters that explain less
 * than $\varepsilon^2$ each.
 */
export function levelOf(
  s: Float64Array,
  p: number,
  k: number,
  { size, effect, minItems }: LevelSettings,
): Level {
  const fit = fitFactors(s, p, k);
  const turned =
    k === 1
      ? { loadings: fit.loadings, correlations: Float64Array.of(1) }
      : oblimin(varimax(fit.loadings, p, k), p, k);
  const signs = Float64Array.from({ length: k }, (_, f) => {
    let sum = 0;
    for (let i = 0; i < p; i++) sum += turned.loadings[i * k + f]! ** 3;
    return sum < 0 ? -1 : 1;
  });
  const pattern = turned.loadings.map((x, at) => x * signs[at % k]!);
  const latents = turned.correlations.map(
    (x, at) => x * signs[Math.floor(at / k)]! * signs[at % k]!,
  );
  const groupOf = Int32Array.from({ length: p }, (_, i) => {
    let best = 0;
    for (let f = 1; f < k; f++)
      if (Math.abs(pattern[i * k + f]!) > Math.abs(pattern[i * k + best]!)) best = f;
    return best;
  });
  const counts = new Int32Array(k);
  groupOf.forEach((f, i) => {
    if (Math.abs(pattern[i * k + f]!) >= WEAK) counts[f]!++;
  });
  const numParameters = p * k + p - (k * (k - 1)) / 2;
  const df = ((p - k) ** 2 - p - k) / 2;
  return {
    k,
    fit,
    pattern,
    latents,
    groupOf,
    measured: counts.every((c) => c >= minItems),
    cost: size * fit.misfit + numParameters * (Math.log(size) + size * effect ** 2),
    rmsea: df > 0 ? Math.sqrt(Math.max(0, fit.misfit / df - 1 / size)) : 0,
  };
}

/** Levels from one latent upwards, how many factors chance alone would not give, and the level that is cheapest among those where every latent is measured; none where items are independent. */
export function levelsOf(
  s: Float64Array,
  p: number,
  settings: LevelSettings,
): {
  readonly levels: readonly Level[];
  readonly best: Level | undefined;
  readonly numFactors: number;
} {
  const { size, minItems, maxGroups, key, signal, onLevel } = settings;
  const numFactors =
    settings.numFactors ??
    parallelAnalysis(s, p, Math.round(size), foldIn(key, "parallel")).numFactors;
  const most = Math.min(maxGroups ?? numFactors + 3, Math.floor(p / minItems));
  const levels: Level[] = [];
  for (let k = settings.minGroups ?? 1; k <= most; k++) {
    signal?.throwIfAborted();
    if ((p - k) ** 2 < p + k) break;
    levels.push(levelOf(s, p, k, settings));
    onLevel?.(k, most);
  }
  const measured = numFactors === 0 ? [] : levels.filter((level) => level.measured);
  const best = measured.reduce<Level | undefined>(
    (x, y) => (x === undefined || y.cost < x.cost ? y : x),
    undefined,
  );
  return { levels, best, numFactors };
}
