/** The methods of texts. */
import { bind, flagArgument, textArgument, wholeArgument } from "./arguments.js";
import { checkLength, joined } from "./size.js";
import { type Arguments, type Value, Tuple, fail, itemsOf } from "./values.js";

/** What Python takes for a blank; engines also count U+FEFF, and leave out U+001C … U+001F and U+0085. */
const BLANK =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const BLANKS = new RegExp(`[${BLANK}]+`);

/** Digraphs with a form of their own for the beginning of a word. */
const TITLED: ReadonlyMap<string, string> = new Map(
  ["Ǆǅǆǅǅǅǆǅǅ", "Ǉǈǉǈǈǈǉǈǈ", "Ǌǋǌǋǋǋǌǋǋ", "Ǳǲǳǲǲǲǳǲǲ"].flatMap((row) =>
    Array.from(row.slice(0, 3), (letter) => [letter, row[1]!] as const),
  ),
);

const titled = (letter: string): string => {
  const upper = TITLED.get(letter) ?? letter.toUpperCase();
  return upper.slice(0, 1) + upper.slice(1).toLowerCase();
};

export function capitalize(x: string): string {
  const [first = "", ...rest] = Array.from(x);
  return titled(first) + rest.join("").toLowerCase();
}

/** A letter after something else begins a word. */
function title(x: string): string {
  let inside = false;
  return Array.from(x, (letter) => {
    const cased = /[\p{Lu}\p{Ll}\p{Lt}]/u.test(letter);
    const shown = !cased ? letter : inside ? letter.toLowerCase() : titled(letter);
    inside = cased;
    return shown;
  }).join("");
}

export function strip(
  x: string,
  chars?: string,
  sides: "both" | "left" | "right" = "both",
): string {
  const characters = Array.from(x);
  const cut = chars === undefined ? undefined : new Set(Array.from(chars));
  const goes = (character: string): boolean => cut?.has(character) ?? BLANKS.test(character);
  let [from, to] = [0, characters.length];
  if (sides !== "right") while (from < to && goes(characters[from]!)) from++;
  if (sides !== "left") while (to > from && goes(characters[to - 1]!)) to--;
  return characters.slice(from, to).join("");
}

function stripper(name: string, sides: "both" | "left" | "right") {
  return (x: string, args: Arguments): Value => {
    const [chars] = bind(name, args, "chars");
    return strip(
      x,
      chars === undefined || chars === null ? undefined : textArgument(name, chars),
      sides,
    );
  };
}

/** At most `most` cuts; −1 for all of them. */
function split(x: string, separator: string | undefined, most: number): string[] {
  if (separator === "") fail("split needs a separator that is not empty");
  const parts: string[] = [];
  let rest = separator === undefined ? strip(x, undefined, "left") : x;
  for (;;) {
    if (separator === undefined && rest === "") return parts;
    const found = separator === undefined ? BLANKS.exec(rest) : undefined;
    const at = separator === undefined ? (found?.index ?? -1) : rest.indexOf(separator);
    if (at < 0 || (most >= 0 && parts.length >= most)) {
      parts.push(separator === undefined && most < 0 ? strip(rest) : rest);
      return parts;
    }
    parts.push(rest.slice(0, at));
    rest = rest.slice(at + (separator ?? found![0]).length);
  }
}

function splitFromRight(x: string, separator: string | undefined, most: number): string[] {
  const turned = (text: string): string => Array.from(text).reverse().join("");
  return split(turned(x), separator === undefined ? undefined : turned(separator), most)
    .map(turned)
    .reverse();
}

function splitter(name: string, run: typeof split) {
  return (x: string, args: Arguments): Value => {
    const [separator, most] = bind(name, args, "sep", "maxsplit");
    return run(
      x,
      separator === undefined || separator === null ? undefined : textArgument(name, separator),
      wholeArgument(name, most, -1),
    );
  };
}

/** Whether a text begins, or ends, with one text or one of several. */
function affix(name: string, fits: (x: string, part: string) => boolean) {
  return (x: string, args: Arguments): Value => {
    const [part] = bind(name, args, "prefix");
    const parts = part instanceof Tuple ? part.items : [part];
    return parts.some((one) => fits(x, textArgument(name, one)));
  };
}

export function replace(x: string, old: string, by: string, most: number): string {
  if (old === "" && most < 0) return joined(["", ...Array.from(x), ""], by);
  if (most < 0) return joined(x.split(old), by);
  checkLength(x.length + Math.min(most, x.length + 1) * by.length);
  let [out, rest] = ["", x];
  for (let i = 0; i < most; i++) {
    const at = rest.indexOf(old);
    if (at < 0 || (old === "" && rest === "" && i > 0)) break;
    const next = old === "" ? (Array.from(rest)[0] ?? "") : old;
    out += rest.slice(0, at) + by + (old === "" ? next : "");
    rest = rest.slice(at + next.length);
  }
  return out + rest;
}

function place(name: string, missing: (part: string) => number) {
  return (x: string, args: Arguments): Value => {
    const [part] = bind(name, args, "sub");
    const at = x.indexOf(textArgument(name, part));
    return at < 0 ? missing(part as string) : Array.from(x.slice(0, at)).length;
  };
}

const plain =
  (name: string, run: (x: string) => Value) =>
  (x: string, args: Arguments): Value => {
    bind(name, args);
    return run(x);
  };
const every = (x: string, kind: RegExp): boolean =>
  x !== "" && Array.from(x).every((c) => kind.test(c));

type Method = (x: string, args: Arguments) => Value;

/** By name; what is not here is refused when it is called. */
export const TEXT_METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ["strip", stripper("strip", "both")],
  ["lstrip", stripper("lstrip", "left")],
  ["rstrip", stripper("rstrip", "right")],
  ["split", splitter("split", split)],
  ["rsplit", splitter("rsplit", splitFromRight)],
  ["startswith", affix("startswith", (x, part) => x.startsWith(part))],
  ["endswith", affix("endswith", (x, part) => x.endsWith(part))],
  ["upper", plain("upper", (x) => x.toUpperCase())],
  ["lower", plain("lower", (x) => x.toLowerCase())],
  ["title", plain("title", title)],
  ["capitalize", plain("capitalize", capitalize)],
  ["isdigit", plain("isdigit", (x) => every(x, /[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨]/u))],
  ["isalpha", plain("isalpha", (x) => every(x, /\p{L}/u))],
  ["isalnum", plain("isalnum", (x) => every(x, /[\p{L}\p{N}]/u))],
  ["isspace", plain("isspace", (x) => every(x, BLANKS))],
  ["isupper", plain("isupper", (x) => x.toUpperCase() === x && x.toLowerCase() !== x)],
  ["islower", plain("islower", (x) => x.toLowerCase() === x && x.toUpperCase() !== x)],
  [
    "splitlines",
    (x, args) => {
      const [keep] = bind("splitlines", args, "keepends");
      const lines =
        x.match(
          /[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])|[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+$/g,
        ) ?? [];
      return flagArgument(keep)
        ? lines
        : lines.map((line) => line.replace(/(\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])$/, ""));
    },
  ],
  [
    "replace",
    (x, args) => {
      const [old, by, most] = bind("replace", args, "old", "new", "count");
      return replace(
        x,
        textArgument("replace", old),
        textArgument("replace", by),
        wholeArgument("replace", most, -1),
      );
    },
  ],
  [
    "join",
    (x, args) => {
      const [list] = bind("join", args, "iterable");
      return joined(
        itemsOf(list ?? fail("join needs a list")).map((item) => textArgument("join", item)),
        x,
      );
    },
  ],
  ["find", place("find", () => -1)],
  ["index", place("index", (part) => fail(`index did not find ${JSON.stringify(part)}`))],
  [
    "count",
    (x, args) => {
      const [part] = bind("count", args, "sub");
      return part === ""
        ? Array.from(x).length + 1
        : x.split(textArgument("count", part)).length - 1;
    },
  ],
  [
    "removeprefix",
    (x, args) => {
      const part = textArgument("removeprefix", bind("removeprefix", args, "prefix")[0]);
      return x.startsWith(part) ? x.slice(part.length) : x;
    },
  ],
  [
    "removesuffix",
    (x, args) => {
      const part = textArgument("removesuffix", bind("removesuffix", args, "suffix")[0]);
      return part !== "" && x.endsWith(part) ? x.slice(0, -part.length) : x;
    },
  ],
]);
