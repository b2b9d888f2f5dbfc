/** Directed acyclic graphs over discrete variables, some observed and some latent. Everything else in this entry speaks of these. */
import {
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  listOf,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { GraphError } from "../errors.js";

/**
 * A directed acyclic graph over discrete variables. Make one with {@link conceptGraph}, which checks it.
 * @category Graphs
 */
export interface ConceptGraph {
  /** Names of what can be seen, in the order in which tables and data list it. */
  readonly observed: readonly string[];
  /** Names of the other variables. */
  readonly latents: readonly string[];
  /** All names, parents before children. */
  readonly order: readonly string[];
  /** The parents of every variable, in the order of the axes of its conditional table. */
  readonly parents: Readonly<Record<string, readonly string[]>>;
  /** How many states every variable has. */
  readonly states: Readonly<Record<string, number>>;
}

/**
 * A checked graph from the parents of every variable.
 *
 * @param parents - name of every variable → names of its parents
 * @param options - `observed`: names of the variables that can be seen (default: those without children); `states`: one number for all, or a record
 *   (missing names have 2)
 * @returns the graph
 * @throws `GraphError` for a name that does not exist or a cycle, which the message spells out
 * @throws `DomainError` for a state count that is not an integer ≥ 1
 * @example
 * ```ts
 * import { conceptGraph } from "@provably/causal-latent/hierarchy";
 *
 * const graph = conceptGraph({ animal: [], legs: ["animal"], tail: ["animal"] });
 * graph.latents; // => ["animal"]
 * conceptGraph({ a: ["b"], b: ["a"] }); // throws GraphError
 * ```
 * @category Graphs
 */
export function conceptGraph(
  parents: Readonly<Record<string, readonly string[]>>,
  options: {
    readonly observed?: readonly string[];
    readonly states?: number | Readonly<Record<string, number>>;
  } = {},
): ConceptGraph {
  const names = Object.keys(check("conceptGraph", "parents", parents, anyRecord));
  checkOptions("conceptGraph", options, { observed: anything, states: anything });
  const known = new Set(names);
  for (const name of names) {
    const own = check("conceptGraph", `parents of "${name}"`, parents[name]!, listOf(anyString));
    for (const parent of own)
      if (!known.has(parent))
        throw new GraphError(
          `conceptGraph: parents of "${name}" name "${parent}", which is no variable of the graph`,
        );
    if (new Set(own).size !== own.length)
      throw new GraphError(
        `conceptGraph: parents of "${name}" name a variable twice: ${own.join(", ")}`,
      );
  }
  const order = topologicalOrder(names, parents);
  const hasChildren = new Set(Object.values(parents).flat());
  const observed = options.observed ?? names.filter((name) => !hasChildren.has(name));
  for (const name of check("conceptGraph", "observed", observed, listOf(anyString)))
    if (!known.has(name))
      throw new GraphError(
        `conceptGraph: observed names "${name}", which is no variable of the graph`,
      );
  const { states = 2 } = options;
  if (typeof states !== "number") check("conceptGraph", "states", states, anyRecord);
  const stateOf = (name: string): number =>
    typeof states === "number" ? states : Object.hasOwn(states, name) ? states[name]! : 2;
  for (const name of names)
    check("conceptGraph", `states of "${name}"`, stateOf(name), wholeNumber());
  const seen = new Set(observed);
  return {
    observed: [...observed],
    latents: names.filter((name) => !seen.has(name)),
    order,
    parents: Object.fromEntries(names.map((name) => [name, [...parents[name]!]])),
    states: Object.fromEntries(names.map((name) => [name, stateOf(name)])),
  };
}

function topologicalOrder(
  names: readonly string[],
  parents: Readonly<Record<string, readonly string[]>>,
): string[] {
  const order: string[] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (name: string, path: readonly string[]): void => {
    if (state.get(name) === "done") return;
    if (state.get(name) === "open") {
      const cycle = [...path.slice(path.indexOf(name)), name].reverse();
      throw new GraphError(`conceptGraph: the graph has a cycle: ${cycle.join(" → ")}`);
    }
    state.set(name, "open");
    for (const parent of parents[name]!) visit(parent, [...path, name]);
    state.set(name, "done");
    order.push(name);
  };
  for (const name of names) visit(name, []);
  return order;
}

/** The children of every variable. */
export function childrenOf({
  order,
  parents,
}: ConceptGraph): Readonly<Record<string, readonly string[]>> {
  const children: Record<string, string[]> = Object.fromEntries(order.map((name) => [name, []]));
  for (const name of order) for (const parent of parents[name]!) children[parent]!.push(name);
  return children;
}

/** Every edge, parent first, in topological order of the child. */
export function edgesOf({ order, parents }: ConceptGraph): (readonly [string, string])[] {
  return order.flatMap((child) => parents[child]!.map((parent) => [parent, child] as const));
}

/** Throws unless a graph is what {@link conceptGraph} makes: what follows may look up every name, and walk from parents to children. */
export function checkGraph(fn: string, graph: ConceptGraph): ConceptGraph {
  const { observed, latents, order, parents, states } = check(fn, "graph", graph, anyRecord);
  const isNames = (x: unknown): x is readonly string[] =>
    Array.isArray(x) && x.every((name) => typeof name === "string");
  const place = new Map(isNames(order) ? order.map((name, i) => [name, i] as const) : []);
  const fits =
    [observed, latents].every((x) => isNames(x) && x.every((name) => place.has(name))) &&
    [parents, states].every((x) => typeof x === "object" && x !== null) &&
    new Set([...observed, ...latents]).size === place.size &&
    observed.length + latents.length === place.size &&
    order.length === place.size &&
    order.every((name, i) => {
      const own = Object.hasOwn(parents, name) ? parents[name] : undefined;
      return (
        isNames(own) &&
        own.every((p) => place.get(p)! < i) &&
        new Set(own).size === own.length &&
        Number.isInteger(states[name]) &&
        states[name]! >= 1
      );
    });
  if (!fits)
    throw new GraphError(
      `${fn}: graph must be made by conceptGraph(), and have every name once with parents before children`,
    );
  return graph;
}

/** Throws when a name is not in the graph. */
export function checkNames(
  fn: string,
  argument: string,
  graph: ConceptGraph,
  names: readonly string[],
): void {
  for (const name of check(fn, argument, names, listOf(anyString)))
    if (!Object.hasOwn(graph.parents, name))
      throw new GraphError(`${fn}: ${argument} names "${name}", which is no variable of the graph`);
}
