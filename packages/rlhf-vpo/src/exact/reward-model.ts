/** Reward models: Bradley-Terry pairs, Plackett-Luce rankings, and their maximum-likelihood fit. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import {
  anything,
  certificate,
  check,
  checkOptions,
  finiteNumber,
  flatNumbers,
  nonNegativeNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type Objective, minimize } from "@provably/core-tensor/optim";
import { finite, read } from "../arrays.js";
import { SWAPPED, largest, likelihoodSlope, readGiven, tableFrom } from "../certify/given.js";
import { logSumExp, sigmoid, softplus } from "../numerics.js";
import { attainsMinimum } from "./existence.js";
import { type PreferenceProblem, flattenProblem, rewardsOf } from "./problem.js";

/**
 * The probability that the first of two responses is preferred, $\sigma(r_1 - r_2)$.
 *
 * @param first - reward of the first response
 * @param second - reward of the second
 * @returns a probability
 * @example
 * ```ts
 * import { bradleyTerryProbability } from "@provably/rlhf-vpo";
 *
 * bradleyTerryProbability(1, 1); // => 0.5
 * ```
 * @see Bradley, Terry (1952), "Rank analysis of incomplete block designs"
 * @category Reward models
 */
export function bradleyTerryProbability(first: number, second: number): number {
  const fn = "bradleyTerryProbability";
  return sigmoid(
    check(fn, "first", first, finiteNumber) - check(fn, "second", second, finiteNumber),
  );
}

const PAIR = { margin: anything, centering: nonNegativeNumber };

/**
 * The loss of a reward model on pairs, $\mathrm{softplus}(-(r^+ - r^- - m)) + c\,(r^+ + r^-)^2$: likelihood with a margin, and a pull of rewards towards 0.
 *
 * @param chosen - rewards of chosen responses, [B]
 * @param rejected - rewards of rejected responses, [B]
 * @param options - `margin` $m$, a number or one for each pair, [B], default 0; `centering` $c \ge 0$, default 0
 * @returns mean `loss`, `losses` [B] and the `gradient` of the mean, by the names of the inputs
 * @throws `ShapeError`, `DomainError` when lengths differ or numbers are not finite
 * @example
 * ```ts
 * import { bradleyTerryLoss } from "@provably/rlhf-vpo";
 *
 * bradleyTerryLoss([0], [0]).loss; // => Math.LN2
 * ```
 * @category Reward models
 */
export function bradleyTerryLoss(
  chosen: ArrayInput,
  rejected: ArrayInput,
  options: { readonly margin?: number | ArrayInput; readonly centering?: number } = {},
): {
  readonly loss: number;
  readonly losses: NdArray<"float64">;
  readonly gradient: { readonly chosen: NdArray<"float64">; readonly rejected: NdArray<"float64"> };
} {
  const fn = "bradleyTerryLoss";
  const { margin = 0, centering = 0 } = checkOptions(fn, options, PAIR);
  const up = finite(fn, "chosen", chosen);
  const n = up.length;
  if (n === 0) throw new ShapeError(`${fn}: chosen must have at least one entry`);
  const down = finite(fn, "rejected", rejected, [n]);
  const margins =
    typeof margin === "number"
      ? new Float64Array(n).fill(check(fn, "margin", margin, finiteNumber))
      : finite(fn, "margin", margin, [n]);
  const [losses, a, b] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  for (let i = 0; i < n; i++) {
    const z = up[i]! - down[i]! - margins[i]!;
    const sum = up[i]! + down[i]!;
    losses[i] = softplus(-z) + centering * sum * sum;
    a[i] = (-sigmoid(-z) + 2 * centering * sum) / n;
    b[i] = (sigmoid(-z) + 2 * centering * sum) / n;
  }
  return {
    loss: losses.reduce((x, y) => x + y, 0) / n,
    losses: array<"float64">(losses),
    gradient: { chosen: array<"float64">(a), rejected: array<"float64">(b) },
  };
}

/**
 * The Plackett-Luce loss of rankings, $-\sum_k \ln\big(e^{s_k} / \sum_{j \ge k} e^{s_j}\big)$ with responses from best to worst.
 *
 * Through `differentiable` it trains policies on rankings: `differentiable(({ scores }) => plackettLuceLoss(scores))`.
 *
 * @param scores - rewards in the order of the ranking, [B, K], K ≥ 2
 * @param options - `lengths`, [B]: only so many of a row are ranked, at least 1; default all
 * @returns mean `loss`, `losses` [B] and the `gradient` of the mean, `scores` [B, K]
 * @throws `ShapeError`, `DomainError` when `scores` is no matrix or not finite
 * @example
 * ```ts
 * import { plackettLuceLoss } from "@provably/rlhf-vpo";
 *
 * plackettLuceLoss([[0, 0, 0]]).loss; // => Math.log(6)
 * ```
 * @see Luce (1959), "Individual choice behavior"; Plackett (1975), "The analysis of permutations"
 * @category Reward models
 */
export function plackettLuceLoss(
  scores: ArrayInput,
  options: { readonly lengths?: ArrayInput } = {},
): {
  readonly loss: number;
  readonly losses: NdArray<"float64">;
  readonly gradient: { readonly scores: NdArray<"float64"> };
} {
  const fn = "plackettLuceLoss";
  checkOptions(fn, options, { lengths: anything });
  const x = read(fn, "scores", scores);
  const [batch, k] = x.shape;
  if (x.shape.length !== 2 || !(k! >= 2) || x.size === 0)
    throw new ShapeError(
      `plackettLuceLoss: scores must have shape [B, K] with K ≥ 2, got [${x.shape.join(", ")}]`,
    );
  const data = finite(fn, "scores", x);
  const lengths =
    options.lengths === undefined ? undefined : finite(fn, "lengths", options.lengths, [batch!]);
  lengths?.forEach((n, i) => {
    if (!Number.isInteger(n) || n < 1 || n > k!)
      throw new DomainError(
        `${fn}: lengths[${i}] must be a whole number from 1 to ${k!}, got ${n}`,
      );
  });
  const losses = new Float64Array(batch!);
  const gradient = new Float64Array(data.length);
  for (let row = 0; row < batch!; row++) {
    const at = row * k!;
    const ranked = lengths ? lengths[row]! : k!;
    for (let i = 0; i < ranked - 1; i++) {
      const z = logSumExp(data, at + i, ranked - i);
      losses[row]! += z - data[at + i]!;
      gradient[at + i]! -= 1 / batch!;
      for (let j = i; j < ranked; j++) gradient[at + j]! += Math.exp(data[at + j]! - z) / batch!;
    }
  }
  return {
    loss: losses.reduce((a, b) => a + b, 0) / batch!,
    losses: array<"float64">(losses),
    gradient: { scores: array<"float64">(gradient, { shape: x.shape }) },
  };
}

/**
 * A fitted reward model.
 * @category Reward models
 */
export interface RewardModel {
  /** $\theta$, float64 [d]. */
  readonly theta: NdArray<"float64">;
  /** $\langle\phi,\theta\rangle$, [X, Y]; known up to a shift by prompt. */
  readonly reward: NdArray<"float64">;
  /** Negative log-likelihood, a sum over pairs. */
  readonly nll: number;
  readonly iterations: number;
  readonly converged: boolean;
  /**
   * Whether without ridge no maximum exists, since some direction explains part of the pairs and speaks against none: a response that always wins is enough.
   * Rewards are then those where the search stopped.
   */
  readonly separable: boolean;
  /** Size of the gradient, recomputed from the preferences as they were given; undecided where no maximum exists. */
  readonly certificate: Certificate;
}

/**
 * Options of {@link fitRewardModel}.
 * @category Reward models
 */
export interface RewardFitOptions {
  /** $\lambda \ge 0$; default 0. */
  readonly ridge?: number;
  /** Of the gradient; default 1e-10. */
  readonly tolerance?: number;
  /** Newton steps; default 100. */
  readonly maxIterations?: number;
}

const FIT = {
  ridge: nonNegativeNumber,
  tolerance: nonNegativeNumber,
  maxIterations: wholeNumber(0),
};

/**
 * The maximum-likelihood reward of preferences, linear in features or a table, by Newton's method; with `ridge` it minimises
 * $\sum_i \mathrm{softplus}(-z_i) + \tfrac12\lambda\lVert\theta\rVert^2$.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param options - see {@link RewardFitOptions}
 * @returns see {@link RewardModel}
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { fitRewardModel } from "@provably/rlhf-vpo";
 *
 * const logReference = [[Math.log(0.5), Math.log(0.5)]];
 * // Three wins to one: a difference of ln 3.
 * const { reward } = fitRewardModel({ data: [[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 1, 0]], logReference });
 * (reward.get(0, 0) - reward.get(0, 1)).toFixed(6); // => "1.098612"
 * fitRewardModel({ data: [[0, 0, 1]], logReference }).separable; // => true
 * ```
 * @category Reward models
 */
export function fitRewardModel(
  problem: PreferenceProblem,
  options: RewardFitOptions = {},
): RewardModel {
  const fn = "fitRewardModel";
  const {
    ridge = 0,
    tolerance = 1e-10,
    maxIterations = 100,
  } = checkOptions<RewardFitOptions>(fn, options, FIT);
  const flat = flattenProblem(fn, problem);
  const { dimension: d, features, pairs } = flat;
  const feature = (cell: number, i: number): number =>
    features ? features[cell * d + i]! : cell === i ? 1 : 0;
  const differences = pairs.counts.map((_, k) =>
    Float64Array.from(
      { length: d },
      (__, i) => feature(pairs.chosen[k]!, i) - feature(pairs.rejected[k]!, i),
    ),
  );
  const marginsOf = (theta: Float64Array): readonly number[] =>
    differences.map((diff) => diff.reduce((sum, x, i) => sum + x * theta[i]!, 0));
  const nllOf = (margins: readonly number[]): number =>
    margins.reduce((sum, z, k) => sum + pairs.counts[k]! * softplus(-z), 0);
  const objective: Objective = (theta, gradient, hessian) => {
    const margins = marginsOf(theta);
    theta.forEach((t, i) => (gradient[i] = ridge * t));
    hessian?.fill(0);
    if (hessian) for (let i = 0; i < d; i++) hessian[i * d + i] = ridge;
    differences.forEach((diff, k) => {
      const [z, count] = [margins[k]!, pairs.counts[k]!];
      for (let i = 0; i < d; i++) gradient[i]! -= count * sigmoid(-z) * diff[i]!;
      if (!hessian) return;
      const w = count * sigmoid(z) * sigmoid(-z);
      for (let i = 0; i < d; i++)
        if (diff[i] !== 0)
          for (let j = 0; j < d; j++) hessian[i * d + j]! += w * diff[i]! * diff[j]!;
    });
    return nllOf(margins) + 0.5 * ridge * theta.reduce((sum, t) => sum + t * t, 0);
  };
  const end = minimize(objective, new Float64Array(d), {
    tolerance,
    maxIterations,
    damping: 1e-10,
    // every pair explained: from here on only the margins grow
    stop: (theta) => ridge === 0 && pairs.total > 0 && marginsOf(theta).every((z) => z > 0),
  });
  const theta = flatNumbers(end.x);
  const separable = ridge === 0 && !attainsMinimum(flat, { beta: 1, alpha: 0, sign: -1 }, theta);
  const converged = end.converged && !separable;
  const reward = array<"float64">(rewardsOf(flat, theta), {
    shape: [flat.prompts, flat.responses],
  });
  return {
    theta: array<"float64">(theta),
    reward,
    nll: nllOf(marginsOf(theta)),
    iterations: end.iterations,
    converged,
    separable,
    certificate: certifyFit(problem, theta, reward, ridge, separable, Math.max(tolerance, 1e-7)),
  };
}

function certifyFit(
  problem: PreferenceProblem,
  theta: Float64Array,
  reward: NdArray,
  ridge: number,
  separable: boolean,
  tolerance: number,
): Certificate {
  const given = readGiven(problem);
  const r = tableFrom(reward);
  const slope = likelihoodSlope(given, (x, a, b) => r[x]![a]! - r[x]![b]!);
  const value = largest(given.toParameters(slope).map((g, i) => g + ridge * theta[i]!));
  return certificate({
    claim: "largest component of the gradient of the penalised likelihood",
    kind: "exact",
    value,
    expected: 0,
    tolerance,
    verdict: separable ? "undecided" : value <= tolerance,
    note: separable
      ? "the data are separable: without ridge no maximum exists"
      : `the likelihood is concave, so a stationary point is its maximum; ${SWAPPED}`,
  });
}
