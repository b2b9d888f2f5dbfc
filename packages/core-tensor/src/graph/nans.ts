/** Finding where NaN comes from. */
import { type DenseArray, rowMajorData } from "../array/ndarray.js";
import { DomainError } from "../errors.js";
import type { Node } from "./graph.js";
import { formatNode } from "./print.js";

function firstNan(x: DenseArray): number {
  return rowMajorData(x).findIndex((v) => Number.isNaN(v));
}

/** Throws at a node that makes NaN of inputs that have none. */
export function refuseNans(
  node: Node,
  inputs: readonly DenseArray[],
  outputs: readonly DenseArray[],
): void {
  for (const y of outputs) {
    const at = firstNan(y);
    if (at < 0 || inputs.some((x) => firstNan(x) >= 0)) continue;
    throw new DomainError(
      `compile: ${node.primitive.name} makes NaN of numbers, first at element ${at} of ${formatNode(node)}`,
    );
  }
}
