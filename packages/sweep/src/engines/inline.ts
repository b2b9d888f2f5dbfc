/** The calling thread. */
import { answerJob } from "../schedule/job.js";
import type { Engine } from "./engine.js";

/**
 * Runs tasks in the calling thread, one after the other; for small sweeps, for debugging, and in browsers.
 *
 * Between tasks the event loop gets its turn some 25 times a second.
 *
 * @returns engine for the option `engine` of {@link sweep}
 * @example
 * ```ts
 * import { inline } from "@provably/sweep";
 *
 * inline().kind; // => "inline"
 * ```
 * @category Engines
 */
export function inline(): Engine {
  return Object.freeze<Engine>({
    kind: "inline",
    open: ({ loaded, signal }) =>
      Promise.resolve({
        numWorkers: () => 1,
        run: (job) => answerJob(loaded.task, job, "the calling thread", signal),
        close: () => Promise.resolve(),
      }),
  });
}
