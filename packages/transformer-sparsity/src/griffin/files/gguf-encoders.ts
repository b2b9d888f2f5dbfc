/** The two kinds of tokenizers in GGUF files: byte-level merges (`gpt2`), and pieces with scores (`llama`). */
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { type PreTokenizer, preTokenizer } from "./gguf-pre-tokenizers.js";
import { type Entries, type TokenizerKeys, BYTE, NORMAL, UNUSED } from "./gguf-vocabulary.js";
import { encodeByScores } from "./spm.js";

/** How a kind of tokenizer encodes, and what the bytes of an entry are. */
export interface Kind {
  encode(text: string): number[];
  bytes(id: number): Uint8Array;
  /** Whether a blank was put before a text, and is taken away again. */
  readonly blankBefore: boolean;
}

/** Merges of characters that stand for bytes, by the library that reads `tokenizer.json`. */
export function byteLevel(read: TokenizerKeys, { texts, ids, cut }: Entries): Kind {
  const pre = preTokenizer(read.text("pre") ?? "default")!;
  const tokenizer = new HuggingFaceTokenizer(
    {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: preTokenizerJson(pre),
      model: {
        type: "BPE",
        vocab: Object.fromEntries(ids),
        merges: mergesOf(read),
        ignore_merges: pre.ignoreMerges,
      },
      post_processor: null,
      decoder: null,
    },
    {},
  );
  const lengths = texts.map((text) => bytesOf(text).length);
  const encode = (text: string): number[] => {
    const found = tokenizer.encode(text, { add_special_tokens: false }).ids;
    // the library passes over bytes that no token has
    const covered = found.reduce((sum, id) => sum + lengths[id]!, 0);
    if (covered !== utf8.encode(text).length)
      read.fail("the vocabulary has no token for a byte of the text");
    return found;
  };
  return {
    encode: (text) =>
      cut(text).flatMap((part, i) =>
        i % 2 === 1 ? [ids.get(part)!] : part === "" ? [] : encode(part),
      ),
    bytes: (id) => bytesOf(texts[id]!),
    blankBefore: false,
  };
}

/** The cut as `tokenizer.json` would have it: the patterns, then bytes as characters. */
export function preTokenizerJson({ patterns }: PreTokenizer): object {
  const split = (pattern: string) => ({
    type: "Split",
    pattern: { Regex: pattern },
    behavior: "Isolated",
    invert: false,
  });
  return {
    type: "Sequence",
    pretokenizers: [
      ...patterns.map(split),
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  };
}

function mergesOf(read: TokenizerKeys): (readonly [string, string])[] {
  return read.texts("merges").map((merge) => {
    const parts = merge.split(" ");
    if (parts.length !== 2 || parts.includes(""))
      read.fail(`a merge of the tokenizer must be two pieces, got ${JSON.stringify(merge)}`);
    return parts as [string, string];
  });
}

/** Characters of byte-level vocabularies: printable bytes stand for themselves, the others for U+0100 and what follows. */
const BYTE_CHARACTERS: ReadonlyMap<string, number> = (() => {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [
      String.fromCodePoint(printable(byte) ? byte : next++),
      byte,
    ]),
  );
})();

const utf8 = new TextEncoder();

/** Bytes of an entry; one with other characters stands for its text. */
export function bytesOf(text: string): Uint8Array {
  const bytes = Array.from(text, (character) => BYTE_CHARACTERS.get(character));
  return bytes.includes(undefined) ? utf8.encode(text) : Uint8Array.from(bytes as number[]);
}

/** Pieces with scores, blanks written as U+2581. */
export function scored(read: TokenizerKeys, { texts, types, ids, cut }: Entries): Kind {
  const scores = read.numbers("scores", texts.length);
  const blankBefore = read.flag("add_space_prefix") ?? true;
  const byteIds = new Map<number, number>();
  types.forEach((type, id) => {
    const [, hex] = /^<0x([0-9A-Fa-f]{2})>$/.exec(texts[id]!) ?? [];
    if (type === BYTE && hex === undefined)
      read.fail(`token ${id} is a byte, and ${JSON.stringify(texts[id])} is none`);
    if (type === BYTE) byteIds.set(Number.parseInt(hex!, 16), id);
  });
  const unknown = read.number("unknown_token_id");
  const byte = (value: number): number =>
    byteIds.get(value) ?? unknown ?? read.fail(`the vocabulary has no token for byte ${value}`);
  const byteOf = new Map([...byteIds].map(([value, id]) => [id, value]));
  const merged = (id: number): boolean => types[id] === NORMAL || types[id] === UNUSED;
  const encode = (text: string): number[] =>
    encodeByScores(text.replaceAll(" ", "\u2581"), {
      id: (piece) => {
        const id = ids.get(piece);
        return id !== undefined && merged(id) ? id : undefined;
      },
      score: (id) => scores[id]!,
      unused: (id) => types[id] === UNUSED,
      bytes: (character) => Array.from(utf8.encode(character), byte),
    });
  const blank = blankBefore ? " " : "";
  return {
    encode: (text) =>
      cut(text).flatMap((part, i) =>
        i % 2 === 1 ? [ids.get(part)!] : part === "" ? [] : encode(blank + part),
      ),
    bytes: (id) =>
      byteOf.has(id)
        ? Uint8Array.of(byteOf.get(id)!)
        : utf8.encode(texts[id]!.replaceAll("\u2581", " ")),
    blankBefore,
  };
}
