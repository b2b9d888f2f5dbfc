/** Values as text: as Python's `str` and `repr` write them, and as its `json` does. */
import { checkLength } from "./size.js";
import {
  type Value,
  Float,
  Namespace,
  Tuple,
  Undefined,
  View,
  fail,
  isDict,
  isList,
  typeName,
} from "./values.js";

/** What a value prints. */
export function text(x: Value): string {
  if (typeof x === "string") return x;
  return x instanceof Undefined ? "" : written(x);
}

/** A value as it stands inside another one. */
export function written(x: Value): string {
  if (x === null) return "None";
  if (x === true) return "True";
  if (x === false) return "False";
  if (typeof x === "number") return integer(x);
  if (typeof x === "string") return quoted(x);
  if (x instanceof Float) return decimal(x.value);
  if (x instanceof Undefined) return "Undefined";
  if (isList(x)) return `[${x.map(written).join(", ")}]`;
  if (x instanceof Tuple)
    return `(${x.items.map(written).join(", ")}${x.items.length === 1 ? "," : ""})`;
  if (isDict(x)) return object(x);
  if (x instanceof View) return x.shown ?? `${x.name}([${x.items.map(written).join(", ")}])`;
  if (x instanceof Namespace) return `<Namespace ${object(x.fields)}>`;
  return fail(`${typeName(x)} has no text; call it, or turn it into a list`);
}

function object(x: ReadonlyMap<string | number, Value>): string {
  return `{${[...x].map(([key, value]) => `${written(key)}: ${written(value)}`).join(", ")}}`;
}

function integer(x: number): string {
  return Number.isSafeInteger(x) ? String(x) : BigInt(x).toString();
}

/** The shortest digits that give the number back, with a point or an exponent. */
function decimal(x: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  const [mantissa, power] = x.toExponential().split("e") as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16)
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  if (Object.is(x, -0)) return "-0.0";
  const plain =
    exponent < 0 ? x.toFixed(mantissa.replace(/[-.]/g, "").length - 1 - exponent) : String(x);
  return plain.includes(".") ? plain : `${plain}.0`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** Text in quotes; what does not print is written by its number. */
function quoted(x: string): string {
  const quote = x.includes("'") && !x.includes('"') ? '"' : "'";
  const inside = x.replace(/[\\\n\r\t'"]|(?! )[\p{C}\p{Z}]/gu, (character) => {
    if (character === '"' || character === "'")
      return character === quote ? `\\${character}` : character;
    return ESCAPES[character] ?? byNumber(character.codePointAt(0)!);
  });
  return quote + inside + quote;
}

function byNumber(code: number): string {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

export interface JsonStyle {
  readonly ascii: boolean;
  /** What a level is indented by; undefined for one line. */
  readonly indent?: string;
  readonly separators: readonly [item: string, key: string];
  readonly sortKeys: boolean;
}

/** A value as JSON. */
export function json(x: Value, style: JsonStyle, depth = 0): string {
  if (x === null) return "null";
  if (typeof x === "boolean") return String(x);
  if (typeof x === "string") return jsonText(x, style);
  if (typeof x === "number") return integer(x);
  if (x instanceof Float) return Number.isFinite(x.value) ? decimal(x.value) : notFinite(x.value);
  const items = isList(x) ? x : x instanceof Tuple ? x.items : undefined;
  if (items)
    return enclosed(
      "[",
      items.map((item) => json(item, style, depth + 1)),
      "]",
      style,
      depth,
    );
  if (!isDict(x)) return fail(`${typeName(x)} cannot be written as JSON`);
  const pairs = [...x];
  if (style.sortKeys) pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = pairs.map(
    ([key, value]) =>
      jsonText(String(key), style) + style.separators[1] + json(value, style, depth + 1),
  );
  return enclosed("{", rows, "}", style, depth);
}

function notFinite(x: number): string {
  return Number.isNaN(x) ? "NaN" : x > 0 ? "Infinity" : "-Infinity";
}

function enclosed(
  open: string,
  rows: readonly string[],
  close: string,
  { indent, separators: [comma] }: JsonStyle,
  depth: number,
): string {
  if (rows.length === 0) return open + close;
  if (indent === undefined) return open + rows.join(comma) + close;
  const inner = `\n${indent.repeat(depth + 1)}`;
  checkLength(rows.length * inner.length);
  return `${open}${inner}${rows.join(comma + inner)}\n${indent.repeat(depth)}${close}`;
}

function jsonText(x: string, { ascii }: JsonStyle): string {
  const plain = JSON.stringify(x);
  if (!ascii) return plain;
  return plain.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
