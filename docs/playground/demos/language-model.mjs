// A trained language model writes with all of its neurons and with some of them, token by token.
import { key } from "@provably/core-tensor/random";
import {
  certifyContinuation,
  costModel,
  generate,
  loadModel,
  loadTokenizer,
  filesFromMemory,
  readPrompt,
  sparsify,
} from "@provably/transformer-sparsity/griffin";
import config from "../../../examples/models/tiny-llama-text/config.json?url";
import weights from "../../../examples/models/tiny-llama-text/model.safetensors?url";
import tokenizerConfig from "../../../examples/models/tiny-llama-text/tokenizer_config.json?url";
import tokenizerUrl from "../../../examples/models/tiny-llama-text/tokenizer.json?url";

let loaded;
async function load() {
  const bytes = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());
  const files = filesFromMemory({
    "config.json": await bytes(config),
    "model.safetensors": await bytes(weights),
    "tokenizer.json": await bytes(tokenizerUrl),
    "tokenizer_config.json": await bytes(tokenizerConfig),
  });
  return { model: await loadModel(files), tokenizer: await loadTokenizer(files) };
}

const escape = (text) =>
  text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);

export async function compute({ prompt, method, density, tokens }, report) {
  report({ status: "loading the model (7 MB) …" });
  loaded ??= load();
  const { model, tokenizer } = await loaded;
  const sparsity =
    density === 1
      ? undefined
      : { kind: method, density, ...(method === "random" && { key: key(0) }) };
  const texts = { "all neurons": "", [`${Math.round(100 * density)} % of them`]: "" };
  const speeds = {};
  const picture = () =>
    Object.entries(texts)
      .map(
        ([name, text]) =>
          `<p><strong>${name}</strong></p><p class="passage">${escape(prompt)}<em>${escape(text)}</em></p>`,
      )
      .join("");
  for (const [i, name] of Object.keys(texts).entries()) {
    report({ status: `writing with ${name} …` });
    let started;
    const options = { maxNewTokens: tokens, ...(i === 1 && sparsity && { sparsity }) };
    for await (const piece of generate(model, tokenizer, prompt, options)) {
      texts[name] += piece;
      started ??= performance.now(); // the prompt is read by then
      report({ picture: picture() });
    }
    speeds[name] = (1000 * tokens) / (performance.now() - started);
  }
  const facts = Object.entries(speeds).map(([name, speed]) => [
    `tokens a second, ${name}`,
    speed.toFixed(0),
  ]);
  facts.push([
    "speed-up that the cost model allows",
    `${costModel(model.config, { density }).idealSpeedup.toFixed(2)}×`,
  ]);
  let certificate;
  if (sparsity) {
    const ids = tokenizer.encode(prompt, { addSpecialTokens: true });
    const continuation = tokenizer.encode(texts["all neurons"], { addSpecialTokens: false });
    const read = readPrompt(model, ids);
    if (continuation.length >= 3)
      certificate = certifyContinuation(model, read, continuation, sparsify(model, read, sparsity));
  }
  return { picture: picture(), facts, certificate };
}
