/** Which items of a survey hang together: the search, its intervals, and how stable it is. */
import type { NdArray } from "@provably/core-tensor";
import { checkOptions } from "@provably/core-tensor/internal";
import { key as keyOf } from "@provably/core-tensor/random";
import type { Table } from "@provably/core-tensor/table";
import { InvalidDataError } from "../errors.js";
import { type ConceptGraph, conceptGraph } from "../graph/graph.js";
import { toArray } from "../internal/arrays.js";
import { type Level, WEAK, levelsOf } from "./levels.js";
import { type FitOfGroups, fitOfGroups } from "./fit-of-groups.js";
import type { SetAside } from "./item.js";
import { GROUPS, type GroupOptions } from "./options.js";
import { type Replicates, replicate } from "./replicates.js";
import { type Survey, correlated, mended, otherAnswers, reasons, surveyOf } from "./survey.js";

/**
 * An item in its group.
 * @category Surveys
 */
export interface GroupItem {
  readonly name: string;
  /** Standardised loading on the latent of its group; negative for an item that is worded the other way round. */
  readonly loading: number;
  /** Interval of the loading over resampled rows; absent without them. */
  readonly interval?: readonly [number, number];
  /** Another group on which it loads too, when that matters. */
  readonly crossLoading?: {
    readonly group: string;
    readonly loading: number;
    readonly interval?: readonly [number, number];
  };
  /** Share of resampled data sets in which it came into this group; absent without them. */
  readonly stability?: number;
  /** Why its place is doubtful; empty where it is not. */
  readonly doubts: readonly string[];
}

/**
 * Items that hang on one latent.
 * @category Surveys
 */
export interface ItemGroup {
  /** G1, G2, … in the order of their first items; what the latent is, the words of the items tell. */
  readonly name: string;
  /** The strongest first. */
  readonly items: readonly GroupItem[];
  /** Share of the variance of the sum of the items that the latent explains (McDonald's ω). */
  readonly reliability: number;
}

/**
 * What {@link discoverGroups} found.
 * @category Surveys
 */
export interface GroupsResult {
  readonly groups: readonly ItemGroup[];
  /** Items that belong to no group. */
  readonly alone: readonly string[];
  /** Latents above those of the groups. */
  readonly higher: readonly {
    readonly name: string;
    readonly groups: readonly { readonly name: string; readonly loading: number }[];
  }[];
  /** Correlations of the latents, [k, k], in the order of the groups. */
  readonly latentCorrelations: NdArray<"float64">;
  /** Every number of groups that was looked at. `measured`: whether each latent has items enough of its own; the best is the cheapest of those. */
  readonly levels: readonly {
    readonly numGroups: number;
    readonly groups: readonly (readonly string[])[];
    readonly cost: number;
    readonly rmsea: number;
    readonly measured: boolean;
  }[];
  /**
   * Mean share of an item's variance that is agreement with every statement, whatever it says; 0 where there is none, or too few items are
   * reversed to tell it from what groups have in common. Groups and loadings are those beside it.
   */
  readonly agreement: number;
  /** Fit of the model in which every item hangs on its own group alone. */
  readonly fit: FitOfGroups;
  /** The number of factors by parallel analysis. */
  readonly parallelAnalysis: number;
  /** Shares of resampled data sets by the number of groups in them, of up to two more or fewer than were found, the most frequent first; empty without them. */
  readonly numGroupsShares: readonly { readonly numGroups: number; readonly share: number }[];
  /** Latents above items, and above latents. */
  readonly graph: ConceptGraph;
  readonly items: readonly string[];
  /** Correlations behind the answers, [p, p]; see {@link itemCorrelations}. */
  readonly correlations: NdArray<"float64">;
  /** Rows of complete normal data that would know the correlations as well. */
  readonly size: number;
  readonly numRows: number;
  readonly setAside: readonly SetAside[];
  /** How columns were read. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Groups of the items of a survey, each with the latent behind it.
 *
 * Answers are taken for normal variables cut at thresholds ({@link itemCorrelations}). What k latents explain together is
 * a part of rank k of their correlations: for every k it is fitted by maximum likelihood, with every item free to hang on
 * every latent, and turned to simple structure (oblimin), so that cross-loadings do not pass for latents. The cheapest k wins,
 * $n F_k + m_k (\ln n + n\varepsilon^2)$ with $m_k$ parameters, among those for which every latent has `minItems` items that load
 * on it most: more rows sharpen the answer, and do not add latents that explain less than `effect`. The same is
 * done with the correlations of the latents, for latents above them.
 *
 * Constant columns, ids, free texts, repeated columns, dummies of one item, and columns such as age and sex are set aside by name; reversed items
 * have negative loadings. Cost: $O(p^2 n)$ for the correlations of p items in n rows, each time they are resampled.
 *
 * @param table - answers, such as from `tableFromCsv` of `@provably/core-tensor/table`
 * @param options - see {@link GroupOptions}
 * @returns see {@link GroupsResult}
 * @throws `InvalidDataError` when fewer than four columns can be items, or a column named in `items` cannot
 * @throws `DomainError` for options out of range and names that are no columns
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { tableFromRows } from "@provably/core-tensor/table";
 * import { discoverGroups } from "@provably/causal-latent/hierarchy";
 *
 * // six items, three on each of two latents
 * const z = normal(key(0), [300, 8]);
 * const answer = (i: number, j: number) => Math.round(z.get(i, j < 3 ? 6 : 7) + z.get(i, j) + 3);
 * const rows = Array.from({ length: 300 }, (_, i) =>
 *   Object.fromEntries([0, 1, 2, 3, 4, 5].map((j) => [`q${j}`, answer(i, j)])),
 * );
 * const { groups } = discoverGroups(tableFromRows(rows), { numReplicates: 0 });
 * groups.map(({ items }) => items.map(({ name }) => name).sort().join(" ")); // => ["q0 q1 q2", "q3 q4 q5"]
 * ```
 * @see Jöreskog (1967), "Some contributions to maximum likelihood factor analysis"
 * @see Browne, Cudeck (1992), "Alternative ways of assessing model fit"
 * @category Surveys
 */
export function discoverGroups(table: Table, options: GroupOptions = {}): GroupsResult {
  const fn = "discoverGroups";
  const checked = checkOptions<GroupOptions>(fn, options, GROUPS);
  const {
    effect = 0.05,
    minItems = 3,
    maxGroups,
    numGroups,
    crossLoading = 0.25,
    confidence = 0.95,
    key = keyOf(0),
    signal,
    onProgress,
  } = checked;
  const survey = surveyOf(fn, table, checked);
  const p = survey.items.length;
  if (p < 4)
    throw new InvalidDataError(
      `${fn}: ${p} columns can be items, at least 4 are needed; set aside were ${reasons(survey.setAside)}`,
    );
  const pairs = (p * (p - 1)) / 2;
  const { numReplicates = pairs * survey.numRows > 2e7 ? 20 : 100 } = checked;
  const { matrix, size, lifted } = correlated(survey, signal, (iteration) =>
    onProgress?.({ iteration, total: pairs, stage: "correlations" }),
  );
  const rated = ratedItems(survey.items);
  const settings = {
    size,
    effect,
    minItems,
    rated,
    maxGroups: numGroups ?? maxGroups,
    key,
    signal,
  };
  const {
    levels,
    best: found,
    numFactors,
  } = levelsOf(matrix, p, {
    ...settings,
    onLevel: (iteration, total) => onProgress?.({ iteration, total, stage: "levels" }),
  });
  const asked = numGroups === undefined ? found : levels.find(({ k }) => k === numGroups);
  if (numGroups !== undefined && asked === undefined)
    throw new InvalidDataError(
      `${fn}: ${p} items cannot have numGroups ${numGroups} with ${minItems} items each`,
    );
  const replicates =
    asked && numReplicates > 0
      ? replicate(survey, asked, {
          ...settings,
          numFactors,
          numReplicates,
          confidence,
          free: numGroups === undefined,
          onReplicate: (iteration) =>
            onProgress?.({ iteration, total: numReplicates, stage: "replicates" }),
        })
      : undefined;
  const names = survey.items.map(({ name }) => name);
  const order = asked === undefined ? [] : orderOf(asked);
  const groups = order.map((f, g) =>
    groupOf(asked!, f, `G${g + 1}`, { names, order, crossLoading, minItems, replicates }),
  );
  const k = groups.length;
  const latents = Float64Array.from(
    { length: k * k },
    (_, at) => asked!.latents[order[Math.floor(at / k)]! * k + order[at % k]!]!,
  );
  const alone = names.filter(
    (name) => !groups.some(({ items }) => items.some((item) => item.name === name)),
  );
  const higher = higherOf(latents, k, {
    ...settings,
    rated: undefined,
    maxGroups: undefined,
    minItems: 3,
  });
  return {
    groups,
    alone,
    higher,
    latentCorrelations: toArray(latents, [k, k]),
    levels: levels.map((level) => ({
      numGroups: level.k,
      groups: orderOf(level).map((f) => names.filter((_, i) => level.groupOf[i] === f)),
      cost: level.cost,
      rmsea: level.rmsea,
      measured: level.measured,
    })),
    agreement: asked?.agreement ?? 0,
    fit: fitOfGroups(matrix, names, groups, size),
    parallelAnalysis: numFactors,
    numGroupsShares: replicates?.shares ?? [],
    graph: graphOf(names, groups, higher),
    items: names,
    correlations: toArray(matrix, [p, p]),
    size,
    numRows: survey.numRows,
    setAside: survey.setAside,
    notes: survey.notes,
    warnings: warningsOf({
      p,
      size,
      lifted,
      numFactors,
      asked,
      alone,
      replicates,
      unlike: survey.unlike,
    }),
  };
}

/** Items in which agreement can show: those with ordered answers of three or more kinds. None where they are too few to tell. */
function ratedItems(items: Survey["items"]): Float64Array | undefined {
  const rated = Float64Array.from(items, ({ kind, numStates }) =>
    kind === "ordered" && numStates > 2 ? 1 : 0,
  );
  return rated.reduce((sum, x) => sum + x, 0) >= 6 ? rated : undefined;
}

/** Factors in the order of their first items. */
function orderOf({ k, groupOf, pattern }: Level): number[] {
  const first = (f: number): number => {
    const at = groupOf.findIndex((g, i) => g === f && Math.abs(pattern[i * k + f]!) >= WEAK);
    return at < 0 ? groupOf.length + f : at;
  };
  return Array.from({ length: k }, (_, f) => f).sort((a, b) => first(a) - first(b));
}

interface Naming {
  readonly names: readonly string[];
  readonly order: readonly number[];
  readonly crossLoading: number;
  readonly minItems: number;
  readonly replicates: Replicates | undefined;
}

function groupOf(level: Level, f: number, name: string, naming: Naming): ItemGroup {
  const { k, pattern, uniquenesses, agreement } = level;
  const members = [...level.groupOf.keys()].filter(
    (i) => level.groupOf[i] === f && Math.abs(pattern[i * k + f]!) >= WEAK,
  );
  const items = members
    .map((i) => itemIn(level, i, f, naming))
    .sort((a, b) => Math.abs(b.loading) - Math.abs(a.loading));
  const sum = members.reduce((total, i) => total + Math.abs(pattern[i * k + f]!), 0);
  // what agreement adds to the sum, reversed items turned round
  const balance = members.reduce((total, i) => total + Math.sign(pattern[i * k + f]!), 0);
  const noise =
    members.reduce((total, i) => total + uniquenesses[i]!, 0) + agreement * balance ** 2;
  return { name, items, reliability: sum ** 2 / (sum ** 2 + noise) };
}

function itemIn(
  { k, pattern }: Level,
  i: number,
  f: number,
  { names, order, crossLoading, replicates }: Naming,
): GroupItem {
  const loading = pattern[i * k + f]!;
  const others = order.filter((g) => g !== f);
  const second = others.reduce(
    (best, g) => (Math.abs(pattern[i * k + g]!) > Math.abs(pattern[i * k + best]!) ? g : best),
    others[0] ?? f,
  );
  const other = second === f ? 0 : pattern[i * k + second]!;
  const interval = replicates?.interval(i, f);
  const stability = replicates?.stability[i];
  const doubts: string[] = [];
  const crosses = Math.abs(other) >= crossLoading;
  const group = `G${order.indexOf(second) + 1}`;
  if (crosses) doubts.push(`it loads ${other.toFixed(2)} on ${group} too`);
  if (Math.abs(loading) < 0.3) doubts.push(`it loads ${loading.toFixed(2)} only`);
  if (stability !== undefined && stability < 0.8)
    doubts.push(`it came here in ${Math.round(100 * stability)} % of resampled data sets`);
  const crossInterval = crosses ? replicates?.interval(i, second) : undefined;
  return {
    name: names[i]!,
    loading,
    ...(interval && { interval }),
    ...(crosses && {
      crossLoading: { group, loading: other, ...(crossInterval && { interval: crossInterval }) },
    }),
    ...(stability !== undefined && { stability }),
    doubts,
  };
}

/** Latents above latents: the same search on their correlations. */
function higherOf(
  latents: Float64Array,
  k: number,
  settings: Parameters<typeof levelsOf>[2],
): GroupsResult["higher"] {
  if (k < 4) return [];
  const { best } = levelsOf(latents, k, settings);
  if (best === undefined) return [];
  return orderOf(best)
    .map((f, h) => ({
      name: `H${h + 1}`,
      groups: [...best.groupOf.keys()]
        .filter((g) => best.groupOf[g] === f && Math.abs(best.pattern[g * best.k + f]!) >= 0.3)
        .map((g) => ({ name: `G${g + 1}`, loading: best.pattern[g * best.k + f]! })),
    }))
    .filter(({ groups }) => groups.length >= 3);
}

function graphOf(
  names: readonly string[],
  groups: readonly ItemGroup[],
  higher: GroupsResult["higher"],
): ConceptGraph {
  const latentName = (name: string): string => (names.includes(name) ? `${name} (latent)` : name);
  const parents: Record<string, string[]> = {};
  for (const { name } of higher) parents[latentName(name)] = [];
  for (const { name } of groups)
    parents[latentName(name)] = higher
      .filter((h) => h.groups.some((g) => g.name === name))
      .map((h) => latentName(h.name));
  for (const name of names) {
    const own = groups.find(({ items }) => items.some((item) => item.name === name));
    const cross = own?.items.find((item) => item.name === name)?.crossLoading;
    parents[name] = [
      ...(own ? [latentName(own.name)] : []),
      ...(cross ? [latentName(cross.group)] : []),
    ];
  }
  return conceptGraph(parents, { observed: names });
}

function warningsOf({
  p,
  size,
  lifted,
  numFactors,
  asked,
  alone,
  replicates,
  unlike,
}: {
  p: number;
  size: number;
  lifted: number;
  numFactors: number;
  asked: Level | undefined;
  alone: readonly string[];
  replicates: Replicates | undefined;
  unlike: readonly string[];
}): string[] {
  const out: string[] = [];
  if (lifted > 0.05) out.push(mended(lifted));
  if (size < 5 * p)
    out.push(
      `${Math.round(size)} rows' worth of information for ${p} items is little: at least ${5 * p} are wanted`,
    );
  if (asked === undefined)
    out.push(
      numFactors === 0
        ? "the items do not depend on each other more than chance would have them: no groups"
        : "no number of groups gives every latent enough items of its own: no groups",
    );
  else if (!asked.measured)
    out.push(
      "a latent has too few items of its own: that many groups are not supported by the data",
    );
  if (asked && numFactors > asked.k + (asked.form === "none" ? 1 : 2))
    out.push(
      `parallel analysis counts ${numFactors} factors: those beyond ${asked.k} have too few items, or explain too little, to be groups`,
    );
  if (asked && alone.length > 0)
    out.push(
      `${alone.join(", ")} belong${alone.length === 1 ? "s" : ""} to no group: no loading of ${WEAK} or more`,
    );
  const same = replicates?.shares.find(({ numGroups }) => numGroups === asked?.k)?.share ?? 1;
  if (replicates?.free === true && same < 0.5)
    out.push(
      `the number of groups is doubtful: ${Math.round(100 * same)} % of resampled data sets have ${asked!.k}`,
    );
  out.push(...otherAnswers(unlike));
  return out;
}
