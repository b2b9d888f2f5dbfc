/** One backward pass of pessimistic robust ridge regression, and how its options and results are made. */
import { type ArrayInput, DomainError, type NdArray, array } from "@provably/core-tensor";
import {
  type Guard,
  type RecordSchema,
  anything,
  certificate,
  either,
  longWork,
  nonNegativeNumber,
  numberInside,
  oneOf,
  optional,
  positiveNumber,
  satisfying,
  flatNumbers,
} from "@provably/core-tensor/internal";
import { inv } from "@provably/core-tensor/linalg";
import { actionsOf } from "../mdp/policy.js";
import { startOf } from "../internal/distributions.js";
import { shaped } from "../internal/read.js";
import { factorWorstCases } from "./clip.js";
import { type FlatData, type OfflineData, flattenData } from "./data.js";
import type { DropOptions, DropResult, Pessimism } from "./result.js";

/** What one backward pass needs beside the data. */
export interface Pass {
  readonly radius: number;
  readonly ridge: number;
  readonly factor: number;
  readonly theta: Float64Array | undefined;
  /** Weight of a transition, 1/σ². */
  readonly weight: ((step: number, row: number) => number) | undefined;
  /** Clipping levels range over [0, H] instead of the range of values. */
  readonly wide: boolean;
  readonly onProgress: DropOptions["onProgress"];
  readonly signal: AbortSignal | undefined;
}

/** Transitions between two looks at the signal. */
export const LOOK_EVERY = 4096;

/** One backward pass of pessimistic robust ridge regression. */
export function pass(
  data: FlatData,
  features: NdArray,
  { radius, ridge, factor, theta, weight, wide, onProgress, signal }: Pass,
) {
  const [numStates, numActions, d] = features.shape as readonly [number, number, number];
  const { horizon, episodes, states, actions, rewards, nextStates, kept } = data;
  const phi = flatNumbers(features);
  const rows = numStates * numActions;
  const values = new Float64Array((horizon + 1) * numStates);
  const [q, uncut, penalty] = [
    new Float64Array(horizon * rows),
    new Float64Array(horizon * rows),
    new Float64Array(horizon * rows),
  ];
  const [thetas, nus, levels] = [
    new Float64Array(horizon * d),
    new Float64Array(horizon * d),
    new Float64Array(horizon * d),
  ];
  const grams = new Float64Array(horizon * d * d);
  const play = new Float64Array(horizon * rows);
  for (let h = horizon - 1; h >= 0; h--) {
    const gram = grams.subarray(h * d * d, (h + 1) * d * d);
    for (let i = 0; i < d; i++) gram[i * d + i] = ridge;
    const rewardSum = new Float64Array(d);
    // Feature mass that arrives in each state: everything the regression on V needs.
    const arrivals = new Float64Array(numStates * d);
    for (let k = 0; k < episodes; k++) {
      if (k % LOOK_EVERY === 0) signal?.throwIfAborted();
      const at = h * episodes + k;
      if (kept && kept[at] === 0) continue;
      const row = states[at]! * numActions + actions[at]!;
      const share = weight ? weight(h, row) : 1;
      for (let i = 0; i < d; i++) {
        const f = share * phi[row * d + i]!;
        if (f === 0) continue;
        rewardSum[i]! += f * rewards[at]!;
        arrivals[nextStates[at]! * d + i]! += f;
        for (let j = 0; j < d; j++) gram[i * d + j]! += f * phi[row * d + j]!;
      }
    }
    const inverse = flatNumbers(inv(array(gram, { shape: [d, d] })));
    const next = values.subarray((h + 1) * numStates, (h + 2) * numStates);
    const order = Int32Array.from(next, (_, s) => s).sort((a, b) => next[a]! - next[b]! || a - b);
    const { weights, levels: clips } = factorWorstCases(
      inverse,
      arrivals,
      order,
      next,
      radius,
      wide ? horizon : undefined,
    );
    const [total, spread] = [new Float64Array(d), new Float64Array(d)];
    for (let i = 0; i < d; i++) {
      let reward = 0;
      for (let j = 0; j < d; j++) reward += inverse[i * d + j]! * rewardSum[j]!;
      thetas[h * d + i] = theta ? theta[h * d + i]! : reward;
      nus[h * d + i] = weights[i]!;
      levels[h * d + i] = clips[i]!;
      total[i] = thetas[h * d + i]! + weights[i]!;
      spread[i] = Math.sqrt(inverse[i * d + i]!);
    }
    for (let s = 0; s < numStates; s++) {
      let [best, choice] = [-Infinity, 0];
      for (let a = 0; a < numActions; a++) {
        const cell = h * rows + s * numActions + a;
        let [mean, doubt] = [0, 0];
        for (let i = 0; i < d; i++) {
          const f = phi[(s * numActions + a) * d + i]!;
          mean += f * total[i]!;
          doubt += f * spread[i]!;
        }
        penalty[cell] = factor * doubt;
        uncut[cell] = mean - penalty[cell];
        q[cell] = Math.min(horizon - h, Math.max(0, uncut[cell]));
        if (q[cell] > best) [best, choice] = [q[cell], a];
      }
      values[h * numStates + s] = best;
      play[h * rows + s * numActions + choice] = 1;
    }
    onProgress?.({ iteration: horizon - h, total: horizon });
  }
  return { values, q, uncut, penalty, thetas, nus, levels, grams, play };
}

/** The factor of the penalty; `"practical"` is 0.1 √ of the largest effective dimension of a row of features. */
export function pessimismOf(pessimism: Pessimism, features: NdArray, theory: number): number {
  if (pessimism === "practical") return 0.1 * Math.sqrt(effectiveDimension(features));
  return pessimism === "theory" ? theory : pessimism;
}

/** The largest $(\sum_i \phi_i)^2 / \sum_i \phi_i^2$ of a state and action: 1 where features are one-hot, at most d. */
function effectiveDimension(features: NdArray): number {
  const d = features.shape[2]!;
  const phi = flatNumbers(features);
  let most = 1;
  for (let row = 0; row < phi.length; row += d) {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < d; i++) {
      sum += phi[row + i]!;
      squares += phi[row + i]! ** 2;
    }
    if (squares > 0) most = Math.max(most, sum ** 2 / squares);
  }
  return most;
}

const pessimisms: Guard<Pessimism> = either(nonNegativeNumber, oneOf("practical", "theory"));

export const DROP = {
  radius: satisfying<number>("≥ 0", (x) => typeof x === "number" && x >= 0),
  pessimism: optional(pessimisms),
  ridge: optional(positiveNumber),
  failureProbability: optional(numberInside(0, 1)),
  rewards: optional(anything),
  start: optional(anything),
  ...longWork,
} satisfies RecordSchema<DropOptions>;

export const DROP_V = {
  ...DROP,
  firstPessimism: optional(pessimisms),
  firstRidge: optional(positiveNumber),
};

export function checkData(
  fn: string,
  data: OfflineData,
  numStates: number,
  numActions: number,
  signal?: AbortSignal,
): FlatData {
  const flat = flattenData(fn, data, numStates, numActions, signal);
  if (flat.kept)
    for (let h = 0; h < flat.horizon; h++)
      if (!flat.kept.subarray(h * flat.episodes, (h + 1) * flat.episodes).includes(1))
        throw new DomainError(
          `${fn}: no transition is kept at step ${h}; subsampling needs far more episodes, or do without it`,
        );
  return flat;
}

export function knownRewards(
  fn: string,
  input: ArrayInput | undefined,
  horizon: number,
  d: number,
): Float64Array | undefined {
  if (input === undefined) return undefined;
  return shaped(fn, "rewards", input, [horizon, d]);
}

export function assemble(
  fn: string,
  result: ReturnType<typeof pass>,
  features: NdArray,
  horizon: number,
  factor: number,
  pessimism: Pessimism,
  options: DropOptions,
): DropResult {
  const [numStates, numActions, d] = features.shape as readonly [number, number, number];
  const { values, q, uncut, penalty, thetas, nus, levels, grams, play } = result;
  const start = startOf(fn, options.start, numStates);
  const lower = start.reduce((sum, p, s) => sum + p * values[s]!, 0);
  const vacuous =
    values.subarray(0, horizon * numStates).reduce((count, v) => count + (v === 0 ? 1 : 0), 0) /
    (horizon * numStates);
  const cells = [horizon, numStates, numActions];
  return {
    policy: actionsOf(play, numActions, [horizon, numStates]),
    values: array<"float64">(values, { shape: [horizon + 1, numStates] }),
    q: array<"float64">(q, { shape: cells }),
    unclippedQ: array<"float64">(uncut, { shape: cells }),
    rewardWeights: array<"float64">(thetas, { shape: [horizon, d] }),
    worstCaseWeights: array<"float64">(nus, { shape: [horizon, d] }),
    clipLevels: array<"float64">(levels, { shape: [horizon, d] }),
    gram: array<"float64">(grams, { shape: [horizon, d, d] }),
    penalty: array<"float64">(penalty, { shape: cells }),
    pessimism: factor,
    vacuousFraction: vacuous,
    certificate: certificate({
      claim: "lower confidence value of the policy from the start, in the worst model",
      kind: "statistical",
      value: lower,
      expected: [0, horizon],
      verdict: !(lower <= horizon) ? "fails" : lower > 0 ? "holds" : "undecided",
      ...(pessimism === "theory" ? { confidence: 1 - (options.failureProbability ?? 0.05) } : {}),
      note:
        (lower > 0
          ? ""
          : "a lower value of 0 says nothing: the penalty has drowned the data, see vacuousFraction; ") +
        (pessimism === "theory"
          ? "published constants"
          : "a heuristic penalty: no stated confidence; certifyOffline holds the policy against a known model"),
    }),
  };
}
