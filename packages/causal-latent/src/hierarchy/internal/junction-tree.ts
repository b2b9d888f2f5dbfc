/** Exact inference over the latents of a model, one observed row after another: a clique tree built once, messages up and down for every row. */
import type { ConceptGraph } from "../graph/graph.js";
import { TableSizeError } from "../errors.js";
import { product } from "./arrays.js";

/** Joint states of latents beyond which exact inference is refused. */
const MOST_CELLS = 2 ** 24;

/** A conditional table seen from a clique: where its entries lie. */
interface Family {
  /** Index of the variable in `graph.order`. */
  readonly node: number;
  /** Offset into the table for each cell of the clique. */
  readonly latentOffset: Int32Array;
  /** Observed members: column and stride. */
  readonly columns: Int32Array;
  readonly strides: Int32Array;
}

interface Clique {
  readonly variables: readonly string[];
  readonly cells: number;
  readonly families: readonly Family[];
  /** The clique that messages go to, −1 at a root. */
  readonly parent: number;
  /** For each cell, the cell of the separator with the parent. */
  readonly toParent: Int32Array;
  /** For each cell of the parent, the cell of the separator. */
  readonly fromParent: Int32Array;
  readonly separatorCells: number;
}

/** A model made ready for inference. Children come before their parents. */
export interface JunctionTree {
  readonly cliques: readonly Clique[];
  /** Conditional tables without latents. */
  readonly observedFamilies: readonly Family[];
  readonly tableSizes: readonly number[];
}

export function junctionTree(graph: ConceptGraph): JunctionTree {
  const latent = new Set(graph.latents);
  const families = graph.order.map((name) => [...graph.parents[name]!, name]);
  const order = eliminationOrder(
    graph.latents,
    families.map((f) => f.filter((name) => latent.has(name))),
  );
  const scopes = order.cliques;
  const cellsOf = (names: readonly string[]): number =>
    product(names.map((name) => graph.states[name]!));
  const largest = Math.max(1, ...scopes.map(cellsOf));
  if (largest > MOST_CELLS)
    throw new TableSizeError(
      `inference needs a table of ${largest} joint states of latents, at most ${MOST_CELLS} are allowed; the graph is too densely connected`,
    );
  const homes = families.map((family) => {
    const inside = family.filter((name) => latent.has(name));
    return inside.length === 0
      ? -1
      : scopes.findIndex((scope) => inside.every((name) => scope.includes(name)));
  });
  const familyIn = (f: number, scope: readonly string[]): Family => {
    const members = families[f]!;
    const strides = members.map((_, axis) =>
      product(members.slice(axis + 1).map((name) => graph.states[name]!)),
    );
    const observed = members
      .map((name, axis) => ({ name, axis }))
      .filter(({ name }) => !latent.has(name));
    return {
      node: f,
      latentOffset: projection(
        graph,
        scope,
        members.filter((name) => latent.has(name)),
        (name) => strides[members.indexOf(name)]!,
      ),
      columns: Int32Array.from(observed, ({ name }) => graph.observed.indexOf(name)),
      strides: Int32Array.from(observed, ({ axis }) => strides[axis]!),
    };
  };
  const cliques = scopes.map((scope, c): Clique => {
    const parent = order.parents[c]!;
    const separator = parent < 0 ? [] : scope.filter((name) => scopes[parent]!.includes(name));
    const stride = (name: string): number => cellsOf(separator.slice(separator.indexOf(name) + 1));
    return {
      variables: scope,
      cells: cellsOf(scope),
      families: families.flatMap((_, f) => (homes[f] === c ? [familyIn(f, scope)] : [])),
      parent,
      toParent: projection(graph, scope, separator, stride),
      fromParent:
        parent < 0 ? new Int32Array(0) : projection(graph, scopes[parent]!, separator, stride),
      separatorCells: cellsOf(separator),
    };
  });
  return {
    cliques,
    observedFamilies: families.flatMap((_, f) => (homes[f] === -1 ? [familyIn(f, [])] : [])),
    tableSizes: families.map(cellsOf),
  };
}

/** For every joint state of `scope`, the sum of strides times states over some of its members. */
function projection(
  graph: ConceptGraph,
  scope: readonly string[],
  members: readonly string[],
  stride: (name: string) => number,
): Int32Array {
  const extents = scope.map((name) => graph.states[name]!);
  const out = new Int32Array(product(extents));
  for (let cell = 0; cell < out.length; cell++)
    for (
      let axis = scope.length - 1, rest = cell;
      axis >= 0;
      rest = Math.floor(rest / extents[axis]!), axis--
    )
      if (members.includes(scope[axis]!))
        out[cell]! += (rest % extents[axis]!) * stride(scope[axis]!);
  return out;
}

/** Cliques of a triangulation by fewest fill-ins, children first, with the clique each one hangs on. */
function eliminationOrder(
  latents: readonly string[],
  scopes: readonly (readonly string[])[],
): { cliques: string[][]; parents: number[] } {
  const near = new Map(latents.map((name) => [name, new Set<string>()]));
  for (const scope of scopes)
    for (const a of scope) for (const b of scope) if (a !== b) near.get(a)!.add(b);
  const open = new Set(latents);
  const eliminated: { name: string; scope: string[] }[] = [];
  while (open.size > 0) {
    let best: { name: string; fill: number } | undefined;
    for (const name of open) {
      const around = [...near.get(name)!].filter((x) => open.has(x));
      let fill = 0;
      for (const a of around) for (const b of around) if (a < b && !near.get(a)!.has(b)) fill++;
      if (best === undefined || fill < best.fill) best = { name, fill };
    }
    const { name } = best!;
    const around = [...near.get(name)!].filter((x) => open.has(x));
    for (const a of around) for (const b of around) if (a !== b) near.get(a)!.add(b);
    open.delete(name);
    eliminated.push({ name, scope: [name, ...around] });
  }
  // the clique of a variable hangs on that of the next variable of its scope to be eliminated
  const position = new Map(eliminated.map(({ name }, i) => [name, i]));
  const parents = eliminated.map(({ scope }) =>
    scope.length === 1 ? -1 : Math.min(...scope.slice(1).map((name) => position.get(name)!)),
  );
  return { cliques: eliminated.map(({ scope }) => scope), parents };
}

/** What one pass over the rows gives. */
export interface Pass {
  readonly logLikelihood: number;
  /** Expected counts of every conditional table. */
  readonly counts: readonly Float64Array[];
}

/**
 * One pass of exact inference over weighted rows. `tables[node]` are the conditional tables in the order of `graph.order`; `visit` sees the posterior of every clique
 * of every row.
 */
export function inferRows(
  tree: JunctionTree,
  tables: readonly Float64Array[],
  columns: readonly Int32Array[],
  weights: Float64Array,
  visit?: (row: number, beliefs: readonly Float64Array[], logLikelihood: number) => void,
): Pass {
  const { cliques, observedFamilies, tableSizes } = tree;
  const counts = tableSizes.map((size) => new Float64Array(size));
  const potentials = cliques.map(({ cells }) => new Float64Array(cells));
  const up = cliques.map(({ separatorCells }) => new Float64Array(separatorCells));
  const down = cliques.map(({ separatorCells }) => new Float64Array(separatorCells));
  const offsetOf = ({ columns: own, strides }: Family, row: number): number => {
    let at = 0;
    for (let i = 0; i < own.length; i++) at += strides[i]! * columns[own[i]!]![row]!;
    return at;
  };
  let total = 0;
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row]!;
    let logLikelihood = 0;
    for (const family of observedFamilies) {
      const at = offsetOf(family, row);
      counts[family.node]![at]! += weight;
      logLikelihood += Math.log(Math.max(tables[family.node]![at]!, 1e-300));
    }
    for (let c = 0; c < cliques.length; c++) potentials[c]!.fill(1);
    for (let c = 0; c < cliques.length; c++) {
      const { families, parent, toParent, fromParent } = cliques[c]!;
      const potential = potentials[c]!;
      for (const family of families) {
        const [table, at, offset] = [
          tables[family.node]!,
          offsetOf(family, row),
          family.latentOffset,
        ];
        for (let cell = 0; cell < potential.length; cell++)
          potential[cell]! *= table[at + offset[cell]!]!;
      }
      let sum = 0;
      for (let cell = 0; cell < potential.length; cell++) sum += potential[cell]!;
      const scale = 1 / Math.max(sum, 1e-300);
      logLikelihood -= Math.log(scale);
      for (let cell = 0; cell < potential.length; cell++) potential[cell]! *= scale;
      if (parent < 0) continue;
      const message = up[c]!.fill(0);
      for (let cell = 0; cell < potential.length; cell++)
        message[toParent[cell]!]! += potential[cell]!;
      const above = potentials[parent]!;
      for (let cell = 0; cell < above.length; cell++) above[cell]! *= message[fromParent[cell]!]!;
    }
    for (let c = cliques.length - 1; c >= 0; c--) {
      const { families, parent, toParent, fromParent } = cliques[c]!;
      const belief = potentials[c]!;
      if (parent >= 0) {
        const message = down[c]!.fill(0);
        const above = potentials[parent]!;
        for (let cell = 0; cell < above.length; cell++) message[fromParent[cell]!]! += above[cell]!;
        const own = up[c]!;
        for (let s = 0; s < message.length; s++)
          message[s] = own[s]! > 0 ? message[s]! / own[s]! : 0;
        for (let cell = 0; cell < belief.length; cell++) belief[cell]! *= message[toParent[cell]!]!;
      }
      for (const family of families) {
        const [count, at, offset] = [
          counts[family.node]!,
          offsetOf(family, row),
          family.latentOffset,
        ];
        for (let cell = 0; cell < belief.length; cell++)
          count[at + offset[cell]!]! += weight * belief[cell]!;
      }
    }
    total += weight * logLikelihood;
    visit?.(row, potentials, logLikelihood);
  }
  return { logLikelihood: total, counts };
}
