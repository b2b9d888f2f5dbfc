/** Vision transformers with a part of their neurons. */
import { DomainError, type NdArray, array, take } from "@provably/core-tensor";
import { check, listOf, recordWith, typedArray } from "@provably/core-tensor/internal";
import type { ExpertSet } from "../../griffin/sparsity/experts.js";
import type { VisionConfig } from "./description.js";
import type { VisionLayer, VisionLinear, VisionWeights } from "./weights.js";

const shape = recordWith({ layers: listOf(typedArray("Int32Array")) });

/** The layers with chosen neurons alone. */
export function prunedLayers(
  fn: string,
  { ffSize, numLayers }: VisionConfig,
  { layers }: VisionWeights,
  experts: Pick<ExpertSet, "layers">,
): VisionLayer[] {
  check(fn, "experts", experts, shape);
  if (experts.layers.length !== numLayers)
    throw new DomainError(
      `${fn}: experts must have ${numLayers} layers, got ${experts.layers.length}`,
    );
  return layers.map((layer, i) => {
    const chosen = experts.layers[i]!;
    const inside = chosen.every((j, at) => j < ffSize && j > (at === 0 ? -1 : chosen[at - 1]!));
    if (chosen.length === 0 || !inside)
      throw new DomainError(
        `${fn}: experts.layers[${i}] must hold some of the neurons 0 … ${ffSize - 1}, ascending`,
      );
    const places = array(chosen);
    const columns = ({ weight, bias }: VisionLinear): VisionLinear => ({
      weight: take(weight, places, { axis: 1 }),
      ...(bias && { bias: take(bias, places, { axis: 0 }) }),
    });
    const rows = (weight: NdArray): NdArray => take(weight, places, { axis: 0 });
    return {
      ...layer,
      ...(layer.gate && { gate: columns(layer.gate) }),
      up: columns(layer.up),
      down: { ...layer.down, weight: rows(layer.down.weight) },
    };
  });
}
