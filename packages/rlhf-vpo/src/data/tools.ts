/** Small tools for lists of preferences. */
import { toTypedArray } from "@provably/core-tensor";
import { anyList, anyRecord, check, numberIn, wholeNumber } from "@provably/core-tensor/internal";
import { type RngKey, permutation, uniform } from "@provably/core-tensor/random";
import { numbers } from "../arrays.js";
import type { PreferenceRecord } from "./record.js";

/**
 * The pairs of a ranking: every better response with every worse one.
 *
 * @param prompt - the prompt
 * @param responses - from best to worst
 * @returns one record for each pair, in the order of the ranking
 * @example
 * ```ts
 * import { pairsFromRanking } from "@provably/rlhf-vpo";
 *
 * pairsFromRanking("q", ["a", "b", "c"]).length; // => 3
 * ```
 * @category Data
 */
export function pairsFromRanking(
  prompt: string,
  responses: readonly string[],
): readonly PreferenceRecord[] {
  return check("pairsFromRanking", "responses", responses, anyList).flatMap((chosen, i) =>
    responses.slice(i + 1).map((rejected) => ({ prompt, chosen, rejected })),
  );
}

/**
 * Responses one by one, each with whether it was chosen, as {@link ktoLoss} wants them.
 *
 * @param records - preferences
 * @returns twice as many entries
 * @example
 * ```ts
 * import { toUnpaired } from "@provably/rlhf-vpo";
 *
 * toUnpaired([{ prompt: "q", chosen: "a", rejected: "b" }]).map((r) => r.desirable); // => [true, false]
 * ```
 * @category Data
 */
export function toUnpaired(records: readonly PreferenceRecord[]): readonly {
  readonly prompt: PreferenceRecord["prompt"];
  readonly response: PreferenceRecord["chosen"];
  readonly desirable: boolean;
}[] {
  return checkRecords("toUnpaired", records).flatMap(({ prompt, chosen, rejected }) => [
    { prompt, response: chosen, desirable: true },
    { prompt, response: rejected, desirable: false },
  ]);
}

/**
 * Records with a share of the labels flipped, for studies of noise.
 *
 * @param key - random key
 * @param records - preferences
 * @param probability - share of labels to flip, in [0, 1]
 * @returns new records; the same key flips the same ones
 * @throws `DomainError` for a probability outside [0, 1]
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { flipLabels } from "@provably/rlhf-vpo";
 *
 * flipLabels(key(0), [{ prompt: "q", chosen: "a", rejected: "b" }], 1)[0].chosen; // => "b"
 * ```
 * @category Data
 */
export function flipLabels(
  key: RngKey,
  records: readonly PreferenceRecord[],
  probability: number,
): readonly PreferenceRecord[] {
  check("flipLabels", "probability", probability, numberIn(0, 1));
  checkRecords("flipLabels", records);
  const u = numbers(uniform(key, [records.length], { dtype: "float64" }));
  return records.map((record, i) =>
    u[i]! < probability ? { ...record, chosen: record.rejected, rejected: record.chosen } : record,
  );
}

/**
 * Records in random order, cut into batches.
 *
 * @param key - random key
 * @param records - preferences
 * @param size - records a batch
 * @param options - `dropLast`: leave out a last batch that is not full; default false
 * @returns batches
 * @throws `DomainError` unless `size` is a positive integer
 * @example
 * ```ts
 * import { key } from "@provably/core-tensor/random";
 * import { batches } from "@provably/rlhf-vpo";
 *
 * batches(key(0), [1, 2, 3, 4, 5], 2).map((b) => b.length); // => [2, 2, 1]
 * ```
 * @category Data
 */
export function batches<T>(
  key: RngKey,
  records: readonly T[],
  size: number,
  options: { readonly dropLast?: boolean } = {},
): readonly (readonly T[])[] {
  check("batches", "size", size, wholeNumber(1));
  check("batches", "records", records, anyList);
  const order = toTypedArray(permutation(key, records.length));
  const out: T[][] = [];
  for (let at = 0; at < records.length; at += size)
    out.push(Array.from(order.slice(at, at + size), (i) => records[i]!));
  if (
    check("batches", "options", options, anyRecord).dropLast &&
    out.length > 0 &&
    out[out.length - 1]!.length < size
  )
    out.pop();
  return out;
}

function checkRecords(
  fn: string,
  records: readonly PreferenceRecord[],
): readonly PreferenceRecord[] {
  check(fn, "records", records, anyList).forEach((record, i) =>
    check(fn, `records[${i}]`, record, anyRecord),
  );
  return records;
}
