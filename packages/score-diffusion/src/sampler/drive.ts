/** Processes that ask a model questions, and the two drivers that answer them: at once, or waiting for a model that answers later. */
import { DomainError, type NdArray, all, isFinite, item } from "@provably/core-tensor";
import { abortSignal, anyRecord, check } from "@provably/core-tensor/internal";
import { arrayOf } from "../internal/check.js";
import { type NoiseLevel, checkLevel } from "../schedule/level.js";
import {
  type AsyncModel,
  type Model,
  type Prediction,
  answerOf,
  convertPrediction,
} from "../score/prediction.js";

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

/** A process with long work of its own: it yields nothing now and then, where others may have the thread, or stop it. */
export type LongProcess<T> = Generator<Query | undefined, T, NdArray | undefined>;

/** The model went wrong; a process may catch it where it asked, and end in its own way. */
export class NonFiniteError extends DomainError {}

/** Whether no element is NaN or infinite; a look at every answer must cost little. */
function everyFinite(x: NdArray): boolean {
  if (x.data.length !== x.size) return item(all(isFinite(x))) !== 0;
  for (let i = 0; i < x.size; i++) if (!Number.isFinite(x.data[i])) return false;
  return true;
}

function answer(
  fn: string,
  { prediction }: Model | AsyncModel,
  { x, level, want, where = "" }: Query,
  given: NdArray,
): NdArray {
  const output = answerOf(fn, given, x);
  if (!everyFinite(output))
    throw new NonFiniteError(`${fn}: the model returned NaN or infinite values ${where}`.trim());
  return convertPrediction(output, prediction, want, x, level);
}

/** The next turn of a process once the model has answered; what is wrong with the answer is thrown where the question was asked. */
function resume<T>(
  fn: string,
  model: Model | AsyncModel,
  process: LongProcess<T>,
  query: Query,
  output: NdArray,
): IteratorResult<Query | undefined, T> {
  let value: NdArray;
  try {
    value = answer(fn, model, query, output);
  } catch (error) {
    return process.throw(error);
  }
  return process.next(value);
}

/** A question, which a foreign sampler may have asked wrongly. */
function checkQuery(fn: string, query: Query): Query {
  arrayOf(
    fn,
    "the point that a step asks about",
    check(fn, "what a step yields", query, anyRecord).x,
  );
  checkLevel(fn, query.level);
  return query;
}

export function drive<T>(fn: string, model: Model, process: LongProcess<T>): T {
  let turn = process.next();
  while (!turn.done) {
    if (turn.value === undefined) turn = process.next();
    else {
      const query = checkQuery(fn, turn.value);
      turn = resume(fn, model, process, query, model.evaluate(query.x, query.level));
    }
  }
  return turn.value;
}

/** Longest time in milliseconds that a process keeps the thread to itself, so that timers and signals get through to it. */
const TURN_MS = 50;

export async function driveAsync<T>(
  fn: string,
  model: AsyncModel,
  process: LongProcess<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal !== undefined) check(fn, "signal", signal, abortSignal);
  signal?.throwIfAborted();
  let since = performance.now();
  let turn = process.next();
  while (!turn.done) {
    if (performance.now() - since > TURN_MS) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
      since = performance.now();
    }
    if (turn.value === undefined) turn = process.next();
    else {
      const query = checkQuery(fn, turn.value);
      turn = resume(
        fn,
        model,
        process,
        query,
        await unlessAborted(model.evaluate(query.x, query.level), signal),
      );
    }
  }
  return turn.value;
}

/** The answer, or the reason of an abort that comes before it: a model may take long. */
function unlessAborted<T>(answer: T | Promise<T>, signal: AbortSignal | undefined): T | Promise<T> {
  if (signal === undefined) return answer;
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", stop));
  });
}
