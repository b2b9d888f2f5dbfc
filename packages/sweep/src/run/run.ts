/** The state of a sweep while it runs: what is answered, what is reduced, and what is not written yet. */
import type { Runner } from "../engines/engine.js";
import type { Reducer } from "../reduce/table.js";
import type { Tasks } from "../schedule/coordinate.js";
import { type Ledger, ledgerOf } from "../schedule/ledger.js";
import type { Archive, Entry } from "../store/archive.js";
import { decode } from "../task/value.js";

/**
 * What a sweep says while it runs.
 * @category Sweeps
 */
export interface SweepProgress {
  /** Tasks answered, those from the store included. */
  readonly numAnswered: number;
  readonly numFailed: number;
  readonly numTasks: number;
  readonly numWorkers: number;
  /** Jobs that are with workers, or wait for one. */
  readonly numJobs: number;
  /** `waiting` while something outside is away, such as Redis: the run goes on when it is back. */
  readonly state: "running" | "waiting";
}

export type OnProgress = ((progress: SweepProgress) => void) | undefined;

/** Results are written when there are so many characters of them, or when this time has passed, or this share of the whole run. */
const [MOST_TEXT, EVERY_MS, EVERY_SHARE] = [4e6, 1000, 0.01];
const [TELL_MS, SILENCE_MS] = [100, 800];

export interface Run {
  readonly ledger: Ledger;
  readonly reduced: Reducer;
  /** Takes over what the store holds. */
  readonly resume: () => Promise<void>;
  readonly take: (task: number, text: string) => void;
  readonly onAnswer: (
    runner: Runner,
    onProgress: OnProgress,
  ) => (state: { readonly numJobs: number }) => Promise<void> | undefined;
  /** Without a number of jobs, only when nothing was told for a while. */
  readonly tell: (runner: Runner, onProgress: OnProgress, numJobs: number | undefined) => void;
  /** Writes what is not written yet. */
  readonly flush: () => Promise<void>;
}

export function startRun(tasks: Tasks, reduced: Reducer, archive: Archive): Run {
  const { numReplicates } = tasks;
  const numTasks = tasks.settings.length * numReplicates;
  const ledger = ledgerOf(numTasks);
  const started = performance.now();
  let [pending, size, written, told] = [[] as Entry[], 0, started, -Infinity];

  const reduce = (task: number, text: string): void => {
    if (reduced.isIdle) return;
    reduced.add(Math.floor(task / numReplicates), task % numReplicates, decode(text));
  };
  const flush = async (): Promise<void> => {
    const entries = pending;
    [pending, size, written] = [[], 0, performance.now()];
    if (entries.length > 0) await archive.write(entries);
  };
  let known = 0;
  const tell: Run["tell"] = (runner, onProgress, numJobs) => {
    if (numJobs === undefined && performance.now() - told < SILENCE_MS) return;
    told = performance.now();
    known = numJobs ?? known;
    onProgress?.({
      numAnswered: ledger.numAnswered(),
      numFailed: ledger.numFailed(),
      numTasks,
      numWorkers: runner.numWorkers(),
      numJobs: known,
      state: runner.isWaiting?.() === true ? "waiting" : "running",
    });
  };
  return {
    ledger,
    reduced,
    tell,
    flush,
    resume: () =>
      archive.load(({ caseIndex, replicate, text }) => {
        if (replicate >= numReplicates) return;
        const task = caseIndex * numReplicates + replicate;
        if (ledger.arrive(task, text, "the store") === "first") reduce(task, text);
      }),
    take(task, text) {
      reduce(task, text);
      pending.push({
        caseIndex: Math.floor(task / numReplicates),
        replicate: task % numReplicates,
        text,
      });
      size += text.length;
    },
    onAnswer: (runner, onProgress) => (state) => {
      const now = performance.now();
      if (now - told > TELL_MS) tell(runner, onProgress, state.numJobs);
      const due = Math.max(EVERY_MS, EVERY_SHARE * (now - started));
      return size > MOST_TEXT || now - written > due ? flush() : undefined;
    },
  };
}
