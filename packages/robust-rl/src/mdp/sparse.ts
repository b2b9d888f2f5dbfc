/** Sparse transitions, in compressed rows. */
import { DomainError, ShapeError } from "@provably/core-tensor";
import { check, numberList, recordOf } from "@provably/core-tensor/internal";

/**
 * Transition probabilities of which most are zero, in compressed rows: row $sA + a$ has its successors in
 * `columns[rowPointers[row] … rowPointers[row + 1] − 1]`, in any order; the probabilities of a successor that is
 * listed more than once add up.
 * @category Decision processes
 */
export interface SparseTransitions {
  /** `[states, actions, states]`. */
  readonly shape: readonly [number, number, number];
  /** Where each row begins, and the end: states · actions + 1 numbers. */
  readonly rowPointers: Int32Array;
  /** Successor states. */
  readonly columns: Int32Array;
  /** Their probabilities. */
  readonly probabilities: Float64Array;
}

/**
 * {@link SparseTransitions} in lists or typed arrays of any kind, as they come from other tools.
 * @category Decision processes
 */
export type SparseLists = { readonly [Part in keyof SparseTransitions]: ArrayLike<number> };

const SPARSE = recordOf<SparseLists>({
  shape: numberList,
  rowPointers: numberList,
  columns: numberList,
  probabilities: numberList,
});

/** Sparse parts, of which at least the pointers fit the columns and probabilities. */
export function checkSparseParts(fn: string, given: SparseLists): SparseLists {
  const parts = check(fn, "transitions", given, SPARSE);
  const [states, actions] = Array.from(parts.shape);
  const entries = parts.columns.length;
  const rows = (states ?? 0) * (actions ?? 0);
  if (parts.rowPointers.length !== rows + 1 || parts.probabilities.length !== entries)
    throw new ShapeError(
      `${fn}: sparse transitions of shape [${Array.from(parts.shape).join(", ")}] need ${rows + 1} row pointers and as many columns as probabilities, got ${parts.rowPointers.length}, ${entries} and ${parts.probabilities.length}`,
    );
  return parts;
}

export function readSparse(fn: string, given: SparseLists): SparseTransitions {
  const parts = check(fn, "transitions", given, SPARSE);
  const shape = Array.from(parts.shape) as [number, number, number];
  const [states, actions, successors] = shape;
  if (
    shape.length !== 3 ||
    !shape.every((n) => Number.isInteger(n) && n > 0) ||
    states !== successors
  )
    throw new ShapeError(
      `${fn}: sparse transitions must have shape [S, A, S] with S, A ≥ 1, got [${shape.join(", ")}]`,
    );
  const whole = (name: "rowPointers" | "columns", below: number): Int32Array => {
    for (let k = 0; k < parts[name].length; k++) {
      const x = parts[name][k]!;
      if (!(Number.isInteger(x) && x >= 0 && x < below))
        throw new DomainError(
          `${fn}: transitions.${name}[${k}] must be ${name === "columns" ? `a state below ${successors}` : "a place in columns"}, got ${x}`,
        );
    }
    return Int32Array.from(parts[name]);
  };
  const probabilities = Float64Array.from(parts.probabilities);
  const entries = probabilities.length;
  const [rowPointers, columns] = [whole("rowPointers", entries + 1), whole("columns", successors)];
  const rows = states * actions;
  if (
    rowPointers.length !== rows + 1 ||
    rowPointers[0] !== 0 ||
    rowPointers[rows] !== entries ||
    columns.length !== entries
  )
    throw new ShapeError(
      `${fn}: sparse transitions of shape [${shape.join(", ")}] need ${rows + 1} row pointers from 0 to the number of entries, got ${rowPointers.length} pointers ending at ${rowPointers[rowPointers.length - 1]}, ${columns.length} columns, ${entries} probabilities`,
    );
  for (let row = 0; row < rows; row++) {
    const [from, to] = [rowPointers[row]!, rowPointers[row + 1]!];
    if (to < from)
      throw new ShapeError(
        `${fn}: row pointers must not fall, got ${from} then ${to} at row ${row}`,
      );
    let sum = 0;
    for (let k = from; k < to; k++) {
      const p = probabilities[k]!;
      if (!(p >= 0))
        throw new DomainError(`${fn}: probabilities[${k}] must be a probability, got ${p}`);
      sum += p;
    }
    if (!(Math.abs(sum - 1) <= 1e-8))
      throw new DomainError(
        `${fn}: transitions[${Math.floor(row / actions)}, ${row % actions}, :] must sum to 1, got ${sum}; divide each row by its sum`,
      );
  }
  return { shape, rowPointers, columns, probabilities };
}
