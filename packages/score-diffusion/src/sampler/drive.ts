/** Processes that ask a model questions, and the two drivers that answer them: at once, or waiting for a model that answers later. */
import { DomainError, type NdArray, ShapeError, all, isFinite, item } from "@provably/core-tensor";
import type { NoiseLevel } from "../schedule/level.js";
import { type AsyncModel, type Model, type Prediction, convertPrediction } from "../score/prediction.js";

/**
 * A question to the model: its prediction, as `want`, at `x` and `level`.
 * @category Samplers
 */
export interface Query {
  readonly x: NdArray;
  readonly level: NoiseLevel;
  readonly want: Prediction;
  /** Where in a run it comes up, for error messages. */
  readonly where?: string;
}

/** Something that asks for predictions and ends with a result. */
export type Process<T> = Generator<Query, T, NdArray>;

/** The model went wrong; a process may catch it where it asked, and end in its own way. */
export class NonFiniteError extends DomainError {}

/** Whether no element is NaN or infinite; a look at every answer must cost little. */
function everyFinite(x: NdArray): boolean {
  if (x.data.length !== x.size) return item(all(isFinite(x))) !== 0;
  for (let i = 0; i < x.size; i++) if (!Number.isFinite(x.data[i])) return false;
  return true;
}

function answer(fn: string, { prediction }: Model | AsyncModel, { x, level, want, where = "" }: Query, output: NdArray): NdArray {
  if (output.shape.join() !== x.shape.join())
    throw new ShapeError(`${fn}: the model must return the shape of its input [${x.shape.join(", ")}], got [${output.shape.join(", ")}]`);
  if (!everyFinite(output)) throw new NonFiniteError(`${fn}: the model returned NaN or infinite values ${where}`.trim());
  return convertPrediction(output, prediction, want, x, level);
}

/** The next turn of a process once the model has answered; what is wrong with the answer is thrown where the question was asked. */
function resume<T>(fn: string, model: Model | AsyncModel, process: Process<T>, query: Query, output: NdArray): IteratorResult<Query, T> {
  let value: NdArray;
  try {
    value = answer(fn, model, query, output);
  } catch (error) {
    return process.throw(error);
  }
  return process.next(value);
}

export function drive<T>(fn: string, model: Model, process: Process<T>): T {
  let turn = process.next();
  while (!turn.done) turn = resume(fn, model, process, turn.value, model.evaluate(turn.value.x, turn.value.level));
  return turn.value;
}

export async function driveAsync<T>(fn: string, model: AsyncModel, process: Process<T>): Promise<T> {
  let turn = process.next();
  while (!turn.done) turn = resume(fn, model, process, turn.value, await model.evaluate(turn.value.x, turn.value.level));
  return turn.value;
}
