/** How much an answer would tell. */
import { array } from "@provably/core-tensor";
import { flatNumbers } from "@provably/core-tensor/internal";
import { inv } from "@provably/core-tensor/linalg";
import { type FlatProblem, evaluate, rewardsOf } from "../exact/problem.js";
import { sigmoid } from "../numerics.js";

/** Rewards as a normal distribution: the likelihood's curvature at θ and a prior of precision `prior`. */
export interface Posterior {
  readonly rewards: Float64Array;
  /** Variance of the difference of two rewards, by flat indices. */
  readonly variance: (a: number, b: number) => number;
}

/** The Laplace approximation at the parameters; O(d³). */
export function posteriorAt(problem: FlatProblem, theta: Float64Array, prior: number): Posterior {
  const { dimension: d, features, pairs } = problem;
  const hessian = new Float64Array(d * d);
  const likelihood = { beta: 1, alpha: 0, sign: -1 } as const;
  evaluate(problem, likelihood, theta, new Float64Array(d), hessian);
  const precision = hessian.map((h) => h * pairs.total);
  for (let i = 0; i < d; i++) precision[i * d + i]! += prior;
  const covariance = flatNumbers(inv(array(precision, { shape: [d, d] })));
  const difference = (a: number, b: number): readonly (readonly [number, number])[] => {
    if (features === undefined)
      return a === b
        ? []
        : [
            [a, 1],
            [b, -1],
          ];
    return Array.from(
      { length: d },
      (_, i) => [i, features[a * d + i]! - features[b * d + i]!] as const,
    );
  };
  return {
    rewards: rewardsOf(problem, theta),
    variance: (a, b) => {
      const along = difference(a, b);
      let sum = 0;
      for (const [i, v] of along) for (const [j, w] of along) sum += v * w * covariance[i * d + j]!;
      return sum;
    },
  };
}

/** Expected information of an answer about two responses, in nats: $\tfrac12\ln(1 + p(1-p)\,\mathrm{Var}(r_a - r_b))$. */
export function informationOf({ rewards, variance }: Posterior, a: number, b: number): number {
  const z = rewards[a]! - rewards[b]!;
  return 0.5 * Math.log1p(sigmoid(z) * sigmoid(-z) * variance(a, b));
}
