/**
 * Control flow that the host decides, on a device whose programs record every step. The graph is cut at loops of unknown length, and at
 * loops and branches with one of those inside: what comes before is a program, what comes after is a program again, and in between the
 * host runs programs of the parts until a condition fails. Arrays pass through its memory each time.
 *
 * A loop with nothing of the kind inside is a program of several steps. Steps after the last one leave the state as it is, so that the
 * number of steps in a run does not matter to the result.
 */
import { type DType, allocate } from "../../array/dtype.js";
import { type DenseArray, contiguous, dense, rowMajorData, view } from "../../array/ndarray.js";
import { rowMajorStrides, sizeOf } from "../../array/shape.js";
import { graphOf } from "../../graph/control/body.js";
import type { CondAttrs } from "../../graph/control/cond.js";
import { scan } from "../../graph/control/scan.js";
import type { ScanAttrs } from "../../graph/control/scan-primitive.js";
import type { WhileAttrs } from "../../graph/control/while-loop.js";
import type { DeviceProgram } from "../../graph/device.js";
import {
  type Graph,
  GraphBuilder,
  type Node,
  type Value,
  applyGraph,
  graphsInside,
} from "../../graph/graph.js";
import { where } from "../../ops/comparison.js";

/** Steps that one run makes before the host looks at the condition. */
const STEPS = 16;

/** Whether the host has to decide about a node: a device's program does not know how often it would run something. */
export function isHosted(node: Node): boolean {
  return node.primitive.name === "whileLoop" || graphsInside(node).some(hasHosted);
}

function hasHosted(graph: Graph): boolean {
  return graph.nodes.some(isHosted);
}

type Prepare = (graph: Graph) => DeviceProgram;

/** What is done to some arrays, and in words how. */
type Run = (given: readonly DenseArray[]) => Promise<readonly DenseArray[]>;

/** Some nodes of a graph. */
interface Part {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly run: Run;
  /** What it is made of. */
  readonly programs: readonly DeviceProgram[];
  /** What the host does with the programs; undefined when it only runs the one. */
  title?(): string;
}

/** A program for a graph with control flow that the host decides, of programs that `prepare` makes of its parts. */
export function withHost(graph: Graph, prepare: Prepare): DeviceProgram {
  const made: DeviceProgram[] = [];
  const free = (): void => {
    for (const program of made) program.free();
  };
  let order: readonly Part[];
  try {
    order = partsOf(graph, (part) => {
      const program = prepare(part);
      made.push(program);
      return program;
    });
  } catch (error) {
    free();
    throw error;
  }
  return {
    free,
    async run(inputs) {
      const arrays = new Map<Value, DenseArray>();
      // copies: the caller may write into foreign storage before the last part has read it
      graph.inputs.forEach((x, k) =>
        arrays.set(x, dense(rowMajorData(inputs[k]!).slice(), x.dtype, x.shape)),
      );
      const read = (x: Value): DenseArray => x.constant ?? arrays.get(x)!;
      for (const part of order) {
        const results = await part.run(part.inputs.map(read));
        part.outputs.forEach((y, k) => arrays.set(y, results[k]!));
      }
      return graph.outputs.map(read);
    },
    explain: () =>
      order
        .flatMap(({ title, programs }) => {
          const texts = programs.map((program) => program.explain());
          return title === undefined
            ? texts
            : [title(), ...texts.map((text) => text.replaceAll(/^/gm, "  "))];
        })
        .join("\n"),
  };
}

/** What runs one after the other. */
function partsOf(graph: Graph, prepare: Prepare): Part[] {
  const levels = levelsOf(graph);
  return levels.flatMap(({ straight, hosted }) => {
    const part = straightPart(graph, straight, levels, prepare);
    return [
      ...(part === undefined ? [] : [part]),
      ...hosted.map((node) => hostedPart(node, prepare)),
    ];
  });
}

/** Nodes that need as many decisions before them, and what is to be decided when no more are needed. */
interface Level {
  readonly straight: Node[];
  readonly hosted: Node[];
}

function levelsOf(graph: Graph): Level[] {
  const levels: Level[] = [];
  const levelOf = new Map<Value, number>();
  for (const node of graph.nodes) {
    const level = Math.max(0, ...node.inputs.map((x) => levelOf.get(x) ?? 0));
    while (levels.length <= level) levels.push({ straight: [], hosted: [] });
    const decides = isHosted(node);
    levels[level]![decides ? "hosted" : "straight"].push(node);
    for (const y of node.outputs) levelOf.set(y, decides ? level + 1 : level);
  }
  return levels;
}

/** The nodes of one level as a graph: it takes what they read from elsewhere and gives what is read elsewhere. */
function straightPart(
  graph: Graph,
  nodes: readonly Node[],
  levels: readonly Level[],
  prepare: Prepare,
): Part | undefined {
  const inside = new Set(nodes.flatMap((node) => node.outputs));
  const others = levels.flatMap(({ straight, hosted }) =>
    straight === nodes ? hosted : [...straight, ...hosted],
  );
  const readElsewhere = new Set([...others.flatMap((node) => node.inputs), ...graph.outputs]);
  const outputs = [...inside].filter((y) => readElsewhere.has(y));
  if (outputs.length === 0) return undefined;
  const inputs = [...new Set(nodes.flatMap((node) => node.inputs))].filter(
    (x) => x.constant === undefined && !inside.has(x),
  );
  const builder = new GraphBuilder();
  const renamed = new Map<Value, Value>(inputs.map((x) => [x, builder.input(x)]));
  const rename = (x: Value): Value =>
    x.constant === undefined ? renamed.get(x)! : builder.constant(x.constant);
  for (const { primitive, attrs, inputs: from, outputs: to } of nodes)
    builder.apply(primitive, from.map(rename), attrs).forEach((y, k) => renamed.set(to[k]!, y));
  const program = prepare(builder.build(outputs.map(rename)));
  return { inputs, outputs, programs: [program], run: (given) => program.run(given) };
}

function hostedPart(node: Node, prepare: Prepare): Part {
  const { inputs, outputs, attrs } = node;
  switch (node.primitive.name) {
    case "scan":
      return { inputs, outputs, ...scanPart(attrs as ScanAttrs, prepare) };
    case "cond":
      return { inputs, outputs, ...condPart(attrs as CondAttrs, prepare) };
    default:
      return {
        inputs,
        outputs,
        ...(graphsInside(node).some(hasHosted) ? whileByStep : whileInRuns)(
          node,
          attrs as WhileAttrs,
          prepare,
        ),
      };
  }
}

type Made = Omit<Part, "inputs" | "outputs">;

function isSet(flag: DenseArray): boolean {
  return flag.storage[flag.offset] !== 0;
}

/** {@link STEPS} steps of a loop at a time, and whether it goes on. */
function whileInRuns(
  node: Node,
  { condition, body, numCarry }: WhileAttrs,
  prepare: Prepare,
): Made {
  const bodyAt = condition.inputs.length;
  const program = prepare(
    graphOf("whileLoop", node.inputs, (arrays) => {
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
    }),
  );
  let lastTime = 0;
  return {
    programs: [program],
    title: () => `while, ${STEPS} steps a run, ${lastTime} runs last time:`,
    async run(given) {
      let results = await program.run(given);
      let runs = 1;
      for (; isSet(results[numCarry]!); runs++)
        results = await program.run([...results.slice(0, numCarry), ...given.slice(numCarry)]);
      lastTime = runs;
      return results;
    },
  };
}

/** A loop with another one of unknown length inside: condition and body are programs, of parts in their turn. */
function whileByStep(
  _node: Node,
  { condition, body, numCarry }: WhileAttrs,
  prepare: Prepare,
): Made {
  const [test, step] = [prepare(condition), prepare(body)];
  const bodyAt = condition.inputs.length;
  let lastTime = 0;
  return {
    programs: [test, step],
    title: () => `while, one step a run, ${lastTime} last time; condition, then body:`,
    async run(given) {
      const [forCondition, forBody] = [given.slice(numCarry, bodyAt), given.slice(bodyAt)];
      let state: readonly DenseArray[] = given.slice(0, numCarry);
      let steps = 0;
      for (; isSet((await test.run([...state, ...forCondition]))[0]!); steps++)
        state = await step.run([...state, ...forBody]);
      lastTime = steps;
      return state;
    },
  };
}

function scanPart(
  { body, numCarry, numStacked, length, reverse }: ScanAttrs,
  prepare: Prepare,
): Made {
  const program = prepare(body);
  return {
    programs: [program],
    title: () => `scan, one of ${length} steps a run:`,
    async run(given) {
      let carry: readonly DenseArray[] = given.slice(0, numCarry);
      const stacked = given.slice(numCarry, numCarry + numStacked).map(contiguous);
      const constants = given.slice(numCarry + numStacked);
      const results = body.outputs
        .slice(numCarry)
        .map(({ dtype, shape }) =>
          dense<DType>(allocate(dtype, length * sizeOf(shape)), dtype, [length, ...shape]),
        );
      for (let i = 0; i < length; i++) {
        const t = reverse ? length - 1 - i : i;
        const outputs = await program.run([
          ...carry,
          ...stacked.map((x) => row(x, t)),
          ...constants,
        ]);
        carry = outputs.slice(0, numCarry);
        results.forEach((y, k) =>
          y.storage.set(rowMajorData(outputs[numCarry + k]!), (t * y.size) / length),
        );
      }
      return [...carry, ...results];
    },
  };
}

/** Row `t` of an array in row-major order. */
function row(x: DenseArray, t: number): DenseArray {
  const shape = x.shape.slice(1);
  return view(x, shape, rowMajorStrides(shape), x.offset + t * sizeOf(shape));
}

function condPart({ yes, no }: CondAttrs, prepare: Prepare): Made {
  const [first, second] = [prepare(yes), prepare(no)];
  return {
    programs: [first, second],
    title: () => "cond, one branch a run:",
    run: ([predicate, ...operands]) => (isSet(predicate!) ? first : second).run(operands),
  };
}
