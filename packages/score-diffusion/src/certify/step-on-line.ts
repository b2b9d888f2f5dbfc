/** Steps of a sampler on columns of numbers: what quadrature on a line asks of it. */
import { type NdArray, array, toTypedArray } from "@provably/core-tensor";
import { type Model, convertPrediction } from "../score/prediction.js";
import type { Sampler } from "../sampler/sampler.js";

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
  const steps = sampler.step({ x: column(x), ...(memory && { memory }) }, row, noises.map(column));
  let turn = steps.next();
  while (!turn.done) {
    const { x: at, level, want } = turn.value;
    turn = steps.next(convertPrediction(model.evaluate(at, level), model.prediction, want, at, level));
  }
  const state = turn.value;
  return { x: toTypedArray(state.x) as Float64Array, ...(state.memory && { memory: state.memory }) };
}

/** The midpoints of evenly spaced cells: spectrally accurate for integrands that vanish at the ends. */
export function midpoints(low: number, high: number, n: number): { points: Float64Array; width: number } {
  const width = (high - low) / n;
  return { points: Float64Array.from({ length: n }, (_, i) => low + (i + 0.5) * width), width };
}
