/** What a sweep returns. */
import type { Certificate } from "@provably/core-tensor";
import { certificate } from "@provably/core-tensor/internal";
import type { DeterminismError, TaskError, WorkerLostError } from "../errors.js";
import type { Reduced } from "../reduce/reduction.js";
import type { Coordinated, Tasks } from "../schedule/coordinate.js";
import type { Case } from "../task/cases.js";
import type { Run } from "./run.js";

/**
 * One case of a sweep.
 * @category Sweeps
 */
export interface SweepRow<C extends Case = Case> {
  readonly settings: C;
  /** Replicates that were answered. */
  readonly numAnswered: number;
  /** By field, then by reduction. */
  readonly reductions: Readonly<Record<string, Reduced>>;
}

/**
 * A task that has no result.
 * @category Sweeps
 */
export interface SweepFailure<C extends Case = Case> {
  readonly settings: C;
  readonly replicate: number;
  readonly error: TaskError | WorkerLostError;
  readonly attempts: number;
}

/**
 * What {@link sweep} returns.
 * @category Sweeps
 */
export interface SweepResult<C extends Case = Case> {
  /** One row a case, in the order of the cases. */
  readonly table: readonly SweepRow<C>[];
  /** In the order of cases and replicates. */
  readonly failures: readonly SweepFailure<C>[];
  /** Tasks that gave other bits the second time. */
  readonly disagreements: readonly DeterminismError[];
  /** `value` is the share of tasks that were answered. */
  readonly certificate: Certificate;
}

export function resultOf<C extends Case>(
  cases: readonly C[],
  { numReplicates }: Tasks,
  { ledger, reduced }: Run,
  found: Coordinated,
): SweepResult<C> {
  const place = (task: number) => ({
    settings: cases[Math.floor(task / numReplicates)]!,
    replicate: task % numReplicates,
  });
  const table = cases.map((settings, i): SweepRow<C> => {
    let numAnswered = 0;
    for (let r = 0; r < numReplicates; r++)
      if (ledger.isAnswered(i * numReplicates + r)) numAnswered++;
    return { settings, numAnswered, reductions: reduced.row(i) };
  });
  return {
    table,
    failures: [...found.failures]
      .sort((a, b) => a.task - b.task)
      .map(({ task, error, attempts }) => ({ ...place(task), error, attempts })),
    disagreements: found.disagreements,
    certificate: certify(cases.length * numReplicates, ledger.numAnswered(), found),
  };
}

function certify(
  numTasks: number,
  numAnswered: number,
  { failures, disagreements, numAudited, numAuditedAlone }: Coordinated,
): Certificate {
  const alone =
    numAuditedAlone === 0 ? "" : ` (${numAuditedAlone} by the worker that had computed them)`;
  return certificate({
    claim:
      numAudited > 0 || disagreements.length > 0
        ? "every task answered, and the audited ones twice alike"
        : "every task answered; none was audited",
    kind: "exact",
    value: numAnswered / numTasks,
    expected: 1,
    tolerance: 0,
    verdict: numAnswered === numTasks && disagreements.length === 0,
    note: `${numAudited} of ${numTasks} tasks audited${alone}, ${disagreements.length} disagreements, ${failures.length} failures; an audit cannot see what is wrong alike both times`,
  });
}
