/**
 * Which nodes run together. Elementwise nodes over one index space become one group wherever nothing outside the group stands between
 * them; where a node joins branches, their groups become one. A reduction over trailing axes closes the group that computes what it
 * reduces.
 */
import type { DType } from "../../../array/dtype.js";
import type { Graph, Node, Value } from "../../../graph/graph.js";

/** Nodes that run as one, in order. */
export interface Unit {
  readonly nodes: readonly Node[];
  /** Index space of a fused group; undefined for a node that runs by itself. */
  readonly space?: readonly number[];
}

/** Larger groups would run out of registers and cache without saving anything more. */
const MAX_NODES = 128;

/** What the executor can fuse. */
export interface Fusible {
  elementwise(node: Node): boolean;
  /** A reduction of trailing axes, whose input can be computed on the way. */
  reduction(node: Node): boolean;
  /** Whether an element takes eight bytes somewhere: such groups run half as many lanes. */
  wide(node: Node): boolean;
}

interface Group {
  readonly id: number;
  readonly nodes: Node[];
  readonly space: readonly number[] | undefined;
  readonly key: string;
  /** Ids of the groups it depends on, directly or not. */
  readonly ancestors: Set<number>;
}

/** Groups and single nodes of a graph, in an order of evaluation. */
export function unitsOf(graph: Graph, fusible: Fusible): Unit[] {
  const groups = new Map<number, Group>();
  const groupOf = new Map<Node, Group>();
  let count = 0;

  const extend = (group: Group, others: Iterable<Group>): void => {
    const fresh: number[] = [];
    for (const other of others) {
      if (other === group || !groups.has(other.id)) continue;
      for (const id of [other.id, ...other.ancestors]) if (!group.ancestors.has(id)) fresh.push(id);
    }
    if (fresh.length === 0) return;
    for (const g of groups.values())
      if (g === group || g.ancestors.has(group.id)) for (const id of fresh) g.ancestors.add(id);
  };

  /** Two groups of which neither needs the other. */
  const merge = (group: Group, other: Group): void => {
    groups.delete(other.id);
    group.nodes.push(...other.nodes);
    group.nodes.sort((a, b) => a.outputs[0]!.id - b.outputs[0]!.id);
    for (const node of other.nodes) groupOf.set(node, group);
    const ancestors = [...group.ancestors, ...other.ancestors];
    for (const g of groups.values()) {
      const follows = g.ancestors.delete(other.id) || g.ancestors.has(group.id);
      if (follows) g.ancestors.add(group.id);
      if (follows || g === group) for (const id of ancestors) g.ancestors.add(id);
    }
  };

  for (const node of graph.nodes) {
    const reduces = fusible.reduction(node);
    const fuses = reduces || fusible.elementwise(node);
    const sources = new Set(node.inputs.flatMap((x) => (x.node ? [groupOf.get(x.node)!] : [])));
    const space = !fuses ? undefined : reduces ? node.inputs[0]!.shape : node.outputs[0]!.shape;
    const key =
      space === undefined ? "" : `${fusible.wide(node) ? "wide" : "narrow"} ${space.join()}`;
    let home: Group | undefined;
    if (fuses)
      for (const candidate of sources) {
        if (candidate.key !== key) continue;
        // a value that is itself reduced is complete only after the loop
        const early = node.inputs.some(
          (x) =>
            x.node !== undefined && groupOf.get(x.node) === candidate && fusible.reduction(x.node),
        );
        const around = [...sources].some(
          (other) => other !== candidate && other.ancestors.has(candidate.id),
        );
        if (early || around || (home?.nodes.length ?? 0) + candidate.nodes.length >= MAX_NODES)
          continue;
        // neither is around the other, so that nothing lies between two candidates
        if (home === undefined) home = candidate;
        else merge(home, candidate);
      }
    if (home === undefined) {
      home = { id: count++, nodes: [], space, key, ancestors: new Set() };
      groups.set(home.id, home);
    }
    home.nodes.push(node);
    groupOf.set(node, home);
    extend(home, sources);
  }
  return inOrder([...groups.values()], groupOf);
}

/** Every group after those it depends on, otherwise in the order of their last nodes. */
function inOrder(groups: readonly Group[], groupOf: ReadonlyMap<Node, Group>): Unit[] {
  const units: Unit[] = [];
  const done = new Set<Group>();
  const visit = (group: Group): void => {
    if (done.has(group)) return;
    done.add(group);
    for (const node of group.nodes)
      for (const x of node.inputs) if (x.node !== undefined) visit(groupOf.get(x.node)!);
    units.push(
      group.space === undefined
        ? { nodes: group.nodes }
        : { nodes: group.nodes, space: group.space },
    );
  };
  const last = (group: Group): number => group.nodes[group.nodes.length - 1]!.outputs[0]!.id;
  for (const group of [...groups].sort((a, b) => last(a) - last(b))) visit(group);
  return units;
}

/** Values that something outside the unit reads. */
export function resultsOf(
  unit: Unit,
  readers: ReadonlyMap<Value, ReadonlySet<Node>>,
  outputs: ReadonlySet<Value>,
): Value[] {
  const inside = new Set(unit.nodes);
  return unit.nodes.flatMap((node) =>
    node.outputs.filter(
      (y) => outputs.has(y) || [...(readers.get(y) ?? [])].some((reader) => !inside.has(reader)),
    ),
  );
}

/** The nodes that read each value. */
export function readersOf(graph: Graph): Map<Value, Set<Node>> {
  const readers = new Map<Value, Set<Node>>();
  for (const node of graph.nodes)
    for (const x of node.inputs) {
      let set = readers.get(x);
      if (set === undefined) readers.set(x, (set = new Set()));
      set.add(node);
    }
  return readers;
}

export const SIZES: Record<DType, number> = {
  float32: 4,
  float64: 8,
  int32: 4,
  uint8: 1,
  int8: 1,
  bool: 1,
};
