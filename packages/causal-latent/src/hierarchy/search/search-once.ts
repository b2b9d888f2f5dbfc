/** One search at one level: what is independent of all else is set aside, the rest is clustered from below, and the tops are joined by edges. */
import { GraphError } from "../errors.js";
import { type Decision, clusterGroups } from "./clusters.js";
import { type CoverGraph, coverGraphOf, isolated } from "./cover-graph.js";
import { findEdges } from "./edges.js";
import type { Group, Tester } from "./groups.js";
import type { Settings } from "./settings.js";

/** A structure and the decisions that led to it. */
export interface Found {
  readonly graph: CoverGraph;
  readonly log: readonly Decision[];
}

export function searchOnce(tester: Tester, settings: Settings, significance: number): Found {
  const { oracle } = tester;
  const { background, maxLatentsPerCover, maxConditioning, onProgress, signal } = settings;
  const indexOf = (name: string): number => {
    const j = oracle.names.indexOf(name);
    if (j < 0)
      throw new GraphError(
        `discoverHierarchy: background names "${name}", which is no observed variable`,
      );
    return j;
  };
  const pair = ([a, b]: readonly [string, string]): [number, number] => [indexOf(a), indexOf(b)];
  const log: Decision[] = [];
  const groups = oracle.names.map((name, j): Group => ({
    names: [name],
    size: 1,
    latent: false,
    measured: [j],
    children: [],
    pValue: NaN,
  }));
  const alone = groups.filter((g) => {
    const others = groups.filter((h) => h !== g);
    const pValues = others.map((h) => tester.independent(g, h, []) ?? 1);
    const pValue = oracle.exact
      ? Math.min(...pValues)
      : Math.min(1, others.length * Math.min(...pValues));
    if (pValue <= significance) return false;
    log.push({
      step: "setAside",
      nodes: g.names,
      latents: [],
      pValue,
      text: `${g.names[0]!} is independent of all others`,
    });
    return true;
  });
  let iteration = 0;
  const active = clusterGroups(
    groups.filter((g) => !alone.includes(g)),
    tester,
    {
      significance,
      maxLatentsPerCover,
      clusters: (background.clusters ?? []).map((set) => set.map(indexOf)),
      forbiddenClusters: (background.forbiddenClusters ?? []).map(pair),
      onProgress: (left) => {
        signal?.throwIfAborted();
        onProgress?.({ iteration: ++iteration, total: oracle.names.length, metric: left });
      },
    },
    log,
  );
  const top = findEdges(
    active,
    tester,
    {
      significance,
      maxConditioning,
      requiredDirections: (background.requiredDirections ?? []).map(pair),
    },
    log,
  );
  const graph = coverGraphOf(top);
  const rest = isolated(alone.flatMap((g) => g.names));
  return {
    graph: {
      nodes: [...graph.nodes, ...rest.nodes],
      parents: [...graph.parents, ...rest.parents],
      edgePValues: graph.edgePValues,
    },
    log,
  };
}
