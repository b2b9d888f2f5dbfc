/** Optimisers as pairs of pure functions: `init` makes a state from parameters, `update` turns a gradient into a step and the next state. */
import {
  type Schema,
  anything,
  check,
  checkOptions,
  isRecord,
  nonNegativeNumber,
  recordWith,
  satisfying,
  show,
  trueOrFalse,
  within,
} from "../check/index.js";
import type { NdArray } from "../array/ndarray.js";
import { installEager } from "../eager/install.js";
import { DomainError } from "../errors.js";
import { add, div, mul, square } from "../ops/arithmetic.js";
import { lessEqual, where } from "../ops/comparison.js";
import { zeros } from "../ops/create.js";
import { sqrt } from "../ops/exponential.js";
import { sum } from "../ops/reduce.js";
import { convert } from "../trace/elementwise.js";
import { isNdArray } from "../trace/input.js";
import { treeLeaves, treeMap } from "../tree/tree.js";
import type { LearningRateSchedule } from "./schedule.js";
import { type StepCount, minus, nextStep, rateAt, scaledBy, unbiased } from "./step-count.js";

/**
 * An optimiser. States are trees of arrays and numbers: they can be stored, and training resumes from them to the same bits.
 * @category Optimisers
 */
export interface Optimizer<State = unknown> {
  /** The state before the first step. */
  init<T>(params: T): State;
  /** The step to add to the parameters, a tree like `grads`, and the next state. */
  update<T>(grads: T, state: State, params: T): [T, State];
}

/**
 * A step size: a number, or a function of the number of steps already taken.
 * @category Optimisers
 */
export type LearningRate = number | LearningRateSchedule;

const fraction = /* @__PURE__ */ satisfying<number>(
  "in [0, 1)",
  (x) => typeof x === "number" && x >= 0 && x < 1,
);
const notNegative = /* @__PURE__ */ satisfying<number>(
  "≥ 0",
  (x) => typeof x === "number" && x >= 0,
);
const stepCount = /* @__PURE__ */ satisfying<StepCount>(
  "a number or an array, as init made it",
  (x) => typeof x === "number" || isNdArray(x),
);

/** The step size comes first, and is no option. */
function checkRate(fn: string, rate: unknown): void {
  if (typeof rate === "function" || Number.isFinite(rate)) return;
  const got = `${fn}: learningRate must be a finite number or a schedule, got ${show(rate)}`;
  const hint = isRecord(rate) ? `; it comes before the options, as in ${fn}(0.01)` : "";
  throw new DomainError(got + hint);
}

/** What tells optimisers apart. */
interface Rule<State> {
  init<T>(params: T): State;
  step<T>(rate: StepCount, grads: T, state: State, params: T): [T, State];
}

/** The optimiser of a rule, under the name of the function that the user called. */
function optimizer<State extends { readonly step: StepCount }>(
  fn: string,
  learningRate: LearningRate,
  averages: readonly string[],
  rule: Rule<State>,
): Optimizer<State> {
  checkRate(fn, learningRate);
  // an update is a chain of elementwise operations that pays as one loop only
  installEager();
  const made = Object.fromEntries(averages.map((name) => [name, anything]));
  const fits = recordWith({ step: stepCount, ...made });
  return {
    init: (params) => within(fn, () => rule.init(params)),
    update(grads, state, params) {
      check(fn, "state", state, fits);
      // the schedule is the user's: what it throws is not ours to rename
      const rate = rateAt(fn, learningRate, state.step);
      return within(fn, () => rule.step(rate, grads, state, params));
    },
  };
}

const noSteps = (): StepCount => zeros([], { dtype: "int32" });

const zerosLike = <T>(tree: T): T => treeMap((x) => zeros(x.shape, { dtype: x.dtype }), tree);

/** `decay · old + (1 − decay) · fresh`. */
function blend(decay: number, old: NdArray, fresh: NdArray): NdArray {
  return add(mul(decay, old), mul(1 - decay, fresh));
}

/**
 * The parameters after a step: the sum of the two trees.
 *
 * @param params - tree of arrays
 * @param updates - tree of the same structure
 * @returns tree of the same structure
 * @throws `ShapeError` when the structures differ
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { applyUpdates } from "@provably/core-tensor/optim";
 *
 * toNested(applyUpdates({ w: array([1]) }, { w: array([2]) }).w); // => [3]
 * ```
 * @category Optimisers
 */
export function applyUpdates<T>(params: T, updates: T): T {
  return within("applyUpdates", () => treeMap(add, params, updates));
}

/**
 * State of {@link sgd}.
 * @category Optimisers
 */
export interface SgdState {
  readonly step: StepCount;
  /** Running sum of gradients, a tree like the parameters; null without momentum. */
  readonly velocity: unknown;
}

const SGD: Schema<{ readonly momentum?: number; readonly nesterov?: boolean }> = {
  momentum: fraction,
  nesterov: trueOrFalse,
};

/**
 * Gradient descent, $\theta \leftarrow \theta - \eta g$, with momentum $v \leftarrow \mu v + g$ if wanted.
 *
 * @param learningRate - $\eta$, see {@link LearningRate}
 * @param options - `momentum`: $\mu \in [0, 1)$, default 0; `nesterov`: look ahead by one step of the momentum, default false
 * @returns optimiser; a state that it did not make gives an error or NaN
 * @throws `DomainError` when `momentum` is out of range
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { sgd } from "@provably/core-tensor/optim";
 *
 * const { init, update } = sgd(0.5);
 * const params = array([1]);
 * toNested(update(array([4]), init(params), params)[0]); // => [-2]
 * ```
 * @see Polyak (1964), "Some methods of speeding up the convergence of iteration methods"
 * @category Optimisers
 */
export function sgd(
  learningRate: LearningRate,
  options: { readonly momentum?: number; readonly nesterov?: boolean } = {},
): Optimizer<SgdState> {
  const { momentum = 0, nesterov = false } = checkOptions("sgd", options, SGD);
  return optimizer("sgd", learningRate, ["velocity"], {
    init: (params) => ({ step: noSteps(), velocity: momentum > 0 ? zerosLike(params) : null }),
    step<T>(rate: StepCount, grads: T, state: SgdState): [T, SgdState] {
      const velocity =
        momentum > 0
          ? treeMap((v, g) => add(mul(momentum, v), g), state.velocity as T, grads)
          : undefined;
      const direction =
        velocity === undefined
          ? grads
          : nesterov
            ? treeMap((v, g) => add(mul(momentum, v), g), velocity, grads)
            : velocity;
      return [
        treeMap((d) => minus(rate, d), direction),
        { step: nextStep(state.step), velocity: velocity ?? null },
      ];
    },
  });
}

/**
 * State of {@link adam} and {@link adamw}.
 * @category Optimisers
 */
export interface AdamState {
  readonly step: StepCount;
  /** Running mean of the gradients. */
  readonly mean: unknown;
  /** Running mean of their squares. */
  readonly square: unknown;
}

/**
 * Options of {@link adam} and {@link adamw}.
 * @category Optimisers
 */
export interface AdamOptions {
  /** Decay of the mean, in [0, 1); default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean square, in [0, 1); default 0.999. */
  readonly beta2?: number;
  /** Added to the root mean square; default 1e-8. */
  readonly epsilon?: number;
}

const ADAM: Schema<AdamOptions> = {
  beta1: fraction,
  beta2: fraction,
  epsilon: nonNegativeNumber,
};
const ADAMW: Schema<AdamOptions & { readonly weightDecay?: number }> = {
  ...ADAM,
  weightDecay: notNegative,
};

/**
 * Adam: $\theta \leftarrow \theta - \eta\, \hat m / (\sqrt{\hat v} + \varepsilon)$ with bias-corrected running means of the gradient and its square.
 *
 * @param learningRate - $\eta$, see {@link LearningRate}
 * @param options - see {@link AdamOptions}
 * @returns optimiser; a state that it did not make gives an error or NaN
 * @throws `DomainError` when a decay is out of range
 * @example
 * ```ts
 * import { array, grad, item, square } from "@provably/core-tensor";
 * import { adam, applyUpdates } from "@provably/core-tensor/optim";
 *
 * const { init, update } = adam(0.1);
 * let params = array(1);
 * let state = init(params);
 * for (let i = 0; i < 200; i++) {
 *   const [step, next] = update(grad(square)(params), state, params);
 *   [params, state] = [applyUpdates(params, step), next];
 * }
 * Math.abs(item(params)) < 1e-2; // => true
 * ```
 * @see Kingma, Ba (2015), "Adam: a method for stochastic optimization", algorithm 1
 * @category Optimisers
 */
export function adam(learningRate: LearningRate, options: AdamOptions = {}): Optimizer<AdamState> {
  return decoupled("adam", learningRate, checkOptions("adam", options, ADAM), 0);
}

/**
 * Adam with decoupled weight decay: $\theta \leftarrow \theta - \eta\,(\hat m / (\sqrt{\hat v} + \varepsilon) + \lambda\theta)$.
 *
 * @param learningRate - $\eta$, see {@link LearningRate}
 * @param options - see {@link AdamOptions}; `weightDecay`: $\lambda \ge 0$, default 0.01
 * @returns optimiser; a state that it did not make gives an error or NaN
 * @throws `DomainError` when a decay is out of range
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { adamw } from "@provably/core-tensor/optim";
 *
 * const { init, update } = adamw(0.1, { weightDecay: 0.5 });
 * const params = array([2], { dtype: "float64" });
 * toNested(update(array([0], { dtype: "float64" }), init(params), params)[0]); // => [-0.1]
 * ```
 * @see Loshchilov, Hutter (2019), "Decoupled weight decay regularization", algorithm 2
 * @category Optimisers
 */
export function adamw(
  learningRate: LearningRate,
  options: AdamOptions & { readonly weightDecay?: number } = {},
): Optimizer<AdamState> {
  const { weightDecay = 0.01 } = checkOptions("adamw", options, ADAMW);
  return decoupled("adamw", learningRate, options, weightDecay);
}

/** Adam with weight decay apart from the gradient; without any it is Adam itself. */
function decoupled(
  fn: string,
  learningRate: LearningRate,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions,
  weightDecay: number,
): Optimizer<AdamState> {
  return optimizer(fn, learningRate, ["mean", "square"], {
    init: (params) => ({ step: noSteps(), mean: zerosLike(params), square: zerosLike(params) }),
    step<T>(rate: StepCount, grads: T, state: AdamState, params: T): [T, AdamState] {
      const step = nextStep(state.step);
      const mean = treeMap((m, g) => blend(beta1, m, g), state.mean as T, grads);
      const squares = treeMap((v, g) => blend(beta2, v, square(g)), state.square as T, grads);
      const [meanScale, squareScale] = [unbiased(beta1, step), unbiased(beta2, step)];
      const updates = treeMap(
        (m, v, p) => {
          const direction = div(
            scaledBy(meanScale, m),
            add(sqrt(scaledBy(squareScale, v)), epsilon),
          );
          return minus(rate, weightDecay === 0 ? direction : add(direction, mul(weightDecay, p)));
        },
        mean,
        squares,
        params,
      );
      return [updates, { step, mean, square: squares }];
    },
  });
}

/**
 * State of {@link rmsprop}.
 * @category Optimisers
 */
export interface RmspropState {
  readonly step: StepCount;
  readonly square: unknown;
}

const RMSPROP: Schema<{ readonly decay?: number; readonly epsilon?: number }> = {
  decay: fraction,
  epsilon: nonNegativeNumber,
};

/**
 * RMSprop: $\theta \leftarrow \theta - \eta\, g / (\sqrt{v} + \varepsilon)$ with a running mean $v$ of the squared gradient.
 *
 * @param learningRate - $\eta$, see {@link LearningRate}
 * @param options - `decay` of the mean square, in [0, 1), default 0.9; `epsilon`, default 1e-8
 * @returns optimiser; a state that it did not make gives an error or NaN
 * @throws `DomainError` when `decay` is out of range
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { rmsprop } from "@provably/core-tensor/optim";
 *
 * const { init, update } = rmsprop(0.1, { decay: 0, epsilon: 0 });
 * const params = array([1], { dtype: "float64" });
 * toNested(update(array([-3], { dtype: "float64" }), init(params), params)[0]); // => [0.1]
 * ```
 * @category Optimisers
 */
export function rmsprop(
  learningRate: LearningRate,
  options: { readonly decay?: number; readonly epsilon?: number } = {},
): Optimizer<RmspropState> {
  const { decay = 0.9, epsilon = 1e-8 } = checkOptions("rmsprop", options, RMSPROP);
  return optimizer("rmsprop", learningRate, ["square"], {
    init: (params) => ({ step: noSteps(), square: zerosLike(params) }),
    step<T>(rate: StepCount, grads: T, state: RmspropState): [T, RmspropState] {
      const squares = treeMap((v, g) => blend(decay, v, square(g)), state.square as T, grads);
      return [
        treeMap((g, v) => minus(rate, div(g, add(sqrt(v), epsilon))), grads, squares),
        { step: nextStep(state.step), square: squares },
      ];
    },
  });
}

/**
 * The gradients scaled down together so that their common norm is at most `maxNorm`.
 *
 * @param grads - tree of arrays
 * @param maxNorm - bound on the Euclidean norm over all arrays, > 0
 * @returns tree of the same structure; the same values when the norm is within the bound
 * @throws `DomainError` when `maxNorm` is not positive
 * @example
 * ```ts
 * import { array, toNested } from "@provably/core-tensor";
 * import { clipByGlobalNorm } from "@provably/core-tensor/optim";
 *
 * toNested(clipByGlobalNorm(array([3, 4]), 2.5)); // => [1.5, 2]
 * ```
 * @see Pascanu, Mikolov, Bengio (2013), "On the difficulty of training recurrent neural networks", algorithm 1
 * @category Optimisers
 */
export function clipByGlobalNorm<T>(grads: T, maxNorm: number): T {
  if (!(typeof maxNorm === "number" && maxNorm > 0))
    throw new DomainError(`clipByGlobalNorm: maxNorm must be positive, got ${show(maxNorm)}`);
  return within("clipByGlobalNorm", () => {
    const squares = treeLeaves(grads).map((g) => convert(sum(square(g)), "float64"));
    if (squares.length === 0) return grads;
    const norm = sqrt(squares.reduce(add));
    const scale = where(lessEqual(norm, maxNorm), 1, div(maxNorm, norm));
    return treeMap((g) => scaledBy(scale, g), grads);
  });
}
