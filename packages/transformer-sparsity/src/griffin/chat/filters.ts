/** Filters of templates: `x | trim` and the like. */
import { bind, flagArgument, textArgument, wholeArgument } from "./arguments.js";
import { attribute, subscript } from "./members.js";
import { type JsonStyle, json, text, written } from "./print.js";
import { checkLength, joined } from "./size.js";
import { capitalize, replace, strip } from "./text-methods.js";
import { TESTS } from "./tests.js";
import {
  type Arguments,
  type Value,
  Float,
  Lazy,
  Tuple,
  Undefined,
  compare,
  fail,
  isDict,
  isList,
  itemsOf,
  lengthOf,
  numeric,
  truth,
  typeName,
} from "./values.js";

type Filter = (x: Value, args: Arguments) => Value;

/** A filter without arguments. */
const plain =
  (name: string, run: (x: Value) => Value): Filter =>
  (x, args) => {
    bind(name, args);
    return run(x);
  };

const folded = (x: Value): Value => (typeof x === "string" ? x.toLowerCase() : x);

/** `a.0.b` of an item. */
function path(x: Value, given: Value): Value {
  const steps = typeof given === "string" ? given.split(".") : [given];
  return steps.reduce<Value>(
    (at, step) =>
      subscript(at, typeof step === "string" && /^\d+$/.test(step) ? Number(step) : step),
    x,
  );
}

/** In order, with the larger of equals where it was; `reverse` keeps that too. */
function sorted(items: readonly Value[], key: (x: Value) => Value, reverse: boolean): Value[] {
  const rows = items.map((item) => ({ item, key: key(item) }));
  rows.sort((a, b) => (reverse ? -1 : 1) * compare(a.key, b.key));
  return rows.map(({ item }) => item);
}

const sort: Filter = (x, args) => {
  const [reverse, cased, by] = bind("sort", args, "reverse", "case_sensitive", "attribute");
  const fold = flagArgument(cased) ? (value: Value) => value : folded;
  const key = by === undefined || by === null ? fold : (item: Value) => fold(path(item, by));
  return sorted(itemsOf(x), key, flagArgument(reverse));
};

const dictsort: Filter = (x, args) => {
  const [cased, by, reverse] = bind("dictsort", args, "case_sensitive", "by", "reverse");
  if (!isDict(x)) return fail(`dictsort is of objects, got ${typeName(x)}`);
  const place = by === undefined ? "key" : textArgument("dictsort", by);
  if (place !== "key" && place !== "value") fail('dictsort is by "key" or "value"');
  const part = (pair: Value): Value => (pair as Tuple).items[place === "key" ? 0 : 1]!;
  const fold = flagArgument(cased) ? part : (pair: Value) => folded(part(pair));
  return sorted(
    [...x].map((pair) => new Tuple(pair)),
    fold,
    flagArgument(reverse),
  );
};

const map: Filter = (x, args) => {
  const by = args.named.get("attribute");
  if (by !== undefined) {
    const [, fallback] = bind("map", args, "attribute", "default");
    const read = (item: Value): Value => {
      const found = path(item, by);
      return found instanceof Undefined && fallback !== undefined ? fallback : found;
    };
    return new Lazy(itemsOf(x).map(read));
  }
  const [name, ...list] = args.list;
  const filter = filterOf(textArgument("map", name));
  return new Lazy(itemsOf(x).map((item) => filter(item, { list, named: args.named })));
};

/** Items that pass a test, or do not; `field` for a test of a member. */
const choose = (name: string, field: boolean, wanted: boolean): Filter => {
  return (x, { list, named }) => {
    if (named.size > 0) fail(`${name} has no arguments by name`);
    const [by, rest] = field ? [list[0], list.slice(1)] : [undefined, list];
    if (field && by === undefined) fail(`${name} needs the name of a member`);
    const [test, other] = rest;
    const passes =
      test === undefined ? truth : (item: Value) => testOf(textArgument(name, test))(item, other);
    return new Lazy(
      itemsOf(x).filter((item) => passes(by === undefined ? item : path(item, by)) === wanted),
    );
  };
};

export function testOf(name: string): (x: Value, other: Value | undefined) => boolean {
  return TESTS.get(name) ?? fail(`there is no test "${name}"`);
}

export function filterOf(name: string): Filter {
  return FILTERS.get(name) ?? fail(`the filter "${name}" is not understood`);
}

const tojson: Filter = (x, args) => {
  const [ascii, indent, separators, sortKeys] = bind(
    "tojson",
    args,
    "ensure_ascii",
    "indent",
    "separators",
    "sort_keys",
  );
  const level =
    indent === undefined || indent === null
      ? undefined
      : typeof indent === "string"
        ? indent
        : " ".repeat(Math.min(MAX_INDENT, Math.max(0, wholeArgument("tojson", indent, 0))));
  const given = separators === undefined || separators === null ? undefined : itemsOf(separators);
  const pair = given?.map((part) => textArgument("tojson", part)) ?? [
    level === undefined ? ", " : ",",
    ": ",
  ];
  if (pair.length !== 2) fail("tojson needs two separators");
  const style: JsonStyle = {
    ascii: flagArgument(ascii),
    ...(level !== undefined && { indent: level }),
    separators: [pair[0]!, pair[1]!],
    sortKeys: flagArgument(sortKeys),
  };
  return json(x, style);
};

/** Nobody indents by more. */
const MAX_INDENT = 100;

const integer: Filter = (x, args) => {
  const [fallback] = bind("int", args, "default");
  if (x instanceof Undefined) x.refuse();
  const number =
    numeric(x) ??
    (typeof x === "string" && /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i.test(x)
      ? Number(x)
      : NaN);
  return Number.isFinite(number) ? Math.trunc(number) : wholeArgument("int", fallback, 0);
};

const round: Filter = (x, args) => {
  const [precision, method] = bind("round", args, "precision", "method");
  const places = 10 ** wholeArgument("round", precision, 0);
  const value = numeric(x) ?? fail("round is of numbers");
  const how = method === undefined ? "common" : textArgument("round", method);
  if (how === "ceil") return new Float(Math.ceil(value * places) / places);
  if (how === "floor") return new Float(Math.floor(value * places) / places);
  if (how !== "common") fail(`round has no method "${how}"`);
  // halves go to the even neighbour
  const scaled = value * places;
  const low = Math.floor(scaled);
  const nearest = scaled - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(scaled);
  return new Float(nearest / places);
};

const total: Filter = (x, args) => {
  const [by, start] = bind("sum", args, "attribute", "start");
  const items =
    by === undefined || by === null ? itemsOf(x) : itemsOf(x).map((item) => path(item, by));
  const all = start === undefined ? [0, ...items] : [start, ...items];
  const numbers = all.map((item) => numeric(item) ?? fail("sum is of numbers"));
  const sum = numbers.reduce((a, b) => a + b, 0);
  return all.some((item) => item instanceof Float) ? new Float(sum) : sum;
};

const extreme = (name: string, sign: number): Filter => {
  return (x, args) => {
    const [cased] = bind(name, args, "case_sensitive");
    const fold = flagArgument(cased) ? (value: Value) => value : folded;
    const items = itemsOf(x);
    if (items.length === 0) return new Undefined(`the ${name} of nothing`);
    return items.reduce((a, b) => (sign * compare(fold(b), fold(a)) > 0 ? b : a));
  };
};

const unique: Filter = (x, args) => {
  const [cased] = bind("unique", args, "case_sensitive");
  const fold = flagArgument(cased) ? (value: Value) => value : folded;
  const seen = new Set<string>();
  const isNew = (item: Value): boolean => {
    if (isList(item) || isDict(item)) fail(`unique is not of items such as ${typeName(item)}`);
    const number = numeric(item);
    const name = number === undefined ? written(fold(item)) : String(number);
    return !seen.has(name) && seen.add(name) !== undefined;
  };
  return new Lazy(itemsOf(x).filter(isNew));
};

const indent: Filter = (x, args) => {
  const [width, first, blank] = bind("indent", args, "width", "first", "blank");
  const by =
    typeof width === "string"
      ? width
      : " ".repeat(Math.min(MAX_INDENT, Math.max(0, wholeArgument("indent", width, 4))));
  const lines = text(x).split("\n");
  checkLength(lines.length * by.length);
  const shown = lines.map((line, i) =>
    i > 0 && (line !== "" || flagArgument(blank)) ? by + line : line,
  );
  return (flagArgument(first) ? by : "") + joined(shown, "\n");
};

const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  [
    "trim",
    (x, args) => {
      const [chars] = bind("trim", args, "chars");
      return strip(
        text(x),
        chars === undefined || chars === null ? undefined : textArgument("trim", chars),
      );
    },
  ],
  ["string", plain("string", text)],
  ["tojson", tojson],
  ["length", plain("length", lengthOf)],
  ["count", plain("count", lengthOf)],
  ["default", defaulted],
  ["d", defaulted],
  ["list", plain("list", (x) => [...itemsOf(x)])],
  ["first", plain("first", (x) => first(itemsOf(x), "first"))],
  [
    "last",
    plain("last", (x) =>
      first(
        [
          ...(x instanceof Lazy ? fail("last needs a list; put list before it") : itemsOf(x)),
        ].reverse(),
        "last",
      ),
    ),
  ],
  [
    "join",
    (x, args) => {
      const [by, member] = bind("join", args, "d", "attribute");
      const items =
        member === undefined || member === null
          ? itemsOf(x)
          : itemsOf(x).map((item) => path(item, member));
      return joined(items.map(text), by === undefined ? "" : text(by));
    },
  ],
  ["upper", plain("upper", (x) => text(x).toUpperCase())],
  ["lower", plain("lower", (x) => text(x).toLowerCase())],
  ["capitalize", plain("capitalize", (x) => capitalize(text(x)))],
  ["title", plain("title", (x) => text(x).replace(/[^-\s({[<]+/gu, titleWord))],
  [
    "replace",
    (x, args) => {
      const [old, by, most] = bind("replace", args, "old", "new", "count");
      if (old === undefined || by === undefined)
        return fail("replace needs what to replace, and by what");
      return replace(text(x), text(old), text(by), wholeArgument("replace", most, -1));
    },
  ],
  ["sort", sort],
  ["dictsort", dictsort],
  ["map", map],
  ["select", choose("select", false, true)],
  ["reject", choose("reject", false, false)],
  ["selectattr", choose("selectattr", true, true)],
  ["rejectattr", choose("rejectattr", true, false)],
  ["int", integer],
  [
    "float",
    (x, args) => {
      const [fallback] = bind("float", args, "default");
      if (x instanceof Undefined) x.refuse();
      const number = numeric(x) ?? (typeof x === "string" && x.trim() !== "" ? Number(x) : NaN);
      return Number.isNaN(number) ? (fallback ?? new Float(0)) : new Float(number);
    },
  ],
  [
    "abs",
    plain("abs", (x) =>
      typeof x === "number"
        ? Math.abs(x)
        : x instanceof Float
          ? new Float(Math.abs(x.value))
          : fail("abs is of numbers"),
    ),
  ],
  ["round", round],
  ["sum", total],
  ["max", extreme("max", 1)],
  ["min", extreme("min", -1)],
  ["unique", unique],
  [
    "reverse",
    plain("reverse", (x) =>
      typeof x === "string"
        ? Array.from(x).reverse().join("")
        : new Lazy([...itemsOf(x)].reverse()),
    ),
  ],
  [
    "items",
    plain("items", (x) =>
      x instanceof Undefined
        ? new Lazy([])
        : isDict(x)
          ? new Lazy([...x].map((pair) => new Tuple(pair)))
          : fail(`items is of objects, got ${typeName(x)}`),
    ),
  ],
  ["attr", (x, args) => attribute(x, textArgument("attr", bind("attr", args, "name")[0]))],
  ["indent", indent],
  ["wordcount", plain("wordcount", (x) => (text(x).match(/[\p{L}\p{N}_]+/gu) ?? []).length)],
  ["safe", plain("safe", text)],
  ["escape", plain("escape", escaped)],
  ["e", plain("e", escaped)],
]);

function first(items: readonly Value[], name: string): Value {
  return items.length > 0 ? items[0]! : new Undefined(`the ${name} of nothing`);
}

function defaulted(x: Value, args: Arguments): Value {
  const [fallback, falsy] = bind("default", args, "default_value", "boolean");
  const left = x instanceof Undefined || (flagArgument(falsy) && !truth(x));
  if (!left) return x;
  return fallback === undefined ? "" : fallback;
}

function titleWord(word: string): string {
  const [first = "", ...rest] = Array.from(word);
  return first.toUpperCase() + rest.join("").toLowerCase();
}

function escaped(x: Value): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&#34;",
    "'": "&#39;",
  };
  return text(x).replace(/[&<>"']/g, (character) => names[character]!);
}
