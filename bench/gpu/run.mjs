// Checks and times the hot paths on a GPU: `node bench/gpu/run.mjs [names] [--small|--full] [--browser] [--no-peer]`.
//
// In Node the WebGPU implementation is Dawn (npm webgpu); with --browser it is that of a headless Chromium. Where Python has PyTorch with
// CUDA, the same programs run there on the same inputs. The results go to bench/results/gpu-<device>.json. Without a GPU, Dawn takes the
// software adapter of Debian's chromium when told to: VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json
// LD_LIBRARY_PATH=/usr/lib/chromium; its times mean nothing, the checks do.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { webgpu } from "@provably/core-tensor/gpu";
import { measure } from "./measure.mjs";
import { peer } from "./peer.mjs";
import { programs } from "./programs.mjs";

/** Largest error that counts as right: what the specification asks of float32 on a GPU, or some times the CPU's where that is more. */
const TOLERANCE = 1e-4;
const TIMES_CPU = 4;

const options = process.argv.slice(2).filter((x) => x.startsWith("--"));
const names = process.argv.slice(2).filter((x) => !x.startsWith("--"));
const chosen = names.length > 0 ? names : Object.keys(programs);
const unknown = chosen.filter((name) => !(name in programs));
if (unknown.length > 0)
  throw new Error(
    `unknown programs: ${unknown.join(", ")}; there are ${Object.keys(programs).join(", ")}`,
  );

const report = ({ name, ms, residentMs, firstMs, gflops, error, cpuError, kernels, failed }) =>
  console.log(
    failed
      ? `${name.padEnd(22)} FAILED ${failed}`
      : `${name.padEnd(22)} ${residentMs.toFixed(2).padStart(9)} ms  ${ms.toFixed(2).padStart(9)} with copies  first ${firstMs.toFixed(0).padStart(6)} ms  ${(gflops?.toFixed(0) ?? "").padStart(6)} GFLOPS  error ${error.toExponential(1)} (CPU ${cpuError.toExponential(1)})  ${kernels} kernels`,
  );

let outcome;
if (options.includes("--browser")) {
  const { openPage } = await import("../../scripts/browser.mjs");
  const { page, close } = await openPage(fileURLToPath(new URL("./page.mjs", import.meta.url)));
  outcome = await page.evaluate((list) => globalThis.exported.run(list), {
    names: chosen,
    size: sizeOption(),
  });
  outcome.results.forEach(report);
  await close();
} else {
  const { dawn } = await import("./dawn.mjs");
  const device = await webgpu({ gpu: await dawn() });
  console.log(device.name);
  const size =
    sizeOption() ?? (/swiftshader|llvmpipe|software/i.test(device.name) ? "small" : "full");
  outcome = { device: device.name, size, results: await measure(device, size, chosen, report) };
  await device.close();
}

function sizeOption() {
  return options.includes("--small") ? "small" : options.includes("--full") ? "full" : undefined;
}

const torch = options.includes("--no-peer") ? undefined : await peer(chosen, outcome.size);
if (torch) {
  console.log(
    `PyTorch ${torch.version} on ${torch.device}: resident / resident, result copied / with copies, ms`,
  );
  for (const result of outcome.results) {
    const theirs = torch.results[result.name];
    if (!theirs) continue;
    result.torch = theirs;
    console.log(
      `${result.name.padEnd(22)} ${theirs.residentMs.toFixed(3)} / ${theirs.resultMs.toFixed(3)} / ${theirs.copiedMs.toFixed(3)}`,
    );
  }
}

const file =
  process.env.RESULTS ??
  join(
    dirname(fileURLToPath(import.meta.url)),
    "../results",
    `gpu-${slug(torch?.device ?? outcome.device)}.json`,
  );
mkdirSync(dirname(file), { recursive: true });
const { version } = process;
const peerOf = torch && { version: torch.version, device: torch.device };
writeFileSync(
  file,
  `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), node: version, ...outcome, torch: peerOf }, null, 2)}\n`,
);
console.log(`results in ${file}`);

const wrong = outcome.results.filter(
  ({ failed, error, cpuError }) => failed || !(error < Math.max(TOLERANCE, TIMES_CPU * cpuError)),
);
console.log(
  `${outcome.results.length - wrong.length} of ${outcome.results.length} programs right to ${TOLERANCE}${wrong.length ? `, wrong: ${wrong.map((r) => r.name).join(", ")}` : ""}`,
);
process.exit(wrong.length > 0 ? 1 : 0);

function slug(name) {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}
