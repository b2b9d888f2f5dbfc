/**
 * The values of chat templates, with the meaning that they have in Python, in which templates are written and tested: whole numbers and others differ,
 * texts are rows of characters, and a value prints as `str` prints it.
 */

/** What stands for everything that templates refuse to do; callers give it a type and a place. */
export class TemplateError extends Error {}

export function fail(message: string): never {
  throw new TemplateError(message);
}

/** A number that is not whole by type: `2.0` prints otherwise than `2`. */
export class Float {
  constructor(readonly value: number) {}
}

/** Lists that cannot change; they print in round brackets. */
export class Tuple {
  constructor(readonly items: readonly Value[]) {}
}

/** Items that can be walked through once. */
export class Lazy {
  private left: readonly Value[] | undefined;
  constructor(items: readonly Value[]) {
    this.left = items;
  }
  take(): readonly Value[] {
    const items = this.left ?? [];
    this.left = undefined;
    return items;
  }
}

/** What `items()`, `keys()`, `values()` and `range` give. */
export class View {
  constructor(
    readonly name: string,
    readonly items: readonly Value[],
    /** What it prints, where that is not its items. */
    readonly shown?: string,
  ) {}
}

/** The one kind of object that templates may write to. */
export class Namespace {
  readonly fields = new Map<string, Value>();
}

export interface Arguments {
  readonly list: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** Something that can be called. */
export class Callable {
  constructor(
    readonly name: string,
    readonly call: (args: Arguments) => Value,
  ) {}
}

/** A name or a member that is not there: false, empty, prints nothing, and most uses of it are errors. */
export class Undefined {
  constructor(readonly name: string) {}
  refuse(): never {
    return fail(`${this.name} is undefined`);
  }
}

export type Key = string | number;
export type Dict = ReadonlyMap<Key, Value>;
export type Value =
  | null
  | boolean
  | number
  | string
  | Float
  | readonly Value[]
  | Tuple
  | Dict
  | Lazy
  | View
  | Namespace
  | Callable
  | Undefined;

/** How many values deep JSON may be. */
const MAX_DEPTH = 200;

/** A value of JSON. Whole numbers become integers, however they are written. */
export function fromJson(json: unknown, depth = 0): Value {
  if (depth > MAX_DEPTH) fail(`a value is nested more than ${MAX_DEPTH} deep`);
  if (json === undefined || json === null) return null;
  if (typeof json === "boolean" || typeof json === "string") return json;
  if (typeof json === "number") return Number.isInteger(json) ? json : new Float(json);
  if (Array.isArray(json)) return json.map((item) => fromJson(item, depth + 1));
  const prototype: unknown = typeof json === "object" ? Object.getPrototypeOf(json) : undefined;
  if (prototype !== null && prototype !== Object.prototype)
    fail(
      `a value must be of JSON, got ${typeof json === "object" ? "an object of a class" : typeof json}`,
    );
  return new Map(
    Object.entries(json)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, fromJson(value, depth + 1)]),
  );
}

export const isDict = (x: Value): x is Dict => x instanceof Map;
export const isList = (x: Value): x is readonly Value[] => Array.isArray(x);

/** The number of a value that counts as one; truth values do. */
export function numeric(x: Value): number | undefined {
  if (typeof x === "number") return x;
  if (typeof x === "boolean") return Number(x);
  return x instanceof Float ? x.value : undefined;
}

export function truth(x: Value): boolean {
  if (x === null || x instanceof Undefined) return false;
  if (x instanceof Tuple || x instanceof View) return x.items.length > 0;
  if (isList(x) || typeof x === "string") return x.length > 0;
  if (isDict(x)) return x.size > 0;
  const number = numeric(x);
  return number === undefined || number !== 0;
}

/** What a type is called in messages. */
export function typeName(x: Value): string {
  if (x === null) return "none";
  if (typeof x === "number") return "an integer";
  if (typeof x === "string") return "text";
  if (typeof x === "boolean") return "a truth value";
  if (isList(x)) return "a list";
  if (isDict(x)) return "an object";
  return `a ${x.constructor.name.toLowerCase()}`;
}

/** The items of a value that can be walked through: characters, items, keys. */
export function itemsOf(x: Value): readonly Value[] {
  if (typeof x === "string") return Array.from(x);
  if (isList(x)) return x;
  if (isDict(x)) return [...x.keys()];
  if (x instanceof Tuple || x instanceof View) return x.items;
  if (x instanceof Lazy) return x.take();
  if (x instanceof Undefined) return [];
  return fail(`${typeName(x)} cannot be walked through`);
}

export function lengthOf(x: Value): number {
  if (x instanceof Undefined) return 0;
  if (typeof x === "string") return Array.from(x).length;
  if (isDict(x)) return x.size;
  if (isList(x)) return x.length;
  if (x instanceof Tuple || x instanceof View) return x.items.length;
  return fail(`${typeName(x)} has no length`);
}

export function equal(a: Value, b: Value): boolean {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined || y !== undefined) return x === y;
  if (a instanceof Undefined) return b instanceof Undefined;
  if (isList(a)) return isList(b) && equalItems(a, b);
  if (a instanceof Tuple) return b instanceof Tuple && equalItems(a.items, b.items);
  if (isDict(a))
    return (
      isDict(b) &&
      a.size === b.size &&
      [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key)!))
    );
  return a === b;
}

function equalItems(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, i) => equal(item, b[i]!));
}

/** −1, 0 or 1; values of different kinds have no order. */
export function compare(a: Value, b: Value): number {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return Math.sign(x - y);
  if (typeof a === "string" && typeof b === "string") return compareText(a, b);
  const [listA, listB] = [sequence(a), sequence(b)];
  if (listA && listB && isList(a) === isList(b)) {
    for (let i = 0; i < Math.min(listA.length, listB.length); i++)
      if (!equal(listA[i]!, listB[i]!)) return compare(listA[i]!, listB[i]!);
    return Math.sign(listA.length - listB.length);
  }
  for (const side of [a, b]) if (side instanceof Undefined) side.refuse();
  return fail(`${typeName(a)} and ${typeName(b)} have no order`);
}

function sequence(x: Value): readonly Value[] | undefined {
  return isList(x) ? x : x instanceof Tuple ? x.items : undefined;
}

/** By characters, where the engine compares halves of them: those stand for numbers above all others. */
function compareText(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    const [highX, highY] = [isHalf(x), isHalf(y)];
    return highX === highY ? Math.sign(x - y) : highX ? 1 : -1;
  }
  return Math.sign(a.length - b.length);
}

function isHalf(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xe000;
}

/** Whether `item` is in `container`. */
export function contains(container: Value, item: Value): boolean {
  if (typeof container === "string")
    return typeof item === "string"
      ? container.includes(item)
      : fail(`text can hold text, and not ${typeName(item)}`);
  if (isDict(container)) {
    if (isList(item) || isDict(item)) fail(`${typeName(item)} is no key`);
    return isKey(item) && container.has(item);
  }
  return itemsOf(container).some((x) => equal(x, item));
}

function isKey(x: Value): x is Key {
  return typeof x === "string" || typeof x === "number";
}

export function keyOf(x: Value): Key {
  return isKey(x) ? x : fail(`a key of an object must be text or an integer, got ${typeName(x)}`);
}
