/** Engines: where tasks run. */
import type { LoadedTask } from "../task/code.js";
import type { Answer, Job } from "../schedule/job.js";
import type { Store } from "../store/store.js";

/** What an engine is given when a sweep starts. */
export interface EngineContext {
  readonly loaded: LoadedTask;
  /** Identity of the sweep: code and key. */
  readonly identity: string;
  readonly store: Store;
  readonly signal: AbortSignal;
}

/** An engine at work. */
export interface Runner {
  /** Workers that are there now. */
  readonly numWorkers: () => number;
  /** Runs a job; rejects only for what ends the sweep. */
  readonly run: (job: Job) => Promise<Answer>;
  /** Whether it waits for something outside, such as Redis; the run goes on by itself when that is back. */
  readonly isWaiting?: () => boolean;
  /** Calls back when the number of workers has changed. */
  readonly watch?: (callback: () => void) => void;
  readonly close: () => Promise<void>;
}

/**
 * Where tasks run; from {@link inline}, {@link threads}, {@link workers} or {@link queue}.
 * @category Engines
 */
export interface Engine {
  readonly kind: "inline" | "threads" | "workers" | "queue";
  /**
   * For {@link sweep}: makes the engine ready.
   * @internal
   */
  readonly open: (context: EngineContext) => Promise<Runner>;
}
