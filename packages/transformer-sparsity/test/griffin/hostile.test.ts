import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type ChatMessage,
  type LanguageModel,
  applyChatTemplate,
  generate,
  loadModel,
  loadTokenizer,
  filesFromMemory,
  modelConfig,
  prefill,
  filesFromUrl,
} from "../../src/griffin/index.js";
import { RUNS, attack, bytes, mutate } from "../attack.js";
import { folder, load as golden, modelFolder, textModel } from "./fixtures.js";

describe("mutated files give a typed error or a value", { timeout: 3_600_000 }, () => {
  const llama = modelFolder("llama-gqa");
  const config = bytes(`${llama}/config.json`);
  const weights = bytes(`${llama}/model.safetensors`);

  const memory = (): number => {
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const load = async (files: Record<string, Uint8Array>, gguf?: string): Promise<void> => {
    const model = await loadModel(filesFromMemory(files), gguf === undefined ? {} : { gguf });
    const { numLayers, vocabSize } = model.config;
    if (numLayers > 0 && vocabSize > 3) prefill(model, [1, 2, 3]);
    for (const { query, key, value, output, feedForward } of model.layers)
      for (const linear of [
        query,
        key,
        value,
        output,
        feedForward.gate,
        feedForward.up,
        feedForward.down,
      ])
        linear?.weight.free();
    model.embedding.free();
    model.head.free();
  };

  // makes what all loads share, the memory of the kernels above all
  beforeAll(() => load({ "config.json": config, "model.safetensors": weights }));

  it("safetensors", async () => {
    const head = 8 + Number(new DataView(weights.buffer).getBigUint64(0, true));
    const before = memory();
    const { errors } = await attack(
      (next) => load({ "config.json": config, "model.safetensors": mutate(weights, head, next) }),
      1,
    );
    expect(errors).toBeGreaterThan(RUNS / 2);
    // a hundred kilobytes a file, collected now and then
    expect(memory() - before).toBeLessThan(1e9);
  });

  it("config.json, read alone and with its weights", async () => {
    const parse = (next: (n: number) => number): Promise<unknown> =>
      Promise.resolve().then(() =>
        modelConfig(JSON.parse(new TextDecoder().decode(mutateJson(config, next)))),
      );
    await attack(parse, 2);
    await attack(
      (next) =>
        load({
          "config.json": mutate(config, config.length, next),
          "model.safetensors": weights,
        }),
      3,
      RUNS / 2,
    );
    await attack(
      (next) => load({ "config.json": mutateJson(config, next), "model.safetensors": weights }),
      4,
      RUNS / 2,
    );
  });

  it("lists of shards", async () => {
    const sharded = modelFolder("llama-sharded-f16");
    const names = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
    const shards = Object.fromEntries(names.map((name) => [name, bytes(`${sharded}/${name}`)]));
    const index = bytes(`${sharded}/model.safetensors.index.json`);
    const rest = { "config.json": bytes(`${sharded}/config.json`), ...shards };
    await attack(
      (next) =>
        load({ ...rest, "model.safetensors.index.json": mutate(index, index.length, next) }),
      5,
      RUNS / 2,
    );
    const escape = new TextEncoder().encode(
      JSON.stringify({ weight_map: { "lm_head.weight": "../../etc/model.safetensors" } }),
    );
    await expect(load({ ...rest, "model.safetensors.index.json": escape })).rejects.toThrow(
      /cannot be used/,
    );
  });

  it("GGUF", async () => {
    for (const [i, type] of ["f16", "q8_0"].entries()) {
      const file = bytes(`${folder}/gguf/tiny-${type}.gguf`);
      const { errors } = await attack(
        (next) => load({ m: mutate(file, 3000, next) }, "m"),
        6 + i,
        RUNS / 2,
      );
      expect(errors).toBeGreaterThan(RUNS / 8);
    }
  });

  it("tokenizers in GGUF files", async () => {
    for (const [i, name] of ["bpe-a", "bpe-b", "spm-a", "spm-b"].entries()) {
      const file = bytes(`${folder}/gguf/tokenizers/${name}.gguf`);
      const { errors } = await attack(
        async (next) => {
          const files = filesFromMemory({ m: mutate(file, file.length, next) });
          const tokenizer = await loadTokenizer(files, { gguf: "m" });
          tokenizer.decode(tokenizer.encode("In the beginning, 你好 <|end|> 123\n"));
        },
        60 + i,
        Math.ceil(RUNS / 8),
      );
      expect(errors).toBeGreaterThan(0);
    }
  });

  it("chat templates", async () => {
    const { cases } = golden<{ cases: { template: string; runs: { messages: ChatMessage[] }[] }[] }>("chat-templates"); // prettier-ignore
    const seed = 70;
    for (const [i, { template, runs }] of cases.entries()) {
      const file = new TextEncoder().encode(template);
      const { errors } = await attack(
        (next) =>
          Promise.resolve().then(() =>
            applyChatTemplate(
              {
                chatTemplates: {
                  default: new TextDecoder().decode(mutate(file, file.length, next)),
                },
              },
              runs[next(runs.length)]!.messages,
            ),
          ),
        seed + i,
        Math.ceil(RUNS / 12),
      );
      expect(errors).toBeGreaterThan(0);
    }
  });

  it("tokenizer.json", async () => {
    const original = bytes(`${textModel}tokenizer.json`);
    const settings = bytes(`${textModel}tokenizer_config.json`);
    // a tokenizer of the same form with few words, so that many can be tried
    const small = JSON.parse(new TextDecoder().decode(original)) as {
      model: { vocab: Record<string, number>; merges: unknown[] };
    };
    small.model.vocab = Object.fromEntries(
      Object.entries(small.model.vocab).filter(([, id]) => id < 300),
    );
    small.model.merges = small.model.merges.filter((merge) =>
      Object.hasOwn(
        small.model.vocab,
        Array.isArray(merge) ? merge.join("") : String(merge).replace(" ", ""),
      ),
    );
    const file = new TextEncoder().encode(JSON.stringify(small));
    const use = async (files: Record<string, Uint8Array>): Promise<unknown> => {
      const tokenizer = await loadTokenizer(filesFromMemory(files));
      return tokenizer.decode(tokenizer.encode("In the beginning, 42 naïve cafés"));
    };
    expect(await use({ "tokenizer.json": file })).toBe("In the beginning, 42 naïve cafés");
    await attack(
      (next) =>
        use({
          "tokenizer.json": mutate(file, file.length, next),
          "tokenizer_config.json": settings,
        }),
      8,
      RUNS / 2,
    );
    await attack(
      (next) =>
        use({ "tokenizer.json": mutateJson(file, next), "tokenizer_config.json": settings }),
      9,
      RUNS / 2,
    );
    await attack(
      (next) =>
        use({ "tokenizer.json": file, "tokenizer_config.json": mutateJson(settings, next) }),
      10,
      RUNS / 10,
    );
  });
});

/** Valid JSON with some values replaced by others of any kind. */
function mutateJson(original: Uint8Array, next: (n: number) => number): Uint8Array {
  const json = JSON.parse(new TextDecoder().decode(original)) as object;
  const others: unknown[] = [
    null,
    true,
    false,
    0,
    -1,
    1,
    7,
    1e9,
    2 ** 53,
    0.5,
    -0.25,
    1e308,
    "",
    "x",
    "silu",
    "yarn",
    [],
    [1],
    [[]],
    {},
    { factor: 4, rope_type: "yarn" },
  ];
  for (let edits = next(3) + 1; edits > 0; edits--) {
    let at = json as Record<string, unknown>;
    for (let depth = next(4); ; depth--) {
      const keys = Object.keys(at);
      if (keys.length === 0) break;
      const key = keys[next(keys.length)]!;
      const child = at[key];
      if (depth > 0 && typeof child === "object" && child !== null)
        at = child as Record<string, unknown>;
      else {
        if (next(6) === 0) Reflect.deleteProperty(at, key);
        else at[key] = structuredClone(others[next(others.length)]);
        break;
      }
    }
  }
  return new TextEncoder().encode(JSON.stringify(json));
}

describe("names what is wrong", () => {
  const good = {
    model_type: "llama",
    vocab_size: 11,
    hidden_size: 8,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 32,
  };
  it.each([
    [{ model_type: "t5" }, /model_type "t5" is not one of llama, mistral/],
    [{ num_local_experts: 8 }, /num_local_experts/],
    [{ hidden_size: 9 }, /not a multiple of 2 heads/],
    [{ num_key_value_heads: 3 }, /2 heads cannot share 3/],
    [{ hidden_act: "softsign" }, /activation "softsign"/],
    [{ vocab_size: -1 }, /vocab_size must be an integer in 1/],
    [{ rope_scaling: { type: "magic", factor: 2 } }, /rope scaling "magic"/],
    [{ rope_scaling: { type: "linear", factor: -2 } }, /factor of rope scaling/],
    [{ eos_token_id: "x" }, /eos_token_id/],
  ])("%o", (wrong, message) => {
    expect(() => modelConfig({ ...good, ...wrong })).toThrow(message);
  });

  it("files that are not there", async () => {
    await expect(loadModel(filesFromMemory({}))).rejects.toThrow(/no config.json/);
    await expect(loadTokenizer(filesFromMemory({}))).rejects.toThrow(/no tokenizer.json/);
    await expect(
      loadModel(filesFromMemory({ "config.json": new TextEncoder().encode(JSON.stringify(good)) })),
    ).rejects.toThrow(/no file model.safetensors/);
    await expect(loadModel("/nowhere")).rejects.toThrow(/no config.json in \/nowhere/);
    await expect(loadModel("/nowhere/model.gguf")).rejects.toThrow(/no file model.gguf/);
  });
});

describe("files from the network and from blobs", () => {
  const read = (name: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(readFileSync(`${textModel}${name}`));
  const server = (ranges: boolean): typeof fetch =>
    ((url: string, init: RequestInit = {}) => {
      const name = url.split("/").at(-1)!;
      let body: Uint8Array<ArrayBuffer>;
      try {
        body = read(name);
      } catch {
        return Promise.resolve(new Response(null, { status: 404 }));
      }
      if (init.method === "HEAD")
        return Promise.resolve(
          new Response(null, { headers: { "content-length": String(body.length) } }),
        );
      const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers).get("range") ?? "");
      if (!ranges || !range) return Promise.resolve(new Response(body));
      return Promise.resolve(
        new Response(body.slice(Number(range[1]), Number(range[2]) + 1), { status: 206 }),
      );
    }) as typeof fetch;
  let expected: Float32Array;
  beforeAll(async () => {
    expected = prefill(await loadModel(textModel), [0, 1070, 260]).logits;
  });

  it.each([true, false])("a server with range requests: %s", async (ranges) => {
    const files = filesFromUrl("https://example.org/model", { fetch: server(ranges) });
    expect(prefill(await loadModel(files), [0, 1070, 260]).logits).toEqual(expected);
    expect((await loadTokenizer(files)).encode("In the")).toEqual([0, 1070, 260]);
  });

  it("blobs, with progress and abort", async () => {
    const files = filesFromMemory({
      "config.json": read("config.json"),
      "model.safetensors": new Blob([read("model.safetensors")]),
    });
    const seen: number[] = [];
    const onProgress = ({ iteration }: { iteration: number }): void => void seen.push(iteration);
    expect(prefill(await loadModel(files, { onProgress }), [0, 1070, 260]).logits).toEqual(
      expected,
    );
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    await expect(
      loadModel(files, { signal: AbortSignal.abort(new Error("enough")) }),
    ).rejects.toThrow("enough");
  });

  it("text comes in whole characters, ends before stop strings, and can be aborted", async () => {
    const model: LanguageModel = await loadModel(textModel);
    const tokenizer = await loadTokenizer(textModel);
    const prompt = "In the beginning God created the heaven and the";
    const pieces: string[] = [];
    const run = generate(model, tokenizer, prompt, { maxNewTokens: 24, stopStrings: ["angel"] });
    let step = await run.next();
    for (; !step.done; step = await run.next()) pieces.push(step.value);
    expect(pieces.join("")).toBe(step.value.text);
    expect(step.value).toMatchObject({ text: " earth,\nAnd said unto the ", finishReason: "stop" });
    expect(pieces.some((piece) => piece.includes("\ufffd"))).toBe(false);
    const abort = new AbortController();
    const aborted = generate(model, tokenizer, prompt, { signal: abort.signal });
    await aborted.next();
    abort.abort(new Error("enough"));
    await expect(aborted.next()).rejects.toThrow("enough");
  });
});
