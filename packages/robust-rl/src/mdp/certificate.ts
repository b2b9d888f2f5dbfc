/** Certificates of values: how far they are from the fixed point, bounded by one sweep. */
import {
  type ArrayInput,
  type Certificate,
  DomainError,
  ShapeError,
  array,
} from "@provably/core-tensor";
import { anyRecord, certificate, check, checkHooks, show } from "@provably/core-tensor/internal";
import { checkValues, numbers } from "../uncertainty/worst-case.js";
import {
  type Problem,
  type RectangularSet,
  checkProblem,
  optimalStep,
  policyStep,
  valuesOf,
} from "./bellman.js";
import { type Mdp, checkMdp } from "./model.js";
import { policySteps } from "./policy.js";

/**
 * A certificate that values are close to the robust optimum (or, with `policy`, to that policy's robust values), from one fresh sweep:
 * $\lVert V - V^\star \rVert_\infty \le \lVert TV - V \rVert_\infty / (1-\gamma)$, and over a finite horizon
 * $\sum_h \lVert T_h V_{h+1} - V_h \rVert_\infty$.
 *
 * @param model - decision process
 * @param set - uncertainty set
 * @param values - $V$, [states], or with a horizon [horizon + 1, states]; the last row are the terminal values, which are taken as given
 * @param options - `discount` $\gamma$ in [0, 1), or `horizon` $H \ge 1$ without discount; `policy` to be held against, else the optimum (with a horizon it may
 *   have a leading axis of steps); `tolerance` that the bound must meet, default 1e-6; `signal`, looked at between two steps of a horizon
 * @returns certificate of kind `"bound"`
 * @throws `DomainError` for a discount outside [0, 1), a horizon below 1, or both or none of them
 * @throws `ShapeError` when the sizes do not fit
 * @example
 * ```ts
 * import { certifyValues, mdp, totalVariation } from "@provably/robust-rl";
 *
 * const model = mdp({ transitions: [[[1]]], rewards: [[1]] });
 * certifyValues(model, totalVariation(0), [10], { discount: 0.9 }).holds; // => true
 * certifyValues(model, totalVariation(0), [9], { discount: 0.9 }).value.toFixed(9); // => "1.000000000"
 * certifyValues(model, totalVariation(0), [[2], [1], [0]], { horizon: 2 }).holds; // => true
 * ```
 * @category Certificates
 */
export function certifyValues(
  model: Mdp,
  set: RectangularSet,
  values: ArrayInput,
  options: {
    readonly discount?: number;
    readonly horizon?: number;
    readonly policy?: ArrayInput;
    readonly tolerance?: number;
    readonly signal?: AbortSignal;
  },
): Certificate {
  const fn = "certifyValues";
  const {
    discount,
    horizon,
    policy,
    tolerance = 1e-6,
    signal,
  } = check(fn, "options", options, anyRecord);
  checkHooks(fn, options);
  if (!(typeof tolerance === "number" && tolerance >= 0))
    throw new DomainError(`${fn}: tolerance must be ≥ 0, got ${show(tolerance)}`);
  if ((discount === undefined) === (horizon === undefined))
    throw new DomainError(`${fn}: give either discount or horizon`);
  if (discount !== undefined && !(typeof discount === "number" && discount >= 0 && discount < 1))
    throw new DomainError(`${fn}: discount must lie in [0, 1), got ${show(discount)}`);
  if (horizon !== undefined && !(Number.isInteger(horizon) && horizon >= 1))
    throw new DomainError(`${fn}: horizon must be a positive integer, got ${show(horizon)}`);
  const { numStates, steps } = checkMdp(fn, model);
  if (horizon === undefined && steps !== undefined)
    throw new ShapeError(`${fn}: a process that depends on the step needs a horizon`);
  if (horizon !== undefined && steps !== undefined && horizon > steps)
    throw new ShapeError(
      `${fn}: horizon ${horizon} is longer than the ${steps} steps of the process`,
    );
  const problem = checkProblem(fn, model, set, discount ?? 1);
  const sweep = sweepFor(fn, problem, policy, horizon ?? 1);
  let bound = 0;
  if (horizon === undefined) {
    const v = valuesOf(fn, values, numStates);
    bound = distance(sweep(v, 0), v) / (1 - discount!);
  } else {
    const v = array(values, { dtype: "float64" });
    if (v.shape.join() !== `${horizon + 1},${numStates}`)
      throw new ShapeError(
        `${fn}: values must have shape [${horizon + 1}, ${numStates}], got [${v.shape.join(", ")}]`,
      );
    checkValues(fn, numbers(v));
    const at = (h: number): Float64Array => numbers(v).subarray(h * numStates, (h + 1) * numStates);
    for (let h = 0; h < horizon; h++) {
      signal?.throwIfAborted();
      bound += distance(sweep(at(h + 1), h), at(h));
    }
  }
  return certificate({
    claim: `largest distance of the values to ${policy === undefined ? "the robust optimum" : "the policy's robust values"}`,
    kind: "bound",
    value: bound,
    expected: 0,
    tolerance,
    verdict: bound <= tolerance,
    note:
      horizon === undefined
        ? "residual of one Bellman sweep divided by 1 − γ"
        : "Bellman residuals, added up over the steps",
  });
}

/** One application of the operator at a step: of the optimum, or of a policy. */
function sweepFor(
  fn: string,
  problem: Problem,
  policy: ArrayInput | undefined,
  horizon: number,
): (v: Float64Array, step: number) => Float64Array {
  const { model } = problem;
  const out = new Float64Array(model.numStates);
  if (policy !== undefined) {
    const steps = policySteps(fn, policy, horizon, model);
    return (v, step) => (policyStep(problem, v, step, steps[step]!, out), out);
  }
  const size = model.numStates * model.numActions;
  const [q, best] = [new Float64Array(size), new Float64Array(size)];
  return (v, step) => (optimalStep(problem, v, step, out, q, best), out);
}

/** Largest |a − b|. */
export function distance(a: Float64Array, b: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= largest)) largest = d;
  }
  return largest;
}
