/** Which distribution to calibrate rewards against, and how far the data reach. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  array,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  mapOf,
  nonNegativeNumber,
  positiveNumber,
  rngKey,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, permutation } from "@provably/core-tensor/random";
import { distributions, logDistributions } from "../arrays.js";
import { softplus } from "../numerics.js";
import { solveVpo } from "../train/offline.js";
import { type Answer, type PreferenceProblem, answersOf, flattenProblem } from "./problem.js";

/**
 * How much of a policy the data speak of.
 * @category Calibration
 */
export interface Coverage {
  /** Share of the policy's mass on responses that occur in the data. */
  readonly covered: number;
  /** $\sup \pi / \mu$ over responses that the policy gives, with μ the responses of the data; infinite where one of them does not occur. */
  readonly concentration: number;
  /** Frequencies μ of the responses in the data, both of each pair, [X, Y]; the reference where a prompt does not occur. */
  readonly dataDistribution: NdArray<"float64">;
}

/** Frequencies of responses, both of each pair; a prompt without data keeps the reference. */
function frequencies(
  rows: readonly Answer[],
  reference: Float64Array,
  responses: number,
): Float64Array {
  const counts = new Float64Array(reference.length);
  for (const [x, a, b] of rows) {
    counts[x * responses + a]!++;
    counts[x * responses + b]!++;
  }
  for (let at = 0; at < counts.length; at += responses) {
    const total = counts.subarray(at, at + responses).reduce((sum, n) => sum + n, 0);
    for (let k = at; k < at + responses; k++)
      counts[k] = total === 0 ? Math.exp(reference[k]!) : counts[k]! / total;
  }
  return counts;
}

/**
 * How much of a policy's mass the preferences cover: what pessimism rests on.
 *
 * @param problem - see {@link PreferenceProblem}
 * @param logPolicy - $\ln\pi$, [X, Y], default the reference
 * @returns see {@link Coverage}
 * @throws `ShapeError`, `DomainError` when the problem does not fit together
 * @example
 * ```ts
 * import { coverageOf } from "@provably/rlhf-vpo";
 *
 * const third = Math.log(1 / 3);
 * coverageOf({ data: [[0, 0, 1]], logReference: [[third, third, third]] }).covered.toFixed(3); // => "0.667"
 * ```
 * @category Calibration
 */
export function coverageOf(problem: PreferenceProblem, logPolicy?: ArrayInput): Coverage {
  const fn = "coverageOf";
  const { prompts, responses, logReference, rho } = flattenProblem(fn, problem);
  const policy =
    logPolicy === undefined
      ? logReference
      : logDistributions(fn, "logPolicy", logPolicy, [prompts, responses]);
  const rows = answersOf(fn, "data", problem.data, prompts, responses);
  const data = frequencies(rows, logReference, responses);
  const seen = new Set(rows.flatMap(([x, a, b]) => [x * responses + a, x * responses + b]));
  let [covered, concentration] = [0, 0];
  policy.forEach((l, k) => {
    const mass = rho[Math.floor(k / responses)]! * Math.exp(l);
    if (mass === 0) return;
    if (seen.has(k)) covered += mass;
    concentration = Math.max(concentration, seen.has(k) ? Math.exp(l) / data[k]! : Infinity);
  });
  return {
    covered,
    concentration,
    dataDistribution: array<"float64">(data, { shape: [prompts, responses] }),
  };
}

/**
 * A calibration that was tried.
 * @category Calibration
 */
export interface CalibrationScore {
  readonly name: string;
  /** Mean negative log-likelihood of held-out preferences, in nats. */
  readonly nll: number;
  /** Its standard error. */
  readonly standardError: number;
}

/**
 * The calibration that explains held-out preferences best.
 * @category Calibration
 */
export interface CalibrationChoice {
  readonly name: string;
  /** [X, Y], for {@link PreferenceProblem}. */
  readonly calibration: NdArray<"float64">;
  /** All that were tried, the best first. */
  readonly scores: readonly CalibrationScore[];
  /** Whether the second best is within two standard errors of the difference: then take the one whose meaning you want. */
  readonly undecided: boolean;
  /** How much of the reference the data cover. */
  readonly coverage: Coverage;
}

/**
 * Options of {@link chooseCalibration}.
 * @category Calibration
 */
export interface CalibrationChoiceOptions {
  /** Temperature $\beta > 0$. */
  readonly beta: number;
  /** $\alpha$ in sum form, on all data; default 3. */
  readonly alphaSum?: number;
  /** Folds of the cross-validation; default 5. */
  readonly folds?: number;
  /** Distributions to try, [X, Y], beside `reference`, `data` (the frequencies of responses) and `mixture` (half of each). */
  readonly candidates?: Readonly<Record<string, ArrayInput>>;
}

const CHOOSE = {
  beta: positiveNumber,
  alphaSum: nonNegativeNumber,
  folds: wholeNumber(2),
  candidates: mapOf(anything),
};

/**
 * Chooses the calibration policy by cross-validation: VPO is solved without each fold and judged by the likelihood of that fold's preferences.
 *
 * Likelihood sees what the data cover and no more: two calibrations that differ on responses which nobody compared explain them alike. Read `coverage` beside
 * it, and the guide "Choose the calibration".
 *
 * @param key - random key of the folds
 * @param problem - see {@link PreferenceProblem}; its `calibration` is tried as `given`
 * @param options - see {@link CalibrationChoiceOptions}
 * @returns see {@link CalibrationChoice}
 * @throws `DomainError` for fewer preferences than folds, candidates that are no distributions, or options out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { chooseCalibration } from "@provably/rlhf-vpo";
 *
 * const third = Math.log(1 / 3);
 * const data = [...Array(8).fill([0, 0, 1]), ...Array(4).fill([0, 1, 0]), ...Array(3).fill([0, 0, 2])];
 * const choice = chooseCalibration(key(0), { data, logReference: [[third, third, third]] }, { beta: 1 });
 * choice.scores.map(({ name }) => name).sort(); // => ["data", "mixture", "reference"]
 * choice.coverage.covered.toFixed(3); // => "1.000"
 * ```
 * @category Calibration
 */
export function chooseCalibration(
  key: RngKey,
  problem: PreferenceProblem,
  options: CalibrationChoiceOptions,
): CalibrationChoice {
  const fn = "chooseCalibration";
  const {
    alphaSum = 3,
    folds = 5,
    candidates = {},
  } = checkOptions<CalibrationChoiceOptions>(fn, options, CHOOSE);
  const beta = check(fn, "beta", options.beta, positiveNumber);
  check(fn, "key", key, rngKey);
  const { prompts, responses, logReference } = flattenProblem(fn, problem);
  const shape = [prompts, responses];
  const rows = answersOf(fn, "data", problem.data, prompts, responses);
  if (rows.length < folds)
    throw new DomainError(`${fn}: data have ${rows.length} rows, and folds is ${folds}`);
  const reference = logReference.map(Math.exp);
  const order = toTypedArray(permutation(key, rows.length));
  const foldOf = (i: number): number => order[i]! % folds;
  const fixed: Record<string, Float64Array> = { reference };
  if (problem.calibration !== undefined)
    fixed["given"] = distributions(fn, "calibration", problem.calibration, shape);
  for (const [name, table] of Object.entries(candidates)) {
    if (["reference", "data", "mixture", "given"].includes(name))
      throw new DomainError(`${fn}: candidates.${name} has the name of one that is tried anyway`);
    fixed[name] = distributions(fn, `candidates.${name}`, table, shape);
  }
  // frequencies are taken without the fold that judges them
  const made = (name: string, given: readonly Answer[]): Float64Array => {
    if (fixed[name]) return fixed[name];
    const data = frequencies(given, logReference, responses);
    return name === "data" ? data : data.map((p, k) => 0.5 * (p + reference[k]!));
  };
  const lossesOf = (name: string): number[] => {
    const losses: number[] = [];
    for (let fold = 0; fold < folds; fold++) {
      const kept = rows.filter((_, i) => foldOf(i) !== fold);
      const calibration = array<"float64">(made(name, kept), { shape });
      const fit = { ...problem, data: kept as unknown as number[][], calibration };
      const { logPolicy } = solveVpo(fit, { beta, alpha: alphaSum / rows.length });
      rows.forEach(([x, a, b, p], i) => {
        if (foldOf(i) !== fold) return;
        const ratio = (y: number): number => logPolicy.get(x, y) - logReference[x * responses + y]!;
        const z = beta * (ratio(a) - ratio(b));
        losses[i] = p * softplus(-z) + (1 - p) * softplus(z);
      });
    }
    return losses;
  };
  const tried = [...Object.keys(fixed), "data", "mixture"]
    .map((name) => ({ name, losses: lossesOf(name) }))
    .map((one) => ({ ...one, ...meanOf(one.losses) }))
    .sort((a, b) => a.mean - b.mean);
  const [first, second] = tried;
  const apart = meanOf(first!.losses.map((l, i) => second!.losses[i]! - l));
  return {
    name: first!.name,
    calibration: array<"float64">(made(first!.name, rows), { shape }),
    scores: tried.map(({ name, mean, standardError }) => ({ name, nll: mean, standardError })),
    undecided: apart.mean <= 2 * apart.standardError,
    coverage: coverageOf(problem),
  };
}

function meanOf(x: readonly number[]): { readonly mean: number; readonly standardError: number } {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, x.length - 1);
  return { mean, standardError: Math.sqrt(variance / x.length) };
}
