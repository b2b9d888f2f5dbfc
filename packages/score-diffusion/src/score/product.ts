/** Distributions put together from simpler ones: independent parts, and parts of a space. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  abs,
  add,
  asType,
  concat,
  eye,
  item,
  matmul,
  max,
  mul,
  slice,
  sub,
  transpose,
} from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  anything,
  check,
  checkOptions,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { NoiseLevel } from "../schedule/level.js";
import { type Model, checkAsked, checkModel, predict } from "./prediction.js";

const OPTIONS = { offset: anything };

/**
 * One factor of {@link productModel}.
 * @category Scores
 */
export interface Factor {
  readonly model: Model;
  /** How many coordinates it speaks of. */
  readonly dimension: number;
}

/**
 * The model of independent parts: each factor denoises its own coordinates.
 *
 * @param factors - models and how many coordinates each takes, in order
 * @returns model of the score on points `[n, Σ dimension]`
 * @throws `DomainError` when there is no factor, or a dimension is not a positive integer
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussian, levelOf, productModel } from "@provably/score-diffusion";
 *
 * const [narrow, wide] = [1, 3].map((v) => ({ model: gaussian({ mean: [0], covariance: [[v]] }), dimension: 1 }));
 * const x = array([[1, 1]], { dtype: "float64" });
 * toNested(productModel([narrow, wide]).evaluate(x, levelOf(0.5))); // => [[-1, -0.5]]
 * ```
 * @category Scores
 */
export function productModel(factors: readonly Factor[]): Model {
  if (check("productModel", "factors", factors, anyList).length === 0)
    throw new DomainError("productModel: factors must hold at least one, got none");
  for (const [i, factor] of factors.entries()) {
    checkModel(
      "productModel",
      check("productModel", `factors[${i}]`, factor, anyRecord).model,
      `factors[${i}].model`,
    );
    check("productModel", `factors[${i}].dimension`, factor.dimension, wholeNumber(1));
  }
  const total = factors.reduce((sum, { dimension }) => sum + dimension, 0);
  return {
    prediction: "score",
    evaluate(x, level: NoiseLevel) {
      checkAsked("productModel", x, level);
      if (x.shape.length !== 2 || x.shape[1] !== total)
        throw new ShapeError(`productModel: x must be [n, ${total}], got [${x.shape.join(", ")}]`);
      let from = 0;
      const scores = factors.map(({ model, dimension }) => {
        const part = slice(x, [0, from], [x.shape[0]!, (from += dimension)]);
        return predict("productModel", model, part, level, "score");
      });
      return concat(scores, { axis: 1 });
    },
  };
}

/**
 * The model of data on a flat, $x_0 = c + Bz$ with $z$ of the given distribution: $D(x) = c + B\,D_z(B^\top(x - \alpha c))$.
 *
 * Data of low intrinsic dimension in a large space: noise across the flat is taken out exactly, and the distribution has a density only where there is noise.
 *
 * @param model - distribution of the coordinates, on points `[n, k]`
 * @param basis - $B$ with orthonormal columns, shape `[d, k]`
 * @param options - `offset` $c$, shape `[d]`, default 0
 * @returns model of the clean point on points `[n, d]`
 * @throws `ShapeError` when the shapes do not fit
 * @throws `DomainError` when the columns are not orthonormal
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { gaussian, linearSubspace } from "@provably/score-diffusion";
 *
 * const line = linearSubspace(gaussian({ mean: [0], covariance: [[1]] }), [[1], [0]]);
 * toNested(line.evaluate(array([[2, 7]], { dtype: "float64" }), { alpha: 1, sigma: 1 })); // => [[1, 0]]
 * ```
 * @see Chen, Huang, Zhao, Wang (2023), "Score approximation, estimation and distribution recovery of diffusion models on low-dimensional data", lemma 1
 * @category Scores
 */
export function linearSubspace(
  model: Model,
  basis: ArrayInput,
  options: { readonly offset?: ArrayInput } = {},
): Model {
  checkModel("linearSubspace", model);
  checkOptions("linearSubspace", options, OPTIONS);
  const b = asType(basis, "float64");
  const [d, k] = b.shape as readonly (number | undefined)[];
  if (b.shape.length !== 2 || d === undefined || k === undefined || k < 1)
    throw new ShapeError(`linearSubspace: basis must be [d, k], got [${b.shape.join(", ")}]`);
  if (!(item(max(abs(sub(matmul(transpose(b), b), eye(k, k, { dtype: "float64" }))))) < 1e-8))
    throw new DomainError(
      "linearSubspace: the columns of basis must be orthonormal; take the q of their qr decomposition",
    );
  const offset = options.offset === undefined ? undefined : asType(options.offset, "float64");
  if (offset !== undefined && offset.shape.join() !== String(d))
    throw new ShapeError(`linearSubspace: offset must be [${d}], got [${offset.shape.join(", ")}]`);
  return {
    prediction: "x0",
    evaluate(x, level: NoiseLevel) {
      checkAsked("linearSubspace", x, level);
      if (x.shape.length !== 2 || x.shape[1] !== d)
        throw new ShapeError(`linearSubspace: x must be [n, ${d}], got [${x.shape.join(", ")}]`);
      const coordinates = matmul(offset === undefined ? x : sub(x, mul(level.alpha, offset)), b);
      const clean = predict("linearSubspace", model, coordinates, level, "x0");
      const lifted: NdArray = matmul(clean, transpose(b));
      return offset === undefined ? lifted : add(lifted, offset);
    },
  };
}
