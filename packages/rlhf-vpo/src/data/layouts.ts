/** The layouts in which people store preferences, each recognised by the names of its fields. */
import { isRecord, show } from "@provably/core-tensor/internal";
import { valued } from "./lists.js";
import { asPrompt, both, defined, pair, partsOf, spoken, weightOf } from "./parts.js";
import type { Content, Preference, PreferenceRecord } from "./record.js";
import { type Layout, isMessages, rowOf } from "./row.js";
import { graded, votes } from "./votes.js";

const layouts: readonly Layout[] = [
  ...votes,
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
  graded,
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
      const reference = both(row, [
        ["refChosen", "refRejected"],
        ["ref_chosen_logps", "ref_rejected_logps"],
        ["reference_chosen_logps", "reference_rejected_logps"],
      ]);
      const scores = both(row, [
        ["score_chosen", "score_rejected"],
        ["chosen_score", "rejected_score"],
        ["chosen_rating", "rejected_rating"],
      ]);
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
 * Argilla; arena votes as conversations or turns; two responses with a grade from −3 to 3 or a label; single responses with a score; SHP. Messages are handed through unchanged. Of a scored list ties give no pair; of votes they are kept as ties.
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
