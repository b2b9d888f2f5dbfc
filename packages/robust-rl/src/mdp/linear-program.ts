/** Ordinary decision processes as linear programs, and the visits of a policy. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { anyRecord, check, show } from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import { SolverError } from "../lp/error.js";
import { solveLinearProgramHighs } from "../lp/highs.js";
import { solveLinearProgram } from "../lp/program.js";
import { checkRows, numbers } from "../uncertainty/worst-case.js";
import { type Mdp, checkMdp, isSparse } from "./model.js";
import { actionsOf, policyOf } from "./policy.js";

/** Programs with more coefficients than this go to HiGHS. */
const SMALL = 2000;

function dense(fn: string, model: Mdp, discount: number): Float64Array {
  if (
    isSparse(checkMdp(fn, model).transitions) ||
    model.steps !== undefined ||
    model.rewardsOnArrival
  )
    throw new ShapeError(`${fn}: needs dense transitions [S, A, S] and rewards [S, A]`);
  if (!(typeof discount === "number" && discount >= 0 && discount < 1))
    throw new DomainError(`${fn}: discount must lie in [0, 1), got ${show(discount)}`);
  return numbers(model.transitions as NdArray);
}

function startOf(fn: string, start: ArrayInput | undefined, numStates: number): Float64Array {
  if (start === undefined) return new Float64Array(numStates).fill(1 / numStates);
  const p = array(start, { dtype: "float64" });
  if (p.shape.join() !== String(numStates))
    throw new ShapeError(
      `${fn}: start must have shape [${numStates}], got [${p.shape.join(", ")}]`,
    );
  checkRows(fn, "start", numbers(p), numStates, []);
  return numbers(p);
}

/**
 * The optimal values of an ordinary decision process by linear programming, $\min \sum_s w_s V_s$ subject to $V \ge r + \gamma P V$. Its multipliers are the
 * discounted visits of the optimal policy.
 *
 * Small programs are solved here, larger ones by the optional package `highs`.
 *
 * @param model - process with dense transitions
 * @param options - `discount` $\gamma$; `start` $w$, distribution of the first state [S], default uniform
 * @returns `values` [S], `occupancy` [S, A], `policy` int32 [S]
 * @throws `ShapeError`, `DomainError` for a process that is sparse or depends on the step, or a discount outside [0, 1)
 * @throws `SolverError` when the solver gives up
 * @example
 * ```ts
 * import { linearProgrammingMdp, mdp } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], rewards: [[1, 0], [0, 0]] });
 * (await linearProgrammingMdp(model, { discount: 0.5 })).values; // => [2, 0]
 * ```
 * @see Puterman (1994), "Markov decision processes", section 6.9
 * @category Planning
 */
export async function linearProgrammingMdp(
  model: Mdp,
  options: { readonly discount: number; readonly start?: ArrayInput },
): Promise<{
  readonly values: NdArray<"float64">;
  readonly occupancy: NdArray<"float64">;
  readonly policy: NdArray;
}> {
  const fn = "linearProgrammingMdp";
  const { discount } = check("linearProgrammingMdp", "options", options, anyRecord);
  const p = dense(fn, model, discount);
  const { numStates: n, numActions } = model;
  const r = numbers(model.rewards);
  const start = startOf(fn, options.start, n);
  // Values are written as a lower bound plus something positive.
  const lowest = r.reduce((a, b) => Math.min(a, b), Infinity) / (1 - discount);
  const rows = n * numActions;
  const matrix = p.map((x) => discount * x);
  const bound = r.map((x) => lowest * (1 - discount) - x);
  for (let row = 0; row < rows; row++) matrix[row * n + Math.floor(row / numActions)]! -= 1;
  const program = {
    cost: array(start),
    inequality: { matrix: array(matrix, { shape: [rows, n] }), bound: array(bound) },
  };
  const { status, x, multipliers } =
    rows * n <= SMALL ? solveLinearProgram(program) : await solveLinearProgramHighs(program);
  if (status !== "optimal") throw new SolverError(`${fn}: the linear program came out ${status}`);
  const occupancy = numbers(multipliers).map((y) => Math.max(0, -y));
  return {
    values: array<"float64">(numbers(x).map((u) => u + lowest)),
    occupancy: array<"float64">(occupancy, { shape: [n, numActions] }),
    policy: actionsOf(occupancy, numActions, [n]),
  };
}

/**
 * How often a policy is expected to be in each state and take each action, discounted:
 * $d(s,a) = \sum_t \gamma^t \Pr(s_t = s, a_t = a)$. It sums to $1/(1-\gamma)$, and $\sum d\,r$ is the value.
 *
 * @param model - process with dense transitions
 * @param policy - actions [S] or probabilities [S, A]
 * @param options - `discount` $\gamma$; `start`, distribution of the first state [S], default uniform
 * @returns float64 [S, A]
 * @throws `ShapeError`, `DomainError` when sizes do not fit
 * @example
 * ```ts
 * import { mdp, occupancyMeasure } from "@provably/robust-rl";
 *
 * occupancyMeasure(mdp({ transitions: [[[1]]], rewards: [[1]] }), [0], { discount: 0.75 }); // => [[4]]
 * ```
 * @category Planning
 */
export function occupancyMeasure(
  model: Mdp,
  policy: ArrayInput,
  options: { readonly discount: number; readonly start?: ArrayInput },
): NdArray<"float64"> {
  const fn = "occupancyMeasure";
  const p = dense(fn, model, check(fn, "options", options, anyRecord).discount);
  const { numStates: n, numActions } = model;
  const pi = policyOf(fn, policy, model);
  const system = new Float64Array(n * n);
  for (let s = 0; s < n; s++) {
    system[s * n + s]! += 1;
    for (let a = 0; a < numActions; a++) {
      const row = (s * numActions + a) * n;
      for (let t = 0; t < n; t++)
        system[t * n + s]! -= options.discount * pi[s * numActions + a]! * p[row + t]!;
    }
  }
  const visits = numbers(
    solve(array(system, { shape: [n, n] }), array(startOf(fn, options.start, n))),
  );
  return array<"float64">(
    pi.map((share, row) => share * visits[Math.floor(row / numActions)]!),
    { shape: [n, numActions] },
  );
}
