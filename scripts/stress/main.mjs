// npm run stress [-- part [argument]]: everything that takes too long for npm test, bounded to half an hour on two cores. Parts:
//   hostile [count] [package]   10⁶ calls of the public functions with arguments of the wrong type, shape and size
//   parsers [count]             readers of files against 10⁵ mutated files each
//   determinism                 the same bits on Node 20, 22, 24 and in Chromium
//   faults                      planted faults and false alarms of every certificate over many seeds; writes docs/guides/faults.md
//   resume [kills]              long runs killed 50 times each and taken up again, to the same bits
//   slow                        the tests with RUN_SLOW=1: models attacked, 10⁵ compiled programs, long statistics
//   audit                       known vulnerabilities of published dependencies
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runDeterminism } from "./determinism.mjs";
import { runFaults } from "./faults.mjs";
import { runHostile } from "./hostile-run.mjs";
import { runParsers } from "./parsers.mjs";
import { runResume } from "./resume.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

function runSlow() {
  const env = { ...process.env, RUN_SLOW: "1" };
  const { status } = spawnSync(process.execPath, [`${root}scripts/test.mjs`, "--project", "unit"], { cwd: root, stdio: "inherit", env });
  return status === 0 ? 0 : 1;
}

function runAudit() {
  const { stdout, stderr } = spawnSync("npx pnpm audit --prod", { cwd: root, shell: true, encoding: "utf8" });
  const sound = /No known vulnerabilities/.test(stdout);
  console.log(sound ? "no known vulnerability in published dependencies" : `${stdout}${stderr}`.slice(0, 2000));
  return sound ? 0 : 1;
}

/** Each part gives the number of its failures. */
const parts = {
  hostile: (count, only) => runHostile(count === undefined ? 1e6 : Number(count), only),
  parsers: (count) => runParsers(count && Number(count)),
  determinism: runDeterminism,
  faults: runFaults,
  resume: (kills) => runResume(kills === undefined ? 50 : Number(kills)),
  slow: runSlow,
  audit: runAudit,
};

const [part, ...rest] = process.argv.slice(2);
if (part !== undefined && !Object.hasOwn(parts, part)) {
  console.error(`no such part: ${part}; there are ${Object.keys(parts).join(", ")}`);
  process.exit(1);
}
let failures = 0;
for (const [name, run] of Object.entries(parts)) {
  if (part !== undefined && part !== name) continue;
  const start = Date.now();
  const failed = await run(...rest);
  console.log(`${name}: ${failed === 0 ? "sound" : `${failed} failures`}, ${((Date.now() - start) / 60_000).toFixed(1)} minutes\n`);
  failures += failed;
}
process.exit(failures === 0 ? 0 : 1);
