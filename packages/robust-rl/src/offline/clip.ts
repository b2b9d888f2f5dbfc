/** The worst case of every factor from ridge regressions of clipped values. */

/**
 * $\max_\alpha \sum_{s'} w(s') \min(V(s'), \alpha) - \rho(\alpha - \min[V]_\alpha)$, where `w` sums the ridge weights of transitions to each state. Weights can
 * be negative, so the function is piecewise linear but not concave: every kink is tried.
 */
function bestClip(
  w: Float64Array,
  order: Int32Array,
  values: Float64Array,
  radius: number,
  top: number | undefined,
): { value: number; level: number } {
  const low = values[order[0]!]!;
  let rest = w.reduce((a, b) => a + b, 0);
  let below = 0;
  let [best, level] = [-Infinity, low];
  for (let k = 0; k < order.length; k++) {
    const alpha = values[order[k]!]!;
    const value = below + rest * alpha - radius * (alpha - low);
    if (k === 0 || value > best + 1e-14 * Math.abs(best)) [best, level] = [value, alpha];
    below += w[order[k]!]! * alpha;
    rest -= w[order[k]!]!;
  }
  if (top !== undefined) {
    if (0 > best) [best, level] = [0, 0];
    const high = below - radius * (top - low);
    if (high > best) [best, level] = [high, top];
  }
  return { value: best, level };
}

/**
 * The worst-case weight $\hat\nu_i$ of every factor and its clipping level. `inverse` is $\Lambda^{-1}$ [d, d]; `arrivals` [S, d] the feature mass of the
 * transitions to each state; `order` the states by ascending value; `top` the largest level when it is not the largest value.
 */
export function factorWorstCases(
  inverse: Float64Array,
  arrivals: Float64Array,
  order: Int32Array,
  values: Float64Array,
  radius: number,
  top: number | undefined,
): { readonly weights: Float64Array; readonly levels: Float64Array } {
  const d = Math.round(Math.sqrt(inverse.length));
  const [weights, levels] = [new Float64Array(d), new Float64Array(d)];
  const w = new Float64Array(values.length);
  for (let i = 0; i < d; i++) {
    for (let s = 0; s < values.length; s++) {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += inverse[i * d + j]! * arrivals[s * d + j]!;
      w[s] = sum;
    }
    const { value, level } = bestClip(w, order, values, radius, top);
    weights[i] = value;
    levels[i] = level;
  }
  return { weights, levels };
}
