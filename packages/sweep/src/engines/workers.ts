/** Module workers of a browser. */
import {
  type Schema,
  anyFunction,
  check,
  checkOptions,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { EngineError, messageOf } from "../errors.js";
import { type Answer, type Job, answerJob } from "../schedule/job.js";
import { type Task, asTask, taskOf } from "../task/task.js";
import type { Engine, Runner } from "./engine.js";
import { type Hired, seatsOf } from "./seats.js";

/**
 * Options of {@link workers}.
 * @category Engines
 */
export interface WorkersOptions {
  /**
   * Makes a worker whose module calls {@link serve}, for pages that are bundled:
   * `() => new Worker(new URL("./gap.worker.mjs", import.meta.url), { type: "module" })`.
   * Default: a worker of this package that imports the task by its address, which must be a module without bare imports.
   */
  readonly create?: () => Worker;
}

const OPTIONS: Schema<WorkersOptions> = { create: anyFunction };

/** What a worker is asked, and what it answers. */
interface Request {
  readonly job: Job;
  readonly url: string | undefined;
  readonly worker: string;
}

const never = new AbortController().signal;

/** As much of a worker's own scope as is used. */
interface Scope {
  onmessage: ((event: { readonly data: Request }) => void) | null;
  readonly postMessage: (answer: Answer) => void;
}

/**
 * Makes the module worker in which it is called answer the jobs of {@link workers}.
 *
 * @param task - the task that it serves; without one it imports whatever task is asked for by its address
 * @returns nothing; the worker answers from then on
 * @throws `EngineError` where there are no messages to wait for, `DomainError` when `task` is none
 * @example
 * ```ts no-run
 * // gap.worker.mjs
 * import { serve } from "@provably/sweep";
 * import task from "./gap.task.mjs";
 *
 * serve(task);
 * ```
 * @category Engines
 */
export function serve(task?: Task): void {
  const own = task === undefined ? undefined : asTask("serve", "task", task);
  const scope = globalThis as unknown as Partial<Scope>;
  // a page has a document, Node no such function
  if (typeof scope.postMessage !== "function" || "document" in globalThis)
    throw new EngineError("serve: it is to be called in a module worker of a browser");
  scope.onmessage = ({ data }) => {
    void answerTo(data, own).then((answer) => scope.postMessage!(answer));
  };
}

async function answerTo({ job, url, worker }: Request, own: Task | undefined): Promise<Answer> {
  try {
    const task = own ?? (await imported(url));
    if (task.name !== job.code.task)
      return { refused: `the worker serves "${task.name}", not "${job.code.task}"` };
    return await answerJob(task, job, worker, never);
  } catch (error) {
    return { refused: messageOf(error) };
  }
}

async function imported(url: string | undefined): Promise<Task> {
  if (url === undefined)
    throw new EngineError(
      "workers: give the address of the task's module, or workers that serve it",
    );
  return taskOf("sweep", url, await import(/* @vite-ignore */ /* webpackIgnore: true */ url));
}

/**
 * Runs tasks in module workers of a browser.
 *
 * @param numWorkers - how many; default one for each core
 * @param options - see {@link WorkersOptions}
 * @returns engine for the option `engine` of {@link sweep}
 * @throws `DomainError` when `numWorkers` is not a positive integer
 * @example
 * ```ts
 * import { workers } from "@provably/sweep";
 *
 * workers(2).kind; // => "workers"
 * ```
 * @category Engines
 */
export function workers(numWorkers?: number, options: WorkersOptions = {}): Engine {
  const { create } = checkOptions("workers", options, OPTIONS);
  if (numWorkers !== undefined) check("workers", "numWorkers", numWorkers, wholeNumber(1, 1024));
  return Object.freeze<Engine>({
    kind: "workers",
    open({ loaded, signal }): Promise<Runner> {
      if (typeof Worker !== "function")
        throw new EngineError("workers: there are no module workers here; in Node use threads()");
      if (loaded.url === undefined && create === undefined)
        throw new EngineError(
          "workers: give the address of the task's module, or options.create for workers that serve it",
        );
      const count = numWorkers ?? (globalThis.navigator.hardwareConcurrency || 1);
      return Promise.resolve(poolOf(count, create ?? ofThisPackage, loaded.url, signal));
    },
  });
}

/** Addresses that bundlers find are rewritten by them; this one is for pages that load the package as it is. */
function ofThisPackage(): Worker {
  const file = "./page.js";
  return new Worker(new URL(/* @vite-ignore */ file, import.meta.url), { type: "module" });
}

function poolOf(
  count: number,
  create: () => Worker,
  url: string | undefined,
  signal: AbortSignal,
): Runner {
  const names = Array.from({ length: count }, (_, i) => `worker ${i + 1}`);
  const seats = seatsOf(names, (name) => hire(name, create(), url));
  const stop = (): void => void seats.close();
  signal.addEventListener("abort", stop, { once: true });
  return {
    numWorkers: () => count,
    run: seats.run,
    async close() {
      signal.removeEventListener("abort", stop);
      await seats.close();
    },
  };
}

/** A worker at work; one that cannot be loaded, or that fails outside of its task, has crashed. */
function hire(name: string, worker: Worker, url: string | undefined): Hired {
  return {
    run: (job) =>
      new Promise((resolve) => {
        worker.onmessage = ({ data }: { readonly data: unknown }) => resolve(data as Answer);
        worker.onerror = (event) => {
          event.preventDefault();
          resolve({ crashed: event.message || "the worker could not be loaded" });
        };
        worker.postMessage({ job, url, worker: name } satisfies Request);
      }),
    dismiss() {
      worker.terminate();
      return Promise.resolve();
    },
  };
}
