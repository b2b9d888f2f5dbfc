/**
 * The model behind groups: every item loads on the latent of its group alone, latents are correlated
 * freely, $\Sigma = \Lambda\Phi\Lambda^\top + \Psi$; fitted to correlations by maximum likelihood.
 */
import { inverseOf, logDeterminantOf } from "./matrices.js";

/** A fitted model. */
export interface Measurement {
  /** Of each item, the group it belongs to. */
  readonly groupOf: Int32Array;
  readonly numGroups: number;
  readonly loadings: Float64Array;
  readonly uniquenesses: Float64Array;
  /** Correlations of the latents, [k, k]. */
  readonly latents: Float64Array;
  /** $\log|\Sigma| + \operatorname{tr}(S\Sigma^{-1})$. */
  readonly misfit: number;
}

/** The least share of an item's variance that is its own: keeps estimates away from the border. */
const LEAST = 0.02;

/** Starting values for a partition: first principal loadings within each group. */
export function startOf(s: Float64Array, groupOf: Int32Array, k: number): Measurement {
  const p = groupOf.length;
  const loadings = new Float64Array(p);
  for (let g = 0; g < k; g++) {
    const members = [...groupOf.keys()].filter((i) => groupOf[i] === g);
    principal(s, p, members).forEach((x, m) => (loadings[members[m]!] = x));
  }
  const latents = new Float64Array(k * k);
  const sums = new Float64Array(k * k);
  for (let i = 0; i < p; i++)
    for (let j = 0; j < p; j++)
      sums[groupOf[i]! * k + groupOf[j]!]! +=
        i === j ? loadings[i]! ** 2 : s[i * p + j]! * Math.sign(loadings[i]! * loadings[j]!);
  for (let g = 0; g < k; g++)
    for (let h = 0; h < k; h++)
      latents[g * k + h] =
        g === h
          ? 1
          : 0.9 *
            Math.max(
              -0.95,
              Math.min(
                0.95,
                sums[g * k + h]! / Math.sqrt(Math.max(1e-9, sums[g * k + g]! * sums[h * k + h]!)),
              ),
            );
  return {
    groupOf,
    numGroups: k,
    loadings,
    uniquenesses: loadings.map((x) => Math.max(LEAST, 1 - x * x)),
    latents,
    misfit: Infinity,
  };
}

/** Loadings on one factor of a few items, by principal axis. */
function principal(s: Float64Array, p: number, members: readonly number[]): number[] {
  const m = members.length;
  if (m === 1) return [Math.sqrt(1 - LEAST) * 0.8];
  let v: number[] = members.map((i) => Math.sign(s[i * p + members[0]!]!) || 1);
  let shared = members.map((i) =>
    Math.min(0.9, Math.max(...members.map((j) => (j === i ? 0 : Math.abs(s[i * p + j]!))))),
  );
  for (let round = 0; round < 30; round++) {
    const next = members.map((i, a) =>
      members.reduce((sum, j, b) => sum + (i === j ? shared[a]! : s[i * p + j]!) * v[b]!, 0),
    );
    const norm = Math.hypot(...next) || 1;
    v = next.map((x) => x / norm);
    if (round % 5 === 4) shared = v.map((x) => Math.min(0.9, norm * x * x));
    if (round === 29) v = v.map((x) => Math.max(-0.95, Math.min(0.95, x * Math.sqrt(norm))));
  }
  return v;
}

/** What one pass over the items knows of the latents, given the parameters. */
interface Expectation {
  /** Covariance of items and latents, [p, k]. */
  readonly cross: Float64Array;
  /** Covariance of latents, [k, k]. */
  readonly own: Float64Array;
  readonly misfit: number;
}

function expectation(s: Float64Array, model: Measurement): Expectation {
  const { groupOf, numGroups: k, loadings, uniquenesses, latents } = model;
  const p = groupOf.length;
  const precision = inverseOf(latents, k);
  for (let i = 0; i < p; i++) {
    const g = groupOf[i]!;
    precision[g * k + g]! += loadings[i]! ** 2 / uniquenesses[i]!;
  }
  const posterior = inverseOf(precision, k);
  const pull = loadings.map((x, i) => x / uniquenesses[i]!);
  const sums = new Float64Array(p * k);
  for (let i = 0; i < p; i++)
    for (let j = 0; j < p; j++) sums[i * k + groupOf[j]!]! += s[i * p + j]! * pull[j]!;
  const middle = new Float64Array(k * k);
  const cross = new Float64Array(p * k);
  let trace = 0;
  let logs = 0;
  for (let i = 0; i < p; i++) {
    trace += s[i * p + i]! / uniquenesses[i]!;
    logs += Math.log(uniquenesses[i]!);
    for (let g = 0; g < k; g++) {
      middle[groupOf[i]! * k + g]! += pull[i]! * sums[i * k + g]!;
      let sum = 0;
      for (let h = 0; h < k; h++) sum += sums[i * k + h]! * posterior[h * k + g]!;
      cross[i * k + g] = sum;
    }
  }
  const half = multiply(posterior, middle, k);
  const own = multiply(half, posterior, k);
  for (let i = 0; i < k * k; i++) own[i]! += posterior[i]!;
  for (let g = 0; g < k; g++) trace -= half[g * k + g]!;
  const misfit = logs + logDeterminantOf(latents, k) + logDeterminantOf(precision, k) + trace;
  return { cross, own, misfit };
}

function multiply(a: Float64Array, b: Float64Array, k: number): Float64Array {
  const out = new Float64Array(k * k);
  for (let i = 0; i < k; i++)
    for (let j = 0; j < k; j++) {
      const x = a[i * k + j]!;
      if (x !== 0) for (let l = 0; l < k; l++) out[i * k + l]! += x * b[j * k + l]!;
    }
  return out;
}

/**
 * Maximum likelihood from a starting point, by the EM algorithm with free variances of the latents, which are put back to 1 after every step.
 *
 * @see Rubin, Thayer (1982), "EM algorithms for ML factor analysis"
 * @see Liu, Rubin, Wu (1998), "Parameter expansion to accelerate EM"
 */
export function fitMeasurement(
  s: Float64Array,
  start: Measurement,
  steps: number,
  tolerance = 1e-7,
): Measurement {
  const { groupOf, numGroups: k } = start;
  const p = groupOf.length;
  let model = start;
  let before = Infinity;
  for (let step = 0; step <= steps; step++) {
    const { cross, own, misfit } = expectation(s, model);
    model = { ...model, misfit };
    if (step === steps || Math.abs(before - misfit) < tolerance) break;
    before = misfit;
    const [loadings, uniquenesses] = [new Float64Array(p), new Float64Array(p)];
    const scale = Float64Array.from({ length: k }, (_, g) => Math.sqrt(own[g * k + g]!));
    for (let i = 0; i < p; i++) {
      const g = groupOf[i]!;
      const slope = cross[i * k + g]! / own[g * k + g]!;
      uniquenesses[i] = Math.max(LEAST, s[i * p + i]! - slope * cross[i * k + g]!);
      loadings[i] = slope * scale[g]!;
    }
    const latents = own.map((x, at) => {
      const [g, h] = [Math.floor(at / k), at % k];
      return g === h ? 1 : x / (scale[g]! * scale[h]!);
    });
    model = { ...model, loadings, uniquenesses, latents };
  }
  return model;
}

/** Correlations that the model implies. */
export function impliedBy({ groupOf, numGroups: k, loadings, latents }: Measurement): Float64Array {
  const p = groupOf.length;
  return Float64Array.from({ length: p * p }, (_, at) => {
    const [i, j] = [Math.floor(at / p), at % p];
    return i === j ? 1 : loadings[i]! * latents[groupOf[i]! * k + groupOf[j]!]! * loadings[j]!;
  });
}
