/** The grammar of JSON, of any value or of those that a schema allows. */
import { DomainError, FormatError } from "@provably/core-tensor";
import { isRecord, show } from "@provably/core-tensor/internal";
import {
  type Rule,
  type Ways,
  chars,
  choice,
  later,
  literal,
  machine,
  maybe,
  nothing,
  repeat,
  sequence,
} from "./machine.js";

/**
 * A grammar of texts, read character by character. States are values: a text that goes on in two ways has two of them.
 * @category Text
 */
export interface TextGrammar<State = unknown> {
  /** Before the first character. */
  readonly start: State;
  /** After one more character (a code point); undefined where no text of the grammar goes on so. */
  step(state: State, char: string): State | undefined;
  /** Whether the text may end here. */
  ended(state: State): boolean;
}

/** Longest path to a part of a schema. */
const MOST_PATH = 5000;
/** Digits of a stretch of a number: more than double precision holds, and no model goes on for ever. */
const MOST_DIGITS = 17;
const digit = chars((c) => c >= "0" && c <= "9");
const digits = repeat(digit, 1, MOST_DIGITS);
const blank = maybe(literal(" "));
const whole = sequence(
  maybe(literal("-")),
  choice(
    literal("0"),
    sequence(
      chars((c) => c >= "1" && c <= "9"),
      repeat(digit, 0, MOST_DIGITS - 1),
    ),
  ),
);
const fraction = maybe(sequence(literal("."), digits));
const exponent = maybe(
  sequence(
    chars((c) => c === "e" || c === "E"),
    maybe(chars((c) => c === "+" || c === "-")),
    repeat(digit, 1, 2),
  ),
);
const hex = chars((c) => /^[0-9a-fA-F]$/.test(c));
/** Half of a pair of UTF-16 means nothing alone. */
const unit = choice(
  sequence(
    chars((c) => /^[0-9a-cefA-CEF]$/.test(c)),
    hex,
    hex,
    hex,
  ),
  sequence(
    chars((c) => c === "d" || c === "D"),
    chars((c) => c >= "0" && c <= "7"),
    hex,
    hex,
  ),
);
const letter = choice(
  chars((c) => c >= " " && c !== '"' && c !== "\\" && !/^\p{Surrogate}$/u.test(c)),
  sequence(
    literal("\\"),
    choice(
      chars((c) => '"\\/bfnrt'.includes(c)),
      sequence(literal("u"), unit),
    ),
  ),
);
const text = (min = 0, max = Infinity): Rule =>
  sequence(literal('"'), repeat(letter, min, max), literal('"'));
const comma = sequence(literal(","), blank);
const colon = sequence(literal(":"), blank);

/** Items with commas between. */
function list(item: Rule, min = 0, max = Infinity): Rule {
  if (max === 0) return nothing;
  const some = sequence(item, repeat(sequence(comma, item), Math.max(0, min - 1), max - 1));
  return min === 0 ? maybe(some) : some;
}
const array = (item: Rule, min?: number, max?: number): Rule =>
  sequence(literal("["), list(item, min, max), literal("]"));

const ANY: Rule = choice(
  text(),
  sequence(whole, fraction, exponent),
  literal("true"),
  literal("false"),
  literal("null"),
  array(later(() => ANY)),
  sequence(
    literal("{"),
    list(
      sequence(
        text(),
        colon,
        later(() => ANY),
      ),
    ),
    literal("}"),
  ),
);

/** Keywords that say nothing about which values are allowed. */
const ANNOTATIONS = [
  "title",
  "description",
  "default",
  "examples",
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "deprecated",
  "readOnly",
  "writeOnly",
];

type Schema = Readonly<Record<string, unknown>>;

/** Rules of the schemas of one document. */
class Compiler {
  private readonly known = new Map<unknown, Rule>();
  constructor(private readonly root: unknown) {}

  rule(schema: unknown, path: string): Rule {
    if (schema === true) return ANY;
    if (!isRecord(schema)) this.fail(path, `must be an object or true, got ${show(schema)}`);
    const found = this.known.get(schema);
    if (found) return found;
    if (path.length > MOST_PATH) this.fail(`${path.slice(0, 60)}…`, "is nested too deeply");
    let made: Rule | undefined;
    this.known.set(
      schema,
      later(() => made!),
    );
    made = this.compile(schema, path);
    return made;
  }

  private compile(schema: Schema, path: string): Rule {
    const asked = new Set<string>(ANNOTATIONS);
    const get = (name: string): unknown => {
      asked.add(name);
      return Object.hasOwn(schema, name) ? schema[name] : undefined;
    };
    const made = this.special(get, path) ?? this.typed(get, path);
    const other = Object.keys(schema).find((name) => !asked.has(name));
    if (other !== undefined)
      this.fail(path, `has the keyword "${other}", which is not understood here`);
    return made;
  }

  /** References, lists of values, and alternatives. */
  private special(get: (name: string) => unknown, path: string): Rule | undefined {
    const reference = get("$ref");
    if (reference !== undefined) return this.reference(reference, path);
    const constant = get("const");
    if (constant !== undefined) {
      get("type");
      return this.value(constant, path);
    }
    const values = get("enum");
    if (values !== undefined) {
      get("type");
      if (!Array.isArray(values) || values.length === 0)
        this.fail(path, "must have a list of at least one value as enum");
      return choice(...(values as unknown[]).map((value) => this.value(value, path)));
    }
    const alternatives = get("anyOf") ?? get("oneOf");
    if (alternatives === undefined) return undefined;
    if (!Array.isArray(alternatives) || alternatives.length === 0)
      this.fail(path, "must have a list of at least one schema as anyOf or oneOf");
    // with oneOf, values that several allow are allowed too: schemas that overlap are the writer's business
    return choice(
      ...(alternatives as unknown[]).map((own, i) => this.rule(own, `${path}/anyOf/${i}`)),
    );
  }

  /** One value, written without blanks. */
  private value(value: unknown, path: string): Rule {
    let written: string | undefined;
    try {
      written = JSON.stringify(value) as string | undefined;
    } catch {
      // rings and big integers
    }
    if (written === undefined) this.fail(path, `has the value ${show(value)}, which JSON has not`);
    return literal(written);
  }

  private reference(reference: unknown, path: string): Rule {
    const parts =
      typeof reference === "string" && /^#(\/|$)/.test(reference)
        ? reference.split("/").slice(1)
        : undefined;
    if (!parts) this.fail(path, `$ref must begin with "#/", got ${show(reference)}`);
    let target = this.root;
    for (const part of parts) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      if (!isRecord(target) || !Object.hasOwn(target, name))
        this.fail(path, `$ref ${show(reference)} leads nowhere`);
      target = (target as Record<string, unknown>)[name];
    }
    return this.rule(target, String(reference));
  }

  private typed(get: (name: string) => unknown, path: string): Rule {
    const type = get("type") ?? (get("properties") === undefined ? undefined : "object");
    if (type === undefined) return ANY;
    const types: readonly unknown[] = Array.isArray(type) ? type : [type];
    if (types.length === 0) this.fail(path, "must have at least one type");
    return choice(...types.map((own) => this.ofType(own, get, path)));
  }

  private ofType(type: unknown, get: (name: string) => unknown, path: string): Rule {
    const count = (name: string, fallback: number): number => {
      const value = get(name);
      if (value === undefined) return fallback;
      if (!Number.isInteger(value) || (value as number) < 0)
        this.fail(path, `must have a whole number as ${name}, got ${show(value)}`);
      return value as number;
    };
    const range = (least: string, most: string): [number, number] => {
      const [min, max] = [count(least, 0), count(most, Infinity)];
      if (min > max) this.fail(path, `allows nothing: ${least} is above ${most}`);
      return [min, max];
    };
    switch (type) {
      case "null":
        return literal("null");
      case "boolean":
        return choice(literal("true"), literal("false"));
      case "integer":
        return whole;
      case "number":
        return sequence(whole, fraction, exponent);
      case "string":
        return text(...range("minLength", "maxLength"));
      case "array":
        return array(
          this.rule(get("items") ?? true, `${path}/items`),
          ...range("minItems", "maxItems"),
        );
      case "object":
        return this.object(get, path);
      default:
        return this.fail(path, `has the type ${show(type)}, which JSON has not`);
    }
  }

  /** Properties in their order, those that are not required left out or not. */
  private object(get: (name: string) => unknown, path: string): Rule {
    const properties = get("properties");
    const required = get("required") ?? [];
    const more = get("additionalProperties");
    if (!Array.isArray(required)) this.fail(path, "must have a list of names as required");
    if (properties === undefined) {
      if ((required as unknown[]).length > 0) this.fail(path, "requires properties and has none");
      const value =
        more === undefined
          ? ANY
          : more === false
            ? undefined
            : this.rule(more, `${path}/additionalProperties`);
      return sequence(
        literal("{"),
        value ? list(sequence(text(), colon, value)) : nothing,
        literal("}"),
      );
    }
    if (!isRecord(properties)) this.fail(path, "must have an object as properties");
    const entries = Object.entries(properties);
    const unknown = (required as unknown[]).find((name) => !entries.some(([own]) => own === name));
    if (unknown !== undefined)
      this.fail(path, `requires ${show(unknown)}, which is not among its properties`);
    // other properties may be allowed, and are never written
    let [first, after]: [Rule, Rule] = [nothing, nothing];
    for (const [name, own] of entries.reverse()) {
      const member = sequence(
        literal(JSON.stringify(name)),
        colon,
        this.rule(own, `${path}/properties/${name}`),
      );
      const [here, there] = [sequence(member, after), sequence(comma, member, after)];
      const needed = (required as unknown[]).includes(name);
      [first, after] = needed ? [here, there] : [choice(here, first), choice(there, after)];
    }
    return sequence(literal("{"), first, literal("}"));
  }

  private fail(path: string, what: string): never {
    throw new FormatError(`jsonGrammar: the schema at ${path} ${what}`);
  }
}

/**
 * The grammar of JSON: of any value, or of those that a schema allows. For {@link maskByGrammar}.
 *
 * Texts are written without line breaks, with at most one blank after a comma or a colon; numbers have at most 17 digits in a row. Of schemas are understood `type`, `properties`
 * with `required`, `items`, `minItems`, `maxItems`, `minLength`, `maxLength`, `enum`, `const`, `anyOf`, `oneOf` and `$ref` within the document. Properties come in the order of the
 * schema, and none besides. A keyword that is not understood is refused by name: text that was held to half a schema would look as if it were held to all of it.
 *
 * @param schema - a JSON schema; default any value
 * @returns see {@link TextGrammar}
 * @throws `FormatError` for a schema that is not understood, or allows nothing
 * @example
 * ```ts
 * import { jsonGrammar } from "@provably/transformer-sparsity/griffin";
 *
 * const grammar = jsonGrammar({ type: "object", properties: { age: { type: "integer" } }, required: ["age"] });
 * const after = (text: string) => [...text].reduce((state: unknown, char) => (state === undefined ? undefined : grammar.step(state, char)), grammar.start);
 * grammar.ended(after('{"age": 41}')); // => true
 * after('{"age": 4.'); // => undefined
 * ```
 * @see RFC 8259, "The JavaScript object notation (JSON) data interchange format"
 * @category Text
 */
export function jsonGrammar(schema: unknown = true): TextGrammar {
  const { start, step, ended, isWays } = machine(new Compiler(schema).rule(schema, "#"));
  if (start.length === 0)
    throw new FormatError("jsonGrammar: the schema at # allows nothing: it refers to itself alone");
  const known = (argument: string, x: unknown): Ways => {
    if (isWays(x)) return x;
    throw new DomainError(
      `jsonGrammar: ${argument} must be the start or come from step of the same grammar, got ${show(x)}`,
    );
  };
  return {
    start,
    step: (state, char) => step(known("state", state), char),
    ended: (state) => ended(known("state", state)),
  };
}
