/** What travels to a worker and back. */
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import { isCoreTensorError } from "@provably/core-tensor";
import type { Case } from "../task/cases.js";
import type { Code } from "../task/code.js";
import type { Task } from "../task/task.js";
import { decode, encode } from "../task/value.js";

/** Replicates of one case: `settings` as text, the key of the case, and the replicates from `from` up to and without `to`. */
export interface Part {
  readonly settings: string;
  readonly key: RngKey;
  readonly from: number;
  readonly to: number;
}

/** Tasks for one worker, in order. */
export interface Job {
  readonly id: string;
  readonly code: Code;
  readonly parts: readonly Part[];
  /** A worker that must not take it: it has computed these tasks before. */
  readonly notOn?: string;
  /** How often workers have handed it back: it may wait a little. */
  readonly numReturns?: number;
}

/** What a task threw, as far as it can travel. */
export interface Thrown {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

/** The text of a result, or what was thrown. */
export type Outcome = string | Thrown;

/** What a worker answers: outcomes in the order of the tasks, and the time that each part took. */
export interface Outcomes {
  readonly worker: string;
  readonly outcomes: readonly Outcome[];
  readonly ms: readonly number[];
}

/** What becomes of a job. */
export type Answer =
  | Outcomes
  /** The worker must not take it. */
  | { readonly declined: string }
  /** The worker cannot take it, whatever the task: its code is another. */
  | { readonly refused: string }
  /** The worker died. */
  | { readonly crashed: string };

/** Gives the event loop a turn: messages, timers, the painting of a page. */
export const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
const BREATH_MS = 40;

/** Runs the tasks of a job one after the other. */
export async function answerJob(
  task: Task,
  job: Job,
  worker: string,
  signal: AbortSignal,
): Promise<Outcomes> {
  const outcomes: Outcome[] = [];
  const ms: number[] = [];
  let breathed = performance.now();
  for (const { settings, key, from, to } of job.parts) {
    const start = performance.now();
    for (let replicate = from; replicate < to; replicate++) {
      signal.throwIfAborted();
      outcomes.push(await outcomeOf(task, settings, foldIn(key, replicate), signal));
      if (performance.now() - breathed < BREATH_MS) continue;
      await breathe();
      breathed = performance.now();
    }
    ms.push(performance.now() - start);
  }
  return { worker, outcomes, ms };
}

/** The outcome of one task; the case is made anew from its text, so that no task can leave anything behind in it. */
async function outcomeOf(
  task: Task,
  settings: string,
  key: RngKey,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const run = task.run as Task<Case>["run"];
    const result = await run(decode(settings) as Case, key, { signal });
    return encode(result, { fn: task.name, what: "its result", nan: true });
  } catch (error) {
    if (signal.aborted) throw error;
    return thrownBy(error);
  }
}

const LONGEST = 2000;

/** What was thrown, in words that can travel. */
export function thrownBy(error: unknown): Thrown {
  try {
    if (!(error instanceof Error))
      return { name: "Error", message: String(error).slice(0, LONGEST) };
    const { code } = error as { code?: unknown };
    const told = { name: String(error.name), message: String(error.message).slice(0, LONGEST) };
    return isCoreTensorError(error) || typeof code === "string"
      ? { ...told, code: String(code) }
      : told;
  } catch {
    return { name: "Error", message: "something that cannot be read" };
  }
}
