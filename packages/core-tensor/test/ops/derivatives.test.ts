import { type NdArray, allClose, array, stack, treeLeaves, vmap } from "@provably/core-tensor";
import { checkGrads } from "@provably/core-tensor/testing";
import { describe, expect, it } from "vitest";
import { traceGraph } from "../../src/graph/trace.js";
import { elementwise } from "../primitives.js";
import { catalogue } from "./catalogue.js";

/** Functions whose control flow looks at values cannot run on a batch of them. */
const needsValues = new Set(["matrixExp"]);

describe("the catalogue of differentiable functions", () => {
  it("holds every elementwise primitive that has a derivative", () => {
    const held = new Set(
      catalogue
        .filter(({ name }) => !needsValues.has(name))
        .flatMap(({ f, args }) => traceGraph(f, args).graph.nodes.map((n) => n.primitive.name)),
    );
    const missing = [...elementwise.values()]
      .filter(({ name, derivative }) => derivative.kind === "elementwise" && !held.has(name))
      .map(({ name }) => name);
    expect(missing).toEqual([]);
  });
});

describe("derivatives of first and second order agree with central differences", () => {
  // float64 central differences with step 1e-5: 1e-6 relative for first order; the catalogue stays where functions are smooth
  it.each(catalogue.map((e) => [e.name, e] as const))("%s", (_, { f, args, order = 2 }) => {
    checkGrads(f, args, { order, tolerance: 2e-5 });
  });
});

describe("vmap does for a batch what the function does for each member", () => {
  it.each(catalogue.filter((e) => !needsValues.has(e.name)).map((e) => [e.name, e] as const))(
    "%s",
    (_, { f, args }) => {
      const members = [1, 0.9, 1.1].map((scale) => args.map((x) => scaled(x, scale)));
      const batched = args.map((_, i) => stack(members.map((m) => m[i]!)));
      const together = treeLeaves(vmap(f)(...batched));
      const apart = members.map((m) => treeLeaves(f(...m)));
      together.forEach((y, k) =>
        expect(
          allClose(y, stack(apart.map((leaves) => leaves[k]!)), {
            relativeTolerance: 1e-9,
            absoluteTolerance: 1e-10,
          }),
        ).toBe(true),
      );
      // one argument batched, the others shared
      const inAxes = args.map((_, i) => (i === 0 ? 0 : null));
      const first = treeLeaves(vmap(f, { inAxes })(batched[0]!, ...args.slice(1)));
      const each = members.map((m) => treeLeaves(f(m[0]!, ...args.slice(1))));
      first.forEach((y, k) =>
        expect(
          allClose(y, stack(each.map((leaves) => leaves[k]!)), {
            relativeTolerance: 1e-9,
            absoluteTolerance: 1e-10,
          }),
        ).toBe(true),
      );
    },
  );
});

function scaled(x: NdArray, scale: number): NdArray {
  return array(
    Float64Array.from({ length: x.size }, (_, i) => scale * x.data[i]!),
    { shape: x.shape },
  );
}
