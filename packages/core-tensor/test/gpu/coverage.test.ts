/** Every primitive that public functions use has a form on devices, or is known to have none. */
import { describe, expect, it } from "vitest";
import * as p from "@provably/core-tensor";
import type { NdArray } from "@provably/core-tensor";
import type { Graph } from "../../src/graph/graph.js";
import { traceGraph } from "../../src/graph/trace.js";
import { withoutForm } from "../../src/compile/gpu/lower.js";

/** Graphs of all exported functions that take one, two or three matrices. */
function graphs(): Map<string, Graph> {
  const found = new Map<string, Graph>();
  const x = p.add(p.eye(4), 0.5);
  const lists = [
    [x],
    [x, x],
    [p.greater(x, 1), x, x],
    [x, 2],
    [x, [2, 8]],
    [x, p.array([0, 1], { dtype: "int32" })],
    [x, p.asType(x, "int32")],
  ];
  for (const [name, f] of Object.entries(p)) {
    if (typeof f !== "function" || /Error$/.test(name)) continue;
    for (const [k, args] of lists.entries())
      try {
        const arrays = args.filter((a): a is NdArray => p.isNdArray(a));
        const others = args.filter((a) => !p.isNdArray(a));
        const call = (...xs: NdArray[]): unknown =>
          (f as (...a: unknown[]) => unknown)(...xs, ...others);
        found.set(`${name}/${k}`, traceGraph(call, arrays).graph);
      } catch {
        // not a function of these
      }
  }
  return found;
}

/** Whose programs on devices are refused: places that are known only when they run are checked where the elements are. */
const WITHOUT = new Set(["gatherNd"]);

describe("forms on devices", () => {
  const all = graphs();

  it("are looked for in more than a hundred functions", () => {
    expect(new Set([...all.keys()].map((name) => name.split("/")[0])).size).toBeGreaterThan(100);
  });

  it("exist for everything that these functions do", () => {
    for (const [name, graph] of all)
      expect(
        withoutForm(graph).filter((primitive) => !WITHOUT.has(primitive)),
        name,
      ).toEqual([]);
  });
});
