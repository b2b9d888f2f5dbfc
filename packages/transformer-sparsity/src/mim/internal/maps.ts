/** Attention maps as flat arrays: reading them in, checking them, and measuring each query or each map. */
import { DomainError, type NdArray, ShapeError, array } from "@provably/core-tensor";
import { type AttentionInput, readTensor } from "../attention/tensor.js";

/** Stacked maps of `queries` rows of `keys` numbers. */
export interface Maps {
  readonly data: Float64Array;
  /** Extents before the last two. */
  readonly stack: readonly number[];
  readonly count: number;
  readonly queries: number;
  readonly keys: number;
}

/** What rows may sum to: 1, also 0, at most 1, or anything. */
export type RowSums = "one" | "one or zero" | "at most one" | "any";

/** Attention maps after a check of every row. */
export function readMaps(fn: string, input: AttentionInput, sums: RowSums = "one"): Maps {
  const { data: raw, shape, tolerance } = readTensor(fn, input);
  const [queries, keys] = shape.slice(-2);
  if (queries === undefined || keys === undefined || queries * keys === 0)
    throw new ShapeError(
      `${fn}: attention must be [..., queries, keys] and not empty, got [${shape.join(", ")}]`,
    );
  const data = Float64Array.from(raw);
  for (let from = 0, row = 0; from < data.length; from += keys, row++) {
    let sum = 0;
    let least = 0;
    for (let k = 0; k < keys; k++) {
      const a = data[from + k]!;
      sum += a;
      if (!(a >= least)) least = a;
    }
    if (!(least >= 0))
      throw new DomainError(`${fn}: attention must be ≥ 0, row ${row} holds ${least}`);
    const allowed =
      sums === "any" ||
      (sums === "one or zero" && sum === 0) ||
      (sums === "at most one" && sum < 1);
    if (!(Math.abs(sum - 1) <= tolerance) && !allowed)
      throw new DomainError(
        `${fn}: rows of attention must sum to 1, row ${row} sums to ${sum}; apply a softmax, or dropTokens to renormalise`,
      );
  }
  const stack = shape.slice(0, -2);
  return { data, stack, count: data.length / (queries * keys), queries, keys };
}

/** One number for each query, shape `[..., queries]`. */
export function perQuery(
  maps: Maps,
  measure: (row: Float64Array, query: number) => number,
): NdArray {
  const { data, stack, count, queries, keys } = maps;
  const out = new Float64Array(count * queries);
  for (let r = 0; r < out.length; r++)
    out[r] = measure(data.subarray(r * keys, (r + 1) * keys), r % queries);
  return array(out, { shape: [...stack, queries], copy: false });
}

/** One number for each map, shape `[...]`. */
export function perMap(maps: Maps, measure: (map: Float64Array) => number): NdArray {
  const { data, stack, count, queries, keys } = maps;
  const out = new Float64Array(count);
  for (let m = 0; m < count; m++)
    out[m] = measure(data.subarray(m * queries * keys, (m + 1) * queries * keys));
  return array(out, { shape: [...stack], copy: false });
}
