/** What a `tokenizer_config.json` says of chats. */
import { FormatError } from "@provably/core-tensor";

interface ChatSettings {
  readonly chatTemplates: Readonly<Record<string, string>>;
  readonly specialTokens: Readonly<Record<string, string>>;
}

/** Templates and special tokens of a parsed file; `file` is the text of `chat_template.jinja`, which takes the place of the field. */
export function chatSettings(settings: unknown, file?: string): ChatSettings {
  const fields = Object.entries((settings ?? {}) as Readonly<Record<string, unknown>>);
  const field = fields.find(([name]) => name === "chat_template")?.[1] ?? undefined;
  const named = file === undefined ? templatesOf(field) : [["default", file] as const];
  const special = fields.flatMap(([name, value]) => {
    const text = name.endsWith("_token") ? tokenText(value) : undefined;
    return text === undefined ? [] : [[name, text] as const];
  });
  return { chatTemplates: Object.fromEntries(named), specialTokens: Object.fromEntries(special) };
}

/** One text, or a list of templates with names. */
function templatesOf(field: unknown): (readonly [name: string, template: string])[] {
  if (field === undefined) return [];
  if (typeof field === "string") return [["default", field]];
  const rows: readonly unknown[] = Array.isArray(field) ? field : [field];
  return rows.map((row) => {
    const { name, template } = (row ?? {}) as { name?: unknown; template?: unknown };
    if (typeof name !== "string" || typeof template !== "string")
      throw new FormatError(
        "loadTokenizer: chat_template of tokenizer_config.json must be text, or a list of objects with name and template",
      );
    return [name, template];
  });
}

/** A token is written as text, or as an object with its content. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const { content } = (value ?? {}) as { content?: unknown };
  return typeof content === "string" ? content : undefined;
}
