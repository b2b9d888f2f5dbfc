import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadTokenizer } from "../../src/griffin/index.js";
import { folder, load } from "./fixtures.js";

interface Golden {
  readonly cases: {
    readonly text: string;
    readonly ids: number[];
    readonly ids_plain: number[];
    readonly decoded: string;
    readonly decoded_without_special: string;
  }[];
  readonly decode_only?: { readonly ids: number[]; readonly text: string }[];
}

const names = readdirSync(`${folder}/gguf/tokenizers`)
  .filter((file) => file.endsWith(".gguf"))
  .map((file) => file.slice(0, -5));

describe.each(names)("the tokenizer in golden GGUF file %s", (name) => {
  const golden = load<Golden>(`gguf/tokenizers/${name}`);
  const opened = loadTokenizer(`${folder}/gguf/tokenizers/${name}.gguf`);

  it.each(golden.cases)("gives the tokens of $text, and the text back", async (given) => {
    const { encode, decode } = await opened;
    expect(encode(given.text)).toEqual(given.ids);
    expect(encode(given.text, { addSpecialTokens: false })).toEqual(given.ids_plain);
    expect(decode(given.ids_plain, { skipSpecialTokens: false })).toBe(given.decoded);
    expect(decode(given.ids_plain)).toBe(given.decoded_without_special);
  });

  it.runIf(golden.decode_only)("writes U+FFFD for what is no character", async () => {
    const { decode } = await opened;
    for (const { ids, text } of golden.decode_only!)
      expect(decode(ids, { skipSpecialTokens: false })).toBe(text);
  });
});
