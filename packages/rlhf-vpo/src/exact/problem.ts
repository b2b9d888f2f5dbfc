/** Preference data on finitely many responses, aggregated, and the VPO objective on them. */
import { type ArrayInput, DomainError, ShapeError, array } from "@provably/core-tensor";
import { anyRecord, check } from "@provably/core-tensor/internal";
import { distributions, finite, numbers } from "../arrays.js";
import { logSumExp, sigmoid, softplus } from "../numerics.js";
import { promptsOf, tableOf } from "./values.js";

/**
 * Preferences among finitely many responses, and a log-linear class of policies $\ln\pi_\theta = \ln\pi_{\mathrm{ref}} + \langle\phi,\theta\rangle/\beta - \ln Z$.
 * @category Training
 */
export interface PreferenceProblem {
  /** Rows of [prompt, chosen, rejected] indices, [N, 3]. */
  readonly data: ArrayInput;
  /** $\ln\pi_{\mathrm{ref}}$, [X, Y]. */
  readonly logReference: ArrayInput;
  /** $\pi_{\mathrm{cal}}$, probabilities [X, Y]; default the reference. */
  readonly calibration?: ArrayInput;
  /** $\rho$, [X]; default uniform. */
  readonly promptDistribution?: ArrayInput;
  /** $\phi$, [X, Y, d]; default one feature for every prompt and response, so that θ is the table of rewards. */
  readonly features?: ArrayInput;
}

/** A checked problem. Pairs that occur several times are kept once, with their count. */
export interface FlatProblem {
  readonly prompts: number;
  readonly responses: number;
  readonly dimension: number;
  readonly logReference: Float64Array;
  readonly calibration: Float64Array;
  readonly rho: Float64Array;
  readonly features: Float64Array | undefined;
  readonly pairs: Pairs;
}

/** Distinct pairs as flat indices x·Y + y, with counts. */
export interface Pairs {
  readonly chosen: number[];
  readonly rejected: number[];
  readonly counts: number[];
  total: number;
  readonly index: Map<number, number>;
}

export const noPairs = (): Pairs => ({
  chosen: [],
  rejected: [],
  counts: [],
  total: 0,
  index: new Map(),
});

export function addPair(pairs: Pairs, cells: number, chosen: number, rejected: number): void {
  const key = chosen * cells + rejected;
  const at = pairs.index.get(key);
  pairs.total++;
  if (at !== undefined) {
    pairs.counts[at]!++;
    return;
  }
  pairs.index.set(key, pairs.counts.length);
  pairs.chosen.push(chosen);
  pairs.rejected.push(rejected);
  pairs.counts.push(1);
}

export function flattenProblem(
  fn: string,
  problem: PreferenceProblem,
  { allowSame = false }: { readonly allowSame?: boolean } = {},
): FlatProblem {
  const {
    data: logReference,
    prompts,
    responses,
  } = tableOf(fn, "logReference", check(fn, "problem", problem, anyRecord).logReference);
  const reference = logReference.map(Math.exp);
  for (let x = 0; x < prompts; x++) {
    const total = reference.subarray(x * responses, (x + 1) * responses).reduce((a, b) => a + b, 0);
    if (!(Math.abs(total - 1) <= 1e-9))
      throw new DomainError(
        `${fn}: logReference must be logarithms of distributions; row ${x} sums to ${total}`,
      );
  }
  const calibration =
    problem.calibration === undefined
      ? reference
      : distributions(fn, "calibration", problem.calibration, [prompts, responses]);
  const rho = promptsOf(fn, prompts, problem.promptDistribution);
  let dimension = prompts * responses;
  let features: Float64Array | undefined;
  if (problem.features !== undefined) {
    const phi = array(problem.features, { dtype: "float64" });
    if (
      phi.shape.length !== 3 ||
      phi.shape[0] !== prompts ||
      phi.shape[1] !== responses ||
      phi.size === 0
    )
      throw new ShapeError(
        `${fn}: features must have shape [${prompts}, ${responses}, d], got [${phi.shape.join(", ")}]`,
      );
    features = finite(fn, "features", phi);
    dimension = phi.shape[2]!;
  }
  const rows = array(problem.data, { dtype: "float64" });
  if (rows.size > 0 && (rows.shape.length !== 2 || rows.shape[1] !== 3))
    throw new ShapeError(`${fn}: data must have shape [N, 3], got [${rows.shape.join(", ")}]`);
  const data = numbers(rows);
  const pairs = noPairs();
  for (let i = 0; i * 3 < data.length; i++) {
    const [x, a, b] = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!];
    const index = (value: number, limit: number, what: string): void => {
      if (!Number.isInteger(value) || value < 0 || value >= limit)
        throw new DomainError(
          `${fn}: data[${i}] has ${what} ${value}, expected an integer below ${limit}`,
        );
    };
    index(x, prompts, "prompt");
    index(a, responses, "chosen response");
    index(b, responses, "rejected response");
    if (a === b && !allowSame)
      throw new DomainError(`${fn}: data[${i}] prefers response ${a} to itself`);
    addPair(pairs, prompts * responses, x * responses + a, x * responses + b);
  }
  return { prompts, responses, dimension, logReference, calibration, rho, features, pairs };
}

/** Rewards [X·Y] of parameters: ⟨φ, θ⟩. */
export function rewardsOf(
  { features, dimension, prompts, responses }: FlatProblem,
  theta: Float64Array,
): Float64Array {
  if (!features) return theta;
  return Float64Array.from({ length: prompts * responses }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < dimension; i++) sum += features[k * dimension + i]! * theta[i]!;
    return sum;
  });
}

/** ln π_θ, [X·Y]. */
export function logPolicyOf(problem: FlatProblem, theta: Float64Array, beta: number): Float64Array {
  const { logReference, prompts, responses } = problem;
  const rewards = rewardsOf(problem, theta);
  const logits = logReference.map((l, k) => l + rewards[k]! / beta);
  for (let x = 0; x < prompts; x++) {
    const z = logSumExp(logits, x * responses, responses);
    for (let k = x * responses; k < (x + 1) * responses; k++) logits[k]! -= z;
  }
  return logits;
}

/** Constants of the objective, in mean form. */
export interface ObjectiveOptions {
  readonly beta: number;
  readonly alpha: number;
  readonly sign: 1 | -1;
}

/** The mean-form objective and its gradient, written to `gradient` [d]; and its Hessian when asked for. */
export function evaluate(
  problem: FlatProblem,
  { beta, alpha, sign }: ObjectiveOptions,
  theta: Float64Array,
  gradient: Float64Array,
  hessian?: Float64Array,
): number {
  const {
    prompts,
    responses,
    dimension: d,
    logReference,
    calibration,
    rho,
    features,
    pairs,
  } = problem;
  const cells = prompts * responses;
  const rewards = rewardsOf(problem, theta);
  // Derivatives with respect to the reward table first; features turn them into those of θ.
  const slope = features ? new Float64Array(cells) : gradient.fill(0);
  let value = 0;
  const { chosen, rejected, counts, total } = pairs;
  const share = total > 0 ? 1 / total : 0;
  for (let k = 0; k < counts.length; k++) {
    const a = chosen[k]!;
    const b = rejected[k]!;
    const z = rewards[a]! - rewards[b]!;
    const w = counts[k]! * share;
    value += w * softplus(-z);
    const g = w * sigmoid(-z);
    slope[a]! -= g;
    slope[b]! += g;
  }
  const k = sign * alpha;
  const logits = new Float64Array(responses);
  if (alpha !== 0)
    for (let x = 0; x < prompts; x++) {
      const at = x * responses;
      let mean = 0;
      for (let y = 0; y < responses; y++) {
        logits[y] = logReference[at + y]! + rewards[at + y]! / beta;
        mean += calibration[at + y]! * rewards[at + y]!;
      }
      const z = logSumExp(logits, 0, responses);
      value += k * rho[x]! * (mean - beta * z);
      for (let y = 0; y < responses; y++)
        slope[at + y]! += k * rho[x]! * (calibration[at + y]! - Math.exp(logits[y]! - z));
    }
  if (features)
    for (let i = 0; i < d; i++) {
      let sum = 0;
      for (let c = 0; c < cells; c++) sum += features[c * d + i]! * slope[c]!;
      gradient[i] = sum;
    }
  if (hessian) addHessian(problem, { beta, alpha, sign }, rewards, hessian.fill(0));
  return value;
}

function addHessian(
  problem: FlatProblem,
  { beta, alpha, sign }: ObjectiveOptions,
  rewards: Float64Array,
  hessian: Float64Array,
): void {
  const { prompts, responses, dimension: d, logReference, rho, features, pairs } = problem;
  const feature = (cell: number, i: number): number =>
    features ? features[cell * d + i]! : cell === i ? 1 : 0;
  const outer = (weight: number, v: (i: number) => number, support: readonly number[]): void => {
    for (const i of support) for (const j of support) hessian[i * d + j]! += weight * v(i) * v(j);
  };
  const all = Array.from({ length: d }, (_, i) => i);
  pairs.counts.forEach((count, k) => {
    const [a, b] = [pairs.chosen[k]!, pairs.rejected[k]!];
    const z = rewards[a]! - rewards[b]!;
    outer(
      (count / pairs.total) * sigmoid(z) * sigmoid(-z),
      (i) => feature(a, i) - feature(b, i),
      features ? all : [a, b],
    );
  });
  if (alpha === 0) return;
  const logits = new Float64Array(responses);
  for (let x = 0; x < prompts; x++) {
    const at = x * responses;
    for (let y = 0; y < responses; y++) logits[y] = logReference[at + y]! + rewards[at + y]! / beta;
    const z = logSumExp(logits, 0, responses);
    const mean = new Float64Array(d);
    const support = features ? all : Array.from({ length: responses }, (_, y) => at + y);
    for (let y = 0; y < responses; y++)
      for (const i of support) mean[i]! += Math.exp(logits[y]! - z) * feature(at + y, i);
    for (let y = 0; y < responses; y++)
      outer(
        (-sign * alpha * rho[x]! * Math.exp(logits[y]! - z)) / beta,
        (i) => feature(at + y, i) - mean[i]!,
        support,
      );
  }
}
