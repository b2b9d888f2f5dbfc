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
import { EngineError } from "../errors.js";
import type { Engine, Runner } from "./engine.js";
import { loadNode } from "./on-node.js";

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
  return Object.freeze<Engine>({
    kind: "threads",
    async open({ loaded, signal }): Promise<Runner> {
      if (loaded.url === undefined)
        throw new EngineError(
          'threads: threads load the task themselves: give the address of its module, as new URL("./my.task.mjs", import.meta.url), or use inline()',
        );
      const { cores, openThreads } = await loadNode("threads");
      const count = numThreads ?? cores();
      const seats = await openThreads("threads", count, { signal, memoryMb, execArgv, prefix: "" });
      const { url } = loaded;
      return {
        numWorkers: () => count,
        run: (job) => seats.run(job, url),
        close: seats.close,
      };
    },
  });
}
