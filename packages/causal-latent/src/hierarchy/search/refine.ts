/** Structures compared by how well they fit: the search at several levels, then single edges between covers. */
import { foldIn } from "@provably/core-tensor/random";
import type { Rows } from "../data/labels.js";
import type { FittedHierarchy } from "../model/fit.js";
import { type CoverGraph, expandTo } from "./cover-graph.js";
import type { Tester } from "./groups.js";
import { hasTriangle, movesFrom } from "./moves.js";
import { adaptCpts, scoreGraph } from "./score.js";
import { type Found, searchOnce } from "./search-once.js";
import type { Settings } from "./settings.js";

/** Levels of the searches, in units of `significance`. */
const LEVELS = [1, 3, 10, 30, 1 / 3, 1 / 10, 1 / 100, 1e-4];

interface Scored extends Found {
  readonly fit: FittedHierarchy;
  /** The level at which it was found. */
  readonly significance: number;
}

/**
 * The structure with the best BIC among those of several levels, then single edges between covers changed while that improves it; nothing where all of them are too
 * densely connected to be fitted.
 */
export function refined(tester: Tester, rows: Rows, settings: Settings): Scored | undefined {
  const start = bestOfLevels(tester, rows, settings);
  return start && improved(start, rows, settings);
}

/** Structures with a triangle only where there are no others. */
function bestOfLevels(tester: Tester, rows: Rows, settings: Settings): Scored | undefined {
  const { latentStates, key, signal } = settings;
  const seen = new Set<string>();
  let best: (Scored & { readonly triangle: boolean }) | undefined;
  for (const factor of LEVELS) {
    signal?.throwIfAborted();
    const significance = Math.min(0.5, factor * settings.significance);
    const found = searchOnce(tester, settings, significance);
    const mark = JSON.stringify([found.graph.nodes.map(({ names }) => names), found.graph.parents]);
    if (seen.has(mark)) continue;
    seen.add(mark);
    const fit = scoreGraph(
      expandTo(found.graph, latentStates, rows.names, rows.states),
      rows,
      foldIn(key, "score"),
      signal,
    );
    if (fit === undefined) continue;
    const triangle = hasTriangle(found.graph);
    if (best === undefined || (triangle === best.triangle ? fit.bic < best.fit.bic : best.triangle))
      best = { ...found, fit, significance, triangle };
  }
  return best;
}

function improved(start: Scored, rows: Rows, { latentStates, key, signal }: Settings): Scored {
  let best = start;
  for (let round = 0; round < 10; round++) {
    signal?.throwIfAborted();
    const { graph, fit, log } = best;
    // a few iterations tell which changes are worth a closer look
    const tried = movesFrom(graph).flatMap((move, i) => {
      const target = expandTo(move.graph, latentStates, rows.names, rows.states);
      const own = foldIn(foldIn(key, round), i);
      const short = scoreGraph(target, rows, own, signal, {
        cpts: adaptCpts(fit, target, own),
        maxIterations: 12,
      });
      return short === undefined ? [] : [{ ...move, target, fit: short }];
    });
    let next:
      | { graph: CoverGraph; fit: FittedHierarchy; text: string; nodes: readonly string[] }
      | undefined;
    for (const { target, ...move } of tried.sort((x, y) => x.fit.bic - y.fit.bic).slice(0, 6)) {
      const long = scoreGraph(target, rows, key, signal, {
        cpts: move.fit.cpts,
        maxIterations: 200,
      })!;
      if (long.bic < (next?.fit.bic ?? fit.bic - 0.5)) next = { ...move, fit: long };
    }
    if (next === undefined) break;
    const text = `${next.text}: BIC falls by ${(fit.bic - next.fit.bic).toPrecision(3)}`;
    best = {
      ...best,
      graph: next.graph,
      fit: next.fit,
      log: [...log, { step: "score", nodes: next.nodes, latents: [], pValue: NaN, text }],
    };
  }
  return best;
}
