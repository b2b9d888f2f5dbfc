/** What can be asked of the search, and the settings it runs with. */
import { DomainError } from "@provably/core-tensor";
import {
  type Guard,
  type Schema,
  anyString,
  anything,
  either,
  listOf,
  longWork,
  numberInside,
  oneOf,
  optional,
  recordOf,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, key as keyOf } from "@provably/core-tensor/random";
import type { JointData, LabelData } from "../data/labels.js";
import { METHODS, type RankTestMethod } from "../rank/rank-test.js";
import type { RankOracle } from "./oracle.js";

/**
 * What is known beforehand, in terms of observed variables.
 * @category Search
 */
export interface BackgroundKnowledge {
  /** Sets of observed variables that share a latent parent. */
  readonly clusters?: readonly (readonly string[])[];
  /** Pairs that are not to be merged into one cluster. */
  readonly forbiddenClusters?: readonly (readonly [string, string])[];
  /** Pairs whose covers, where adjacent, are directed from the first to the second. */
  readonly requiredDirections?: readonly (readonly [string, string])[];
}

/**
 * Options of {@link discoverHierarchy}.
 * @category Search
 */
export interface DiscoverOptions {
  /** States r of every latent, an integer ≥ 2, or `auto`: the best of 2, 3 and 4. Default 2. */
  readonly latentStates?: number | "auto";
  /** Most latents in a cover; default 2. */
  readonly maxLatentsPerCover?: number;
  /** Level of every question, in (0, 1); default 0.01. */
  readonly significance?: number;
  /** Rank test of tables of counts; default `auto`. */
  readonly test?: RankTestMethod;
  /** `gaussian`: the linear baseline on labels as numbers, see {@link covarianceOracle}. Default `table`. */
  readonly featureCoding?: "table" | "gaussian";
  /** Whether main effects are tested beside joint states; default true. */
  readonly mainEffects?: boolean;
  /** Whether states beyond `latentStates` are merged first, see {@link collapseStates}; default true for data. */
  readonly collapse?: boolean;
  /** Joint states allowed on a side of a table; default 64. */
  readonly maxTableSide?: number;
  /** Tables asked for each set, on data; default 12. */
  readonly maxTables?: number;
  /** Tables that are tested at most; default no limit. Beyond it sets are not merged and pairs count as dependent; `tests.unasked` and a warning say how many questions that concerns. */
  readonly maxTests?: number;
  /** Correction for the number of tables of a question; default `bonferroni`. */
  readonly correction?: "bonferroni" | "none";
  /** Most covers that are conditioned on; default 2. */
  readonly maxConditioning?: number;
  /** Whether the search is repeated at other levels, the structure with the best BIC kept, and its edges improved; default true for data on tables. */
  readonly refine?: boolean;
  readonly background?: BackgroundKnowledge;
  /** Key of the starts of the fits of `refine`; default `key(0)`. */
  readonly key?: RngKey;
  /** `metric` is the number of groups left. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly metric: number;
  }) => void;
  readonly signal?: AbortSignal;
}

const pairs = listOf(listOf(anyString, 2)) as unknown as Guard<
  readonly (readonly [string, string])[]
>;

export const DISCOVER: Schema<DiscoverOptions> = {
  latentStates: either(oneOf("auto"), wholeNumber(2, 65)),
  maxLatentsPerCover: wholeNumber(),
  significance: numberInside(0, 1),
  test: oneOf(...METHODS),
  featureCoding: oneOf("table", "gaussian"),
  mainEffects: trueOrFalse,
  collapse: trueOrFalse,
  maxTableSide: wholeNumber(4),
  maxTables: wholeNumber(),
  maxTests: wholeNumber(1, Infinity),
  correction: oneOf("bonferroni", "none"),
  maxConditioning: wholeNumber(0),
  refine: trueOrFalse,
  background: recordOf<BackgroundKnowledge>({
    clusters: optional(listOf(listOf(anyString))),
    forbiddenClusters: optional(pairs),
    requiredDirections: optional(pairs),
  }),
  key: anything,
  ...longWork,
};

/** All of them, checked, with their defaults. */
export type Settings = Required<
  Omit<DiscoverOptions, "latentStates" | "onProgress" | "signal" | "background">
> & {
  readonly latentStates: number;
  /** States of the observed variables, at most, when structures are scored: the same for all that are compared. */
  readonly scoredStates: number;
  /** Whether an exact distribution is fitted, so that rivals can be compared. */
  readonly fits: boolean;
  readonly background: BackgroundKnowledge;
  readonly onProgress: DiscoverOptions["onProgress"];
  readonly signal: AbortSignal | undefined;
};

export function settingsOf(
  options: DiscoverOptions,
  latentStates: number,
  input: LabelData | JointData | RankOracle,
): Settings {
  const isData = "data" in input;
  const {
    maxLatentsPerCover = 2,
    significance = 0.01,
    test = "auto",
    featureCoding = "table",
    mainEffects = true,
    collapse = isData && featureCoding === "table",
    maxTableSide = 64,
    maxTables = 12,
    maxTests = Infinity,
    correction = "bonferroni",
    maxConditioning = 2,
    refine = isData && featureCoding === "table",
    background = {},
    key = keyOf(0),
    onProgress,
    signal,
  } = options;
  if (refine && !isData)
    throw new DomainError(
      "discoverHierarchy: refine needs data; a joint distribution or an oracle has no sample size",
    );
  return {
    latentStates,
    scoredStates: latentStates,
    maxLatentsPerCover,
    significance,
    test,
    featureCoding,
    mainEffects,
    collapse,
    maxTableSide,
    maxTables,
    maxTests,
    correction,
    maxConditioning,
    refine,
    fits: featureCoding === "table",
    background,
    key,
    onProgress,
    signal,
  };
}
