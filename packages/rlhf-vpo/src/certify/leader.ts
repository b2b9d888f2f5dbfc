/** What a solution says to those who must decide: is the leader the best, and what would more answers be worth? */
import { type Certificate, array } from "@provably/core-tensor";
import {
  certificate,
  check,
  checkOptions,
  flatNumbers,
  numberInside,
  positiveNumber,
  rngKey,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { eigh } from "@provably/core-tensor/linalg";
import { type RngKey, normal } from "@provably/core-tensor/random";
import type { PreferenceProblem } from "../exact/problem.js";
import { type TrainingResult, type VpoHyperparameters } from "../train/offline.js";
import { type Given, type Table, expectation, largest, likelihoodSlope } from "./given.js";
import { readSolution } from "./solution.js";

/**
 * Certificates of {@link certifyLeader}.
 * @category Certificates
 */
export interface LeaderCertificates {
  /** The probability, averaged over prompts, that the response with the largest reward is the best one; holds from `probability` on. */
  readonly leader: Certificate;
  /**
   * The value of information left: by how much the policy is expected to fall short of the one that knew all rewards, in units of reward; holds up to `value`.
   */
  readonly information: Certificate;
}

/**
 * Options of {@link certifyLeader}.
 * @category Certificates
 */
export interface LeaderOptions {
  /** How probable it must be that the leader is the best; default 0.95. */
  readonly probability?: number;
  /** How much value more answers may still be worth; default 0.05. */
  readonly value?: number;
  /** Draws of rewards; default 4000. */
  readonly numSamples?: number;
  /** The chance that an estimate from draws is off by more than is allowed for; default 0.001. */
  readonly failureProbability?: number;
}

const OPTIONS = {
  probability: numberInside(0, 1),
  value: positiveNumber,
  numSamples: wholeNumber(2),
  failureProbability: numberInside(0, 1),
};

const CLAIMS = {
  leader: "probability that the response with the largest reward is the best",
  information: "value of information left: expected loss against the policy that knew all rewards",
};

/** Largest component of the gradient, in sum form and per pair, at which a result counts as the solution. */
const STATIONARY = 1e-6;

/**
 * Whether the leader is the best response, and what more answers are worth, from the curvature of $\mathrm{NLL}(r) + \alpha N J^\star(r)$ at the saddle point:
 * rewards are taken to be normal around the solution with the inverse of
 * $\sum_i \sigma(z_i)\sigma(-z_i)\,\Delta\phi_i\Delta\phi_i^\top + \tfrac{\alpha N}{\beta}\,\mathbb E_\rho \mathrm{Cov}_{\hat\pi}(\phi)$ as covariance.
 *
 * The value of information is $\mathbb E_r[J^\star(r) - J(r, \hat\pi)]$. Both are estimated from draws, with the error of that allowed for; near the threshold
 * they are undecided, and also where some direction of rewards is neither compared nor held by α. Preferences are read once more, as they were given: a result
 * that is not their solution fails. O(d³) for d parameters.
 *
 * @param key - random key of the draws
 * @param problem - see {@link PreferenceProblem}
 * @param result - what {@link solveVpo} returned, or any `theta` and `logPolicy`
 * @param hyperparameters - as for the solver, pessimistic
 * @param options - see {@link LeaderOptions}
 * @returns see {@link LeaderCertificates}
 * @throws `ShapeError`, `DomainError` when problem and result do not fit, or for optimism
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { certifyLeader, solveVpo } from "@provably/rlhf-vpo";
 *
 * const half = Math.log(0.5);
 * const votes = (n, row) => Array.from({ length: n }, () => row);
 * const few = { data: [...votes(3, [0, 0, 1]), ...votes(2, [0, 1, 0])], logReference: [[half, half]] };
 * const many = { ...few, data: [...votes(300, [0, 0, 1]), ...votes(200, [0, 1, 0])] };
 * const verdict = (problem) => {
 *   const hyperparameters = { beta: 0.5, alpha: 1 / problem.data.length };
 *   const solution = solveVpo(problem, hyperparameters);
 *   return certifyLeader(key(0), problem, solution, hyperparameters).leader.verdict;
 * };
 * verdict(few); // => "fails"
 * verdict(many); // => "holds"
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", for the saddle point
 * @category Certificates
 */
export function certifyLeader(
  key: RngKey,
  problem: PreferenceProblem,
  result: Pick<TrainingResult, "theta" | "logPolicy">,
  hyperparameters: VpoHyperparameters,
  options: LeaderOptions = {},
): LeaderCertificates {
  const fn = "certifyLeader";
  const {
    probability = 0.95,
    value = 0.05,
    numSamples = 4000,
    failureProbability = 0.001,
  } = checkOptions<LeaderOptions>(fn, options, OPTIONS);
  check(fn, "key", key, rngKey);
  const { given, theta, logPolicy, beta, alpha } = readSolution(
    fn,
    problem,
    result,
    hyperparameters,
  );
  const weight = alpha * given.rows.length;
  const off = residual(given, theta, logPolicy, { beta, weight });
  if (!(off <= STATIONARY)) {
    const note = `the result is not the solution: off by ${off.toPrecision(3)}`;
    return both({ leader: 0, information: Infinity }, "fails", note);
  }
  const noise = posterior(given, theta, logPolicy, { beta, weight });
  if (noise === undefined) {
    const note = "some direction of rewards is neither compared nor held by α";
    return both({ leader: NaN, information: NaN }, "undecided", note);
  }
  const found = drawn(key, given, theta, logPolicy, { beta, noise, numSamples });
  // Hoeffding for the share, and Chebyshev's for the value, whose draws have no bound
  const bandLeader = Math.sqrt(Math.log(2 / failureProbability) / (2 * numSamples));
  const bandValue = Math.sqrt(found.variance / (numSamples * failureProbability));
  const verdict = (x: number, band: number, most: number): "holds" | "fails" | "undecided" =>
    x + band <= most ? "holds" : x - band > most ? "fails" : "undecided";
  const normalRewards = "rewards are taken to be normal around the solution, by its curvature";
  return {
    leader: certificate({
      claim: CLAIMS.leader,
      kind: "statistical",
      value: found.share,
      expected: [probability, 1],
      tolerance: bandLeader,
      confidence: 1 - failureProbability,
      verdict: verdict(-found.share, bandLeader, -probability),
      note: normalRewards,
    }),
    information: certificate({
      claim: CLAIMS.information,
      kind: "statistical",
      value: found.loss,
      expected: [0, value],
      tolerance: bandValue,
      confidence: 1 - failureProbability,
      verdict: verdict(found.loss, bandValue, value),
      note: normalRewards,
    }),
  };
}

function both(
  values: Readonly<Record<keyof LeaderCertificates, number>>,
  verdict: "fails" | "undecided",
  note: string,
): LeaderCertificates {
  const of = (name: keyof LeaderCertificates): Certificate =>
    certificate({ claim: CLAIMS[name], kind: "statistical", value: values[name], verdict, note });
  return { leader: of("leader"), information: of("information") };
}

interface Weights {
  readonly beta: number;
  /** α in sum form. */
  readonly weight: number;
}

/** How far policy and rewards are from the saddle point: the gradient per pair, and the policy against the best one for the rewards. */
function residual(
  given: Given,
  theta: readonly number[],
  logPolicy: Table,
  { beta, weight }: Weights,
): number {
  const { rows, rho, calibration, logReference, toParameters } = given;
  const reward = given.rewards(theta);
  const slope = likelihoodSlope(given, (x, a, b) => reward[x]![a]! - reward[x]![b]!);
  const full = slope.map((row, x) =>
    row.map((g, y) => g + weight * rho[x]! * (Math.exp(logPolicy[x]![y]!) - calibration[x]![y]!)),
  );
  const apart = logPolicy.flatMap((row, x) => {
    const score = row.map((l, y) => beta * (l - logReference[x]![y]!) - reward[x]![y]!);
    return score.map((s, y) => Math.exp(row[y]!) * (s - score[0]!));
  });
  return Math.max(largest(toParameters(full)) / Math.max(1, rows.length), largest(apart));
}

/** The features of every response, [X][Y][d]. */
function featuresOf(given: Given): number[][][] {
  const { logReference, toParameters } = given;
  return logReference.map((line, x) =>
    line.map((_, y) => [
      ...toParameters(
        logReference.map((row, i) => row.map((__, j) => (i === x && j === y ? 1 : 0))),
      ),
    ]),
  );
}

/** Directions of parameters, each as long as its standard deviation; undefined where a direction of rewards has none. */
function posterior(
  given: Given,
  theta: readonly number[],
  logPolicy: Table,
  { beta, weight }: Weights,
): readonly (readonly number[])[] | undefined {
  const phi = featuresOf(given);
  const d = theta.length;
  const matrix = new Float64Array(d * d);
  const add = (v: readonly number[], factor: number): void => {
    for (let i = 0; i < d; i++)
      if (v[i] !== 0) for (let j = 0; j < d; j++) matrix[i * d + j]! += factor * v[i]! * v[j]!;
  };
  const minus = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((v, i) => v - b[i]!);
  const reward = given.rewards(theta);
  for (const [x, a, b] of given.rows as readonly (readonly [number, number, number])[]) {
    const p = 1 / (1 + Math.exp(reward[x]![b]! - reward[x]![a]!));
    add(minus(phi[x]![a]!, phi[x]![b]!), p * (1 - p));
  }
  logPolicy.forEach((row, x) => {
    const mean = phi[x]![0]!.map((_, i) =>
      row.reduce((sum, l, y) => sum + Math.exp(l) * phi[x]![y]![i]!, 0),
    );
    row.forEach((l, y) =>
      add(minus(phi[x]![y]!, mean), (weight / beta) * given.rho[x]! * Math.exp(l)),
    );
  });
  const { eigenvalues, eigenvectors } = eigh(array(matrix, { shape: [d, d] }));
  const values = flatNumbers(eigenvalues);
  const top = Math.max(...values, 0);
  const directions: number[][] = [];
  for (let k = 0; k < d; k++) {
    const v = Array.from({ length: d }, (_, i) => eigenvectors.get(i, k));
    if (values[k]! > 1e-12 * top) {
      directions.push(v.map((x) => x / Math.sqrt(values[k]!)));
      continue;
    }
    // a direction without curvature must not tell responses of a prompt apart
    const moved = given.rewards(v);
    if (moved.some((row) => row.some((r) => Math.abs(r - row[0]!) > 1e-6))) return undefined;
  }
  return directions;
}

/** Draws of all rewards: how often the leader is the best, and the mean loss of the policy with its variance. */
function drawn(
  key: RngKey,
  given: Given,
  theta: readonly number[],
  logPolicy: Table,
  {
    beta,
    noise,
    numSamples,
  }: {
    readonly beta: number;
    readonly noise: readonly (readonly number[])[];
    readonly numSamples: number;
  },
): { readonly share: number; readonly loss: number; readonly variance: number } {
  const { rho, logReference } = given;
  const leaders = given.rewards(theta).map((row) => row.indexOf(Math.max(...row)));
  const policy = logPolicy.map((row) => row.map(Math.exp));
  const divergence = expectation(rho, policy, (x, y) => logPolicy[x]![y]! - logReference[x]![y]!);
  const z = flatNumbers(normal(key, [numSamples, noise.length], { dtype: "float64" }));
  let [share, sum, squares] = [0, 0, 0];
  for (let k = 0; k < numSamples; k++) {
    const at = theta.map((t, i) =>
      noise.reduce((s, v, j) => s + v[i]! * z[k * noise.length + j]!, t),
    );
    const reward = given.rewards(at);
    let best = 0;
    reward.forEach((row, x) => {
      const top = Math.max(...row);
      share += row[leaders[x]!] === top ? rho[x]! / numSamples : 0;
      const mass = row.reduce(
        (s, r, y) => s + Math.exp(logReference[x]![y]! + (r - top) / beta),
        0,
      );
      best += rho[x]! * (top + beta * Math.log(mass));
    });
    const loss = best - expectation(rho, policy, (x, y) => reward[x]![y]!) + beta * divergence;
    sum += loss;
    squares += loss * loss;
  }
  const loss = sum / numSamples;
  return { share, loss, variance: Math.max(0, squares / numSamples - loss * loss) };
}
