/** Small tools for lists of preferences. */
import { DomainError, toTypedArray } from "@provably/core-tensor";
import {
  anyList,
  anyString,
  anything,
  check,
  checkOptions,
  finiteNumber,
  flatNumbers,
  listOf,
  numberIn,
  recordWith,
  rngKey,
  show,
  trueOrFalse,
  wholeNumber,
} from "@provably/core-tensor/internal";
import { type RngKey, permutation, uniform } from "@provably/core-tensor/random";

import type { PreferenceRecord, ScoredRecord, UnpairedRecord } from "./record.js";
import { same } from "./row.js";

/**
 * The pairs of a ranking: every better response with every worse one.
 *
 * @param prompt - the prompt
 * @param responses - from best to worst
 * @returns one record for each pair, in the order of the ranking
 * @throws `DomainError` for a response that occurs twice: it would be preferred to itself
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
  const fn = "pairsFromRanking";
  check(fn, "prompt", prompt, anyString);
  check(fn, "responses", responses, listOf(anyString)).forEach((response, i) => {
    const before = responses.indexOf(response);
    if (before < i)
      throw new DomainError(
        `${fn}: responses[${i}] is responses[${before}] again, ${show(response)}`,
      );
  });
  return responses.flatMap((chosen, i) =>
    responses.slice(i + 1).map((rejected) => ({ prompt, chosen, rejected })),
  );
}

/**
 * The pairs of scored responses: among those of one prompt every better one with every worse one, with their scores. Equal scores give no pair.
 *
 * @param records - scored responses, those of a prompt in any order
 * @returns pairs, prompt by prompt in the order of their first response, best first
 * @throws `DomainError` for records that are no scored responses, or whose pairs would be of equal responses
 * @example
 * ```ts
 * import { pairsFromScores } from "@provably/rlhf-vpo";
 *
 * const scored = [["4", 4], ["5", 0]].map(([completion, score]) => ({ prompt: "2+2?", completion, score }));
 * pairsFromScores(scored)[0].chosen; // => "4"
 * ```
 * @category Data
 */
export function pairsFromScores(records: readonly ScoredRecord[]): readonly PreferenceRecord[] {
  const fn = "pairsFromScores";
  check(fn, "records", records, listOf(SCORED));
  const groups = new Map<string, ScoredRecord[]>();
  for (const record of records) {
    const key = JSON.stringify(record.prompt);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(record);
  }
  return [...groups.values()].flatMap((group) => {
    const order = [...group].sort((a, b) => b.score - a.score);
    return order.flatMap((better, i) =>
      order
        .slice(i + 1)
        .filter(({ score }) => score < better.score)
        .map((worse): PreferenceRecord => {
          if (same(better.completion, worse.completion))
            throw new DomainError(
              `${fn}: records give the same response the scores ${better.score} and ${worse.score}`,
            );
          const scores = [better.score, worse.score] as const;
          return {
            prompt: better.prompt,
            chosen: better.completion,
            rejected: worse.completion,
            scores,
          };
        }),
    );
  });
}

const SCORED = recordWith({ prompt: anything, completion: anything, score: finiteNumber });

/**
 * Responses one by one, each with whether it was chosen, as `ktoLoss` wants them. Weights and columns stay with both.
 *
 * @param records - preferences
 * @returns twice as many records
 * @throws `DomainError` for records that are no pairs, or that carry what a single response cannot: a margin, scores, log-probabilities of a reference
 * @example
 * ```ts
 * import { toUnpaired } from "@provably/rlhf-vpo";
 *
 * toUnpaired([{ prompt: "q", chosen: "a", rejected: "b" }]).map((r) => r.desirable); // => [true, false]
 * ```
 * @category Data
 */
export function toUnpaired(records: readonly PreferenceRecord[]): readonly UnpairedRecord[] {
  return checkRecords("toUnpaired", records).flatMap((record, i) => {
    const { prompt, chosen, rejected, raw: _, weight, columns, ...rest } = record;
    const [lost] = Object.keys(rest);
    if (lost !== undefined)
      throw new DomainError(
        `toUnpaired: records[${i}].${lost} has no place in a single response; leave it out`,
      );
    const kept = { ...(weight !== undefined && { weight }), ...(columns && { columns }) };
    return [
      { prompt, completion: chosen, desirable: true, ...kept },
      { prompt, completion: rejected, desirable: false, ...kept },
    ];
  });
}

/**
 * Records with a share of the labels flipped, for studies of noise. What belongs to the responses, such as scores and cached log-probabilities, goes with
 * them; a margin and a weight stay with the pair.
 *
 * @param key - random key
 * @param records - preferences
 * @param probability - share of labels to flip, in [0, 1]
 * @returns new records; the same key flips the same ones
 * @throws `DomainError` for a probability outside [0, 1] or records that are no pairs
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
  const fn = "flipLabels";
  check(fn, "key", key, rngKey);
  check(fn, "probability", probability, numberIn(0, 1));
  checkRecords(fn, records);
  const u = flatNumbers(uniform(key, [records.length], { dtype: "float64" }));
  return records.map((record, i) => (u[i]! < probability ? flipped(record) : record));
}

function flipped(record: PreferenceRecord): PreferenceRecord {
  const { chosen, rejected, refChosen, refRejected, scores, ranks, raw, ...rest } = record;
  return {
    ...rest,
    chosen: rejected,
    rejected: chosen,
    ...(refRejected !== undefined && { refChosen: refRejected }),
    ...(refChosen !== undefined && { refRejected: refChosen }),
    ...(scores && { scores: [scores[1], scores[0]] as const }),
    ...(ranks && { ranks: [ranks[1], ranks[0]] as const }),
    ...(raw && { raw: { prompt: raw.prompt, chosen: raw.rejected, rejected: raw.chosen } }),
  };
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
  const fn = "batches";
  const { dropLast = false } = checkOptions(fn, options, { dropLast: trueOrFalse });
  check(fn, "key", key, rngKey);
  check(fn, "size", size, wholeNumber(1));
  check(fn, "records", records, anyList);
  const order = toTypedArray(permutation(key, records.length));
  const out: T[][] = [];
  for (let at = 0; at < records.length; at += size)
    out.push(Array.from(order.slice(at, at + size), (i) => records[i]!));
  if (dropLast && out.length > 0 && out[out.length - 1]!.length < size) out.pop();
  return out;
}

const PAIR = recordWith({ prompt: anything, chosen: anything, rejected: anything });

function checkRecords(
  fn: string,
  records: readonly PreferenceRecord[],
): readonly PreferenceRecord[] {
  check(fn, "records", records, listOf(PAIR));
  return records;
}
