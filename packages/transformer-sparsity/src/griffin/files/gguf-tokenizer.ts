/** The tokenizer in a GGUF file: its vocabulary, and byte-level merges (`gpt2`) or pieces with scores (`llama`). */
import { IndexError } from "@provably/core-tensor";
import { type Kind, byteLevel, scored } from "./gguf-encoders.js";
import { type GgufValue, readGguf } from "./gguf-header.js";
import { preTokenizer, preTokenizerNames } from "./gguf-pre-tokenizers.js";
import {
  type Entries,
  GGML,
  USER_DEFINED,
  tokenizerKeys,
  vocabulary,
  written,
} from "./gguf-vocabulary.js";
import type { ModelFiles } from "./source.js";

/** What a tokenizer does once its arguments were looked at. */
export interface PlainTokenizer {
  encode(text: string, addSpecialTokens: boolean): number[];
  decode(ids: readonly number[], skipSpecialTokens: boolean): string;
  readonly chatTemplates: Readonly<Record<string, string>>;
  readonly specialTokens: Readonly<Record<string, string>>;
}

const LISTS = new Set(["tokens", "scores", "token_type", "merges"].map((name) => GGML + name));
const TEMPLATE = "tokenizer.chat_template";

/** Numbers of tokens with a part to play, and the variables of chat templates that hold their text. */
const ROLES: Readonly<Record<string, string>> = {
  bos_token_id: "bos_token",
  eos_token_id: "eos_token",
  unknown_token_id: "unk_token",
  padding_token_id: "pad_token",
  seperator_token_id: "sep_token",
  mask_token_id: "mask_token",
};

/** Reads the tokenizer of a file; no tensor is needed. */
export async function openGgufTokenizer(
  fn: string,
  files: ModelFiles,
  name: string,
): Promise<PlainTokenizer> {
  const { values } = await readGguf(fn, files, name, (key) => LISTS.has(key));
  const read = tokenizerKeys(fn, values);
  const entries = vocabulary(read);
  const model = read.text("model") ?? read.wrong("model", "is missing");
  const pre = preTokenizer(read.text("pre") ?? "default");
  if (model === "gpt2" && !pre)
    read.wrong("pre", `is not one of the cuts that are known: ${preTokenizerNames.join(", ")}`);
  read.absent("precompiled_charsmap");
  read.absent("add_sep_token");
  read.absent("remove_extra_whitespaces");
  const kind =
    model === "gpt2"
      ? byteLevel(read, entries)
      : model === "llama"
        ? scored(read, entries)
        : read.wrong("model", "is not one of gpt2 (byte-level merges), llama (pieces with scores)");
  const role = (key: string): number | undefined => {
    const id = read.number(key);
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < entries.texts.length))
      read.wrong(key, `is not a token of the ${entries.texts.length} of the vocabulary`);
    return id;
  };
  const roles = Object.keys(ROLES).map((key) => [ROLES[key]!, role(key)] as const);
  const ends = (flag: string, key: string, fallback: boolean): number[] => {
    if (!(read.flag(flag) ?? fallback)) return [];
    return [role(key) ?? read.wrong(flag, `needs ${GGML}${key}`)];
  };
  const [start, end] = [
    ends("add_bos_token", "bos_token_id", model === "llama" || pre!.addBos),
    ends("add_eos_token", "eos_token_id", false),
  ];
  return {
    encode(text, addSpecialTokens) {
      const ids = kind.encode(text);
      return addSpecialTokens ? [...start, ...ids, ...end] : ids;
    },
    decode: decoder(entries, kind),
    chatTemplates: templates(values),
    specialTokens: Object.fromEntries(
      roles.flatMap(([variable, id]) => (id === undefined ? [] : [[variable, entries.texts[id]!]])),
    ),
  };
}

const utf8 = new TextEncoder();

/** Text of tokens: their bytes in a row, where what is no UTF-8 becomes U+FFFD. */
function decoder({ texts, types }: Entries, kind: Kind): PlainTokenizer["decode"] {
  return (ids, skipSpecialTokens) => {
    const parts: Uint8Array[] = [];
    // a blank is put before every stretch of text between special tokens
    let fresh = kind.blankBefore;
    for (const id of ids) {
      const type = types[id];
      if (type === undefined)
        throw new IndexError(
          `decode: token ${id} is not one of the ${texts.length} of the vocabulary`,
        );
      if (written(type)) {
        if (type === USER_DEFINED || !skipSpecialTokens) parts.push(utf8.encode(texts[id]));
        fresh = kind.blankBefore;
        continue;
      }
      const bytes = kind.bytes(id);
      parts.push(fresh && bytes[0] === 32 ? bytes.subarray(1) : bytes);
      fresh = false;
    }
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(all);
  };
}

/** Chat templates by name; the usual one is `default`. */
function templates(values: ReadonlyMap<string, GgufValue>): Record<string, string> {
  const places = [...values].flatMap(([key, value]) => {
    if (typeof value !== "string") return [];
    if (key === TEMPLATE) return [["default", value]];
    return key.startsWith(`${TEMPLATE}.`) ? [[key.slice(TEMPLATE.length + 1), value]] : [];
  });
  return Object.fromEntries(places) as Record<string, string>;
}
