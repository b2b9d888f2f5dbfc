// Restores photographs that the network has not seen, by every method, and writes tables and pictures.
//   node examples/photographs/restore.mjs              squares of 256 pixels of four photographs, on two cores
//   node examples/photographs/restore.mjs --side 128   of 128 pixels, a quarter of the time
//   node examples/photographs/restore.mjs --report     tables and pictures of what is done so far, and no more
//   node examples/photographs/restore.mjs --quick      one problem on one square of 128 pixels, about a minute
// What is done is stored in examples/photographs/out/ and not done again.
import { fork } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { array, clip, reshape, slice, toTypedArray } from "@provably/core-tensor";
import { foldIn } from "@provably/core-tensor/random";
import {
  encodePng,
  gradientSimilarityDeviation,
  imageGrid,
  imageModel,
  psnr,
  ssim,
} from "@provably/score-diffusion";
import { load, photographs, prior } from "./lib.mjs";
import { SCALES, SEED, methods, problemsOf } from "./problems.mjs";
import { report } from "./report.mjs";

const { values } = parseArgs({
  options: {
    side: { type: "string", default: "256" },
    quick: { type: "boolean", default: false },
    report: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const side = values.quick ? 128 : Number(values.side);
const out = new URL("./out/", import.meta.url);
mkdirSync(out, { recursive: true });

/** The middle square of a photograph. */
function square(entry) {
  const image = load(entry);
  const [, height, width] = image.shape;
  const [top, left] = [Math.floor((height - side) / 2), Math.floor((width - side) / 2)];
  return slice(image, [0, top, left], [3, top + side, left + side]);
}

const crops = photographs.filter(({ role }) => role === "held out");
const problems = problemsOf(side);
const jobs = crops.slice(0, values.quick ? 1 : undefined).flatMap((entry) =>
  Object.keys(problems)
    .slice(0, values.quick ? 1 : undefined)
    .flatMap((problem) => Object.keys(methods).map((method) => ({ entry, problem, method }))),
);
const nameOf = ({ entry, problem, method }) =>
  `${side} ${entry.file.replace(".png", "")} ${problem} ${method}`.replace(/[^\p{L}\p{N}]+/gu, "-");

let model;
function run(job) {
  const { entry, problem, method } = job;
  const stored = new URL(`${nameOf(job)}.json`, out);
  if (existsSync(stored)) return;
  const truth = square(entry);
  const forward = problems[problem];
  const y = forward.measure(reshape(truth, [1, 3 * side * side]), foldIn(SEED, entry.file));
  model ??= imageModel(prior(), [3, side, side]);
  const started = performance.now();
  const result = methods[method](forward, y, model, foldIn(SEED, nameOf(job)), {
    ...SCALES[problem],
    side,
  });
  const seconds = (performance.now() - started) / 1000;
  const rows = Object.entries(result?.images ?? {}).map(([name, points]) => {
    const image = clip(reshape(points, [3, side, side]), -1, 1);
    writeFileSync(
      new URL(`${nameOf(job)} ${name}.png`.replaceAll(" ", "_"), out),
      encodePng(image),
    );
    return {
      name,
      crop: entry.file,
      psnr: psnr(image, truth),
      ssim: ssim(image, truth),
      gmsd: gradientSimilarityDeviation(image, truth),
      numEvaluations: result.numEvaluations,
      seconds,
      picture: `${nameOf(job)} ${name}.png`.replaceAll(" ", "_"),
    };
  });
  if (result?.spread !== undefined)
    writeFileSync(
      new URL(`${nameOf(job)}_spread.png`, out),
      encodePng(reshape(result.spread, [3, side, side]), { range: [0, 0.3] }),
    );
  writeFileSync(stored, `${JSON.stringify(rows, null, 1)}\n`);
  for (const { name, psnr: signal } of rows)
    console.log(`  ${entry.file}, ${problem}, ${name}: ${signal.toFixed(2)} dB`);
}

/** All squares by all methods of one problem side by side: the original, then the methods. */
function pictures(problem) {
  const rows = crops.flatMap((entry) => {
    const done = Object.keys(methods).flatMap((method) => {
      const stored = new URL(`${nameOf({ entry, problem, method })}.json`, out);
      return existsSync(stored) ? JSON.parse(readFileSync(stored, "utf8")) : [];
    });
    return done.length === 0
      ? []
      : [[square(entry), ...done.map(({ picture }) => readPng(picture))]];
  });
  if (rows.length === 0) return;
  const columns = rows[0].length;
  const whole = rows.filter((row) => row.length === columns).flat();
  const data = new Float32Array(whole.length * 3 * side * side);
  whole.forEach((image, i) => data.set(toTypedArray(image), i * 3 * side * side));
  const grid = imageGrid(array(data, { shape: [whole.length, 3, side, side] }), {
    columns,
    gap: 4,
  });
  writeFileSync(new URL(`${side} ${problem}.png`.replaceAll(" ", "-"), out), encodePng(grid));
}
const readPng = (name) => load({ file: `../out/${name}` });

if (values.only !== undefined) {
  const [part, parts] = values.only.split("/").map(Number);
  jobs.forEach((job, i) => i % parts === part && run(job));
} else {
  if (values.quick) jobs.forEach(run);
  else if (!values.report)
    await Promise.all(
      [0, 1].map(
        (part) =>
          new Promise((resolve, reject) => {
            const child = fork(fileURLToPath(import.meta.url), [
              "--side",
              String(side),
              "--only",
              `${part}/2`,
            ]);
            child.on("exit", (code) =>
              code === 0 ? resolve() : reject(new Error(`a part ended with ${code}`)),
            );
          }),
      ),
    );
  const finished = jobs.filter((job) => existsSync(new URL(`${nameOf(job)}.json`, out)));
  const done = finished.flatMap((job) =>
    JSON.parse(readFileSync(new URL(`${nameOf(job)}.json`, out), "utf8")).map((row) => ({
      problem: job.problem,
      ...row,
    })),
  );
  writeFileSync(new URL(`results-${side}.json`, out), `${JSON.stringify(done, null, 1)}\n`);
  console.log(report(done));
  for (const problem of Object.keys(problems)) pictures(problem);
  console.log(
    "Pictures are in examples/photographs/out/: the original, then the methods in the order of the table.",
  );
}
