import { readFileSync } from "node:fs";
import { FormatError } from "@provably/core-tensor";
import { describe, expect, it } from "vitest";
import {
  filesFromMemory,
  filesFromUrl,
  loadModel,
  loadTokenizer,
  prefill,
} from "../../src/griffin/index.js";
import { readGguf } from "../../src/griffin/files/gguf-header.js";
import { folder } from "./fixtures.js";
import { type WrittenTensor, writeGguf } from "./gguf-writer.js";

const path = `${folder}/gguf/tiny-q8_0.gguf`;
const bytes = new Uint8Array(readFileSync(path));
const ids = [3, 14, 15, 9, 2];

/** The values of a golden file (those that are texts or numbers) and its tensors, to be written otherwise. */
async function parts(): Promise<{
  values: [string, string | number][];
  tensors: WrittenTensor[];
}> {
  const header = await readGguf("test", filesFromMemory({ a: bytes }), "a");
  const plain = (value: unknown): value is string | number =>
    typeof value === "string" || typeof value === "number";
  return {
    values: [...header.values].flatMap(([key, value]) =>
      plain(value) && !key.startsWith("tokenizer") ? [[key, value]] : [],
    ),
    tensors: header.tensors.map(({ name, shape, type, range }) => ({
      name,
      shape: [...shape].reverse(),
      type,
      bytes: bytes.slice(...range),
    })),
  };
}

const open = (files: Record<string, Uint8Array>, gguf = "a.gguf") =>
  loadModel(filesFromMemory(files), { gguf });

describe("a GGUF model in several files", () => {
  const shard = (
    all: Awaited<ReturnType<typeof parts>>,
    no: number,
    change: [string, number][] = [],
  ): Uint8Array => {
    const own = all.tensors.filter((_, i) => i % 3 === no);
    const split = { "split.no": no, "split.count": 3, "split.tensors.count": all.tensors.length };
    const marks = Object.entries({ ...split, ...Object.fromEntries(change) });
    return writeGguf(no === 0 ? [...all.values, ...marks] : marks, own);
  };
  const name = (no: number): string => `m-0000${no + 1}-of-00003.gguf`;

  it("is the model in one file", async () => {
    const all = await parts();
    const files = Object.fromEntries([0, 1, 2].map((no) => [name(no), shard(all, no)]));
    const model = await open(files, name(0));
    const whole = await loadModel(path);
    expect(prefill(model, ids).logits).toEqual(prefill(whole, ids).logits);
    expect(model.stored).toEqual(whole.stored);
    expect(Object.keys(whole.stored!)).toContain("Q8_0");
  });

  it("is refused when a file is missing, is another one, or is not the first", async () => {
    const all = await parts();
    const files = Object.fromEntries([0, 1, 2].map((no) => [name(no), shard(all, no)]));
    const { [name(1)]: _, ...two } = files;
    await expect(open(two, name(0))).rejects.toThrow(/there is no file m-00002/);
    await expect(open({ ...files, [name(1)]: files[name(2)]! }, name(0))).rejects.toThrow(/m-00002-of-00003.gguf says that it is file 2/); // prettier-ignore
    await expect(open(files, name(1))).rejects.toThrow(/give the first/);
    const more = shard(all, 0, [["split.tensors.count", 99]]);
    await expect(open({ ...files, [name(0)]: more }, name(0))).rejects.toThrow(/says 99/);
  });
});

describe("GGUF files that say something else", () => {
  it.each([
    ["general.type", "adapter", /general.type" \("adapter"\)/],
    ["general.quantization_version", 1, /quantization_version" \(1\)/],
    ["general.architecture", "clip", /architecture "clip"/],
  ])("in %s are refused by its name", async (key, value, message) => {
    const { values, tensors } = await parts();
    const changed = [...values.filter(([name]) => name !== key), [key, value] as const];
    const file = writeGguf(changed, tensors);
    await expect(open({ "a.gguf": file })).rejects.toThrow(FormatError);
    await expect(open({ "a.gguf": file })).rejects.toThrow(message);
  });

  it("are refused for a type that is not decoded, by the type's name", async () => {
    const { values, tensors } = await parts();
    const odd = { ...tensors[0]!, type: 16 };
    await expect(open({ "a.gguf": writeGguf(values, [odd]) })).rejects.toThrow(
      /element type IQ2_XXS; known are F32/,
    );
  });

  it("are refused for keys and tensors that are there twice", async () => {
    const { values, tensors } = await parts();
    const twice = writeGguf([...values, values[0]!], tensors);
    await expect(open({ "a.gguf": twice })).rejects.toThrow(/is there twice/);
    await expect(open({ "a.gguf": writeGguf(values, [...tensors, tensors[0]!]) })).rejects.toThrow(
      /is there twice/,
    );
    await expect(
      open({ "a.gguf": writeGguf(values, [...tensors, { ...tensors[0]!, name: "v.blk.0.x" }]) }),
    ).rejects.toThrow(/"v.blk.0.x" is not understood/);
  });

  it("are refused when tensors overlap, or for the byte order of other machines", async () => {
    const file = writeGguf([], [0, 1].map((i) => ({ name: `t${i}`, shape: [32], type: 0, bytes: new Uint8Array(128) }))); // prettier-ignore
    // the second offset, eight bytes before the data, becomes 0
    file.fill(0, file.length - 256 - 8, file.length - 256);
    const header = file.length - 256;
    const at = file.lastIndexOf(128, header - 1);
    file[at] = 0;
    await expect(open({ "a.gguf": file })).rejects.toThrow(/"t0" and "t1" overlap/);
    const big = bytes.slice();
    big.set([0, 0, 0, 3], 4);
    await expect(open({ "a.gguf": big })).rejects.toThrow(/big-endian/);
  });
});

describe("tokenizers in GGUF files that are not understood", () => {
  const words = ["a", "b"];
  const base: [string, string | readonly string[]][] = [
    ["tokenizer.ggml.model", "gpt2"],
    ["tokenizer.ggml.tokens", words],
    ["tokenizer.ggml.merges", []],
  ];
  const read = (change: [string, string | number | boolean | readonly string[]][]) => {
    const changed = new Map<string, string | number | boolean | readonly string[]>([...base, ...change]); // prettier-ignore
    return loadTokenizer(filesFromMemory({ a: writeGguf([...changed]) }), { gguf: "a" });
  };
  it.each([
    [/"tokenizer.ggml.pre" \("deepseek-v3"\)/, [["tokenizer.ggml.pre", "deepseek-v3"]]],
    [/"tokenizer.ggml.model" \("t5"\)/, [["tokenizer.ggml.model", "t5"]]],
    [/tokens 0 and 2 of the vocabulary are both "a"/, [["tokenizer.ggml.tokens", ["a", "b", "a"]]]],
    [/a merge .* got "ab"/, [["tokenizer.ggml.merges", ["ab"]]]],
    [/add_bos_token" \(true\) needs tokenizer.ggml.bos_token_id/, [["tokenizer.ggml.add_bos_token", true]]],
    [/is not a token of the 2/, [["tokenizer.ggml.eos_token_id", 7]]],
    [/precompiled_charsmap/, [["tokenizer.ggml.precompiled_charsmap", ["x"]]]],
  ] as [RegExp, [string, string | number | boolean | readonly string[]][]][])(
    "are refused: %s",
    async (message, change) => {
      await expect(read(change)).rejects.toThrow(FormatError);
      await expect(read(change)).rejects.toThrow(message);
    },
  ); // prettier-ignore

  it("refuse a text of bytes without a token, and tokens beyond the vocabulary", async () => {
    const tokenizer = await read([]);
    expect(tokenizer.encode("ab")).toEqual([0, 1]);
    expect(() => tokenizer.encode("c")).toThrow(FormatError);
    expect(() => tokenizer.decode([2])).toThrow(/token 2 is not one of the 2/);
  });
});

describe("sources of GGUF files", () => {
  it("can be a file as browsers give it", async () => {
    const file = new File([bytes], "tiny.gguf");
    const whole = await loadModel(path);
    expect(prefill(await loadModel(file), ids).logits).toEqual(prefill(whole, ids).logits);
    await expect(loadModel(new File([bytes], "tiny.bin"))).rejects.toThrow(/must be of GGUF/);
  });

  it("on a server that answers with other bytes than were asked for are refused", async () => {
    const serve = (from: number, length: number) =>
      ((_: string, init: RequestInit = {}) =>
        Promise.resolve(
          init.method === "HEAD"
            ? new Response(null, { headers: { "content-length": "100" } })
            : new Response(new Uint8Array(length), { status: 206, headers: { "content-range": `bytes ${from}-${from + length - 1}/100` } }), // prettier-ignore
        )) as typeof fetch;
    const read = (from: number, length: number) =>
      filesFromUrl("https://example.org", { fetch: serve(from, length) }).read("a", 10, 20);
    expect((await read(10, 10)).length).toBe(10);
    await expect(read(0, 10)).rejects.toThrow(/asked for bytes 10 to 19/);
    await expect(read(10, 9)).rejects.toThrow(/answers with 9 bytes/);
  });

  it("can be given up while they are fetched", async () => {
    const abort = new AbortController();
    const slow = ((_: string, { signal }: RequestInit) =>
      new Promise((_, reject) => {
        signal!.addEventListener("abort", () => {
          reject(signal!.reason as Error);
        });
      })) as unknown as typeof fetch;
    const files = filesFromUrl("https://example.org", { fetch: slow, signal: abort.signal });
    const reading = files.read("a", 0, 10);
    abort.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
  });
});
