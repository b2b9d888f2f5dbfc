/** Minimising smooth functions of a few hundred numbers: damped Newton and projected gradient. */
import type { NdArray } from "../array/ndarray.js";
import {
  abortSignal,
  anyFunction,
  check,
  checkOptions,
  nonNegativeNumber,
  oneOf,
  positiveNumber,
  show,
  wholeNumber,
} from "../check/index.js";
import { DomainError, LinAlgError, ShapeError } from "../errors.js";
import { solve } from "../linalg/index.js";
import { array, asType, toTypedArray } from "../ops/create.js";
import { type ArrayInput, type Nested, fromNested, toConcrete } from "../trace/input.js";

/**
 * A function to minimise. It returns its value at `x` and writes the derivatives that are asked for,
 * every entry of them; `x` is to be read only.
 * @category Minimisation
 */
export type Objective = (
  x: Float64Array,
  gradient: Float64Array,
  /** Row-major, [n · n]; given by the method `"newton"` where a step is about to be computed. */
  hessian?: Float64Array,
) => number;

/**
 * Options of {@link minimize}.
 * @category Minimisation
 */
export interface MinimizeOptions {
  /** `"newton"` needs the Hessian, `"gradient"` does not. Default `"newton"`. */
  readonly method?: "newton" | "gradient";
  /**
   * Newton ends when no component of the gradient exceeds this, default 1e-10; projected gradient
   * when no coordinate moves by more, default 1e-13.
   */
  readonly tolerance?: number;
  /** Default 100 for Newton, 4000 for projected gradient. */
  readonly maxIterations?: number;
  /**
   * The nearest point of a convex set, for `"gradient"`; default the point itself. `"newton"` has no
   * constraints.
   */
  readonly project?: (x: Float64Array) => Float64Array;
  /** First step length of `"gradient"`, default 1; every search begins at twice the last one. */
  readonly stepSize?: number;
  /** Largest change of a coordinate in one Newton step; default unlimited. */
  readonly maxStep?: number;
  /**
   * What is added to the diagonal of the Hessian, as a share of its largest entry; default 1e-12. It
   * makes a singular system solvable, and grows where the step would not descend.
   */
  readonly damping?: number;
  /** A linear map of the Newton step, onto a subspace in which the minimum is looked for. */
  readonly restrict?: (step: Float64Array) => Float64Array;
  /** Ends the search early, where going on would lead to infinity. */
  readonly stop?: (x: Float64Array) => boolean;
  /** Called after every step. */
  readonly onProgress?: (progress: { readonly iteration: number; readonly value: number }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

const MINIMIZE = {
  method: oneOf("newton", "gradient"),
  tolerance: nonNegativeNumber,
  maxIterations: wholeNumber(0),
  project: anyFunction,
  stepSize: positiveNumber,
  maxStep: positiveNumber,
  damping: nonNegativeNumber,
  restrict: anyFunction,
  stop: anyFunction,
  onProgress: anyFunction,
  signal: abortSignal,
};

/**
 * Where a search ended.
 * @category Minimisation
 */
export interface Minimum {
  /** The last point, float64 [n]. */
  readonly x: NdArray<"float64">;
  readonly value: number;
  /** The gradient there, [n]. */
  readonly gradient: NdArray<"float64">;
  /** Values at the start and after every step, [iterations + 1]. */
  readonly history: NdArray<"float64">;
  readonly iterations: number;
  /** Whether the tolerance was reached; false at the limit of steps, and where `stop` said so. */
  readonly converged: boolean;
}

/**
 * A local minimum of a smooth function, by steps that never go up beyond rounding.
 *
 * `"newton"` steps along $-(H + \lambda I)^{-1} \nabla f$, halved until
 * $f(x - t s) \le f(x) - 10^{-4}\, t\, s^\top \nabla f$ (Armijo). `"gradient"` steps to
 * $P(x - t \nabla f)$ with the projection $P$, doubled from the last and halved until
 * $f(x') \le f(x) + \tfrac12 \nabla f^\top (x' - x)$. Of a convex function the minimum is the
 * global one. O(n³) a Newton step.
 *
 * @param objective - see {@link Objective}
 * @param start - where the search begins, [n]
 * @param options - see {@link MinimizeOptions}
 * @returns see {@link Minimum}
 * @throws `ShapeError` unless `start` is a vector; `DomainError` for options that the method does
 * not read, or where the function is not finite at the start
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { minimize } from "@provably/core-tensor/optim";
 *
 * // x² + x, with derivative 2x + 1
 * const parabola = ([x], gradient, hessian) => {
 *   gradient[0] = 2 * x + 1;
 *   if (hessian) hessian[0] = 2;
 *   return x * x + x;
 * };
 * toNested(minimize(parabola, [3], { damping: 0 }).x); // => [-0.5]
 * const atLeast0 = (x) => x.map((v) => Math.max(v, 0));
 * toNested(minimize(parabola, [3], { method: "gradient", project: atLeast0 }).x); // => [0]
 * ```
 * @see Nocedal, Wright (2006), "Numerical optimization", chapters 3 and 16
 * @category Minimisation
 */
export function minimize(
  objective: Objective,
  start: ArrayInput | Float64Array,
  options: MinimizeOptions = {},
): Minimum {
  const fn = "minimize";
  const { method = "newton" } = checkOptions<MinimizeOptions>(fn, options, MINIMIZE);
  check(fn, "objective", objective, anyFunction);
  for (const name of OTHERS[method])
    if (options[name] !== undefined)
      throw new DomainError(`${fn}: ${name} is not read by method "${method}"`);
  const given = startingPoint(fn, start);
  if (given.shape.length !== 1)
    throw new ShapeError(`${fn}: start must be a vector, got shape [${given.shape.join(", ")}]`);
  const x = Float64Array.from(toTypedArray(given));
  const search = method === "newton" ? newton : projectedGradient;
  const end = search(objective, x, options);
  return {
    x: array<"float64">(end.x),
    value: end.value,
    gradient: array<"float64">(end.gradient),
    history: array<"float64">(Float64Array.from(end.history)),
    iterations: end.history.length - 1,
    converged: end.converged,
  };
}

/** Lists keep all digits of their numbers. */
function startingPoint(fn: string, start: ArrayInput | Float64Array): NdArray<"float64"> {
  const given = Array.isArray(start)
    ? fromNested(fn, start as readonly Nested[], "start", "float64")
    : toConcrete(fn, start as ArrayInput, "start");
  return asType(given, "float64");
}

const OTHERS = {
  newton: ["project", "stepSize"],
  gradient: ["maxStep", "damping", "restrict"],
} as const satisfies Record<string, readonly (keyof MinimizeOptions)[]>;

interface Search {
  readonly x: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
  readonly history: readonly number[];
  readonly converged: boolean;
}

const largest = (x: Float64Array): number => x.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
const dot = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, v, i) => sum + v * b[i]!, 0);

function finiteAtStart(value: number): number {
  if (!Number.isFinite(value))
    throw new DomainError(`minimize: objective must be finite at start, got ${show(value)}`);
  return value;
}

function newton(objective: Objective, start: Float64Array, options: MinimizeOptions): Search {
  const { tolerance = 1e-10, maxIterations = 100, maxStep = Infinity, stop, signal } = options;
  const n = start.length;
  const [hessian, trialGradient] = [new Float64Array(n * n), new Float64Array(n)];
  let x = start;
  let gradient = new Float64Array(n);
  let value = finiteAtStart(objective(x, gradient, hessian));
  const history = [value];
  let converged = largest(gradient) <= tolerance;
  while (!converged && history.length <= maxIterations && !stop?.(x)) {
    signal?.throwIfAborted();
    const step = newtonStep(hessian, gradient, options);
    if (step === undefined) break;
    const slope = dot(gradient, step);
    const whole = Math.min(1, maxStep / largest(step));
    let next: Float64Array | undefined;
    for (let scale = whole; next === undefined && scale > 1e-12 * whole; scale /= 2) {
      const trial = x.map((v, i) => v - scale * step[i]!);
      const there = objective(trial, trialGradient);
      // the last term lets a step pass whose gain is below the rounding of the value
      if (there <= value - 1e-4 * scale * slope + 1e-14 * Math.abs(value)) next = trial;
    }
    if (next === undefined) break;
    x = next;
    gradient = new Float64Array(n);
    value = objective(x, gradient, hessian);
    history.push(value);
    converged = largest(gradient) <= tolerance;
    options.onProgress?.({ iteration: history.length - 1, value });
  }
  return { x, value, gradient, history, converged };
}

/** The damped Newton step; undefined where no damping makes it one of descent. */
function newtonStep(
  hessian: Float64Array,
  gradient: Float64Array,
  { damping = 1e-12, restrict = (step) => step }: MinimizeOptions,
): Float64Array | undefined {
  const n = gradient.length;
  const size = Math.max(largest(hessian), 1e-300);
  let share = damping;
  for (; share < 1e6; share = share < 1e-6 ? Math.max(1e3 * share, 1e-12) : 7 * share) {
    const damped = hessian.slice();
    for (let i = 0; i < n; i++) damped[i * n + i]! += share * size;
    const step = solved(damped, gradient);
    const restricted = step && restrict(step);
    if (restricted && restricted.every(Number.isFinite) && dot(restricted, gradient) > 0)
      return restricted;
  }
  return undefined;
}

function solved(matrix: Float64Array, right: Float64Array): Float64Array | undefined {
  const n = right.length;
  try {
    return toTypedArray(solve(array(matrix, { shape: [n, n] }), array(right))) as Float64Array;
  } catch (error) {
    if (error instanceof LinAlgError) return undefined;
    throw error;
  }
}

function projectedGradient(
  objective: Objective,
  start: Float64Array,
  options: MinimizeOptions,
): Search {
  const { tolerance = 1e-13, maxIterations = 4000, project = (x) => x, stop, signal } = options;
  const n = start.length;
  let x = project(start);
  let gradient = new Float64Array(n);
  let value = finiteAtStart(objective(x, gradient));
  const history = [value];
  let { stepSize: step = 1 } = options;
  let converged = n === 0;
  while (!converged && history.length <= maxIterations && !stop?.(x)) {
    signal?.throwIfAborted();
    const trialGradient = new Float64Array(n);
    let moved: number | undefined;
    for (step *= 2; step > 1e-14; step /= 2) {
      const trial = project(x.map((v, i) => v - step * gradient[i]!));
      const change = trial.map((v, i) => v - x[i]!);
      const there = objective(trial, trialGradient);
      if (!falls(value, there, gradient, trialGradient, change)) continue;
      moved = largest(change);
      [x, value, gradient] = [trial, there, trialGradient];
      break;
    }
    if (moved === undefined) break;
    history.push(value);
    converged = moved <= tolerance;
    options.onProgress?.({ iteration: history.length - 1, value });
  }
  return { x, value, gradient, history, converged };
}

/**
 * The condition of Armijo; where the values differ by their rounding only, in the form that it has
 * for a quadratic: the function still falls at the end of the step.
 */
function falls(
  value: number,
  there: number,
  gradient: Float64Array,
  trialGradient: Float64Array,
  change: Float64Array,
): boolean {
  if (Math.abs(there - value) <= 1e-12 * Math.abs(value)) return dot(trialGradient, change) <= 0;
  return there <= value + 0.5 * dot(gradient, change);
}
