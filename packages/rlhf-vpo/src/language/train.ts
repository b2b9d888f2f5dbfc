/** Training a language model on preferences. */
import {
  DTypeError,
  DomainError,
  type NdArray,
  ShapeError,
  add,
  array,
  mul,
  toTypedArray,
  treeLeaves,
  treeMap,
  vjp,
} from "@provably/core-tensor";
import {
  anyRecord,
  check,
  checkOptions,
  nonNegativeNumber,
  within,
} from "@provably/core-tensor/internal";
import { type Optimizer, adamw, applyUpdates } from "@provably/core-tensor/optim";
import { type RngKey, foldIn, permutation } from "@provably/core-tensor/random";
import type { LossResult } from "../losses/batch.js";
import { scoreSequences } from "../sequence/log-probs.js";
import type { PreferenceTrainingState } from "./checkpoint.js";
import { type Judge, evaluatePairs } from "./evaluate.js";
import { type TokenPair, checkPairs, padded } from "./pairs.js";
import {
  MODEL,
  type SequenceModel,
  finiteScores,
  logitsOf,
  pieces,
  rowScores,
  scorePairs,
} from "./score.js";
import {
  type LossBatch,
  type PairEvaluation,
  type PreferenceTraining,
  TRAINING,
  type TrainPreferencesOptions,
  type TrainingStep,
  batchOf,
  carryReference,
  metricsOf,
} from "./train-options.js";

const fn = "trainPreferences";

/**
 * Trains a language model on preferences with any loss of pairs, token by token through automatic differentiation: minibatches in an order drawn anew for
 * every pass, AdamW, and the closed-form gradient of the loss.
 *
 * A step takes $u_i = \sum_t \ln\pi_\theta(y_{i,t} \mid x_i, y_{i,<t})$ of both responses of every pair, lets the loss differentiate with respect to them, and
 * pulls that back through the model: $\nabla_\theta L = \sum_i \partial L/\partial u_i\; \nabla_\theta u_i$. So the gradient is the same in whatever pieces the
 * batch goes through the model, for losses that compare pairs with each other too.
 *
 * Log-probabilities of the reference are computed once, before the first step, unless the pairs carry them. With {@link lora} only adapters are trained.
 *
 * @param model - see {@link SequenceModel}
 * @param pairs - see {@link TokenPair}; {@link tokenizePairs} makes them
 * @param options - see {@link TrainPreferencesOptions}; `loss` and `key` are needed
 * @returns see {@link PreferenceTraining}
 * @throws `ShapeError`, `DTypeError`, `DomainError` for what does not fit, before the first step; later where a log-probability or gradient is not finite
 * @example
 * ```ts
 * import { add, array, reshape, take, zeros } from "@provably/core-tensor";
 * import { key } from "@provably/core-tensor/random";
 * import { trainPreferences, vpoLoss } from "@provably/rlhf-vpo";
 *
 * // a bigram model of four tokens
 * const model = {
 *   init: { next: zeros([4, 4]) },
 *   logits: ({ next }, tokens) => take(next, tokens),
 * };
 * const pairs = [{ prompt: [0], chosen: [1, 2], rejected: [3] }];
 * const { params, evaluations } = trainPreferences(model, pairs, {
 *   loss: (batch) => vpoLoss(batch, { beta: 0.5, alpha: 0.1, attitude: "pessimistic" }),
 *   key: key(0),
 *   numSteps: 20,
 *   learningRate: 0.1,
 *   evaluation: { pairs, every: 10 },
 * });
 * params.next.get(0, 1) > params.next.get(0, 3); // => true
 * evaluations.map(({ step }) => step); // => [0, 10, 20]
 * evaluations[0].loss; // => Math.LN2
 * ```
 * @category Language models
 */
export function trainPreferences<P>(
  model: SequenceModel<P>,
  pairs: readonly TokenPair[],
  options: TrainPreferencesOptions<P>,
): PreferenceTraining<P> {
  checkOptions<TrainPreferencesOptions<P>>(fn, options, TRAINING);
  for (const name of ["loss", "key"] as const)
    if (options[name] === undefined) throw new DomainError(`${fn}: options.${name} must be given`);
  check(fn, "model", model, MODEL);
  checkPairs(fn, "pairs", pairs);
  const { evaluation, signal, onProgress, clipNorm = Infinity } = options;
  if (evaluation) checkPairs(fn, "evaluation.pairs", evaluation.pairs);
  const optimizer = optimizerOf(options);
  const { size, micro, numSteps } = sizesOf(pairs.length, options);
  const judge = judgeOf(model, options, micro);
  const ready = withReference(judge, "pairs", pairs);
  const heldOut = evaluation && withReference(judge, "evaluation.pairs", evaluation.pairs);
  const { every = 50, patience = Infinity } = evaluation ?? {};
  let state = startOf(model, optimizer, options.state);
  const batchAt = orderOf(options.key, ready, size);

  const steps: TrainingStep[] = [];
  const evaluations: PairEvaluation[] = [];
  const judgeNow = (): boolean => {
    const found = evaluatePairs(judge, state.params, heldOut!, state.step);
    evaluations.push(found);
    const { best } = state;
    const better = best === undefined || found.loss < best.loss;
    const next = better
      ? { params: state.params, loss: found.loss, waited: 0 }
      : { ...best, waited: best.waited + 1 };
    state = { ...state, best: next };
    return next.waited >= patience;
  };
  let stoppedEarly = false;
  if (heldOut && state.step === 0) judgeNow();
  for (let k = 0; k < numSteps && !stoppedEarly; k++) {
    signal?.throwIfAborted();
    const batch = batchAt(state.step);
    const { result, gradient } = gradientOf(judge, state.params, batch);
    const gradientNorm = normOf(gradient, state.step);
    const cut = gradientNorm > clipNorm ? scaled(gradient, clipNorm / gradientNorm) : gradient;
    const [updates, next] = optimizer.update(cut, state.optimizer as never, state.params);
    const metrics = { ...metricsOf(state.step, batch, result), gradientNorm };
    steps.push(metrics);
    state = {
      ...state,
      step: state.step + 1,
      params: applyUpdates(state.params, updates),
      optimizer: next,
    };
    if (heldOut && state.step % every === 0) stoppedEarly = judgeNow();
    onProgress?.({
      iteration: k + 1,
      total: numSteps,
      metrics,
      evaluations: [...evaluations],
      state,
    });
  }
  return {
    params: heldOut && state.best ? state.best.params : state.params,
    steps,
    evaluations,
    stoppedEarly,
    state,
    pairs: ready,
  };
}

function optimizerOf<P>(options: TrainPreferencesOptions<P>): Optimizer<never> {
  const { optimizer, learningRate = 1e-4, weightDecay = 0 } = options;
  if (optimizer === undefined)
    return adamw(
      typeof learningRate === "number"
        ? learningRate
        : (step: number) => check(fn, "learningRate", learningRate(step), nonNegativeNumber),
      { weightDecay },
    ) as unknown as Optimizer<never>;
  for (const name of ["learningRate", "weightDecay"] as const)
    if (options[name] !== undefined)
      throw new DomainError(`${fn}: ${name} is that of AdamW; give it to the optimizer instead`);
  return optimizer;
}

function sizesOf<P>(
  count: number,
  { batchSize, microBatchSize, numSteps }: TrainPreferencesOptions<P>,
): { readonly size: number; readonly micro: number; readonly numSteps: number } {
  if (batchSize !== undefined && batchSize > count)
    throw new DomainError(`${fn}: batchSize is ${batchSize}, and there are ${count} pairs`);
  const size = batchSize ?? Math.min(8, count);
  const micro = microBatchSize ?? size;
  if (micro > size)
    throw new DomainError(`${fn}: microBatchSize is ${micro}, more than the batch of ${size}`);
  return { size, micro, numSteps: numSteps ?? Math.floor(count / size) };
}

function judgeOf<P>(
  model: SequenceModel<P>,
  options: TrainPreferencesOptions<P>,
  size: number,
): Judge<P> {
  const { loss, reference, referenceFree = false, withLengths = false } = options;
  const { padToken, padding } = options;
  return {
    fn,
    model,
    reference: reference ?? model.init,
    loss: (batch) => checkedLoss(loss, batch),
    referenceFree,
    withLengths,
    size,
    signal: options.signal,
    padding: { ...(padToken !== undefined && { padToken }), ...(padding && { padding }) },
  };
}

/** A loss as the user gave it, held to what losses return. */
function checkedLoss(loss: (batch: LossBatch) => LossResult, batch: LossBatch): LossResult {
  const result = loss(batch);
  check(fn, "the loss", result, anyRecord);
  const size = batch.chosen.size;
  for (const [name, x] of Object.entries({
    "gradient.chosen": result.gradient?.["chosen"],
    "gradient.rejected": result.gradient?.["rejected"],
    chosenRewards: result.chosenRewards,
    rejectedRewards: result.rejectedRewards,
  }))
    if (x?.shape.join() !== String(size))
      throw new DomainError(`${fn}: the loss must return ${name} of shape [${size}]`);
  if (!Number.isFinite(result.loss))
    throw new DomainError(`${fn}: the loss must be finite, got ${result.loss}`);
  return result;
}

/** The pairs with log-probabilities of the reference, computed where they have none. */
function withReference<P>(
  { model, reference, referenceFree, size, padding, signal }: Judge<P>,
  name: string,
  pairs: readonly TokenPair[],
): readonly TokenPair[] {
  const carried = carryReference(fn, name, pairs);
  if (referenceFree && carried)
    throw new DomainError(`${fn}: ${name} carry refChosen, which referenceFree does not read`);
  if (referenceFree || carried) return pairs;
  const { chosen, rejected } = within(fn, () =>
    scorePairs(model, reference, pairs, { ...padding, batchSize: size, ...(signal && { signal }) }),
  );
  return pairs.map((pair, i) => ({
    ...pair,
    refChosen: chosen.get(i),
    refRejected: rejected.get(i),
  }));
}

function startOf<P>(
  model: SequenceModel<P>,
  optimizer: Optimizer<never>,
  given: PreferenceTrainingState<P> | undefined,
): PreferenceTrainingState<P> {
  const leaves = within(`${fn}: model.init`, () => treeLeaves(model.init));
  if (leaves.length === 0) throw new DomainError(`${fn}: model.init must hold arrays`);
  leaves.forEach(({ dtype }, i) => {
    if (!dtype.startsWith("float"))
      throw new DTypeError(`${fn}: model.init must hold float arrays, got ${dtype} as leaf ${i}`);
  });
  if (given === undefined)
    return { step: 0, params: model.init, optimizer: optimizer.init(model.init) };
  const sameAs = (name: string, tree: unknown, like: unknown): void =>
    within(`${fn}: ${name}`, () => {
      treeMap(
        (x, y) => {
          if (x.shape.join() !== y.shape.join() || x.dtype !== y.dtype)
            throw new ShapeError(
              `must hold ${x.dtype} of shape [${x.shape.join(", ")}], got ${y.dtype} of [${y.shape.join(", ")}]`,
            );
          return x;
        },
        like,
        tree,
      );
    });
  sameAs("state.params", given.params, model.init);
  sameAs("state.optimizer", given.optimizer, optimizer.init(model.init));
  if (given.best) sameAs("state.best.params", given.best.params, model.init);
  return given;
}

/** The pairs of a step, in an order drawn anew for every pass. */
function orderOf(
  key: RngKey,
  pairs: readonly TokenPair[],
  size: number,
): (step: number) => readonly TokenPair[] {
  const perPass = Math.floor(pairs.length / size);
  let [pass, order]: [number, ArrayLike<number>] = [-1, []];
  return (step) => {
    const now = Math.floor(step / perPass);
    if (now !== pass) order = toTypedArray(permutation(foldIn(key, now), pairs.length));
    pass = now;
    const from = (step % perPass) * size;
    return Array.from({ length: size }, (_, i) => pairs[order[from + i]!]!);
  };
}

/** The loss of a batch and its gradient, the batch in as many pieces as it takes. */
function gradientOf<P>(
  judge: Judge<P>,
  params: P,
  batch: readonly TokenPair[],
): { readonly result: LossResult; readonly gradient: P } {
  const { model, padding, size, signal } = judge;
  const groups = pieces(batch, size);
  const pull = (group: readonly TokenPair[]) => {
    const rows = padded(group, padding);
    const score = scoreSequences(rows.tokens, rows.mask);
    return vjp((p: P) => score(logitsOf(fn, model, p, rows)), params);
  };
  const slopeOf = ({ gradient }: LossResult, from: number, count: number): NdArray => {
    const slope = new Float64Array(2 * count);
    for (let i = 0; i < count; i++) {
      slope[i] = gradient["chosen"]!.get(from + i);
      slope[count + i] = gradient["rejected"]!.get(from + i);
    }
    return array(slope, { copy: false });
  };
  if (groups.length === 1) {
    const [scores, pullback] = pull(batch);
    const numbers = toTypedArray(scores as NdArray<"float64">);
    finiteScores(fn, numbers, batch.length);
    const result = judge.loss(batchOf(batch, numbers, judge));
    return { result, gradient: pullback(slopeOf(result, 0, batch.length))[0] as P };
  }
  const [chosen, rejected]: [number[], number[]] = [[], []];
  for (const group of groups) {
    signal?.throwIfAborted();
    const scores = rowScores(fn, model, params, group, padding);
    chosen.push(...scores.subarray(0, group.length));
    rejected.push(...scores.subarray(group.length));
  }
  const result = judge.loss(batchOf(batch, [...chosen, ...rejected], judge));
  const gradient = groups
    .map((group, k) => () => pull(group)[1](slopeOf(result, k * size, group.length))[0] as P)
    .reduce<P | undefined>((sum, next) => {
      signal?.throwIfAborted();
      const g = next();
      return sum === undefined ? g : treeMap(add, sum, g);
    }, undefined);
  return { result, gradient: gradient! };
}

const scaled = <P>(tree: P, factor: number): P => treeMap((x) => mul(factor, x), tree);

function normOf(gradient: unknown, step: number): number {
  let sum = 0;
  for (const leaf of treeLeaves(gradient)) for (const g of toTypedArray(leaf)) sum += g * g;
  if (!Number.isFinite(sum))
    throw new DomainError(`${fn}: the gradient of step ${step} is not finite`);
  return Math.sqrt(sum);
}
