// npm run stress -- faults [certificate]: plants faults and counts how often each certificate sees them, and how often it is wrong about sound results.
//
// Every module of faults/ lists certificates: `make(seed)` gives a case, `honest(case)` the certificate of the sound result, and each of `faults` that of a
// damaged one, or undefined where the damage came to nothing. One rule for all: a fault is to be seen on SEEN of the seeds or more, unless it is written as
// `{ damage, note }`, where the note says why the certificate cannot see it, or not always. Counts are never tuned to: a fault that falls short gets a reason or
// the certificate is mended. An entry may say in `alarm` why sound results raise alarms.
import { fork } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { wilsonInterval } from "@provably/causal-latent/matte";
import { doors, pageWithDoors } from "./doors.mjs";

/** The share of seeds on which a fault has to be seen. */
export const SEEN = 0.95;
/** Sound results for each certificate, and how many of them are damaged in every way. */
const SEEDS = { sound: 100, damaged: 20 };

const folder = new URL("./faults/", import.meta.url);

/** The certificates of all packages, or of those whose names begin with `only`. */
export async function plantedFaults(only = "") {
  const files = readdirSync(folder).filter((file) => file.endsWith(".mjs"));
  const lists = await Promise.all(
    files.map(async (file) => {
      const { default: list } = await import(new URL(file, folder).href);
      return list.map((entry) => ({ package: file.slice(0, -4), ...entry }));
    }),
  );
  return lists.flat().filter((entry) => `${entry.package} ${entry.certificate}`.includes(only));
}

/** A statement against the result; one that is undecided is none, and among many some may always be. */
const fails = ({ verdict }) => verdict === "fails";

/** Counts for one certificate. */
export async function measure({ make, honest, faults }, { sound, damaged } = SEEDS) {
  const planted = Object.entries(faults).map(([fault, given]) => ({
    fault,
    ...(typeof given === "function" ? { damage: given } : given),
  }));
  const rows = planted.map(({ fault, note }) => ({ fault, note, seen: 0, of: 0 }));
  const alarms = { count: 0, of: sound, level: 0 };
  for (let seed = 0; seed < alarms.of; seed++) {
    const given = await make(seed);
    // a certificate may be a list of statements, each at its own level: it is an alarm when one of them fails
    const verdicts = [await honest(given)].flat();
    if (verdicts.some(fails)) alarms.count++;
    alarms.level = Math.max(
      alarms.level,
      Math.min(
        1,
        verdicts.reduce((sum, { confidence = 1 }) => sum + 1 - confidence, 0),
      ),
    );
    if (seed < damaged)
      for (const [i, row] of rows.entries()) {
        const result = await planted[i].damage(given);
        if (result === undefined) continue; // the damage came to nothing: the result is still the right one
        row.of++;
        if ([result].flat().some(Array.isArray(result) ? fails : ({ holds }) => !holds)) row.seen++;
      }
  }
  return { alarms, rows };
}

/** What a measurement says against its certificate: faults that it ought to see and does not, and alarms beyond its level. */
export function shortfalls({ certificate, alarm }, { alarms, rows }) {
  const missed = rows.filter(({ note, seen, of }) => note === undefined && seen < SEEN * of);
  const { interval } = wilsonInterval(alarms.count, alarms.of, { confidence: 0.99 });
  return [
    ...missed.map(
      ({ fault, seen, of }) => `${certificate}: "${fault}" is seen ${seen} times of ${of}`,
    ),
    ...(alarm === undefined && interval[0] > alarms.level + 1e-12
      ? [`${certificate}: ${alarms.count} false alarms of ${alarms.of}, level ${alarms.level}`]
      : []),
  ];
}

const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
const interval = (count, of) =>
  wilsonInterval(count, of).interval.map(percent).join(" to ").replaceAll(" % to", " to");

export function page(measured) {
  const packages = [...new Set(measured.map(({ entry }) => entry.package))];
  const sections = packages.map((name) => {
    const own = measured.filter(({ entry }) => entry.package === name);
    const sound = own.map(
      ({ entry, result: { alarms } }) =>
        `| \`${entry.certificate}\` | ${entry.given}${entry.alarm === undefined ? "" : `; ${entry.alarm}`} | ${alarms.count} of ${alarms.of} | ${interval(alarms.count, alarms.of)} | ${alarms.level === 0 ? "none" : percent(alarms.level)} |`,
    );
    const damaged = own.flatMap(({ entry, result: { rows } }) =>
      rows.map(
        ({ fault, seen, of, note = "" }) =>
          `| \`${entry.certificate}\` | ${fault} | ${seen < SEEN * of ? `**${seen} of ${of}**` : `${seen} of ${of}`} | ${note} |`,
      ),
    );
    return `## ${name}

| certificate | sound results | false alarms | 95 % interval | level it states |
| --- | --- | --- | --- | --- |
${sound.join("\n")}

| certificate | planted fault | seen | remark |
| --- | --- | --- | --- |
${damaged.join("\n")}
`;
  });
  const rows = measured.flatMap(({ result }) => result.rows);
  return `# Planted faults: what each certificate sees

A certificate is worth what it sees. For every certificate of the six packages, sound results are made from many seeds and the alarms counted that are false; then the results are damaged in the ways that happen (a wrong scale of noise, a stale value, a swapped index, a sign) and the alarms counted that are right. Intervals are Wilson's, at 95 %.

${measured.length} certificates, ${rows.length} faults. One rule for all: a fault is to be seen on ${percent(SEEN)} of the seeds or more. ${rows.filter(({ seen, of }) => seen < SEEN * of).length} are seen less often, in bold, each with the reason. A sound result is to raise alarms no more often than the level its certificate states: a count whose 99 % interval lies above the level fails. ${SEEDS.sound} sound results for each certificate, ${SEEDS.damaged} of them damaged in every way; where fewer are counted, the damage came to nothing on the others. The page is written by \`npm run stress -- faults\`; \`npm test\` plants every fault once.

A level of "none" belongs to certificates that are exact, bounds, or measured on a law that does not vary: a sound result never fails them. Where a certificate is a list of statements, one that fails is an alarm, and the level is the sum of theirs.

${sections.join("\n")}`;
}

/** Measures in two processes at a time; results in the order of `entries`, each with the seconds of processor time it took. */
async function measureAll(entries, only) {
  const results = new Array(entries.length);
  const left = [...entries.keys()];
  const lane = () =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), ["--measure", only ?? ""], {
        stdio: ["ignore", "inherit", "inherit", "ipc"],
        execArgv: [],
      });
      const next = () => (left.length === 0 ? child.disconnect() : child.send(left.shift()));
      child.on("message", ({ i, result, seconds }) => {
        results[i] = result;
        const { package: owner, certificate } = entries[i];
        const { count, of, level } = result.alarms;
        console.log(
          `${owner} ${certificate}: ${count} of ${of} false alarms (level ${level.toPrecision(2)}), ${seconds.toFixed(1)} s`,
        );
        for (const { fault, seen, of: n, note } of result.rows)
          console.log(`    ${seen} of ${n}  ${fault}${note === undefined ? "" : ` (${note})`}`);
        next();
      });
      child.on("exit", (code) =>
        code === 0 ? resolve() : reject(new Error(`measuring faults ended with code ${code}`)),
      );
      next();
    });
  await Promise.all(entries.length > 1 ? [lane(), lane()] : [lane()]);
  return results;
}

/** The other end of a lane. */
async function measureOnDemand(only) {
  const entries = await plantedFaults(only);
  process.on("message", async (i) => {
    const before = process.cpuUsage();
    const result = await measure(entries[i]);
    const { user, system } = process.cpuUsage(before);
    process.send({ i, result, seconds: (user + system) / 1e6 });
  });
}

export async function runFaults(only) {
  const entries = await plantedFaults(only);
  const results = await measureAll(entries, only);
  const measured = entries.map((entry, i) => ({ entry, result: results[i] }));
  const wrong = measured.flatMap(({ entry, result }) => shortfalls(entry, result));
  for (const line of wrong) console.log(`SHORT: ${line}`);
  if (only === undefined) {
    const target = fileURLToPath(new URL("../../docs/guides/faults.md", import.meta.url));
    writeFileSync(target, await pageWithDoors(await doors(), page(measured)));
  }
  return wrong.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "--measure") await measureOnDemand(process.argv[3]);
  else process.exit((await runFaults(process.argv[2])) === 0 ? 0 : 1);
}
