/**
 * Loops of unknown length on a device, whose programs record every step. The graph is cut at its loops: what comes before one is a program,
 * a loop is a program of a few steps that the host runs until the condition fails, what comes after is a program again. Steps after the
 * last one leave the state as it is, so that the number of steps in a run does not matter to the result.
 */
import { type DenseArray, dense, rowMajorData } from "../../array/ndarray.js";
import { graphOf } from "../../compile/control/body.js";
import { scan } from "../../compile/control/scan.js";
import type { WhileAttrs } from "../../compile/control/while-loop.js";
import type { DeviceProgram } from "../../compile/device.js";
import { type Graph, GraphBuilder, type Node, type Value, applyGraph } from "../../compile/graph.js";
import { where } from "../../ops/comparison.js";

/** Steps that one run makes before the host looks at the condition. */
const STEPS = 16;

export function isLoop(node: Node): boolean {
  return node.primitive.name === "whileLoop";
}

/** Some nodes of a graph as a program of their own. */
interface Part {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly program: DeviceProgram;
  /** Set for a loop: arrays of its state, after which its program gives whether it goes on. */
  readonly numCarry?: number;
}

/** A program for a graph with loops, of programs that `prepare` makes of graphs without. */
export function withLoops(graph: Graph, prepare: (graph: Graph) => DeviceProgram): DeviceProgram {
  const levels = levelsOf(graph);
  const order = levels.flatMap(({ straight, loops }) => {
    const part = partOf(graph, straight, levels, prepare);
    return [...(part === undefined ? [] : [part]), ...loops.map((node) => loopOf(node, prepare))];
  });
  let runs = 0;
  return {
    async run(inputs) {
      const arrays = new Map<Value, DenseArray>();
      // copies: the caller may write into foreign storage before the last part has read it
      graph.inputs.forEach((x, k) => arrays.set(x, dense(rowMajorData(inputs[k]!).slice(), x.dtype, x.shape)));
      const read = (x: Value): DenseArray => x.constant ?? arrays.get(x)!;
      for (const part of order) {
        let given = part.inputs.map(read);
        let results = await part.program.run(given);
        const { numCarry } = part;
        if (numCarry !== undefined)
          for (runs = 1; isSet(results[numCarry]!); runs++) {
            given = [...results.slice(0, numCarry), ...given.slice(numCarry)];
            results = await part.program.run(given);
          }
        part.outputs.forEach((y, k) => arrays.set(y, results[k]!));
      }
      return graph.outputs.map(read);
    },
    explain: () =>
      order
        .map((part) => (part.numCarry !== undefined ? `while, ${STEPS} steps a run, ${runs} runs last time:\n` : "") + part.program.explain())
        .join("\n"),
    free() {
      for (const { program } of order) program.free();
    },
  };
}

function isSet(flag: DenseArray): boolean {
  return flag.data[flag.offset] !== 0;
}

/** Nodes that need as many loops before them, and the loops that need no more. */
interface Level {
  readonly straight: Node[];
  readonly loops: Node[];
}

function levelsOf(graph: Graph): Level[] {
  const levels: Level[] = [];
  const levelOf = new Map<Value, number>();
  for (const node of graph.nodes) {
    const level = Math.max(0, ...node.inputs.map((x) => levelOf.get(x) ?? 0));
    while (levels.length <= level) levels.push({ straight: [], loops: [] });
    levels[level]![isLoop(node) ? "loops" : "straight"].push(node);
    for (const y of node.outputs) levelOf.set(y, isLoop(node) ? level + 1 : level);
  }
  return levels;
}

/** The nodes of one level as a graph: it takes what they read from elsewhere and gives what is read elsewhere. */
function partOf(graph: Graph, nodes: readonly Node[], levels: readonly Level[], prepare: (graph: Graph) => DeviceProgram): Part | undefined {
  const inside = new Set(nodes.flatMap((node) => node.outputs));
  const others = levels.flatMap(({ straight, loops }) => (straight === nodes ? loops : [...straight, ...loops]));
  const readElsewhere = new Set([...others.flatMap((node) => node.inputs), ...graph.outputs]);
  const outputs = [...inside].filter((y) => readElsewhere.has(y));
  if (outputs.length === 0) return undefined;
  const inputs = [...new Set(nodes.flatMap((node) => node.inputs))].filter((x) => x.constant === undefined && !inside.has(x));
  const builder = new GraphBuilder();
  const renamed = new Map<Value, Value>(inputs.map((x) => [x, builder.input(x)]));
  const rename = (x: Value): Value => (x.constant === undefined ? renamed.get(x)! : builder.constant(x.constant));
  for (const { primitive, attrs, inputs: from, outputs: to } of nodes)
    builder.apply(primitive, from.map(rename), attrs).forEach((y, k) => renamed.set(to[k]!, y));
  return { inputs, outputs, program: prepare(builder.build(outputs.map(rename))) };
}

/** {@link STEPS} steps of a loop, and whether it goes on. */
function loopOf(node: Node, prepare: (graph: Graph) => DeviceProgram): Part {
  const { condition, body, numCarry } = node.attrs as WhileAttrs;
  const bodyAt = condition.inputs.length;
  const steps = graphOf("whileLoop", node.inputs, (arrays) => {
    const [forCondition, forBody] = [arrays.slice(numCarry, bodyAt), arrays.slice(bodyAt)];
    const [last] = scan(
      (state) => {
        const [goesOn] = applyGraph(condition, [...state, ...forCondition]);
        const next = applyGraph(body, [...state, ...forBody]);
        return [state.map((x, k) => where(goesOn!, next[k]!, x)), null];
      },
      arrays.slice(0, numCarry),
      null,
      { length: STEPS },
    );
    return [...last, ...applyGraph(condition, [...last, ...forCondition])];
  });
  return { inputs: node.inputs, outputs: node.outputs, numCarry, program: prepare(steps) };
}
