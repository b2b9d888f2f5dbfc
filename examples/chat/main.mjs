// Chats with a language model on this computer: every answer twice, with all feed-forward neurons and with those that the chat so far chooses, side by side.
//   node examples/chat/main.mjs                                     the small model of the examples, which has no chat template and writes on
//   node examples/chat/main.mjs path/to/folder
//   node examples/chat/main.mjs path/to/model.gguf --density 0.5 --tokens 200 --system "Answer briefly."
// --density   share of neurons that stay, 0.5; --tokens: longest answer, 120; --dtype: float32 (default), int16 or int8
// --system    a first message; --stop: a text that ends an answer, may be given several times
// Lines of standard input are the messages; an empty line ends the chat. It goes on from the answer with all neurons.
import { createInterface } from "node:readline";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { isCoreTensorError } from "@provably/core-tensor";
import { generate, loadModel, loadTokenizer } from "@provably/transformer-sparsity/griffin";
import { columns } from "./columns.mjs";

// a typed error says what is wrong; its stack would only hide it
process.on("uncaughtException", (error) => {
  const told = isCoreTensorError(error) || error.code?.startsWith("ERR_PARSE_ARGS");
  console.error(told ? `\n${error.message}` : error);
  process.exit(1);
});

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    density: { type: "string", default: "0.5" },
    tokens: { type: "string", default: "120" },
    dtype: { type: "string", default: "float32" },
    system: { type: "string" },
    stop: { type: "string", multiple: true, default: [] },
  },
});
const place = positionals[0] ?? fileURLToPath(new URL("../models/tiny-llama-text/", import.meta.url)); // prettier-ignore

const model = await loadModel(place, { dtype: values.dtype });
// a GGUF file brings its tokenizer; a tokenizer.json beside it comes first
const beside = place.endsWith(".gguf") && existsSync(join(dirname(place), "tokenizer.json"));
const tokenizer = await loadTokenizer(beside ? dirname(place) : place);
const chats = Object.hasOwn(tokenizer.chatTemplates ?? {}, "default");
const density = Number(values.density);
console.log(
  `${model.config.family}, ${model.config.numLayers} layers, ${(model.sizeBytes / 1e6).toFixed(0)} MB of weights${chats ? "" : "; no chat template, so it writes on"}\n`,
);

/** One answer; `sparsity` undefined for all neurons. */
async function answer(prompt, sparsity) {
  const text = generate(model, tokenizer, prompt, {
    maxNewTokens: Number(values.tokens),
    stopStrings: values.stop,
    ...(sparsity && { sparsity }),
  });
  let step = await text.next();
  while (!step.done) step = await text.next();
  return step.value;
}

const messages = values.system === undefined ? [] : [{ role: "system", content: values.system }];
const lines = createInterface({ input: process.stdin });
process.stdout.write("> ");
for await (const line of lines) {
  if (line.trim() === "") break;
  messages.push({ role: "user", content: line });
  const prompt = chats ? messages : messages.map(({ content }) => content).join("");
  const full = await answer(prompt);
  const sparse = await answer(prompt, { kind: "griffin", density });
  const head = (name, { tokens, tokensPerSecond }) =>
    `${name}: ${tokens.length} tokens, ${tokensPerSecond.toFixed(0)} a second`;
  const heads = [head("all neurons", full), head(`${100 * density} % of them`, sparse)];
  console.log(`\n${columns(heads, [full.text, sparse.text], process.stdout.columns ?? 100)}\n`);
  messages.push({ role: "assistant", content: full.text });
  process.stdout.write("> ");
}
console.log();
