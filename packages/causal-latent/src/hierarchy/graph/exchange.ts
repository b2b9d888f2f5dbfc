/** Graphs for other programs: DOT, Mermaid, dagitty, and matrices of edge ends. */
import { type ArrayInput, type NdArray, ShapeError } from "@provably/core-tensor";
import {
  anyRecord,
  anyString,
  anything,
  check,
  checkOptions,
  listOf,
  show,
} from "@provably/core-tensor/internal";
import { GraphError } from "../errors.js";
import { float64Of, toInts } from "../internal/arrays.js";
import { type ConceptGraph, checkGraph, conceptGraph, edgesOf } from "./graph.js";

/** The text of every name. */
function textOf(
  fn: string,
  graph: ConceptGraph,
  options: { readonly labels?: Readonly<Record<string, string>> },
): (name: string) => string {
  checkGraph(fn, graph);
  const { labels = {} } = checkOptions(fn, options, { labels: anything });
  check(
    fn,
    "options.labels",
    Object.values(check(fn, "options.labels", labels, anyRecord)),
    listOf(anyString),
  );
  return (name) => (Object.hasOwn(labels, name) ? labels[name]! : name);
}

const quoted = (name: string): string => `"${name.replace(/["\\]/g, "\\$&")}"`;

/**
 * A graph in the DOT language of Graphviz; latents are ellipses, observed variables boxes.
 *
 * @param graph - the graph
 * @param options - `labels`: text for names, default the names
 * @returns DOT text
 * @example
 * ```ts
 * import { conceptGraph, toDot } from "@provably/causal-latent/hierarchy";
 *
 * toDot(conceptGraph({ L: [], X: ["L"] })).includes('"L" -> "X"'); // => true
 * ```
 * @category Export
 */
export function toDot(
  graph: ConceptGraph,
  options: { readonly labels?: Readonly<Record<string, string>> } = {},
): string {
  const text = textOf("toDot", graph, options);
  const node = (name: string, shape: string): string =>
    `  ${quoted(name)} [shape=${shape}, label=${quoted(text(name))}];`;
  return [
    "digraph hierarchy {",
    ...graph.latents.map((name) => node(name, "ellipse")),
    ...graph.observed.map((name) => node(name, "box")),
    ...edgesOf(graph).map(([from, to]) => `  ${quoted(from)} -> ${quoted(to)};`),
    "}",
    "",
  ].join("\n");
}

/**
 * A graph as a Mermaid flowchart; latents are rounded, observed variables square.
 *
 * @param graph - the graph
 * @param options - `labels`: text for names, default the names
 * @returns Mermaid text
 * @example
 * ```ts
 * import { conceptGraph, toMermaid } from "@provably/causal-latent/hierarchy";
 *
 * toMermaid(conceptGraph({ L: [], X: ["L"] })).split("\n")[0]; // => "flowchart TD"
 * ```
 * @category Export
 */
export function toMermaid(
  graph: ConceptGraph,
  options: { readonly labels?: Readonly<Record<string, string>> } = {},
): string {
  const label = textOf("toMermaid", graph, options);
  const id = new Map([...graph.latents, ...graph.observed].map((name, i) => [name, `n${i}`]));
  const text = (name: string): string => `"${label(name).replace(/"/g, "#quot;")}"`;
  return [
    "flowchart TD",
    ...graph.latents.map((name) => `  ${id.get(name)!}([${text(name)}])`),
    ...graph.observed.map((name) => `  ${id.get(name)!}[${text(name)}]`),
    ...edgesOf(graph).map(([from, to]) => `  ${id.get(from)!} --> ${id.get(to)!}`),
    "",
  ].join("\n");
}

/**
 * A graph as dagitty reads it.
 *
 * @param graph - the graph; names of letters, digits and underscores
 * @returns dagitty text
 * @throws `GraphError` for a name with other characters
 * @example
 * ```ts
 * import { conceptGraph, toDagitty } from "@provably/causal-latent/hierarchy";
 *
 * toDagitty(conceptGraph({ L: [], X: ["L"] })); // => "dag { L [latent]; X; L -> X }"
 * ```
 * @category Export
 */
export function toDagitty(graph: ConceptGraph): string {
  for (const name of checkGraph("toDagitty", graph).order)
    if (!/^\w+$/.test(name))
      throw new GraphError(
        `toDagitty: names must be letters, digits and underscores, got "${name}"`,
      );
  return `dag { ${[...graph.latents.map((name) => `${name} [latent]`), ...graph.observed, ...edgesOf(graph).map(([from, to]) => `${from} -> ${to}`)].join("; ")} }`;
}

/**
 * The matrix of edge ends that causal-learn uses: for an edge i → j, entry (j, i) is 1, the arrow at j, and entry (i, j) is −1, the tail at i; 0 where there is no edge.
 *
 * @param graph - the graph
 * @returns `names` of rows and columns (latents, then observed) and `ends`, int32 [n, n]
 * @example
 * ```ts
 * import { conceptGraph, toAdjacency } from "@provably/causal-latent/hierarchy";
 *
 * toAdjacency(conceptGraph({ L: [], X: ["L"] })).ends; // => [[0, -1], [1, 0]]
 * ```
 * @category Export
 */
export function toAdjacency(graph: ConceptGraph): {
  readonly names: readonly string[];
  readonly ends: NdArray<"int32">;
} {
  checkGraph("toAdjacency", graph);
  const names = [...graph.latents, ...graph.observed];
  const n = names.length;
  const ends = new Int32Array(n * n);
  for (const [from, to] of edgesOf(graph)) {
    const [i, j] = [names.indexOf(from), names.indexOf(to)];
    ends[j * n + i] = 1;
    ends[i * n + j] = -1;
  }
  return { names, ends: toInts(ends, [n, n]) };
}

/**
 * A graph from a matrix of edge ends, see {@link toAdjacency}.
 *
 * @param names - names of rows and columns
 * @param ends - [n, n]; every edge directed
 * @param options - `observed` and `states` as in {@link conceptGraph}
 * @returns the graph
 * @throws `ShapeError` when sizes differ
 * @throws `GraphError` for an edge that is not directed, or a cycle
 * @example
 * ```ts
 * import { fromAdjacency } from "@provably/causal-latent/hierarchy";
 *
 * fromAdjacency(["L", "X"], [[0, -1], [1, 0]]).parents["X"]; // => ["L"]
 * ```
 * @category Export
 */
export function fromAdjacency(
  names: readonly string[],
  ends: ArrayInput,
  options: {
    readonly observed?: readonly string[];
    readonly states?: number | Readonly<Record<string, number>>;
  } = {},
): ConceptGraph {
  checkOptions("fromAdjacency", options, { observed: anything, states: anything });
  const { data, shape } = float64Of(ends);
  const n = check("fromAdjacency", "names", names, listOf(anyString)).length;
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new GraphError(`fromAdjacency: names must differ, ${show(twice)} comes twice`);
  if (shape.length !== 2 || shape[0] !== n || shape[1] !== n)
    throw new ShapeError(
      `fromAdjacency: ends must have shape [${n}, ${n}], got [${shape.join(", ")}]`,
    );
  const parents: Record<string, string[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      const [at, back] = [data[j * n + i]!, data[i * n + j]!];
      if (at === 0 && back === 0) continue;
      if (Math.abs(at) !== 1 || at !== -back)
        throw new GraphError(
          `fromAdjacency: the edge of "${names[i]!}" and "${names[j]!}" must have one tail (−1) and one arrow (1), got ${back} and ${at}`,
        );
      if (at === 1) parents[names[j]!]!.push(names[i]!);
    }
  return conceptGraph(parents, options);
}

/**
 * A graph in GraphML, as yEd, Gephi, networkx and igraph read it; nodes carry `latent` and `states`.
 *
 * @param graph - the graph
 * @returns XML text
 * @example
 * ```ts
 * import { conceptGraph, toGraphml } from "@provably/causal-latent/hierarchy";
 *
 * toGraphml(conceptGraph({ L: [], X: ["L"] })).includes('<edge source="L" target="X"/>'); // => true
 * ```
 * @category Export
 */
export function toGraphml(graph: ConceptGraph): string {
  const { latents, order, states } = checkGraph("toGraphml", graph);
  const escaped = (text: string): string =>
    text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[\u0000-\u001f]/g, " ");
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
    '  <key id="latent" for="node" attr.name="latent" attr.type="boolean"/>',
    '  <key id="states" for="node" attr.name="states" attr.type="int"/>',
    '  <graph edgedefault="directed">',
    ...order.map(
      (name) =>
        `    <node id="${escaped(name)}"><data key="latent">${latents.includes(name)}</data><data key="states">${states[name]!}</data></node>`,
    ),
    ...edgesOf(graph).map(
      ([from, to]) => `    <edge source="${escaped(from)}" target="${escaped(to)}"/>`,
    ),
    "  </graph>",
    "</graphml>",
    "",
  ].join("\n");
}

/**
 * A graph in the JSON Graph Format (version 2), as text.
 *
 * @param graph - the graph
 * @returns JSON text
 * @example
 * ```ts
 * import { conceptGraph, toJsonGraph } from "@provably/causal-latent/hierarchy";
 *
 * JSON.parse(toJsonGraph(conceptGraph({ L: [], X: ["L"] }))).graph.edges; // => [{ source: "L", target: "X" }]
 * ```
 * @category Export
 */
export function toJsonGraph(graph: ConceptGraph): string {
  const { latents, order, states } = checkGraph("toJsonGraph", graph);
  const nodes = Object.fromEntries(
    order.map((name) => [
      name,
      { label: name, metadata: { latent: latents.includes(name), states: states[name]! } },
    ]),
  );
  const edges = edgesOf(graph).map(([source, target]) => ({ source, target }));
  return JSON.stringify({ graph: { directed: true, nodes, edges } });
}
