/** Functions inside control flow, as graphs that take what they use from outside as additional inputs. */
import { type DType, allocate, isFloat } from "../../array/dtype.js";
import { DenseArray, type NdArray } from "../../array/ndarray.js";
import { type Shape, formatShape, sameShape } from "../../array/shape.js";
import { ShapeError } from "../../errors.js";
import { zeros } from "../../ops/create.js";
import type { Aval } from "../../trace/primitive.js";
import { jvp } from "../../transform/jvp.js";
import { vjp } from "../../transform/vjp.js";
import { type Graph, applyGraph } from "../graph.js";
import { Tracer } from "../../trace/tracer.js";
import { traceGraph } from "../trace.js";

/** An array that is only looked at for its shape and type. */
export function template(dtype: DType, shape: Shape): NdArray {
  const stride = shape.map(() => 0);
  return new DenseArray<DType>(allocate(dtype, 1), dtype, shape, stride, 0, shape.length);
}

/** `f` of lists of arrays as a graph. Arrays of the traces around it must not be used. */
export function graphOf(
  name: string,
  avals: readonly Aval[],
  f: (arrays: NdArray[]) => NdArray[],
): Graph {
  const list = avals.map(({ dtype, shape }) => template(dtype, shape));
  return traceGraph((arrays: NdArray[]) => f(arrays), [list], name).graph;
}

/** Throws unless two lists of arrays agree in shapes and types. */
export function checkSame(
  fn: string,
  what: string,
  got: readonly Aval[],
  want: readonly Aval[],
): void {
  const text = (x: Aval | undefined): string =>
    x === undefined ? "nothing" : `${x.dtype}${formatShape(x.shape)}`;
  for (let i = 0; i < Math.max(got.length, want.length); i++) {
    const [a, b] = [got[i], want[i]];
    if (a === undefined || b === undefined || a.dtype !== b.dtype || !sameShape(a.shape, b.shape))
      throw new ShapeError(
        `${fn}: ${what} must keep its arrays' shapes and types; array ${i} is ${text(b)}, and became ${text(a)}`,
      );
  }
}

export function avalOf({ shape, dtype }: Aval): Aval {
  return { shape, dtype };
}

export function zerosOf(x: Aval): NdArray {
  return zeros(x.shape, { dtype: x.dtype });
}

/** Outputs of a graph, and the tangents of its float outputs, when the inputs named in `moving` move along `tangents`. */
export function pushGraph(
  graph: Graph,
  inputs: readonly NdArray[],
  moving: readonly number[],
  tangents: readonly NdArray[],
): { readonly outputs: NdArray[]; readonly tangents: NdArray[] } {
  const floats = floatOutputs(graph);
  if (moving.length === 0) {
    const outputs = applyGraph(graph, inputs);
    return { outputs, tangents: floats.map((k) => zerosOf(outputs[k]!)) };
  }
  const others: NdArray[] = [];
  const f = (variables: NdArray[]): NdArray[] => {
    const all = [...inputs];
    moving.forEach((i, k) => (all[i] = variables[k]!));
    const outputs = applyGraph(graph, all);
    graph.outputs.forEach((_, k) => {
      if (!floats.includes(k)) others[k] = outputs[k]!;
    });
    return floats.map((k) => outputs[k]!);
  };
  const [values, moved] = jvp(f, [moving.map((i) => inputs[i]!)], [[...tangents]]);
  const outputs = graph.outputs.map((_, k) =>
    floats.includes(k) ? values[floats.indexOf(k)]! : others[k]!,
  );
  return { outputs, tangents: moved };
}

/** Cotangents of the inputs named in `moving` when those of the float outputs are given. */
export function pullGraph(
  graph: Graph,
  inputs: readonly NdArray[],
  moving: readonly number[],
  cotangents: readonly NdArray[],
): NdArray[] {
  const floats = floatOutputs(graph);
  const f = (variables: NdArray[]): NdArray[] => {
    const all = [...inputs];
    moving.forEach((i, k) => (all[i] = variables[k]!));
    const outputs = applyGraph(graph, all);
    return floats.map((k) => outputs[k]!);
  };
  const [, pullback] = vjp(
    f,
    moving.map((i) => inputs[i]!),
  );
  return pullback([...cotangents])[0];
}

/** Positions of the outputs that have derivatives. */
export function floatOutputs(graph: Graph): number[] {
  return graph.outputs.flatMap((y, k) => (isFloat(y.dtype) ? [k] : []));
}

/** The value at the bottom of nested tracers, when there is one. */
export function concreteOf(x: NdArray): DenseArray | undefined {
  let value: NdArray | undefined = x;
  while (value instanceof Tracer) value = value.concrete;
  // there are two kinds of arrays, and this is not a tracer
  return value as DenseArray | undefined;
}
