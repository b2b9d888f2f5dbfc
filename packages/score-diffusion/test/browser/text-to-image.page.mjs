// What the browser test runs in the page: the example's own functions on onnxruntime-web.
import * as ort from "onnxruntime-web/wasm";
import { key, normal } from "@provably/core-tensor/random";
import { draw, start } from "../../../../examples/text-to-image/main.mjs";
import { paint } from "../../../../examples/text-to-image/paint.mjs";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = "/ort/";

const text = () => normal(key("prompt"), [1, 5, 12], { dtype: "float32" });

/** Paints from the pipeline served beside the page; the sizes of the pictures, what was reported, and the last picture. */
export async function run(numSteps) {
  const canvas = document.body.appendChild(document.createElement("canvas"));
  const shown = [];
  const progress = [];
  const samples = await paint(new URL("/pipeline", location.href), {
    runtime: ort,
    text: text(),
    numSteps,
    onProgress: ({ iteration, total }) => progress.push(iteration / total),
    show(image, step) {
      draw(canvas, image);
      shown.push([step, ...image.shape]);
    },
  });
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return { shown, progress, samples: [...samples.data], lit: new Set(pixels).size };
}

/** Stops after the first picture: the name of the error, and how many pictures there were. */
export async function stopped() {
  const controller = new AbortController();
  let pictures = 0;
  try {
    await paint(new URL("/pipeline", location.href), {
      runtime: ort,
      text: text(),
      numSteps: 10,
      signal: controller.signal,
      show() {
        pictures++;
        controller.abort();
      },
    });
  } catch (error) {
    return { name: error.name, pictures };
  }
  return { name: "none", pictures };
}

export { start, ort };
