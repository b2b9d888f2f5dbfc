/** What is sure about one state under a shared L1 budget, without solving for it. */

/** Rows of the actions of a state and what their successors are worth, [actions, states]. */
export interface StateOfWorth {
  readonly p: Float64Array;
  readonly z: Float64Array;
  /** One for each action. */
  readonly weights: readonly number[];
}

/** The robust value lies between these. */
export interface StateBounds {
  readonly low: number;
  readonly high: number;
}

/**
 * From below by a price of the budget, for the policy `floor`. From above by a kernel within the budget: under it no
 * action is worth more than `high`, or, when nature knows the policy `ceiling`, its mixture is not.
 */
export function stateBounds(
  state: StateOfWorth,
  budget: number,
  floor: Float64Array,
  ceiling: { readonly policy: Float64Array; readonly q: Float64Array } | undefined,
): StateBounds {
  return {
    low: priced(state, budget, floor),
    high: ceiling ? underKernel(state, budget, ceiling.policy, ceiling.q) : levelled(state, budget),
  };
}

const rowsOf = ({ p, z, weights }: StateOfWorth) => {
  const n = p.length / weights.length;
  return weights.map((weight, a) => ({
    weight,
    p: p.subarray(a * n, (a + 1) * n),
    z: z.subarray(a * n, (a + 1) * n),
  }));
};

/** The largest dual value $\sum_a [\nu_a + \sum_s p_s \min(\pi_a z_s - \nu_a, \lambda w_a)] - \lambda\kappa$ over prices λ; each is a lower bound. */
function priced(state: StateOfWorth, budget: number, policy: Float64Array): number {
  const rows = rowsOf(state).map(({ weight, p, z }, a) => ({
    weight,
    p,
    worth: z.map((x) => policy[a]! * x),
    least: policy[a]! * z.reduce((m, x) => Math.min(m, x), Infinity),
  }));
  const dual = (price: number): number => {
    let value = -price * budget;
    for (const { weight, p, worth, least } of rows) {
      const nu = least + price * weight;
      value += nu;
      for (let s = 0; s < p.length; s++)
        if (p[s]! > 0) value += p[s]! * Math.min(worth[s]! - nu, price * weight);
    }
    return value;
  };
  // beyond this price nothing is moved
  let high = rows.reduce(
    (m, { weight, worth, least }) =>
      Math.max(m, worth.reduce((x, y) => Math.max(x, y - least), 0) / (2 * weight)),
    0,
  );
  let low = 0;
  let best = Math.max(dual(low), dual(high));
  for (let i = 0; i < 120 && high - low > 1e-16 * high; i++) {
    const [left, right] = [low + 0.382 * (high - low), low + 0.618 * (high - low)];
    const [a, b] = [dual(left), dual(right)];
    best = Math.max(best, a, b);
    if (a < b) low = left;
    else high = right;
  }
  return best;
}

/** The least level to which nature can bring every action at once. */
function levelled(state: StateOfWorth, budget: number): number {
  const rows = rowsOf(state).map(({ weight, p, z }) => {
    const order = Array.from(p, (_, s) => s)
      .filter((s) => p[s]! > 0)
      .sort((a, b) => z[b]! - z[a]!);
    return {
      weight,
      p,
      z,
      order,
      least: z.reduce((m, x) => Math.min(m, x), Infinity),
      mean: p.reduce((sum, x, s) => sum + x * z[s]!, 0),
    };
  });
  const price = (level: number): number => {
    let spent = 0;
    for (const { weight, p, z, order, least, mean } of rows) {
      let excess = mean - level;
      for (const s of order) {
        if (excess <= 0) break;
        const gain = z[s]! - least;
        if (gain <= 0) break;
        const moved = Math.min(p[s]!, excess / gain);
        spent += 2 * weight * moved;
        excess -= moved * gain;
      }
      // rounding alone may be left
      if (excess > 1e-13 * (1 + Math.abs(level))) return Infinity;
    }
    return spent;
  };
  let low = rows.reduce((m, { least }) => Math.max(m, least), -Infinity);
  let high = rows.reduce((m, { mean }) => Math.max(m, mean), -Infinity);
  if (price(low) <= budget) return low;
  for (let i = 0; i < 200; i++) {
    const middle = low + (high - low) / 2;
    if (middle === low || middle === high) break;
    if (price(middle) <= budget) high = middle;
    else low = middle;
  }
  return high;
}

/** What a mixture gets under a kernel that is seen to be within the budget. */
function underKernel(
  state: StateOfWorth,
  budget: number,
  policy: Float64Array,
  q: Float64Array,
): number {
  const n = q.length / policy.length;
  let [spent, value] = [0, 0];
  for (const [a, { weight, p, z }] of rowsOf(state).entries()) {
    let total = 0;
    for (let s = 0; s < n; s++) {
      const mass = q[a * n + s]!;
      if (!(mass >= -1e-12)) return Infinity;
      total += mass;
      spent += weight * Math.abs(mass - p[s]!);
      value += policy[a]! * mass * z[s]!;
    }
    if (!(Math.abs(total - 1) <= 1e-7)) return Infinity;
  }
  return spent <= budget * (1 + 1e-9) + 1e-12 ? value : Infinity;
}
