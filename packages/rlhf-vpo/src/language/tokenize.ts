/** From texts and conversations to token ids, with the boundary between prompt and response. */
import { DomainError } from "@provably/core-tensor";
import {
  anyFunction,
  check,
  checkOptions,
  isRecord,
  listOf,
  numberList,
  oneOf,
  recordWith,
  anything,
  show,
  wholeNumber,
} from "@provably/core-tensor/internal";
import type { Content, Message, PreferenceRecord, TieRecord } from "../data/record.js";
import type { TokenPair } from "./pairs.js";

/**
 * Options of {@link tokenizePairs}.
 * @category Language models
 */
export interface TokenizeOptions {
  /** Writes a conversation as text, with the opening of the next answer where `addGenerationPrompt`; needed where records hold messages. */
  readonly template?: (
    messages: readonly Message[],
    options: { readonly addGenerationPrompt: boolean },
  ) => string;
  /** Tokens before every prompt, such as that of the start; default none. */
  readonly startTokens?: readonly number[];
  /** The token after every response; default none. */
  readonly endToken?: number;
  /** The most tokens of a prompt; it loses its beginning. Default any. */
  readonly maxPromptLength?: number;
  /** The most tokens of a prompt with its response; the response loses its end. Default any. */
  readonly maxLength?: number;
  /** What becomes of pairs that are too long: they are cut, left out, or an error; default `"truncate"`. */
  readonly tooLong?: "truncate" | "drop" | "throw";
  /**
   * `"separate"`, the default: prompt and response are encoded one by one, and the boundary is exact. `"joint"`: together, as the model would read them; a
   * token across the boundary counts to the response.
   */
  readonly boundary?: "separate" | "joint";
}

/**
 * What {@link tokenizePairs} gives.
 * @category Language models
 */
export interface TokenizedPairs {
  readonly pairs: readonly TokenPair[];
  /** Records, by their index, whose prompt lost its beginning. */
  readonly cutPrompts: readonly number[];
  /** Records one of whose responses lost its end. */
  readonly cutResponses: readonly number[];
  /** Records with a token across the boundary of prompt and response. */
  readonly joined: readonly number[];
  /** Records that gave no pair, and why. */
  readonly dropped: readonly { readonly index: number; readonly reason: string }[];
}

const OPTIONS = {
  template: anyFunction as never,
  startTokens: numberList as never,
  endToken: wholeNumber(0),
  maxPromptLength: wholeNumber(),
  maxLength: wholeNumber(2),
  tooLong: oneOf("truncate", "drop", "throw"),
  boundary: oneOf("separate", "joint"),
};

/** Texts of one record. */
interface Texts {
  readonly prompt: string;
  readonly responses: readonly [string, string];
}

function textsOf(
  where: string,
  prompt: Content,
  responses: readonly [Content, Content],
  template: TokenizeOptions["template"],
): Texts {
  const kinds = [prompt, ...responses].map((x) => typeof x === "string");
  if (kinds.every(Boolean))
    return { prompt: prompt as string, responses: responses as readonly [string, string] };
  if (template === undefined)
    throw new DomainError(`${where} holds messages: options.template must write them as text`);
  const messages = (x: Content, role: string): readonly Message[] =>
    typeof x === "string" ? [{ role, content: x }] : x;
  const asked = messages(prompt, "user");
  const start = template(asked, { addGenerationPrompt: true });
  const answers = responses.map((response) => {
    const whole = template([...asked, ...messages(response, "assistant")], {
      addGenerationPrompt: false,
    });
    if (!whole.startsWith(start))
      throw new DomainError(
        `${where}: the template writes prompt and response as ${show(whole.slice(0, start.length + 20))}, which does not begin with the prompt alone, ${show(start)}`,
      );
    return whole.slice(start.length);
  });
  return { prompt: start, responses: answers as unknown as readonly [string, string] };
}

const shared = (a: readonly number[], b: readonly number[]): number => {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n++;
  return n;
};

type Ids = readonly number[];

function idsOf(
  where: string,
  { prompt, responses }: Texts,
  encode: (text: string) => Ids,
  boundary: "separate" | "joint",
): { readonly prompt: Ids; readonly responses: readonly [Ids, Ids]; readonly joined: boolean } {
  const read = (text: string): Ids =>
    check(where, "what encode gives", encode(text), numberList as never);
  const own = read(prompt);
  if (boundary === "separate")
    return { prompt: own, responses: [read(responses[0]), read(responses[1])], joined: false };
  const whole = [read(prompt + responses[0]), read(prompt + responses[1])] as const;
  const start = Math.min(shared(own, whole[0]), shared(own, whole[1]));
  return {
    prompt: own.slice(0, start),
    responses: [whole[0].slice(start), whole[1].slice(start)],
    joined: start < own.length,
  };
}

function contentsOf(
  fn: string,
  record: PreferenceRecord | TieRecord,
  i: number,
): readonly [Content, Content] {
  const tie = isRecord(record) && "first" in record;
  const fields = tie
    ? { prompt: anything, first: anything, second: anything }
    : { prompt: anything, chosen: anything, rejected: anything };
  check(fn, `records[${i}]`, record, recordWith(fields));
  return "first" in record ? [record.first, record.second] : [record.chosen, record.rejected];
}

/**
 * Preferences in words as token ids: conversations through a template, the boundary between prompt and response kept, what is too long cut and counted.
 *
 * Ties become pairs with the preference 0.5. Weights, margins and cached log-probabilities are taken along; the latter belong to the whole responses, so
 * cutting one that has them is an error.
 *
 * @param records - as {@link loadPreferences} reads them: pairs and ties
 * @param encode - token ids of a text, without special tokens
 * @param options - see {@link TokenizeOptions}
 * @returns see {@link TokenizedPairs}
 * @throws `DomainError` for records that are no pairs, messages without a template, or a template whose text of the whole does not begin with that of the prompt
 * @example
 * ```ts
 * import { tokenizePairs } from "@provably/rlhf-vpo";
 *
 * const encode = (text) => Array.from(text, (c) => c.charCodeAt(0));
 * const records = [{ prompt: "ab", chosen: "c", rejected: "de" }];
 * const { pairs, cutResponses } = tokenizePairs(records, encode, { startTokens: [1], endToken: 2, maxLength: 5 });
 * pairs[0].prompt; // => [1, 97, 98]
 * pairs[0].chosen; // => [99, 2]
 * pairs[0].rejected; // => [100, 101]
 * cutResponses; // => [0]
 * ```
 * @category Language models
 */
export function tokenizePairs(
  records: readonly (PreferenceRecord | TieRecord)[],
  encode: (text: string) => readonly number[],
  options: TokenizeOptions = {},
): TokenizedPairs {
  const fn = "tokenizePairs";
  const {
    template,
    startTokens = [],
    endToken,
    maxPromptLength = Infinity,
    maxLength = Infinity,
    tooLong = "truncate",
    boundary = "separate",
  } = checkOptions<TokenizeOptions>(fn, options, OPTIONS);
  check(fn, "records", records, listOf(anything));
  check(fn, "encode", encode, anyFunction);
  if (Math.min(maxPromptLength, maxLength - 1) <= startTokens.length)
    throw new DomainError(`${fn}: startTokens fill the whole prompt of at most ${maxPromptLength}`);
  const pairs: TokenPair[] = [];
  const [cutPrompts, cutResponses, joined]: [number[], number[], number[]] = [[], [], []];
  const dropped: { index: number; reason: string }[] = [];
  records.forEach((record, i) => {
    const contents = contentsOf(fn, record, i);
    const where = `${fn}: records[${i}]`;
    const ids = idsOf(where, textsOf(where, record.prompt, contents, template), encode, boundary);
    if (ids.joined) joined.push(i);
    const end = endToken === undefined ? [] : [endToken];
    const most = Math.min(maxPromptLength, maxLength - 1) - startTokens.length;
    const prompt = [...startTokens, ...ids.prompt.slice(Math.max(0, ids.prompt.length - most))];
    const room = maxLength - prompt.length;
    const whole = ids.responses.map((x) => [...x, ...end]);
    const [chosen, rejected] = whole.map((x) => x.slice(0, room)) as [number[], number[]];
    const cut = [ids.prompt.length > most, whole.some((x) => x.length > room)];
    const long = cut.some(Boolean);
    const drop = (reason: string): void => void dropped.push({ index: i, reason });
    if (long && tooLong === "throw")
      throw new DomainError(
        `${where} has ${startTokens.length + ids.prompt.length} tokens of prompt and ${whole.map((x) => x.length).join(" and ")} of response, more than maxPromptLength or maxLength`,
      );
    if (long && tooLong === "drop") return drop("too long");
    if (prompt.length === 0) return drop("prompt without tokens");
    if (chosen.length === 0 || rejected.length === 0) return drop("response without tokens");
    if (String(chosen) === String(rejected)) return drop("responses of the same tokens");
    if (long && "refChosen" in record)
      throw new DomainError(
        `${where} was cut, and its cached refChosen and refRejected are those of the whole responses`,
      );
    if (cut[0]) cutPrompts.push(i);
    if (cut[1]) cutResponses.push(i);
    pairs.push({ prompt, chosen, rejected, ...carried(record) });
  });
  return { pairs, cutPrompts, cutResponses, joined, dropped };
}

function carried(record: PreferenceRecord | TieRecord): Partial<TokenPair> {
  const { weight } = record;
  const tie = "first" in record;
  const { margin, refChosen, refRejected } = tie ? ({} as Partial<PreferenceRecord>) : record;
  return {
    ...(weight !== undefined && { weight }),
    ...(tie && { preference: record.preference }),
    ...(margin !== undefined && { margin }),
    ...(refChosen !== undefined && refRejected !== undefined && { refChosen, refRejected }),
  };
}
