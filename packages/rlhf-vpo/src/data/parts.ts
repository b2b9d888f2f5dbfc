/** Prompt and responses of one row, however they are written. */
import { isRecord, show } from "@provably/core-tensor/internal";
import type { Content, Message, PreferenceRecord } from "./record.js";
import { type Row, isMessages, same } from "./row.js";
import { isTranscript, splitTranscripts } from "./transcript.js";

/** The longest common beginning of two conversations that leaves something of each. */
export function commonMessages(a: readonly Message[], b: readonly Message[]): number {
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

export type Parts = Pick<PreferenceRecord, "prompt" | "chosen" | "rejected" | "raw">;

/** A prompt and two responses from what was given of them: nothing counted twice, nothing left out. */
export function partsOf(
  row: Row,
  given: Content | undefined,
  chosen: Content,
  rejected: Content,
): Parts {
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

export const asPrompt = (given: Content): Content =>
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

export function pair(
  row: Row,
  parts: Parts,
  more: Partial<PreferenceRecord> = {},
): PreferenceRecord {
  if (same(parts.chosen, parts.rejected))
    return row.fail("IDENTICAL_RESPONSES", "chosen and rejected are the same");
  return { ...parts, ...more };
}

/** The weight of a row and who judged it, where they are given. */
export function weightOf(row: Row): Pick<PreferenceRecord, "weight" | "annotator"> {
  const [name] = ["annotator", "annotator_id", "worker_id"].filter((given) => row.has(given));
  const annotator = name === undefined ? undefined : row.take(name);
  if (annotator !== undefined && typeof annotator !== "string" && typeof annotator !== "number")
    return row.fail(
      "INVALID_TYPE",
      `field "${name!}" must be text or a number, got ${show(annotator)}`,
    );
  return defined({ weight: row.number("weight", 0), annotator });
}

export function defined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, x]) => x !== undefined)) as T;
}

/** Two numbers that come together, under one of several pairs of names. */
export function both(
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

const ROLES: Readonly<Record<string, string>> = {
  human: "user",
  user: "user",
  gpt: "assistant",
  assistant: "assistant",
  system: "system",
};

/** Messages of { from, value }, or of { role, content }, one or a list. */
export function spoken(row: Row, name: string): readonly Message[] {
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
