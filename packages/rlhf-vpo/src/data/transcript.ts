/** Conversations written as one text, "\n\nHuman: … \n\nAssistant: …". */
import type { Message, PreferenceRecord } from "./record.js";
import type { Row } from "./row.js";

interface Turn extends Message {
  readonly content: string;
  /** The text as it stands after the colon. */
  readonly raw: string;
  /** Where it begins in the transcript. */
  readonly from: number;
}

/** Turns start at the beginning or after a blank line, and nowhere else. */
const TURN = /(?:^|\n\n)(Human|Assistant):/g;

export const isTranscript = (text: string): boolean => /^(?:\n\n)?(?:Human|Assistant):/.test(text);

function turnsOf(text: string): readonly Turn[] {
  const marks = [...text.matchAll(TURN)];
  return marks.map((mark, i) => {
    const from = mark.index + mark[0].length;
    const raw = text.slice(from, marks[i + 1]?.index);
    return { role: mark[1] === "Human" ? "user" : "assistant", content: raw.trim(), raw, from };
  });
}

/** Prompt and responses of two transcripts: common turns up to the last of the human before they differ, and the rest. */
export function splitTranscripts(
  row: Row,
  chosen: string,
  rejected: string,
): Pick<PreferenceRecord, "prompt" | "chosen" | "rejected" | "raw"> {
  const [a, b] = [turnsOf(chosen), turnsOf(rejected)];
  let common = 0;
  while (
    common < a.length &&
    common < b.length &&
    a[common]!.role === b[common]!.role &&
    a[common]!.raw === b[common]!.raw
  )
    common++;
  const last = a.slice(0, common).findLastIndex(({ role }) => role === "user");
  if (last < 0)
    return row.fail("MISSING_FIELD", "the transcripts have no common Human turn for a prompt");
  for (const [name, turns] of Object.entries({ chosen: a, rejected: b }))
    if (turns[last + 1]?.role !== "assistant" || turns[turns.length - 1]!.role !== "assistant")
      return row.fail(
        "INVALID_TYPE",
        `field "${name}" must be a transcript that ends with an Assistant turn`,
      );
  const messages = (turns: readonly Turn[]): readonly Message[] =>
    turns.map(({ role, content }) => ({ role, content }));
  const cut = a[last + 1]!.from;
  return {
    prompt: messages(a.slice(0, last + 1)),
    chosen: messages(a.slice(last + 1)),
    rejected: messages(b.slice(last + 1)),
    raw: {
      prompt: chosen.slice(0, cut),
      chosen: chosen.slice(cut),
      rejected: rejected.slice(b[last + 1]!.from),
    },
  };
}
