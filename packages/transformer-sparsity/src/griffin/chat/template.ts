/** A chat template as a text, run over its variables. */
import { FormatError } from "@provably/core-tensor";
import { parse, tokenize } from "@huggingface/jinja";
import { globals } from "./globals.js";
import { Interpreter } from "./interpreter.js";
import { preparedSource, refuseChains } from "./source-text.js";
import type { Node } from "./syntax.js";
import { TemplateError, fromJson } from "./values.js";

/** No published template is a tenth as long. */
const MAX_TEMPLATE = 200_000;

/** Longer runs of blanks make the reader of templates slow. */
const MAX_BLANKS = 500;

/** What the template prints for these variables. */
export function renderTemplate(
  fn: string,
  template: string,
  variables: Readonly<Record<string, unknown>>,
  now: Date,
): string {
  const tree = parsed(fn, template);
  return typed(fn, "the template cannot be run", () => {
    const scope = globals(now);
    for (const [name, value] of Object.entries(variables)) scope.set(name, fromJson(value));
    return new Interpreter().run(tree, scope);
  });
}

function parsed(fn: string, template: string): Node {
  if (template.length > MAX_TEMPLATE)
    throw new FormatError(
      `${fn}: the template has ${template.length} characters, expected at most ${MAX_TEMPLATE}`,
    );
  if (new RegExp(`\\s{${MAX_BLANKS}}`).test(template))
    throw new FormatError(`${fn}: the template has more than ${MAX_BLANKS} blanks in a row`);
  return typed(fn, "the template cannot be read", () => {
    const tokens = tokenize(preparedSource(template));
    refuseChains(tokens);
    return parse(tokens);
  });
}

/** Gives errors of templates, of their reader and of the engine's stack the type of this library. */
function typed<T>(fn: string, what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 2000) : "unknown error";
    if (error instanceof TemplateError || error instanceof Error)
      throw new FormatError(`${fn}: ${what}: ${why}`);
    throw error;
  }
}
