import { readFileSync } from "node:fs";
import { Tokenizer } from "@huggingface/tokenizers";
import { describe, expect, it } from "vitest";
import { bytesOf, preTokenizerJson } from "../../src/griffin/files/gguf-encoders.js";
import { preTokenizer } from "../../src/griffin/files/gguf-pre-tokenizers.js";

const { texts, cuts } = JSON.parse(
  readFileSync(new URL("../fixtures/pre-tokenizers.json", import.meta.url), "utf8"),
) as { texts: string[]; cuts: { name: string; pieces: string[][] }[] };

/** Every piece of every cut, its bytes as characters. */
const characters = new Map(Array.from({ length: 0x180 }, (_, code) => [bytesOf(String.fromCodePoint(code)), String.fromCodePoint(code)] as const).flatMap(([bytes, character]) => bytes.length === 1 ? [[bytes[0]!, character] as const] : [])); // prettier-ignore
const written = (piece: string): string =>
  Array.from(new TextEncoder().encode(piece), (byte) => characters.get(byte)!).join("");
const all = new Set(cuts.flatMap(({ pieces }) => pieces.flat(2)));
const entries = Object.fromEntries([...all].map((piece, i) => [written(piece), i]));

describe("the cuts that GGUF files name", () => {
  it.each(cuts)("as $name are those of the tokenizer.json it stands for", ({ name, pieces }) => {
    const tokenizer = new Tokenizer(
      {
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: preTokenizerJson(preTokenizer(name)!),
        // without merges and with every piece an entry, a text becomes its pieces
        model: { type: "BPE", vocab: entries, merges: [], ignore_merges: true },
        post_processor: null,
        decoder: null,
      },
      {},
    );
    texts.forEach((text, i) => {
      const cut = text === "" ? [] : tokenizer.tokenize(text);
      expect(cut.map((piece) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytesOf(piece)))).toEqual(pieces[i]); // prettier-ignore
    });
  });
});
