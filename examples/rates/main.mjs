// How fast do samplers converge? Measures every order that theory speaks of, on distributions with exact scores, and draws the table.
//   node examples/rates/main.mjs           the whole table, about two minutes
//   node examples/rates/main.mjs --small   fewer steps
// Ends with an error when an order lies outside of what theory allows.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Plot, plotSvg } from "../tour/lib/plot.mjs";
import { progressBar } from "../tour/lib/progress.mjs";
import { figure, heading, paragraph, renderReport, table } from "../tour/lib/report.mjs";
import { groups, measure } from "./table.mjs";

const small = process.argv.includes("--small");
const started = performance.now();
const out = fileURLToPath(new URL("./out/", import.meta.url));
mkdirSync(out, { recursive: true });

function draw({ curves, numSteps, measure: label }) {
  const points = curves.flatMap(({ sampler, errors }) =>
    numSteps.map((steps, i) => ({ sampler, steps, error: errors[i] })),
  );
  const ends = points.filter(({ steps }) => steps === numSteps.at(-1));
  return plotSvg({
    width: 720,
    height: 340,
    marginLeft: 60,
    marginRight: 180,
    x: { type: "log", label: "number of steps", ticks: numSteps, tickFormat: (t) => String(t) },
    y: { type: "log", label, grid: true, tickFormat: "~e" },
    color: { scheme: "Observable10" },
    marks: [
      Plot.line(points, { x: "steps", y: "error", stroke: "sampler", strokeWidth: 2 }),
      Plot.dot(points, { x: "steps", y: "error", fill: "sampler" }),
      Plot.text(ends, {
        x: "steps",
        y: "error",
        text: "sampler",
        fill: "sampler",
        textAnchor: "start",
        dx: 8,
      }),
    ],
  });
}

let failures = 0;
const sections = groups(small).flatMap((group) => {
  const bar = progressBar(group.title, group.samplers.length * group.numSteps.length);
  let done = 0;
  const measured = measure(group, () => bar.step(++done));
  bar.finish();
  const columns = [
    "sampler",
    ...group.numSteps.map((steps) => `${steps} steps`),
    `order in ${group.unit}`,
    "expected",
  ];
  const rows = measured.curves.map(({ sampler, errors, order, expected }) => [
    sampler,
    ...errors.map((error) => error.toExponential(2)),
    order.toFixed(2),
    `${expected[0]} to ${expected[1]}`,
  ]);
  console.log(`\n${group.title}: ${group.measure}`);
  for (const [i, row] of rows.entries())
    console.log(
      `  ${row.map((cell) => String(cell).padEnd(14)).join(" ")}${measured.curves[i].holds ? "" : " FAILS"}`,
    );
  for (const { faster, slower, holds } of measured.better)
    if (!holds)
      console.log(`  ${faster} is not better than ${slower} at every number of steps: FAILS`);
  failures += [...measured.curves, ...measured.better].filter(({ holds }) => !holds).length;
  return [
    heading(group.title),
    figure(draw(measured), `${group.measure} against the number of steps, both logarithmic.`),
    table(columns, rows),
  ];
});
const intro = paragraph(
  "Scores are exact, so every error belongs to the sampler. Orders are slopes between the last two numbers of steps, for the schedule of the theorems against its step length ln T/T.",
);
const chapter = {
  name: "rates",
  title: "Orders of convergence",
  sections: [intro, ...sections],
  seconds: (performance.now() - started) / 1000,
};
writeFileSync(`${out}rates.html`, renderReport([chapter]));
console.log(
  `\n${failures === 0 ? "Every order is as theory has it" : `${failures} orders are not as theory has them`}; the table is drawn in ${out}rates.html`,
);
process.exitCode = failures === 0 ? 0 : 1;
