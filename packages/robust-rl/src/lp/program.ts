/** Linear programs: minimise a cost subject to inequalities and equalities, over x ≥ 0. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  toTypedArray,
} from "@provably/core-tensor";
import { anything, check, optional, recordOf } from "@provably/core-tensor/internal";
import { float64 } from "../internal/read.js";
import { type DenseProgram, simplex } from "./simplex.js";

/**
 * A linear program $\min\lbrace c \cdot x : Ax \le b,\ Ex = f,\ x \ge 0\rbrace$.
 * @category Linear programs
 */
export interface LinearProgram {
  /** $c$, [n]. */
  readonly cost: ArrayInput;
  /** $A$, [m, n], and $b$, [m]. */
  readonly inequality?: { readonly matrix: ArrayInput; readonly bound: ArrayInput };
  /** $E$, [k, n], and $f$, [k]. */
  readonly equality?: { readonly matrix: ArrayInput; readonly bound: ArrayInput };
}

/**
 * What became of a linear program.
 * @category Linear programs
 */
export interface LinearProgramSolution {
  /** `"optimal"`, or why there is no optimum. */
  readonly status: "optimal" | "infeasible" | "unbounded";
  /** A minimiser, float64 [n]; NaN unless optimal. */
  readonly x: NdArray<"float64">;
  /** $c \cdot x$; NaN unless optimal. */
  readonly value: number;
  /** Multipliers of the inequalities then of the equalities, [m + k]: how the value changes with each bound. NaN unless optimal. */
  readonly multipliers: NdArray<"float64">;
}

const PART = optional(
  recordOf<NonNullable<LinearProgram["inequality"]>>({ matrix: anything, bound: anything }),
);
const PROGRAM = { cost: anything, inequality: PART, equality: PART };

function joined(a: Float64Array, b: Float64Array): Float64Array {
  const out = new Float64Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

export function denseProgram(fn: string, program: LinearProgram): DenseProgram {
  const read = (name: string, x: ArrayInput): NdArray => {
    const a = float64(fn, name, x);
    toTypedArray(a).forEach((value, i) => {
      if (!Number.isFinite(value))
        throw new DomainError(`${fn}: ${name} must be finite, got ${value} at flat index ${i}`);
    });
    return a;
  };
  check(fn, "program", program, recordOf<LinearProgram>(PROGRAM));
  const cost = read("cost", program.cost);
  if (cost.shape.length !== 1 || cost.size === 0)
    throw new ShapeError(`${fn}: cost must be a vector, got shape [${cost.shape.join(", ")}]`);
  const n = cost.size;
  const parts = (["inequality", "equality"] as const).map((name) => {
    const part = program[name];
    if (part === undefined) return { matrix: new Float64Array(0), bound: new Float64Array(0) };
    const [matrix, bound] = [
      read(`${name}.matrix`, part.matrix),
      read(`${name}.bound`, part.bound),
    ];
    if (matrix.size !== bound.size * n || (matrix.size > 0 && matrix.shape[1] !== n))
      throw new ShapeError(
        `${fn}: ${name}.matrix must have shape [${bound.size}, ${n}], got [${matrix.shape.join(", ")}]`,
      );
    return {
      matrix: toTypedArray(matrix) as Float64Array,
      bound: toTypedArray(bound) as Float64Array,
    };
  });
  const [less, equal] = [parts[0]!, parts[1]!];
  return {
    n,
    cost: toTypedArray(cost) as Float64Array,
    matrix: joined(less.matrix, equal.matrix),
    bounds: joined(less.bound, equal.bound),
    inequalities: less.bound.length,
  };
}

/**
 * The solution of a linear program by a dense two-phase simplex method with Bland's rule against cycling.
 *
 * Meant for the many small programs of stage games: O((m + k)(n + m)) a pivot. {@link solveLinearProgramHighs} is for large ones.
 *
 * @param program - see {@link LinearProgram}
 * @returns see {@link LinearProgramSolution}; NaN where there is no optimum
 * @throws `ShapeError` when shapes do not fit
 * @throws `DomainError` for a coefficient that is not finite
 * @example
 * ```ts
 * import { solveLinearProgram } from "@provably/robust-rl";
 *
 * // max x + y with x + 2y ≤ 4, 3x + y ≤ 6
 * const { x, value } = solveLinearProgram({ cost: [-1, -1], inequality: { matrix: [[1, 2], [3, 1]], bound: [4, 6] } });
 * value.toFixed(9); // => "-2.800000000"
 * ```
 * @category Linear programs
 */
export function solveLinearProgram(program: LinearProgram): LinearProgramSolution {
  const dense = denseProgram("solveLinearProgram", program);
  const { status, x, value, multipliers } = simplex(dense);
  return {
    status,
    x: array(x, { dtype: "float64" }),
    value,
    multipliers: array(multipliers, { dtype: "float64" }),
  };
}
