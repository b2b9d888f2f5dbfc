// npm run stress [-- hostile | faults | resume | package name …]: everything that takes too long for npm test, bounded to half an hour on two cores.
//   hostile   10⁶ calls of the public functions with arguments of the wrong type, shape and size
//   faults    planted faults and false alarms of every certificate over many seeds; writes docs/guides/faults.md
//   resume    long runs killed 50 times each and taken up again, to the same bits
// The rest runs with RUN_SLOW=1: parsers against 10⁵ mutations each, chains killed and resumed, long statistics.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { hostileCalls } from "./hostile-run.mjs";
import { publicFunctions } from "./calls.mjs";
import { runFaults } from "./faults.mjs";
import { runResume } from "./resume.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const [only, calls] = process.argv.slice(2);
let failures = 0;

if (only === undefined || only === "faults") failures += await runFaults(only && calls);
if (only === undefined || only === "resume") failures += await runResume(only && calls ? Number(calls) : 50);
if (only === "faults" || only === "resume") process.exit(failures === 0 ? 0 : 1);

const filter = only === "hostile" ? undefined : only;
const { functions } = await publicFunctions(filter);
const total = Number(calls ?? 1e6);
console.log(`hostile calls: ${total} over ${functions.length} functions …`);
const result = await hostileCalls({ total, functions: functions.length, only: filter, seed: Number(process.env.STRESS_SEED ?? 1) });
const kinds = new Map();
for (const fault of result.faults) {
  const kind = `${fault.entry} ${fault.name} ${fault.what.replaceAll(/\d+/g, "#")}`;
  kinds.set(kind, [...(kinds.get(kind) ?? []), fault]);
}
for (const [kind, list] of [...kinds].sort((a, b) => b[1].length - a[1].length))
  console.log(`  ${list.length}×  ${kind}\n      e.g. ${list[0].args.slice(0, 160)}`);
console.log(
  `${result.calls} calls of ${result.targets} functions (those that functions return included), ${result.faults.length} neither a result nor a typed error; ${result.silent.length} functions without an example: ${result.silent.join(", ")}`,
);
failures += result.faults.length;

if (only === undefined) {
  const { status } = spawnSync(process.execPath, [`${root}scripts/test.mjs`, "--project", "unit"], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, RUN_SLOW: "1" },
  });
  failures += status === 0 ? 0 : 1;
  const audit = spawnSync("npx pnpm audit --prod", { cwd: root, shell: true, encoding: "utf8" });
  console.log(
    /No known vulnerabilities/.test(audit.stdout)
      ? "no known vulnerability in published dependencies"
      : `${audit.stdout}${audit.stderr}`.slice(0, 2000),
  );
}
process.exit(failures === 0 ? 0 : 1);
