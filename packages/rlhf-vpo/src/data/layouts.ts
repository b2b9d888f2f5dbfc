/** The layouts in which people store preferences, each recognised by the names of its fields. */
import { isRecord, show } from "@provably/core-tensor/internal";
import type { Content, Message, Preference, PreferenceRecord } from "./record.js";
import { type Row, isMessages, rowOf, same } from "./row.js";
import { splitTranscripts, isTranscript } from "./transcript.js";

interface Layout {
  readonly name: string;
  readonly fits: (row: Row) => boolean;
  readonly read: (row: Row) => readonly Preference[];
}

/** The longest common beginning of two conversations that leaves something of each. */
function commonMessages(a: readonly Message[], b: readonly Message[]): number {
  let n = 0;
  while (n < a.length - 1 && n < b.length - 1 && same(a[n], b[n])) n++;
  return n;
}

/** The longest common beginning of two texts, cut back to before its last space. */
function commonText(a: string, b: string): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return Math.max(0, a.slice(0, n).lastIndexOf(" "));
}

type Parts = Pick<PreferenceRecord, "prompt" | "chosen" | "rejected" | "raw">;

/** A prompt and two responses from what was given of them: nothing counted twice, nothing left out. */
function partsOf(row: Row, given: Content | undefined, chosen: Content, rejected: Content): Parts {
  if (typeof chosen === "string" && typeof rejected === "string") {
    if (given !== undefined) return { prompt: given, chosen, rejected };
    if (chosen === rejected) return { prompt: "", chosen, rejected };
    if (isTranscript(chosen) && isTranscript(rejected))
      return splitTranscripts(row, chosen, rejected);
    const n = commonText(chosen, rejected);
    if (n === 0)
      return row.fail(
        "MISSING_FIELD",
        'field "prompt" is missing, and the responses have no common beginning',
      );
    return { prompt: chosen.slice(0, n), chosen: chosen.slice(n), rejected: rejected.slice(n) };
  }
  if (typeof chosen === "string" || typeof rejected === "string")
    return row.fail(
      "INVALID_TYPE",
      'fields "chosen" and "rejected" must both be text or both be lists',
    );
  const n = promptLength(row, given, chosen, rejected);
  if (n > 0)
    return { prompt: chosen.slice(0, n), chosen: chosen.slice(n), rejected: rejected.slice(n) };
  return { prompt: asPrompt(given!), chosen, rejected };
}

const asPrompt = (given: Content): Content =>
  typeof given === "string" ? [{ role: "user", content: given }] : given;

/** How many messages of both responses are their prompt. */
function promptLength(
  row: Row,
  given: Content | undefined,
  chosen: readonly Message[],
  rejected: readonly Message[],
): number {
  const whole = [chosen, rejected].map(([first]) => first!.role !== "assistant");
  if (given === undefined) {
    const n = commonMessages(chosen, rejected);
    return n > 0
      ? n
      : row.fail(
          "MISSING_FIELD",
          'field "prompt" is missing, and the responses have no common beginning',
        );
  }
  if (!whole[0] && !whole[1]) return 0;
  if (typeof given === "string") {
    const n = commonMessages(chosen, rejected);
    const said = chosen
      .slice(0, n)
      .some(({ content }) => typeof content === "string" && content.trim() === given.trim());
    return said
      ? n
      : row.fail(
          "INVALID_TYPE",
          'field "prompt" is none of the messages with which the responses begin',
        );
  }
  const begins = (x: readonly Message[]): boolean =>
    x.length > given.length && given.every((message, i) => same(message, x[i]));
  return begins(chosen) && begins(rejected)
    ? given.length
    : row.fail(
        "INVALID_TYPE",
        'the responses are conversations that do not begin with field "prompt"',
      );
}

function pair(row: Row, parts: Parts, more: Partial<PreferenceRecord> = {}): PreferenceRecord {
  if (same(parts.chosen, parts.rejected))
    return row.fail("IDENTICAL_RESPONSES", "chosen and rejected are the same");
  return { ...parts, ...more };
}

const weightOf = (row: Row): { readonly weight?: number } =>
  defined({ weight: row.number("weight", 0) });

function defined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, x]) => x !== undefined)) as T;
}

/** Two numbers that come together, under one of several pairs of names. */
function both(
  row: Row,
  names: readonly (readonly [string, string])[],
): readonly [number, number] | undefined {
  let found: readonly [number, number] | undefined;
  for (const [one, other] of names) {
    const [a, b] = [row.number(one), row.number(other)];
    if (a === undefined && b === undefined) continue;
    if (a === undefined || b === undefined)
      return row.fail("MISSING_FIELD", `fields "${one}" and "${other}" must be given together`);
    if (found) return row.fail("INVALID_TYPE", `field "${one}" says again what another field says`);
    found = [a, b];
  }
  return found;
}

const ROLES: Readonly<Record<string, string>> = { human: "user", user: "user", gpt: "assistant", assistant: "assistant", system: "system" }; // prettier-ignore

/** Messages of { from, value }, or of { role, content }, one or a list. */
function spoken(row: Row, name: string): readonly Message[] {
  const x = row.take(name);
  return (Array.isArray(x) ? x : [x]).map((turn: unknown, i): Message => {
    if (isMessages([turn])) return turn as Message;
    const { from, value } = isRecord(turn) ? turn : {};
    const role = typeof from === "string" && Object.hasOwn(ROLES, from) ? ROLES[from] : undefined;
    if (role === undefined || typeof value !== "string")
      return row.fail(
        "INVALID_TYPE",
        `field "${name}" must hold { from, value } of human, gpt or system, got ${show(turn)} at ${i}`,
      );
    return { role, content: value };
  });
}

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

function valued(row: Row, list: string): readonly Preference[] {
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

const layouts: readonly Layout[] = [
  {
    name: "arena",
    fits: (row) => row.has("conversation_a", "conversation_b"),
    read(row) {
      const [a, b] = [row.messages("conversation_a"), row.messages("conversation_b")];
      const n = commonMessages(a, b);
      if (n === 0) return row.fail("MISSING_FIELD", "the conversations have no common prompt");
      const prompt = a.slice(0, n);
      const [first, second] = [a.slice(n), b.slice(n)];
      const winner = row.take("winner");
      const more = { ...weightOf(row), ...row.rest() };
      if (winner === "model_a")
        return [{ ...pair(row, { prompt, chosen: first, rejected: second }), ...more }];
      if (winner === "model_b")
        return [{ ...pair(row, { prompt, chosen: second, rejected: first }), ...more }];
      if (winner === "tie" || winner === "tie (bothbad)")
        return [{ prompt, first, second, preference: 0.5, ...more }];
      return row.fail(
        "INVALID_TYPE",
        `field "winner" must be model_a, model_b, tie or tie (bothbad), got ${show(winner)}`,
      );
    },
  },
  {
    name: "SHP",
    fits: (row) => row.has("human_ref_A", "human_ref_B"),
    read(row) {
      const prompt = row.text("history");
      const [a, b] = [row.text("human_ref_A"), row.text("human_ref_B")];
      const label = row.take("labels");
      if (label !== 1 && label !== 0)
        return row.fail(
          "INVALID_TYPE",
          `field "labels" must be 1 (A preferred) or 0 (B), got ${show(label)}`,
        );
      const [chosen, rejected] = label === 1 ? [a, b] : [b, a];
      return [
        {
          ...pair(row, { prompt, chosen, rejected }),
          ...weightOf(row),
          ...row.rest(["score_A", "score_B"]),
        },
      ];
    },
  },
  {
    name: "OpenAI preference",
    fits: (row) => row.has("preferred_output") || row.has("non_preferred_output"),
    read(row) {
      const input = row.take("input");
      const { messages, ...rest } = isRecord(input) ? input : {};
      if (!isMessages(messages))
        return row.fail(
          "INVALID_TYPE",
          `field "input.messages" must be a list of { role, content }, got ${show(messages)}`,
        );
      const [chosen, rejected] = [
        row.messages("preferred_output"),
        row.messages("non_preferred_output"),
      ];
      const { columns } = row.rest();
      const kept = { ...columns, ...rest };
      return [
        {
          ...pair(row, partsOf(row, messages, chosen, rejected)),
          ...(Object.keys(kept).length > 0 && { columns: kept }),
        },
      ];
    },
  },
  {
    name: "Argilla",
    fits: (row) => row.has("chosen_response") || row.has("rejected_response"),
    read(row) {
      const prompt = row.content(row.has("instruction") ? "instruction" : "prompt");
      const parts = partsOf(
        row,
        prompt,
        row.content("chosen_response"),
        row.content("rejected_response"),
      );
      return [{ ...pair(row, parts), ...weightOf(row), ...row.rest() }];
    },
  },
  {
    name: "scored list",
    fits: (row) => row.has("responses"),
    read: (row) => valued(row, "responses"),
  },
  {
    name: "scored list",
    fits: (row) => row.has("completions"),
    read: (row) => valued(row, "completions"),
  },
  { name: "ranked list", fits: (row) => row.has("answers"), read: (row) => valued(row, "answers") },
  {
    name: "unpaired",
    fits: (row) => row.has("completion") || (row.has("prompt", "label") && !row.has("chosen")),
    read(row) {
      const given = row.content("prompt");
      const completion = row.content("completion");
      const label = row.take("label");
      if (typeof label !== "boolean" && label !== 1 && label !== 0)
        return row.fail("INVALID_TYPE", `field "label" must be true or false, got ${show(label)}`);
      const prompt = typeof completion === "string" ? given : asPrompt(given);
      return [{ prompt, completion, desirable: Boolean(label), ...weightOf(row), ...row.rest() }];
    },
  },
  {
    name: "pair",
    fits: (row) => row.has("chosen") || row.has("rejected"),
    read(row) {
      const turns = row.has("conversations");
      const response = (name: string): Content => (turns ? spoken(row, name) : row.content(name));
      const [chosen, rejected] = [response("chosen"), response("rejected")];
      const given = turns
        ? spoken(row, "conversations")
        : row.has("prompt")
          ? row.content("prompt")
          : undefined;
      if (turns && row.has("prompt"))
        return row.fail("INVALID_TYPE", 'fields "prompt" and "conversations" say the same twice');
      const record = pair(row, partsOf(row, given, chosen, rejected));
      const reference = both(row, [["refChosen", "refRejected"], ["ref_chosen_logps", "ref_rejected_logps"], ["reference_chosen_logps", "reference_rejected_logps"]]); // prettier-ignore
      const scores = both(row, [["score_chosen", "score_rejected"], ["chosen_score", "rejected_score"], ["chosen_rating", "rejected_rating"]]); // prettier-ignore
      return [
        {
          ...record,
          ...weightOf(row),
          ...defined<Partial<PreferenceRecord>>({ margin: row.number("margin"), scores }),
          ...(reference && { refChosen: reference[0], refRejected: reference[1] }),
          ...row.rest(),
        },
      ];
    },
  },
];

/**
 * The preferences of one row of a file, from parsed JSON: one, or every pair of a ranking.
 *
 * Recognised by their fields: prompt, chosen, rejected as text or messages, the prompt also implicit (the common beginning) or inside the responses;
 * transcripts of Human and Assistant; prompt, completion, label; lists with scores or ranks; conversations of { from, value }; OpenAI's preference format;
 * Argilla; arena votes; SHP. Messages are handed through unchanged. Of a scored list ties give no pair; of votes they are kept as ties.
 *
 * Columns that say nothing of the preference are kept under `columns`; one that looks like a misspelt field is refused.
 *
 * @param value - parsed JSON
 * @param line - line number for errors, default 1
 * @returns `layout`, in words, and `records`
 * @throws `PreferenceFormatError` with a reason, the line and the field
 * @example
 * ```ts
 * import { parsePreferences } from "@provably/rlhf-vpo";
 *
 * parsePreferences({ prompt: "2+2?", chosen: "4", rejected: "5" }).records[0].chosen; // => "4"
 * parsePreferences({ prompt: "2+2?", responses: ["4", "5"], scores: [9, 1] }).layout; // => "scored list"
 * parsePreferences({ prompt: "2+2?", chosen: "4" }); // throws PreferenceFormatError
 * ```
 * @category Data
 */
export function parsePreferences(
  value: unknown,
  line = 1,
): { readonly layout: string; readonly records: readonly Preference[] } {
  const row = rowOf(value, line);
  const layout = layouts.find(({ fits }) => fits(row));
  if (layout) return { layout: layout.name, records: layout.read(row) };
  const fields = Object.keys(value as object);
  return fields.includes("prompt")
    ? row.fail(
        "MISSING_FIELD",
        'fields "chosen" and "rejected", or "completion" and "label", are missing',
      )
    : row.fail(
        "UNKNOWN_LAYOUT",
        `no known layout has the fields ${show(fields)}; known: ${[...new Set(layouts.map(({ name }) => name))].join(", ")}`,
      );
}
