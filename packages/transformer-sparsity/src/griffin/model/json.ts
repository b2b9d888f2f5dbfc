/** Checked reading of parsed JSON: every field is there with the right type, or a typed error names it. */
import { FormatError } from "@provably/core-tensor";
import { show } from "@provably/core-tensor/internal";

/** Sizes beyond this are never real. */
const MAX_COUNT = 2 ** 31 - 1;

export interface JsonObject {
  /** Whether the field is there and not null. */
  has(name: string): boolean;
  value(name: string): unknown;
  /** An integer ≥ `min` (1). */
  count(name: string, options?: { fallback?: number; min?: number; max?: number }): number;
  number(name: string, fallback?: number): number;
  flag(name: string, fallback: boolean): boolean;
  text(name: string, fallback?: string): string;
  token(name: string): number | null;
  /** Numbers of a list. */
  numbers(name: string): number[];
  object(name: string): JsonObject | undefined;
  /** Fields that are there, are not null, and were never asked for. */
  unread(): string[];
}

/** A reader of `json`, which must be an object; `fn` and `path` name the place in errors. */
export function jsonReader(fn: string, json: unknown, path = ""): JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new FormatError(
      `${fn}: ${path === "" ? "the file" : path} must be an object, got ${show(json)}`,
    );
  const fields = json as Record<string, unknown>;
  const asked = new Set<string>();
  const value = (name: string): unknown => {
    asked.add(name);
    return Object.hasOwn(fields, name) ? fields[name] : undefined;
  };
  const has = (name: string): boolean => value(name) !== undefined && value(name) !== null;
  const wrong = (name: string, expected: string): never => {
    throw new FormatError(`${fn}: ${path}${name} must be ${expected}, got ${show(value(name))}`);
  };
  const number = (name: string, fallback?: number): number => {
    if (!has(name) && fallback !== undefined) return fallback;
    const x = value(name);
    return typeof x === "number" && Number.isFinite(x) ? x : wrong(name, "a finite number");
  };
  const count = (
    name: string,
    { fallback, min = 1, max = MAX_COUNT }: { fallback?: number; min?: number; max?: number } = {},
  ): number => {
    if (!has(name) && fallback !== undefined) return fallback;
    const x = value(name);
    return typeof x === "number" && Number.isInteger(x) && x >= min && x <= max
      ? x
      : wrong(name, `an integer in ${min} … ${max}`);
  };
  return {
    has,
    value,
    number,
    count,
    flag(name, fallback) {
      if (!has(name)) return fallback;
      const x = value(name);
      return typeof x === "boolean" ? x : wrong(name, "true or false");
    },
    text(name, fallback) {
      if (!has(name) && fallback !== undefined) return fallback;
      const x = value(name);
      return typeof x === "string" ? x : wrong(name, "text");
    },
    token: (name) => (has(name) ? count(name, { min: 0 }) : null),
    numbers(name) {
      const x = value(name);
      return Array.isArray(x) && x.every(Number.isFinite)
        ? (x as number[])
        : wrong(name, "a list of finite numbers");
    },
    unread: () =>
      Object.keys(fields).filter((name) => !asked.has(name) && (fields[name] ?? null) !== null),
    object: (name) => (has(name) ? jsonReader(fn, value(name), `${path}${name}.`) : undefined),
  };
}

/** Parses JSON text from bytes. */
export function parseJson(fn: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    throw new FormatError(
      `${fn}: not valid JSON (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}
