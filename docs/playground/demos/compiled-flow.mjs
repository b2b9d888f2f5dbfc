// A whole sampler as one compiled program, on WebAssembly and, where the browser has it, on the GPU through WebGPU.
import { toTypedArray } from "@provably/core-tensor";
import { sampleMixture } from "../../../examples/compiled/mixture-sampler.mjs";

const CELLS = 64;
const REACH = 5.6;

/** The program's device, and what to say of it. */
async function device(wanted) {
  if (wanted === "WebAssembly") return ["wasm", "WebAssembly"];
  const { webgpu } = await import("@provably/core-tensor/gpu");
  try {
    return [await webgpu(), "WebGPU"];
  } catch (error) {
    return ["wasm", `WebAssembly, since ${error.message}`];
  }
}

/** How many particles lie in each cell of a grid, as ink. */
function density(points) {
  const counts = new Float64Array(CELLS * CELLS);
  const cell = (v) => Math.floor(((v + REACH) / (2 * REACH)) * CELLS);
  for (let i = 0; i < points.length; i += 2) {
    const [column, row] = [cell(points[i]), cell(-points[i + 1])];
    if (column >= 0 && column < CELLS && row >= 0 && row < CELLS) counts[row * CELLS + column]++;
  }
  const most = counts.reduce((a, b) => Math.max(a, b));
  const rects = [...counts].flatMap((count, i) =>
    count === 0
      ? []
      : [
          `<rect x="${i % CELLS}" y="${Math.floor(i / CELLS)}" width="1.02" height="1.02" fill="#1f5fae" opacity="${(0.1 + 0.9 * Math.sqrt(count / most)).toFixed(2)}"/>`,
        ],
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${CELLS} ${CELLS}" width="420" height="420" role="img"><title>where the particles end</title>${rects.join("")}</svg>`;
}

export async function compute({ particles, numSteps, runs }, report) {
  report({ status: "compiling …" });
  const [where, told] = await device(runs);
  const { first, next, squared, expected, share, samples } = await sampleMixture(where, {
    particles,
    numSteps,
  });
  const error = Math.abs(squared / expected - 1);
  return {
    picture: density(toTypedArray(samples)),
    facts: [
      ["ran on", told],
      ["first run, which compiles", `${first.toFixed(0)} ms`],
      ["next runs", `${next.toFixed(0)} ms`],
      ["mean squared radius", `${squared.toFixed(3)}; the mixture has ${expected.toFixed(3)}`],
      ["share at the first of eight centres", `${share.toFixed(4)}; the mixture has 0.1250`],
    ],
    certificate: {
      claim: "relative error of the mean squared radius, at most 0.02",
      value: error,
      holds: error <= 0.02,
    },
    note: "The program, and the same in Node on any device: examples/compiled/mixture-sampler.mjs",
  };
}
