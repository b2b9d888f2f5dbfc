/** The second phase: edges between the covers that are left, by tests of independence given other covers, and what of their directions can be told. */
import {
  type Ends,
  adjacent,
  applyMeekRules,
  directed,
  noEdges,
  orient,
  orientColliders,
} from "../internal/pdag.js";
import { combinations } from "../internal/subsets.js";
import type { Decision } from "./clusters.js";
import { type Group, type Tester, interleave } from "./groups.js";

export interface EdgeSettings {
  readonly significance: number;
  readonly maxConditioning: number;
  /** Pairs of observed variables whose covers, where adjacent, are directed from the first to the second. */
  readonly requiredDirections: readonly (readonly [number, number])[];
}

/** Groups without a group above them, the edges among them, and how surely each pair is not independent. */
export interface TopLevel {
  readonly groups: readonly Group[];
  readonly ends: Ends;
  /** For adjacent pairs the greatest p-value of independence, still rejected; symmetric. */
  readonly pValues: readonly (readonly number[])[];
}

/** The skeleton by the stable PC algorithm, then colliders and Meek's rules. Three covers all adjacent get a common root instead. */
export function findEdges(
  active: readonly Group[],
  tester: Tester,
  settings: EdgeSettings,
  log: Decision[],
): TopLevel {
  const { significance, maxConditioning, requiredDirections } = settings;
  const n = active.length;
  const ends = noEdges(n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) ends[i]![j] = i !== j;
  const separators = new Map<string, readonly number[]>();
  const pValues = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let size = 0; size <= maxConditioning; size++) {
    const before = ends.map((row) => [...row]);
    for (const [i, j] of combinations(
      active.map((_, x) => x),
      2,
    ) as [number, number][]) {
      if (!adjacent(ends, i, j)) continue;
      const near = (x: number, y: number): number[] =>
        active
          .map((_, z) => z)
          .filter((z) => z !== x && z !== y && adjacent(before, x, z) && active[z]!.latent);
      const sets = [...combinations(near(i, j), size), ...combinations(near(j, i), size)];
      for (const set of sets) {
        const p = tester.independent(
          active[i]!,
          active[j]!,
          set.map((z) => active[z]!),
        );
        if (p === undefined) continue;
        pValues[i]![j] = pValues[j]![i] = Math.max(pValues[i]![j]!, p);
        if (p <= significance) continue;
        ends[i]![j] = ends[j]![i] = false;
        separators.set(`${i} ${j}`, set);
        const given = set.flatMap((z) => active[z]!.names);
        log.push({
          step: "separate",
          nodes: [...active[i]!.names, ...active[j]!.names],
          latents: given,
          pValue: p,
          text: `${active[i]!.names.join(", ")} and ${active[j]!.names.join(", ")} are independent${given.length > 0 ? ` given ${given.join(", ")}` : ""}`,
        });
        break;
      }
    }
  }
  if (n === 3 && combinations([0, 1, 2], 2).every(([i, j]) => adjacent(ends, i!, j!))) {
    const taken = new Set(tester.oracle.names);
    const root: Group = {
      names: [freshName(active, taken)],
      size: 1,
      latent: true,
      measured: interleave(active),
      children: active,
      pValue: 1,
    };
    log.push({
      step: "root",
      nodes: active.flatMap((g) => g.names),
      latents: root.names,
      pValue: 1,
      text: `${active.flatMap((g) => g.names).join(", ")} are all adjacent: a root ${root.names.join()} above them`,
    });
    return { groups: [root], ends: noEdges(1), pValues: [[0]] };
  }
  const beforeColliders = ends.map((row) => [...row]);
  orientColliders(ends, (i, j) => separators.get(`${Math.min(i, j)} ${Math.max(i, j)}`));
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (!adjacent(ends, i, j) || i === j) continue;
      // observed variables have no children among covers; what is known beforehand comes last and wins
      if (active[i]!.latent && !active[j]!.latent) orient(ends, i, j);
      if (
        requiredDirections.some(
          ([a, b]) => active[i]!.measured.includes(a) && active[j]!.measured.includes(b),
        )
      )
        orient(ends, i, j);
    }
  applyMeekRules(ends);
  for (const [i, j] of combinations(
    active.map((_, x) => x),
    2,
  ) as [number, number][]) {
    if (!adjacent(ends, i, j)) continue;
    const [from, to] = directed(ends, j, i) ? [j, i] : [i, j];
    const known = !(ends[i]![j]! && ends[j]![i]!);
    log.push({
      step: known && beforeColliders[i]![j]! ? "collider" : "edge",
      nodes: [...active[from]!.names, ...active[to]!.names],
      latents: [],
      pValue: pValues[i]![j]!,
      text: `${active[from]!.names.join(", ")} ${known ? "→" : "—"} ${active[to]!.names.join(", ")}`,
    });
  }
  return { groups: active, ends, pValues };
}

function freshName(active: readonly Group[], taken: ReadonlySet<string>): string {
  const used = new Set<string>(taken);
  const collect = (g: Group): void => {
    g.names.forEach((name) => used.add(name));
    g.children.forEach(collect);
  };
  active.forEach(collect);
  let i = 1;
  while (used.has(`Z${i}`)) i++;
  return `Z${i}`;
}
