/** Rankings of named items from votes. */
import { type Certificate, DomainError, array, erfinv, item } from "@provably/core-tensor";
import {
  anyString,
  certificate,
  check,
  checkOptions,
  flatNumbers,
  listOf,
  nonNegativeNumber,
  numberInside,
  oneOf,
  optional,
  positiveNumber,
  recordOf,
  rngKey,
} from "@provably/core-tensor/internal";
import { cholesky, inv } from "@provably/core-tensor/linalg";
import { minimize } from "@provably/core-tensor/optim";
import { type RngKey, normal } from "@provably/core-tensor/random";
import { sigmoid, softplus } from "../numerics.js";

/**
 * One vote between two items.
 * @category Votes
 */
export interface Vote {
  readonly first: string;
  readonly second: string;
  readonly winner: "first" | "second" | "tie";
  /** How often; default 1. */
  readonly weight?: number | undefined;
}

/**
 * Options of {@link rankFromVotes}.
 * @category Votes
 */
export interface VoteOptions {
  /** All items, in any order; default those that occur. Items without votes are ranked too, with wide intervals. */
  readonly items?: readonly string[];
  /** Standard deviation of scores before any vote; default 1.5. It keeps scores finite where somebody always wins. */
  readonly spread?: number;
  /** Coverage of the intervals; default 0.95. */
  readonly coverage?: number;
  /** Standard errors by which `pessimistic` lies below and `optimistic` above the score; default 1. */
  readonly caution?: number;
}

/**
 * An item with its place.
 * @category Votes
 */
export interface RankedItem {
  readonly item: string;
  /** Log-odds scale, mean 0 over items: a difference of ln 3 wins three times of four without ties. */
  readonly score: number;
  readonly standardError: number;
  readonly interval: readonly [number, number];
  readonly pessimistic: number;
  readonly optimistic: number;
  /** Votes that it took part in. */
  readonly votes: number;
  /** Probability that its score is the largest. */
  readonly probabilityBest: number;
}

/**
 * A ranking from votes.
 * @category Votes
 */
export interface VoteRanking {
  /** The best first. */
  readonly ranking: readonly RankedItem[];
  /** $\nu$ of Davidson's model: a tie of equals has probability $\nu / (2 + \nu)$. 0 without ties. */
  readonly tieRate: number;
  /** Which pair to ask about next: an answer is expected to tell most about who is best; undefined with fewer than two items. */
  readonly next:
    { readonly first: string; readonly second: string; readonly information: number } | undefined;
  /** Expected gain in the score of the leader if all scores were known: what voting on can still be worth. */
  readonly valueOfInformation: number;
  /** The size of the gradient, from the votes as they were given. */
  readonly certificate: Certificate;
}

const VOTE = recordOf<Vote>({
  first: anyString,
  second: anyString,
  winner: oneOf("first", "second", "tie"),
  weight: optional(positiveNumber),
});
const OPTIONS = {
  items: listOf(anyString),
  spread: positiveNumber,
  coverage: numberInside(0, 1),
  caution: nonNegativeNumber,
};

/** Draws for the probabilities of being best. */
const DRAWS = 4000;

/** How many standard errors an interval of this coverage reaches to either side. */
const reachOf = (coverage: number): number =>
  Math.SQRT2 * item(erfinv(array([coverage], { dtype: "float64" })));

/** Negative log-probabilities of an outcome at a difference z, with ties at the rate ν, and their derivatives by z and ln ν. */
function outcome(z: number, logNu: number | undefined, winner: Vote["winner"]) {
  if (logNu === undefined) {
    const sign = winner === "first" ? 1 : -1;
    const p = sigmoid(z);
    return {
      loss: softplus(-sign * z),
      dz: sign === 1 ? p - 1 : p,
      dn: 0,
      p: [p, 1 - p, 0] as const,
    };
  }
  // Davidson: weights e^{z/2}, e^{−z/2} and ν, over their sum
  const logs = [z / 2, -z / 2, logNu];
  const top = Math.max(...logs);
  const total = logs.reduce((sum, l) => sum + Math.exp(l - top), 0);
  const [a, b, t] = logs.map((l) => Math.exp(l - top) / total) as [number, number, number];
  const mean = (a - b) / 2;
  const own = { first: 0.5, second: -0.5, tie: 0 }[winner];
  const at = { first: 0, second: 1, tie: 2 }[winner];
  return {
    loss: top + Math.log(total) - logs[at]!,
    dz: mean - own,
    dn: t - (winner === "tie" ? 1 : 0),
    p: [a, b, t] as const,
  };
}

/**
 * A ranking of named items from votes between two of them, by the model of Bradley and Terry, and Davidson's where there are ties:
 * $P(i \succ j) \propto e^{(s_i - s_j)/2}$, $P(j \succ i) \propto e^{(s_j - s_i)/2}$, $P(\text{tie}) \propto \nu$, with a normal prior on scores.
 *
 * Uncertainty is the curvature at the maximum; probabilities of being best are estimated by 4000 draws from it. `next` is the pair whose answer is expected to
 * tell most, weighed by how likely either of the two is the best. O(items³).
 *
 * @param key - random key of the draws
 * @param votes - see {@link Vote}
 * @param options - see {@link VoteOptions}
 * @returns see {@link VoteRanking}
 * @throws `DomainError` for votes of an item with itself, about items that are not in `items`, and options out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { rankFromVotes } from "@provably/rlhf-vpo";
 *
 * const votes = [
 *   { first: "tea", second: "coffee", winner: "first", weight: 8 },
 *   { first: "tea", second: "coffee", winner: "second", weight: 2 },
 *   { first: "coffee", second: "water", winner: "tie" },
 * ];
 * const { ranking, next } = rankFromVotes(key(0), votes);
 * ranking[0].item; // => "tea"
 * [next.first, next.second].includes("water"); // => true
 * ```
 * @see Davidson (1970), "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments"
 * @category Votes
 */
export function rankFromVotes(
  key: RngKey,
  votes: readonly Vote[],
  options: VoteOptions = {},
): VoteRanking {
  const fn = "rankFromVotes";
  const {
    spread = 1.5,
    coverage = 0.95,
    caution = 1,
  } = checkOptions<VoteOptions>(fn, options, OPTIONS);
  check(fn, "key", key, rngKey);
  check(fn, "votes", votes, listOf(VOTE));
  const items = options.items ?? [
    ...new Set(votes.flatMap(({ first, second }) => [first, second])),
  ];
  const place = new Map(items.map((item, i) => [item, i]));
  if (place.size !== items.length) throw new DomainError(`${fn}: items must be different`);
  const rows = votes.map(({ first, second, winner, weight = 1 }, i) => {
    const [a, b] = [place.get(first), place.get(second)];
    if (a === undefined || b === undefined || a === b)
      throw new DomainError(
        `${fn}: votes[${i}] must be about two of the items, got "${first}" and "${second}"`,
      );
    return { a, b, winner, weight };
  });
  const n = items.length;
  const ties = rows.some(({ winner }) => winner === "tie");
  const d = n + (ties ? 1 : 0);
  const prior = 1 / (spread * spread);
  const nuOf = (x: Float64Array): number | undefined => (ties ? x[n] : undefined);
  const look = (x: Float64Array, gradient: Float64Array, hessian?: Float64Array): number => {
    let value = 0;
    x.forEach((s, i) => {
      value += 0.5 * prior * s * s;
      gradient[i] = prior * s;
    });
    hessian?.fill(0);
    if (hessian) for (let i = 0; i < d; i++) hessian[i * d + i] = prior;
    for (const { a, b, winner, weight } of rows) {
      const { loss, dz, dn, p } = outcome(x[a]! - x[b]!, nuOf(x), winner);
      value += weight * loss;
      gradient[a]! += weight * dz;
      gradient[b]! -= weight * dz;
      if (ties) gradient[n]! += weight * dn;
      if (hessian) curve(hessian, d, [a, b, ties ? n : -1], weight, p, ties);
    }
    return value;
  };
  const end = minimize(look, new Float64Array(d), { tolerance: 1e-10, maxStep: 5 });
  const x = flatNumbers(end.x);
  const hessian = new Float64Array(d * d);
  look(x, new Float64Array(d), hessian);
  const covariance = flatNumbers(inv(array(hessian, { shape: [d, d] })));
  const mean = x.subarray(0, n).reduce((sum, s) => sum + s / n, 0);
  const { best, gain } = drawn(key, x, covariance, n, d);
  const varianceOf = (i: number, j: number): number =>
    covariance[i * d + i]! + covariance[j * d + j]! - 2 * covariance[i * d + j]!;
  // scores have mean 0: their own variance is that against the mean of all
  const own = (i: number): number => {
    let [row, all] = [0, 0];
    for (let j = 0; j < n; j++) {
      row += covariance[i * d + j]! / n;
      for (let k = 0; k < n; k++) all += covariance[j * d + k]! / (n * n);
    }
    return Math.sqrt(Math.max(0, covariance[i * d + i]! - 2 * row + all));
  };
  const wide = reachOf(coverage);
  const ranking = items
    .map((item, i): RankedItem => {
      const [score, standardError] = [x[i]! - mean, own(i)];
      return {
        item,
        score,
        standardError,
        interval: [score - wide * standardError, score + wide * standardError],
        pessimistic: score - caution * standardError,
        optimistic: score + caution * standardError,
        votes: rows.reduce((sum, { a, b, weight }) => sum + (a === i || b === i ? weight : 0), 0),
        probabilityBest: best[i]!,
      };
    })
    .sort((p, q) => q.score - p.score);
  let next: VoteRanking["next"];
  let most = -1;
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const p = sigmoid(x[i]! - x[j]!);
      const information = 0.5 * Math.log1p(p * (1 - p) * varianceOf(i, j));
      const worth = information * (best[i]! + best[j]! + 1 / n);
      if (worth <= most) continue;
      most = worth;
      next = { first: items[i]!, second: items[j]!, information };
    }
  return {
    ranking,
    tieRate: ties ? Math.exp(x[n]!) : 0,
    next,
    valueOfInformation: gain,
    certificate: certifyRanking(votes, ranking, ties ? x[n]! : undefined, spread, mean),
  };
}

/** Adds the curvature of one vote: the covariance of the statistics (½ for the first, −½ for the second, 0; whether it is a tie). */
function curve(
  hessian: Float64Array,
  d: number,
  [a, b, nu]: readonly [number, number, number],
  weight: number,
  [first, second, tie]: readonly [number, number, number],
  ties: boolean,
): void {
  const mean = (first - second) / 2;
  const vz = ties ? (first + second) / 4 - mean * mean : first * second;
  const entries: [number, number, number][] = [
    [a, a, vz],
    [b, b, vz],
    [a, b, -vz],
    [b, a, -vz],
  ];
  if (ties) {
    const cross = -mean * tie;
    entries.push(
      [a, nu, cross],
      [nu, a, cross],
      [b, nu, -cross],
      [nu, b, -cross],
      [nu, nu, tie * (1 - tie)],
    );
  }
  for (const [i, j, v] of entries) hessian[i * d + j]! += weight * v;
}

/** Draws of all scores: how often each is the largest, and how much the largest exceeds the leader's on the average. */
function drawn(
  key: RngKey,
  x: Float64Array,
  covariance: Float64Array,
  n: number,
  d: number,
): { readonly best: Float64Array; readonly gain: number } {
  const best = new Float64Array(n);
  if (n === 0) return { best, gain: 0 };
  const root = flatNumbers(cholesky(array(covariance, { shape: [d, d] })));
  const noise = flatNumbers(normal(key, [DRAWS, d], { dtype: "float64" }));
  let leader = 0;
  for (let i = 1; i < n; i++) if (x[i]! > x[leader]!) leader = i;
  let gain = 0;
  for (let k = 0; k < DRAWS; k++) {
    let [top, at, led] = [-Infinity, 0, 0];
    for (let i = 0; i < n; i++) {
      let s = x[i]!;
      for (let j = 0; j <= i; j++) s += root[i * d + j]! * noise[k * d + j]!;
      if (i === leader) led = s;
      if (s > top) [top, at] = [s, i];
    }
    best[at]!++;
    gain += (top - led) / DRAWS;
  }
  return { best: best.map((n) => n / DRAWS), gain };
}

/** The stationarity once more: expected against counted wins, item by item, from the votes as they were given. */
export function certifyRanking(
  votes: readonly Vote[],
  ranking: readonly Pick<RankedItem, "item" | "score">[],
  logNu: number | undefined,
  spread: number,
  mean: number,
): Certificate {
  const score = new Map(ranking.map(({ item, score: s }) => [item, s + mean]));
  const left = new Map(ranking.map(({ item, score: s }) => [item, (s + mean) / spread ** 2]));
  let leftNu = logNu === undefined ? 0 : logNu / spread ** 2;
  const nu = logNu === undefined ? 0 : Math.exp(logNu);
  for (const { first, second, winner, weight = 1 } of votes) {
    const odds = Math.exp((score.get(first)! - score.get(second)!) / 2);
    const total = odds + 1 / odds + nu;
    const expected = (odds - 1 / odds) / total;
    const counted = { first: 1, second: -1, tie: 0 }[winner];
    const open = (weight * (expected - counted)) / 2;
    left.set(first, left.get(first)! + open);
    left.set(second, left.get(second)! - open);
    if (logNu !== undefined) leftNu += weight * (nu / total - (winner === "tie" ? 1 : 0));
  }
  const value = Math.max(Math.abs(leftNu), ...[...left.values()].map(Math.abs), 0);
  // sums of many votes round on their own scale
  const tolerance =
    1e-7 * Math.max(1, votes.reduce((sum, { weight = 1 }) => sum + weight, 0) * 1e-6);
  return certificate({
    claim: "largest difference between counted and expected wins, with the prior's pull",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: value <= tolerance,
    note: "the posterior is concave, so this is its maximum; it cannot see votes whose sides were exchanged, nor that intervals by curvature are approximate",
  });
}
