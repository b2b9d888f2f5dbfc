/** Votes between two responses: arenas, SHP, and graded comparisons. */
import { show } from "@provably/core-tensor/internal";
import { asPrompt, commonMessages, pair, weightOf } from "./parts.js";
import type { Content, Message, Preference } from "./record.js";
import type { Layout, Row } from "./row.js";

const TIES = ["tie", "tie (bothbad)", "both_bad", "bothbad"];

/** Turns of one side, written as a list of texts. */
function turnsOf(row: Row, name: string): readonly string[] {
  const x = row.take(name);
  let list = x;
  if (typeof x === "string" && x.startsWith("["))
    try {
      list = JSON.parse(x) as unknown;
    } catch {
      return row.fail("INVALID_TYPE", `field "${name}" must be a list of texts, got ${show(x)}`);
    }
  const turns = Array.isArray(list) ? (list as readonly unknown[]) : [list];
  return turns.every((turn): turn is string => typeof turn === "string")
    ? turns
    : row.fail("INVALID_TYPE", `field "${name}" must be a list of texts, got ${show(x)}`);
}

/** Which of three columns of 0 and 1 is 1. */
function oneOfThree(row: Row): "first" | "second" | "tie" {
  const names = ["winner_model_a", "winner_model_b", "winner_tie"];
  const flags = names.map((name) => row.take(name));
  const at = flags.indexOf(1);
  if (at < 0 || flags.some((flag, i) => flag !== (i === at ? 1 : 0)))
    return row.fail(
      "INVALID_TYPE",
      `fields "winner_model_a", "winner_model_b" and "winner_tie" must be 1 once and 0 twice, got ${show(flags)}`,
    );
  return (["first", "second", "tie"] as const)[at]!;
}

/** Two names of the responses, for layouts that number them. */
const TWO = [
  ["response1", "response2"],
  ["response_1", "response_2"],
  ["response_0", "response_1"],
  ["response_a", "response_b"],
  ["completion_a", "completion_b"],
] as const;

const GRADED = ["overall_preference", "preference_strength"];

const twoOf = (row: Row): readonly [string, string] | undefined =>
  TWO.find(([a, b]) => row.has(a, b));

/** A vote with its outcome. */
function voted(
  row: Row,
  prompt: Content,
  [first, second]: readonly [Content, Content],
  outcome: "first" | "second" | "tie",
  more: Partial<Preference>,
): Preference {
  if (outcome === "tie") return { prompt, first, second, preference: 0.5, ...more };
  const [chosen, rejected] = outcome === "first" ? [first, second] : [second, first];
  return { ...pair(row, { prompt, chosen, rejected }), ...more };
}

export const votes: readonly Layout[] = [
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
      if (TIES.includes(winner as string))
        return [{ prompt, first, second, preference: 0.5, ...more }];
      return row.fail(
        "INVALID_TYPE",
        `field "winner" must be model_a, model_b, tie, tie (bothbad) or both_bad, got ${show(winner)}`,
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
    name: "arena turns",
    fits: (row) => row.has("winner_model_a", "winner_model_b"),
    read(row) {
      const asked = turnsOf(row, "prompt");
      const [a, b] = [turnsOf(row, "response_a"), turnsOf(row, "response_b")];
      if (a.length !== asked.length || b.length !== asked.length)
        return row.fail(
          "INVALID_TYPE",
          `fields "prompt", "response_a" and "response_b" must have as many turns, got ${asked.length}, ${a.length} and ${b.length}`,
        );
      // both models answer every turn: from the first on the conversations differ
      const talk = (answers: readonly string[]): Message[] =>
        answers.flatMap((content, i): Message[] => [
          ...(i === 0 ? [] : [{ role: "user", content: asked[i]! }]),
          { role: "assistant", content },
        ]);
      const prompt = [{ role: "user", content: asked[0]! }];
      const outcome = oneOfThree(row);
      return [voted(row, prompt, [talk(a), talk(b)], outcome, { ...weightOf(row), ...row.rest() })];
    },
  },
  {
    name: "graded comparison",
    fits: (row) => twoOf(row) !== undefined && GRADED.some((name) => row.has(name)),
    read(row) {
      const [one, other] = twoOf(row)!;
      const [first, second] = [row.content(one), row.content(other)];
      const field = row.has("context") ? "context" : "prompt";
      const given = row.content(field);
      const prompt = typeof first === "string" ? given : asPrompt(given);
      const name = GRADED.find((grade) => row.has(grade))!;
      const grade = row.number(name);
      if (grade === undefined || !Number.isInteger(grade) || Math.abs(grade) > 3)
        return row.fail(
          "INVALID_TYPE",
          `field "${name}" must be a whole number from -3 (the first response is much better) to 3, got ${show(grade)}`,
        );
      const outcome = grade === 0 ? "tie" : grade < 0 ? "first" : "second";
      const margin = grade === 0 ? {} : { margin: Math.abs(grade) };
      return [
        voted(row, prompt, [first, second], outcome, {
          ...margin,
          ...weightOf(row),
          ...row.rest(),
        }),
      ];
    },
  },
  {
    name: "labelled pair",
    fits: (row) => twoOf(row) !== undefined && (row.has("preference") || row.has("winner")),
    read(row) {
      const [one, other] = twoOf(row)!;
      const [first, second] = [row.content(one), row.content(other)];
      const given = row.content(row.has("instruction") ? "instruction" : "prompt");
      const prompt = typeof first === "string" ? given : asPrompt(given);
      const name = row.has("winner") ? "winner" : "preference";
      const said = row.take(name);
      const codes: Readonly<Record<"first" | "second" | "tie", readonly unknown[]>> = {
        first: [one, "first", "model_a"],
        second: [other, "second", "model_b"],
        tie: TIES,
      };
      const outcome = (["first", "second", "tie"] as const).find((key) =>
        codes[key].includes(said),
      );
      if (outcome === undefined)
        return row.fail(
          "INVALID_TYPE",
          `field "${name}" must be "${one}", "${other}" or "tie", got ${show(said)}`,
        );
      return [voted(row, prompt, [first, second], outcome, { ...weightOf(row), ...row.rest() })];
    },
  },
];

/** Grades of one response, of which the first that a row has is its score. */
const GRADES = ["helpfulness", "overall_score", "score", "rating", "reward"];

/** A response with grades and no other beside it. */
export const graded: Layout = {
  name: "scored response",
  fits: (row) =>
    (row.has("prompt", "response") || row.has("instruction", "response")) &&
    GRADES.some((name) => row.has(name)),
  read(row) {
    const given = row.content(row.has("instruction") ? "instruction" : "prompt");
    const completion = row.content("response");
    const prompt = typeof completion === "string" ? given : asPrompt(given);
    const name = GRADES.find((grade) => row.has(grade))!;
    const score = row.number(name);
    if (score === undefined)
      return row.fail("INVALID_TYPE", `field "${name}" must be a finite number`);
    return [{ prompt, completion, score, ...weightOf(row), ...row.rest(["rating"]) }];
  },
};
