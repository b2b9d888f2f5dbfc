/** Members of values: fields and items, and methods that change nothing. Nothing else of a value can be reached. */
import { bind } from "./arguments.js";
import { TEXT_METHODS } from "./text-methods.js";
import {
  type Arguments,
  type Value,
  Callable,
  Namespace,
  Tuple,
  Undefined,
  View,
  equal,
  fail,
  isDict,
  isList,
  keyOf,
  typeName,
} from "./values.js";

/** `object.name`: a method before a field, as templates have it. */
export function attribute(object: Value, name: string): Value {
  if (object instanceof Undefined) return object.refuse();
  const found = method(object, name) ?? item(object, name);
  return found === undefined ? missing(name) : found;
}

/** `object[key]`: a field before a method. */
export function subscript(object: Value, key: Value): Value {
  if (object instanceof Undefined) return object.refuse();
  const found = item(object, key);
  if (found !== undefined) return found;
  if (typeof key !== "string") return missing("an item");
  return method(object, key) ?? missing(key);
}

function missing(name: string): Undefined {
  return new Undefined(JSON.stringify(name));
}

function item(object: Value, key: Value): Value | undefined {
  if (isDict(object))
    return typeof key === "string" || typeof key === "number" ? object.get(key) : undefined;
  if (object instanceof Namespace)
    return typeof key === "string" ? object.fields.get(key) : undefined;
  if (typeof key !== "number" && typeof key !== "boolean") return undefined;
  const items = indexed(object);
  return items?.at(Number(key));
}

/** The items of a value that has them by number. */
export function indexed(object: Value): readonly Value[] | undefined {
  if (typeof object === "string") return Array.from(object);
  if (isList(object)) return object;
  if (object instanceof Tuple) return object.items;
  return object instanceof View && object.name === "range" ? object.items : undefined;
}

function method(object: Value, name: string): Callable | undefined {
  if (typeof object === "string") {
    const run = TEXT_METHODS.get(name);
    return run && new Callable(name, (args) => run(object, args));
  }
  const run = isDict(object) ? DICT.get(name) : undefined;
  if (run) return new Callable(name, (args) => run(object as ReadonlyMap<never, Value>, args));
  const list = indexed(object);
  if (list === undefined || (name !== "index" && name !== "count")) return undefined;
  return new Callable(name, (args) => {
    const [wanted] = bind(name, args, "value");
    const fits = list.map((x) => equal(x, wanted ?? null));
    if (name === "count") return fits.filter(Boolean).length;
    return fits.includes(true) ? fits.indexOf(true) : fail("index did not find the item");
  });
}

type DictMethod = (x: ReadonlyMap<string | number, Value>, args: Arguments) => Value;

const DICT: ReadonlyMap<string, DictMethod> = new Map<string, DictMethod>([
  [
    "get",
    (x, args) => {
      const [key, fallback] = bind("get", args, "key", "default");
      if (key === undefined) fail("get needs a key");
      const found = x.get(keyOf(key));
      return found === undefined ? (fallback ?? null) : found;
    },
  ],
  [
    "items",
    (x, args) => {
      bind("items", args);
      return new View(
        "dict_items",
        [...x].map((pair) => new Tuple(pair)),
      );
    },
  ],
  [
    "keys",
    (x, args) => {
      bind("keys", args);
      return new View("dict_keys", [...x.keys()]);
    },
  ],
  [
    "values",
    (x, args) => {
      bind("values", args);
      return new View("dict_values", [...x.values()]);
    },
  ],
  [
    "copy",
    (x, args) => {
      bind("copy", args);
      return x;
    },
  ],
]);

/** `object[start:stop:step]`. */
export function slice(
  object: Value,
  start: Value | undefined,
  stop: Value | undefined,
  step: Value | undefined,
): Value {
  if (object instanceof Undefined) return object.refuse();
  const bound = (x: Value | undefined): number | undefined => {
    if (x === undefined || x === null) return undefined;
    return typeof x === "number" || typeof x === "boolean"
      ? Number(x)
      : fail("the ends of a slice must be integers");
  };
  const items = indexed(object) ?? fail(`${typeName(object)} cannot be sliced`);
  const by = bound(step) ?? 1;
  if (by === 0) fail("the step of a slice must not be 0");
  const length = items.length;
  const clamp = (x: number): number =>
    Math.max(by < 0 ? -1 : 0, Math.min(x < 0 ? x + length : x, by < 0 ? length - 1 : length));
  const from = clamp(bound(start) ?? (by < 0 ? length - 1 : 0));
  const end = bound(stop);
  const to = end === undefined ? (by < 0 ? -1 : length) : clamp(end);
  const chosen: Value[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) chosen.push(items[i]!);
  if (typeof object === "string") return (chosen as string[]).join("");
  return object instanceof Tuple ? new Tuple(chosen) : chosen;
}
