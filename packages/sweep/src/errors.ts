/** What a sweep throws, or lists beside its results, each with a stable `code`. */
import { CoreTensorError } from "@provably/core-tensor";

/**
 * A task that threw, that gave what cannot be sent, or whose module is none.
 *
 * `original` is what the task itself threw, as far as that can travel.
 * @category Errors
 */
export class TaskError extends CoreTensorError {
  override readonly name = "TaskError";
  /** Name, code and message of the error inside the task. */
  readonly original: {
    readonly name: string;
    readonly message: string;
    readonly code?: string;
  };
  constructor(message: string, original: TaskError["original"] = { name: "TaskError", message }) {
    super(message, "ERR_TASK");
    this.original = original;
  }
}

/**
 * A task that took its worker down with it, each time that it was tried.
 * @category Errors
 */
export class WorkerLostError extends CoreTensorError {
  override readonly name = "WorkerLostError";
  constructor(message: string) {
    super(message, "ERR_WORKER_LOST");
  }
}

/**
 * A task computed twice, with other bits the second time.
 * @category Errors
 */
export class DeterminismError extends CoreTensorError {
  override readonly name = "DeterminismError";
  /** The settings of the case, as text. */
  readonly settings: string;
  readonly replicate: number;
  /** Who computed it first, and who again. */
  readonly workers: readonly [string, string];
  constructor(task: string, settings: string, replicate: number, workers: [string, string]) {
    super(
      `sweep: "${task}" gave other bits the second time: case ${settings}, replicate ${replicate}, on ${workers[0]} and on ${workers[1]}`,
      "ERR_DETERMINISM",
    );
    this.settings = settings;
    this.replicate = replicate;
    this.workers = workers;
  }
}

/**
 * A store that holds results of other code, or a damaged file, or that cannot be read or written.
 * @category Errors
 */
export class StoreError extends CoreTensorError {
  override readonly name = "StoreError";
  constructor(message: string) {
    super(message, "ERR_STORE");
  }
}

/**
 * An engine that cannot work: a package that is not installed, a queue that another sweep uses, Redis that refuses, is full or too old.
 * @category Errors
 */
export class EngineError extends CoreTensorError {
  override readonly name = "EngineError";
  constructor(message: string) {
    super(message, "ERR_ENGINE");
  }
}

/** What an error says, whatever it is. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
