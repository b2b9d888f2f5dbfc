/** The normal distribution in one and two dimensions, for scalars. */

const SQRT_2PI = Math.sqrt(2 * Math.PI);

/** Density. */
export const density = (x: number): number => Math.exp(-0.5 * x * x) / SQRT_2PI;

/**
 * Distribution function, to an absolute error of about 1e-15.
 * @see West (2005), "Better approximations to cumulative normal functions", after Hart
 */
export function below(x: number): number {
  const z = Math.abs(x);
  if (z > 37) return x > 0 ? 1 : 0;
  const e = Math.exp(-0.5 * z * z);
  let tail: number;
  if (z < 7.07106781186547) {
    const top = [
      3.52624965998911e-2, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871,
      221.213596169931, 220.206867912376,
    ].reduce((sum, c) => sum * z + c);
    const bottom = [
      8.83883476483184e-2, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674,
      637.333633378831, 793.826512519948, 440.413735824752,
    ].reduce((sum, c) => sum * z + c);
    tail = (e * top) / bottom;
  } else {
    const fraction = [4, 3, 2, 1].reduce((sum, c) => z + c / sum, z + 0.65);
    tail = e / (fraction * SQRT_2PI);
  }
  return x > 0 ? 1 - tail : tail;
}

/**
 * Quantile: where the distribution function is p.
 * @see Acklam (2003), with one step of Halley
 */
export function quantile(p: number): number {
  if (p <= 0) return -Infinity;
  if (p >= 1) return Infinity;
  if (p > 0.5) return -quantile(1 - p);
  let x: number;
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    x =
      (((((-7.784894002430293e-3 * q - 0.3223964580411365) * q - 2.400758277161838) * q -
        2.549732539343734) *
        q +
        4.374664141464968) *
        q +
        2.938163982698783) /
      ((((7.784695709041462e-3 * q + 0.3224671290700398) * q + 2.445134137142996) * q +
        3.754408661907416) *
        q +
        1);
  } else {
    const q = p - 0.5;
    const r = q * q;
    x =
      ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r +
        138.357751867269) *
        r -
        30.66479806614716) *
        r +
        2.506628277459239) *
        q) /
      (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r +
        66.80131188771972) *
        r -
        13.28068155288572) *
        r +
        1);
  }
  const error = (below(x) - p) * SQRT_2PI * Math.exp(0.5 * x * x);
  return x - error / (1 + 0.5 * x * error);
}

/** Nodes and weights of Gauss and Legendre on [0, 1]. */
function legendre(n: number): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  const [nodes, weights] = [new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
    let slope = 1;
    for (let step = 0; step < 50; step++) {
      let [p, before] = [1, 0];
      for (let j = 1; j <= n; j++) [p, before] = [((2 * j - 1) * x * p - (j - 1) * before) / j, p];
      slope = (n * (x * p - before)) / (x * x - 1);
      const change = p / slope;
      x -= change;
      if (Math.abs(change) < 1e-15) break;
    }
    nodes[i] = (1 + x) / 2;
    weights[i] = 1 / ((1 - x * x) * slope * slope);
  }
  return { nodes, weights };
}

const rules = new Map<number, ReturnType<typeof legendre>>();

function rule(n: number): ReturnType<typeof legendre> {
  const known = rules.get(n) ?? legendre(n);
  rules.set(n, known);
  return known;
}

/**
 * The function (h, k) ↦ P(X ≤ h, Y ≤ k) of two standard normals with one correlation, |ρ| ≤ 0.999:
 * $\Phi(h)\Phi(k) + \frac{1}{2\pi}\int_0^{\arcsin\rho} \exp\left(-\frac{h^2 + k^2 - 2hk\sin t}{2\cos^2 t}\right) dt$.
 * What depends on ρ alone is computed once. Precision about 1e-10 for |ρ| ≤ 0.95.
 *
 * @see Drezner, Wesolowsky (1990), "On the computation of the bivariate normal integral"
 */
export function bivariate(rho: number): (h: number, k: number) => number {
  const { nodes, weights } = rule(Math.abs(rho) < 0.5 ? 8 : Math.abs(rho) < 0.9 ? 20 : 48);
  const angle = Math.asin(rho);
  const sines = nodes.map((t) => Math.sin(angle * t));
  const scale = sines.map((s) => 0.5 / (1 - s * s));
  return (h, k) => {
    if (h === -Infinity || k === -Infinity) return 0;
    if (h === Infinity) return below(k);
    if (k === Infinity) return below(h);
    const [squares, product] = [h * h + k * k, 2 * h * k];
    let sum = 0;
    for (let i = 0; i < sines.length; i++)
      sum += weights[i]! * Math.exp((product * sines[i]! - squares) * scale[i]!);
    return below(h) * below(k) + (angle * sum) / (2 * Math.PI);
  };
}

/** Density of two standard normals with a correlation. */
export function bivariateDensity(h: number, k: number, rho: number): number {
  if (!Number.isFinite(h) || !Number.isFinite(k)) return 0;
  const rest = 1 - rho * rho;
  return (
    Math.exp(-(h * h + k * k - 2 * rho * h * k) / (2 * rest)) / (2 * Math.PI * Math.sqrt(rest))
  );
}
