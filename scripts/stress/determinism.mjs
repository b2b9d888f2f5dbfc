// npm run stress -- determinism: the examples of all public functions and a list of longer computations, bundled once on the deterministic
// kernels, run on Node 20, 22, 24 and in headless Chromium; every number that a public function returned is compared, bit for bit.
//
// Engines may differ where their Math does: the language leaves the last place of exp, log, sin … to them. How much of that may show is not read off the
// engines but off Node 20 alone: the same computations run there with these functions off by one unit in the last place at every other argument. An engine
// may differ from Node 20 by TIMES the most that this does to a computation, and by ROUNDING in any case.
import { execFile } from "node:child_process";
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

/** A few dozen roundings of double precision; single-precision arrays are computed by kernels that agree everywhere. */
const ROUNDING = 1e-14;
/** Another engine's last places are other ones than those that were disturbed here. */
const TIMES = 10;
/** Disturbances of Node 20: each turns other arguments' last places. */
const DISTURBANCES = [1, 2, 3];

/** Makes the functions of Math whose last place is the engine's affair differ by one unit in that place, at half of their arguments. */
function disturbMath(seed) {
  const [float, bits] = (({ buffer }) => [new Float64Array(buffer), new Uint32Array(buffer)])(
    new Float64Array(1),
  );
  const names =
    "exp expm1 log log1p log2 log10 pow sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh cbrt hypot".split(
      " ",
    );
  for (const name of names) {
    const exact = Math[name];
    Math[name] = (...args) => {
      const y = exact(...args);
      // exact values stay: every engine has them
      if (!Number.isFinite(y) || Number.isInteger(y) || args.every(Number.isInteger)) return y;
      float[0] = y;
      if (Math.imul(bits[0] ^ Math.imul(seed, 0x9e3779b9), 0x85ebca6b) >>> 31 === 1)
        bits[0] += bits[0] & 1 ? -1 : 1;
      return float[0];
    };
  }
}

/** What no example shares with another engine: devices, and clocks. */
const APART = /\/gpu$/;

/** A module that exports `run()`: the examples as functions, beside the longer computations. */
function moduleText() {
  const entries = entriesOf().filter((entry) => !APART.test(entry));
  const bodies = [];
  for (const file of globSync(["packages/*/src/**/*.ts", "packages/*/README.md"], {
    cwd: root,
  }).sort())
    for (const block of codeBlocks(readFileSync(root + file, "utf8"), file.endsWith(".md"))) {
      const body = toStatements(block).replaceAll(/await import\(/g, "await load(");
      const { outputText } = ts.transpileModule(body, {
        compilerOptions: { target: "ES2022", module: "ESNext" },
      });
      try {
        new AsyncFunction("load", outputText);
      } catch {
        continue;
      }
      bodies.push(
        `[${JSON.stringify(`${file}:${block.line}`)}, async (load) => {\n${outputText}\n}]`,
      );
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
  external: [
    "node:*",
    "onnxruntime-node",
    "onnxruntime-web",
    "webgpu",
    "gl",
    "os",
    "worker_threads",
  ],
  logLevel: "silent",
};

/** The bits on a Node of a version, fetched by npx where it is not this one; `kernels` are the deterministic ones unless told, Math may be disturbed. */
function onNode(version, file, { kernels = "simd", disturbance } = {}) {
  const script = [
    disturbance === undefined ? "" : `(${disturbMath})(${disturbance});`,
    `import(${JSON.stringify(file)}).then(({ run }) => run()).then((bits) => console.log("BITS" + JSON.stringify(bits)))`,
  ].join("\n");
  const here = process.version.startsWith(`v${version}.`);
  const command = here
    ? [process.execPath, "-e", script]
    : ["npx", "-y", "-p", `node@${version}`, "node", "-e", script];
  return new Promise((resolve, reject) => {
    const env = { ...process.env, PROVABLY_WASM: kernels };
    execFile(
      command[0],
      command.slice(1),
      { cwd: cache, encoding: "utf8", maxBuffer: 1e9, env },
      (_, stdout, stderr) => {
        const line = stdout.split("\n").find((text) => text.startsWith("BITS"));
        if (line === undefined) reject(new Error(`Node ${version}: ${stderr.slice(-500)}`));
        else resolve(JSON.parse(line.slice(4)));
      },
    );
  });
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
  const scale = a.reduce(
    (most, x) => (typeof x === "number" ? Math.max(most, Math.abs(x)) : most),
    0,
  );
  return a.reduce((most, x, i) => {
    if (x === b[i]) return most;
    if (typeof x !== "number" || typeof b[i] !== "number") return Infinity;
    // what is small beside the rest of a result, such as a residual, is held to the rest
    return Math.max(
      most,
      Math.abs(x - b[i]) / Math.max(Math.abs(x), Math.abs(b[i]), 1e-3 * Math.min(scale, 1)),
    );
  }, 0);
}

/** The examples and computations as one file that every engine can run. */
async function bundled() {
  mkdirSync(cache, { recursive: true });
  const source = `${cache}examples.mjs`;
  const outfile = `${cache}bundle.mjs`;
  writeFileSync(source, moduleText());
  await build({
    ...bundling,
    entryPoints: [source],
    outfile,
    banner: { js: 'globalThis.PROVABLY_WASM ??= "simd";' },
  });
  return outfile;
}

/** Computations whose bits differ between two runs, the largest difference first. */
function differing(reference, found) {
  return Object.keys(reference)
    .filter(
      (name) =>
        typeof reference[name] === "object" &&
        typeof found[name] === "object" &&
        found[name].bits !== reference[name].bits,
    )
    .map((name) => ({ name, by: difference(reference[name].numbers, found[name].numbers) }))
    .sort((a, b) => b.by - a.by);
}

const power = (x) => x.toExponential(1);

/** The number of computations that break the promise of docs/guides/under-stress.md. */
export async function runDeterminism() {
  const file = await bundled();
  // two at a time
  const [reference, first] = await Promise.all([
    onNode(20, file),
    onNode(20, file, { disturbance: DISTURBANCES[0] }),
  ]);
  const disturbed = [
    first,
    ...(await Promise.all(
      DISTURBANCES.slice(1).map((disturbance) => onNode(20, file, { disturbance })),
    )),
  ];
  const names = Object.keys(reference).filter((name) => typeof reference[name] === "object");
  console.log(
    `Node 20: ${names.length} computations, ${Object.keys(reference).length - names.length} that need something else to run`,
  );

  const moved = new Map();
  for (const run of disturbed)
    for (const { name, by } of differing(reference, run))
      moved.set(name, Math.max(moved.get(name) ?? 0, by));
  const sensitive = [...moved].filter(([, by]) => by > 1e-10).sort((a, b) => b[1] - a[1]);
  console.log(
    `one unit in the last place of Math moves ${moved.size} of them, ${sensitive.length} by more than 1e-10:`,
  );
  for (const [name, by] of sensitive) console.log(`  ${power(by)}  ${name}`);

  let failures = 0;
  const compare = (engine, found, allowed) => {
    const others = differing(reference, found);
    const common = names.filter((name) => typeof found[name] === "object");
    console.log(
      `${engine}: ${common.length - others.length} of ${common.length} have the bits of Node 20`,
    );
    for (const { name, by } of others) {
      const most = allowed(name);
      if (by > most) failures++;
      if (by > most || by > 1e-10)
        console.log(`  ${power(by)} of ${power(most)}${by > most ? " TOO MUCH" : ""}  ${name}`);
    }
    for (const name of names)
      if (!common.includes(name)) console.log(`  does not run: ${name}: ${found[name]}`);
  };
  const allowed = (name) => Math.max(ROUNDING, TIMES * (moved.get(name) ?? 0));
  const [node22, node24] = await Promise.all([onNode(22, file), onNode(24, file)]);
  compare("Node 22", node22, () => 0); // the same mathematical library
  compare("Node 24", node24, allowed);
  const [fused, chromium] = await Promise.all([
    onNode(22, file, { kernels: "relaxed" }),
    noBrowser === undefined ? inChromium(file) : undefined,
  ]);
  if (chromium) compare("Chromium", chromium, allowed);
  else console.log(noBrowser);
  // fused multiply-add: a bound holds for products alone; what trainings make of their last places is told, not promised
  compare("Node 22 with fused multiply-add", fused, () => Infinity);
  const units = reference.products.numbers.reduce(
    (most, x, i) => Math.max(most, Math.abs(x - fused.products.numbers[i])),
    0,
  );
  console.log(
    `products with fused multiply-add differ by ${units.toPrecision(2)} of what rounding allows`,
  );
  if (!(units > 0 && units <= 1)) failures++;
  return failures;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exit((await runDeterminism()) === 0 ? 0 : 1);
