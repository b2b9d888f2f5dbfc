/** What was found, in words and for other programs. */
import { DomainError } from "@provably/core-tensor";
import {
  anyList,
  anyNumber,
  anyRecord,
  anyString,
  check,
  listOf,
  recordWith,
} from "@provably/core-tensor/internal";
import type { GroupsResult } from "./discover-groups.js";
import { GROUP_LIST } from "./options.js";

const list = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)!}`;

const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;

const FOUND = recordWith({
  groups: GROUP_LIST,
  alone: anyList,
  higher: listOf(recordWith({ name: anyString, groups: listOf(recordWith({ name: anyString })) })),
  setAside: anyList,
  items: anyList,
  numRows: anyNumber,
  agreement: anyNumber,
  parallelAnalysis: anyNumber,
  warnings: anyList,
  fit: anyRecord,
});

/**
 * One paragraph on the groups that were found: how many, which items, what is doubtful, what was set aside.
 *
 * @param result - groups, from {@link discoverGroups}
 * @returns English text
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { tableFromRows } from "@provably/core-tensor/table";
 * import { describeGroups, discoverGroups } from "@provably/causal-latent/hierarchy";
 *
 * const z = normal(key(0), [300, 5]);
 * const rows = Array.from({ length: 300 }, (_, i) =>
 *   Object.fromEntries([0, 1, 2, 3].map((j) => [`q${j}`, Math.round(z.get(i, 4) + z.get(i, j) + 3)])),
 * );
 * const found = discoverGroups(tableFromRows(rows), { numReplicates: 0 });
 * describeGroups(found).startsWith("The answers of 300 people to 4 items fall into 1 group:"); // => true
 * ```
 * @category Surveys
 */
export function describeGroups(result: GroupsResult): string {
  const {
    groups,
    alone,
    higher,
    setAside,
    items,
    numRows,
    agreement,
    parallelAnalysis,
    warnings,
    numGroupsShares,
    fit,
  } = check("describeGroups", "result", result, FOUND);
  const people = `The answers of ${numRows} people to ${items.length} items`;
  const sentences: string[] = [];
  if (groups.length === 0) sentences.push(`${people} fall into no groups.`);
  else {
    const parts = groups.map(
      ({ name, items: own }) =>
        `${name} (${own.map((item) => (item.loading < 0 ? `${item.name}, reversed` : item.name)).join("; ")})`,
    );
    sentences.push(`${people} fall into ${count(groups.length, "group")}: ${list(parts)}.`);
  }
  for (const { name, groups: own } of higher)
    sentences.push(`${list(own.map((g) => g.name))} share a latent above them, ${name}.`);
  if (agreement > 0)
    sentences.push(
      `Agreement with every statement, whatever it says, is ${(100 * agreement).toFixed(0)} % of an item's variance and was taken out.`,
    );
  const doubtful = groups.flatMap(({ items: own }) =>
    own.filter(({ doubts }) => doubts.length > 0),
  );
  if (doubtful.length > 0)
    sentences.push(
      `Doubtful: ${doubtful.map(({ name, doubts }) => `${name} (${doubts.join("; ")})`).join(", ")}.`,
    );
  if (alone.length > 0)
    sentences.push(`${list(alone)} ${alone.length === 1 ? "belongs" : "belong"} to no group.`);
  if (groups.length > 0) {
    const share = numGroupsShares.find(({ numGroups }) => numGroups === groups.length)?.share;
    const stable =
      share === undefined
        ? ""
        : `, and ${Math.round(100 * share)} % of resampled data sets have as many groups`;
    sentences.push(`Parallel analysis counts ${count(parallelAnalysis, "factor")}${stable}.`);
    if (Number.isFinite(fit.rmsea))
      sentences.push(
        `With every item on its own group alone the misfit is RMSEA ${fit.rmsea.toFixed(3)}, CFI ${fit.cfi.toFixed(3)}, SRMR ${fit.srmr.toFixed(3)}.`,
      );
  }
  if (setAside.length > 0)
    sentences.push(
      `Set aside: ${setAside.map(({ name, reason }) => `${name} (${reason})`).join(", ")}.`,
    );
  if (warnings.length > 0) sentences.push(`Mind: ${warnings.join("; ")}.`);
  return sentences.join(" ");
}

/**
 * The groups as a model of lavaan (R), cross-loadings, higher latents and agreement included, for `cfa()`. A latent whose name is that of an item, such as G1, becomes `latent_G1`.
 *
 * @param result - groups, from {@link discoverGroups}; names of letters, digits, dots and underscores
 * @returns text of the model
 * @throws `DomainError` for a name that lavaan could not read, or no groups
 * @example
 * ```ts
 * import { key, normal } from "@provably/core-tensor/random";
 * import { tableFromRows } from "@provably/core-tensor/table";
 * import { discoverGroups, toLavaan } from "@provably/causal-latent/hierarchy";
 *
 * const z = normal(key(0), [300, 5]);
 * const rows = Array.from({ length: 300 }, (_, i) =>
 *   Object.fromEntries([0, 1, 2, 3].map((j) => [`q${j}`, Math.round(z.get(i, 4) + z.get(i, j) + 3)])),
 * );
 * toLavaan(discoverGroups(tableFromRows(rows), { numReplicates: 0 })).startsWith("G1 =~ q"); // => true
 * ```
 * @category Export
 */
export function toLavaan(result: GroupsResult): string {
  const { groups, higher, agreement } = check("toLavaan", "result", result, FOUND);
  if (groups.length === 0) throw new DomainError("toLavaan: result must have groups, got none");
  const all = groups.flatMap(({ items }) => items);
  const taken = new Set(all.map(({ name }) => name));
  const latent = (name: string): string => (taken.has(name) ? `latent_${name}` : name);
  for (const { name } of all)
    if (!/^[A-Za-z.][\w.]*$/.test(name))
      throw new DomainError(
        `toLavaan: names must begin with a letter and have letters, digits, dots and underscores, got "${name}"`,
      );
  const lines = groups.map(({ name, items }) => {
    const cross = all.filter((item) => item.crossLoading?.group === name);
    return `${latent(name)} =~ ${[...items, ...cross].map((item) => item.name).join(" + ")}`;
  });
  const above = higher.map(
    ({ name, groups: own }) => `${latent(name)} =~ ${own.map((g) => latent(g.name)).join(" + ")}`,
  );
  // equal on all items, apart from all latents; ordered() in lavaan puts items on one scale
  const habit = taken.has("agreement") ? "latent_agreement" : "agreement";
  const tops = higher.length > 0 ? higher : groups;
  const agreeing =
    agreement > 0
      ? [
          `${habit} =~ ${all.map(({ name }) => `1*${name}`).join(" + ")}`,
          ...tops.map(({ name }) => `${habit} ~~ 0*${latent(name)}`),
        ]
      : [];
  return [...lines, ...above, ...agreeing, ""].join("\n");
}
