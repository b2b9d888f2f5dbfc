/** Proximal consistency sampling for any likelihood: Langevin steps with a Metropolis test. */
import {
  type NdArray,
  ShapeError,
  add,
  asType,
  div,
  expandDims,
  expm1,
  full,
  item,
  less,
  log,
  min,
  mul,
  ndtr,
  neg,
  sqrt,
  square,
  squeeze,
  sub,
  sum,
  where,
  zeros,
} from "@provably/core-tensor";
import {
  anyList,
  anything,
  check,
  checkOptions,
  type Guard,
  positiveNumber,
  trueOrFalse,
  wholeNumber,
  rngKey,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, normalRows } from "@provably/core-tensor/random";
import { arrayOf } from "../internal/check.js";
import { batchOf } from "../forward/operator.js";
import { type Likelihood, checkLikelihood } from "../forward/forward-model.js";

const OPTIONS = {
  numSteps: wholeNumber(1),
  stepSize: anything,
  adjust: trueOrFalse,
  noise: anyList as Guard<readonly NdArray[]>,
  logUniforms: anyList as Guard<readonly NdArray[]>,
  trajectory: trueOrFalse,
  firstRow: wholeNumber(0),
};

/**
 * Options of {@link pcsMala}.
 * @category Posterior sampling
 */
export interface PcsMalaOptions {
  /** Steps of every chain; default 100. */
  readonly numSteps?: number;
  /** Step size $\gamma$, for all chains or one each, `[n]`; default $\tfrac12 d^{-1/3}/(1/\eta^2 + c)$ with the curvature $c$ of the likelihood. */
  readonly stepSize?: number | NdArray;
  /** Whether moves must pass the Metropolis test, which makes the distribution exact; default true. */
  readonly adjust?: boolean;
  /** Standard normal numbers to use, one array `[n, d]` for each step, instead of drawn ones. */
  readonly noise?: readonly NdArray[];
  /** Logarithms of uniform numbers to use, one array `[n]` for each step, instead of drawn ones. */
  readonly logUniforms?: readonly NdArray[];
  /** Keep the points after every step; default false. */
  readonly trajectory?: boolean;
  /** Number of the first row, as in {@link SampleOptions}. Default 0. */
  readonly firstRow?: number;
}

/**
 * What {@link pcsMala} gives.
 * @category Posterior sampling
 */
export interface PcsMalaResult {
  /** The ends of the chains, `[n, d]`. */
  readonly samples: NdArray;
  /** Fraction of the moves that each chain has taken, `[n]`. */
  readonly acceptance: NdArray;
  /** Starts and every later point, each `[n, d]`, when asked for. */
  readonly trajectory?: readonly NdArray[];
  /** Logarithm of the Metropolis ratio of every step, each `[n]`, when the trajectory is asked for. */
  readonly logRatios?: readonly NdArray[];
}

/** −U(z) and its gradient; U = −L + ‖z − x‖² / (2η²). */
interface Place {
  readonly z: NdArray;
  readonly score: NdArray;
  readonly logDensity: NdArray;
}

/**
 * A chain for each row of `x` towards the density proportional to $e^{\mathcal L(z; y) - \|z - x\|^2/(2\eta^2)}$, started at $x$. The quadratic part is
 * integrated exactly: with $\rho = e^{-\gamma/\eta^2}$ the proposal is
 * $z' = z + (1 - \rho)(x - z) + \eta^2(1 - \rho)\nabla\mathcal L(z) + \eta\sqrt{1 - \rho^2}\, w$.
 *
 * Every step costs one likelihood and its gradient. Without the Metropolis test, as in the authors' published code, the distribution is off by the step size.
 *
 * @param likelihood - of any forward model
 * @param x - points, shape `[n, d]`
 * @param eta - $\eta > 0$
 * @param key - random key
 * @param options - see {@link PcsMalaOptions}
 * @returns see {@link PcsMalaResult}
 * @throws `DomainError` when an option is out of range
 * @throws `ShapeError` when given noise does not fit
 * @example
 * ```ts
 * import { zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { pcsMala, quantizedSensing } from "@provably/score-diffusion";
 *
 * const likelihood = quantizedSensing(1, 0.4).likelihood([1]);
 * pcsMala(likelihood, zeros([4, 1], { dtype: "float64" }), 0.5, key(0)).acceptance.get(0) > 0.8; // => true
 * ```
 * @see Xu, Chi (2024), "Provably robust score-based diffusion posterior sampling for plug-and-play image reconstruction", algorithm 4
 * @category Posterior sampling
 */
export function pcsMala(
  likelihood: Likelihood,
  x: NdArray,
  eta: number,
  key: RngKey,
  options: PcsMalaOptions = {},
): PcsMalaResult {
  const steps = malaProcess(likelihood, x, eta, key, options);
  let turn = steps.next();
  while (!turn.done) turn = steps.next();
  return turn.value;
}

/** {@link pcsMala} with a pause after every step. */
export function* malaProcess(
  likelihood: Likelihood,
  x: NdArray,
  eta: number,
  key: RngKey,
  options: PcsMalaOptions,
): Generator<undefined, PcsMalaResult> {
  const fn = "pcsMala";
  check(fn, "eta", eta, positiveNumber);
  check(fn, "key", key, rngKey);
  checkLikelihood(fn, likelihood);
  const [n, d] = batchOf(fn, "x", x, likelihood.inputSize).shape as readonly [number, number];
  const {
    numSteps = 100,
    adjust = true,
    trajectory = false,
    firstRow = 0,
    noise,
    logUniforms,
  } = checkOptions(fn, options, OPTIONS);
  const { stepSize = defaultStepSize(likelihood, eta) } = options;
  const steps = stepsOf(fn, stepSize, n);
  for (const [name, list] of Object.entries({ noise, logUniforms }))
    if (list !== undefined && list.length !== numSteps)
      throw new ShapeError(`${fn}: ${name} must hold ${numSteps} arrays, got ${list.length}`);

  // 1 − ρ and η²(1 − ρ²), one for each chain
  const pull = expandDims(neg(expm1(mul(-1 / eta ** 2, steps))), 1);
  const variance = mul(eta ** 2, neg(expm1(mul(-2 / eta ** 2, steps))));
  const spread = expandDims(sqrt(variance), 1);
  const drift = ({ z, score }: Place): NdArray =>
    add(z, mul(pull, add(sub(x, z), mul(eta ** 2, score))));
  const halfSquares = (a: NdArray): NdArray => mul(0.5, sum(square(a), { axis: 1 }));
  const visit = (z: NdArray): Place => {
    const { logLikelihood, score } = likelihood.valueAndScore?.(z) ?? {
      logLikelihood: likelihood.logLikelihood(z),
      score: likelihood.score(z),
    };
    return { z, score, logDensity: sub(logLikelihood, mul(1 / eta ** 2, halfSquares(sub(z, x)))) };
  };

  let place = visit(x);
  let taken: NdArray = zeros([n], { dtype: "float64" });
  const path = [x];
  const logRatios: NdArray[] = [];
  for (let step = 0; step < numSteps; step++) {
    const stepKey = foldIn(key, step);
    const w =
      noise?.[step] ?? normalRows(foldIn(stepKey, "w"), [n, d], { dtype: "float64", firstRow });
    const forward = drift(place);
    const proposal = visit(add(forward, mul(spread, w)));
    const logRatio = add(
      sub(proposal.logDensity, place.logDensity),
      div(
        sub(halfSquares(sub(proposal.z, forward)), halfSquares(sub(place.z, drift(proposal)))),
        variance,
      ),
    );
    if (trajectory) logRatios.push(logRatio);
    if (adjust) {
      const accepted = less(
        logUniforms?.[step] ?? logUniformRows(foldIn(stepKey, "u"), n, firstRow),
        logRatio,
      );
      taken = add(taken, asType(accepted, "float64"));
      const column = expandDims(accepted, 1);
      place = {
        z: where(column, proposal.z, place.z),
        score: where(column, proposal.score, place.score),
        logDensity: where(accepted, proposal.logDensity, place.logDensity),
      };
    } else {
      taken = add(taken, 1);
      place = proposal;
    }
    if (trajectory) path.push(place.z);
    yield;
  }
  const result = { samples: place.z, acceptance: mul(1 / numSteps, taken) };
  return trajectory ? { ...result, trajectory: path, logRatios } : result;
}

/** The step size that {@link pcsMala} takes unless told otherwise. */
export function defaultStepSize(likelihood: Likelihood, eta: number): number {
  return 0.5 / (likelihood.inputSize ** (1 / 3) * (1 / eta ** 2 + likelihood.curvature));
}

function stepsOf(fn: string, stepSize: number | NdArray, n: number): NdArray {
  if (typeof stepSize === "number")
    return full([n], check(fn, "stepSize", stepSize, positiveNumber), { dtype: "float64" });
  if (arrayOf(fn, "stepSize", stepSize).shape.join() !== String(n))
    throw new ShapeError(
      `${fn}: stepSize must be a number or [${n}], got [${stepSize.shape.join(", ")}]`,
    );
  if (n > 0) check(fn, "the least stepSize", item(min(stepSize)), positiveNumber);
  return stepSize;
}

/** ln u for each row by its number, so that a batch in parts takes the same decisions: a normal number's probability is uniform. */
function logUniformRows(key: RngKey, n: number, firstRow: number): NdArray {
  return log(ndtr(squeeze(normalRows(key, [n, 1], { dtype: "float64", firstRow }), 1)));
}
