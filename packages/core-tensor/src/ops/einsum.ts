/** Sums of products written with index letters. */
import { show, within } from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { formatShape, sameShape } from "../array/shape.js";
import { DomainError, ShapeError } from "../errors.js";
import { promote } from "../trace/elementwise.js";
import { type ArrayInput, toArray } from "../trace/input.js";
import { broadcastTo } from "./broadcast.js";
import { matmul } from "./matmul.js";
import { sum } from "./reduce.js";
import { reshape, transpose } from "./reshape.js";
import { diagonal } from "./triangle.js";

/** An operand with the letter of each axis. */
interface Lettered {
  readonly x: NdArray;
  readonly letters: readonly string[];
}

/**
 * A sum of products in Einstein's notation: letters that the result does not name are summed over.
 *
 * `"ij,jk->ik"` is the matrix product, `"bhqd,bhkd->bhqk"` the scores of attention, `"ii->"` the trace. Without an arrow the result
 * names, in alphabetical order, the letters that occur once. `...` stands for any number of axes, which broadcast and come where the
result has `...`, or first without an arrow. Operands are contracted from left to right, each pair by one matrix product.
 *
 * @param equation - one letter per axis for each operand, separated by commas, then `->` and the letters of the result
 * @param operands - as many as the equation names
 * @returns array with one axis per letter of the result
 * @throws {@link DomainError} when the equation cannot be read or names another number of operands
 * @throws {@link ShapeError} when an axis has another extent than its letter has elsewhere
 * @example
 * ```ts
 * import { einsum, toNested } from "@provably/core-tensor";
 *
 * toNested(einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])); // => [3, 7]
 * ```
 * @category Matrices
 */
export function einsum(equation: string, ...operands: ArrayInput[]): NdArray {
  const arrays = operands.map((operand, k) => toArray("einsum", operand, `operands[${k}]`));
  const { inputs, output } = withoutEllipsis(parse(equation, operands.length), arrays);
  const extents = new Map<string, number>();
  const items = spreadOut(arrays, inputs).map((x, k): Lettered => {
    const letters = inputs[k]!;
    if (letters.length !== x.shape.length)
      throw new ShapeError(
        `einsum: "${letters.join("")}" names ${letters.length} axes, but operand ${k} has shape ${formatShape(x.shape)}`,
      );
    letters.forEach((letter, axis) => {
      const extent = x.shape[axis]!;
      if ((extents.get(letter) ?? extent) !== extent)
        throw new ShapeError(
          `einsum: "${letter}" has extent ${extents.get(letter)} in one place and ${extent} in another`,
        );
      extents.set(letter, extent);
    });
    return { x, letters };
  });
  for (const letter of output)
    if (!extents.has(letter))
      throw new DomainError(`einsum: "${letter}" is in the result but in no operand`);
  return within("einsum", () => {
    const [first, ...rest] = items.map(takeDiagonals);
    const all = rest.reduce(
      (left, right, k) =>
        contract(left, right, new Set([...output, ...rest.slice(k + 1).flatMap((r) => r.letters)])),
      first!,
    );
    const kept = sumOut(all, new Set(output));
    return transpose(
      kept.x,
      output.map((letter) => kept.letters.indexOf(letter)),
    );
  });
}

interface Parsed {
  readonly inputs: readonly (readonly string[])[];
  readonly output: readonly string[];
}

const DOTS = "...";

function parse(equation: string, count: number): Parsed {
  if (typeof equation !== "string")
    throw new DomainError(`einsum: the equation must be text, got ${show(equation)}`);
  const match = /^((?:[a-zA-Z]|\.{3})*(?:,(?:[a-zA-Z]|\.{3})*)*)(?:->((?:[a-zA-Z]|\.{3})*))?$/.exec(
    equation.replaceAll(" ", ""),
  );
  if (match === null)
    throw new DomainError(`einsum: the equation must look like "ij,jk->ik", got "${equation}"`);
  const inputs = match[1]!.split(",").map(tokens);
  if (inputs.length !== count)
    throw new DomainError(`einsum: "${equation}" names ${inputs.length} operands, got ${count}`);
  const flat = inputs.flat();
  const once = [...new Set(flat)]
    .filter((letter) => letter !== DOTS && flat.indexOf(letter) === flat.lastIndexOf(letter))
    .sort();
  const dots = flat.includes(DOTS) ? [DOTS] : [];
  const output = match[2] === undefined ? [...dots, ...once] : tokens(match[2]);
  for (const letters of inputs)
    if (letters.indexOf(DOTS) !== letters.lastIndexOf(DOTS))
      throw new DomainError(`einsum: "${letters.join("")}" has ... twice`);
  if (new Set(output).size !== output.length)
    throw new DomainError(`einsum: "${output.join("")}" names a letter twice in the result`);
  return { inputs, output };
}

const tokens = (text: string): string[] => text.match(/\.{3}|[a-zA-Z]/g) ?? [];

/** Every `...` replaced by a name for each of its axes, counted from the last. */
function withoutEllipsis({ inputs, output }: Parsed, arrays: readonly NdArray[]): Parsed {
  const widths = inputs.map((letters, k) =>
    letters.includes(DOTS) ? arrays[k]!.shape.length - letters.length + 1 : 0,
  );
  const short = widths.findIndex((width) => width < 0);
  if (short >= 0)
    throw new ShapeError(
      `einsum: "${inputs[short]!.join("")}" names ${inputs[short]!.length - 1} axes, but operand ${short} has shape ${formatShape(arrays[short]!.shape)}`,
    );
  const most = Math.max(0, ...widths);
  if (most > 0 && !output.includes(DOTS))
    throw new DomainError(
      "einsum: the result must have ..., since the axes that it stands for are not summed over",
    );
  const names = (width: number): string[] =>
    Array.from({ length: width }, (_, i) => `..${width - i}`);
  const expand = (letters: readonly string[], width: number): string[] =>
    letters.flatMap((letter) => (letter === DOTS ? names(width) : [letter]));
  return {
    inputs: inputs.map((letters, k) => expand(letters, widths[k]!)),
    output: expand(output, most),
  };
}

/** The operands with the axes that `...` stands for broadcast. */
function spreadOut(arrays: readonly NdArray[], inputs: Parsed["inputs"]): NdArray[] {
  const widest = new Map<string, number>();
  for (const [k, letters] of inputs.entries())
    for (const [axis, letter] of letters.entries())
      if (letter.startsWith("..") && (widest.get(letter) ?? 1) === 1)
        widest.set(letter, arrays[k]!.shape[axis]!);
  return arrays.map((x, k) =>
    x.shape.length !== inputs[k]!.length
      ? x
      : broadcastTo(
          x,
          x.shape.map((extent, axis) =>
            extent === 1 ? (widest.get(inputs[k]![axis]!) ?? 1) : extent,
          ),
        ),
  );
}

/** Replaces axes that share a letter by their diagonal. */
function takeDiagonals({ x, letters }: Lettered): Lettered {
  const twice = letters.find((letter, i) => letters.indexOf(letter) !== i);
  if (twice === undefined) return { x, letters };
  const [i, j] = [letters.indexOf(twice), letters.lastIndexOf(twice)];
  const others = letters.map((_, axis) => axis).filter((axis) => axis !== i && axis !== j);
  const line = diagonal(transpose(x, [...others, i, j]));
  return takeDiagonals({ x: line, letters: [...others.map((axis) => letters[axis]!), twice] });
}

function sumOut({ x, letters }: Lettered, keep: ReadonlySet<string>): Lettered {
  const axes = letters.flatMap((letter, axis) => (keep.has(letter) ? [] : [axis]));
  return {
    x: axes.length > 0 ? sum(x, { axis: axes }) : x,
    letters: letters.filter((letter) => keep.has(letter)),
  };
}

/** Product of two operands, summed over the letters that both have and nobody needs later. */
function contract(left: Lettered, right: Lettered, keep: ReadonlySet<string>): Lettered {
  const a = sumOut(left, new Set([...keep, ...right.letters]));
  const b = sumOut(right, new Set([...keep, ...left.letters]));
  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => keep.has(letter));
  const inner = shared.filter((letter) => !keep.has(letter));
  const rows = a.letters.filter((letter) => !shared.includes(letter));
  const cols = b.letters.filter((letter) => !shared.includes(letter));
  const extent = (letter: string): number => {
    const at = a.letters.indexOf(letter);
    return at >= 0 ? a.x.shape[at]! : b.x.shape[b.letters.indexOf(letter)]!;
  };
  const count = (letters: readonly string[]): number =>
    letters.reduce((n, letter) => n * extent(letter), 1);
  const order = ({ x, letters }: Lettered, ...groups: (readonly string[])[]): NdArray =>
    reshape(
      transpose(
        x,
        groups.flat().map((letter) => letters.indexOf(letter)),
      ),
      [...batch.map(extent), ...groups.slice(1).map(count)],
    );
  const letters = [...batch, ...rows, ...cols];
  const [p, q] = promote("einsum", order(a, batch, rows, inner), order(b, batch, inner, cols));
  return { x: reshape(matmul(p, q), letters.map(extent)), letters };
}

/**
 * The contraction of the last axes of `a` with the first axes of `b`.
 *
 * @param a - shape `[…, k_1, …, k_n]`
 * @param b - shape `[k_1, …, k_n, …]`
 * @param axes - how many axes to contract; default 2
 * @returns array of the remaining axes of `a`, then those of `b`
 * @throws {@link ShapeError} when the contracted extents differ
 * @throws {@link DomainError} when `axes` is not an integer from 0 to the smaller rank
 * @example
 * ```ts
 * import { item, tensordot } from "@provably/core-tensor";
 *
 * item(tensordot([[1, 2], [3, 4]], [[1, 1], [1, 1]])); // => 10
 * ```
 * @category Matrices
 */
export function tensordot(a: ArrayInput, b: ArrayInput, axes = 2): NdArray {
  const [x, y] = promote("tensordot", a, b);
  if (!Number.isInteger(axes) || axes < 0 || axes > Math.min(x.shape.length, y.shape.length))
    throw new DomainError(
      `tensordot: axes must be an integer from 0 to ${Math.min(x.shape.length, y.shape.length)}, got ${show(axes)}`,
    );
  const [kept, rest] = [x.shape.slice(0, x.shape.length - axes), y.shape.slice(axes)];
  const inner = x.shape.slice(x.shape.length - axes);
  if (!sameShape(inner, y.shape.slice(0, axes)))
    throw new ShapeError(
      `tensordot: the last ${axes} axes of ${formatShape(x.shape)} must equal the first ${axes} of ${formatShape(y.shape)}`,
    );
  const count = inner.reduce((n, extent) => n * extent, 1);
  return within("tensordot", () =>
    reshape(matmul(reshape(x, [-1, count]), reshape(y, [count, -1])), [...kept, ...rest]),
  );
}
