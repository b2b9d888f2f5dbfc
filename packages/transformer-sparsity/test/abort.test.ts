import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { key, uniform } from "@provably/core-tensor/random";
import { describe, expect, it } from "vitest";
import { abortLimit, processorTime } from "../../../scripts/testing/processor-time.js";
import {
  generate,
  loadModel,
  loadTokenizer,
  filesFromMemory,
  prefill,
  readPrompt,
} from "../src/griffin/index.js";
import {
  createAreaPartition,
  createContrastive,
  createMaskedAutoencoder,
  createSpatialDistribution,
  pretrain,
  pretrainContrastive,
  simulateMeanField,
  trainContrastive,
  trainMaskedReconstruction,
  trainTokenContrastive,
} from "../src/mim/index.js";

const folder = fileURLToPath(new URL("../../../examples/models/tiny-llama-text/", import.meta.url));
const files = filesFromMemory(
  Object.fromEntries(
    readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(folder + name))]),
  ),
);

/** Runs long work and aborts it where it asks to; the processor time from there to the end. */
async function timeToStop(
  work: (signal: AbortSignal, abort: () => void) => unknown,
): Promise<number> {
  const controller = new AbortController();
  let aborted = Number.NaN;
  const abort = (): void => {
    aborted = processorTime();
    controller.abort();
  };
  await expect(Promise.resolve().then(() => work(controller.signal, abort))).rejects.toThrow(
    /abort/i,
  );
  return processorTime() - aborted;
}

const areas = [1, 2].map((seed) =>
  createAreaPartition(key(seed), { numPatches: 64, globalSize: 44, localSize: 5 }),
);
const world = createSpatialDistribution(areas);
const images = uniform(key(0), [256, 28, 28]);
const model = await loadModel(files);
const ids = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7919) % 2000));
const once = (abort: () => void) => ({
  onProgress: ({ iteration }: { readonly iteration: number }) =>
    iteration > 0 ? abort() : undefined,
});

describe("an aborted signal stops long work soon, in processor time", () => {
  it.each<[string, Parameters<typeof timeToStop>[0]]>([
    [
      "masked pretraining of the standard recipe",
      (signal, abort) =>
        pretrain(createMaskedAutoencoder(key(0)), images, key(1), { signal, ...once(abort) }),
    ],
    [
      "contrastive pretraining",
      (signal, abort) =>
        pretrainContrastive(createContrastive(key(0)), images, key(1), {
          batchSize: 32,
          signal,
          ...once(abort),
        }),
    ],
    [
      "masked reconstruction",
      (signal, abort) => trainMaskedReconstruction(world, key(0), { signal, ...once(abort) }),
    ],
    [
      "the contrastive objective",
      (signal, abort) => trainContrastive(world, key(0), { signal, ...once(abort) }),
    ],
    [
      "the contrastive objective with token queries",
      (signal, abort) => trainTokenContrastive(world, key(0), { signal, ...once(abort) }),
    ],
    [
      "phases in the mean field and by drawn counts",
      (signal, abort) =>
        simulateMeanField(
          { sizes: [76, 4, 4, 4, 4, 4, 4], queryArea: 1 },
          { monteCarlo: { key: key(0) }, numSteps: 1e6, signal, ...once(abort) },
        ),
    ],
    [
      "reading a prompt",
      (signal, abort) => prefill(model, ids, { chunkSize: 64, signal, ...once(abort) }),
    ],
    [
      "the statistic of a prompt",
      (signal, abort) => readPrompt(model, ids, { chunkSize: 64, signal, ...once(abort) }),
    ],
    [
      "loading a model, from outside",
      (signal, abort) => {
        setTimeout(abort, 5);
        return loadModel(files, { signal });
      },
    ],
    [
      "text, from outside, while its prompt is read",
      async (signal, abort) => {
        const tokenizer = await loadTokenizer(files);
        setTimeout(abort, 5);
        return generate(model, { ...tokenizer, encode: () => ids }, "", { signal }).next();
      },
    ],
    [
      "text, from outside, while it is written",
      async (signal, abort) => {
        const tokenizer = await loadTokenizer(files);
        setTimeout(abort, 50);
        for await (const piece of generate(model, tokenizer, "In the beginning", { maxNewTokens: 1000, stopTokens: [], signal })) expect(typeof piece).toBe("string"); // prettier-ignore
      },
    ],
  ])("%s", async (_, work) => {
    expect(await timeToStop(work)).toBeLessThan(abortLimit());
  });
});
