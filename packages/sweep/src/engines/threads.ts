/** A pool of threads of Node, by piscina. */
import {
  type Schema,
  anyString,
  check,
  checkOptions,
  listOf,
  positiveNumber,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { EngineError, messageOf } from "../errors.js";
import type { Answer, Job, Outcome, Outcomes } from "../schedule/job.js";
import { unpackOutcomes } from "../store/payload.js";
import { builtin } from "../task/builtin.js";
import type { Engine, Runner } from "./engine.js";
import { optionalPackage } from "./optional.js";
import { seatsOf } from "./seats.js";

/**
 * Options of {@link threads}.
 * @category Engines
 */
export interface ThreadsOptions {
  /** Memory that a thread may take, in megabytes; a task that needs more takes its thread down. Default: Node's own. */
  readonly memoryMb?: number;
  /** Arguments of Node for the threads, such as `["--import", "tsx"]`; default: those of this process. */
  readonly execArgv?: readonly string[];
}

const OPTIONS: Schema<ThreadsOptions> = {
  memoryMb: positiveNumber,
  execArgv: listOf(anyString),
};

/** What a thread answers: large outcomes as one buffer, which moves. */
export type ThreadAnswer =
  | Outcomes
  | { readonly worker: string; readonly packed: Uint8Array; readonly ms: readonly number[] }
  | { readonly refused: string };

/** What a thread is asked. */
export interface ThreadRequest {
  readonly url: string;
  readonly job: Job;
  /** Name of the thread. */
  readonly worker: string;
}

/** As much of piscina as is used. */
interface Pool {
  readonly run: (
    request: ThreadRequest,
    options?: { signal: AbortSignal },
  ) => Promise<ThreadAnswer>;
  readonly destroy: () => Promise<void>;
}
interface PiscinaModule {
  readonly Piscina: new (options: object) => Pool;
}

/**
 * Runs tasks on threads of this machine, by `piscina`, which you install. Node only.
 *
 * Each thread loads the module of the task once. Results over 64 KB are moved, not copied. A task that takes its thread down is tried
 * three times on new threads and then reported, while the others go on.
 *
 * @param numThreads - how many; default one for each core
 * @param options - see {@link ThreadsOptions}
 * @returns engine for the option `engine` of {@link sweep}
 * @throws `DomainError` when `numThreads` is not a positive integer
 * @example
 * ```ts
 * import { threads } from "@provably/sweep";
 *
 * threads(2).kind; // => "threads"
 * ```
 * @category Engines
 */
export function threads(numThreads?: number, options: ThreadsOptions = {}): Engine {
  const { memoryMb, execArgv } = checkOptions("threads", options, OPTIONS);
  if (numThreads !== undefined) check("threads", "numThreads", numThreads, wholeNumber(1, 4096));
  return {
    kind: "threads",
    async open({ loaded, signal }): Promise<Runner> {
      if (loaded.url === undefined)
        throw new EngineError(
          'threads: threads load the task themselves: give the address of its module, as new URL("./my.task.mjs", import.meta.url), or use inline()',
        );
      const count = numThreads ?? cores();
      const seats = await openThreads("threads", count, { signal, memoryMb, execArgv, prefix: "" });
      const { url } = loaded;
      return {
        numWorkers: () => count,
        run: (job) => seats.run(job, url),
        close: seats.close,
      };
    },
  };
}

/** Cores of this machine. */
export function cores(): number {
  const os = builtin<typeof import("node:os")>("node:os");
  return os?.availableParallelism() ?? 1;
}

/** Threads that answer jobs; their names begin with `prefix`. */
export async function openThreads(
  fn: string,
  count: number,
  given: {
    readonly signal: AbortSignal;
    readonly memoryMb?: number | undefined;
    readonly execArgv?: readonly string[] | undefined;
    readonly prefix: string;
  },
): Promise<{
  readonly run: (job: Job, url: string) => Promise<Answer>;
  readonly close: () => Promise<void>;
}> {
  if (builtin("node:worker_threads") === undefined)
    throw new EngineError(`${fn}: threads need Node; in a browser use workers() or inline()`);
  const { Piscina } = await optionalPackage<PiscinaModule>(fn, "piscina", () => import("piscina"));
  const { signal, memoryMb, execArgv } = given;
  const options = {
    filename: threadFile(),
    // none is made anew before it has something to do
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: Infinity,
    // a thread that waits keeps its event loop: tasks may be asynchronous
    atomics: "disabled",
    ...(execArgv === undefined ? {} : { execArgv }),
    ...(memoryMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMb } }),
  };
  const urls = new WeakMap<Job, string>();
  const names = Array.from({ length: count }, (_, i) => `${given.prefix}thread ${i + 1}`);
  // a pool for each seat: one whose thread dies is thrown away, and the others do not notice
  const seats = seatsOf(names, (worker) => {
    const pool = new Piscina(options);
    return {
      run: (job) => runInPool(pool, { url: urls.get(job)!, job, worker }, signal),
      dismiss: () => pool.destroy(),
    };
  });
  return {
    run(job, url) {
      urls.set(job, url);
      return seats.run(job);
    },
    close: seats.close,
  };
}

/** The file that threads run, built beside this one. */
function threadFile(): string {
  // from the sources, the built one
  const place = import.meta.url.endsWith(".ts") ? "../../dist/thread.js" : "./thread.js";
  return new URL(place, import.meta.url).href;
}

/** Runs a job; a thread that dies is an answer too. */
async function runInPool(pool: Pool, request: ThreadRequest, signal: AbortSignal): Promise<Answer> {
  try {
    const answer = await pool.run(request, { signal });
    return "packed" in answer ? unpacked(answer) : answer;
  } catch (error) {
    signal.throwIfAborted();
    return { crashed: messageOf(error) };
  }
}

function unpacked(answer: {
  readonly worker: string;
  readonly packed: Uint8Array;
  readonly ms: readonly number[];
}): Outcomes {
  const outcomes: readonly Outcome[] = unpackOutcomes(answer.packed);
  return { worker: answer.worker, outcomes, ms: answer.ms };
}
