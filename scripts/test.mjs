// Runs the tests and ends with one honest line, `N passed, N failed, N skipped`, counted from vitest's own report.
//   node scripts/test.mjs             all but the checks of a release
//   node scripts/test.mjs --release   those: the packed packages, the site, runs that are killed; the line counts both
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { noBrowser } from "./browser.mjs";
import { noRedis } from "./stress/sweep/servers.mjs";

const release = process.argv.includes("--release");
const rest = process.argv.slice(2).filter((arg) => arg !== "--release");
const fileOf = (name) => fileURLToPath(new URL(`../.cache/${name}.json`, import.meta.url));
const [before, report] = [fileOf("vitest"), fileOf(release ? "vitest-release" : "vitest")];
mkdirSync(fileURLToPath(new URL("../.cache", import.meta.url)), { recursive: true });
rmSync(report, { force: true });

const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const { status } = spawnSync(
  process.execPath,
  [
    vitest,
    "run",
    `--project=${release ? "" : "!"}release`,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...rest,
  ],
  { stdio: "inherit" },
);

/** Adds the outcomes in a report of vitest. */
function add(counts, file) {
  for (const { assertionResults, status: outcome } of JSON.parse(readFileSync(file, "utf8"))
    .testResults) {
    const failed = counts.failed;
    for (const test of assertionResults)
      counts[test.status === "passed" || test.status === "failed" ? test.status : "skipped"] += 1;
    // a file that could not be imported, or whose hook threw, has no failed assertion of its own
    if (outcome === "failed" && counts.failed === failed) counts.failed += 1;
  }
}

const counts = { passed: 0, failed: 0, skipped: 0 };
try {
  add(counts, report);
} catch (error) {
  console.error(`no test report was written: ${error.message}`);
}
const ok = status === 0 && counts.failed === 0 && counts.passed > 0;
if (!ok && counts.failed === 0) counts.failed = 1; // an unhandled error, a crash, or no test at all
if (release && rest.length === 0 && existsSync(before)) add(counts, before);
if (noBrowser)
  console.log(
    "skipped for want of Chromium: tests in a browser, of WebGPU, and of the site's pages",
  );
if (noRedis) console.log("skipped for want of redis-server: sweeps over a queue");
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(ok ? 0 : 1);
