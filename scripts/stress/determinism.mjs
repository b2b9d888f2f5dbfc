// npm run stress -- determinism: the examples of all public functions and a list of longer computations, bundled once on the deterministic
// kernels, run on Node 20, 22, 24 and in headless Chromium; every number that a public function returned is compared, bit for bit.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { globSync } from "tinyglobby";
import ts from "typescript";
import { ISOLATED, noBrowser, openPage } from "../browser.mjs";
import { codeBlocks, toStatements } from "../doctest.mjs";
import { entriesOf } from "./calls.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const cache = `${root}.cache/determinism/`;
const AsyncFunction = (async () => {}).constructor;

/** Largest relative differences from Node 20: engines with the same mathematical library give the same bits, see docs/guides/under-stress.md. */
const PROMISED = { "Node 22": 0, "Node 24": 1e-7, Chromium: 1e-3 };

/** What no example shares with another engine: devices, and clocks. */
const APART = /\/gpu$/;

/** A module that exports `run()`: the examples as functions, beside the longer computations. */
function moduleText() {
  const entries = entriesOf().filter((entry) => !APART.test(entry));
  const bodies = [];
  for (const file of globSync(["packages/*/src/**/*.ts", "packages/*/README.md"], { cwd: root }).sort())
    for (const block of codeBlocks(readFileSync(root + file, "utf8"), file.endsWith(".md"))) {
      const body = toStatements(block).replaceAll(/await import\(/g, "await load(");
      const { outputText } = ts.transpileModule(body, { compilerOptions: { target: "ES2022", module: "ESNext" } });
      try {
        new AsyncFunction("load", outputText);
      } catch {
        continue;
      }
      bodies.push(`[${JSON.stringify(`${file}:${block.line}`)}, async (load) => {\n${outputText}\n}]`);
    }
  return [
    ...entries.map((entry, i) => `import * as m${i} from ${JSON.stringify(entry)};`),
    `import { allBits } from ${JSON.stringify(`${root}scripts/stress/determinism/bits.mjs`)};`,
    `import { computations } from ${JSON.stringify(`${root}scripts/stress/determinism/computations.mjs`)};`,
    `const modules = { ${entries.map((entry, i) => `${JSON.stringify(entry)}: m${i}`).join(", ")} };`,
    `const examples = [\n${bodies.join(",\n")}\n];`,
    "export const run = () => allBits(modules, [...Object.entries(computations), ...examples]);",
  ].join("\n");
}

const bundling = {
  bundle: true,
  format: "esm",
  platform: "neutral",
  mainFields: ["module", "main"],
  conditions: ["@provably/source", "import"],
  external: ["node:*", "onnxruntime-node", "onnxruntime-web", "webgpu", "gl", "os", "worker_threads"],
  logLevel: "silent",
};

/** The bits on a Node of a version, fetched by npx where it is not this one. */
function onNode(version, file) {
  const script = `import(${JSON.stringify(file)}).then(({ run }) => run()).then((bits) => console.log("BITS" + JSON.stringify(bits)))`;
  const here = process.version.startsWith(`v${version}.`);
  const command = here ? [process.execPath, "-e", script] : ["npx", "-y", "-p", `node@${version}`, "node", "-e", script];
  const { stdout, stderr } = spawnSync(command[0], command.slice(1), { cwd: cache, encoding: "utf8", maxBuffer: 1e8, env: { ...process.env, PROVABLY_WASM: "simd" } }); // prettier-ignore
  const line = stdout.split("\n").find((text) => text.startsWith("BITS"));
  if (line === undefined) throw new Error(`Node ${version}: ${stderr.slice(-500)}`);
  return JSON.parse(line.slice(4));
}

async function inChromium(file) {
  const { page, close } = await openPage(file, bundling, undefined, ISOLATED);
  const bits = await page.evaluate(() => globalThis.exported.run());
  await close();
  return bits;
}

/** The largest relative difference between two lists of numbers; Infinity where they differ in more than rounding can explain. */
function difference(a, b) {
  if (a.length !== b.length) return Infinity;
  const scale = a.reduce((most, x) => (typeof x === "number" ? Math.max(most, Math.abs(x)) : most), 0);
  return a.reduce((most, x, i) => {
    if (x === b[i]) return most;
    if (typeof x !== "number" || typeof b[i] !== "number") return Infinity;
    // what is small beside the rest of a result, such as a residual, is held to the rest
    return Math.max(most, Math.abs(x - b[i]) / Math.max(Math.abs(x), Math.abs(b[i]), 1e-3 * Math.min(scale, 1)));
  }, 0);
}

/** The bits of all computations by engine. */
async function onEngines() {
  mkdirSync(cache, { recursive: true });
  const banner = { js: 'globalThis.PROVABLY_WASM = "simd";' };
  const source = `${cache}examples.mjs`;
  const bundled = `${cache}bundle.mjs`;
  writeFileSync(source, moduleText());
  await build({ ...bundling, entryPoints: [source], outfile: bundled, banner });
  const engines = {};
  for (const version of [20, 22, 24]) engines[`Node ${version}`] = onNode(version, bundled);
  if (noBrowser === undefined) engines["Chromium"] = await inChromium(bundled);
  else console.log(noBrowser);
  return engines;
}

/** The number of computations that break the promise of docs/guides/under-stress.md. */
export async function runDeterminism() {
  const [[first, reference], ...others] = Object.entries(await onEngines());
  const names = Object.keys(reference).filter((name) => typeof reference[name] === "object");
  console.log(`${first}: ${names.length} computations, ${Object.keys(reference).length - names.length} that need something else to run`);
  let failures = 0;
  for (const [engine, found] of others) {
    const common = names.filter((name) => typeof found[name] === "object");
    const other = common
      .filter((name) => found[name].bits !== reference[name].bits)
      .map((name) => ({ name, by: difference(reference[name].numbers, found[name].numbers) }))
      .sort((a, b) => b.by - a.by);
    const most = PROMISED[engine];
    console.log(`${engine}: ${common.length - other.length} of ${common.length} have the bits of ${first}`);
    for (const { name, by } of other) console.log(`  ${by.toExponential(1)}  ${name}`);
    for (const name of names) if (!common.includes(name)) console.log(`  does not run: ${name}: ${found[name]}`);
    failures += other.filter(({ by }) => by > most).length;
  }
  return failures;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit((await runDeterminism()) === 0 ? 0 : 1);
