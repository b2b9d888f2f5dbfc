/** The theorem's argument as a computation: in the span of a mixture's columns, the sparsest vectors are the style columns. */
import {
  type ArrayInput,
  DomainError,
  ShapeError,
  array,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  satisfying,
} from "@provably/core-tensor/internal";
import { svd } from "@provably/core-tensor/linalg";

/** Coordinates beyond which all subsets are too many. */
const MAX_SIZE = 16;

/**
 * The vectors of a span that vanish on all but `support` coordinates, each once, with unit length and a positive first entry.
 *
 * For $x = M z$ with generic dense content columns and style columns of `support` non-zero entries, these are the style columns up to scale, whatever basis
 * of the column space is given: the identification that sparsity promises, exact. Every set of $p - w$ coordinates is tried, so $p \le 16$.
 *
 * @param basis - any basis of the span, one vector a column, `[p, d]`
 * @param support - $w$, the number of non-zero coordinates, below `p`
 * @param options - `tolerance`: singular values below it times the largest count as zero; default 1e-9
 * @returns the vectors found, `p` numbers each
 * @throws `DomainError` when there are more than 16 coordinates or `support` is out of range
 * @example
 * ```ts
 * import { sparsestInSpan } from "@provably/causal-latent/matte";
 *
 * // the span of (1, 1, 1) and (0, 0, 2), given by another basis
 * sparsestInSpan([[1, 2], [1, 2], [2, 5]], 1); // => [[0, 0, 1]]
 * ```
 * @see Moran, Sridhar, Wang, Blei (2022), "Identifiable deep generative models via sparse decoding", for the idea
 * @category Synthetic data
 */
export function sparsestInSpan(
  basis: ArrayInput,
  support: number,
  options: { readonly tolerance?: number } = {},
): number[][] {
  const { tolerance = 1e-9 } = checkOptions("sparsestInSpan", options, { tolerance: anything });
  check("sparsestInSpan", "tolerance", tolerance, nonNegativeNumber);
  const Q = array(basis as number[], { dtype: "float64" });
  if (Q.shape.length !== 2)
    throw new ShapeError(
      `sparsestInSpan: basis must have shape [p, d], got [${Q.shape.join(", ")}]`,
    );
  const [p, d] = Q.shape as [number, number];
  if (p > MAX_SIZE)
    throw new DomainError(`sparsestInSpan: basis must have at most ${MAX_SIZE} rows, got ${p}`);
  check(
    "sparsestInSpan",
    "support",
    support,
    satisfying<number>(
      `an integer in [1, ${p})`,
      (x) => typeof x === "number" && ((x) => Number.isInteger(x) && x >= 1 && x < p)(x),
    ),
  );
  const q = toTypedArray(Q);
  const scale = Math.max(...svdvalues(q, p, d));
  const found: number[][] = [];
  for (const zeros of subsets(p, p - support)) {
    // a padded square matrix, so that all right singular vectors come out
    const rows = Math.max(zeros.length, d);
    const restricted = new Float64Array(rows * d);
    zeros.forEach((k, r) => restricted.set(q.subarray(k * d, (k + 1) * d), r * d));
    const { singularValues, v } = svd(array(restricted, { shape: [rows, d] }));
    const null_ = Array.from({ length: d }, (_, j) => j).filter(
      (j) => singularValues.get(j) <= tolerance * scale,
    );
    if (null_.length !== 1) continue; // none vanishes there, or the set leaves room for more than one
    const vector = Array.from({ length: p }, (_, k) =>
      Array.from({ length: d }, (_, j) => q[k * d + j]! * v.get(j, null_[0]!)).reduce(
        (a, b) => a + b,
      ),
    );
    const length = Math.hypot(...vector);
    const lead = vector.find((x) => Math.abs(x) > 1e-6 * length)!;
    const unit = vector.map((x) =>
      Math.abs(x) > 1e-9 * length ? x / (Math.sign(lead) * length) : 0,
    );
    if (!found.some((other) => other.every((x, k) => Math.abs(x - unit[k]!) < 1e-6)))
      found.push(unit);
  }
  return found;
}

function svdvalues(q: ArrayLike<number>, p: number, d: number): number[] {
  const { singularValues } = svd(array(Float64Array.from(q), { shape: [p, d] }));
  return [...toTypedArray(singularValues)];
}

/** All sets of `k` of the numbers below `n`. */
function* subsets(n: number, k: number, from = 0): Generator<number[]> {
  if (k === 0) yield [];
  else
    for (let i = from; i <= n - k; i++)
      for (const rest of subsets(n, k - 1, i + 1)) yield [i, ...rest];
}
