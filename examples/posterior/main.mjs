// How far posterior samplers are from the exact posterior: sliced W2 on a common mixture prior, one linear and two nonlinear measurements.
//   node examples/posterior/main.mjs
// Prints the table, and draws the samples into examples/posterior/out/. About three minutes on one core.
import { mkdirSync, writeFileSync } from "node:fs";
import { Plot, plotSvg } from "../tour/lib/plot.mjs";
import { progressBar } from "../tour/lib/progress.mjs";
import { compare, methods, problems } from "./mixture.mjs";

const out = new URL("./out/", import.meta.url);
mkdirSync(out, { recursive: true });

const tables = {};
for (const [problem, forward] of Object.entries(problems)) {
  const bar = progressBar(problem, 1 + Object.values(methods).flat().length);
  let done = 0;
  const results = compare(forward, { onProgress: () => bar.step(++done) });
  bar.finish();
  tables[problem] = results.map(({ name, variant, distances, mean, error }) => ({
    name,
    variant,
    mean,
    error,
    distances,
  }));
  console.log(
    `\n${problem}: sliced W2 to the exact posterior, mean of ${results[0].distances.length} measurements`,
  );
  for (const { name, variant, mean, error } of results)
    console.log(
      `  ${name.padEnd(14)} ${mean.toFixed(3)} ± ${error.toFixed(3)}${variant === "" ? "" : `   (${variant})`}`,
    );
  writeFileSync(new URL(`${problem.replace(/\W+/g, "-")}.svg`, out), drawing(results));
}
writeFileSync(new URL("results.json", out), `${JSON.stringify(tables, null, 1)}\n`);
console.log("\nDrawings and all distances are in examples/posterior/out/");

function drawing(results) {
  const points = results.flatMap(({ name, points }) =>
    Array.from({ length: 400 }, (_, i) => ({ name, x: points.get(i, 0), y: points.get(i, 1) })),
  );
  const domain = [-2.2, 2.2];
  return plotSvg({
    width: 130 * results.length,
    height: 180,
    x: { domain, axis: null },
    y: { domain, axis: null },
    fx: { domain: results.map(({ name }) => name), label: null },
    marks: [
      Plot.frame({ stroke: "#d9d7d0" }),
      Plot.dot(
        points.filter(({ x, y }) => Math.max(Math.abs(x), Math.abs(y)) < 2.2),
        { x: "x", y: "y", fx: "name", r: 0.9, fill: "#1f6fb2" },
      ),
    ],
  });
}
