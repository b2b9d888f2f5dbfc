/** Large linear programs through HiGHS, an optional peer dependency that is loaded when first asked for. */
import { DomainError, array } from "@provably/core-tensor";
import type { Highs } from "highs";
import { SolverError } from "./error.js";
import { type LinearProgram, type LinearProgramSolution, denseProgram } from "./program.js";

/** One instance serves this many programs, then a fresh one takes over: an instance that has served very many is known to fail. */
const PROGRAMS_PER_INSTANCE = 1000;

/** From here on HiGHS refuses coefficients (its `large_matrix_value`), and takes costs and bounds for infinite (`infinite_cost`, `infinite_bound`). */
const COEFFICIENT_LIMIT = 1e15;
const INFINITE = 1e20;

function checkBelow(what: string, values: Iterable<number>, limit: number): void {
  for (const x of values)
    if (Math.abs(x) >= limit)
      throw new DomainError(
        `solveLinearProgramHighs: HiGHS takes ${what} below ${limit} in size, got ${x}; scale the program`,
      );
}

let current: { readonly highs: Promise<Highs>; served: number } | undefined;

async function instance(): Promise<Highs> {
  if (current === undefined || current.served >= PROGRAMS_PER_INSTANCE) {
    const load = async (): Promise<Highs> => {
      try {
        const { default: loadHighs } = await import("highs");
        return await loadHighs();
      } catch (cause) {
        throw new SolverError(
          `solveLinearProgramHighs: the package "highs" could not be loaded; install it beside this one (${String(cause)})`,
        );
      }
    };
    current = { highs: load(), served: 0 };
  }
  current.served++;
  return current.highs;
}

/**
 * The solution of a linear program by HiGHS (simplex or interior point, sparse), for programs with more than a few thousand coefficients.
 *
 * Needs the optional package `highs`.
 *
 * @param program - see {@link LinearProgram}
 * @returns see {@link LinearProgramSolution}; NaN where there is no optimum
 * @throws `ShapeError`, `DomainError` as {@link solveLinearProgram}, and `DomainError` for coefficients of $10^{15}$, costs and bounds of $10^{20}$ and more
 * @throws `SolverError` when `highs` is not installed or gives up
 * @example
 * ```ts
 * import { solveLinearProgramHighs } from "@provably/robust-rl";
 *
 * const { value } = await solveLinearProgramHighs({ cost: [-1, -1], inequality: { matrix: [[1, 2], [3, 1]], bound: [4, 6] } });
 * value.toFixed(9); // => "-2.800000000"
 * ```
 * @category Linear programs
 */
export async function solveLinearProgramHighs(
  program: LinearProgram,
): Promise<LinearProgramSolution> {
  const { n, cost, matrix, bounds, inequalities } = denseProgram(
    "solveLinearProgramHighs",
    program,
  );
  checkBelow("costs", cost, INFINITE);
  checkBelow("bounds", bounds, INFINITE);
  checkBelow("coefficients", matrix, COEFFICIENT_LIMIT);
  const highs = await instance();
  const starts = [0];
  const indices: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < bounds.length; i++) {
    for (let j = 0; j < n; j++) {
      const a = matrix[i * n + j]!;
      if (Math.abs(a) < 1e-15) continue;
      indices.push(j);
      values.push(a);
    }
    starts.push(indices.length);
  }
  const model = highs.createModel({
    numCols: n,
    numRows: bounds.length,
    colCost: cost,
    colLower: new Float64Array(n),
    colUpper: new Float64Array(n).fill(highs.infinity),
    rowLower: bounds.map((b, i) => (i < inequalities ? -highs.infinity : b)),
    rowUpper: bounds,
    matrix: { format: "csr", numRows: bounds.length, numCols: n, starts, indices, values },
  });
  try {
    model.options.set({
      output_flag: false,
      primal_feasibility_tolerance: 1e-10,
      dual_feasibility_tolerance: 1e-10,
    });
    model.run();
    let outcome = model.getModelStatus();
    const { modelStatus } = highs.constants;
    if (outcome === modelStatus.unboundedOrInfeasible) {
      model.options.set({ presolve: "off" });
      model.run();
      outcome = model.getModelStatus();
    }
    const status =
      outcome === modelStatus.optimal
        ? "optimal"
        : outcome === modelStatus.unbounded
          ? "unbounded"
          : outcome === modelStatus.infeasible
            ? "infeasible"
            : undefined;
    if (status === undefined)
      throw new SolverError(`solveLinearProgramHighs: HiGHS stopped with status ${outcome}`);
    const { colValue, rowDual } = model.getSolution();
    const optimal = status === "optimal";
    return {
      status,
      x: array(optimal ? Float64Array.from(colValue) : new Float64Array(n).fill(NaN), {
        dtype: "float64",
      }),
      value: optimal ? model.getObjectiveValue() : NaN,
      multipliers: array(
        optimal ? Float64Array.from(rowDual) : new Float64Array(bounds.length).fill(NaN),
        { dtype: "float64" },
      ),
    };
  } finally {
    model.dispose();
  }
}
