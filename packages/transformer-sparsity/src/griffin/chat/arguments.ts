/** Arguments of functions, filters and methods of templates, by place or by name. */
import { type Arguments, type Value, fail, numeric, truth, typeName } from "./values.js";

/** The arguments in the order of `names`; undefined for those left out. */
export function bind<N extends readonly string[]>(
  fn: string,
  { list, named }: Arguments,
  ...names: N
): { [K in keyof N]: Value | undefined } {
  if (list.length > names.length) fail(`${fn} takes at most ${names.length} arguments`);
  for (const name of named.keys())
    if (!names.includes(name)) fail(`${fn} has no argument "${name}"`);
  return names.map((name, i) => {
    if (i < list.length && named.has(name)) fail(`${fn} got its argument "${name}" twice`);
    return i < list.length ? list[i] : named.get(name);
  }) as { [K in keyof N]: Value | undefined };
}

export function textArgument(fn: string, x: Value | undefined): string {
  return typeof x === "string"
    ? x
    : fail(`${fn} needs text, got ${x === undefined ? "nothing" : typeName(x)}`);
}

export function wholeArgument(fn: string, x: Value | undefined, fallback: number): number {
  if (x === undefined || x === null) return fallback;
  const number = typeof x === "number" || typeof x === "boolean" ? numeric(x)! : undefined;
  return number ?? fail(`${fn} needs an integer, got ${typeName(x)}`);
}

export function flagArgument(x: Value | undefined, fallback = false): boolean {
  return x === undefined ? fallback : truth(x);
}
