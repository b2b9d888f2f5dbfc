/** One preference: a prompt with a chosen and a rejected response. */
import { CoreTensorError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/**
 * A message of a conversation.
 * @category Data
 */
export interface Message {
  readonly role: string;
  readonly content: string;
}

/**
 * A preference as people store it.
 * @category Data
 */
export interface PreferenceRecord {
  readonly prompt: string | readonly Message[];
  readonly chosen: string | readonly Message[];
  readonly rejected: string | readonly Message[];
  /** Weight of the pair, positive. */
  readonly weight?: number;
  /** By how much the chosen response is better. */
  readonly margin?: number;
  /** Cached $\ln\pi_{\mathrm{ref}}$ of the chosen response. */
  readonly refChosen?: number;
  /** Cached $\ln\pi_{\mathrm{ref}}$ of the rejected response. */
  readonly refRejected?: number;
}

/**
 * What can be wrong with a line.
 * @category Data
 */
export type PreferenceErrorCode =
  "INVALID_JSON" | "MISSING_FIELD" | "INVALID_TYPE" | "IDENTICAL_RESPONSES" | "LINE_TOO_LONG";

/**
 * A line that holds no preference. `line` counts from 1.
 * @category Data
 */
export class PreferenceFormatError extends CoreTensorError {
  override readonly name = "PreferenceFormatError";
  readonly reason: PreferenceErrorCode;
  readonly line: number;
  constructor(reason: PreferenceErrorCode, line: number, detail: string) {
    super(`line ${show(line)}: ${detail}`, `ERR_PREFERENCE_${reason}`);
    this.reason = reason;
    this.line = line;
  }
}

function isMessages(x: unknown): x is readonly Message[] {
  return (
    Array.isArray(x) &&
    x.length > 0 &&
    x.every(
      (m: unknown) =>
        typeof m === "object" &&
        m !== null &&
        typeof (m as Message).role === "string" &&
        typeof (m as Message).content === "string",
    )
  );
}

const sameMessage = (a: Message, b: Message): boolean =>
  a.role === b.role && a.content === b.content;

/** Messages of two lists before they part. */
function commonPrefix(a: readonly Message[], b: readonly Message[]): number {
  let n = 0;
  while (n < a.length - 1 && n < b.length - 1 && sameMessage(a[n]!, b[n]!)) n++;
  return n;
}

/**
 * A record from parsed JSON, checked. Without a prompt, the longest common beginning of the two message lists is taken for it.
 *
 * @param value - parsed JSON
 * @param line - line number for errors, default 1
 * @returns the record
 * @throws `PreferenceFormatError` with a reason and the line
 * @example
 * ```ts
 * import { parsePreference } from "@provably/rlhf-vpo";
 *
 * parsePreference({ prompt: "2+2?", chosen: "4", rejected: "5" }).chosen; // => "4"
 * parsePreference({ prompt: "2+2?", chosen: "4" }); // throws PreferenceFormatError
 * ```
 * @category Data
 */
export function parsePreference(value: unknown, line = 1): PreferenceRecord {
  const fail = (reason: PreferenceErrorCode, detail: string): never => {
    throw new PreferenceFormatError(reason, line, detail);
  };
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return fail("INVALID_TYPE", `expected an object, got ${show(value)}`);
  const own = (name: string): unknown =>
    Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  const text = (name: "chosen" | "rejected" | "prompt"): string | readonly Message[] => {
    const x = own(name);
    if (x === undefined) return fail("MISSING_FIELD", `field "${name}" is missing`);
    if (typeof x === "string") return x;
    if (isMessages(x)) return x.map(({ role, content }) => ({ role, content }));
    return fail("INVALID_TYPE", `field "${name}" must be a string or a list of { role, content }`);
  };
  let [chosen, rejected] = [text("chosen"), text("rejected")];
  let prompt: string | readonly Message[];
  if (own("prompt") !== undefined) prompt = text("prompt");
  else if (typeof chosen === "string" || typeof rejected === "string")
    return fail("MISSING_FIELD", 'field "prompt" is missing');
  else {
    const n = commonPrefix(chosen, rejected);
    if (n === 0)
      return fail(
        "MISSING_FIELD",
        'field "prompt" is missing, and the responses have no common beginning',
      );
    prompt = chosen.slice(0, n);
    chosen = chosen.slice(n);
    rejected = rejected.slice(n);
  }
  if (typeof chosen !== typeof rejected)
    return fail(
      "INVALID_TYPE",
      'fields "chosen" and "rejected" must both be strings or both be lists',
    );
  if (JSON.stringify(chosen) === JSON.stringify(rejected))
    return fail("IDENTICAL_RESPONSES", "chosen and rejected are the same");
  const number = (name: string, low: number): number | undefined => {
    const x = own(name);
    if (x === undefined) return undefined;
    if (typeof x !== "number" || !Number.isFinite(x) || !(x > low))
      return fail("INVALID_TYPE", `field "${name}" must be a finite number above ${low}`);
    return x;
  };
  const extras = {
    weight: number("weight", 0),
    margin: number("margin", -Infinity),
    refChosen: number("refChosen", -Infinity),
    refRejected: number("refRejected", -Infinity),
  };
  if ((extras.refChosen === undefined) !== (extras.refRejected === undefined))
    return fail("MISSING_FIELD", 'fields "refChosen" and "refRejected" must be given together');
  return {
    prompt,
    chosen,
    rejected,
    ...Object.fromEntries(Object.entries(extras).filter(([, x]) => x !== undefined)),
  };
}
