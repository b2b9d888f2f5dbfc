// The photographs, and the network trained on some of them.
import { readFileSync } from "node:fs";
import { decodeSafetensors } from "@provably/core-tensor/io";
import { decodePng, imageNetwork, networkModel } from "@provably/score-diffusion";

const folder = new URL("./photos/", import.meta.url);

/** Every photograph: file, what it is for (training, tuning, held out), where it is from, its licence. */
export const photographs = JSON.parse(readFileSync(new URL("index.json", folder), "utf8"));

/** A photograph as `[3, height, width]`, float32 from −1 to 1. */
export function load({ file }) {
  return decodePng(readFileSync(new URL(file, folder)));
}

/** The trained network as a model of images `[n, 3, height, width]`. */
export function prior() {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(new URL("model.safetensors", import.meta.url)),
  );
  return networkModel(imageNetwork(JSON.parse(metadata.config)), tensors);
}
