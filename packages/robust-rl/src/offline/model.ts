/** Linear Markov decision processes with d-rectangular uncertainty, and their exact solution. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  isNdArray,
} from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  recordOf,
  recordWith,
  satisfying,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { actionsOf } from "../mdp/policy.js";
import { totalVariation } from "../uncertainty/balls.js";
import { checkRows } from "../internal/distributions.js";
import { float64, shaped } from "../internal/read.js";
import { sortValues } from "../uncertainty/mass.js";

/**
 * A linear Markov decision process of finite horizon: $r_h(s,a) = \phi(s,a)^T\theta_h$ and $P_h(\cdot \mid s,a) = \sum_i \phi_i(s,a)\,\mu_{h,i}$. Make one with
 * {@link linearMdp}, which checks it.
 * @category Offline learning
 */
export interface LinearMdp {
  readonly numStates: number;
  readonly numActions: number;
  readonly horizon: number;
  /** Number of features $d$. */
  readonly dimension: number;
  /** $\phi$, [S, A, d]: every feature vector is a distribution over the d factors. */
  readonly features: NdArray<"float64">;
  /** $\mu$, [H, d, S]: the distribution of the next state under each factor. */
  readonly factors: NdArray<"float64">;
  /** $\theta$, [H, d]. */
  readonly rewards: NdArray<"float64">;
}

/** A process that {@link linearMdp} has checked, or something else with the same extents. */
export function checkLinearMdp(fn: string, model: LinearMdp): LinearMdp {
  const { numStates, numActions, horizon, dimension, features, factors, rewards } = check(
    fn,
    "model",
    model,
    anyRecord,
  );
  const fits = (x: NdArray, ...shape: number[]): boolean =>
    isNdArray(x) && x.shape.join() === shape.join();
  if (
    ![numStates, numActions, horizon, dimension].every((n) => Number.isInteger(n) && n > 0) ||
    !fits(features, numStates, numActions, dimension) ||
    !fits(factors, horizon, dimension, numStates) ||
    !fits(rewards, horizon, dimension)
  )
    throw new DomainError(
      `${fn}: model must be made by linearMdp(), with extents that fit each other`,
    );
  return model;
}

/** Checks features [S, A, d] and returns their sizes. */
export function checkFeatures(
  fn: string,
  input: ArrayInput,
): { features: NdArray<"float64">; numStates: number; numActions: number; dimension: number } {
  const features = float64(fn, "features", input);
  const [numStates, numActions, dimension] = features.shape;
  if (features.shape.length !== 3 || features.size === 0)
    throw new ShapeError(
      `${fn}: features must have shape [S, A, d], got [${features.shape.join(", ")}]`,
    );
  checkRows(fn, "features", flatNumbers(features), dimension!, [numStates!, numActions!]);
  return { features, numStates: numStates!, numActions: numActions!, dimension: dimension! };
}

/**
 * A linear process as it is written down, see {@link linearMdp}.
 * @category Offline learning
 */
export interface LinearMdpParts {
  /** [S, A, d], on the simplex. */
  readonly features: ArrayInput;
  /** [H, d, S], distributions. */
  readonly factors: ArrayInput;
  /** [H, d]. */
  readonly rewards: ArrayInput;
}

const PARTS = { features: anything, factors: anything, rewards: anything };

/**
 * A linear Markov decision process from its features, factors and reward weights.
 *
 * @param model - `features` [S, A, d], on the simplex; `factors` [H, d, S], distributions; `rewards` [H, d]
 * @returns the checked process
 * @throws `ShapeError` when the shapes do not fit each other
 * @throws `DomainError` when features or factors are not distributions; the message names the index
 * @example
 * ```ts
 * import { linearMdp } from "@provably/robust-rl";
 *
 * linearMdp({ features: [[[1, 0], [0, 1]]], factors: [[[1], [1]]], rewards: [[0.2, 0.8]] }).dimension; // => 2
 * ```
 * @category Offline learning
 */
export function linearMdp(model: LinearMdpParts | LinearMdp): LinearMdp {
  const fn = "linearMdp";
  const parts = check(fn, "model", model, recordWith<LinearMdpParts>(PARTS));
  const extents = ["numStates", "numActions", "horizon", "dimension"];
  for (const name of Object.keys(parts))
    if (!Object.hasOwn(PARTS, name) && !extents.includes(name))
      check(fn, "model", parts, recordOf<LinearMdpParts>(PARTS));
  const { features, numStates, numActions, dimension } = checkFeatures(fn, parts.features);
  const factors = float64(fn, "factors", parts.factors);
  const rewards = float64(fn, "rewards", parts.rewards);
  const horizon = factors.shape[0]!;
  if (
    factors.shape.length !== 3 ||
    factors.shape[1] !== dimension ||
    factors.shape[2] !== numStates ||
    horizon < 1
  )
    throw new ShapeError(
      `linearMdp: factors must have shape [H, ${dimension}, ${numStates}], got [${factors.shape.join(", ")}]`,
    );
  if (rewards.shape.join() !== [horizon, dimension].join())
    throw new ShapeError(
      `linearMdp: rewards must have shape [${horizon}, ${dimension}], got [${rewards.shape.join(", ")}]`,
    );
  checkRows("linearMdp", "factors", flatNumbers(factors), numStates, [horizon, dimension]);
  return { numStates, numActions, horizon, dimension, features, factors, rewards };
}

/**
 * Robust values in a known linear process.
 * @category Offline learning
 */
export interface LinearValues {
  /** float64 [H + 1, S]. */
  readonly values: NdArray<"float64">;
  /** float64 [H, S, A]. */
  readonly q: NdArray<"float64">;
  /** $\nu_{h,i} = \inf_{\mu_i} \mu_i \cdot V_{h+1}$, float64 [H, d]. */
  readonly worstCaseWeights: NdArray<"float64">;
  /** Best actions, or those given, int32 [H, S]. */
  readonly policy: NdArray;
}

export function solveLinear(
  fn: string,
  model: LinearMdp,
  radius: number,
  policy: ArrayInput | undefined,
): LinearValues {
  check(
    fn,
    "radius",
    radius,
    satisfying("≥ 0", (x) => typeof x === "number" && x >= 0),
  );
  const { numStates, numActions, horizon, dimension } = checkLinearMdp(fn, model);
  const given =
    policy === undefined ? undefined : shaped(fn, "policy", policy, [horizon, numStates]);
  given?.forEach((a, i) => {
    if (!Number.isInteger(a) || a < 0 || a >= numActions)
      throw new DomainError(
        `${fn}: policy[${Math.floor(i / numStates)}, ${i % numStates}] must be an action below ${numActions}, got ${a}`,
      );
  });
  const [phi, mu, theta] = [
    flatNumbers(model.features),
    flatNumbers(model.factors),
    flatNumbers(model.rewards),
  ];
  const values = new Float64Array((horizon + 1) * numStates);
  const q = new Float64Array(horizon * numStates * numActions);
  const nu = new Float64Array(horizon * dimension);
  const play = new Float64Array(horizon * numStates * numActions);
  for (let h = horizon - 1; h >= 0; h--) {
    const worst = totalVariation(radius).worstCase(
      sortValues(values.subarray((h + 1) * numStates, (h + 2) * numStates)),
    );
    for (let i = 0; i < dimension; i++)
      nu[h * dimension + i] = worst(mu, (h * dimension + i) * numStates, radius, undefined, 0);
    for (let s = 0; s < numStates; s++) {
      let [best, choice] = [-Infinity, 0];
      for (let a = 0; a < numActions; a++) {
        let value = 0;
        for (let i = 0; i < dimension; i++)
          value +=
            phi[(s * numActions + a) * dimension + i]! *
            (theta[h * dimension + i]! + nu[h * dimension + i]!);
        q[(h * numStates + s) * numActions + a] = value;
        if (value > best) [best, choice] = [value, a];
      }
      const action = given ? given[h * numStates + s]! : choice;
      play[(h * numStates + s) * numActions + action] = 1;
      values[h * numStates + s] = q[(h * numStates + s) * numActions + action]!;
    }
  }
  return {
    values: array<"float64">(values, { shape: [horizon + 1, numStates] }),
    q: array<"float64">(q, { shape: [horizon, numStates, numActions] }),
    worstCaseWeights: array<"float64">(nu, { shape: [horizon, dimension] }),
    policy: actionsOf(play, numActions, [horizon, numStates]),
  };
}

/**
 * The best policy of a known linear process whose factors may each move by a total variation of $\rho$ (d-rectangular uncertainty).
 *
 * @param model - linear process
 * @param radius - $\rho \ge 0$
 * @returns values, action values, worst cases of the factors, policy
 * @throws `DomainError` for a negative radius
 * @example
 * ```ts
 * import { linearMdp, linearRobustValueIteration } from "@provably/robust-rl";
 *
 * const model = linearMdp({ features: [[[1, 0], [0, 1]]], factors: [[[1], [1]]], rewards: [[0.2, 0.8]] });
 * linearRobustValueIteration(model, 0.1).policy; // => [[1]]
 * ```
 * @see Wang, Shi, Chi (2024), "Sample complexity of offline distributionally robust linear Markov decision processes"
 * @category Offline learning
 */
export function linearRobustValueIteration(model: LinearMdp, radius: number): LinearValues {
  return solveLinear("linearRobustValueIteration", model, radius, undefined);
}

/**
 * The exact robust values of a policy in a known linear process.
 *
 * @param model - linear process
 * @param policy - actions, [H, S]
 * @param radius - $\rho \ge 0$
 * @returns as {@link linearRobustValueIteration}, for the given policy
 * @throws `ShapeError`, `DomainError` when the policy does not fit
 * @example
 * ```ts
 * import { linearMdp, linearRobustEvaluation } from "@provably/robust-rl";
 *
 * const model = linearMdp({ features: [[[1, 0], [0, 1]]], factors: [[[1], [1]]], rewards: [[0.2, 0.8]] });
 * linearRobustEvaluation(model, [[0]], 0.1).values; // => [[0.2], [0]]
 * ```
 * @category Offline learning
 */
export function linearRobustEvaluation(
  model: LinearMdp,
  policy: ArrayInput,
  radius: number,
): LinearValues {
  return solveLinear("linearRobustEvaluation", model, radius, policy);
}
