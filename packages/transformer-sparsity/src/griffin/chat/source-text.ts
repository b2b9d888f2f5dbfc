/**
 * The text of a template, prepared for the reader of `@huggingface/jinja` as Python's Jinja has it with `trim_blocks` and `lstrip_blocks`: the reader would
 * also find tags inside quoted texts, and the ends of tags in plain text.
 */
import { fail } from "./values.js";

/** Where the tag that begins at `start` ends: quoted texts are passed over, and brackets of objects in `{{ … }}`. */
function endOfTag(source: string, start: number): number {
  if (source[start + 1] === "#") {
    const end = source.indexOf("#}", start + 2);
    return end < 0 ? fail("a comment has no end") : end + 2;
  }
  const close = source[start + 1] === "%" ? "%}" : "}}";
  let open = 0;
  for (let at = start + 2; at < source.length; at++) {
    const character = source[at]!;
    if (character === '"' || character === "'") at = endOfQuote(source, at);
    else if (open === 0 && source.startsWith(close, at)) return at + 2;
    else if (character === "{") open++;
    else if (character === "}" && open > 0) open--;
  }
  return fail(`a tag has no end: ${source.slice(start, start + 40)}`);
}

function endOfQuote(source: string, start: number): number {
  let at = start + 1;
  while (at < source.length && source[at] !== source[start]) at += source[at] === "\\" ? 2 : 1;
  return at < source.length ? at : fail("a quoted text has no end");
}

/** The end of the block that `raw` opens. */
const END_RAW = /\{%([-+]?)\s*endraw\s*([-+]?)%\}/g;
const RAW = /^\{%([-+]?)\s*raw\s*([-+]?)%\}$/;

/** The template with line ends of one kind, and without the newlines and blanks that belong to its block tags. */
export function preparedSource(template: string): string {
  const source = template.replace(/\r\n?/g, "\n");
  const parts: string[] = [];
  const open = /\{[{%#]/g;
  let [from, atLineStart] = [0, true];
  for (let found = open.exec(source); found; found = open.exec(source)) {
    const { index } = found;
    const block = found[0] !== "{{";
    const before = source.slice(from, index);
    from = endOfTag(source, index);
    const tag = source.slice(index, from);
    parts.push(block && !tag.startsWith("+", 2) ? withoutIndent(before, atLineStart) : before);
    const raw = RAW.exec(tag);
    let last = tag;
    if (raw) {
      END_RAW.lastIndex = from;
      const end = END_RAW.exec(source) ?? fail("a raw block has no end");
      parts.push(quotedRaw(raw, source.slice(from, end.index), end));
      from = END_RAW.lastIndex;
      last = end[0];
    } else parts.push(tag.replace(/^\{%\+/, "{%").replace(/\+%\}$/, "%}"));
    atLineStart = block && !last.endsWith("+%}") && source[from] === "\n";
    if (atLineStart) from++;
    open.lastIndex = from;
  }
  return parts.join("") + source.slice(from);
}

/** Blanks between the beginning of a line and a block tag go. */
function withoutIndent(before: string, atLineStart: boolean): string {
  const line = before.lastIndexOf("\n") + 1;
  if (line === 0 && !atLineStart) return before;
  return /^\s+$/.test(before.slice(line)) ? before.slice(0, line) : before;
}

/** What stands between `raw` and `endraw`, as an expression that prints it. */
function quotedRaw(
  [, before, open]: RegExpExecArray,
  text: string,
  [, close, after]: RegExpExecArray,
): string {
  let body = open === "+" ? text : text.replace(open === "-" ? /^\s+/ : /^\n/, "");
  if (close === "-") body = body.trimEnd();
  else if (close !== "+")
    body =
      body.slice(0, body.lastIndexOf("\n") + 1) +
      body.slice(body.lastIndexOf("\n") + 1).replace(/^\s+$/, "");
  const quoted = body.replace(/[\\']/g, "\\$&").replace(/\n/g, "\\n");
  return `{{${before === "-" ? "-" : ""} '${quoted}' ${after === "-" ? "-" : ""}}}`;
}

interface Token {
  readonly type: string;
  readonly value: string;
}

/** What begins another operand of a row of comparisons. */
const SEPARATORS = new Set([
  "and",
  "or",
  "not",
  "if",
  "else",
  "is",
  "for",
  "elif",
  "set",
  ",",
  ":",
  "=",
]);

/** Refuses comparisons in a row, `a < b < c`, which the reader takes for `(a < b) < c`. */
export function refuseChains(tokens: readonly Token[]): void {
  const seen: boolean[] = [false];
  for (const { type, value } of tokens) {
    if (/^Open/.test(type)) seen.push(false);
    else if (/^Close/.test(type)) seen.pop();
    else if (type === "ComparisonBinaryOperator" || (type === "Identifier" && value === "in")) {
      if (seen.at(-1)) fail(`comparisons in a row, at "${value}", are not understood; use "and"`);
      seen[seen.length - 1] = true;
    } else if (SEPARATORS.has(value) && type !== "StringLiteral" && type !== "Text")
      seen[seen.length - 1] = false;
  }
}
