/** The coordinator: hands out jobs, takes answers, decides what becomes of tasks that throw and of workers that die. Knows no engine and no clock. */
import type { RngKey } from "@provably/core-tensor/random";
import { digest } from "../task/hash.js";
import type { Code } from "../task/code.js";
import type { Runner } from "../engines/engine.js";
import { DeterminismError, EngineError, TaskError, WorkerLostError } from "../errors.js";
import type { Answer, Job, Outcomes, Part, Thrown } from "./job.js";
import { type Ledger, rangesOf, tasksOf } from "./ledger.js";
import { planJobs } from "./plan.js";
import { type Work, agendaOf } from "./work.js";

/** Cases and replicates: task `t` is replicate `t mod numReplicates` of case `⌊t / numReplicates⌋`. */
export interface Tasks {
  readonly code: Code;
  /** Settings as text, and the key, of each case. */
  readonly settings: readonly string[];
  readonly keys: readonly RngKey[];
  readonly numReplicates: number;
}

export interface CoordinateOptions {
  readonly tasks: Tasks;
  readonly ledger: Ledger;
  readonly runner: Runner;
  readonly retries: number;
  /** Share of tasks that is computed twice. */
  readonly audit: number;
  readonly targetMs: number;
  /** Called with the first result of a task. */
  readonly take: (task: number, text: string) => void;
  /** Called after every answer; what it promises is waited for. */
  readonly onAnswer: (state: { readonly numJobs: number }) => Promise<void> | undefined;
  readonly signal: AbortSignal;
}

/** A task that was given up. */
export interface GivenUp {
  readonly task: number;
  readonly error: TaskError | WorkerLostError;
  readonly attempts: number;
}

export interface Coordinated {
  readonly failures: readonly GivenUp[];
  readonly numAudited: number;
  /** Of those, how many by the worker that had computed them first, for want of another. */
  readonly numAuditedAlone: number;
  readonly disagreements: readonly DeterminismError[];
}

/** Jobs ahead for each worker, so that none waits for the next. */
const AHEAD = 2;
/** A task that takes its worker down so often is given up. */
const STRIKES = 3;
/** Work is split into so many parts when its worker dies, to find the task that did it. */
const PARTS = 16;
/** A job is handed back so often at most before it is given to anyone. */
const RETURNS = 24;
/** So many refusals one after the other, with no answer between them, end the sweep. */
const REFUSALS = 8;

/** Whether a task is computed twice; depends on its case, its key and its number alone. */
export function isAudited(tasks: Tasks, task: number, share: number): boolean {
  if (share <= 0 || share >= 1) return share >= 1;
  const key = tasks.keys[Math.floor(task / tasks.numReplicates)]!;
  const [word] = digest(`audit ${key} ${task % tasks.numReplicates}`);
  return word / 2 ** 32 < share;
}

/** Runs all tasks that the ledger does not have. */
export async function coordinate(options: CoordinateOptions): Promise<Coordinated> {
  const { tasks, ledger, runner, signal } = options;
  const { numReplicates } = tasks;
  const plan = planJobs({
    numTasks: tasks.settings.length * numReplicates,
    caseOf: (task) => Math.floor(task / numReplicates),
    isDone: ledger.isDone,
    targetMs: options.targetMs,
  });
  const agenda = agendaOf(plan, rangesOf);
  const judge = judgeOf(options, agenda.again, agenda.audit, plan.measured);
  const answered: (readonly [Work, Job, Answer])[] = [];
  let [numJobs, numMade, wake, fatal] = [0, 0, () => {}, undefined as Error | undefined];
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  runner.watch?.(() => wake());
  const launch = (work: Work): void => {
    const job = jobOf(tasks, work, `${numMade++}`, runner.numWorkers());
    numJobs++;
    runner.run(job).then(
      (answer) => {
        answered.push([work, job, answer]);
        wake();
      },
      (error: unknown) => {
        fatal = error instanceof Error ? error : new EngineError(`sweep: ${String(error)}`);
        wake();
      },
    );
  };
  for (;;) {
    const most = AHEAD * Math.max(1, runner.numWorkers());
    while (numJobs < most) {
      const work = agenda.next(runner.numWorkers());
      if (work === undefined) break;
      launch(work);
    }
    if (numJobs === 0) break;
    if (answered.length === 0 && fatal === undefined)
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (signal.aborted) resolve();
      });
    signal.throwIfAborted();
    if (fatal !== undefined) throw fatal;
    for (const [work, job, answer] of answered.splice(0)) {
      numJobs--;
      judge.take(work, job, answer);
      await options.onAnswer({ numJobs });
    }
  }
  signal.removeEventListener("abort", onAbort);
  return judge.result();
}

/** The job of some work: its ranges, cut where a case ends. */
function jobOf(tasks: Tasks, work: Work, id: string, numWorkers: number): Job {
  const parts: Part[] = [];
  for (const { from, to } of work.ranges)
    for (let task = from; task < to;) {
      const index = Math.floor(task / tasks.numReplicates);
      const first = index * tasks.numReplicates;
      const end = Math.min(to, first + tasks.numReplicates);
      const [settings, key] = [tasks.settings[index]!, tasks.keys[index]!];
      parts.push({ settings, key, from: task - first, to: end - first });
      task = end;
    }
  const { numReturns } = work;
  const job = { id, code: tasks.code, parts, ...(numReturns > 0 ? { numReturns } : {}) };
  // with one worker alone there is no other to ask
  const other = work.notOn !== undefined && numWorkers > 1 && work.numReturns < RETURNS;
  return other ? { ...job, notOn: work.notOn } : job;
}

/** Takes answers to pieces. */
function judgeOf(
  { tasks, ledger, retries, audit, take }: CoordinateOptions,
  again: (work: Work) => void,
  noteAudit: (task: number, worker: string) => void,
  measured: (caseIndex: number, numTasks: number, ms: number) => void,
) {
  const failures: GivenUp[] = [];
  const disagreements: DeterminismError[] = [];
  const [attempts, strikes] = [new Map<number, number>(), new Map<number, number>()];
  let [numAudited, numAuditedAlone, refusals] = [0, 0, 0];
  const more = (counts: Map<number, number>, task: number): number => {
    const count = (counts.get(task) ?? 0) + 1;
    counts.set(task, count);
    return count;
  };
  const disagree = (task: number, worker: string): void => {
    const index = Math.floor(task / tasks.numReplicates);
    const pair: [string, string] = [ledger.workerOf(task), worker];
    const replicate = task % tasks.numReplicates;
    disagreements.push(
      new DeterminismError(tasks.code.task, tasks.settings[index]!, replicate, pair),
    );
  };
  const giveUp = (task: number, error: GivenUp["error"], count: number): void => {
    if (ledger.isDone(task)) return;
    ledger.fail(task);
    failures.push({ task, error, attempts: count });
  };
  const describe = (task: number): string =>
    `case ${tasks.settings[Math.floor(task / tasks.numReplicates)]!}, replicate ${task % tasks.numReplicates}`;

  const onThrown = (work: Work, task: number, thrown: Thrown, worker: string): void => {
    if (work.isAudit) return disagree(task, worker);
    const count = more(attempts, task);
    if (count <= retries)
      return again({ ranges: [{ from: task, to: task + 1 }], isAudit: false, numReturns: 0 });
    const message = `sweep: "${tasks.code.task}" threw ${thrown.name}: ${thrown.message} (${describe(task)})`;
    giveUp(task, new TaskError(message, thrown), count);
  };
  const onValue = (work: Work, task: number, text: string, worker: string): void => {
    const arrival = ledger.arrive(task, text, worker);
    if (arrival === "other bits") disagree(task, worker);
    if (work.isAudit) {
      numAudited++;
      if (ledger.workerOf(task) === worker) numAuditedAlone++;
    }
    if (arrival !== "first") return;
    take(task, text);
    if (isAudited(tasks, task, audit)) noteAudit(task, worker);
  };
  const onOutcomes = (work: Work, job: Job, { worker, outcomes, ms }: Outcomes): void => {
    const list = tasksOf(work.ranges);
    if (outcomes.length !== list.length)
      throw new EngineError(
        `sweep: ${worker} answered ${outcomes.length} of ${list.length} tasks of a job`,
      );
    for (const [i, outcome] of outcomes.entries())
      if (typeof outcome === "string") onValue(work, list[i]!, outcome, worker);
      else onThrown(work, list[i]!, outcome, worker);
    let at = 0;
    for (const [i, { from, to }] of job.parts.entries()) {
      measured(Math.floor(list[at]! / tasks.numReplicates), to - from, ms[i] ?? 0);
      at += to - from;
    }
  };
  const onCrash = (work: Work, reason: string): void => {
    const list = tasksOf(work.ranges);
    if (list.length > 1) {
      const size = Math.ceil(list.length / PARTS);
      for (let at = 0; at < list.length; at += size)
        again({ ...work, ranges: rangesOf(list.slice(at, at + size)), numReturns: 0 });
      return;
    }
    const task = list[0]!;
    const count = more(strikes, task);
    if (count < STRIKES) return again(work);
    if (work.isAudit) return disagree(task, `a worker that it took down (${reason})`);
    const message = `sweep: "${tasks.code.task}" took its worker down ${count} times (${describe(task)}): ${reason}`;
    giveUp(task, new WorkerLostError(message), count);
  };
  return {
    take(work: Work, job: Job, answer: Answer): void {
      if ("outcomes" in answer) {
        refusals = 0;
        onOutcomes(work, job, answer);
      } else if ("crashed" in answer) onCrash(work, answer.crashed);
      else if ("declined" in answer) again({ ...work, numReturns: work.numReturns + 1 });
      else if (++refusals >= REFUSALS)
        throw new EngineError(`sweep: no worker takes the jobs: ${answer.refused}`);
      else again({ ...work, numReturns: work.numReturns + 1 });
    },
    result: (): Coordinated => ({ failures, numAudited, numAuditedAlone, disagreements }),
  };
}
