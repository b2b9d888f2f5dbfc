/** What can be asked of the search for groups. */
import {
  type Guard,
  type Schema,
  anyFunction,
  anyNumber,
  anyString,
  finiteNumber,
  isRecord,
  listOf,
  numberInside,
  optional,
  recordWith,
  abortSignal,
  rngKey,
  wholeNumber,
  numberIn,
} from "@provably/core-tensor/internal";
import type { RngKey } from "@provably/core-tensor/random";

/**
 * How columns become items: options of {@link discoverGroups}, {@link itemCorrelations} and {@link scoreGroups}.
 * @category Surveys
 */
export interface ItemOptions {
  /** Names of the columns that are items; default all that can be. A column named here that cannot be one is an error. */
  readonly items?: readonly string[];
  /** Answers of a column from lowest to highest, by its name, where their order is not plain from the words. */
  readonly orders?: Readonly<Record<string, readonly string[]>>;
  /** Numbers that stand for "no answer"; default those such as 99 or −1 that lie far from the other answers, which `notes` names. */
  readonly missing?: readonly number[];
  /** Column of weights ≥ 0 of the rows. */
  readonly weights?: string;
  /** Numbers with more values than this are continuous; default 12. */
  readonly maxStates?: number;
  /** Rows that are used; of more, this many are drawn at random; default 50 000. */
  readonly maxRows?: number;
  /** Key of everything random; default `key(0)`. */
  readonly key?: RngKey;
  readonly signal?: AbortSignal;
}

/**
 * Options of {@link discoverGroups}.
 * @category Surveys
 */
export interface GroupOptions extends ItemOptions {
  /** Number of groups; default the best. */
  readonly numGroups?: number;
  /** What a parameter must explain at least to count, as a root mean square error of approximation in [0, 1); default 0.05. */
  readonly effect?: number;
  /** Fewest items that measure a latent, at least 2; default 3. */
  readonly minItems?: number;
  /** Most numbers of groups that are looked at; default three more than parallel analysis finds. */
  readonly maxGroups?: number;
  /** Loadings on another group from which an item is said to hang on two; default 0.25. */
  readonly crossLoading?: number;
  /** Resampled data sets for intervals and stability; default 100, and 20 where rows times pairs of items are above 2·10⁷; 0 for none. */
  readonly numReplicates?: number;
  /** Level of the intervals, in (0, 1); default 0.95. */
  readonly confidence?: number;
  /** Called after each number of groups and each resampled data set. */
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly total: number;
    readonly stage: "correlations" | "levels" | "replicates";
  }) => void;
}

const orders: Guard<Readonly<Record<string, readonly string[]>>> = (x) => {
  if (!isRecord(x)) return { path: "", expected: "lists of answers by column", got: x };
  for (const [name, list] of Object.entries(x)) {
    const fault = listOf(anyString)(list);
    if (fault !== undefined) return { ...fault, path: `.${name}${fault.path}` };
  }
  return undefined;
};

export const ITEMS: Schema<ItemOptions> = {
  items: listOf(anyString),
  orders,
  missing: listOf(finiteNumber),
  weights: anyString,
  maxStates: wholeNumber(2, 101),
  maxRows: wholeNumber(20),
  key: rngKey,
  signal: optional(abortSignal),
};

/** Those of functions that are given groups, which say the items themselves. */
export const FOR_GROUPS = (({ items: _, ...rest }): Schema<Omit<ItemOptions, "items">> => rest)(
  ITEMS,
);

export const GROUPS: Schema<GroupOptions> = {
  ...ITEMS,
  numGroups: wholeNumber(1, 1000),
  effect: numberIn(0, 0.999),
  minItems: wholeNumber(2, 1000),
  maxGroups: wholeNumber(1, 1000),
  crossLoading: numberInside(0, 1),
  numReplicates: wholeNumber(0, 1e6),
  confidence: numberInside(0, 1),
  onProgress: optional(anyFunction),
};

/** Groups of items, as functions that are given them need them. */
export const GROUP_LIST = listOf(
  recordWith({ items: listOf(recordWith({ name: anyString, loading: anyNumber })) }),
);
export const GROUPS_GIVEN = recordWith({ groups: GROUP_LIST });
