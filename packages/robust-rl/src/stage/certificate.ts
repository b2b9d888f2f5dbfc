/** Exact regrets of strategies, on the payoffs as they were given. */
import { type ArrayInput, type Certificate, DomainError, ShapeError } from "@provably/core-tensor";
import {
  type Schema,
  anyList,
  certificate,
  check,
  checkOptions,
  nonNegativeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { float64, largest } from "../internal/read.js";
import { finitePayoffs } from "./payoffs.js";
import { integers, ratio } from "./rational.js";

/**
 * What each player could gain by a best response to the others' strategies, as a share of the player's range of payoffs,
 * in exact arithmetic: payoffs and weights of strategies are the rationals that their doubles are, and weights are
 * counted relative to their sum.
 */
function exactRegrets(
  payoffs: readonly Float64Array[],
  strategies: readonly Float64Array[],
): number[] {
  const weights = strategies.map(integers);
  const totals = weights.map((w) => w.reduce((a, b) => a + b, 0n));
  return payoffs.map((own, i) => {
    const u = integers(own);
    const low = u.reduce((m, x) => (x < m ? x : m));
    const range = u.reduce((m, x) => (x > m ? x : m)) - low;
    if (range === 0n) return 0;
    // the worth of every action of the player, folding away the last axis of the others again and again
    const counts = weights.map((w) => w.length);
    let table = u.map((x) => x - low);
    for (let axis = counts.length - 1; axis >= 0; axis--) {
      if (axis === i) continue;
      table = folded(table, counts, axis, weights[axis]!);
      counts[axis] = 1;
    }
    const best = table.reduce((m, x) => (x > m ? x : m));
    const now = table.reduce((sum, x, a) => sum + x * weights[i]![a]!, 0n);
    const others = totals.reduce((product, t, j) => (j === i ? product : product * t), 1n);
    return ratio(best * totals[i]! - now, range * others * totals[i]!);
  });
}

/** The sums over an axis of a table, weighted. */
function folded(
  table: readonly bigint[],
  counts: readonly number[],
  axis: number,
  weights: readonly bigint[],
): bigint[] {
  const inner = counts.slice(axis + 1).reduce((a, b) => a * b, 1);
  const count = counts[axis]!;
  const out = new Array<bigint>(table.length / count).fill(0n);
  table.forEach((x, k) => {
    const action = Math.floor(k / inner) % count;
    const weight = weights[action]!;
    if (weight !== 0n && x !== 0n)
      out[Math.floor(k / (inner * count)) * inner + (k % inner)]! += weight * x;
  });
  return out;
}

export function nashCertificate(
  payoffs: readonly Float64Array[],
  actions: readonly number[],
  profiles: readonly (readonly Float64Array[])[],
  tolerance = 1e-9,
): Certificate {
  const value = profiles.reduce((m, s) => Math.max(m, largest(exactRegrets(payoffs, s))), 0);
  return certificate({
    claim:
      "largest regret of a player in any of the profiles, as a share of the player's range of payoffs",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: profiles.length === 0 ? "undecided" : value <= tolerance,
    note: `${profiles.length === 0 ? "no profile to look at" : "best responses in rational arithmetic on the payoffs as given"}; it does not see equilibria of the ${actions.join(" × ")} game that are not among the profiles`,
  });
}

/**
 * Options of {@link certifyNash}.
 * @category Certificates
 */
export interface CertifyNashOptions {
  /** Largest regret, as a share of the player's range of payoffs, with which the certificate holds; default 1e-9. */
  readonly tolerance?: number;
}

const OPTIONS: Schema<CertifyNashOptions> = { tolerance: nonNegativeNumber };

/**
 * A certificate that strategies are a Nash equilibrium: the largest regret of a player, as a share of that player's range
 * of payoffs, in exact rational arithmetic.
 *
 * @param payoffs - $U$, [n, A1, …, An]
 * @param strategies - one distribution for each player; they may sum to 1 up to rounding
 * @param options - see {@link CertifyNashOptions}
 * @returns certificate of kind `"exact"`
 * @throws `ShapeError` when strategies and payoffs do not fit
 * @throws `DomainError` when a strategy is no distribution
 * @example
 * ```ts
 * import { certifyNash } from "@provably/robust-rl";
 *
 * // The second row is dominated, by a millionth of what the column player plays for.
 * const payoffs = [[[1e-6, 1e-6], [0, 0]], [[1, 0], [0, 1]]];
 * certifyNash(payoffs, [[1, 0], [1, 0]]).holds; // => true
 * certifyNash(payoffs, [[0.5, 0.5], [0.5, 0.5]]).value; // => 0.5
 * ```
 * @category Certificates
 */
export function certifyNash(
  payoffs: ArrayInput,
  strategies: readonly ArrayInput[],
  options: CertifyNashOptions = {},
): Certificate {
  const fn = "certifyNash";
  const { tolerance } = checkOptions<CertifyNashOptions>(fn, options, OPTIONS);
  const u = float64(fn, "payoffs", payoffs);
  const [players, ...actions] = u.shape;
  if (players === undefined || actions.length !== players || u.size === 0)
    throw new ShapeError(
      `${fn}: payoffs must have shape [n, A1, …, An] with one axis of actions for each of the n players, got [${u.shape.join(", ")}]`,
    );
  const flat = finitePayoffs(fn, "payoffs", u);
  if (check(fn, "strategies", strategies, anyList).length !== players)
    throw new ShapeError(
      `${fn}: strategies must be ${players}, one for each player, got ${strategies.length}`,
    );
  const profile = strategies.map((strategy, i) => {
    const s = float64(fn, `strategies[${i}]`, strategy);
    if (s.shape.join() !== String(actions[i]))
      throw new ShapeError(
        `${fn}: strategies[${i}] must have shape [${actions[i]}], got [${s.shape.join(", ")}]`,
      );
    const p = flatNumbers(s);
    const total = p.reduce((a, b) => a + b, 0);
    if (!p.every((x) => x >= 0) || !(Math.abs(total - 1) <= 1e-8))
      throw new DomainError(
        `${fn}: strategies[${i}] must be ≥ 0 and sum to 1, got a sum of ${total}`,
      );
    return p;
  });
  const joint = u.size / players;
  const each = profile.map((_, i) => flat.subarray(i * joint, (i + 1) * joint));
  return nashCertificate(each, actions, [profile], tolerance);
}
