/** What is recorded while a model of the theory trains. */
import { DomainError } from "@provably/core-tensor";
import { anyNumber, check, listOf, recordWith, wholeNumber } from "@provably/core-tensor/internal";

/**
 * The history of one query of one cluster: entry `i` belongs to step `steps[i]`, taken before that step.
 * @category Training
 */
export interface QueryHistory {
  /** The query's own area, whose correlation should grow. */
  readonly target: number;
  readonly steps: readonly number[];
  readonly loss: readonly number[];
  /** Feature–position correlation with each area, `[step][area]`. */
  readonly phi: readonly (readonly number[])[];
  /** $\alpha = -\partial L / \partial \Phi$ for each area, `[step][area]`. */
  readonly alpha: readonly (readonly number[])[];
  /** Attention to the seen patches of each area while the query is masked and some of its own area is seen, `[step][area]`. */
  readonly areaAttention: readonly (readonly number[])[];
  /** Largest positional correlation of the query in size. */
  readonly upsilonMax: readonly number[];
}

const rows = listOf(listOf(anyNumber));
const shape = recordWith({
  target: wholeNumber(0),
  steps: listOf(anyNumber),
  phi: rows,
  alpha: rows,
  areaAttention: rows,
  upsilonMax: listOf(anyNumber),
});

/** Whether `history` is one of at least one record, each with the areas `target` and `global`. */
export function checkHistory(fn: string, history: QueryHistory, global = 0): void {
  const { target, steps, phi, alpha, areaAttention, upsilonMax } = check(
    fn,
    "history",
    history,
    shape,
  );
  if (steps.length === 0) throw new DomainError(`${fn}: history must hold at least one record`);
  check(fn, "global", global, wholeNumber(0));
  for (const [name, column] of Object.entries({ phi, alpha, areaAttention, upsilonMax }))
    if (column.length !== steps.length)
      throw new DomainError(
        `${fn}: history.${name} must hold ${steps.length} records, got ${column.length}`,
      );
  for (const row of [...phi, ...alpha, ...areaAttention])
    if (Math.max(global, target) >= row.length)
      throw new DomainError(
        `${fn}: history has ${row.length} areas, not ${Math.max(global, target) + 1}`,
      );
}
