// npm run stress [-- part [argument]]: what takes too long for npm test, bounded to half an hour on two cores. Parts:
//   hostile [count] [package]   10⁶ calls of the public functions with arguments of the wrong type, shape and size
//   faults [certificate]        planted faults and false alarms of every certificate over many seeds; writes docs/guides/faults.md
//   doors [package]             inputs as people bring them: right, refused or seen; writes their part of docs/guides/faults.md
//   numpy [count] [operation] [seed]   30,000 random calls of core-tensor, eager and compiled, against NumPy, where Python has it
//   determinism                 the same bits on Node 20, 22, 24 and in Chromium, as far as their Math agrees
//   resume [kills]              long runs killed 50 times each and taken up again, to the same bits
//   abort [function]            every function that takes a signal stops within 200 ms of an abort
//   parsers [count]             readers of files against 10⁵ mutated files each
//   models                      GGUF, config.json, tokenizer.json and whole models against 10⁵ mutated files each
//   cycles                      10⁵ compiled programs made, run and dropped; long runs on devices
//   together                    computations on one event loop, and in several worker threads at once
//   sweep [scale] [bar]         one sweep on threads and around a Redis: same bits, kills, overhead, hostile jobs; writes its part of docs/guides/under-stress.md
//   audit                       known vulnerabilities of published dependencies
// and, only by name, full: every test with RUN_SLOW=1, the long statistics of the theorems among them, which has no bound on its time.
import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runAbort } from "./abort.mjs";
import { runDeterminism } from "./determinism.mjs";
import { runDoors } from "./doors.mjs";
import { runFaults } from "./faults.mjs";
import { runHostile } from "./hostile-run.mjs";
import { runNumpy } from "./numpy.mjs";
import { runParsers } from "./parsers.mjs";
import { runResume } from "./resume.mjs";
import { runSweep } from "./sweep.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Tests in their long form; one worker, since another part runs beside them. */
function runTests(...args) {
  const env = { ...process.env, RUN_SLOW: "1" };
  const { status } = spawnSync(process.execPath, [`${root}scripts/test.mjs`, ...args], {
    cwd: root,
    stdio: "inherit",
    env,
  });
  return status === 0 ? 0 : 1;
}

function runAudit() {
  const { stdout, stderr } = spawnSync("npx pnpm audit --prod", {
    cwd: root,
    shell: true,
    encoding: "utf8",
  });
  if (/No known vulnerabilities/.test(stdout)) {
    console.log("no known vulnerability in published dependencies");
    return 0;
  }
  console.log(
    `${/AUDIT_BAD_RESPONSE/.test(stdout + stderr) ? "the registry gave no answer, so nothing is known: " : ""}${stdout}${stderr}`.slice(
      0,
      2000,
    ),
  );
  return 1;
}

/** Each part gives the number of its failures. */
const parts = {
  hostile: (count, only) => runHostile(count === undefined ? 1e6 : Number(count), only),
  faults: runFaults,
  doors: runDoors,
  numpy: (count, only, seed) => runNumpy(count, only || undefined, seed),
  determinism: runDeterminism,
  resume: (kills) => runResume(kills === undefined ? 50 : Number(kills)),
  abort: runAbort,
  parsers: (count) => runParsers(count && Number(count)),
  models: () =>
    runTests("--project", "unit", "packages/transformer-sparsity/test/griffin/hostile.test.ts"),
  cycles: () =>
    runTests(
      "--project",
      "unit",
      "--maxWorkers",
      "1",
      "packages/core-tensor/test/compile/steady.test.ts",
    ),
  together: () => runTests("--project", "workspace", "scripts/checks/together.test.mjs"),
  sweep: runSweep,
  audit: runAudit,
  full: () => runTests("--project", "unit"),
};

/** What runs at the same time: the first three use two cores each, the others one. */
const lanes = [
  [["hostile"]],
  [["faults"]],
  [["determinism"]],
  [["sweep"]],
  [
    ["resume", "parsers", "audit"],
    ["doors", "numpy", "models", "cycles", "abort", "together"],
  ],
];

async function timed(name, run) {
  const start = Date.now();
  const failed = await run();
  console.log(
    `${name}: ${failed === 0 ? "sound" : `${failed} failures`}, ${((Date.now() - start) / 60_000).toFixed(1)} minutes\n`,
  );
  return failed;
}

/** A part in a process of its own; what it says comes when it has ended. */
async function apart(name) {
  const {
    stdout,
    stderr,
    code = 0,
  } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), name], {
    maxBuffer: 1e8,
  }).catch((error) => error);
  console.log(`${stdout}${stderr}`.trimEnd(), "\n");
  return code === 0 ? 0 : 1;
}

async function runAll() {
  let failures = 0;
  for (const beside of lanes) {
    const lane = async (names) => {
      for (const name of names) {
        const failed = await apart(name); // awaited inside the sum, it would undo what another lane has added meanwhile
        failures += failed;
      }
    };
    await Promise.all(beside.map(lane));
  }
  return failures;
}

const [part, ...rest] = process.argv.slice(2);
if (part !== undefined && !Object.hasOwn(parts, part)) {
  console.error(`no such part: ${part}; there are ${Object.keys(parts).join(", ")}`);
  process.exit(1);
}
const failures =
  part === undefined
    ? await timed("all parts", runAll)
    : await timed(part, () => parts[part](...rest));
process.exit(failures === 0 ? 0 : 1);
