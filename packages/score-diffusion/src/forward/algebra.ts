/** Operators made of others: one after the other, one beneath the other, side by side, scaled. */
import {
  DomainError,
  type NdArray,
  ShapeError,
  add,
  concat,
  mul,
  slice,
} from "@provably/core-tensor";
import { anyList, check, finiteNumber } from "@provably/core-tensor/internal";
import {
  type LinearOperator,
  type Operator,
  batchOf,
  checkOperator,
  isLinear,
  linearize,
  spectralArguments,
} from "./operator.js";

/** A list of operators, for functions that take one. */
function checkOperators(fn: string, operators: readonly Operator[]): readonly Operator[] {
  if (check(fn, "operators", operators, anyList).length === 0)
    throw new DomainError(`${fn}: operators must hold at least one, got []`);
  return operators.map((operator) => checkOperator(fn, operator));
}

/** The columns from a place on. */
const columns = (x: NdArray, from: number, size: number): NdArray =>
  slice(x, [0, from], [x.shape[0]!, from + size]);

/** Where each part begins. */
const starts = (sizes: readonly number[]): number[] =>
  sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));

const total = (sizes: readonly number[]): number => sizes.reduce((a, b) => a + b, 0);

/**
 * One operator after another, $x \mapsto A(B(x))$: what an instrument with several parts sees.
 *
 * @param outer - $A$, the later one
 * @param inner - $B$, whose outputs are the inputs of $A$
 * @returns operator; linear when both are. Its `norm` is the product of theirs, a bound
 * @throws `DomainError` when one of them is no operator
 * @throws `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { composeOperators, inpainting, matrixOperator } from "@provably/score-diffusion";
 *
 * const seen = composeOperators(inpainting([0, 1]), matrixOperator([[1, 2], [3, 4]]));
 * toNested(seen.apply([[1, 1]])); // => [[7]]
 * ```
 * @category Forward models
 */
export function composeOperators(outer: LinearOperator, inner: LinearOperator): LinearOperator;
export function composeOperators(outer: Operator, inner: Operator): Operator;
export function composeOperators(outer: Operator, inner: Operator): Operator {
  const fn = "composeOperators";
  checkOperator(fn, outer);
  checkOperator(fn, inner);
  if (outer.inputSize !== inner.outputSize)
    throw new ShapeError(
      `${fn}: outer must take the ${inner.outputSize} outputs of inner, got an inputSize of ${outer.inputSize}`,
    );
  const base = {
    name: `${outer.name} ∘ ${inner.name}`,
    inputSize: inner.inputSize,
    outputSize: outer.outputSize,
    norm: outer.norm * inner.norm,
    apply: (x: NdArray) => outer.apply(inner.apply(x)),
  };
  if (isLinear(outer) && isLinear(inner)) {
    const linear: LinearOperator = { ...base, adjoint: (y) => inner.adjoint(outer.adjoint(y)) };
    return linear;
  }
  return {
    ...base,
    vjp(x) {
      const [between, backInner] = linearize(inner, x);
      const [value, backOuter] = linearize(outer, between);
      return [value, (cotangent) => backInner(backOuter(cotangent))];
    },
  };
}

/**
 * Several operators on the same point, their measurements one after another: $x \mapsto (A_1(x), A_2(x), \dots)$.
 *
 * @param operators - at least one, all of the same `inputSize`
 * @returns operator; linear when all are. Its `norm` is the root of the sum of the squared norms, a bound
 * @throws `DomainError` when there is none, or one is no operator
 * @throws `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { identityOperator, matrixOperator, stackOperators } from "@provably/score-diffusion";
 *
 * toNested(stackOperators([identityOperator(2), matrixOperator([[1, 1]])]).apply([[3, 4]])); // => [[3, 4, 7]]
 * ```
 * @category Forward models
 */
export function stackOperators(operators: readonly LinearOperator[]): LinearOperator;
export function stackOperators(operators: readonly Operator[]): Operator;
export function stackOperators(operators: readonly Operator[]): Operator {
  const fn = "stackOperators";
  const parts = checkOperators(fn, operators);
  const { inputSize } = parts[0]!;
  parts.forEach((part, i) => {
    if (part.inputSize !== inputSize)
      throw new ShapeError(
        `${fn}: operators[${i}] must take the ${inputSize} numbers that operators[0] takes, got an inputSize of ${part.inputSize}`,
      );
  });
  const sizes = parts.map((part) => part.outputSize);
  const from = starts(sizes);
  const base = {
    name: `[${parts.map((part) => part.name).join("; ")}]`,
    inputSize,
    outputSize: total(sizes),
    norm: Math.hypot(...parts.map((part) => part.norm)),
    apply: (x: NdArray) =>
      concat(
        parts.map((part) => part.apply(x)),
        { axis: 1 },
      ),
  };
  const sumOf = (y: NdArray, backs: readonly ((cotangent: NdArray) => NdArray)[]): NdArray =>
    backs.map((back, i) => back(columns(y, from[i]!, sizes[i]!))).reduce((a, b) => add(a, b));
  if (parts.every(isLinear)) {
    const adjoints = parts.map((part) => (y: NdArray) => part.adjoint(y));
    const linear: LinearOperator = {
      ...base,
      adjoint: (y) => sumOf(batchOf(fn, "y", y, base.outputSize), adjoints),
    };
    return linear;
  }
  return {
    ...base,
    vjp(x) {
      const both = parts.map((part) => linearize(part, x));
      return [
        concat(
          both.map(([value]) => value),
          { axis: 1 },
        ),
        (cotangent) =>
          sumOf(
            cotangent,
            both.map(([, back]) => back),
          ),
      ];
    },
  };
}

/**
 * Several operators side by side, each on its own part of the point: a batch of instruments as one, the block-diagonal operator.
 *
 * Equal operators on every channel of an image are quicker by {@link perChannel}.
 *
 * @param operators - at least one; the first takes the first `inputSize` numbers, and so on
 * @returns operator; linear when all are, with a function of the spectrum where all have one. Its `norm` is the greatest
 * @throws `DomainError` when there is none, or one is no operator
 * @throws `ShapeError`, when applied, for points of another size
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { blockOperators, identityOperator, inpainting } from "@provably/score-diffusion";
 *
 * toNested(blockOperators([identityOperator(1), inpainting([0, 1])]).apply([[1, 2, 3]])); // => [[1, 3]]
 * ```
 * @category Forward models
 */
export function blockOperators(operators: readonly LinearOperator[]): LinearOperator;
export function blockOperators(operators: readonly Operator[]): Operator;
export function blockOperators(operators: readonly Operator[]): Operator {
  const fn = "blockOperators";
  const parts = checkOperators(fn, operators);
  const inputs = parts.map((part) => part.inputSize);
  const outputs = parts.map((part) => part.outputSize);
  const [inputSize, outputSize] = [total(inputs), total(outputs)];
  const cut = (name: string, x: NdArray, sizes: readonly number[]): NdArray[] => {
    const rows = batchOf(fn, name, x, total(sizes));
    return starts(sizes).map((from, i) => columns(rows, from, sizes[i]!));
  };
  const joined = (pieces: readonly NdArray[]): NdArray => concat(pieces, { axis: 1 });
  const base = {
    name: `(${parts.map((part) => part.name).join(", ")})`,
    inputSize,
    outputSize,
    norm: Math.max(...parts.map((part) => part.norm)),
    apply: (x: NdArray) => joined(cut("x", x, inputs).map((piece, i) => parts[i]!.apply(piece))),
  };
  if (!parts.every(isLinear))
    return {
      ...base,
      vjp(x) {
        const both = cut("x", x, inputs).map((piece, i) => linearize(parts[i]!, piece));
        return [
          joined(both.map(([value]) => value)),
          (cotangent) =>
            joined(cut("cotangent", cotangent, outputs).map((piece, i) => both[i]![1](piece))),
        ];
      },
    };
  const linear = parts;
  const whole: LinearOperator = {
    ...base,
    adjoint: (y) => joined(cut("y", y, outputs).map((piece, i) => linear[i]!.adjoint(piece))),
    ...(linear.every((part) => part.normalFunction !== undefined) && {
      normalFunction: (f: (eigenvalue: number) => number, v: NdArray) =>
        joined(
          cut("v", spectralArguments(fn, f, v, inputSize), inputs).map((piece, i) =>
            linear[i]!.normalFunction!(f, piece),
          ),
        ),
    }),
  };
  return whole;
}

/**
 * An operator times a number, $x \mapsto c\,A(x)$: the gain of an instrument.
 *
 * @param operator - $A$
 * @param factor - $c$, finite
 * @returns operator; linear when `operator` is, with its function of the spectrum
 * @throws `DomainError` when `operator` is none, or `factor` is not finite
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { identityOperator, scaleOperator } from "@provably/score-diffusion";
 *
 * toNested(scaleOperator(identityOperator(2), 3).apply([[1, 2]])); // => [[3, 6]]
 * ```
 * @category Forward models
 */
export function scaleOperator(operator: LinearOperator, factor: number): LinearOperator;
export function scaleOperator(operator: Operator, factor: number): Operator;
export function scaleOperator(operator: Operator, factor: number): Operator {
  const fn = "scaleOperator";
  checkOperator(fn, operator);
  check(fn, "factor", factor, finiteNumber);
  const { inputSize, outputSize } = operator;
  const base = {
    name: `${factor} · ${operator.name}`,
    inputSize,
    outputSize,
    norm: Math.abs(factor) * operator.norm,
    apply: (x: NdArray) => mul(factor, operator.apply(x)),
  };
  if (!isLinear(operator))
    return {
      ...base,
      vjp(x) {
        const [value, back] = linearize(operator, x);
        return [mul(factor, value), (cotangent) => back(mul(factor, cotangent))];
      },
    };
  const spectrum = operator.normalFunction;
  const scaled: LinearOperator = {
    ...base,
    adjoint: (y) => mul(factor, operator.adjoint(y)),
    ...(spectrum !== undefined && {
      normalFunction: (f: (eigenvalue: number) => number, v: NdArray) =>
        spectrum.call(operator, (eigenvalue) => f(factor * factor * eigenvalue), v),
    }),
  };
  return scaled;
}
