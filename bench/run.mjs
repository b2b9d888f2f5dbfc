// npm run bench [-- question …]: side-by-side benchmarks against named peers, one process, interleaved; a table here, JSON in bench/results/.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";
import { contest } from "./contest.mjs";
import { startTorch } from "./torch.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("..", import.meta.url));

if (!existsSync(`${here}peers/node_modules`)) {
  console.log("installing the peers into bench/peers (once) …");
  const { status } = spawnSync("npm ci --ignore-scripts --no-audit --no-fund", {
    cwd: `${here}peers`,
    stdio: "inherit",
    shell: true,
  });
  if (status !== 0) process.exit(status ?? 1);
}

const { loadPeers } = await import("./peers/load.mjs");
const { peers, missing } = await loadPeers();
const torch = await startTorch();
if (torch.reason) missing.pytorch = torch.reason;
for (const [name, reason] of Object.entries(missing))
  console.log(`not compared with ${name}: ${reason}`);

const wanted = process.argv.slice(2);
const files = readdirSync(`${root}packages`)
  .flatMap((name) => {
    const folder = `${here}${name}/`;
    return existsSync(folder)
      ? readdirSync(folder)
          .filter((file) => file.endsWith(".bench.mjs"))
          .map((file) => folder + file)
      : [];
  })
  .filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)));

const major = Number(process.versions.node.split(".")[0]);
const results = [];
for (const file of files) {
  const { default: question } = await import(pathToFileURL(file).href);
  console.log(`\n${question.title}`);
  for (const entry of question.cases) {
    const contestants = await entry.contestants({ peers, torch: torch.reason ? undefined : torch });
    const rows = await contest(contestants, { ...question.options, ...entry.options });
    const bars = (entry.bars ?? [])
      .filter((bar) => !bar.node || major >= bar.node)
      .filter((bar) => !bar.below || major < bar.below);
    console.log(`  ${entry.name}`);
    for (const row of rows) {
      const bar = bars.find((b) => b.peer === row.name);
      const rate = entry.work
        ? `${(entry.work / row.seconds / 1e9).toPrecision(3)} ${entry.unit}`
        : "";
      const verdict = bar ? `bar ${bar.ratio}: ${row.ratio >= bar.ratio ? "met" : "NOT met"}` : "";
      console.log(
        `    ${row.name.padEnd(16)} ${(row.seconds * 1e6).toPrecision(4).padStart(10)} µs ${rate.padStart(14)}   ours is ${row.ratio.toFixed(2)}×   ${verdict}`,
      );
      results.push({
        question: question.title,
        case: entry.name,
        contestant: row.name,
        ratio: round(row.ratio),
        ...(entry.work && { rate: round(entry.work / row.seconds / 1e9), unit: entry.unit }),
        ...(bar && { bar: bar.ratio, met: row.ratio >= bar.ratio }),
      });
    }
  }
}
torch.stop?.();

function round(x) {
  return Number(x.toPrecision(4));
}

if (wanted.length === 0) {
  mkdirSync(`${here}results`, { recursive: true });
  const out = `${here}results/node${major}.json`;
  writeFileSync(
    out,
    `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), node: process.version, cpu: cpus()[0].model, pytorch: torch.version, missing, results }, null, 1)}\n`,
  );
  console.log(`\nwritten to ${out.slice(root.length)}`);
}
