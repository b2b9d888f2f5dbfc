/** Where people stand on the latents of groups. */
import { DomainError, type NdArray } from "@provably/core-tensor";
import { check, checkOptions, show } from "@provably/core-tensor/internal";
import type { Table } from "@provably/core-tensor/table";
import { InvalidDataError } from "../errors.js";
import { float64Of, toArray } from "../internal/arrays.js";
import { prepare } from "./correlations.js";
import type { GroupsResult } from "./discover-groups.js";
import { inverseOf } from "./matrices.js";
import { FOR_GROUPS, type ItemOptions, GROUPS_GIVEN } from "./options.js";
import { surveyOf } from "./survey.js";

/**
 * Scores of people on the latents of groups, from the answers that each of them gave: the mean of the latents given the
 * normal variables behind the answers, $(\Phi^{-1} + \Lambda^\top\Psi^{-1}\Lambda)^{-1}\Lambda^\top\Psi^{-1}x$, of unit variance in the population before shrinkage. Agreement with every statement is a latent more in this, which is not returned.
 * An ordered answer counts as the mean of the normal variable within its thresholds.
 *
 * @param result - groups, from {@link discoverGroups}
 * @param table - answers with the same columns, of the same people or of others enough to know thresholds from
 * @param options - as for {@link discoverGroups}, but `items`, which the groups say; see {@link ItemOptions}. Every row is scored, whatever `maxRows`
 * @returns `scores` `[n, k]` and `precision` `[n, k]`, the share of the variance of a latent that the answers determine, 0 for a person without any
 * @throws `DomainError` when the table lacks an item
 * @throws `InvalidDataError` when a column of an item cannot be one in this table
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { tableFromRows } from "@provably/core-tensor/table";
 * import { discoverGroups, scoreGroups } from "@provably/causal-latent/hierarchy";
 *
 * const z = normal(key(0), [300, 5]);
 * const rows = Array.from({ length: 300 }, (_, i) =>
 *   Object.fromEntries([0, 1, 2, 3].map((j) => [`q${j}`, Math.round(z.get(i, 4) + z.get(i, j) + 3)])),
 * );
 * const table = tableFromRows(rows);
 * scoreGroups(discoverGroups(table, { numReplicates: 0 }), table).scores.shape; // => [300, 1]
 * ```
 * @see Thomson (1951), "The factorial analysis of human ability", regression scores
 * @category Surveys
 */
export function scoreGroups(
  result: GroupsResult,
  table: Table,
  options: Omit<ItemOptions, "items"> = {},
): { readonly scores: NdArray<"float64">; readonly precision: NdArray<"float64"> } {
  const fn = "scoreGroups";
  check(fn, "result", result, GROUPS_GIVEN);
  const { groups, latentCorrelations } = result;
  const given = checkOptions<Omit<ItemOptions, "items">>(fn, options, FOR_GROUPS);
  const names = groups.flatMap(({ items }) => items.map(({ name }) => name));
  if (names.length === 0) throw new DomainError(`${fn}: result has no groups to score`);
  const survey = surveyOf(fn, table, {
    ...given,
    items: names,
    maxRows: Math.max(20, table.numRows),
  });
  const lost = survey.setAside[0];
  if (lost !== undefined)
    throw new InvalidDataError(
      `${fn}: item ${show(lost.name)} cannot be scored on table: ${lost.reason}`,
    );
  const scores = survey.items.map((item) => prepare(item, survey.weights).scores);
  const loadings = survey.items.map(({ name }) => loadingIn(result, name));
  const groupOf = survey.items.map(({ name }) =>
    groups.findIndex(({ items }) => items.some((i) => i.name === name)),
  );
  const k = groups.length;
  const agreement = Math.sqrt(Math.max(0, result.agreement ?? 0));
  const inverse = priorOf(float64Of(latentCorrelations).data, k);
  const w = k + 1;
  const [out, precision] = [
    new Float64Array(table.numRows * k),
    new Float64Array(table.numRows * k),
  ];
  for (let r = 0; r < table.numRows; r++) {
    given.signal?.throwIfAborted();
    const information = inverse.slice();
    const pull = new Float64Array(w);
    scores.forEach((own, i) => {
      const x = own[r]!;
      if (Number.isNaN(x)) return;
      const [g, loading] = [groupOf[i]!, loadings[i]!];
      const habit = survey.items[i]!.numStates > 2 ? agreement : 0;
      const noise = Math.max(0.02, 1 - loading ** 2 - habit ** 2);
      information[g * w + g]! += loading ** 2 / noise;
      information[k * w + k]! += habit ** 2 / noise;
      information[g * w + k]! += (loading * habit) / noise;
      information[k * w + g]! += (loading * habit) / noise;
      pull[g]! += (loading * x) / noise;
      pull[k]! += (habit * x) / noise;
    });
    const posterior = inverseOf(information, w);
    for (let g = 0; g < k; g++) {
      let sum = 0;
      for (let h = 0; h < w; h++) sum += posterior[g * w + h]! * pull[h]!;
      out[r * k + g] = sum;
      precision[r * k + g] = Math.max(0, 1 - posterior[g * w + g]!);
    }
  }
  return {
    scores: toArray(out, [table.numRows, k]),
    precision: toArray(precision, [table.numRows, k]),
  };
}

/** Inverse of the correlations of the latents, and of agreement, which is apart from them, as the last. */
function priorOf(latents: Float64Array, k: number): Float64Array {
  const inverse = inverseOf(latents, k);
  const out = new Float64Array((k + 1) ** 2);
  for (let g = 0; g < k; g++)
    for (let h = 0; h < k; h++) out[g * (k + 1) + h] = inverse[g * k + h]!;
  out[(k + 1) ** 2 - 1] = 1;
  return out;
}

function loadingIn({ groups }: GroupsResult, name: string): number {
  return groups.flatMap(({ items }) => items).find((item) => item.name === name)!.loading;
}
