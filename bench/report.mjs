// npm run bench:report: turns bench/results/*.json into docs/guides/benchmarks.md. Ratios only: times belong to one machine.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const runs = readdirSync(`${here}results`)
  .filter((file) => /^node\d+\.json$/.test(file))
  .sort()
  .map((file) => JSON.parse(readFileSync(`${here}results/${file}`, "utf8")));

const peers = [
  "plain loop",
  "tfjs-wasm",
  "numpy-ts",
  "jax-js",
  "onnxruntime",
  "ml-matrix",
  "numpy",
  "pytorch",
];
const nameOf = ({ question, case: work }) => `${question.split(":")[0]}, ${work}`;

function cell(row) {
  if (!row) return "";
  const ratio = row.ratio >= 10 ? row.ratio.toFixed(0) : row.ratio.toFixed(2);
  const bar = row.bar === undefined ? "" : Number(row.bar.toFixed(2));
  return row.bar === undefined ? ratio : row.met ? `**${ratio}**` : `~~${ratio}~~ (${bar})`;
}

const lines = [
  "# Benchmarks",
  "",
  "How many times faster `provably` is than each library on the same work: above 1 it is faster, below 1 slower. One thread, one core, all contestants in turn in one process, medians of nine rounds, the copies of operands and results included. Made by `npm run bench`; this page by `node bench/report.mjs`.",
  "",
  "**Bold** is a bar of ours that is met; ~~struck out~~ one that is missed, with the bar behind it. The last column compares with other ways of doing the same: another library of the kind, this one without the feature, or the machine's own limit.",
];
for (const run of runs) {
  lines.push(
    "",
    `## Node ${run.node.slice(1)}`,
    "",
    `${run.date}, ${run.cpu}${run.pytorch ? `, PyTorch ${run.pytorch}` : ""}.`,
    "",
  );
  const seen = peers.filter((peer) => run.results.some((row) => row.contestant === peer));
  lines.push(
    `| work | ${seen.join(" | ")} | beside |`,
    `| --- |${seen.map(() => " --- |").join("")} --- |`,
  );
  for (const name of new Set(run.results.map(nameOf))) {
    const rows = run.results.filter((row) => nameOf(row) === name);
    const cells = seen.map((peer) => cell(rows.find(({ contestant }) => contestant === peer)));
    // the first row is the work itself, to which the others are compared
    const others = rows
      .slice(1)
      .filter(({ contestant }) => !peers.includes(contestant) && contestant !== rows[0].contestant);
    cells.push(others.map((row) => `${row.contestant} ${cell(row)}`).join(", "));
    if (cells.some((text) => text !== "")) lines.push(`| ${name} | ${cells.join(" | ")} |`);
  }
}
lines.push(
  "",
  "## What falls short, and why",
  "",
  readFileSync(`${here}shortfalls.md`, "utf8").trim(),
  "",
);
writeFileSync(
  fileURLToPath(new URL("../docs/guides/benchmarks.md", import.meta.url)),
  lines.join("\n"),
);
