/** Training of one query in a large distribution: a deterministic system with one value an area, and its Monte Carlo counterpart. */
import { DomainError, toTypedArray } from "@provably/core-tensor";
import {
  anything,
  checkOptions,
  longWork,
  optional,
  positiveNumber,
  recordOf,
  recordWith,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, uniform } from "@provably/core-tensor/random";

import { DivergenceError } from "../errors.js";
import { type AreaSetting, checkSetting } from "../data/information-gap.js";
import { type Latent, checkLatent, latentAt } from "../data/latent.js";
import { RATIO, countMasked } from "../data/sampling.js";
import type { QueryHistory } from "./history.js";

/**
 * Options of {@link simulateMeanField}.
 * @category Mean field
 */
export interface MeanFieldOptions {
  /** $\gamma$; default 0.5. */
  readonly maskRatio?: number;
  /** Step size $\eta$; default 2. */
  readonly learningRate?: number;
  /** Gradient steps; default 400. */
  readonly numSteps?: number;
  /** Value of every latent; default 1. */
  readonly latent?: number;
  /** Called after every step with its loss. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
  }) => void;
  /** Stops between two steps. */
  readonly signal?: AbortSignal;
  /** Draw counts of seen patches, and latents where a law is given, instead of using the means. */
  readonly monteCarlo?: {
    readonly key: RngKey;
    readonly samplesPerStep?: number;
    readonly latent?: Latent;
  };
}

/**
 * What the mean field gives: the history of one query, with the positional correlations.
 * @category Mean field
 */
export interface MeanFieldHistory extends QueryHistory {
  /** Positional correlation with the patches of each area, `[step][area]`. */
  readonly upsilon: readonly (readonly number[])[];
  /** Positional correlation of the query with itself. */
  readonly upsilonSelf: readonly number[];
}

/** Counts of seen patches of each area other than the query, with latents. */
interface Draw {
  readonly seen: ArrayLike<number>;
  readonly z: ArrayLike<number>;
}

const MEAN_FIELD = {
  ...longWork,
  maskRatio: RATIO,
  learningRate: positiveNumber,
  numSteps: wholeNumber(0),
  latent: positiveNumber,
  monteCarlo: recordOf({
    key: anything,
    samplesPerStep: optional(wholeNumber()),
    latent: optional(recordWith()),
  }),
};

/**
 * The training of one query, with counts of seen patches replaced by their expectations: exact as areas grow, and $O(N)$ a step for $N$ areas whatever $P$.
 *
 * All patches of an area share a positional correlation. With `monteCarlo` the counts are drawn from the multivariate hypergeometric law; the two agree.
 *
 * @param setting - see {@link AreaSetting}
 * @param options - see {@link MeanFieldOptions}
 * @returns `numSteps + 1` records, each taken before its step
 * @throws `DomainError` when an argument does not fit; {@link DivergenceError} when the loss leaves the numbers
 * @example
 * ```ts
 * import { detectPhases, simulateMeanField } from "@provably/transformer-sparsity/mim";
 *
 * const large = simulateMeanField({ sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 });
 * detectPhases(large).decouplingEnd; // => 18
 * const small = simulateMeanField({ sizes: [16, ...new Array(12).fill(7)], queryArea: 1 });
 * detectPhases(small).decouplingEnd; // => 0
 * ```
 * @category Mean field
 */
export function simulateMeanField(
  setting: AreaSetting,
  options: MeanFieldOptions = {},
): MeanFieldHistory {
  const fn = "simulateMeanField";
  const {
    maskRatio = 0.5,
    learningRate = 2,
    numSteps = 400,
    latent = 1,
    monteCarlo,
    onProgress,
    signal,
  } = checkOptions<MeanFieldOptions>(fn, options, MEAN_FIELD);
  const numPatches = checkSetting(fn, setting);
  const masked = countMasked(fn, numPatches, maskRatio);
  if (monteCarlo !== undefined) {
    const { latent: law } = monteCarlo;
    if (law !== undefined) checkLatent(fn, law);
  }
  const { sizes, queryArea } = setting;
  const others = sizes.map((size, j) => size - Number(j === queryArea));
  const expected: Draw = {
    seen: others.map((count) => ((numPatches - masked) * count) / (numPatches - 1)),
    z: sizes.map(() => latent),
  };
  const state = {
    phi: new Float64Array(sizes.length),
    upsilon: new Float64Array(sizes.length),
    self: 0,
  };
  const history: Mutable<MeanFieldHistory> = {
    target: queryArea,
    steps: [],
    loss: [],
    phi: [],
    alpha: [],
    areaAttention: [],
    upsilonMax: [],
    upsilon: [],
    upsilonSelf: [],
  };
  const rate = masked / numPatches; // probability that the query is masked
  for (let step = 0; step <= numSteps; step++) {
    signal?.throwIfAborted();
    const draws =
      monteCarlo === undefined
        ? [expected]
        : drawCounts(monteCarlo, step, others, numPatches - masked, expected.z);
    const slope = meanSlope(state, draws, others, queryArea);
    const loss = rate * slope.loss;
    if (!Number.isFinite(loss))
      throw new DivergenceError(
        `${fn}: the loss is ${loss} at step ${step}; try a smaller learningRate`,
      );
    history.steps.push(step);
    history.loss.push(loss);
    history.phi.push([...state.phi]);
    history.alpha.push([...slope.phi].map((g) => -rate * g));
    history.areaAttention.push([...slope.attention]);
    history.upsilonMax.push(
      state.upsilon.reduce((top, x) => Math.max(top, Math.abs(x)), Math.abs(state.self)),
    );
    history.upsilon.push([...state.upsilon]);
    history.upsilonSelf.push(state.self);
    for (let j = 0; j < sizes.length; j++) {
      state.phi[j]! -= learningRate * rate * slope.phi[j]!;
      state.upsilon[j]! -= learningRate * rate * slope.upsilon[j]!;
    }
    state.self -= learningRate * rate * slope.self;
    onProgress?.({ iteration: step, total: numSteps, metric: loss });
  }
  return history;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

interface FieldState {
  readonly phi: Float64Array;
  readonly upsilon: Float64Array;
  readonly self: number;
}

/** Loss, area attention and slopes, averaged over draws. */
function meanSlope(
  state: FieldState,
  draws: readonly Draw[],
  others: readonly number[],
  own: number,
) {
  const n = others.length;
  const out = {
    loss: 0,
    self: 0,
    phi: new Float64Array(n),
    upsilon: new Float64Array(n),
    attention: new Float64Array(n),
  };
  const [seenPart, maskedPart, c] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const share = 1 / draws.length;
  for (const { seen, z } of draws) {
    let top = state.self;
    for (let j = 0; j < n; j++)
      top = Math.max(top, state.upsilon[j]!, state.upsilon[j]! + z[j]! * state.phi[j]!);
    const self = Math.exp(state.self - top);
    let total = self;
    for (let j = 0; j < n; j++) {
      seenPart[j] = seen[j]! * Math.exp(state.upsilon[j]! + z[j]! * state.phi[j]! - top);
      maskedPart[j] = (others[j]! - seen[j]!) * Math.exp(state.upsilon[j]! - top);
      total += seenPart[j]! + maskedPart[j]!;
    }
    let mean = 0;
    for (let j = 0; j < n; j++) {
      const a = (seenPart[j]! /= total);
      maskedPart[j]! /= total;
      const error = a - (j === own ? 1 : 0);
      c[j] = error * z[j]! * z[j]!;
      out.loss += (share / 2) * (z[j]! * error) ** 2;
      mean += c[j]! * a;
      out.attention[j]! += share * a;
    }
    for (let j = 0; j < n; j++) {
      const pull = seenPart[j]! * (c[j]! - mean);
      out.phi[j]! += share * z[j]! * pull;
      if (others[j]! > 0) out.upsilon[j]! += (share * (pull - maskedPart[j]! * mean)) / others[j]!;
    }
    out.self -= (share * self * mean) / total;
  }
  return out;
}

/** Counts of seen patches by drawing `seen` of the other patches without replacement. */
function drawCounts(
  { key, samplesPerStep = 256, latent }: NonNullable<MeanFieldOptions["monteCarlo"]>,
  step: number,
  others: readonly number[],
  seen: number,
  z: ArrayLike<number>,
): Draw[] {
  const total = others.reduce((a, b) => a + b, 0);
  if (seen > total)
    throw new DomainError(`simulateMeanField: ${seen} seen patches do not fit into ${total}`);
  const stepKey = foldIn(key, step);
  return Array.from({ length: samplesPerStep }, (_, s) => {
    const u = toTypedArray(
      uniform(foldIn(stepKey, s), [seen + others.length], { dtype: "float64" }),
    );
    const left = [...others];
    const counts = new Array<number>(others.length).fill(0);
    for (let i = 0; i < seen; i++) {
      let rest = Math.floor(u[i]! * (total - i));
      let j = 0;
      while (rest >= left[j]!) rest -= left[j++]!;
      left[j]!--;
      counts[j]!++;
    }
    return {
      seen: counts,
      z: latent === undefined ? z : others.map((_, j) => latentAt(latent, u[seen + j]!)),
    };
  });
}
