/**
 * How byte-level tokenizers cut a text before they merge, by the names that GGUF files give (`tokenizer.ggml.pre`).
 *
 * The patterns are those of the `tokenizer.json` files of the models that the names stand for.
 */

export interface PreTokenizer {
  /** Each pattern cuts what the one before has left in one piece; matches and what lies between them are pieces. */
  readonly patterns: readonly string[];
  /** Whether a piece that is itself an entry is taken whole, without merging. */
  readonly ignoreMerges: boolean;
  /** Whether texts begin with the start token where the file does not say. */
  readonly addBos: boolean;
}

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
/** Letters of either case; the long s is one of s, too. */
const CONTRACTIONS = "(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

/** Words with a sign before them, up to `digits` digits, other signs, and blanks. */
const words = (digits: string): string =>
  String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|${digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Words that a change from small to capital letters ends. */
const cased = (digits: string, contractions: string): string => {
  const capital = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
  const small = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
  const sign = String.raw`[^\r\n\p{L}\p{N}]?`;
  return (
    `${sign}${capital}*${small}+${contractions}|${sign}${capital}+${small}*${contractions}|` +
    String.raw`${digits}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
  );
};

const plain = (...patterns: string[]): PreTokenizer => ({
  patterns,
  ignoreMerges: false,
  addBos: false,
});
const gpt2 = plain(GPT2);
const digitByDigit = plain(String.raw`\p{N}`, GPT2);
const llama3: PreTokenizer = {
  patterns: [words(String.raw`\p{N}{1,3}`)],
  ignoreMerges: true,
  addBos: true,
};
const threeDigits = plain(words(String.raw`\p{N}{1,3}`));
const qwen2 = plain(words(String.raw`\p{N}`));
const o200k = plain(cased(String.raw`\p{N}{1,3}`, `${CONTRACTIONS}?`));

const BY_NAME: Readonly<Record<string, PreTokenizer>> = {
  default: gpt2,
  "gpt-2": gpt2,
  "phi-2": gpt2,
  olmo: gpt2,
  mpt: gpt2,
  exaone4: gpt2,
  starcoder: digitByDigit,
  refact: digitByDigit,
  "command-r": digitByDigit,
  smollm: digitByDigit,
  codeshell: digitByDigit,
  exaone: digitByDigit,
  "llama-bpe": llama3,
  llama3,
  "llama-v3": llama3,
  dbrx: threeDigits,
  "smaug-bpe": threeDigits,
  glm4: threeDigits,
  "chatglm-bpe": threeDigits,
  qwen2,
  stablelm2: qwen2,
  "gpt-4o": o200k,
  llama4: o200k,
  tekken: { patterns: [cased(String.raw`\p{N}`, "")], ignoreMerges: true, addBos: true },
};

/** The cut of a name; undefined for a name that is not known here. */
export function preTokenizer(name: string): PreTokenizer | undefined {
  return Object.hasOwn(BY_NAME, name) ? BY_NAME[name] : undefined;
}

export const preTokenizerNames = Object.keys(BY_NAME);
