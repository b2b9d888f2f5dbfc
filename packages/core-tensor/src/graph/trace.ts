/** Tracing: running a function once on arrays without elements, and writing down what it does. */
import type { DenseArray, NdArray } from "../array/ndarray.js";
import { TracerLeakError } from "../errors.js";
import type { Aval, Primitive } from "../trace/primitive.js";
import { Trace, Tracer } from "../trace/tracer.js";
import { type Tree, treeFill, treeLeaves } from "../tree/tree.js";
import { type Graph, GraphBuilder, type Value } from "./graph.js";

/** An array of which only shape and type are known. Reading an element throws `ConcretizationError`. */
class GraphTracer extends Tracer {
  readonly concrete = undefined;

  constructor(
    trace: Trace,
    readonly value: Value,
  ) {
    super(trace, value.shape, value.dtype);
  }
}

class GraphTrace extends Trace {
  readonly builder = new GraphBuilder();
  /** Traced arrays of transforms around this one, each an additional input. */
  readonly captures = new Map<Tracer, Value>();

  constructor(readonly transform: string) {
    super();
  }

  input(aval: Aval): Tracer {
    return new GraphTracer(this, this.builder.input(aval));
  }

  process<A>(primitive: Primitive<A>, inputs: readonly NdArray[], attrs: A): NdArray[] {
    const values = inputs.map((x) => this.read(x));
    return this.builder.apply(primitive, values, attrs).map((y) => new GraphTracer(this, y));
  }

  read(x: NdArray): Value {
    if (x instanceof GraphTracer && x.trace === this) return x.value;
    if (x instanceof Tracer) {
      if (x.trace.finished)
        throw new TracerLeakError(
          `${this.transform}: a traced array outlived the ${x.trace.transform} that made it; return it instead of storing it`,
        );
      let value = this.captures.get(x);
      if (value === undefined) this.captures.set(x, (value = this.builder.input(x)));
      return value;
    }
    // there are two kinds of arrays, and this is not a tracer
    return this.builder.constant(x as DenseArray);
  }
}

/** A function of trees as a graph. */
export interface Traced {
  /** Inputs: the arrays of all arguments in order, then one for each of `captures`. */
  readonly graph: Graph;
  /** What the function returned; `treeFill(result, arrays)` puts computed arrays in its places. */
  readonly result: Tree;
  /** Traced arrays of surrounding transforms that the function used without taking them as arguments. */
  readonly captures: readonly NdArray[];
}

let running = 0;

/** Whether a function is being traced to a graph right now: then control flow is recorded instead of run. */
export function isTracing(): boolean {
  return running > 0;
}

/**
 * Traces `f` to a graph. Of the arrays in `args` only shape and type are looked at; all else in the trees is constant.
 *
 * @param transform - the name by which error messages call what is going on
 */
export function traceGraph(
  f: (...args: never[]) => unknown,
  args: readonly Tree[],
  transform = "compile",
): Traced {
  const trace = new GraphTrace(transform);
  const traced = args.map((tree) =>
    treeFill(
      tree,
      treeLeaves(tree).map((x) => trace.input(x)),
    ),
  );
  running++;
  try {
    const result = f(...(traced as never[]));
    const outputs = treeLeaves(result).map((y) => trace.read(y));
    return { graph: trace.builder.build(outputs), result, captures: [...trace.captures.keys()] };
  } finally {
    running--;
    trace.finished = true;
  }
}
