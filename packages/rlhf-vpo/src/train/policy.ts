/** Offline training of any differentiable policy on finitely many responses: the objective of offline VPO with a network in place of a table. */
import {
  type ArrayInput,
  type Certificate,
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  grad,
  isNdArray,
  linear,
  logSoftmax,
  mul,
  neg,
  reshape,
  softplus,
  sub,
  sum,
  take,
  tanh,
  treeLeaves,
  vjp,
  zeros,
} from "@provably/core-tensor";
import {
  anyFunction,
  anyList,
  anyRecord,
  anything,
  certificate,
  check,
  checkOptions,
  flatNumbers,
  listOf,
  longWork,
  nonNegativeNumber,
  positiveNumber,
  recordOf,
  recordWith,
  rngKey,
  show,
  wholeNumber,
  within,
} from "@provably/core-tensor/internal";
import { type AdamState, type Optimizer, adamw, applyUpdates } from "@provably/core-tensor/optim";
import { type RngKey, foldIn, normal } from "@provably/core-tensor/random";
import { finite, read } from "../arrays.js";
import { SWAPPED, readGiven } from "../certify/given.js";
import {
  type Hyperparameters,
  type PreferenceProblem,
  checkProblem,
  evaluate,
  flattenProblem,
  logPolicyOf,
} from "../exact/problem.js";
import { type VpoHyperparameters, hyperparametersOf } from "./offline.js";

/**
 * A class of policies $\pi_\theta(y \mid x) \propto \pi_{\mathrm{ref}}(y \mid x)\, e^{s_\theta(x, y)/\beta}$.
 * @category Policies
 */
export interface FinitePolicy<P> {
  /** Parameters to start from, a tree of arrays. */
  readonly init: P;
  /** Scores $s_\theta$, [X, Y], in units of reward; a pure function of operations on arrays. */
  readonly scores: (params: P) => NdArray;
}

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

/**
 * Where a run of {@link trainPolicy} stands: trees of arrays and numbers.
 * @category Training
 */
export interface PolicyState<P> {
  readonly params: P;
  readonly optimizer: AdamState;
  /** Steps taken so far. */
  readonly step: number;
}

/**
 * What {@link trainPolicy} gives.
 * @category Training
 */
export interface PolicyTraining<P> {
  readonly params: P;
  /** $\ln\pi_\theta$, float64 [X, Y]. */
  readonly logPolicy: NdArray<"float64">;
  /** Objective before every step and after the last, [numSteps + 1]. */
  readonly losses: NdArray<"float64">;
  /** Goes on from here, to the same bits. */
  readonly state: PolicyState<P>;
  /** The largest component of the gradient at the end, recomputed. */
  readonly certificate: Certificate;
}

/**
 * Options of {@link trainPolicy}.
 * @category Training
 */
export interface TrainPolicyOptions<P> {
  /** Default 0.01. */
  readonly learningRate?: number;
  /** Decoupled weight decay; default 0. */
  readonly weightDecay?: number;
  /** Number of AdamW steps; default 500. */
  readonly numSteps?: number;
  /** Largest component of the gradient at which a point counts as stationary; default 1e-4. */
  readonly tolerance?: number;
  /** Goes on from an earlier run, to the same bits. */
  readonly state?: PolicyState<P>;
  /** Called after every step. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly loss: number;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
}

const TRAIN_POLICY = {
  learningRate: positiveNumber,
  weightDecay: nonNegativeNumber,
  numSteps: wholeNumber(0),
  tolerance: nonNegativeNumber,
  state: recordOf({ params: anything, optimizer: anything, step: wholeNumber(0) }),
  ...longWork,
};

/**
 * Trains a policy of your own by AdamW on the VPO objective over a finite problem, gradients by automatic differentiation:
 * $\frac1N\sum_i \mathrm{softplus}(-z_i) + s\,\alpha\,\beta\,\mathbb E_{\rho,\pi_{\mathrm{cal}}}[\ln\pi_\theta - \ln\pi_{\mathrm{ref}}]$ with
 * $z_i = s_\theta(x_i, y_i^+) - s_\theta(x_i, y_i^-)$. With α = 0 it is DPO.
 *
 * The value term is summed over all responses, exactly. A network is not convex: another start may end elsewhere.
 *
 * @param policy - see {@link FinitePolicy}; {@link mlpPolicy} makes one
 * @param problem - see {@link PreferenceProblem}, without features: they belong to the policy
 * @param hyperparameters - see {@link VpoHyperparameters}
 * @param options - see {@link TrainPolicyOptions}
 * @returns see {@link PolicyTraining}
 * @throws `ShapeError` when scores do not have the shape of the reference, `DomainError` when they or an option are out of range
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { mlpPolicy, trainPolicy } from "@provably/rlhf-vpo";
 *
 * const problem = { data: [[0, 0, 1]], logReference: [[Math.log(0.5), Math.log(0.5)]] };
 * const policy = mlpPolicy([[[1, 0], [0, 1]]], key(0));
 * const { logPolicy } = trainPolicy(policy, problem, { beta: 1, alpha: 0.1 }, { numSteps: 50 });
 * logPolicy.get(0, 0) > logPolicy.get(0, 1); // => true
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", Algorithm 2
 * @category Training
 */
export function trainPolicy<P>(
  policy: FinitePolicy<P>,
  problem: PreferenceProblem,
  hyperparameters: VpoHyperparameters,
  options: TrainPolicyOptions<P> = {},
): PolicyTraining<P> {
  const fn = "trainPolicy";
  const {
    learningRate = 0.01,
    weightDecay = 0,
    numSteps = 500,
    tolerance = 1e-4,
    state,
    onProgress,
    signal,
  } = checkOptions<TrainPolicyOptions<P>>(fn, options, TRAIN_POLICY);
  const checked = hyperparametersOf(fn, hyperparameters);
  check(fn, "policy", policy, recordWith({ init: anything, scores: anyFunction }));
  if (checkProblem(fn, problem).features !== undefined)
    throw new DomainError(
      `${fn}: features belong to the policy, not to the problem; use trainVpo for a log-linear one`,
    );
  const flat = flattenProblem(fn, problem);
  const shape = [flat.prompts, flat.responses];
  const optimizer: Optimizer<AdamState> = adamw(learningRate, { weightDecay });
  if (state && !sameTree(state.params, policy.init))
    throw new DomainError(
      `${fn}: state.params must be arrays of the shapes of policy.init; JSON does not keep arrays`,
    );
  let {
    params,
    optimizer: moments,
    step,
  } = state ?? {
    params: policy.init,
    optimizer: within(fn, () => optimizer.init(policy.init)),
    step: 0,
  };

  /** The objective at the parameters, its scores, and a pullback to the gradient. */
  const look = (): { value: number; table: Float64Array; gradient: () => P } => {
    const [scores, pullback] = vjp((p: P) => policy.scores(p), params);
    if (!isNdArray(scores))
      throw new DTypeError(`${fn}: policy.scores must give an array, got ${show(scores)}`);
    if (scores.shape.join() !== shape.join())
      throw new ShapeError(
        `${fn}: policy.scores must give shape [${shape.join(", ")}], got [${scores.shape.join(", ")}]`,
      );
    const table = finite(fn, "policy.scores", scores);
    const slope = new Float64Array(table.length);
    const value = evaluate(flat, checked, table, slope);
    return {
      value,
      table,
      gradient: () => pullback(array(slope, { shape, dtype: scores.dtype, copy: false }))[0] as P,
    };
  };

  const losses: number[] = [];
  for (let k = 0; k < numSteps; k++) {
    signal?.throwIfAborted();
    const { value, gradient } = look();
    losses.push(value);
    const slope = gradient();
    const [updates, next] = within(fn, () => optimizer.update(slope, moments, params));
    params = applyUpdates(params, updates);
    moments = next;
    step++;
    onProgress?.({ iteration: k + 1, total: numSteps, loss: value });
  }
  const end = look();
  losses.push(end.value);
  return {
    params,
    logPolicy: array<"float64">(logPolicyOf(flat, end.table, checked.beta), { shape }),
    losses: array<"float64">(Float64Array.from(losses)),
    state: { params, optimizer: moments, step },
    certificate: certifyPolicy(policy, params, problem, checked, tolerance),
  };
}

/** Whether two trees hold arrays of the same shapes. */
function sameTree(a: unknown, b: unknown): boolean {
  const shapes = (tree: unknown): string =>
    treeLeaves(tree)
      .map((x) => (isNdArray(x) ? x.shape.join() : "none"))
      .join(";");
  return shapes(a) === shapes(b);
}

/**
 * The gradient once more, by automatic differentiation of the objective in its policy form, summed over the preferences as they were given: log-softmax of
 * the scores, margins of log-ratios, and the mean log-ratio of the calibration policy.
 */
function certifyPolicy<P>(
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
