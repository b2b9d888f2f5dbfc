/** Lists of responses with scores or ranks. */
import { isRecord, show } from "@provably/core-tensor/internal";
import { pair, weightOf } from "./parts.js";
import type { Content, Preference, PreferenceRecord } from "./record.js";
import { type Row, isMessages } from "./row.js";

/** Pairs of a list with values: every better response with every worse one, best first; ties give none. */
function ranked(
  row: Row,
  prompt: Content,
  entries: readonly { readonly response: Content; readonly value: number }[],
  kind: "scores" | "ranks",
): PreferenceRecord[] {
  const sign = kind === "scores" ? -1 : 1;
  const order = [...entries].sort((a, b) => sign * (a.value - b.value));
  return order.flatMap((better, i) =>
    order
      .slice(i + 1)
      .filter((worse) => worse.value !== better.value)
      .map((worse) =>
        pair(
          row,
          { prompt, chosen: better.response, rejected: worse.response },
          { [kind]: [better.value, worse.value] },
        ),
      ),
  );
}

export function valued(row: Row, list: string): readonly Preference[] {
  const items = row.take(list);
  if (!Array.isArray(items))
    return row.fail("INVALID_TYPE", `field "${list}" must be a list, got ${show(items)}`);
  const prompt = row.content(row.has("instruction") ? "instruction" : "prompt");
  const named = (item: unknown, names: readonly string[], i: number): unknown => {
    const name = isRecord(item) ? names.find((n) => Object.hasOwn(item, n)) : undefined;
    if (name === undefined)
      return row.fail(
        "MISSING_FIELD",
        `field "${list}[${i}]" must have one of ${names.join(", ")}`,
      );
    return (item as Record<string, unknown>)[name];
  };
  const beside = ["scores", "ranks", "rank"].filter((name) => row.has(name));
  if (beside.length > 1)
    return row.fail("INVALID_TYPE", `fields ${beside.join(" and ")} say the same twice`);
  const own = ["overall_score", "score", "rank"];
  const values =
    beside[0] === undefined ? items.map((item, i) => named(item, own, i)) : row.take(beside[0]);
  const kind =
    (beside[0] ?? (items.every((item) => isRecord(item) && "rank" in item) ? "rank" : "scores")) ===
    "scores"
      ? "scores"
      : "ranks";
  if (!Array.isArray(values) || values.length !== items.length || !values.every(Number.isFinite))
    return row.fail(
      "INVALID_TYPE",
      `field "${beside[0] ?? list}" must give ${items.length} finite numbers, one for each response, got ${show(values)}`,
    );
  const entries = items.map((item: unknown, i) => {
    const response =
      typeof item === "string"
        ? item
        : named(item, ["response", "answer", "completion", "text", "content"], i);
    if (typeof response !== "string" && !isMessages(response))
      return row.fail(
        "INVALID_TYPE",
        `field "${list}[${i}]" must be text or messages, got ${show(response)}`,
      );
    return { response, value: values[i] as number };
  });
  const more = { ...weightOf(row), ...row.rest() };
  return ranked(row, prompt, entries, kind).map((record) => ({ ...record, ...more }));
}
