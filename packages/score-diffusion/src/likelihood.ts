/** The likelihood of points under a model, by the probability flow. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  asType,
  div,
  mul,
  reshape,
  sign,
  square,
  sub,
  sum,
} from "@provably/core-tensor";
import {
  anyString,
  byKind,
  checkOptions,
  finiteNumber,
  optional,
  recordOf,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { type NoiseLevel, checkLevel, lambdaOf, levelOfLambda } from "./schedule/level.js";
import { denoised } from "./score/denoiser.js";
import { trainedLambdas } from "./schedule/training.js";
import { type Model, checkModel } from "./score/prediction.js";

const OPTIONS = {
  divergence: byKind("kind", {
    exact: recordOf({ kind: anyString }),
    hutchinson: recordOf({ kind: anyString, key: rngKey, numProbes: optional(wholeNumber(1)) }),
  }),
  numSteps: wholeNumber(1),
  lambdaMin: finiteNumber,
};

/**
 * How the divergence of the flow is found: `exact`, one pullback for each coordinate; or `hutchinson`, the mean of $v^\top J v$ over random signs $v$, held fixed along
 * the flow, which is unbiased and costs one pullback for each probe.
 * @category Likelihood
 */
export type Divergence =
  | { readonly kind: "exact" }
  | { readonly kind: "hutchinson"; readonly key: RngKey; readonly numProbes?: number };

/**
 * Options of {@link logLikelihood}.
 * @category Likelihood
 */
export interface LikelihoodOptions {
  /** See {@link Divergence}; default exact. */
  readonly divergence?: Divergence;
  /** Steps of the classical Runge-Kutta method in $\ln(\alpha/\sigma)$, four evaluations each; default 50. */
  readonly numSteps?: number;
  /** $\ln(\alpha/\sigma)$ where the distribution counts as standard normal; default −6, or the noisiest step that a network was trained on where that has less noise. */
  readonly lambdaMin?: number;
}

/**
 * What {@link logLikelihood} gives.
 * @category Likelihood
 */
export interface LikelihoodResult {
  /** Logarithm of the density at each point, shape `[n]`, in nats. */
  readonly logLikelihood: NdArray;
  /** Where the flow takes the points, shape of `x`: standard normal when the points come from the model. */
  readonly latent: NdArray;
  readonly numEvaluations: number;
}

/**
 * The logarithm of a model's density at points of a noise level, by the instantaneous change of variables along the probability flow to pure noise: with
 * $u = x/\alpha$ and $\lambda = \ln(\alpha/\sigma)$, $\ln p(x) = \ln N(x_T; 0, I) + d\ln\tfrac{\alpha_T}{\alpha} - \int_{\lambda}^{\lambda_T} \sigma\,\operatorname{tr}\tfrac{\partial\varepsilon}{\partial x}\,d\lambda$.
 *
 * The Jacobian is that of {@link denoised}: closed form for exact scores, automatic differentiation for networks. For bits of an image, divide by $-d\ln 2$ and
 * mind the level: at little noise the density is that of slightly blurred data.
 *
 * @param model - exact score or network
 * @param x - points, shape `[n, …]`
 * @param level - their noise level, variance-preserving, $\sigma > 0$
 * @param options - see {@link LikelihoodOptions}
 * @returns see {@link LikelihoodResult}
 * @throws `DomainError` when the level has no noise, or an option is out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { gaussian, levelOf, logLikelihood } from "@provably/score-diffusion";
 *
 * const distribution = gaussian({ mean: [0], covariance: [[1]] });
 * logLikelihood(distribution, [[0]], levelOf(0.9)).logLikelihood.get(0).toFixed(4); // => "-0.9189"
 * ```
 * @see Song et al. (2021), "Score-based generative modeling through stochastic differential equations", eq. 39 and 40
 * @category Likelihood
 */
export function logLikelihood(
  model: Model,
  x: ArrayInput,
  level: NoiseLevel,
  options: LikelihoodOptions = {},
): LikelihoodResult {
  const {
    divergence = { kind: "exact" },
    numSteps = 50,
    lambdaMin = Math.max(-6, trainedLambdas(checkModel("logLikelihood", model))[0]),
  } = checkOptions<LikelihoodOptions>("logLikelihood", options, OPTIONS);
  const points = asType(x, "float64");
  if (points.shape.length < 2)
    throw new ShapeError(`logLikelihood: x must be [n, …], got [${points.shape.join(", ")}]`);
  const { alpha, sigma } = checkLevel("logLikelihood", level);
  if (!(sigma > 0 && alpha > 0 && Math.abs(alpha * alpha + sigma * sigma - 1) < 1e-9))
    throw new DomainError(
      `logLikelihood: level must be variance-preserving with noise, got alpha = ${alpha}, sigma = ${sigma}`,
    );
  const start = lambdaOf(level);
  if (!(lambdaMin < start))
    throw new DomainError(
      `logLikelihood: lambdaMin must be below that of the level, ${start}, got ${lambdaMin}`,
    );
  const probes = probesOf(divergence, points);
  const h = (lambdaMin - start) / numSteps;
  const everywhere = points.shape.map((_, i) => i).slice(1);
  const d = points.size / Math.max(1, points.shape[0]!);
  const flow = (u: NdArray, lambda: number): { slope: NdArray; growth: NdArray } => {
    const at = levelOfLambda(lambda);
    const noisy = mul(at.alpha, u);
    const { clean, pullback } = denoised(model, noisy, at);
    // ε = (x − αD)/σ, so σ·tr ∂ε/∂x = d − α·tr ∂D/∂x
    const trace = probes
      .map((v) => sum(mul(v, pullback(v)), { axis: everywhere }))
      .reduce((a, b) => add(a, b));
    const scale = divergence.kind === "exact" ? 1 : 1 / probes.length;
    return {
      slope: div(sub(mul(at.alpha, clean), noisy), at.alpha),
      growth: sub(mul(at.alpha * scale, trace), d),
    };
  };
  let u = div(points, alpha);
  let logRatio = mul(0, sum(points, { axis: everywhere }));
  for (let i = 0; i < numSteps; i++) {
    const lambda = start + i * h;
    const k1 = flow(u, lambda);
    const k2 = flow(add(u, mul(h / 2, k1.slope)), lambda + h / 2);
    const k3 = flow(add(u, mul(h / 2, k2.slope)), lambda + h / 2);
    const k4 = flow(add(u, mul(h, k3.slope)), lambda + h);
    const advance = (part: "slope" | "growth"): NdArray =>
      mul(h / 6, add(add(k1[part], k4[part]), mul(2, add(k2[part], k3[part]))));
    u = add(u, advance("slope"));
    logRatio = add(logRatio, advance("growth"));
  }
  const end = levelOfLambda(lambdaMin);
  const latent = mul(end.alpha, u);
  const normal = sub(
    mul(-0.5, sum(square(latent), { axis: everywhere })),
    (d / 2) * Math.log(2 * Math.PI),
  );
  return {
    logLikelihood: add(add(normal, d * Math.log(end.alpha / alpha)), logRatio),
    latent,
    numEvaluations: 4 * numSteps,
  };
}

/** Cotangents whose products with the Jacobian add up to the trace, or are right on average. */
function probesOf(divergence: Divergence, x: NdArray): NdArray[] {
  if (divergence.kind === "hutchinson") {
    const { numProbes = 1 } = divergence;
    return Array.from({ length: numProbes }, (_, i) =>
      sign(normalRows(foldIn(divergence.key, i), x.shape, { dtype: "float64" })),
    );
  }
  const d = x.size / Math.max(1, x.shape[0]!);
  return Array.from({ length: d }, (_, j) => {
    const row = new Float64Array(d);
    row[j] = 1;
    return add(mul(0, x), reshape(array(row), x.shape.slice(1)));
  });
}
