/** Online VPO as a conversation: it asks, somebody answers, whenever and in whatever order. */
import { DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  anything,
  check,
  checkOptions,
  flatNumbers,
  listOf,
  nonNegativeNumber,
  numberIn,
  optional,
  positiveNumber,
  recordOf,
  rngKey,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";
import { finite, logDistributions, read } from "../arrays.js";
import {
  type Answer,
  type FlatProblem,
  type Pairs,
  type PreferenceProblem,
  addAnswer,
  answersOf,
  flattenProblem,
  noPairs,
} from "../exact/problem.js";
import { signOf } from "../losses/vpo.js";
import { drawIndex, drawSecond } from "./draw.js";
import { informationOf, posteriorAt } from "./information.js";
import { type PolicyModel, linearModel, networkModel } from "./model.js";
import {
  CONVERSATION,
  type ConversationOptions,
  type OnlineState,
  type OpenQuery,
  type RewardBound,
  alphaGuard,
} from "./online-options.js";
import {
  type OptimizerState,
  type WorkingState,
  optimizerStep,
  plainState,
  workingState,
} from "./optimizer.js";

/**
 * A question to a judge: which of two responses to a prompt is better.
 * @category Training
 */
export type PairQuery = Omit<OpenQuery, "answer">;

/**
 * An answer: 1 for the first response, 2 for the second, a tie, or the probability that the first is preferred, from 0 to 1.
 * @category Training
 */
export type QueryAnswer = number | "tie";

/**
 * An online run that waits for answers. Its `state` holds everything that was answered, at any moment.
 * @category Training
 */
export interface OnlineConversation {
  /** The queries of this round that nobody has answered; a new round is drawn where there is none. Asking again gives the same ones. */
  readonly next: () => readonly PairQuery[];
  /**
   * Takes an answer, in any order within the round; see {@link QueryAnswer}. The last one of a round improves the policy.
   * Throws `DomainError` for an id that was not asked or was answered before, and for anything that is no answer.
   */
  readonly answer: (id: number, answer: QueryAnswer) => void;
  /** Plain data from which `startOnline` goes on, answers of an unfinished round included. */
  readonly state: OnlineState;
  /** $\ln\pi$ of the finished rounds, [X, Y]. */
  readonly logPolicy: NdArray<"float64">;
  /** Objective at the last inner step of the last round of this call; undefined before. */
  readonly loss: number | undefined;
  readonly warnings: readonly string[];
}

/** At and below this temperature a policy that has a favourite asks about nothing else. */
const LOW_TEMPERATURE = 0.2;

const ANSWER = numberIn(0, 1);

function answerFrom(answer: unknown): number {
  if (answer === "tie") return 0.5;
  if (answer === 2) return 0;
  if (ANSWER(answer) === undefined) return answer as number;
  throw new DomainError(
    `answer: answer must be 1 (the first), 2 (the second), "tie", or the probability that the first is preferred, in [0, 1], got ${show(answer)}`,
  );
}

/**
 * Starts online VPO as a conversation: `next()` gives queries, `answer(id, …)` takes what a person, a model or a service says about them, and the policy
 * improves when a round is complete. Nothing waits inside: keep `state` anywhere, as JSON, and go on from it in another process, to the same bits.
 *
 * Answers are learnt from in the order of their queries, so that the order in which they come in changes nothing. O(distinct pairs + X·Y) an inner step.
 *
 * @param problem - reference, calibration and features, see {@link PreferenceProblem}; `data` are answers to start with, usually none
 * @param options - see {@link ConversationOptions}
 * @param key - random key; the same for every part of a run
 * @returns see {@link OnlineConversation}
 * @throws `ShapeError`, `DomainError` when problem, options or state do not fit together
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { startOnline } from "@provably/rlhf-vpo";
 *
 * const third = Math.log(1 / 3);
 * const problem = { data: [], logReference: [[third, third, third]] };
 * const options = { beta: 0.1, alphaSum: 1, bound: { kind: "box", size: 2 } };
 * let online = startOnline(problem, options, key(0));
 * const [query] = online.next();
 * query.y1 === query.y2; // => false
 * online.answer(query.id, 1);
 * const saved = JSON.stringify(online.state);
 *
 * online = startOnline(problem, { ...options, state: JSON.parse(saved) }, key(0));
 * online.next()[0].id; // => 1
 * ```
 * @see Cen and others (2025), "Value-incentivized preference optimization", Algorithm 1
 * @category Training
 */
export function startOnline(
  problem: PreferenceProblem,
  options: ConversationOptions,
  key: RngKey,
): OnlineConversation {
  checkOptions<ConversationOptions>("startOnline", options, CONVERSATION);
  return converse("startOnline", problem, options, key);
}

/** The conversation of options that were checked; rows of `uniforms` count from query `first` on. */
export function converse(
  fn: string,
  problem: PreferenceProblem,
  options: ConversationOptions,
  key: RngKey,
  uniformsFrom?: "the first query of this call",
): OnlineConversation {
  const { batchSize = 1, bound, attitude = "optimistic", referenceEvery = Infinity } = options;
  const beta = check(fn, "beta", options.beta, positiveNumber);
  check(fn, "alphaSum", options.alphaSum, alphaGuard);
  check(fn, "key", key, rngKey);
  let flat = flattenProblem(fn, problem, { allowSame: true });
  const { prompts, responses } = flat;
  const cells = prompts * responses;
  if (options.policy !== undefined && flat.features)
    throw new DomainError(`${fn}: features belong to the policy, not to the problem`);
  if (bound?.kind === "box" && (flat.features || options.policy))
    throw new DomainError(
      `${fn}: a box bounds the table of rewards, so it needs a tabular problem; use kind "norm"`,
    );
  const low = beta <= LOW_TEMPERATURE;
  const { secondResponse = low ? "reference" : "policy", distinct = low && responses > 1 } =
    options;
  if (distinct && responses < 2)
    throw new DomainError(`${fn}: distinct pairs need two responses, the problem has one`);
  if (secondResponse === "information" && options.policy)
    throw new DomainError(
      `${fn}: secondResponse "information" needs a table or features: a network has no posterior of its rewards`,
    );
  const model = options.policy
    ? networkModel(fn, options.policy, [prompts, responses])
    : linearModel(flat);
  const fresh = (): OptimizerState => {
    const zeros = new Array<number>(model.dimension).fill(0);
    return { theta: [...model.start], first: zeros, second: zeros, step: 0 };
  };

  const given = answersOf(fn, "data", problem.data, prompts, responses, { allowSame: true });
  const before = options.state && stateOf(fn, options.state, flat);
  const history: Answer[] = [...(before && before.data.length > 0 ? before.data : given)];
  // queries asked before: the answers that the problem came with are not among them
  if (given.some((row, i) => row.some((x, k) => x !== history[i]?.[k])))
    throw new DomainError(`${fn}: state.data must begin with the ${given.length} rows of data`);
  let rounds = before?.rounds ?? 0;
  let open = before?.open ?? [];
  open.forEach(({ id }, i) => {
    const due = history.length - given.length + i;
    if (id !== due)
      throw new DomainError(
        `${fn}: state.open[${i}].id must be ${due}, got ${id}: queries are numbered from 0 on`,
      );
  });
  let loss: number | undefined;
  let moved = before?.logReference;
  if (moved) flat = { ...flat, logReference: Float64Array.from(moved.flat()) };
  let working = workingState(
    fn,
    "state.optimizer",
    options.state?.optimizer ?? fresh(),
    model.dimension,
  );
  const firstId = open[0]?.id ?? history.length - given.length;
  const recorded = uniformRows(fn, options, uniformsFrom ? firstId : 0);

  const pairsOf = (rows: readonly Answer[], pairs = noPairs()): Pairs => {
    for (const [x, a, b, p] of rows)
      addAnswer(pairs, cells, x * responses + a, x * responses + b, p);
    return pairs;
  };
  const all = pairsOf(history);
  const remembered = (): FlatProblem => ({
    ...flat,
    pairs: options.replay === undefined ? all : pairsOf(history.slice(-options.replay)),
  });

  const ask = (id: number, logPolicy: Float64Array): OpenQuery => {
    const u = recorded?.(id) ?? flatNumbers(uniform(foldIn(key, id), [4], { dtype: "float64" }));
    const x = drawIndex((c) => flat.rho[c]!, prompts, u[0]!);
    const policy = (y: number): number => Math.exp(logPolicy[x * responses + y]!);
    const y1 = drawIndex(policy, responses, u[1]!);
    const query = { id, x, y1, u: u[3] ?? 0, answer: null };
    if (secondResponse === "information")
      return { ...query, y2: mostInforming(remembered(), working.theta, x, y1) };
    const other = {
      policy,
      reference: (y: number) => Math.exp(flat.logReference[x * responses + y]!),
      calibration: (y: number) => flat.calibration[x * responses + y]!,
      uniform: () => 1 / responses,
    }[secondResponse];
    return { ...query, y2: drawSecond(other, responses, u[2]!, distinct ? y1 : undefined) };
  };

  const improve = (): void => {
    const rows = open.map(({ x, y1, y2, answer }): Answer => [x, y1, y2, answer!]);
    history.push(...rows);
    pairsOf(rows, all);
    open = [];
    const { alphaSum } = options;
    const alpha =
      typeof alphaSum === "number"
        ? alphaSum
        : check(fn, `alphaSum(${rounds})`, alphaSum(rounds), nonNegativeNumber);
    if (options.reset) working = workingState(fn, "state", fresh(), model.dimension);
    loss = train(model, remembered(), working, { ...options, alpha, sign: signOf(attitude) });
    rounds++;
    if (rounds % referenceEvery !== 0) return;
    const logReference = model.logPolicy(flat, working.theta, beta);
    flat = { ...flat, logReference };
    moved = Array.from({ length: prompts }, (_, x) => [
      ...logReference.subarray(x * responses, (x + 1) * responses),
    ]);
    working = workingState(fn, "state", fresh(), model.dimension);
  };

  return {
    next() {
      if (open.length === 0) {
        const logPolicy = model.logPolicy(flat, working.theta, beta);
        const from = history.length - given.length;
        open = Array.from({ length: batchSize }, (_, i) => ask(from + i, logPolicy));
      }
      return open
        .filter(({ answer }) => answer === null)
        .map(({ id, x, y1, y2, u }) => ({ id, x, y1, y2, u }));
    },
    answer(id, answer) {
      const p = answerFrom(answer);
      const at = open.findIndex((query) => query.id === id);
      const known = open[at];
      if (known === undefined || known.answer !== null) {
        const asked =
          known ?? (Number.isInteger(id) && id >= 0 && id < history.length - given.length);
        throw new DomainError(
          asked
            ? `answer: query ${id} was answered before`
            : `answer: no query ${show(id)} is open; open are ${show(open.map((query) => query.id))}`,
        );
      }
      open = open.map((query, i) => (i === at ? { ...query, answer: p } : query));
      if (open.every((query) => query.answer !== null)) improve();
    },
    get state() {
      return {
        data: history.map(([x, a, b, p]) => [x, a, b, p] as const),
        optimizer: plainState(working),
        open,
        rounds,
        ...(moved && { logReference: moved }),
      };
    },
    get logPolicy() {
      return array<"float64">(model.logPolicy(flat, working.theta, beta), {
        shape: [prompts, responses],
      });
    },
    get loss() {
      return loss;
    },
    get warnings() {
      return attitude === "optimistic" && options.alphaSum !== 0
        ? warningsOf(problem, flat, history, bound)
        : [];
    },
  };
}

/** The inner steps of a round; gives the objective before the last of them. */
function train(
  model: PolicyModel,
  problem: FlatProblem,
  working: WorkingState,
  {
    beta,
    alpha,
    sign,
    bound,
    innerSteps = 20,
    optimizer = "adamw",
    learningRate = 0.01,
    weightDecay = 0.01,
  }: Omit<ConversationOptions, "alphaSum"> & { readonly alpha: number; readonly sign: 1 | -1 },
): number {
  const gradient = new Float64Array(model.dimension);
  const hyperparameters = { beta, alpha: alpha / problem.pairs.total, sign };
  const look = (): number => model.evaluate(problem, hyperparameters, working.theta, gradient);
  let loss = innerSteps === 0 ? look() : 0;
  for (let k = 0; k < innerSteps; k++) {
    loss = look();
    optimizerStep(working, gradient, { optimizer, learningRate, weightDecay });
    if (bound) applyBound(working.theta, problem, bound);
  }
  return loss;
}

function applyBound(theta: Float64Array, flat: FlatProblem, bound: RewardBound): void {
  if (bound.kind === "norm") {
    const norm = Math.sqrt(theta.reduce((sum, t) => sum + t * t, 0));
    if (norm > bound.size) for (let i = 0; i < theta.length; i++) theta[i]! *= bound.size / norm;
    return;
  }
  const { prompts, responses, calibration } = flat;
  for (let x = 0; x < prompts; x++) {
    let mean = 0;
    for (let k = x * responses; k < (x + 1) * responses; k++) mean += calibration[k]! * theta[k]!;
    for (let k = x * responses; k < (x + 1) * responses; k++)
      theta[k] = Math.min(bound.size, Math.max(-bound.size, theta[k]! - mean));
  }
}

/** The response about which, against the first, an answer would tell most; the first of several. */
function mostInforming(problem: FlatProblem, theta: Float64Array, x: number, y1: number): number {
  const posterior = posteriorAt(problem, theta, 1);
  const at = x * problem.responses;
  let best = y1 === 0 ? Math.min(1, problem.responses - 1) : 0;
  let most = -1;
  for (let y = 0; y < problem.responses; y++) {
    const gain = y === y1 ? -1 : informationOf(posterior, at + y1, at + y);
    if (gain > most + 1e-12) [best, most] = [y, gain];
  }
  return best;
}

const STATE = recordOf<OnlineState>({
  data: anything,
  optimizer: anything,
  open: listOf(
    recordOf<OpenQuery>({
      id: wholeNumber(0),
      x: wholeNumber(0),
      y1: wholeNumber(0),
      y2: wholeNumber(0),
      u: numberIn(0, 1),
      answer: anything,
    }),
  ),
  rounds: wholeNumber(0),
  logReference: optional(anything),
});

/** A state that fits the problem. */
function stateOf(
  fn: string,
  state: OnlineState,
  { prompts, responses }: FlatProblem,
): Pick<OnlineState, "open" | "rounds" | "logReference"> & { readonly data: readonly Answer[] } {
  check(fn, "state", state, STATE);
  const data = answersOf(fn, "state.data", state.data, prompts, responses, { allowSame: true });
  state.open.forEach(({ x, y1, y2, answer }, i) => {
    if (x >= prompts || y1 >= responses || y2 >= responses)
      throw new DomainError(`${fn}: state.open[${i}] asks about what the problem does not have`);
    if (answer !== null) check(fn, `state.open[${i}].answer`, answer, ANSWER);
  });
  if (state.open.length > 0 && state.open.every(({ answer }) => answer !== null))
    throw new DomainError(
      `${fn}: state.open must hold a query without an answer, or nothing: the last answer of a round ends it`,
    );
  if (state.logReference)
    logDistributions(fn, "state.logReference", state.logReference, [prompts, responses]);
  const { open, rounds, logReference } = state;
  return { data, open, rounds, ...(logReference && { logReference }) };
}

/** The recorded uniform numbers of a query. */
function uniformRows(
  fn: string,
  { uniforms }: ConversationOptions,
  from: number,
): ((id: number) => Float64Array) | undefined {
  if (uniforms === undefined) return undefined;
  const { shape } = read(fn, "uniforms", uniforms);
  const width = shape[1] === 3 ? 3 : 4;
  const rows = finite(fn, "uniforms", uniforms, [shape[0] ?? 0, width]);
  return (id) => {
    const at = (id - from) * width;
    if (at + width > rows.length)
      throw new DomainError(`${fn}: uniforms has ${shape[0]} rows, and none for query ${id}`);
    return rows.subarray(at, at + width);
  };
}

/** What a reader of an optimistic run should know. */
function warningsOf(
  { calibration }: PreferenceProblem,
  { prompts, rho }: FlatProblem,
  history: readonly Answer[],
  bound: RewardBound | undefined,
): readonly string[] {
  const warnings: string[] = [];
  if (bound === undefined)
    warnings.push(
      "the optimistic objective is unbounded below without a bound on rewards; runs tend to collapse on one response",
    );
  const visited = new Set(history.map(([x]) => x));
  const unvisited = Array.from({ length: prompts }, (_, x) => x).filter(
    (x) => rho[x]! > 0 && !visited.has(x),
  );
  if (calibration === undefined && unvisited.length > 0)
    warnings.push(
      `no query about ${unvisited.length} of ${prompts} prompts: where the calibration policy is the reference, optimism leaves their policy on an unstable point, and rounding decides where it goes`,
    );
  return warnings;
}
