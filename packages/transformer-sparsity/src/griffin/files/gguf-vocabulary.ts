/** The entries of a tokenizer in a GGUF file, and checked reading of its keys. */
import { FormatError } from "@provably/core-tensor";
import type { GgufValue } from "./gguf-header.js";

/** Kinds of entries, by `tokenizer.ggml.token_type`. */
export const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6] as const;

/** What the names of all keys of tokenizers begin with. */
export const GGML = "tokenizer.ggml.";

export interface Entries {
  readonly texts: readonly string[];
  readonly types: readonly number[];
  readonly ids: ReadonlyMap<string, number>;
  /** The text cut at the special tokens in it, the longest first; those stand at odd places. */
  readonly cut: (text: string) => string[];
}

export type TokenizerKeys = ReturnType<typeof tokenizerKeys>;

export function tokenizerKeys(fn: string, values: ReadonlyMap<string, GgufValue>) {
  const get = (name: string): GgufValue => values.get(GGML + name);
  const wrong = (name: string, why: string): never => {
    const value = JSON.stringify(get(name))?.slice(0, 60) ?? "(absent)";
    throw new FormatError(`${fn}: GGUF key "${GGML}${name}" (${value}) ${why}`);
  };
  const typed = <T extends "string" | "number" | "boolean">(type: T, words: string) => {
    return (name: string) => {
      const value = get(name);
      if (value !== undefined && typeof value !== type) wrong(name, `must be ${words}`);
      return value as { string: string; number: number; boolean: boolean }[T] | undefined;
    };
  };
  const list = (name: string, type: "string" | "number", length?: number): GgufValue => {
    const value = get(name);
    if (!Array.isArray(value) || !value.every((item) => typeof item === type))
      return wrong(
        name,
        type === "string" ? "must be a list of texts" : "must be a list of numbers",
      );
    if (length !== undefined && value.length !== length)
      wrong(name, `must have ${length} items, one for each token, has ${value.length}`);
    return value as string[] | number[];
  };
  return {
    has: (name: string): boolean => values.has(GGML + name),
    wrong,
    text: typed("string", "text"),
    number: typed("number", "a number"),
    flag: typed("boolean", "true or false"),
    texts: (name: string) => list(name, "string") as readonly string[],
    numbers: (name: string, length: number) => list(name, "number", length) as readonly number[],
    /** Says something that is not computed here. */
    absent(name: string): void {
      const value = get(name);
      if (values.has(GGML + name) && value !== false) wrong(name, "is not understood");
    },
    fail(why: string): never {
      throw new FormatError(`${fn}: ${why}`);
    },
  };
}

export function vocabulary(read: TokenizerKeys): Entries {
  const texts = read.texts("tokens");
  const types = read.has("token_type")
    ? read.numbers("token_type", texts.length)
    : texts.map(() => NORMAL);
  const ids = new Map<string, number>();
  texts.forEach((text, id) => {
    const twin = ids.get(text);
    if (twin !== undefined)
      read.fail(`tokens ${twin} and ${id} of the vocabulary are both ${JSON.stringify(text)}`);
    ids.set(text, id);
  });
  const special = texts.filter((text, id) => text !== "" && written(types[id]!));
  // of two that begin at the same place, the longer
  special.sort((a, b) => b.length - a.length);
  const pattern = special.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
  const cutter = special.length === 0 ? undefined : new RegExp(`(${pattern})`);
  return { texts, types, ids, cut: (text) => (cutter ? text.split(cutter) : [text]) };
}

/** Whether a token stands for its own text, in a text too. */
export function written(type: number): boolean {
  return type === CONTROL || type === USER_DEFINED || type === UNKNOWN;
}
