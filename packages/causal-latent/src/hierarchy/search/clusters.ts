/**
 * The first phase: which groups hang on common latents. Sets of k + 1 units whose tables have the rank of k latents are merged under a cover, from k = 1 upwards and
 * again from 1 after every merge.
 */
import { combinations } from "../internal/subsets.js";
import { type Group, type Tester, interleave } from "./groups.js";

/** A step of the search with the evidence for it. */
export interface Decision {
  readonly step:
    "setAside" | "cluster" | "attach" | "separate" | "edge" | "collider" | "root" | "score";
  /** What it was about. */
  readonly nodes: readonly string[];
  /** The cover concerned, or what separates. */
  readonly latents: readonly string[];
  /** The p-value of the claim, after correction for the number of tables; for `edge` the greatest p-value of independence that was still rejected. */
  readonly pValue: number;
  readonly text: string;
}

export interface ClusterSettings {
  readonly significance: number;
  readonly maxLatentsPerCover: number;
  /** Sets of observed variables known to share a cover, and pairs known not to. */
  readonly clusters: readonly (readonly number[])[];
  readonly forbiddenClusters: readonly (readonly [number, number])[];
  readonly onProgress?: ((groups: number) => void) | undefined;
}

const names = (groups: readonly Group[]): string[] => groups.flatMap((g) => g.names);

export function clusterGroups(
  start: readonly Group[],
  tester: Tester,
  settings: ClusterSettings,
  log: Decision[],
): Group[] {
  const { significance, maxLatentsPerCover } = settings;
  let active = [...start];
  let count = 0;
  const cover = (children: readonly Group[], size: number, pValue: number): Group => ({
    names: Array.from({ length: size }, () => `Z${++count}`),
    size,
    latent: true,
    measured: interleave(children),
    children,
    pValue,
  });
  const replace = (members: readonly Group[], group: Group): void => {
    active = [...active.filter((g) => !members.includes(g)), group];
  };

  for (const known of settings.clusters) {
    const members = active.filter((g) => !g.latent && g.measured.some((j) => known.includes(j)));
    if (members.length < 2) continue;
    const parent = cover(members, 1, 1);
    log.push({
      step: "cluster",
      nodes: names(members),
      latents: parent.names,
      pValue: 1,
      text: `${names(members).join(", ")} share ${parent.names.join()} (given)`,
    });
    replace(members, parent);
  }

  let k = 1;
  while (k <= maxLatentsPerCover && active.reduce((sum, { size }) => sum + size, 0) >= 2 * k + 2) {
    settings.onProgress?.(active.length);
    const found = mergeSets(deficientSets(active, tester, settings, k), active, k);
    let changed = false;
    for (const { members, pValue } of found) {
      const parent = parentAmong(members, active, tester, significance, k);
      if (parent !== undefined) {
        const { group, rest, pValue: support } = parent;
        const grown: Group = {
          ...group,
          children: [...group.children, ...rest],
          measured: interleave([group, ...rest]),
        };
        replace(members, grown);
        log.push({
          step: "attach",
          nodes: names(rest),
          latents: group.names,
          pValue: support,
          text: `${names(rest).join(", ")} hang${rest.length === 1 ? "s" : ""} below ${group.names.join(", ")}`,
        });
      } else {
        const next = cover(members, k, pValue);
        replace(members, next);
        log.push({
          step: "cluster",
          nodes: names(members),
          latents: next.names,
          pValue,
          text: `${names(members).join(", ")} share ${next.names.join(", ")}`,
        });
      }
      changed = true;
    }
    k = changed ? 1 : k + 1;
  }
  return active;
}

interface Deficient {
  readonly set: readonly number[];
  readonly pValue: number;
}

/** All sets of groups, of k + 1 units together, whose tables with the others have the rank of k latents. */
function deficientSets(
  active: readonly Group[],
  tester: Tester,
  { significance, forbiddenClusters }: ClusterSettings,
  k: number,
): Deficient[] {
  const found: Deficient[] = [];
  const indices = active.map((_, i) => i);
  for (let members = 2; members <= k + 1; members++)
    for (const set of combinations(indices, members)) {
      const groups = set.map((i) => active[i]!);
      if (groups.reduce((sum, { size }) => sum + size, 0) !== k + 1) continue;
      const measured = groups.flatMap((g) => g.measured);
      if (forbiddenClusters.some(([a, b]) => measured.includes(a) && measured.includes(b)))
        continue;
      const pValue = tester.deficient(
        groups,
        active.filter((_, i) => !set.includes(i)),
        k,
      );
      if (pValue > significance) found.push({ set, pValue });
    }
  return found;
}

/** Overlapping deficient sets become one cluster where all of its sets of k + 1 units are deficient; the surest come first. */
function mergeSets(
  found: readonly Deficient[],
  active: readonly Group[],
  k: number,
): { members: Group[]; pValue: number }[] {
  const pValues = new Map(found.map(({ set, pValue }) => [set.join(), pValue]));
  const sorted = [...found].sort((x, y) => y.pValue - x.pValue);
  let clusters: number[][] = [];
  const units = (set: readonly number[]): number =>
    set.reduce((sum, i) => sum + active[i]!.size, 0);
  const subsetsOf = (union: readonly number[]): number[][] =>
    Array.from({ length: k }, (_, m) => combinations(union, m + 2))
      .flat()
      .filter((set) => units(set) === k + 1);
  for (const { set } of sorted) {
    const touching = clusters.filter((cluster) => cluster.some((i) => set.includes(i)));
    const union = [...new Set([...touching.flat(), ...set])].sort((x, y) => x - y);
    if (subsetsOf(union).every((subset) => pValues.has(subset.join())))
      clusters = [...clusters.filter((c) => !touching.includes(c)), union];
  }
  // in the order of their first members, so that names do not depend on p-values
  return clusters
    .sort((x, y) => x[0]! - y[0]!)
    .map((cluster) => ({
      members: cluster.map((i) => active[i]!),
      pValue: Math.min(...subsetsOf(cluster).map((subset) => pValues.get(subset.join())!)),
    }));
}

/** A cover among the members that separates every other member from everything else: then it is their parent. */
function parentAmong(
  members: readonly Group[],
  active: readonly Group[],
  tester: Tester,
  significance: number,
  k: number,
): { group: Group; rest: Group[]; pValue: number } | undefined {
  let best: { group: Group; rest: Group[]; pValue: number } | undefined;
  for (const group of members) {
    if (!group.latent || group.size !== k || group.measured.length < 2 * k) continue;
    const rest = members.filter((other) => other !== group);
    let least = 1;
    let tests = 0;
    for (const other of rest)
      for (const h of active) {
        if (h === other || h === group || !(least > 0)) continue;
        const p = tester.independent(other, h, [group]);
        tests++;
        least = Math.min(least, p ?? 0);
      }
    const pValue = tests === 0 ? 0 : tester.oracle.exact ? least : Math.min(1, least * tests);
    if (pValue > significance && (best === undefined || pValue > best.pValue))
      best = { group, rest, pValue };
  }
  return best;
}
