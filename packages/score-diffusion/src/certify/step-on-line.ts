/** Steps of a sampler on columns of numbers: what quadrature on a line asks of it. */
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { checkGenerator } from "../internal/check.js";
import { type Model, predict } from "../score/prediction.js";
import { type Sampler, checkState } from "../sampler/sampler.js";

const column = (data: Float64Array): NdArray => array(data, { shape: [data.length, 1] });

/** One step from each of the numbers, with the given noises; multistep samplers hand on their memory. */
export function stepOnLine<Row>(
  sampler: Sampler<Row>,
  model: Model,
  row: Row,
  x: Float64Array,
  noises: readonly Float64Array[],
  memory?: readonly NdArray[],
): { x: Float64Array; memory?: readonly NdArray[] } {
  const state = { x: column(x), ...(memory && { memory }) };
  const steps = checkGenerator(
    "quadrature",
    "sampler.step",
    sampler.step(state, row, noises.map(column)),
  );
  let turn = steps.next();
  while (!turn.done) {
    const { x: at, level, want } = turn.value;
    turn = steps.next(predict("quadrature", model, at, level, want));
  }
  const end = checkState("quadrature", turn.value);
  return { x: toTypedArray(end.x) as Float64Array, ...(end.memory && { memory: end.memory }) };
}

/** The midpoints of evenly spaced cells: spectrally accurate for integrands that vanish at the ends. */
export function midpoints(
  low: number,
  high: number,
  n: number,
): { points: Float64Array; width: number } {
  const width = (high - low) / n;
  return { points: Float64Array.from({ length: n }, (_, i) => low + (i + 0.5) * width), width };
}
