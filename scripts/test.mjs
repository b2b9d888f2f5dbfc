// Runs every test and ends with one honest line, `N passed, N failed, N skipped`, counted from vitest's own report.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const report = fileURLToPath(new URL("../.cache/vitest.json", import.meta.url));
mkdirSync(fileURLToPath(new URL("../.cache", import.meta.url)), { recursive: true });
rmSync(report, { force: true });

const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const args = [
  vitest,
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
];
const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });

const counts = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const file of JSON.parse(readFileSync(report, "utf8")).testResults) {
    const before = counts.failed;
    for (const { status: outcome } of file.assertionResults)
      counts[outcome === "passed" || outcome === "failed" ? outcome : "skipped"] += 1;
    // a file that could not be imported, or whose hook threw, has no failed assertion of its own
    if (file.status === "failed" && counts.failed === before) counts.failed += 1;
  }
} catch (error) {
  console.error(`no test report was written: ${error.message}`);
}
const ok = status === 0 && counts.failed === 0 && counts.passed > 0;
if (!ok && counts.failed === 0) counts.failed = 1; // an unhandled error, a crash, or no test at all
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(ok ? 0 : 1);
