/** Tasks: pure functions of a case and a key, each in a module of its own. */
import { DomainError } from "@provably/core-tensor";
import type { RngKey } from "@provably/core-tensor/random";
import {
  type RecordSchema,
  anyFunction,
  recordOf,
  satisfying,
} from "@provably/core-tensor/internal";
import { check, show } from "@provably/core-tensor/internal";
import type { Case } from "./cases.js";

/**
 * What a task is told beside its case and key.
 * @category Tasks
 */
export interface TaskContext {
  /** Aborted when the sweep is; long tasks pass it on. */
  readonly signal: AbortSignal;
}

/**
 * A task: a name, and a pure function of a case and a key.
 * @category Tasks
 */
export interface Task<C = never, R = unknown> {
  /** Goes into the identity of every result, and into messages. */
  readonly name: string;
  /** The work; the same case and key give the same bits on every worker. */
  readonly run: (settings: C, key: RngKey, context: TaskContext) => R | Promise<R>;
}

const NAME = /** names go into messages and keys of Redis */ /^[\w .,+()/-]{1,100}$/;

const TASK: RecordSchema<Task> = {
  name: satisfying<string>(
    "1 to 100 letters, digits, spaces and . , + ( ) / -",
    (x) => typeof x === "string" && NAME.test(x),
  ),
  run: anyFunction,
};

/**
 * A task, to be the default export of a module.
 *
 * A worker loads the module once and calls `run` for each case and replicate. Only the case and the key reach it, so whatever else it needs it
 * imports. The result is a tree of numbers, text, booleans, null, lists, records, typed arrays and arrays of `core-tensor`; functions, class
 * instances, `undefined` and cycles are refused.
 *
 * @param task - `name` for messages and for the identity of results; `run(settings, key, { signal })`, which may be asynchronous
 * @returns the task, frozen
 * @throws `DomainError` when the name is empty or the function missing
 * @example
 * ```ts
 * import { mean as average, item } from "@provably/core-tensor";
 * import { normal } from "@provably/core-tensor/random";
 * import { defineTask } from "@provably/sweep";
 *
 * const task = defineTask({
 *   name: "mean of normal draws",
 *   run: ({ numSamples }: { numSamples: number }, key) => ({ mean: item(average(normal(key, [numSamples]))) }),
 * });
 * task.name; // => "mean of normal draws"
 * ```
 * @category Tasks
 */
export function defineTask<C extends Case, R>(task: Task<C, R>): Task<C, R> {
  check("defineTask", "task", task as object, recordOf<Task>(TASK) as never);
  return Object.freeze({ name: task.name, run: task.run });
}

/** The task that a module exports by default. */
export function taskOf(fn: string, place: string, module: unknown): Task {
  const exported = (module as { readonly default?: unknown } | null)?.default;
  if (exported === undefined)
    throw new DomainError(
      `${fn}: ${place} must export a task by default: export default defineTask({ name, run })`,
    );
  return asTask(fn, `the default export of ${place}`, exported);
}

/** A task as it was passed. */
export function asTask(fn: string, what: string, given: unknown): Task {
  const fault = recordOf<Task>(TASK)(given);
  if (fault !== undefined)
    throw new DomainError(
      `${fn}: ${what} must be made by defineTask({ name, run }), got ${show(given)}`,
    );
  return given as Task;
}
