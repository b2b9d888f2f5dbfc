/** The linear Gaussian model, where everything the variational model approximates has a closed form. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  abs,
  add,
  array,
  concat,
  div,
  item,
  log,
  matmul,
  matrixTranspose,
  mul,
  neg,
  reshape,
  square,
  sub,
  sum,
  take,
} from "@provably/core-tensor";
import { anyList, anyRecord, check, show } from "@provably/core-tensor/internal";
import { slogdet, solve } from "@provably/core-tensor/linalg";
import { pieces } from "../flow/bins.js";
import type { Latents } from "../model/noise.js";

/**
 * Parameters of {@link linearGaussianMatte}; `U` domains, `n` contents, `m` styles.
 * @category Synthetic data
 */
export interface LinearGaussianParams {
  /** Shift of the content, `[U, n]`. */
  readonly a: ArrayInput;
  /** Scale of the content, `[U, n]`. */
  readonly b: ArrayInput;
  /** From content to style, `[U, m, n]`. */
  readonly W: ArrayInput;
  /** Shift of the style, `[U, m]`. */
  readonly v: ArrayInput;
  /** Scale of the style, `[U, m]`. */
  readonly e: ArrayInput;
  /** From content and style to the observation, `[n + m, n + m]`, invertible. */
  readonly M: ArrayInput;
}

/**
 * The closed forms of a linear Gaussian model, as functions of rows and their domains.
 * @category Synthetic data
 */
export interface LinearGaussianMatte {
  /** Content and style of observations `[B, n + m]`. */
  encode(observed: ArrayInput): Latents;
  /** Observations of content and style. */
  decode(latents: Latents): NdArray;
  /** The noise behind content and style in their domains. */
  inferNoise(latents: Latents, domains: readonly number[]): Latents;
  /** Content and style from noise, the inverse of `inferNoise`. */
  mixNoise(noise: Latents, domains: readonly number[]): Latents;
  /** $\ln p(c \mid u)$ and $\ln p(s \mid c, u)$, each `[B]`. */
  logPrior(
    latents: Latents,
    domains: readonly number[],
  ): { readonly content: NdArray; readonly style: NdArray };
  /** Observations with the negated style noise; or, with `target`, with the same style noise in other domains and the same content. */
  counterfactual(
    observed: ArrayInput,
    domains: readonly number[],
    target?: readonly number[],
  ): NdArray;
  /** $\ln|\det M|$. */
  readonly logDet: number;
}

const wide = (x: ArrayInput): NdArray => mul(1, array(x as number[], { dtype: "float64" }));
const HALF_LOG_TAU = 0.5 * Math.log(2 * Math.PI);

/**
 * A model with $c = a_u + b_u \odot \tilde c$, $s = W_u c + v_u + e_u \odot \tilde s$, $x = M (c, s)$: encoding, noise, priors and counterfactuals exactly.
 *
 * @param params - see {@link LinearGaussianParams}
 * @returns see {@link LinearGaussianMatte}
 * @throws `ShapeError` when the parameters do not fit together; `LinAlgError` when $M$ is singular
 * @example
 * ```ts
 * import { toNested } from "@provably/core-tensor";
 * import { linearGaussianMatte } from "@provably/causal-latent/matte";
 *
 * // x = (c, s) with c = noise and s = 2 c + noise
 * const model = linearGaussianMatte({ a: [[0]], b: [[1]], W: [[[2]]], v: [[0]], e: [[1]], M: [[1, 0], [0, 1]] });
 * toNested(model.counterfactual([[1, 5]], [0])); // => [[1, -1]]
 * ```
 * @category Synthetic data
 */
export function linearGaussianMatte(params: LinearGaussianParams): LinearGaussianMatte {
  check("linearGaussianMatte", "params", params, anyRecord);
  const [a, b, W, v, e, M] = [params.a, params.b, params.W, params.v, params.e, params.M].map(
    wide,
  ) as [NdArray, NdArray, NdArray, NdArray, NdArray, NdArray];
  const [U, n] = a.shape as [number, number];
  const m = v.shape[1]!;
  const expected = { b: [U, n], W: [U, m, n], v: [U, m], e: [U, m], M: [n + m, n + m] };
  for (const [name, x] of Object.entries({ b, W, v, e, M }))
    if (x.shape.join() !== expected[name as keyof typeof expected].join())
      throw new ShapeError(
        `linearGaussianMatte: ${name} must have shape [${expected[name as keyof typeof expected].join(", ")}], got [${x.shape.join(", ")}]`,
      );
  const logDet = item(slogdet(M).logAbsDet);
  const checkDomains = (domains: readonly number[]): void => {
    check("linearGaussianMatte", "domains", domains, anyList).forEach((u, i) => {
      if (!(Number.isInteger(u) && u >= 0 && u < U))
        throw new DomainError(
          `linearGaussianMatte: domains[${i}] must be an integer in [0, ${U}), got ${show(u)}`,
        );
    });
  };
  const rows = (x: NdArray, domains: readonly number[]): NdArray => {
    checkDomains(domains);
    return take(x, array(Int32Array.from(domains)));
  };
  const center = (content: NdArray, domains: readonly number[]): NdArray => {
    const B = content.shape[0]!;
    return add(
      reshape(matmul(rows(W, domains), reshape(content, [B, n, 1])), [B, m]),
      rows(v, domains),
    );
  };
  const normal = (noise: NdArray, scale: NdArray): NdArray =>
    neg(sum(add(add(mul(0.5, square(noise)), HALF_LOG_TAU), log(abs(scale))), { axis: 1 }));

  const encode = (observed: ArrayInput): Latents => {
    const z = matrixTranspose(solve(M, matrixTranspose(wide(observed))));
    const [content, style] = pieces(z, [n, m]) as [NdArray, NdArray];
    return { content, style };
  };
  const decode = ({ content, style }: Latents): NdArray =>
    matmul(concat([content, style], { axis: 1 }), matrixTranspose(M));
  const inferNoise = ({ content, style }: Latents, domains: readonly number[]): Latents => ({
    content: div(sub(content, rows(a, domains)), rows(b, domains)),
    style: div(sub(style, center(content, domains)), rows(e, domains)),
  });
  const styleOf = (noise: NdArray, content: NdArray, domains: readonly number[]): NdArray =>
    add(center(content, domains), mul(rows(e, domains), noise));
  return {
    encode,
    decode,
    inferNoise,
    mixNoise(noise, domains) {
      const content = add(rows(a, domains), mul(rows(b, domains), wide(noise.content)));
      return { content, style: styleOf(wide(noise.style), content, domains) };
    },
    logPrior(latents, domains) {
      const noise = inferNoise(latents, domains);
      return {
        content: normal(noise.content, rows(b, domains)),
        style: normal(noise.style, rows(e, domains)),
      };
    },
    counterfactual(observed, domains, target) {
      const latents = encode(observed);
      const noise = inferNoise(latents, domains).style;
      return decode({
        content: latents.content,
        style:
          target === undefined
            ? styleOf(neg(noise), latents.content, domains)
            : styleOf(noise, latents.content, target),
      });
    },
    logDet,
  };
}
