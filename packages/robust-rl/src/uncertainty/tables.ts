/** Sets with a number for every pair of states, or for every entry: costs of transport, bounds. */
import { type ArrayInput, DomainError, ShapeError } from "@provably/core-tensor";
import { anything, flatNumbers, optional, satisfying } from "@provably/core-tensor/internal";
import { needOptions } from "../internal/options.js";
import { float64 } from "../internal/read.js";
import { intervalBounds } from "./bounds.js";
import { intervalCase } from "./mass.js";
import { type UncertaintySet, checkRadius, wrongSize } from "./set.js";
import { wassersteinBounds } from "./transport-bounds.js";
import { wassersteinCase } from "./transport.js";

/**
 * Options of {@link wasserstein}.
 * @category Uncertainty
 */
export interface WassersteinOptions {
  /** $c$, [states, states], not negative, zero on the diagonal. */
  readonly cost: ArrayInput;
  /** $k \ge 1$; default 1. */
  readonly order?: number;
}

const WASSERSTEIN = {
  cost: anything,
  order: optional(
    satisfying<number>("finite and ≥ 1", (x) => Number.isFinite(x) && (x as number) >= 1),
  ),
};

/**
 * The Wasserstein ball $\lbrace q : W_k(q,p) \le \varepsilon\rbrace$: moving mass from $s$ to $s'$ costs $c(s,s')^k$, and at most $\varepsilon^k$ may be spent.
 *
 * @param radius - $\varepsilon \ge 0$, or one for every row
 * @param options - see {@link WassersteinOptions}
 * @returns the set
 * @throws `DomainError` for a negative cost, a diagonal that is not zero, or an order below 1
 * @throws `ShapeError` when `cost` is not a square matrix
 * @example
 * ```ts
 * import { wasserstein, worstCaseExpectation } from "@provably/robust-rl";
 *
 * const set = wasserstein(0.1, { cost: [[0, 1], [1, 0]] });
 * worstCaseExpectation([0.5, 0.5], [0, 1], set).value; // => 0.4
 * ```
 * @category Uncertainty
 */
export function wasserstein(
  radius: number | ArrayInput,
  options: WassersteinOptions,
): UncertaintySet {
  const given = needOptions<WassersteinOptions>("wasserstein", options, WASSERSTEIN);
  const { order = 1 } = given;
  const cost = float64("wasserstein", "cost", given.cost);
  const [n, m] = cost.shape;
  if (cost.shape.length !== 2 || n !== m)
    throw new ShapeError(
      `wasserstein: cost must be a square matrix, got shape [${cost.shape.join(", ")}]`,
    );
  flatNumbers(cost).forEach((c, i) => {
    const [from, to] = [Math.floor(i / n!), i % n!];
    if (!(c >= 0 && c < Infinity) || (from === to && c !== 0))
      throw new DomainError(
        `wasserstein: cost[${from}, ${to}] must be ${from === to ? "0 on the diagonal" : "finite and ≥ 0"}, got ${c}`,
      );
  });
  const flat = flatNumbers(cost);
  const prices = order === 1 ? flat : flat.map((c) => c ** order);
  return {
    kind: "wasserstein",
    radius: checkRadius("wasserstein", radius, 0, Infinity),
    leavesSupport: true,
    worstCase: (sorted) => wassersteinCase(sorted, prices, order),
    bounds: wassersteinBounds(prices, order),
    misfit: (numStates) => wrongSize("cost", flat.length, numStates, [numStates * numStates]),
  };
}

/**
 * Bounds on every probability, $\lbrace q : l \le q \le u\rbrace$. The nominal distribution plays no part.
 *
 * @param lower - $l$, [states] or the shape of the kernel
 * @param upper - $u$, the same shape
 * @returns the set
 * @throws `ShapeError` when the shapes differ
 * @throws `DomainError` when no distribution lies within the bounds of a row
 * @example
 * ```ts
 * import { interval, worstCaseExpectation } from "@provably/robust-rl";
 *
 * worstCaseExpectation([0.5, 0.5], [0, 1], interval([0.2, 0.4], [0.7, 0.8])).value.toFixed(12); // => "0.400000000000"
 * ```
 * @category Uncertainty
 */
export function interval(lower: ArrayInput, upper: ArrayInput): UncertaintySet {
  const low = float64("interval", "lower", lower);
  const high = float64("interval", "upper", upper);
  if (low.shape.join() !== high.shape.join() || low.shape.length === 0)
    throw new ShapeError(
      `interval: lower and upper must have one shape, got [${low.shape.join(", ")}] and [${high.shape.join(", ")}]`,
    );
  const [l, u] = [flatNumbers(low), flatNumbers(high)];
  const n = low.shape[low.shape.length - 1]!;
  for (let row = 0; row < l.length; row += n) {
    let [least, most] = [0, 0];
    for (let s = 0; s < n; s++) {
      const [a, b] = [l[row + s]!, u[row + s]!];
      if (!(a >= 0 && a <= b))
        throw new DomainError(
          `interval: bounds of row ${row / n}, state ${s} must satisfy 0 ≤ lower ≤ upper, got ${a} and ${b}`,
        );
      least += a;
      most += b;
    }
    if (least > 1 + 1e-9 || most < 1 - 1e-9)
      throw new DomainError(
        `interval: no distribution fits the bounds of row ${row / n}, which sum to ${least} and ${most}`,
      );
  }
  return {
    kind: "interval",
    radius: 0,
    leavesSupport: true,
    worstCase: (sorted) => intervalCase(sorted, l, u),
    bounds: intervalBounds(l, u),
    misfit: (numStates, rows) =>
      wrongSize("lower", l.length, numStates, [numStates, ...rows.map((n) => n * numStates)]),
  };
}
