/** Rotations of loadings to simple structure: varimax keeps factors uncorrelated, oblimin lets them correlate. */
import { inverseOf } from "./matrices.js";

/**
 * Varimax: pairs of columns are turned until the variance of squared loadings is greatest, rows scaled by their communality (Kaiser).
 * @see Kaiser (1958), "The varimax criterion for analytic rotation in factor analysis"
 */
export function varimax(given: Float64Array, p: number, k: number): Float64Array {
  const norm = Float64Array.from(
    { length: p },
    (_, i) => Math.sqrt(given.subarray(i * k, i * k + k).reduce((sum, x) => sum + x * x, 0)) || 1,
  );
  const a = given.map((x, at) => x / norm[Math.floor(at / k)]!);
  for (let sweep = 0; sweep < 60; sweep++) {
    let turned = 0;
    for (let f = 0; f < k; f++)
      for (let g = f + 1; g < k; g++) {
        let [su, sv, suv, sdiff] = [0, 0, 0, 0];
        for (let i = 0; i < p; i++) {
          const [x, y] = [a[i * k + f]!, a[i * k + g]!];
          const [u, v] = [x * x - y * y, 2 * x * y];
          su += u;
          sv += v;
          suv += u * v;
          sdiff += u * u - v * v;
        }
        const angle = Math.atan2(2 * (suv - (su * sv) / p), sdiff - (su * su - sv * sv) / p) / 4;
        if (Math.abs(angle) < 1e-7) continue;
        turned++;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let i = 0; i < p; i++) {
          const [x, y] = [a[i * k + f]!, a[i * k + g]!];
          a[i * k + f] = c * x + s * y;
          a[i * k + g] = c * y - s * x;
        }
      }
    if (turned === 0) break;
  }
  return a.map((x, at) => x * norm[Math.floor(at / k)]!);
}

/**
 * Direct oblimin with δ = 0 (quartimin): $\min \sum_{f \ne g} \sum_i \lambda_{if}^2\lambda_{ig}^2$, by projected gradients, rows scaled by their communality (Kaiser). `loadings` is the pattern, `correlations` those of the factors.
 * @see Jennrich (2002), "A simple general method for oblique rotation"
 */
export function oblimin(
  given: Float64Array,
  p: number,
  k: number,
): { readonly loadings: Float64Array; readonly correlations: Float64Array } {
  const norm = Float64Array.from(
    { length: p },
    (_, i) => Math.sqrt(given.subarray(i * k, i * k + k).reduce((sum, x) => sum + x * x, 0)) || 1,
  );
  const a = given.map((x, at) => x / norm[Math.floor(at / k)]!);
  let turn: Float64Array = Float64Array.from({ length: k * k }, (_, at) =>
    Math.floor(at / k) === at % k ? 1 : 0,
  );
  const pattern = (t: Float64Array): { l: Float64Array; inverse: Float64Array } => {
    const inverse = generalInverse(t, k);
    // L = A T^{-⊤}
    const l = new Float64Array(p * k);
    for (let i = 0; i < p; i++)
      for (let g = 0; g < k; g++) {
        let sum = 0;
        for (let f = 0; f < k; f++) sum += a[i * k + f]! * inverse[g * k + f]!;
        l[i * k + g] = sum;
      }
    return { l, inverse };
  };
  const gradient = (l: Float64Array): { value: number; slope: Float64Array } => {
    const slope = new Float64Array(p * k);
    let value = 0;
    for (let i = 0; i < p; i++) {
      let total = 0;
      for (let f = 0; f < k; f++) total += l[i * k + f]! ** 2;
      for (let f = 0; f < k; f++) {
        const [x, rest] = [l[i * k + f]!, total - l[i * k + f]! ** 2];
        slope[i * k + f] = x * rest;
        value += (x * x * rest) / 4;
      }
    }
    return { value, slope };
  };
  let step = 1;
  let { l, inverse } = pattern(turn);
  let { value, slope } = gradient(l);
  for (let round = 0; round < 500; round++) {
    // derivative by T: −(Lᵀ G T⁻¹)ᵀ
    const inner = new Float64Array(k * k);
    for (let i = 0; i < p; i++)
      for (let f = 0; f < k; f++)
        for (let g = 0; g < k; g++) inner[f * k + g]! += l[i * k + f]! * slope[i * k + g]!;
    const d = new Float64Array(k * k);
    for (let f = 0; f < k; f++)
      for (let h = 0; h < k; h++) {
        let sum = 0;
        for (let g = 0; g < k; g++) sum -= inner[f * k + g]! * inverse[g * k + h]!;
        d[h * k + f] = sum;
      }
    const projected = d.slice();
    for (let f = 0; f < k; f++) {
      let along = 0;
      for (let h = 0; h < k; h++) along += turn[h * k + f]! * d[h * k + f]!;
      for (let h = 0; h < k; h++) projected[h * k + f]! -= along * turn[h * k + f]!;
    }
    const size = Math.sqrt(projected.reduce((sum, x) => sum + x * x, 0));
    if (size < 1e-6) break;
    step *= 2;
    for (let half = 0; half < 12; half++) {
      const next = normalised(
        turn.map((x, at) => x - step * projected[at]!),
        k,
      );
      const tried = pattern(next);
      const result = gradient(tried.l);
      if (result.value < value - 0.5 * size * size * step || half === 11) {
        if (result.value < value) {
          [turn, l, inverse] = [next, tried.l, tried.inverse];
          ({ value, slope } = result);
        }
        break;
      }
      step /= 2;
    }
  }
  const correlations = new Float64Array(k * k);
  for (let f = 0; f < k; f++)
    for (let g = 0; g < k; g++)
      for (let h = 0; h < k; h++) correlations[f * k + g]! += turn[h * k + f]! * turn[h * k + g]!;
  return { loadings: l.map((x, at) => x * norm[Math.floor(at / k)]!), correlations };
}

function normalised(t: Float64Array, k: number): Float64Array {
  const norms = Float64Array.from({ length: k }, (_, f) =>
    Math.sqrt([...t.keys()].filter((at) => at % k === f).reduce((sum, at) => sum + t[at]! ** 2, 0)),
  );
  return t.map((x, at) => x / norms[at % k]!);
}

/** T⁻¹ = (TᵀT)⁻¹ Tᵀ. */
function generalInverse(t: Float64Array, k: number): Float64Array {
  const gram = new Float64Array(k * k);
  for (let f = 0; f < k; f++)
    for (let g = 0; g < k; g++)
      for (let h = 0; h < k; h++) gram[f * k + g]! += t[h * k + f]! * t[h * k + g]!;
  const inner = inverseOf(gram, k);
  const out = new Float64Array(k * k);
  for (let f = 0; f < k; f++)
    for (let h = 0; h < k; h++)
      for (let g = 0; g < k; g++) out[f * k + h]! += inner[f * k + g]! * t[h * k + g]!;
  return out;
}
