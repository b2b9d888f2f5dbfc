/** Ordinary decision processes as linear programs, and the visits of a policy. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  array,
  transpose,
} from "@provably/core-tensor";
import {
  type Schema,
  anything,
  checkOptions,
  numberIn,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { solve } from "@provably/core-tensor/linalg";
import { startOf } from "../internal/distributions.js";
import { SolverError } from "../lp/error.js";
import { solveLinearProgramHighs } from "../lp/highs.js";
import { solveLinearProgram } from "../lp/program.js";
import { checkMdp } from "./model.js";
import type { Mdp } from "./process.js";
import { actionsOf, policyOf } from "./policy.js";
import { addRow, expectedReward, rowsOf } from "./rows.js";
import { checkSpan } from "./span.js";

/** Programs with more coefficients than this go to HiGHS. */
const SMALL = 2000;

/** Largest number of entries of a matrix that is written out. */
const MOST_ENTRIES = 2 ** 27;

/**
 * Options of what a discounted process does from a start.
 * @category Planning
 */
export interface FromStart {
  /** $\gamma \in [0, 1)$. */
  readonly discount: number;
  /** Distribution of the first state, [states]; default uniform. */
  readonly start?: ArrayInput;
}

const FROM_START: Schema<FromStart> = { discount: numberIn(0, 1), start: anything };

/** The process, the matrix of its rows [S A, S] with their expected rewards, and the start. */
function discounted(fn: string, model: Mdp, options: FromStart, block: number) {
  const { discount, start } = checkOptions<FromStart>(fn, options, FROM_START);
  const whole = checkMdp(fn, model);
  checkSpan(fn, { discount }, whole);
  const { numStates: n, numActions } = whole;
  if (n * block > MOST_ENTRIES)
    throw new DomainError(
      `${fn}: a process of ${n} states and ${numActions} actions needs a matrix of ${n * block} entries, more than 2²⁷`,
    );
  return { n, numActions, discount, whole, rows: rowsOf(fn, whole), first: startOf(fn, start, n) };
}

/**
 * The optimal values of an ordinary decision process by linear programming, $\min \sum_s w_s V_s$ subject to $V \ge r + \gamma P V$. Its multipliers are the
 * discounted visits of the optimal policy.
 *
 * Small programs are solved here, larger ones by the optional package `highs`.
 *
 * @param model - process that does not depend on the step
 * @param options - see {@link FromStart}; `start` is $w$
 * @returns `values` [S], `occupancy` [S, A], `policy` int32 [S]
 * @throws `ShapeError`, `DomainError` for a process that depends on the step, or a discount outside [0, 1)
 * @throws `SolverError` when the solver gives up
 * @example
 * ```ts
 * import { linearProgrammingMdp, mdp } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1, 0], [0, 1]], [[0, 1], [0, 1]]], rewards: [[1, 0], [0, 0]], axes: "SAS" });
 * (await linearProgrammingMdp(model, { discount: 0.5 })).values; // => [2, 0]
 * ```
 * @see Puterman (1994), "Markov decision processes", section 6.9
 * @category Planning
 */
export async function linearProgrammingMdp(
  model: Mdp,
  options: FromStart,
): Promise<{
  readonly values: NdArray<"float64">;
  readonly occupancy: NdArray<"float64">;
  readonly policy: NdArray;
}> {
  const fn = "linearProgrammingMdp";
  const { numStates, numActions: actions } = checkMdp(fn, model);
  const given = discounted(fn, model, options, actions * numStates);
  const { n, numActions, discount, rows: source, first: start } = given;
  const rows = n * numActions;
  const matrix = new Float64Array(rows * n);
  const r = Float64Array.from({ length: rows }, (_, row) => expectedReward(source, 0, row));
  for (let row = 0; row < rows; row++) addRow(source, 0, row, discount, matrix, row * n);
  // Values are written as a lower bound plus something positive.
  const lowest = r.reduce((a, b) => Math.min(a, b), Infinity) / (1 - discount);
  const bound = r.map((x) => lowest * (1 - discount) - x);
  for (let row = 0; row < rows; row++) {
    matrix[row * n + Math.floor(row / numActions)]! -= 1;
    if (!source.allows || source.allows(0, row)) continue;
    // an action that is missing asks for nothing
    matrix.fill(0, row * n, (row + 1) * n);
    bound[row] = 1;
  }
  const program = {
    cost: array(start),
    inequality: { matrix: array(matrix, { shape: [rows, n] }), bound: array(bound) },
  };
  const { status, x, multipliers } =
    rows * n <= SMALL ? solveLinearProgram(program) : await solveLinearProgramHighs(program);
  if (status !== "optimal") throw new SolverError(`${fn}: the linear program came out ${status}`);
  const occupancy = flatNumbers(multipliers).map((y) => Math.max(0, -y));
  return {
    values: array<"float64">(flatNumbers(x).map((u) => u + lowest)),
    occupancy: array<"float64">(occupancy, { shape: [n, numActions] }),
    policy: actionsOf(occupancy, numActions, [n]),
  };
}

/**
 * How often a policy is expected to be in each state and take each action, discounted:
 * $d(s,a) = \sum_t \gamma^t \Pr(s_t = s, a_t = a)$. It sums to $1/(1-\gamma)$, and $\sum d\,r$ is the value.
 *
 * @param model - process that does not depend on the step
 * @param policy - actions [S] or probabilities [S, A]
 * @param options - see {@link FromStart}
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
  options: FromStart,
): NdArray<"float64"> {
  const fn = "occupancyMeasure";
  const given = discounted(fn, model, options, checkMdp(fn, model).numStates);
  const { n, numActions, discount, rows, whole, first } = given;
  const pi = policyOf(fn, policy, whole);
  // the flow into each state, one column for each state that it comes from
  const flow = new Float64Array(n * n);
  for (let row = 0; row < n * numActions; row++)
    if (pi[row] !== 0)
      addRow(rows, 0, row, -discount * pi[row]!, flow, Math.floor(row / numActions) * n);
  for (let s = 0; s < n; s++) flow[s * n + s]! += 1;
  const system = transpose(array(flow, { shape: [n, n] }));
  const visits = flatNumbers(solve(system, array(first)));
  return array<"float64">(
    pi.map((share, row) => share * visits[Math.floor(row / numActions)]!),
    { shape: [n, numActions] },
  );
}
