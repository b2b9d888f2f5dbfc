/** Joint states as a grid: which of the centres of clusters differ in one component only. */
import { type ArrayInput, DomainError, ShapeError } from "@provably/core-tensor";
import {
  anyList,
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { NotFactorisableError } from "../errors.js";
import { float64Of } from "../internal/arrays.js";
import { combinations } from "../internal/subsets.js";
import { assign } from "../../internal/assignment.js";

/**
 * The components of joint states from the geometry of their centres.
 *
 * Looks for origin, axes and an assignment of all centres with $\mu_{ij\ldots} \approx \mu_0 + (\mu_{i0} - \mu_0) + (\mu_{0j} - \mu_0) + \ldots$: where components
 * move disjoint coordinates this holds exactly. Exhaustive over the axes, one factor after another.
 *
 * @param centres - one row a joint state, [K, p]
 * @param states - state counts of the components; their product must be K
 * @param options - `tolerance`: largest residual relative to the scatter of the centres, default 0.05
 * @returns for each joint state, its state in every component
 * @throws `NotFactorisableError` when no assignment is within the tolerance; the message has the residual
 * @throws `DomainError` when the counts do not multiply to K
 * @example
 * ```ts
 * import { factorStates } from "@provably/causal-latent/hierarchy";
 *
 * factorStates([[0, 0], [0, 1], [5, 0], [5, 1]], [2, 2]).length; // => 4
 * factorStates([[0, 0], [0, 1], [5, 0], [9, 9]], [2, 2]); // throws NotFactorisableError
 * ```
 * @category Concepts
 */
export function factorStates(
  centres: ArrayInput,
  states: readonly number[],
  options: { readonly tolerance?: number } = {},
): number[][] {
  const { data, shape } = float64Of(centres);
  if (shape.length !== 2)
    throw new ShapeError(
      `factorStates: centres must have shape [count, p], got [${shape.join(", ")}]`,
    );
  const [count, p] = shape as [number, number];
  const { tolerance = 0.05 } = checkOptions("factorStates", options, { tolerance: anything });
  check("factorStates", "tolerance", tolerance, nonNegativeNumber);
  if (!data.every(Number.isFinite))
    throw new DomainError("factorStates: centres must be finite, got NaN or an infinity");
  check("factorStates", "states", states, anyList).forEach((n, i) =>
    check("factorStates", `states[${i}]`, n, wholeNumber()),
  );
  if (states.reduce((m, x) => m * x, 1) !== count)
    throw new DomainError(
      `factorStates: states ${states.join(" × ")} must multiply to the number of centres, got ${count}`,
    );
  const points = Array.from({ length: count }, (_, i) => data.slice(i * p, i * p + p));
  const mean = Float64Array.from(
    { length: p },
    (_, d) => points.reduce((s, x) => s + x[d]!, 0) / count,
  );
  const scatter = points.reduce((s, x) => s + distance(x, mean), 0);
  const { codes, residual } = split(
    points,
    points.map((_, i) => i),
    states,
  );
  const relative = scatter > 0 ? residual / scatter : 0;
  if (!(relative <= tolerance))
    throw new NotFactorisableError(
      `factorStates: no grid of ${states.join(" × ")} states fits; the best leaves ${relative.toPrecision(3)} of the scatter, tolerance is ${tolerance}`,
    );
  return points.map((_, i) => codes.get(i)!);
}

function distance(x: Float64Array, y: Float64Array): number {
  return x.reduce((s, v, d) => s + (v - y[d]!) ** 2, 0);
}

/** The best grid of some centres whose first member is the origin. */
function split(
  points: readonly Float64Array[],
  members: readonly number[],
  states: readonly number[],
): { codes: Map<number, number[]>; residual: number } {
  const origin = members[0]!;
  if (states.length <= 1)
    return {
      codes: new Map(members.map((i, s) => [i, states.length === 0 ? [] : [s]])),
      residual: 0,
    };
  const [first, ...rest] = states as [number, ...number[]];
  const others = members.slice(1);
  let best: { codes: Map<number, number[]>; residual: number } | undefined;
  for (const axis of combinations(others, first - 1)) {
    const open = others.filter((i) => !axis.includes(i));
    for (const base of combinations(open, members.length / first - 1)) {
      const left = open.filter((i) => !base.includes(i));
      // every cell off the two axes takes the centre nearest to the sum of its two shifts
      const cells = axis.flatMap((a, s) =>
        base.map((b, t) => ({
          s: s + 1,
          t,
          point: points[a]!.map((x, d) => x + points[b]![d]! - points[origin]![d]!),
        })),
      );
      const gain = cells.map(({ point }) => left.map((i) => -distance(point, points[i]!)));
      const columns = cells.length > 0 ? assign(gain) : [];
      const loss = columns.reduce((s, c, r) => s - gain[r]![c]!, 0);
      if (best !== undefined && loss >= best.residual) continue;
      const inner = split(points, [origin, ...base], rest);
      if (best !== undefined && loss + inner.residual >= best.residual) continue;
      const codes = new Map<number, number[]>(
        [...inner.codes].map(([i, code]) => [i, [0, ...code]]),
      );
      axis.forEach((a, s) => codes.set(a, [s + 1, ...inner.codes.get(origin)!]));
      columns.forEach((c, r) =>
        codes.set(left[c]!, [cells[r]!.s, ...inner.codes.get(base[cells[r]!.t]!)!]),
      );
      best = { codes, residual: loss + inner.residual };
    }
  }
  return best!;
}
