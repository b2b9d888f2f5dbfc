/** A short name for the weights of a model, to notice when saved data belongs to another one. */
import { unpinned } from "@provably/core-tensor/pinned";
import type { LanguageModel } from "./model.js";

/** 64 bits of a hash (FNV-1a, twice) of the config and of a few weights of every layer. */
export function fingerprint(model: LanguageModel): string {
  const { config, layers } = model;
  const row = Int32Array.of(0);
  // of the weights as stored: the same model in fewer bits has another name
  const weights = layers.flatMap(({ feedForward: { up, down } }) =>
    [up, down].flatMap(({ weight }) => [...unpinned(weight, row).data.subarray(0, 8)]),
  );
  const text = JSON.stringify([
    config.family,
    config.numLayers,
    config.hiddenSize,
    config.ffSize,
    config.vocabSize,
    weights.map((w) => Math.fround(w)),
  ]);
  return hash(text, 0x811c9dc5) + hash(text, 0x01000193);
}

function hash(text: string, seed: number): string {
  let h = seed | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(16).padStart(8, "0");
}
