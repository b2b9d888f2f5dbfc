/** Threads that answer jobs, each a piscina pool of its own. */
import { availableParallelism } from "node:os";
import { seatsOf } from "../engines/seats.js";
import { messageOf } from "../errors.js";
import type { Answer, Job, Outcome, Outcomes } from "../schedule/job.js";
import { unpackOutcomes } from "../store/payload.js";
import { optionalPackage } from "./optional.js";

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

/** Cores of this machine. */
export const cores = (): number => availableParallelism();

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
  const { Piscina } = await optionalPackage<PiscinaModule>(fn, "piscina");
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
