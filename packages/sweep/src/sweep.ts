/** One sweep: every case, every replicate, once. */
import { DomainError } from "@provably/core-tensor";
import { type RngKey, foldIn } from "@provably/core-tensor/random";
import {
  type Guard,
  type Schema,
  anyFunction,
  check,
  checkOptions,
  listOf,
  longWork,
  mapOf,
  numberIn,
  recordWith,
  rngKey,
  satisfying,
  either,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { Engine, Runner } from "./engines/engine.js";
import { threads } from "./engines/threads.js";
import type { Reduction } from "./reduce/reduction.js";
import { type ReduceFields, reducer } from "./reduce/table.js";
import { type SweepResult, resultOf } from "./run/result.js";
import { type SweepProgress, startRun } from "./run/run.js";
import { type Tasks, coordinate } from "./schedule/coordinate.js";
import { type Archive, caseIdentity, openArchive } from "./store/archive.js";
import { memory } from "./store/memory.js";
import type { Store } from "./store/store.js";
import { type Case, caseText } from "./task/cases.js";
import { type Code, type LoadedTask, loadTask } from "./task/code.js";
import { sha256 } from "./task/hash.js";
import type { Task } from "./task/task.js";

/**
 * Options of {@link sweep}.
 * @category Sweeps
 */
export interface SweepOptions<C extends Case = Case> {
  /** Settings of the cases, all different; see {@link grid}. */
  readonly cases: readonly C[];
  /** How often each case is run, each time with a key of its own; default 1. */
  readonly replicates?: number;
  /** Where tasks run; default {@link threads}. */
  readonly engine?: Engine;
  /** Where results lie; default {@link memory}. A run that was stopped goes on from it. */
  readonly store?: Store;
  /** What to make of which fields of the results; a dot leads into records. */
  readonly reduce?: ReduceFields;
  /** How often a task that throws is tried again; default 0. */
  readonly retries?: number;
  /** Share of tasks that is computed again, by another worker where there is one, and compared bit for bit; default 0. */
  readonly audit?: number;
  /** Called when something was answered, or something outside is waited for, a few times a second at most. */
  readonly onProgress?: (progress: SweepProgress) => void;
  /** Ends the sweep; what is answered is in the store. */
  readonly signal?: AbortSignal;
}

const storeGuard: Guard<Store> = recordWith({
  get: anyFunction,
  put: anyFunction,
  list: anyFunction,
  remove: anyFunction,
});
const reductionGuard: Guard<Reduction> = satisfying(
  "made by mean, quantiles or collect",
  (x) => typeof (x as Reduction | undefined)?.make === "function",
);
const OPTIONS: Schema<SweepOptions> = {
  cases: satisfying("a list of cases, with at least one", (x) => Array.isArray(x) && x.length > 0),
  replicates: wholeNumber(),
  engine: satisfying<Engine>(
    "made by inline, threads, workers or queue",
    (x) => typeof (x as Engine | undefined)?.open === "function",
  ),
  store: storeGuard,
  reduce: mapOf(either(listOf(reductionGuard), reductionGuard)),
  retries: wholeNumber(0),
  audit: numberIn(0, 1),
  ...longWork,
};

/** More tasks than this are a mistake: some bytes are kept for each. */
const MOST_TASKS = 2 ** 28;
const TARGET_MS = 1000;
const TELL_MS = 1000;

/**
 * Runs a task for every case and every replicate, on one thread, many threads or many machines: with the same bits.
 *
 * Replicate $r$ of case $c$ is called with the key `foldIn(foldIn(key, SHA-256 of c), r)`, so adding cases or replicates changes no other result,
 * and neither does where or when a task runs. Reductions add by a fixed tree. With a {@link directory} as its store a sweep that was stopped,
 * or killed, goes on where it was; results of other code are refused.
 *
 * @param task - address of a module that exports a task by default, as `new URL("./my.task.mjs", import.meta.url)`; a task itself for {@link inline}, or for {@link workers} that serve it
 * @param key - random key
 * @param options - see {@link SweepOptions}
 * @returns see {@link SweepResult}
 * @throws `DomainError` for what is no task, case or option; `StoreError` when the store holds results of other code, is damaged or cannot be written; `EngineError` when the engine cannot work; the reason of `signal`
 * @example
 * ```ts
 * import { item, mean as average } from "@provably/core-tensor";
 * import { key, normal } from "@provably/core-tensor/random";
 * import { defineTask, grid, inline, mean, sweep } from "@provably/sweep";
 *
 * const task = defineTask({
 *   name: "mean of normal draws",
 *   run: ({ n }: { n: number }, k) => ({ square: item(average(normal(k, [n], { dtype: "float64" }))) ** 2 }),
 * });
 * const { table, certificate } = await sweep(task, key(0), {
 *   cases: grid({ n: [10, 40] }),
 *   replicates: 400,
 *   engine: inline(),
 *   reduce: { square: mean() },
 *   audit: 0.05,
 * });
 * const { value, standardError } = table[1]!.reductions["square"]!.mean!;
 * Math.abs(value - 1 / 40) < 4 * standardError; // => true
 * certificate.holds; // => true
 * ```
 * @category Sweeps
 */
export async function sweep<C extends Case>(
  task: URL | string | Task<C>,
  key: RngKey,
  options: SweepOptions<C>,
): Promise<SweepResult<C>> {
  const given = checkOptions("sweep", options as SweepOptions, OPTIONS);
  check("sweep", "cases", given.cases, OPTIONS.cases);
  check("sweep", "key", key, rngKey);
  const { replicates = 1, store = memory(), engine = threads(), reduce = {}, signal } = given;
  const numTasks = given.cases.length * replicates;
  if (numTasks > MOST_TASKS)
    throw new DomainError(`sweep: there can be at most 2²⁸ tasks, got ${numTasks}`);
  const settings = textsOf(given.cases);
  signal?.throwIfAborted();
  const loaded = await loadTask("sweep", task);
  if (loaded.url === undefined && store.isMemory !== true)
    throw new DomainError(
      "sweep: store needs the address of the task's module, since nobody knows of what code a task passed as a value is",
    );
  const tasks = await tasksOfCases(loaded.code, key, settings, replicates);
  const run = startRun(tasks, reducer(reduce, replicates), await archiveOf(store, tasks, key));
  const runner = await openEngine(engine, loaded, key, store, signal);
  // also while nothing happens
  const clock = setInterval(() => run.tell(runner, given.onProgress, undefined), TELL_MS);
  try {
    await run.resume();
    const found = await coordinate({
      tasks,
      ledger: run.ledger,
      runner,
      retries: given.retries ?? 0,
      audit: given.audit ?? 0,
      targetMs: TARGET_MS,
      take: run.take,
      onAnswer: run.onAnswer(runner, given.onProgress),
      signal: signal ?? NEVER,
    });
    await run.flush();
    run.tell(runner, given.onProgress, 0);
    return resultOf(options.cases, tasks, run, found);
  } finally {
    clearInterval(clock);
    await runner.close();
    try {
      await run.flush();
    } finally {
      await store.close?.();
    }
  }
}

const NEVER = new AbortController().signal;

/** Cases as text, all different. */
function textsOf(cases: readonly unknown[]): string[] {
  const seen = new Map<string, number>();
  return Array.from(cases, (settings, i) => {
    const text = caseText("sweep", `cases[${i}]`, settings);
    if (seen.has(text))
      throw new DomainError(`sweep: cases[${i}] is the same as cases[${seen.get(text)!}]: ${text}`);
    seen.set(text, i);
    return text;
  });
}

async function tasksOfCases(
  code: Code,
  key: RngKey,
  settings: readonly string[],
  numReplicates: number,
): Promise<Tasks> {
  const keys: RngKey[] = [];
  for (const text of settings) keys.push(foldIn(key, await sha256(text)));
  return { code, settings, keys, numReplicates };
}

async function archiveOf(store: Store, { code, settings }: Tasks, key: RngKey): Promise<Archive> {
  // nothing in it outlives the sweep unless the caller keeps it
  const identities: string[] = [];
  for (const text of settings) identities.push(await caseIdentity(code, key, text));
  return openArchive(store, code, key, identities);
}

async function openEngine(
  engine: Engine,
  loaded: LoadedTask,
  key: RngKey,
  store: Store,
  signal: AbortSignal = NEVER,
): Promise<Runner> {
  const identity = await caseIdentity(loaded.code, key, "");
  return engine.open({ loaded, identity, store, signal });
}
