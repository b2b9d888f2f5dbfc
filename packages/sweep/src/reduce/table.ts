/** All reductions of a sweep: fed with results in any order, read case by case. */
import { DomainError } from "@provably/core-tensor";
import { isRecord, show } from "@provably/core-tensor/internal";
import type { Accumulator, Reduced, Reduction } from "./reduction.js";

/** Reductions by the field that they take; a dot leads into records. */
export type ReduceFields = Readonly<Record<string, Reduction | readonly Reduction[]>>;

export interface Reducer {
  /** Whether it takes anything. */
  readonly isIdle: boolean;
  readonly add: (caseIndex: number, replicate: number, value: unknown) => void;
  readonly row: (caseIndex: number) => Readonly<Record<string, Reduced>>;
}

export function reducer(fields: ReduceFields, numReplicates: number): Reducer {
  const wanted = Object.entries(fields).map(([field, given]) => ({
    field,
    path: field.split("."),
    reductions: [given].flat() as readonly Reduction[],
  }));
  const cases = new Map<number, Accumulator<unknown>[][]>();
  const make = () =>
    wanted.map(({ field, reductions }) =>
      reductions.map((reduction) => {
        const accumulator: unknown = reduction.make(numReplicates);
        if (isRecord(accumulator) && typeof accumulator["add"] === "function")
          return accumulator as unknown as Accumulator<unknown>;
        throw new DomainError(
          `sweep: reduce.${field} must hold what mean, quantiles or collect give, got ${show(reduction)}`,
        );
      }),
    );
  const at = (caseIndex: number): Accumulator<unknown>[][] => {
    if (!cases.has(caseIndex)) cases.set(caseIndex, make());
    return cases.get(caseIndex)!;
  };
  return {
    isIdle: wanted.length === 0,
    add(caseIndex, replicate, value) {
      for (const [i, accumulators] of at(caseIndex).entries()) {
        const { field, path } = wanted[i]!;
        const found = follow(value, path);
        for (const accumulator of accumulators) {
          const expected = accumulator.add(replicate, found);
          if (expected !== undefined || found === undefined)
            throw new DomainError(
              `sweep: reduce.${field} needs ${expected ?? "a value"} in every result, got ${show(found)} in case ${caseIndex}, replicate ${replicate}`,
            );
        }
      }
    },
    row: (caseIndex) =>
      Object.fromEntries(
        at(caseIndex).map((accumulators, i) => {
          const { field, reductions } = wanted[i]!;
          return [
            field,
            Object.fromEntries(reductions.map(({ name }, k) => [name, accumulators[k]!.result()])),
          ];
        }),
      ),
  };
}

function follow(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}
