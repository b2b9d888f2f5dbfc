/** Exact values and policies of KL-regularised rewards where responses are finitely many. */
import { type ArrayInput, type NdArray, ShapeError, array } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  oneOf,
  positiveNumber,
} from "@provably/core-tensor/internal";
import { distributions, finite, logDistributions, read } from "../arrays.js";
import { logSumExp, sigmoid } from "../numerics.js";

/**
 * What a finite problem is measured with.
 * @category Exact tools
 */
export interface ValueOptions {
  /** Temperature $\beta > 0$ of the KL penalty. */
  readonly beta: number;
  /** $\rho$, [X]; default uniform. */
  readonly promptDistribution?: ArrayInput;
}

export const VALUE = { beta: positiveNumber, promptDistribution: anything };

/** β of options whose names and kinds fit. */
function betaOf(fn: string, options: ValueOptions): number {
  return check(fn, "beta", checkOptions(fn, options, VALUE).beta, positiveNumber);
}

/** Sizes and flat numbers of a table [X, Y]. */
export function tableOf(
  fn: string,
  name: string,
  input: ArrayInput,
  like?: readonly [number, number],
): { data: Float64Array; prompts: number; responses: number } {
  const x = read(fn, name, input);
  if (x.shape.length !== 2 || x.size === 0)
    throw new ShapeError(`${fn}: ${name} must have shape [X, Y], got [${x.shape.join(", ")}]`);
  const data = finite(fn, name, x, like ?? x.shape);
  return { data, prompts: x.shape[0]!, responses: x.shape[1]! };
}

/** The same of a table of logarithms of distributions. */
function policyOf(
  fn: string,
  name: string,
  input: ArrayInput,
  like?: readonly [number, number],
): { data: Float64Array; prompts: number; responses: number } {
  const table = tableOf(fn, name, input, like);
  logDistributions(fn, name, input, [table.prompts, table.responses]);
  return table;
}

export function promptsOf(
  fn: string,
  prompts: number,
  input: ArrayInput | undefined,
): Float64Array {
  return input === undefined
    ? new Float64Array(prompts).fill(1 / prompts)
    : distributions(fn, "promptDistribution", input, [prompts]);
}

const shaped = (data: Float64Array, prompts: number, responses: number): NdArray<"float64"> =>
  array<"float64">(data, { shape: [prompts, responses] });

/** ln Z(x) for every prompt, and the logits ln π_ref + r/β. */
function partition(
  reward: Float64Array,
  logReference: Float64Array,
  beta: number,
  prompts: number,
  responses: number,
) {
  const logits = logReference.map((l, k) => l + reward[k]! / beta);
  const logZ = Float64Array.from({ length: prompts }, (_, x) =>
    logSumExp(logits, x * responses, responses),
  );
  return { logits, logZ };
}

/**
 * The policy that maximises $\mathbb E_\pi r - \beta\,\mathrm{KL}(\pi \Vert \pi_{\mathrm{ref}})$: $\ln\pi_r = \ln\pi_{\mathrm{ref}} + r/\beta - \ln Z$.
 *
 * @param reward - $r$, [X, Y]
 * @param logReference - $\ln\pi_{\mathrm{ref}}$, [X, Y], finite
 * @param beta - $\beta > 0$
 * @returns $\ln\pi_r$, float64 [X, Y]
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are not finite, or policies are no logarithms of distributions
 * @example
 * ```ts
 * import { optimalLogPolicy } from "@provably/rlhf-vpo";
 *
 * const half = Math.log(0.5);
 * optimalLogPolicy([[Math.log(3), 0]], [[half, half]], 1); // => [[Math.log(0.75), Math.log(0.25)]]
 * ```
 * @category Exact tools
 */
export function optimalLogPolicy(
  reward: ArrayInput,
  logReference: ArrayInput,
  beta: number,
): NdArray<"float64"> {
  const fn = "optimalLogPolicy";
  const { data: reference, prompts, responses } = policyOf(fn, "logReference", logReference);
  const { data: r } = tableOf(fn, "reward", reward, [prompts, responses]);
  const { logits, logZ } = partition(
    r,
    reference,
    check(fn, "beta", beta, positiveNumber),
    prompts,
    responses,
  );
  return shaped(
    logits.map((l, k) => l - logZ[Math.floor(k / responses)]!),
    prompts,
    responses,
  );
}

/**
 * The largest KL-regularised value of a reward, $J^\star(r) = \beta\,\mathbb E_\rho \ln \sum_y \pi_{\mathrm{ref}}(y \mid x)\,e^{r(x,y)/\beta}$.
 *
 * A shift of the reward by c(x) shifts the value, though not the optimal policy; calibrate rewards that were fitted to preferences before comparing values.
 *
 * @param reward - $r$, [X, Y]
 * @param logReference - $\ln\pi_{\mathrm{ref}}$, [X, Y]
 * @param options - see {@link ValueOptions}
 * @returns $J^\star(r)$
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are out of range, or policies are no logarithms of distributions
 * @example
 * ```ts
 * import { optimalValue } from "@provably/rlhf-vpo";
 *
 * const half = Math.log(0.5);
 * optimalValue([[1, 1]], [[half, half]], { beta: 0.5 }); // => 1
 * ```
 * @category Exact tools
 */
export function optimalValue(
  reward: ArrayInput,
  logReference: ArrayInput,
  options: ValueOptions,
): number {
  const fn = "optimalValue";
  const { data: reference, prompts, responses } = policyOf(fn, "logReference", logReference);
  const { data: r } = tableOf(fn, "reward", reward, [prompts, responses]);
  const beta = betaOf(fn, options);
  const rho = promptsOf(fn, prompts, options.promptDistribution);
  const { logZ } = partition(r, reference, beta, prompts, responses);
  return beta * rho.reduce((sum, p, x) => sum + p * logZ[x]!, 0);
}

/** E_ρ Σ_y π(y|x) f(x, y), with 0 · f = 0. */
function expectation(
  logPolicy: Float64Array,
  rho: Float64Array,
  responses: number,
  f: (k: number) => number,
): number {
  let total = 0;
  for (let k = 0; k < logPolicy.length; k++) {
    const p = rho[Math.floor(k / responses)]! * Math.exp(logPolicy[k]!);
    if (p > 0) total += p * f(k);
  }
  return total;
}

/**
 * The KL-regularised value of a policy, $J(r,\pi) = \mathbb E_\rho[\mathbb E_\pi r - \beta\,\mathrm{KL}(\pi \Vert \pi_{\mathrm{ref}})]$.
 *
 * @param reward - $r$, [X, Y]
 * @param logPolicy - $\ln\pi$, [X, Y]
 * @param logReference - $\ln\pi_{\mathrm{ref}}$, [X, Y]
 * @param options - see {@link ValueOptions}
 * @returns $J(r, \pi)$
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are out of range, or policies are no logarithms of distributions
 * @example
 * ```ts
 * import { policyValue } from "@provably/rlhf-vpo";
 *
 * const half = Math.log(0.5);
 * policyValue([[1, 0]], [[half, half]], [[half, half]], { beta: 1 }); // => 0.5
 * ```
 * @category Exact tools
 */
export function policyValue(
  reward: ArrayInput,
  logPolicy: ArrayInput,
  logReference: ArrayInput,
  options: ValueOptions,
): number {
  const fn = "policyValue";
  const { data: reference, prompts, responses } = policyOf(fn, "logReference", logReference);
  const { data: r } = tableOf(fn, "reward", reward, [prompts, responses]);
  const { data: policy } = policyOf(fn, "logPolicy", logPolicy, [prompts, responses]);
  const beta = betaOf(fn, options);
  const rho = promptsOf(fn, prompts, options.promptDistribution);
  return expectation(policy, rho, responses, (k) => r[k]! - beta * (policy[k]! - reference[k]!));
}

/**
 * What a policy loses against the best one, exactly: $J^\star(r) - J(r,\pi) = \beta\,\mathbb E_\rho\,\mathrm{KL}(\pi \Vert \pi_r)$. The KL form does not cancel.
 *
 * @param reward - $r$, [X, Y]
 * @param logPolicy - $\ln\pi$, [X, Y]
 * @param logReference - $\ln\pi_{\mathrm{ref}}$, [X, Y]
 * @param options - see {@link ValueOptions}
 * @returns the gap, ≥ 0 but for rounding
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are out of range, or policies are no logarithms of distributions
 * @example
 * ```ts
 * import { optimalLogPolicy, suboptimality } from "@provably/rlhf-vpo";
 *
 * const reference = [[Math.log(0.5), Math.log(0.5)]];
 * suboptimality([[1, 0]], optimalLogPolicy([[1, 0]], reference, 1), reference, { beta: 1 }); // => 0
 * ```
 * @category Exact tools
 */
export function suboptimality(
  reward: ArrayInput,
  logPolicy: ArrayInput,
  logReference: ArrayInput,
  options: ValueOptions,
): number {
  const fn = "suboptimality";
  const { data: reference, prompts, responses } = policyOf(fn, "logReference", logReference);
  const { data: r } = tableOf(fn, "reward", reward, [prompts, responses]);
  const { data: policy } = policyOf(fn, "logPolicy", logPolicy, [prompts, responses]);
  const beta = betaOf(fn, options);
  const rho = promptsOf(fn, prompts, options.promptDistribution);
  const { logits, logZ } = partition(r, reference, beta, prompts, responses);
  return (
    beta *
    expectation(
      policy,
      rho,
      responses,
      (k) => policy[k]! - (logits[k]! - logZ[Math.floor(k / responses)]!),
    )
  );
}

/**
 * The reward that a policy is optimal for, $\beta\,(\ln\pi - \ln\pi_{\mathrm{ref}})$, up to a shift by prompt.
 *
 * @param logPolicy - $\ln\pi$, [X, Y]
 * @param logReference - $\ln\pi_{\mathrm{ref}}$, [X, Y]
 * @param beta - $\beta > 0$
 * @returns float64 [X, Y]
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are not finite, or policies are no logarithms of distributions
 * @example
 * ```ts
 * import { implicitReward } from "@provably/rlhf-vpo";
 *
 * const [policy, reference] = [[0.75, 0.25], [0.5, 0.5]].map((p) => [p.map(Math.log)]);
 * implicitReward(policy, reference, 2); // => [[2 * Math.log(1.5), 2 * Math.log(0.5)]]
 * ```
 * @category Exact tools
 */
export function implicitReward(
  logPolicy: ArrayInput,
  logReference: ArrayInput,
  beta: number,
): NdArray<"float64"> {
  const fn = "implicitReward";
  const { data: reference, prompts, responses } = policyOf(fn, "logReference", logReference);
  const { data: policy } = policyOf(fn, "logPolicy", logPolicy, [prompts, responses]);
  check(fn, "beta", beta, positiveNumber);
  return shaped(
    policy.map((l, k) => beta * (l - reference[k]!)),
    prompts,
    responses,
  );
}

/**
 * Options of {@link calibrateReward}.
 * @category Exact tools
 */
export interface CalibrateOptions {
  /** $\rho$, [X]; default uniform. */
  readonly promptDistribution?: ArrayInput;
  /** Whether the mean over prompts becomes 0 (`"mean"`, the default) or that of every prompt. */
  readonly per?: "mean" | "prompt";
}

const CALIBRATE = { promptDistribution: anything, per: oneOf("mean", "prompt") };

/**
 * A reward shifted so that its mean under the prompts and the calibration policy is 0 (`"mean"`), or its mean for every prompt (`"prompt"`).
 *
 * Preferences do not determine a reward's level; values of fitted rewards mean something only after this.
 *
 * @param reward - $r$, [X, Y]
 * @param calibration - $\pi_{\mathrm{cal}}$, probabilities [X, Y]
 * @param options - see {@link CalibrateOptions}
 * @returns float64 [X, Y]
 * @throws `ShapeError`, `DomainError` when shapes differ or `calibration` is no distribution
 * @example
 * ```ts
 * import { calibrateReward } from "@provably/rlhf-vpo";
 *
 * calibrateReward([[3, 1]], [[0.5, 0.5]]); // => [[1, -1]]
 * ```
 * @category Exact tools
 */
export function calibrateReward(
  reward: ArrayInput,
  calibration: ArrayInput,
  options: CalibrateOptions = {},
): NdArray<"float64"> {
  const fn = "calibrateReward";
  const { per = "mean" } = checkOptions<CalibrateOptions>(fn, options, CALIBRATE);
  const { data: r, prompts, responses } = tableOf(fn, "reward", reward);
  const cal = distributions(fn, "calibration", calibration, [prompts, responses]);
  const rho = promptsOf(fn, prompts, options.promptDistribution);
  const means = Float64Array.from({ length: prompts }, (_, x) => {
    let sum = 0;
    for (let y = 0; y < responses; y++) sum += cal[x * responses + y]! * r[x * responses + y]!;
    return sum;
  });
  const mean = means.reduce((sum, m, x) => sum + rho[x]! * m, 0);
  return shaped(
    r.map((v, k) => v - (per === "prompt" ? means[Math.floor(k / responses)]! : mean)),
    prompts,
    responses,
  );
}

/**
 * The divergence $\mathrm{KL}(p \Vert q)$ for every prompt.
 *
 * @param logP - $\ln p$, [X, Y]
 * @param logQ - $\ln q$, [X, Y]
 * @returns float64 [X], in nats
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are not finite, or policies are no logarithms of distributions
 * @example
 * ```ts
 * import { policyDivergence } from "@provably/rlhf-vpo";
 *
 * const half = [[Math.log(0.5), Math.log(0.5)]];
 * policyDivergence(half, half); // => [0]
 * ```
 * @category Exact tools
 */
export function policyDivergence(logP: ArrayInput, logQ: ArrayInput): NdArray<"float64"> {
  const { data: p, prompts, responses } = policyOf("policyDivergence", "logP", logP);
  const { data: q } = policyOf("policyDivergence", "logQ", logQ, [prompts, responses]);
  return array<"float64">(
    Float64Array.from({ length: prompts }, (_, x) => {
      let sum = 0;
      for (let k = x * responses; k < (x + 1) * responses; k++)
        sum += Math.exp(p[k]!) * (p[k]! - q[k]!);
      return sum;
    }),
  );
}

/**
 * How often a response of one policy is preferred to one of another, when preferences follow Bradley and Terry:
 * $\mathbb E_\rho \sum_{y,y'} \pi_1(y)\,\sigma(r(y)-r(y'))\,\pi_2(y')$.
 *
 * @param logPolicy - $\ln\pi_1$, [X, Y]
 * @param logOther - $\ln\pi_2$, [X, Y]
 * @param reward - $r$, [X, Y]
 * @param options - `promptDistribution`, default uniform
 * @returns a probability; one half for equal policies
 * @throws `ShapeError`, `DomainError` when shapes differ, numbers are not finite, or policies are no logarithms of distributions
 * @example
 * ```ts
 * import { winRate } from "@provably/rlhf-vpo";
 *
 * const half = [[Math.log(0.5), Math.log(0.5)]];
 * winRate(half, half, [[1, 0]]); // => 0.5
 * ```
 * @category Exact tools
 */
export function winRate(
  logPolicy: ArrayInput,
  logOther: ArrayInput,
  reward: ArrayInput,
  options: { readonly promptDistribution?: ArrayInput } = {},
): number {
  const fn = "winRate";
  checkOptions(fn, options, { promptDistribution: anything });
  const { data: r, prompts, responses } = tableOf(fn, "reward", reward);
  const { data: one } = policyOf(fn, "logPolicy", logPolicy, [prompts, responses]);
  const { data: two } = policyOf(fn, "logOther", logOther, [prompts, responses]);
  const rho = promptsOf(fn, prompts, options.promptDistribution);
  let total = 0;
  for (let x = 0; x < prompts; x++)
    for (let i = x * responses; i < (x + 1) * responses; i++)
      for (let j = x * responses; j < (x + 1) * responses; j++)
        total += rho[x]! * Math.exp(one[i]! + two[j]!) * sigmoid(r[i]! - r[j]!);
  return total;
}
