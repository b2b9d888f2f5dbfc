/** How tasks are cut into jobs: contiguous ranges of about a second, smaller towards the end so that workers finish together. */

/** Tasks by their numbers, from `from` up to and without `to`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface PlanOptions {
  readonly numTasks: number;
  /** The case of a task, for estimates of its time. */
  readonly caseOf: (task: number) => number;
  readonly isDone: (task: number) => boolean;
  /** How long a job should take. */
  readonly targetMs: number;
}

export interface Plan {
  /** The next tasks that nobody has taken, or undefined when all are. */
  readonly next: (numWorkers: number) => Range | undefined;
  /** How many tasks like this one make a job. */
  readonly batch: (task: number) => number;
  /** What tasks of a case took. */
  readonly measured: (caseIndex: number, numTasks: number, ms: number) => void;
}

/** No job is shorter than this share of the target unless its tasks are the last: traffic would outgrow work. */
const LEAST = 0.05;
/** A case that was never measured is taken to cost more than the others, until it is. */
const UNKNOWN_COSTS = 2;
/** Jobs grow by this much at a time while little is known. */
const GROWTH = 8;
const MOST_TASKS = 1e5;

/** A plan over all tasks that are not done yet. */
export function planJobs({ numTasks, caseOf, isDone, targetMs }: PlanOptions): Plan {
  const costs = new Map<number, number>();
  let [totalMs, totalTasks, largest, cursor] = [0, 0, 0, 0];
  const costOf = (task: number): number => {
    const overall = totalMs / Math.max(1, totalTasks);
    return costs.get(caseOf(task)) ?? UNKNOWN_COSTS * overall;
  };
  /** Time for one job: a second, or a share of what is left. */
  const budget = (numWorkers: number): number => {
    const left = (numTasks - cursor) * (totalMs / Math.max(1, totalTasks));
    const share = left / (2 * Math.max(1, numWorkers));
    return Math.max(LEAST * targetMs, Math.min(targetMs, share));
  };
  return {
    next(numWorkers) {
      while (cursor < numTasks && isDone(cursor)) cursor++;
      if (cursor >= numTasks) return undefined;
      const [from, most] = [cursor, Math.min(MOST_TASKS, GROWTH * Math.max(1, largest))];
      let left = totalTasks === 0 ? 0 : budget(numWorkers);
      do {
        left -= costOf(cursor);
        cursor++;
      } while (
        cursor < numTasks &&
        cursor - from < (totalTasks === 0 ? 1 : most) &&
        left >= costOf(cursor) &&
        !isDone(cursor)
      );
      return { from, to: cursor };
    },
    batch: (task) => Math.max(1, Math.min(MOST_TASKS, Math.floor(targetMs / costOf(task)) || 1)),
    measured(caseIndex, count, ms) {
      if (count === 0) return;
      largest = Math.max(largest, count);
      totalMs += ms;
      totalTasks += count;
      const before = costs.get(caseIndex);
      const now = ms / count;
      // newer measurements count more: machines warm up
      costs.set(caseIndex, before === undefined ? now : 0.7 * before + 0.3 * now);
    },
  };
}
