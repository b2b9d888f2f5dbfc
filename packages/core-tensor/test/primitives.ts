/** The elementwise primitives, found by tracing the public functions and their derivatives, so that a new one cannot be left out. */
import * as p from "../src/index.js";
import type { NdArray } from "../src/index.js";
import type { Node } from "../src/graph/graph.js";
import { traceGraph } from "../src/graph/trace.js";
import type { ElementwisePrimitive } from "../src/trace/elementwise.js";

/** Nodes of the graphs of all public functions, on some lists of arguments. */
function nodes(): Node[] {
  const x = p.add(p.eye(4), 0.5);
  const lists: unknown[][] = [
    [x],
    [x, x],
    [p.greater(x, 1), x, x],
    [x, 2],
    [p.reshape(x, [1, 1, 4, 4]), p.reshape(x, [1, 1, 4, 4])],
  ];
  return Object.values(p).flatMap((f) =>
    lists.flatMap((args) => {
      const arrays = args.filter((a): a is NdArray => p.isNdArray(a));
      const others = args.filter((a) => !p.isNdArray(a));
      try {
        const call = (...xs: NdArray[]): unknown =>
          (f as (...a: unknown[]) => unknown)(...xs, ...others);
        // the derivative's primitives too
        const both = (...xs: NdArray[]): unknown => [
          call(...xs),
          p.grad((...ys: NdArray[]) => p.sum(call(...ys) as NdArray))(...xs),
        ];
        return [call, both].flatMap((g) => {
          try {
            return [...traceGraph(g, arrays).graph.nodes];
          } catch {
            return [];
          }
        });
      } catch {
        return [];
      }
    }),
  );
}

export const elementwise: ReadonlyMap<string, ElementwisePrimitive> = new Map(
  nodes()
    .filter(({ primitive }) => primitive.elementwise !== undefined)
    .map(({ primitive }) => [primitive.name, primitive as unknown as ElementwisePrimitive]),
);
