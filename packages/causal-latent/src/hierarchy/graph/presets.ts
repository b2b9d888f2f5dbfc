/** Graphs to try things on: the nine of the tests, and random ones that can be identified. */
import { DomainError } from "@provably/core-tensor";
import {
  anyList,
  anything,
  check,
  checkOptions,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, foldIn, permutation, randint } from "@provably/core-tensor/random";
import { type ConceptGraph, conceptGraph } from "./graph.js";
import { checkIdentifiability } from "./identifiability.js";

/**
 * Name of a preset graph.
 * @category Graphs
 */
export type PresetName =
  | "star"
  | "twoCluster"
  | "tree3"
  | "treeDeep"
  | "chain"
  | "collider"
  | "diamond"
  | "cover2"
  | "twoCover2";

const leaves = (
  from: number,
  to: number,
  ...parents: readonly string[]
): Record<string, readonly string[]> =>
  Object.fromEntries(Array.from({ length: to - from + 1 }, (_, i) => [`X${from + i}`, parents]));

const PRESETS = {
  star: { L1: [], ...leaves(1, 5, "L1") },
  twoCluster: { L1: [], L2: ["L1"], ...leaves(1, 3, "L1"), ...leaves(4, 6, "L2") },
  tree3: {
    L1: [],
    L2: ["L1"],
    L3: ["L1"],
    L4: ["L1"],
    ...leaves(1, 2, "L2"),
    ...leaves(3, 4, "L3"),
    ...leaves(5, 6, "L4"),
  },
  treeDeep: {
    ...{ L1: [], L2: ["L1"], L3: ["L1"], L4: ["L2"], L5: ["L2"], L6: ["L3"], L7: ["L3"] },
    ...leaves(1, 2, "L4"),
    ...leaves(3, 4, "L5"),
    ...leaves(5, 6, "L6"),
    ...leaves(7, 8, "L7"),
    ...leaves(9, 10, "L1"),
  },
  chain: {
    ...{ L1: [], L2: ["L1"], L3: ["L2"], L4: ["L3"] },
    ...leaves(1, 2, "L1"),
    ...leaves(3, 4, "L2"),
    ...leaves(5, 6, "L3"),
    ...leaves(7, 8, "L4"),
  },
  collider: {
    L1: [],
    L2: [],
    L3: ["L1", "L2"],
    ...leaves(1, 2, "L1"),
    ...leaves(3, 4, "L2"),
    ...leaves(5, 7, "L3"),
  },
  diamond: {
    ...{ L1: [], L2: ["L1"], L3: ["L1"], L4: ["L2", "L3"] },
    ...leaves(1, 2, "L1"),
    ...leaves(3, 4, "L2"),
    ...leaves(5, 6, "L3"),
    ...leaves(7, 9, "L4"),
  },
  cover2: { L1: [], L2: [], L3: ["L1", "L2"], ...leaves(1, 5, "L1", "L2"), ...leaves(6, 8, "L3") },
  twoCover2: {
    ...{ L0: [], L1: ["L0"], L2: ["L0"], L3: ["L0"], L4: ["L0"] },
    ...leaves(1, 4, "L1", "L2"),
    ...leaves(5, 8, "L3", "L4"),
    ...leaves(9, 10, "L0"),
  },
} as const satisfies Record<string, Readonly<Record<string, readonly string[]>>>;

/** The names of all preset graphs. */
export const presetNames = Object.keys(PRESETS) as readonly PresetName[];

/**
 * One of nine small graphs: `star`, `twoCluster`, `tree3`, `treeDeep`, `chain`, `collider`, `diamond`, `cover2`, `twoCover2`.
 *
 * Latents are called L…, observed variables X….
 *
 * @param name - which
 * @param options - `latentStates` and `observedStates`, integers ≥ 2, default 2
 * @returns the graph
 * @throws `DomainError` for an unknown name or a bad state count
 * @example
 * ```ts
 * import { presetGraph } from "@provably/causal-latent/hierarchy";
 *
 * presetGraph("collider").parents["L3"]; // => ["L1", "L2"]
 * ```
 * @category Graphs
 */
export function presetGraph(
  name: PresetName,
  options: { readonly latentStates?: number; readonly observedStates?: number } = {},
): ConceptGraph {
  const { latentStates = 2, observedStates = 2 } = checkOptions("presetGraph", options, {
    latentStates: anything,
    observedStates: anything,
  });
  if (typeof name !== "string" || !Object.hasOwn(PRESETS, name))
    throw new DomainError(
      `presetGraph: name must be one of ${presetNames.join(", ")}, got ${show(name)}`,
    );
  const parents = PRESETS[name];
  const states = Object.fromEntries(
    Object.keys(parents).map((node) => [
      node,
      node.startsWith("L") ? latentStates : observedStates,
    ]),
  );
  return conceptGraph(parents, { states });
}

/**
 * Options of {@link randomHierarchy}.
 * @category Graphs
 */
export interface RandomHierarchyOptions {
  /** Levels of latents above the observed one, an integer ≥ 1; default 2. */
  readonly levels?: number;
  /** Fewest and most children of a latent; default [2, 3]. */
  readonly branching?: readonly [number, number];
  /** How many latents share each cover of the lowest level: a list to draw from; default [1]. */
  readonly coverSizes?: readonly number[];
  /** How many latents of every level below the second get another parent of the level above; default 0. */
  readonly collidersPerLevel?: number;
  /** States of latents and of observed variables; default 2. */
  readonly latentStates?: number;
  readonly observedStates?: number;
}

/**
 * A random hierarchy whose equivalence class its tables determine: one that passes {@link checkIdentifiability}.
 *
 * Draws until one passes; deterministic in the key.
 *
 * @param key - random key
 * @param options - see {@link RandomHierarchyOptions}
 * @returns the graph
 * @throws `DomainError` when none of 200 draws passes
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { checkIdentifiability, randomHierarchy } from "@provably/causal-latent/hierarchy";
 *
 * checkIdentifiability(randomHierarchy(key(1), { levels: 2 })).length; // => 0
 * ```
 * @category Graphs
 */
export function randomHierarchy(key: RngKey, options: RandomHierarchyOptions = {}): ConceptGraph {
  const fn = "randomHierarchy";
  const {
    levels = 2,
    branching = [2, 3],
    coverSizes = [1],
    collidersPerLevel = 0,
    latentStates = 2,
    observedStates = 2,
  } = checkOptions(fn, options, {
    levels: anything,
    branching: anything,
    coverSizes: anything,
    collidersPerLevel: anything,
    latentStates: anything,
    observedStates: anything,
  });
  check(fn, "levels", levels, wholeNumber());
  check(fn, "collidersPerLevel", collidersPerLevel, wholeNumber(0));
  const [fewest, most] = check(fn, "branching", branching, anyList);
  if (!(Number.isInteger(fewest) && Number.isInteger(most) && fewest >= 1 && most >= fewest))
    throw new DomainError(
      `${fn}: branching must be two integers with 1 ≤ fewest ≤ most, got ${show(fewest)} and ${show(most)}`,
    );
  if (check(fn, "coverSizes", coverSizes, anyList).length === 0)
    throw new DomainError(`${fn}: coverSizes must hold a number, got none`);
  coverSizes.forEach((size, i) => check(fn, `coverSizes[${i}]`, size, wholeNumber()));
  if (most ** levels * Math.max(...coverSizes) > MOST_VARIABLES)
    throw new DomainError(
      `${fn}: levels and branching must leave at most ${MOST_VARIABLES} variables, got up to ${most} to the power of ${levels}`,
    );
  for (let attempt = 0; attempt < 200; attempt++) {
    const draw = drawer(foldIn(key, attempt));
    const parents: Record<string, string[]> = {};
    let count = 0;
    let level: string[][] = [[]];
    for (let depth = 0; depth < levels; depth++) {
      const next: string[][] = [];
      for (const above of level) {
        const children = depth === 0 ? 1 : draw.between(fewest, most);
        for (let i = 0; i < children; i++) {
          const size =
            depth === levels - 1 ? coverSizes[draw.between(0, coverSizes.length - 1)]! : 1;
          const cover = Array.from({ length: size }, () => `L${++count}`);
          for (const name of cover) parents[name] = [...above];
          next.push(cover);
        }
      }
      if (depth > 1)
        for (const cover of draw.some(next, collidersPerLevel)) {
          const others = level.filter(([name]) => !parents[cover[0]!]!.includes(name!));
          if (others.length > 0)
            for (const name of cover)
              parents[name]!.push(...others[draw.between(0, others.length - 1)]!);
        }
      level = next;
    }
    let leaf = 0;
    for (const cover of level) {
      const children = Math.max(
        draw.between(fewest, most),
        cover.length > 1 ? 2 * cover.length : 0,
      );
      for (let i = 0; i < children; i++) parents[`X${++leaf}`] = [...cover];
    }
    const states = Object.fromEntries(
      Object.keys(parents).map((name) => [
        name,
        name.startsWith("L") ? latentStates : observedStates,
      ]),
    );
    const graph = conceptGraph(parents, { states });
    if (checkIdentifiability(graph).length === 0) return graph;
  }
  throw new DomainError(
    "randomHierarchy: none of 200 draws can be identified from its tables; allow more children or fewer colliders",
  );
}

/** Variables on a level beyond which a random graph is taken for a mistake. */
const MOST_VARIABLES = 2000;

function drawer(key: RngKey): {
  between: (low: number, high: number) => number;
  some: <T>(items: readonly T[], count: number) => T[];
} {
  let drawn = 0;
  return {
    between: (low, high) => randint(foldIn(key, ++drawn), low, high + 1, []).get(),
    some: (items, count) => {
      const order = permutation(foldIn(key, ++drawn), items.length);
      return Array.from({ length: Math.min(count, items.length) }, (_, i) => items[order.get(i)]!);
    },
  };
}
