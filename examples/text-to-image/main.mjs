// What the page does with its buttons. `start(ort)` is called by whoever bundles it with onnxruntime-web.
import { decodeNpy } from "@provably/core-tensor/io";
import { paint } from "./paint.mjs";

const element = (id) => document.querySelector(`#${id}`);

/** Draws `[3, height, width]` in [−1, 1] on a canvas. */
export function draw(canvas, image) {
  const [, height, width] = image.shape;
  Object.assign(canvas, { height, width });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) {
    const [row, column] = [Math.floor(i / width), i % width];
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = 127.5 * (image.get(c, row, column) + 1);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}

/** Reads files of a chosen folder by their names below it. */
const readerOf = (files) => async (name) => {
  const file = [...files].find(({ webkitRelativePath }) => webkitRelativePath.endsWith(`/${name}`));
  return file && new Uint8Array(await file.arrayBuffer());
};

/** Wires the buttons to {@link paint} on a runtime. */
export function start(runtime) {
  let running;
  element("stop").addEventListener("click", () => running?.abort());
  element("paint").addEventListener("click", async () => {
    running = new AbortController();
    const numSteps = Number(element("steps").value);
    element("stop").disabled = false;
    element("status").textContent = "reading the networks …";
    try {
      const bytes = new Uint8Array(await element("text").files[0].arrayBuffer());
      await paint(readerOf(element("folder").files), {
        runtime,
        text: decodeNpy(bytes),
        numSteps,
        signal: running.signal,
        onProgress: ({ iteration, total }) => (element("progress").value = iteration / total),
        show(image, step) {
          draw(element("canvas"), image);
          element("status").textContent = `picture ${step}`;
        },
      });
      element("status").textContent = "done";
    } catch (error) {
      element("status").textContent = running.signal.aborted ? "stopped" : String(error);
    }
    element("stop").disabled = true;
  });
}
