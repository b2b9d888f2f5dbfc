/** Offline data: what a behaviour policy did, and how it is thinned out for the theory. */
import {
  type ArrayInput,
  DomainError,
  type NdArray,
  ShapeError,
  array,
  toTypedArray,
} from "@provably/core-tensor";
import {
  anyRecord,
  anything,
  check,
  checkOptions,
  nonNegativeNumber,
  numberInside,
  optional,
  wholeNumber,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, permutation, uniform } from "@provably/core-tensor/random";
import { cumulativeRows, drawFrom } from "../game/sampling.js";
import { checkRows } from "../internal/distributions.js";
import { needOptions } from "../internal/options.js";
import { float64, shaped } from "../internal/read.js";
import { type LinearMdp, checkLinearMdp } from "./model.js";

/**
 * K episodes of H steps, step by step.
 * @category Offline learning
 */
export interface OfflineData {
  /** $s_h$, integers [H, K]. */
  readonly states: NdArray;
  /** $a_h$, integers [H, K]. */
  readonly actions: NdArray;
  /** $r_h$, [H, K]. */
  readonly rewards: NdArray;
  /** $s_{h+1}$, integers [H, K]. */
  readonly nextStates: NdArray;
  /** 1 for transitions to use, [H, K]; absent for all. */
  readonly kept?: NdArray;
}

/** Checked flat numbers of data. */
export interface FlatData {
  readonly horizon: number;
  readonly episodes: number;
  readonly states: Float64Array;
  readonly actions: Float64Array;
  readonly rewards: Float64Array;
  readonly nextStates: Float64Array;
  readonly kept: Float64Array | undefined;
}

export function flattenData(
  fn: string,
  data: { readonly [K in keyof OfflineData]: ArrayInput | undefined },
  numStates: number,
  numActions: number,
  signal?: AbortSignal,
): FlatData {
  check(fn, "data", data, anyRecord);
  const read = (name: keyof OfflineData, limit: number): NdArray => {
    signal?.throwIfAborted();
    const x = float64(fn, name, data[name]!);
    if (x.shape.length !== 2 || x.size === 0)
      throw new ShapeError(`${fn}: ${name} must have shape [H, K], got [${x.shape.join(", ")}]`);
    flatNumbers(x).forEach((value, i) => {
      if (
        limit > 0
          ? !(Number.isInteger(value) && value >= 0 && value < limit)
          : !Number.isFinite(value)
      )
        throw new DomainError(
          `${fn}: ${name}[${Math.floor(i / x.shape[1]!)}, ${i % x.shape[1]!}] must be ${limit > 0 ? `an integer below ${limit}` : "finite"}, got ${value}`,
        );
    });
    return x;
  };
  const states = read("states", numStates);
  const rest = {
    actions: read("actions", numActions),
    rewards: read("rewards", 0),
    nextStates: read("nextStates", numStates),
  };
  const kept = data.kept === undefined ? undefined : read("kept", 2);
  for (const [name, x] of Object.entries(kept ? { ...rest, kept } : rest))
    if (x.shape.join() !== states.shape.join())
      throw new ShapeError(
        `${fn}: ${name} must have the shape of states, [${states.shape.join(", ")}], got [${x.shape.join(", ")}]`,
      );
  const [horizon, episodes] = [states.shape[0]!, states.shape[1]!];
  return {
    horizon,
    episodes,
    states: flatNumbers(states),
    actions: flatNumbers(rest.actions),
    rewards: flatNumbers(rest.rewards),
    nextStates: flatNumbers(rest.nextStates),
    kept: kept && flatNumbers(kept),
  };
}

/**
 * Options of {@link collectOfflineData}.
 * @category Offline learning
 */
export interface CollectOptions {
  /** $K$. */
  readonly numEpisodes: number;
  /** Probabilities of actions, [S, A]; default uniform. */
  readonly policy?: ArrayInput;
  /** Distribution of the first state, [S]; default uniform. */
  readonly start?: ArrayInput;
}

const COLLECT = {
  numEpisodes: wholeNumber(),
  policy: optional(anything),
  start: optional(anything),
};

/**
 * Episodes of a behaviour policy in a linear process as it is (without any perturbation).
 *
 * @param key - random key
 * @param model - linear process
 * @param options - see {@link CollectOptions}
 * @returns the data
 * @throws `DomainError`, `ShapeError` when policy or start do not fit
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { collectOfflineData, randomLinearMdp } from "@provably/robust-rl";
 *
 * const model = randomLinearMdp(key(0), { numStates: 5, numActions: 2, dimension: 3, horizon: 4 });
 * collectOfflineData(key(1), model, { numEpisodes: 10 }).states.shape; // => [4, 10]
 * ```
 * @category Offline learning
 */
export function collectOfflineData(
  key: RngKey,
  model: LinearMdp,
  options: CollectOptions,
): OfflineData {
  const given = needOptions<CollectOptions>("collectOfflineData", options, COLLECT);
  const { numEpisodes: episodes } = given;
  const { numStates, numActions, horizon, dimension } = checkLinearMdp("collectOfflineData", model);
  const distribution = (
    name: string,
    input: ArrayInput | undefined,
    shape: readonly number[],
  ): Float64Array => {
    const width = shape[shape.length - 1]!;
    if (input === undefined)
      return cumulativeRows(new Float64Array(shape.reduce((a, b) => a * b)).fill(1 / width), width);
    const p = shaped("collectOfflineData", name, input, shape);
    checkRows("collectOfflineData", name, p, width, shape.slice(0, -1));
    return cumulativeRows(p, width);
  };
  const start = distribution("start", given.start, [numStates]);
  const behaviour = distribution("policy", given.policy, [numStates, numActions]);
  const [phi, theta] = [flatNumbers(model.features), flatNumbers(model.rewards)];
  const features = cumulativeRows(phi, dimension);
  const factors = cumulativeRows(flatNumbers(model.factors), numStates);
  const draws = flatNumbers(
    uniform(foldIn(key, "draws"), [horizon, episodes, 3], { dtype: "float64" }),
  );
  const first = flatNumbers(uniform(foldIn(key, "start"), [episodes], { dtype: "float64" }));
  const size = horizon * episodes;
  const [states, actions, nextStates] = [
    new Int32Array(size),
    new Int32Array(size),
    new Int32Array(size),
  ];
  const rewards = new Float64Array(size);
  for (let k = 0; k < episodes; k++) {
    let s = drawFrom(start, 0, numStates, first[k]!);
    for (let h = 0; h < horizon; h++) {
      const at = h * episodes + k;
      const a = drawFrom(behaviour, s * numActions, numActions, draws[at * 3]!);
      const row = (s * numActions + a) * dimension;
      const factor = drawFrom(features, row, dimension, draws[at * 3 + 1]!);
      const next = drawFrom(
        factors,
        (h * dimension + factor) * numStates,
        numStates,
        draws[at * 3 + 2]!,
      );
      states[at] = s;
      actions[at] = a;
      for (let i = 0; i < dimension; i++) rewards[at]! += phi[row + i]! * theta[h * dimension + i]!;
      nextStates[at] = next;
      s = next;
    }
  }
  const shape = [horizon, episodes];
  return {
    states: array(states, { shape }),
    actions: array(actions, { shape }),
    rewards: array(rewards, { shape }),
    nextStates: array(nextStates, { shape }),
  };
}

/**
 * The setting of {@link trimmedCount}.
 * @category Offline learning
 */
export interface TrimOptions {
  /** $K$. */
  readonly numEpisodes: number;
  /** $H$. */
  readonly horizon: number;
  /** $\delta \in (0, 1)$. */
  readonly failureProbability: number;
}

const TRIM = {
  numEpisodes: wholeNumber(),
  horizon: wholeNumber(),
  failureProbability: numberInside(0, 1),
};

/**
 * The number of transitions from a state that two-fold subsampling keeps at most, $\max\lbrace N - 10\sqrt{N \ln(KH/\delta)},\, 0\rbrace$, as a real number.
 *
 * @param visits - $N$, visits of the state at one step in the auxiliary half
 * @param options - see {@link TrimOptions}
 * @returns the count, 0 below about $100 \ln(KH/\delta)$ visits
 * @example
 * ```ts
 * import { trimmedCount } from "@provably/robust-rl";
 *
 * trimmedCount(1000, { numEpisodes: 2000, horizon: 5, failureProbability: 0.1 }); // => 0
 * ```
 * @category Offline learning
 */
export function trimmedCount(visits: number, options: TrimOptions): number {
  const { numEpisodes, horizon, failureProbability } = needOptions<TrimOptions>(
    "trimmedCount",
    options,
    TRIM,
  );
  check("trimmedCount", "visits", visits, nonNegativeNumber);
  const doubt = Math.log((numEpisodes * horizon) / failureProbability);
  return Math.max(0, visits - 10 * Math.sqrt(visits * doubt));
}

/**
 * Options of {@link twoFoldSubsampling}.
 * @category Offline learning
 */
export interface SubsamplingOptions {
  /** $\delta \in (0, 1)$; default 0.05. */
  readonly failureProbability?: number;
}

/**
 * Data thinned out so that, given how often each state occurs, its transitions are independent: half of the episodes only counts visits, and from the other
 * half no more transitions are kept than those counts surely allow.
 *
 * At usable sizes this throws away nearly everything: nothing is kept of a state with fewer than about $100 \ln(KH/\delta)$ visits a step.
 *
 * @param key - random key
 * @param data - offline data
 * @param options - see {@link SubsamplingOptions}
 * @returns the same arrays with `kept`
 * @throws `ShapeError`, `DomainError` when the data do not fit together
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { collectOfflineData, randomLinearMdp, twoFoldSubsampling } from "@provably/robust-rl";
 * import { item, sum } from "@provably/core-tensor";
 *
 * const model = randomLinearMdp(key(0), { numStates: 3, numActions: 2, dimension: 2, horizon: 2 });
 * const data = twoFoldSubsampling(key(2), collectOfflineData(key(1), model, { numEpisodes: 500 }));
 * item(sum(data.kept)); // => 0
 * ```
 * @see Li, Shi, Chen, Chi, Wei (2024), "Settling the sample complexity of model-based offline reinforcement learning", Algorithm 2
 * @category Offline learning
 */
export function twoFoldSubsampling(
  key: RngKey,
  data: OfflineData,
  options: SubsamplingOptions = {},
): OfflineData & { readonly kept: NdArray } {
  const { failureProbability = 0.05 } = checkOptions<SubsamplingOptions>(
    "twoFoldSubsampling",
    options,
    { failureProbability: numberInside(0, 1) },
  );
  const { horizon, episodes, states } = flattenData(
    "twoFoldSubsampling",
    { ...data, kept: undefined },
    Infinity,
    Infinity,
  );
  const shuffled = toTypedArray(permutation(foldIn(key, "split"), episodes));
  const half = Math.floor(episodes / 2);
  const kept = new Uint8Array(horizon * episodes);
  for (let h = 0; h < horizon; h++) {
    const visits = new Map<number, number>();
    for (const k of shuffled.slice(half))
      visits.set(states[h * episodes + k]!, (visits.get(states[h * episodes + k]!) ?? 0) + 1);
    const taken = new Map<number, number>();
    // The order of the main half is random already, so the first ones are a uniform choice.
    for (const k of toTypedArray(permutation(foldIn(key, h), half))) {
      const episode = shuffled[k]!;
      const s = states[h * episodes + episode]!;
      const limit = Math.floor(
        trimmedCount(visits.get(s) ?? 0, { numEpisodes: episodes, horizon, failureProbability }),
      );
      const used = taken.get(s) ?? 0;
      if (used >= limit) continue;
      taken.set(s, used + 1);
      kept[h * episodes + episode] = 1;
    }
  }
  return { ...data, kept: array(kept, { dtype: "uint8", shape: [horizon, episodes] }) };
}
