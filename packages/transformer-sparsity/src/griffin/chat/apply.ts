/** Chats as the prompts that a model was trained on. */
import { FormatError } from "@provably/core-tensor";
import {
  anyRecord,
  anyString,
  check,
  checkOptions,
  listOf,
  mapOf,
  optional,
  recordWith,
  satisfying,
  trueOrFalse,
} from "@provably/core-tensor/internal";
import { renderTemplate } from "./template.js";

/**
 * One message of a chat. Templates read `role` and `content`; some read more (`tool_calls`, `name`, …), and contents that are lists or objects.
 * @category Chats
 */
export interface ChatMessage {
  readonly role: string;
  readonly content?: unknown;
  readonly [field: string]: unknown;
}

/**
 * Templates and the texts of special tokens, as a {@link Tokenizer} carries them.
 * @category Chats
 */
export interface ChatTemplates {
  readonly chatTemplates?: Readonly<Record<string, string>>;
  readonly specialTokens?: Readonly<Record<string, string>>;
}

/**
 * Options of {@link applyChatTemplate}.
 * @category Chats
 */
export interface ChatOptions {
  /** Whether the prompt ends where the answer begins. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** What the model may call, as JSON schemas. Default: none. */
  readonly tools?: readonly object[];
  /** Texts to answer from. Default: none. */
  readonly documents?: readonly object[];
  /** Name of one of the templates. Default: `tool_use` when there are tools and such a template, else `default`. */
  readonly template?: string;
  /** More variables for the template. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** What `strftime_now` tells, in local time. Default: now. */
  readonly now?: Date;
}

const OPTIONS = {
  addGenerationPrompt: trueOrFalse,
  tools: listOf(anyRecord),
  documents: listOf(anyRecord),
  template: anyString,
  variables: anyRecord,
  now: satisfying("a valid Date", (x) => x instanceof Date && !Number.isNaN(x.getTime())),
};

const TOKENIZER = recordWith({
  chatTemplates: optional(mapOf(anyString)),
  specialTokens: optional(mapOf(anyString)),
});

/**
 * The prompt that a model expects for a chat, by its own template.
 *
 * Templates are Jinja, read by `@huggingface/jinja`. They are run here, with the meaning that they have in Python, where models' authors write them: `True` and
 * `None` print so, lists and objects print as there, `tojson` separates by `", "` and `": "`, texts are rows of characters, and what Python refuses is refused.
 * Whole numbers of JSON are integers, however they are written. Not understood, and refused by name: comparisons in a row, tests with arguments, `with`,
 * `block`, `include`, and filters beyond those that templates use.
 *
 * A template can reach nothing but its variables, and each one ends: its steps, the length of its values and its nesting are limited.
 *
 * The prompt contains its start token where the template writes one: encode it with `addSpecialTokens: false`.
 *
 * @param tokenizer - a {@link Tokenizer}, or templates and special tokens
 * @param messages - the chat so far
 * @param options - see {@link ChatOptions}
 * @returns the prompt
 * @throws `FormatError` when there is no such template, when it cannot be read or run, or when it refuses the chat
 * @example
 * ```ts
 * import { applyChatTemplate } from "@provably/transformer-sparsity/griffin";
 *
 * const template = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
 * applyChatTemplate({ chatTemplates: { default: template } }, [{ role: "user", content: "Hi" }]); // => "<user>Hi\n<assistant>"
 * ```
 * @see the npm package `@huggingface/jinja`
 * @category Chats
 */
export function applyChatTemplate(
  tokenizer: ChatTemplates,
  messages: readonly ChatMessage[],
  options: ChatOptions = {},
): string {
  const fn = "applyChatTemplate";
  check(fn, "tokenizer", tokenizer, TOKENIZER);
  check(fn, "messages", messages, listOf(anyRecord));
  const given = checkOptions<ChatOptions>(fn, options, OPTIONS);
  const { addGenerationPrompt = true, tools, documents, now = new Date(), variables } = given;
  return renderTemplate(
    fn,
    chosen(fn, tokenizer.chatTemplates ?? {}, given),
    {
      ...tokenizer.specialTokens,
      messages,
      tools: tools ?? null,
      documents: documents ?? null,
      add_generation_prompt: addGenerationPrompt,
      ...variables,
    },
    now,
  );
}

function chosen(
  fn: string,
  templates: Readonly<Record<string, string>>,
  { template, tools }: ChatOptions,
): string {
  const usual = tools && Object.hasOwn(templates, "tool_use") ? "tool_use" : "default";
  const name = template ?? usual;
  if (Object.hasOwn(templates, name)) return templates[name]!;
  const names = Object.keys(templates);
  throw new FormatError(
    names.length === 0
      ? `${fn}: there is no chat template; the model was not made for chats`
      : `${fn}: there is no chat template "${name}", only ${names.join(", ")}`,
  );
}
