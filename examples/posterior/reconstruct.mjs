// Tables and pictures of reconstructed digits, every method against every other.
//   node examples/posterior/reconstruct.mjs            all problems and methods with the trained network, six minutes of one core
//   node examples/posterior/reconstruct.mjs --full     and with a data set as the prior
//   node examples/posterior/reconstruct.mjs network "one bit a pixel" DPnP    one prior, one problem, one method
// What is done is stored in examples/posterior/out/ and not done again.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { imageGrid } from "../tour/lib/image.mjs";
import {
  heldOut,
  judge,
  measuredPictures,
  methods,
  priorOf,
  problems,
  reconstructAll,
} from "./digits.mjs";
import { meanAndError } from "./mixture.mjs";

const out = new URL("./out/", import.meta.url);
mkdirSync(out, { recursive: true });
const full = process.argv.includes("--full");
const [wantedPrior = full ? undefined : "network", wantedProblem, wantedMethod] = process.argv
  .slice(2)
  .filter((word) => word !== "--full");
const wanted = (name, choice) => choice === undefined || choice === name;
const truth = heldOut();
const original = judge(truth, truth).pictures;
const stored = (prior, problem, method) =>
  new URL(`digits ${prior} ${problem} ${method}.json`.replace(/[^\w.]+/g, "-"), out);

for (const prior of ["network", "data set"].filter((name) => wanted(name, wantedPrior))) {
  let model;
  for (const problem of Object.keys(problems).filter((name) => wanted(name, wantedProblem))) {
    console.log(`\n${problem}, prior: ${prior}`);
    const rows = [];
    for (const method of Object.keys(methods).filter((name) => wanted(name, wantedMethod))) {
      const file = stored(prior, problem, method);
      if (!existsSync(file)) {
        model ??= priorOf(prior);
        const results = reconstructAll(method, problem, model, truth);
        writeFileSync(
          file,
          JSON.stringify(
            results.map((result) => ({
              ...result,
              pictures: result.pictures.map((p) => [...p].map((v) => +v.toFixed(3))),
            })),
          ),
        );
      }
      for (const result of JSON.parse(readFileSync(file, "utf8"))) {
        rows.push(result);
        const [signal, likeness] = [meanAndError(result.psnr), meanAndError(result.ssim)];
        const cells = [
          signal.mean.toFixed(2),
          "±",
          signal.error.toFixed(2),
          "dB  SSIM",
          likeness.mean.toFixed(3),
          "±",
          likeness.error.toFixed(3),
        ];
        console.log(
          `  ${result.name.padEnd(15)} ${cells.join(" ")}  ${result.numEvaluations} evaluations`,
        );
      }
    }
    const measured = measuredPictures(problem, truth);
    const grid = [
      original,
      ...(measured === undefined ? [] : [measured]),
      ...rows.map(({ pictures }) => pictures),
    ];
    writeFileSync(
      new URL(`digits ${prior} ${problem}.png`.replace(/[^\w.]+/g, "-"), out),
      imageGrid(grid, { scale: 2 }),
    );
  }
}
console.log(
  "\nPictures are in examples/posterior/out/: rows are the originals, what was measured where it is an image, and the methods in the order above.",
);
