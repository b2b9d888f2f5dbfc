/** Checks of probability distributions. */
import { type ArrayInput, DomainError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";
import { placeOf, shaped } from "./read.js";

/** Checks that every row of `p` is a distribution. `name` says which argument, `rows` how rows are indexed. */
export function checkRows(
  fn: string,
  name: string,
  p: Float64Array,
  n: number,
  leading: readonly number[],
): void {
  for (let row = 0; row * n < p.length; row++) {
    let sum = 0;
    for (let s = 0; s < n; s++) {
      const x = p[row * n + s]!;
      if (!(x >= 0))
        throw new DomainError(
          `${fn}: ${name}[${[...placeOf(row, leading), s].join(", ")}] must be a probability, got ${show(x)}`,
        );
      sum += x;
    }
    if (!(Math.abs(sum - 1) <= 1e-8))
      throw new DomainError(
        `${fn}: ${name}[${[...placeOf(row, leading), ":"].join(", ")}] must sum to 1, got ${sum}; normalize() rescales rows`,
      );
  }
}

/** The distribution of the first state; uniform where none is given. */
export function startOf(
  fn: string,
  start: ArrayInput | undefined,
  numStates: number,
): Float64Array {
  if (start === undefined) return new Float64Array(numStates).fill(1 / numStates);
  const p = shaped(fn, "start", start, [numStates]);
  checkRows(fn, "start", p, numStates, []);
  return p;
}
