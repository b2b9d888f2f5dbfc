/** Which tasks are answered, by whom, and with which bits. */
import { digest } from "../task/hash.js";
import type { Range } from "./plan.js";

const [ANSWERED, FAILED] = [1, 2];

/** What becomes of a result that arrives. */
export type Arrival = "first" | "again" | "other bits";

export interface Ledger {
  readonly numAnswered: () => number;
  readonly numFailed: () => number;
  readonly isDone: (task: number) => boolean;
  readonly isAnswered: (task: number) => boolean;
  /** Takes a result: the first is kept, later ones are compared with it. */
  readonly arrive: (task: number, text: string, worker: string) => Arrival;
  readonly fail: (task: number) => void;
  /** Who gave the first result. */
  readonly workerOf: (task: number) => string;
}

/** A ledger of so many tasks: thirteen bytes each, whatever their results. */
export function ledgerOf(numTasks: number): Ledger {
  const state = new Uint8Array(numTasks);
  const [low, high, who] = [
    new Uint32Array(numTasks),
    new Uint32Array(numTasks),
    new Uint32Array(numTasks),
  ];
  const [names, numbers] = [[] as string[], new Map<string, number>()];
  const numberOf = (worker: string): number => {
    if (!numbers.has(worker)) numbers.set(worker, names.push(worker) - 1);
    return numbers.get(worker)!;
  };
  let [answered, failed] = [0, 0];
  return {
    numAnswered: () => answered,
    numFailed: () => failed,
    isDone: (task) => state[task] !== 0,
    isAnswered: (task) => state[task] === ANSWERED,
    arrive(task, text, worker) {
      const [a, b] = digest(text);
      if (state[task] === ANSWERED)
        return low[task] === a && high[task] === b ? "again" : "other bits";
      // a task that was given up and comes back after all
      if (state[task] === FAILED) failed--;
      state[task] = ANSWERED;
      answered++;
      [low[task], high[task], who[task]] = [a, b, numberOf(worker)];
      return "first";
    },
    fail(task) {
      if (state[task] !== 0) return;
      state[task] = FAILED;
      failed++;
    },
    workerOf: (task) => names[who[task]!] ?? "",
  };
}

/** Tasks as ranges, where they follow each other. */
export function rangesOf(tasks: readonly number[]): Range[] {
  const ranges: { from: number; to: number }[] = [];
  for (const task of tasks) {
    const last = ranges.at(-1);
    if (last?.to === task) last.to++;
    else ranges.push({ from: task, to: task + 1 });
  }
  return ranges;
}

/** The tasks of ranges, one by one. */
export function tasksOf(ranges: readonly Range[]): number[] {
  return ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i));
}
