/** A perceptron as a policy. */
import {
  type ArrayInput,
  type NdArray,
  ShapeError,
  add,
  array,
  linear,
  reshape,
  tanh,
  zeros,
} from "@provably/core-tensor";
import {
  anyList,
  anyRecord,
  check,
  checkOptions,
  flatNumbers,
  listOf,
  rngKey,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { finite, read } from "../arrays.js";
import type { FinitePolicy } from "./model.js";

/**
 * Parameters of {@link mlpPolicy}: weights [in, out] and biases [out] of every layer.
 * @category Policies
 */
export type MlpParams = readonly { readonly weight: NdArray; readonly bias: NdArray }[];

/**
 * A policy whose score is a multi-layer perceptron of features: $s_\theta(x, y) = w^\top \tanh(\cdots \tanh(W_1 \phi(x, y) + b_1)) + b$.
 *
 * Hidden weights start normal with variance $1/n_{\mathrm{in}}$, the last layer at zero: training starts at the reference.
 *
 * @param features - $\phi$, [X, Y, F]
 * @param key - draws the first weights
 * @param options - `hidden`: sizes of the hidden layers, default [32]
 * @returns see {@link FinitePolicy}
 * @throws `ShapeError` unless features have three axes, `DomainError` when they are not finite or a size is no positive integer
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { mlpPolicy } from "@provably/rlhf-vpo";
 *
 * const policy = mlpPolicy([[[1, 0], [0, 1]]], key(0), { hidden: [8] });
 * policy.scores(policy.init).shape; // => [1, 2]
 * ```
 * @category Policies
 */
export function mlpPolicy(
  features: ArrayInput,
  key: RngKey,
  options: { readonly hidden?: readonly number[] } = {},
): FinitePolicy<MlpParams> {
  const fn = "mlpPolicy";
  const { hidden = [32] } = checkOptions(fn, options, { hidden: listOf(wholeNumber()) });
  check(fn, "key", key, rngKey);
  const phi = read(fn, "features", features);
  if (phi.shape.length !== 3 || phi.size === 0)
    throw new ShapeError(
      `${fn}: features must have shape [X, Y, F], got [${phi.shape.join(", ")}]`,
    );
  finite(fn, "features", phi);
  const [prompts, responses, inputs] = phi.shape as [number, number, number];
  const rows = reshape(phi, [prompts * responses, inputs]);
  const sizes = [inputs, ...hidden, 1];
  const init = sizes.slice(1).map((out, i) => {
    const fanIn = sizes[i]!;
    const last = i === hidden.length;
    const weight = last
      ? zeros([fanIn, out], { dtype: "float64" })
      : array<"float64">(
          flatNumbers(normal(foldIn(key, i), [fanIn, out], { dtype: "float64" })).map(
            (w) => w / Math.sqrt(fanIn),
          ),
          { shape: [fanIn, out] },
        );
    return { weight, bias: zeros([out], { dtype: "float64" }) };
  });
  return {
    init,
    scores: (params) =>
      reshape(
        check(fn, "params", params, anyList).reduce<NdArray>((x, layer, i) => {
          const { weight, bias } = check(fn, `params[${i}]`, layer, anyRecord);
          const y = add(linear(x, weight), bias);
          return i === params.length - 1 ? y : tanh(y);
        }, rows),
        [prompts, responses],
      ),
  };
}
