/**
 * Agreement with every statement, whatever it says: a latent beside those of the groups, orthogonal to
 * them, on which all items that are rated load alike in the direction of their wording. Left in, it takes items from
 * several groups to itself; reversed items tell it from what groups have in common.
 */
import { type FactorFit, fitFactors, misfitOf } from "./factors.js";
import { inverseOf } from "./matrices.js";

/** Factors beside agreement of a given variance, 0 for none. */
export interface Agreeing {
  /** Variance of agreement in an item that is rated. */
  readonly variance: number;
  /** Loadings and uniquenesses in units of the items, agreement not counted. */
  readonly loadings: Float64Array;
  readonly uniquenesses: Float64Array;
  /** Of the whole model. */
  readonly misfit: number;
}

/** The most that agreement explains of an item. */
const MOST = 0.5;
/** Narrowing steps of the search for the variance: to a hundredth of the interval. */
const STEPS = 7;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** k factors without agreement. */
export function without(s: Float64Array, p: number, k: number): Agreeing {
  const { loadings, uniquenesses, misfit } = fitFactors(s, p, k);
  return { variance: 0, loadings, uniquenesses, misfit };
}

/**
 * k factors and agreement, of the likeliest variance within an interval: $\Sigma = v a a^\top + \Lambda\Lambda^\top + \Psi$, with $a$ 1 for items that are rated.
 * What is left after $v a a^\top$ is fitted by maximum likelihood for each v; golden section finds v.
 *
 * @see Maydeu-Olivares, Coffman (2006), "Random intercept item factor analysis"
 */
export function withAgreement(
  s: Float64Array,
  p: number,
  k: number,
  rated: Float64Array,
  near?: number,
): Agreeing | undefined {
  const inverse = inverseOf(s, p);
  let pull = 0;
  for (let i = 0; i < p; i++)
    for (let j = 0; j < p; j++) pull += rated[i]! * inverse[i * p + j]! * rated[j]!;
  // more would leave no covariances of anything
  const top = pull > 0 ? Math.min(MOST, 0.95 / pull) : 0;
  if (top < 1e-3) return undefined;
  let start: FactorFit | undefined;
  const at = (v: number): Agreeing => {
    const scale = rated.map((a) => Math.sqrt(1 - v * a * a));
    const left = s.map((x, c) => {
      const [i, j] = [Math.floor(c / p), c % p];
      return i === j ? 1 : (x - v * rated[i]! * rated[j]!) / (scale[i]! * scale[j]!);
    });
    start = fitFactors(left, p, k, { start });
    const loadings = start.loadings.map((x, c) => x * scale[Math.floor(c / k)]!);
    const uniquenesses = start.uniquenesses.map((x, i) => x * scale[i]! ** 2);
    const all = Float64Array.from({ length: p * (k + 1) }, (_, c) => {
      const [i, f] = [Math.floor(c / (k + 1)), c % (k + 1)];
      return f === k ? Math.sqrt(v) * rated[i]! : loadings[i * k + f]!;
    });
    const misfit = misfitOf(s, p, k + 1, all, uniquenesses);
    return { variance: v, loadings, uniquenesses, misfit };
  };
  let [low, high] =
    near === undefined ? [0, top] : [Math.min(0.5 * near, top), Math.min(1.6 * near, top)];
  let [x, y] = [at(high - GOLDEN * (high - low)), at(low + GOLDEN * (high - low))];
  for (let step = 0; step < (near === undefined ? STEPS : 2); step++)
    if (x.misfit < y.misfit) {
      high = y.variance;
      [y, x] = [x, at(high - GOLDEN * (high - low))];
    } else {
      low = x.variance;
      [x, y] = [y, at(low + GOLDEN * (high - low))];
    }
  return x.misfit < y.misfit ? x : y;
}

/**
 * The direction in the space of K factors that is most like agreement, and an orthogonal basis of the rest.
 * Undefined where the space has no such direction.
 *
 * @see Lorenzo-Seva, Ferrando (2009), "Acquiescent responding in partially balanced multidimensional scales"
 */
export function splitOff(
  loadings: Float64Array,
  p: number,
  k: number,
  rated: Float64Array,
): { readonly agreement: Float64Array; readonly rest: Float64Array } | undefined {
  const [gram, to] = [new Float64Array(k * k), new Float64Array(k)];
  for (let i = 0; i < p; i++)
    for (let f = 0; f < k; f++) {
      to[f]! += loadings[i * k + f]! * rated[i]!;
      for (let g = 0; g < k; g++) gram[f * k + g]! += loadings[i * k + f]! * loadings[i * k + g]!;
    }
  const inverse = inverseOf(gram, k);
  const direction = Float64Array.from({ length: k }, (_, f) =>
    to.reduce((sum, x, g) => sum + inverse[f * k + g]! * x, 0),
  );
  const norm = Math.hypot(...direction);
  if (!(norm > 0)) return undefined;
  const basis = [direction.map((x) => x / norm)];
  for (let e = 0; e < k && basis.length < k; e++) {
    const u = Float64Array.from({ length: k }, (_, f) => (f === e ? 1 : 0));
    for (const b of basis) {
      const along = u.reduce((sum, x, f) => sum + x * b[f]!, 0);
      for (let f = 0; f < k; f++) u[f]! -= along * b[f]!;
    }
    const length = Math.hypot(...u);
    if (length > 0.3 / Math.sqrt(k)) basis.push(u.map((x) => x / length));
  }
  if (basis.length < k) return undefined;
  const turned = (b: Float64Array, i: number): number => {
    let sum = 0;
    for (let f = 0; f < k; f++) sum += loadings[i * k + f]! * b[f]!;
    return sum;
  };
  return {
    agreement: Float64Array.from({ length: p }, (_, i) => turned(basis[0]!, i)),
    rest: Float64Array.from({ length: p * (k - 1) }, (_, at) =>
      turned(basis[1 + (at % (k - 1))]!, Math.floor(at / (k - 1))),
    ),
  };
}
