/** How far a policy of a user's own is from a stationary point. */
import {
  type Certificate,
  type NdArray,
  add,
  array,
  grad,
  logSoftmax,
  mul,
  neg,
  reshape,
  softplus,
  sub,
  sum,
  take,
  treeLeaves,
} from "@provably/core-tensor";
import { certificate, flatNumbers } from "@provably/core-tensor/internal";
import type { Hyperparameters, PreferenceProblem } from "../exact/problem.js";
import type { FinitePolicy } from "../train/model.js";
import { SWAPPED, readGiven } from "./given.js";

/**
 * The gradient once more, by automatic differentiation of the objective in its policy form, summed over the preferences as they were given: log-softmax of
 * the scores, margins of log-ratios, and the mean log-ratio of the calibration policy.
 */
export function certifyPolicy<P>(
  { scores }: FinitePolicy<P>,
  params: P,
  problem: PreferenceProblem,
  { beta, alpha, sign }: Hyperparameters,
  tolerance: number,
): Certificate {
  const { rows, logReference, calibration, rho } = readGiven(problem);
  const responses = logReference[0]!.length;
  const column = (of: (row: readonly number[]) => number): number[] => rows.map(of);
  const f64 = (x: readonly unknown[]): NdArray => array(x as number[], { dtype: "float64" });
  const cell = (k: 1 | 2): NdArray =>
    array(
      column((row) => row[0]! * responses + row[k]!),
      { dtype: "int32" },
    );
  const objective = (p: P): NdArray => {
    const reference = f64(logReference);
    const logPolicy = logSoftmax(add(reference, mul(scores(p), 1 / beta)), { axis: 1 });
    const ratio = sub(logPolicy, reference);
    const value = mul(
      sum(mul(f64(calibration.map((row, x) => row.map((c) => c * rho[x]!))), ratio)),
      sign * alpha * beta,
    );
    if (rows.length === 0) return value;
    const flat = reshape(ratio, [-1]);
    const z = mul(sub(take(flat, cell(1)), take(flat, cell(2))), beta);
    const losses = add(
      mul(f64(column((row) => row[3]!)), softplus(neg(z))),
      mul(f64(column((row) => 1 - row[3]!)), softplus(z)),
    );
    return add(mul(sum(losses), 1 / rows.length), value);
  };
  const largest = treeLeaves(grad(objective)(params) as unknown as NdArray).reduce(
    (m, g) =>
      flatNumbers(array(g, { dtype: "float64" })).reduce((n, x) => Math.max(n, Math.abs(x)), m),
    0,
  );
  return certificate({
    claim: "largest component of the gradient of the objective",
    kind: "exact",
    value: largest,
    expected: 0,
    tolerance,
    verdict: largest <= tolerance,
    note: `a network is not convex: stationary is not minimal; ${SWAPPED}`,
  });
}
