/** Groups held against answers, by rank correlations and sums of items: another way than the one that found them. */
import type { Certificate } from "@provably/core-tensor";
import {
  certificate,
  check,
  checkOptions,
  numberInside,
  show,
  type Schema,
} from "@provably/core-tensor/internal";
import type { Table } from "@provably/core-tensor/table";
import { InvalidDataError } from "../errors.js";
import type { GroupsResult } from "./discover-groups.js";
import { FOR_GROUPS, type ItemOptions, GROUPS_GIVEN } from "./options.js";
import { pearson } from "./correlations.js";
import { below } from "./normal.js";
import { surveyOf } from "./survey.js";

/**
 * Options of {@link certifyGroups}.
 * @category Surveys
 */
export interface CertifyGroupsOptions extends Omit<ItemOptions, "items"> {
  /** Level of the statement on items, all comparisons together, in (0, 1); default 0.01. */
  readonly significance?: number;
}

const OPTIONS: Schema<CertifyGroupsOptions> = { ...FOR_GROUPS, significance: numberInside(0, 1) };

/** A residual of rank correlations that matters: holds below the first, fails above the second. */
const RESIDUAL = [0.12, 0.2] as const;
/** Correlation of two groups, freed of noise: they are two below the first, one above the second. */
const SAME = [0.85, 0.95] as const;

/**
 * Whether groups of items hold on answers, best on those of other people than the groups were found with. Everything is computed
 * from Spearman's rank correlations, weighted where `weights` are given, from rows that answered both.
 *
 * - `items`: no item goes with the sum of another group more than with the rest of its own (Williams's test of dependent
 *   correlations, corrected for their number); it fails when one does, and is undecided when one seems to.
 * - `separate`: no two groups are one: the correlation of their sums, divided by what their reliabilities let through,
 *   stays below 0.85; it fails above 0.95.
 * - `together`: no group is two: within it no rank correlation is farther than 0.12 from the product of loadings; it fails above 0.2.
 *
 * They do not see that an item outside all groups belongs to one, nor latents above the groups.
 *
 * @param result - groups, from {@link discoverGroups} or by hand: `{ groups: [{ name, items: [{ name, loading }] }] }`, of which the signs count
 * @param table - answers
 * @param options - see {@link CertifyGroupsOptions}
 * @returns the three certificates
 * @throws `InvalidDataError` without groups, or when a column of an item cannot be one
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { tableFromRows } from "@provably/core-tensor/table";
 * import { certifyGroups, discoverGroups } from "@provably/causal-latent/hierarchy";
 *
 * const z = normal(key(0), [300, 8]);
 * const answer = (i: number, j: number) => Math.round(2 * z.get(i, j < 3 ? 6 : 7) + z.get(i, j) + 3);
 * const rows = Array.from({ length: 300 }, (_, i) =>
 *   Object.fromEntries([0, 1, 2, 3, 4, 5].map((j) => [`q${j}`, answer(i, j)])),
 * );
 * const found = discoverGroups(tableFromRows(rows.slice(0, 150)), { numReplicates: 0 });
 * Object.values(certifyGroups(found, tableFromRows(rows.slice(150)))).map(({ verdict }) => verdict); // => ["holds", "holds", "holds"]
 * ```
 * @see Williams (1959), "The comparison of regression variables"
 * @category Certificates
 */
export function certifyGroups(
  result: Pick<GroupsResult, "groups">,
  table: Table,
  options: CertifyGroupsOptions = {},
): Readonly<Record<"items" | "separate" | "together", Certificate>> {
  const fn = "certifyGroups";
  check(fn, "result", result, GROUPS_GIVEN);
  const { groups } = result;
  const { significance = 0.01, ...given } = checkOptions<CertifyGroupsOptions>(
    fn,
    options,
    OPTIONS,
  );
  const names = groups.flatMap(({ items }) => items.map(({ name }) => name));
  if (names.length === 0) throw new InvalidDataError(`${fn}: result must have groups, got none`);
  const survey = surveyOf(fn, table, { ...given, items: names });
  const lost = survey.setAside[0];
  if (lost !== undefined)
    throw new InvalidDataError(
      `${fn}: item ${show(lost.name)} cannot be judged on table: ${lost.reason}`,
    );
  const signs = groups.flatMap(({ items }) => items.map(({ loading }) => (loading < 0 ? -1 : 1)));
  const scores = survey.items.map(({ values, kind }, i) =>
    ranks(values, kind === "ordered", signs[i]!, survey.weights),
  );
  const p = names.length;
  const r = new Float64Array(p * p).fill(1);
  let size = Infinity;
  for (let i = 0; i < p; i++)
    for (let j = 0; j < i; j++) {
      const both = pearson(scores[i]!, scores[j]!, survey.weights);
      r[i * p + j] = r[j * p + i] = both.r;
      size = Math.min(size, both.size);
    }
  const members: number[][] = [];
  for (const { items } of groups) {
    const from = members.flat().length;
    members.push(items.map((_, i) => from + i));
  }
  const told = { r, p, names, members, titles: groups.map(({ name }) => name) };
  return {
    items: itemsClaim(told, Math.max(4, Math.min(size, survey.numRows)), significance),
    separate: separateClaim(told),
    together: togetherClaim(told),
  };
}

interface Told {
  /** Rank correlations, reversed items turned round. */
  readonly r: Float64Array;
  readonly p: number;
  readonly names: readonly string[];
  readonly members: readonly (readonly number[])[];
  readonly titles: readonly string[];
}

/** Ranks, by weight where there is one, ties in the middle, NaN where missing. */
function ranks(
  values: Float64Array,
  ordered: boolean,
  sign: number,
  weights: Float64Array | undefined,
): Float64Array {
  const known = [...values.keys()].filter((i) =>
    ordered ? values[i]! >= 0 : !Number.isNaN(values[i]!),
  );
  known.sort((a, b) => values[a]! - values[b]!);
  const out = new Float64Array(values.length).fill(NaN);
  let before = 0;
  for (let from = 0; from < known.length;) {
    let [to, mass] = [from, 0];
    for (; to < known.length && values[known[to]!] === values[known[from]!]; to++)
      mass += weights?.[known[to]!] ?? 1;
    for (let i = from; i < to; i++) out[known[i]!] = sign * (before + mass / 2);
    before += mass;
    from = to;
  }
  return out;
}

/** Correlation of two sums of standardised items. */
function ofSums({ r, p }: Told, a: readonly number[], b: readonly number[]): number {
  const sum = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((s, i) => s + y.reduce((t, j) => t + r[i * p + j]!, 0), 0);
  return sum(a, b) / Math.sqrt(Math.max(1e-12, sum(a, a) * sum(b, b)));
}

function itemsClaim(told: Told, n: number, significance: number): Certificate {
  const { members, names, titles } = told;
  let [count, worst, says] = [0, Infinity, ""];
  for (const [g, own] of members.entries())
    for (const i of own) {
      const rest = own.filter((j) => j !== i);
      if (rest.length === 0) continue;
      for (const [h, other] of members.entries()) {
        if (h === g) continue;
        count++;
        const [a, b, c] = [
          ofSums(told, [i], rest),
          Math.abs(ofSums(told, [i], other)),
          ofSums(told, rest, other),
        ];
        const z = williams(a, b, Math.sign(ofSums(told, [i], other)) * c, n);
        if (z < worst)
          [worst, says] = [
            z,
            `${names[i]!} goes with ${titles[h]!} by ${b.toFixed(2)}, with the rest of ${titles[g]!} by ${a.toFixed(2)}`,
          ];
      }
    }
  const pValue = count === 0 ? 1 : Math.min(1, count * below(worst));
  return certificate({
    claim: "no item goes with another group more than with its own, p-value of the worst",
    kind: "statistical",
    value: pValue,
    expected: [significance, 1],
    confidence: 1 - significance,
    verdict: pValue < significance ? "fails" : count > 0 && worst <= 0 ? "undecided" : "holds",
    note: `${says === "" ? "one group" : says}; items outside all groups are not looked at`,
  });
}

/** Williams's statistic of "a ≥ b" for two correlations that share a variable; c is that of the other two. */
function williams(a: number, b: number, c: number, n: number): number {
  const determinant = Math.max(1e-9, 1 - a * a - b * b - c * c + 2 * a * b * c);
  const mean = (a + b) / 2;
  const bottom = (2 * determinant * (n - 1)) / (n - 3) + mean ** 2 * (1 - c) ** 3;
  return (a - b) * Math.sqrt(((n - 1) * (1 + Math.min(c, 1))) / Math.max(1e-9, bottom));
}

/** Cronbach's α of the items turned the same way. */
function alpha({ r, p }: Told, own: readonly number[]): number {
  const m = own.length;
  const total = own.reduce((sum, i) => sum + own.reduce((s, j) => s + r[i * p + j]!, 0), 0);
  return m < 2 ? 1 : Math.max(0.05, (m / (m - 1)) * (1 - m / total));
}

function separateClaim(told: Told): Certificate {
  const { members, titles } = told;
  let [worst, says] = [0, "one group"];
  for (const [g, a] of members.entries())
    for (let h = 0; h < g; h++) {
      const b = members[h]!;
      const x = Math.abs(ofSums(told, a, b)) / Math.sqrt(alpha(told, a) * alpha(told, b));
      if (x >= worst) [worst, says] = [x, `${titles[h]!} and ${titles[g]!}`];
    }
  return certificate({
    claim: "no two groups are one: greatest correlation of their sums, freed of noise",
    kind: "statistical",
    value: worst,
    expected: [0, SAME[0]],
    verdict: worst < SAME[0] ? "holds" : worst > SAME[1] ? "fails" : "undecided",
    note: `${says}; two latents that are nearly the same pass for one`,
  });
}

function togetherClaim(told: Told): Certificate {
  let [worst, says] = [0, "no group has four items"];
  for (const [g, own] of told.members.entries()) {
    if (own.length < 4) continue;
    const loadings = centroid(told, own);
    own.forEach((i, a) =>
      own.slice(0, a).forEach((j, b) => {
        const x = Math.abs(told.r[i * told.p + j]! - loadings[a]! * loadings[b]!);
        if (x > worst)
          [worst, says] = [x, `${told.names[j]!} and ${told.names[i]!} in ${told.titles[g]!}`];
      }),
    );
  }
  return certificate({
    claim: "no group is two: greatest residual of a rank correlation from the product of loadings",
    kind: "statistical",
    value: worst,
    expected: [0, RESIDUAL[0]],
    verdict: worst < RESIDUAL[0] ? "holds" : worst > RESIDUAL[1] ? "fails" : "undecided",
    note: `${says}; groups of two or three items always fit`,
  });
}

/** Loadings on one latent by the centroid method, with communalities refined. */
function centroid({ r, p }: Told, own: readonly number[]): number[] {
  let shared = own.map((i) => Math.max(...own.map((j) => (j === i ? 0 : Math.abs(r[i * p + j]!)))));
  let loadings: number[] = shared;
  for (let round = 0; round < 30; round++) {
    const sums = own.map((i, a) =>
      own.reduce((s, j) => s + (i === j ? shared[a]! : r[i * p + j]!), 0),
    );
    const total = Math.sqrt(
      Math.max(
        1e-9,
        sums.reduce((s, x) => s + x, 0),
      ),
    );
    loadings = sums.map((x) => x / total);
    shared = loadings.map((x) => Math.min(0.98, x * x));
  }
  return loadings;
}
