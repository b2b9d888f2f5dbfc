/** Operators that turn a point into what an instrument would see without noise. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  item,
  jvp,
  matmul,
  mul,
  norm,
  sum,
  transpose,
  vjp,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyRecord,
  anyString,
  check,
  checkOptions,
  nonNegativeNumber,
  optional,
  recordOf,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { eigh } from "@provably/core-tensor/linalg";
import { type RngKey, key, normal } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";

const SPEC = recordOf({
  inputSize: wholeNumber(1),
  outputSize: wholeNumber(1),
  apply: anyFunction,
  adjoint: anyFunction,
  name: optional(anyString),
  norm: optional(nonNegativeNumber),
  normalFunction: optional(anyFunction),
});

const NORM = { iterations: wholeNumber(1) };

/**
 * A differentiable operator on batches of points.
 * @category Forward models
 */
export interface Operator {
  readonly name: string;
  /** Numbers in a point, d. */
  readonly inputSize: number;
  /** Numbers in a measurement, m. */
  readonly outputSize: number;
  /** Measurements of points: `[n, d]` to `[n, m]`. */
  apply(x: NdArray): NdArray;
  /** The measurements at `x`, and what takes cotangents `[n, m]` to their product with the Jacobian there; left out, `apply` is differentiated. */
  vjp?(x: NdArray): readonly [NdArray, (cotangent: NdArray) => NdArray];
  /** A bound of the Jacobian's norm; steps of samplers are chosen by it. */
  readonly norm: number;
}

/**
 * A linear operator $A$.
 * @category Forward models
 */
export interface LinearOperator extends Operator {
  /** $A^\top y$: `[n, m]` to `[n, d]`. */
  adjoint(y: NdArray): NdArray;
  /** $f(A^\top A)\,v$ for points `v` `[n, d]`, where the spectrum of $A^\top A$ is known: what exact Gaussian sampling and pseudo-inverses are made of. */
  normalFunction?(f: (eigenvalue: number) => number, v: NdArray): NdArray;
  /** The matrix itself, `[m, d]`, where there is one. */
  readonly matrix?: NdArray;
}

/** An operator, for functions that take one. */
export function checkOperator<O extends Operator>(fn: string, operator: O): O {
  const {
    name,
    inputSize,
    outputSize,
    apply,
    norm: bound,
  } = check(fn, "operator", operator, anyRecord);
  if (typeof name !== "string")
    throw new DomainError(`${fn}: operator.name must be a string, got ${show(name)}`);
  check(fn, "operator.inputSize", inputSize, wholeNumber(1));
  check(fn, "operator.outputSize", outputSize, wholeNumber(1));
  check(fn, "operator.apply", apply, anyFunction);
  if (!(Number.isFinite(bound) && bound >= 0))
    throw new DomainError(`${fn}: operator.norm must be finite and ≥ 0, got ${show(bound)}`);
  for (const part of ["adjoint", "normalFunction", "vjp"])
    if (part in operator)
      check(
        fn,
        `operator.${part}`,
        (operator as unknown as Record<string, unknown>)[part],
        anyFunction,
      );
  return operator;
}

export function isLinear(operator: Operator): operator is LinearOperator {
  return "adjoint" in operator;
}

/** The points as a float64 batch [n, d], or an error that names the function. */
export function batchOf(fn: string, name: string, x: ArrayInput, size: number): NdArray {
  const a = asType(x, "float64");
  if (a.shape.length !== 2 || a.shape[1] !== size)
    throw new ShapeError(`${fn}: ${name} must be [n, ${size}], got [${a.shape.join(", ")}]`);
  return a;
}

/** The measurements at x, and the pullback there. */
export function linearize(
  operator: Operator,
  x: NdArray,
): readonly [NdArray, (cotangent: NdArray) => NdArray] {
  if (operator.vjp !== undefined) return operator.vjp(x);
  if (isLinear(operator)) return [operator.apply(x), (cotangent) => operator.adjoint(cotangent)];
  const [value, back] = vjp((p: NdArray) => operator.apply(p), x);
  return [value, (cotangent) => back(cotangent)[0]];
}

/** The cotangents pulled back through an operator. */
export function pullback(operator: Operator, x: NdArray, cotangent: NdArray): NdArray {
  return isLinear(operator) ? operator.adjoint(cotangent) : linearize(operator, x)[1](cotangent);
}

/** The Jacobian's product with the tangents `v`. */
export function pushforward(operator: Operator, x: NdArray, v: NdArray): NdArray {
  return isLinear(operator)
    ? operator.apply(v)
    : jvp((p: NdArray) => operator.apply(p), [x], [v])[1];
}

/**
 * The norm of a linear operator by power iteration.
 *
 * @param operator - $A$ with its adjoint
 * @param options - `iterations`, default 50
 * @returns largest singular value, from below, to about a percent
 * @example
 * ```ts
 * import { matrixOperator, operatorNorm } from "@provably/score-diffusion";
 *
 * operatorNorm(matrixOperator([[3, 0], [0, 1]])).toFixed(6); // => "3.000000"
 * ```
 * @category Forward models
 */
export function operatorNorm(
  operator: Pick<LinearOperator, "inputSize" | "apply" | "adjoint">,
  options: { readonly iterations?: number } = {},
): number {
  const fn = "operatorNorm";
  const { iterations = 50 } = checkOptions(fn, options, NORM);
  check(
    fn,
    "operator.inputSize",
    check(fn, "operator", operator, anyRecord).inputSize,
    wholeNumber(1),
  );
  check(fn, "operator.apply", operator.apply, anyFunction);
  check(fn, "operator.adjoint", operator.adjoint, anyFunction);
  let v = normal(key("operatorNorm"), [1, operator.inputSize], { dtype: "float64" });
  let size = 0;
  for (let i = 0; i < iterations; i++) {
    const next = batchOf(
      fn,
      "what adjoint returns",
      operator.adjoint(operator.apply(v)),
      operator.inputSize,
    );
    size = item(norm(next)) / item(norm(v));
    if (!(size > 0)) return 0;
    v = mul(1 / item(norm(next)), next);
  }
  return Math.sqrt(size);
}

/**
 * Your own linear operator.
 *
 * @param spec - `inputSize`, `outputSize`, `apply` and `adjoint` on batches; `name`, `norm` and `normalFunction` where you know them
 * @returns operator
 * @throws `DomainError` when `adjoint` is not the adjoint of `apply`: $\langle Ax, y\rangle \ne \langle x, A^\top y\rangle$ for random x and y
 * @example
 * ```ts
 * import { linearOperator } from "@provably/score-diffusion";
 * import { mul } from "@provably/core-tensor";
 *
 * linearOperator({ inputSize: 3, outputSize: 3, apply: (x) => mul(2, x), adjoint: (y) => mul(2, y) }).norm.toFixed(3); // => "2.000"
 * ```
 * @category Forward models
 */
export function linearOperator(
  spec: Pick<LinearOperator, "inputSize" | "outputSize" | "apply" | "adjoint"> &
    Partial<Pick<LinearOperator, "name" | "norm" | "normalFunction">>,
): LinearOperator {
  const {
    inputSize,
    outputSize,
    name = "linearOperator",
  } = check("linearOperator", "spec", spec, SPEC);
  const x = normal(key("linearOperator x"), [1, inputSize], { dtype: "float64" });
  const y = normal(key("linearOperator y"), [1, outputSize], { dtype: "float64" });
  const ax = arrayOf("linearOperator", "what apply returns", spec.apply(x));
  const aty = arrayOf("linearOperator", "what adjoint returns", spec.adjoint(y));
  if (ax.shape.join() !== y.shape.join())
    throw new ShapeError(
      `${name}: apply must give [n, ${outputSize}], got [${ax.shape.join(", ")}]`,
    );
  if (aty.shape.join() !== x.shape.join())
    throw new ShapeError(
      `${name}: adjoint must give [n, ${inputSize}], got [${aty.shape.join(", ")}]`,
    );
  const [left, right] = [item(sum(mul(ax, y))), item(sum(mul(x, aty)))];
  const scale = item(norm(ax)) * item(norm(y)) + item(norm(x)) * item(norm(aty));
  // float32 operators pass too; a wrong adjoint is off by the order of the scale
  if (!(Math.abs(left - right) <= 1e-4 * scale))
    throw new DomainError(
      `${name}: adjoint is not the adjoint of apply: <Ax, y> = ${left}, <x, A'y> = ${right}`,
    );
  return { ...spec, name, norm: spec.norm ?? operatorNorm(spec) };
}

/**
 * A matrix as an operator, $Ax$.
 *
 * The eigenvalues of $A^\top A$ are taken once, O(min(m, d)³).
 *
 * @param matrix - $A$, shape `[m, d]`
 * @returns operator
 * @throws `ShapeError` when `matrix` is not a matrix
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { matrixOperator } from "@provably/score-diffusion";
 *
 * toNested(matrixOperator([[1, 2]]).apply([[3, 4]])); // => [[11]]
 * ```
 * @category Forward models
 */
export function matrixOperator(matrix: ArrayInput): LinearOperator {
  const a = asType(matrix, "float64");
  const [m, d] = a.shape;
  if (m === undefined || d === undefined || a.shape.length !== 2 || a.size === 0)
    throw new ShapeError(
      `matrixOperator: matrix must be [m, d] and not empty, got [${a.shape.join(", ")}]`,
    );
  // of AᵀA and AAᵀ the smaller one is taken apart; on what A does not see, f is f(0)
  const wide = m < d;
  const { eigenvalues, eigenvectors } = eigh(
    wide ? matmul(a, transpose(a)) : matmul(transpose(a), a),
  );
  const least = 1e-13 * Math.max(0, eigenvalues.get(eigenvalues.size - 1));
  const factors = (f: (eigenvalue: number) => number): NdArray =>
    array(
      Float64Array.from({ length: eigenvalues.size }, (_, i) =>
        f(eigenvalues.get(i) > least ? eigenvalues.get(i) : 0),
      ),
    );
  return {
    name: "matrix",
    inputSize: d,
    outputSize: m,
    matrix: a,
    norm: Math.sqrt(Math.max(0, eigenvalues.get(eigenvalues.size - 1))),
    apply: (x) => matmul(batchOf("matrixOperator", "x", x, d), transpose(a)),
    adjoint: (y) => matmul(batchOf("matrixOperator", "y", y, m), a),
    normalFunction(f, points) {
      const v = spectralArguments("matrixOperator", f, points, d);
      if (!wide) return matmul(mul(matmul(v, eigenvectors), factors(f)), transpose(eigenvectors));
      const seen = matmul(matmul(v, transpose(a)), eigenvectors);
      const unseen = f(0);
      const gains = factors((eigenvalue) =>
        eigenvalue === 0 ? 0 : (f(eigenvalue) - unseen) / eigenvalue,
      );
      return add(mul(unseen, v), matmul(matmul(mul(seen, gains), transpose(eigenvectors)), a));
    },
  };
}

/**
 * Compressed sensing: `measurements` inner products with random normal vectors of variance $1/m$.
 *
 * @param size - numbers in a point, d
 * @param measurements - m, usually far below d
 * @param key - random key of the matrix
 * @returns operator
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { compressedSensing } from "@provably/score-diffusion";
 *
 * compressedSensing(64, 16, key(0)).outputSize; // => 16
 * ```
 * @see Candès, Tao (2006), "Near-optimal signal recovery from random projections"
 * @category Forward models
 */
export function compressedSensing(size: number, measurements: number, key: RngKey): LinearOperator {
  check("compressedSensing", "size", size, wholeNumber(1));
  check("compressedSensing", "measurements", measurements, wholeNumber(1));
  return {
    ...matrixOperator(
      normal(key, [measurements, size], { dtype: "float64", std: 1 / Math.sqrt(measurements) }),
    ),
    name: "compressedSensing",
  };
}

/**
 * The point itself: for denoising.
 *
 * @param size - numbers in a point
 * @returns operator
 * @example
 * ```ts
 * import { identityOperator } from "@provably/score-diffusion";
 *
 * identityOperator(4).norm; // => 1
 * ```
 * @category Forward models
 */
export function identityOperator(size: number): LinearOperator {
  check("identityOperator", "size", size, wholeNumber(1));
  return {
    name: "identity",
    inputSize: size,
    outputSize: size,
    norm: 1,
    apply: (x) => batchOf("identityOperator", "x", x, size),
    adjoint: (y) => batchOf("identityOperator", "y", y, size),
    normalFunction(f, points) {
      const v = spectralArguments("identityOperator", f, points, size);
      return mul(f(1), v);
    },
  };
}

/** The points that a function of the spectrum is to be multiplied with. */
export function spectralArguments(
  fn: string,
  f: (eigenvalue: number) => number,
  v: NdArray,
  size: number,
): NdArray {
  check(fn, "f", f, anyFunction);
  return batchOf(fn, "v", v, size);
}

/** p·x + q·y. */
export function blend(p: number, x: NdArray, q: number, y: NdArray): NdArray {
  return add(mul(p, x), mul(q, y));
}
