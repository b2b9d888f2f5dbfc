/** What an online run cost, where the true reward is known. */
import { type ArrayInput, type NdArray, array } from "@provably/core-tensor";
import {
  check,
  checkOptions,
  positiveNumber,
  recordWith,
  tensor,
} from "@provably/core-tensor/internal";
import { finite } from "../arrays.js";
import { type PreferenceProblem, flattenProblem } from "../exact/problem.js";
import { suboptimality, tableOf } from "../exact/values.js";
import type { OnlineResult } from "./online.js";

/**
 * The costs of an online run, apart from each other.
 * @category Training
 */
export interface OnlineCosts {
  /** $\sum_{s \le t} J^\star(r) - J(r, \pi^{(s)})$ after every round, [rounds]: what the policies lost. */
  readonly regret: NdArray<"float64">;
  /** Answers that a judge gave. */
  readonly queries: number;
  /** Queries about a response and itself, from which nothing can be learnt. */
  readonly selfComparisons: number;
  /** $\sum \max_y r(x, y) - r(x, y_1)$ over all queries: what it cost to show the first response. */
  readonly firstResponse: number;
  /** The same of the second response. A reference pays here for what it finds out. */
  readonly secondResponse: number;
}

/**
 * Regret, queries and the cost of the responses that were shown, of a run against a known reward.
 *
 * @param reward - true reward, [X, Y]
 * @param problem - as for the run, see {@link PreferenceProblem}
 * @param run - what {@link onlineVpo} gave
 * @param options - `beta` of the run
 * @returns see {@link OnlineCosts}
 * @throws `ShapeError`, `DomainError` when reward, problem and run do not fit together
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { bradleyTerryOracle, onlineCosts, onlineVpo } from "@provably/rlhf-vpo";
 *
 * const reward = [[1, 0, 0]];
 * const problem = { data: [], logReference: [[1, 1, 1].map((p) => Math.log(p / 3))] };
 * const options = { beta: 0.1, alphaSum: 1, numSteps: 50, bound: { kind: "box", size: 2 } };
 * const run = onlineVpo(key(0), problem, bradleyTerryOracle(reward), options);
 * const costs = onlineCosts(reward, problem, run, { beta: 0.1 });
 * [costs.queries, costs.selfComparisons]; // => [50, 0]
 * costs.secondResponse > costs.firstResponse; // => true
 * ```
 * @category Training
 */
export function onlineCosts(
  reward: ArrayInput,
  problem: PreferenceProblem,
  run: Pick<OnlineResult, "data" | "policies">,
  options: { readonly beta: number },
): OnlineCosts {
  const fn = "onlineCosts";
  checkOptions(fn, options, { beta: positiveNumber });
  const beta = check(fn, "beta", options.beta, positiveNumber);
  const flat = flattenProblem(fn, problem, { allowSame: true });
  const { prompts, responses } = flat;
  const { data: r } = tableOf(fn, "reward", reward, [prompts, responses]);
  check(fn, "run", run, recordWith({ data: tensor, policies: tensor }));
  const rounds = run.policies.shape[0] ?? 0;
  const cells = prompts * responses;
  const policies = finite(fn, "run.policies", run.policies, [rounds, prompts, responses]);
  const table = (data: Float64Array): NdArray<"float64"> =>
    array<"float64">(data, { shape: [prompts, responses] });
  const reference = table(flat.logReference);
  const promptDistribution = array<"float64">(flat.rho);
  let sum = 0;
  const regret = Float64Array.from({ length: rounds }, (_, t) => {
    const policy = table(policies.slice(t * cells, (t + 1) * cells));
    return (sum += suboptimality(reward, policy, reference, { beta, promptDistribution }));
  });
  const asked = finite(fn, "run.data", run.data).subarray(4 * flat.pairs.total);
  const costs = {
    queries: asked.length / 4,
    selfComparisons: 0,
    firstResponse: 0,
    secondResponse: 0,
  };
  for (let at = 0; at < asked.length; at += 4) {
    const [x, y1, y2] = asked.subarray(at, at + 3) as unknown as [number, number, number];
    const row = r.subarray(x * responses, (x + 1) * responses);
    const best = Math.max(...row);
    if (y1 === y2) costs.selfComparisons++;
    costs.firstResponse += best - row[y1]!;
    costs.secondResponse += best - row[y2]!;
  }
  return { regret: array<"float64">(regret), ...costs };
}
