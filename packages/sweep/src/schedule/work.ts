/** What is to be done next: work that came back first, then audits, then tasks that nobody has taken. */
import type { Plan, Range } from "./plan.js";

/** Tasks that go to a worker together. */
export interface Work {
  readonly ranges: readonly Range[];
  /** Whether the tasks are answered already and computed again to compare. */
  readonly isAudit: boolean;
  /** Who computed them first. */
  readonly notOn?: string;
  /** How often workers have handed it back. */
  readonly numReturns: number;
}

export interface Agenda {
  readonly next: (numWorkers: number) => Work | undefined;
  /** Puts work first in the line. */
  readonly again: (work: Work) => void;
  /** Notes a task for an audit. */
  readonly audit: (task: number, worker: string) => void;
}

export function agendaOf(plan: Plan, toRanges: (tasks: readonly number[]) => Range[]): Agenda {
  const returned: Work[] = [];
  const audits = new Map<string, number[]>();
  const auditOf = (worker: string, share: number): Work => {
    const tasks = audits.get(worker)!;
    const taken = tasks.splice(0, share);
    if (tasks.length === 0) audits.delete(worker);
    return { ranges: toRanges(taken), isAudit: true, notOn: worker, numReturns: 0 };
  };
  return {
    next(numWorkers) {
      if (returned.length > 0) return returned.shift();
      for (const [worker, tasks] of audits) {
        const share = plan.batch(tasks[0]!);
        if (tasks.length >= share) return auditOf(worker, share);
      }
      const fresh = plan.next(numWorkers);
      if (fresh !== undefined) return { ranges: [fresh], isAudit: false, numReturns: 0 };
      for (const [worker, tasks] of audits)
        return auditOf(worker, Math.ceil(tasks.length / Math.max(1, numWorkers)));
      return undefined;
    },
    again: (work) => void returned.push(work),
    audit(task, worker) {
      if (!audits.has(worker)) audits.set(worker, []);
      audits.get(worker)!.push(task);
    },
  };
}
