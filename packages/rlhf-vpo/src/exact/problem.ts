/** Preference data on finitely many responses, aggregated, and the VPO objective on them. */
import { type ArrayInput, DomainError, ShapeError } from "@provably/core-tensor";
import { anything, check, flatNumbers, optional, recordOf } from "@provably/core-tensor/internal";
import { distributions, finite, logDistributions, read } from "../arrays.js";
import { logSumExp, sigmoid, softplus } from "../numerics.js";
import { promptsOf, tableOf } from "./values.js";

/**
 * Preferences among finitely many responses, and a log-linear class of policies $\ln\pi_\theta = \ln\pi_{\mathrm{ref}} + \langle\phi,\theta\rangle/\beta - \ln Z$.
 * @category Training
 */
export interface PreferenceProblem {
  /**
   * Rows of [prompt, chosen, rejected] indices, [N, 3]; or [N, 4] with the probability that the first of the two is preferred: 1 is a choice, 0 the
   * other choice, 0.5 a tie.
   */
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

const PROBLEM = recordOf<PreferenceProblem>({
  data: anything,
  logReference: anything,
  calibration: optional(anything),
  promptDistribution: optional(anything),
  features: optional(anything),
});

/** The problem itself, with the fields that it must have and no other. */
export const checkProblem = (fn: string, problem: PreferenceProblem): PreferenceProblem =>
  check(fn, "problem", problem, PROBLEM);

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

/** Distinct pairs as flat indices x·Y + y, with the weights of their answers. */
export interface Pairs {
  readonly chosen: number[];
  readonly rejected: number[];
  readonly counts: number[];
  /** Number of answers. */
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

/** One answer: with probability p the first is better, with 1 − p the second. */
export function addAnswer(
  pairs: Pairs,
  cells: number,
  first: number,
  second: number,
  p: number,
): void {
  pairs.total++;
  if (p > 0) addPair(pairs, cells, first, second, p);
  if (p < 1) addPair(pairs, cells, second, first, 1 - p);
}

function addPair(
  pairs: Pairs,
  cells: number,
  chosen: number,
  rejected: number,
  weight: number,
): void {
  const key = chosen * cells + rejected;
  const at = pairs.index.get(key);
  if (at !== undefined) {
    pairs.counts[at]! += weight;
    return;
  }
  pairs.index.set(key, pairs.counts.length);
  pairs.chosen.push(chosen);
  pairs.rejected.push(rejected);
  pairs.counts.push(weight);
}

/** A row of preferences: prompt, two responses, and the probability that the first is preferred. */
export type Answer = readonly [number, number, number, number];

/** The rows of a problem, each held against the tables. */
export function answersOf(
  fn: string,
  name: string,
  input: ArrayInput,
  prompts: number,
  responses: number,
  { allowSame = false }: { readonly allowSame?: boolean } = {},
): readonly Answer[] {
  const rows = read(fn, name, input);
  const none = rows.shape[0] === 0;
  const width = none ? 3 : (rows.shape[1] ?? 0);
  if (!none && (rows.shape.length !== 2 || (width !== 3 && width !== 4)))
    throw new ShapeError(
      `${fn}: ${name} must have shape [N, 3] or, with probabilities, [N, 4], got [${rows.shape.join(", ")}]`,
    );
  const data = flatNumbers(rows);
  const index = (i: number, column: number, limit: number, what: string): number => {
    const value = data[width * i + column]!;
    if (!Number.isInteger(value) || value < 0 || value >= limit)
      throw new DomainError(
        `${fn}: ${name}[${i}] has ${what} ${value}, expected an integer below ${limit}`,
      );
    return value;
  };
  return Array.from({ length: data.length / width }, (_, i) => {
    const x = index(i, 0, prompts, "prompt");
    const a = index(i, 1, responses, "chosen response");
    const b = index(i, 2, responses, "rejected response");
    if (a === b && !allowSame)
      throw new DomainError(`${fn}: ${name}[${i}] prefers response ${a} to itself`);
    const p = width === 4 ? data[width * i + 3]! : 1;
    if (!(p >= 0 && p <= 1))
      throw new DomainError(`${fn}: ${name}[${i}] has probability ${p}, expected one in [0, 1]`);
    return [x, a, b, p] as const;
  });
}

export function flattenProblem(
  fn: string,
  problem: PreferenceProblem,
  options: { readonly allowSame?: boolean } = {},
): FlatProblem {
  const { logReference: reference, calibration, promptDistribution } = checkProblem(fn, problem);
  const { prompts, responses } = tableOf(fn, "logReference", reference);
  const shape = [prompts, responses];
  const logReference = logDistributions(fn, "logReference", reference, shape);
  const rho = promptsOf(fn, prompts, promptDistribution);
  let dimension = prompts * responses;
  let features: Float64Array | undefined;
  if (problem.features !== undefined) {
    const phi = read(fn, "features", problem.features);
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
  const pairs = noPairs();
  for (const [x, a, b, p] of answersOf(fn, "data", problem.data, prompts, responses, options))
    addAnswer(pairs, prompts * responses, x * responses + a, x * responses + b, p);
  return {
    prompts,
    responses,
    dimension,
    logReference,
    calibration:
      calibration === undefined
        ? logReference.map(Math.exp)
        : distributions(fn, "calibration", calibration, shape),
    rho,
    features,
    pairs,
  };
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

/** Hyperparameters of the objective, in mean form, with the sign of the value term. */
export interface Hyperparameters {
  readonly beta: number;
  readonly alpha: number;
  readonly sign: 1 | -1;
}

/** The mean-form objective and its gradient, written to `gradient` [d]; and its Hessian when asked for. */
export function evaluate(
  problem: FlatProblem,
  { beta, alpha, sign }: Hyperparameters,
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
  { beta, alpha, sign }: Hyperparameters,
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
