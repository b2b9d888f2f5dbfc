// npm run stress -- faults [certificate]: plants faults and counts how often each certificate sees them, and how often it is wrong about sound results.
//
// Every module of faults/ lists certificates: `make(seed)` gives a case, `honest(case)` the certificate of the sound result, and each of `faults` that of a
// damaged one, or undefined where the damage came to nothing. A fault is a function, to be seen every time, or `{ damage, least, note }`: to be seen in at least
// that share of the seeds, 0 where it lies out of the certificate's reach, and why.
import { readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { wilsonInterval } from "@provably/causal-latent/matte";

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

/** Counts for one certificate: sound results over `seeds[0]` seeds, damaged ones over the first `seeds[1]` of them. */
export async function measure({ seeds: [sound, damaged] = [200, 50], make, honest, faults }, most = Infinity) {
  const rows = Object.entries(faults).map(([fault, given]) => ({
    fault,
    ...(typeof given === "function" ? { damage: given, least: 1 } : given),
    seen: 0,
    of: 0,
  }));
  const alarms = { count: 0, of: Math.min(sound, most), level: 0 };
  for (let seed = 0; seed < alarms.of; seed++) {
    const given = await make(seed);
    // a certificate may be a list of statements, each at its own level: it is an alarm when one of them fails
    const verdicts = [await honest(given)].flat();
    if (verdicts.some(({ holds }) => !holds)) alarms.count++;
    alarms.level = Math.max(
      alarms.level,
      Math.min(
        1,
        verdicts.reduce((sum, { confidence = 1 }) => sum + 1 - confidence, 0),
      ),
    );
    if (seed < Math.min(damaged, most))
      for (const row of rows) {
        const result = await row.damage(given);
        if (result === undefined) continue; // the damage came to nothing: the result is still the right one
        row.of++;
        if ([result].flat().some(({ holds }) => !holds)) row.seen++;
      }
  }
  return { alarms, rows };
}

/** What a measurement says against its certificate: faults that it ought to see and does not, and alarms beyond its level. */
export function shortfalls({ certificate }, { alarms, rows }) {
  const missed = rows.filter(({ least, seen, of }) => seen < least * of);
  const { interval } = wilsonInterval(alarms.count, alarms.of, { confidence: 0.99 });
  return [
    ...missed.map(({ fault, seen, of }) => `${certificate}: "${fault}" is seen ${seen} times of ${of}`),
    ...(interval[0] > alarms.level + 1e-12 ? [`${certificate}: ${alarms.count} false alarms of ${alarms.of}, level ${alarms.level}`] : []),
  ];
}

const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
const interval = (count, of) => wilsonInterval(count, of).interval.map(percent).join(" to ").replaceAll(" % to", " to");

export function page(measured) {
  const packages = [...new Set(measured.map(({ entry }) => entry.package))];
  const sections = packages.map((name) => {
    const own = measured.filter(({ entry }) => entry.package === name);
    const sound = own.map(
      ({ entry, result: { alarms } }) =>
        `| \`${entry.certificate}\` | ${entry.given} | ${alarms.count} of ${alarms.of} | ${interval(alarms.count, alarms.of)} | ${alarms.level === 0 ? "none" : percent(alarms.level)} |`,
    );
    const damaged = own.flatMap(({ entry, result: { rows } }) =>
      rows.map(
        ({ fault, seen, of, least, note = "" }) =>
          `| \`${entry.certificate}\` | ${fault} | ${seen} of ${of} | ${least === 0 ? "**out of reach**: " : ""}${note} |`,
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

${measured.length} certificates, ${rows.length} faults, of which ${rows.filter(({ least }) => least === 0).length} lie out of reach of the certificate beside them and say why. The page is written by \`npm run stress -- faults\`; \`npm test\` plants every fault once.

A level of "none" belongs to certificates that are exact, bounds, or measured on a law that does not vary: a sound result never fails them. Where a certificate is a list of statements, one that fails is an alarm, and the level is the sum of theirs.

${sections.join("\n")}`;
}

export async function runFaults(only) {
  const measured = [];
  const wrong = [];
  for (const entry of await plantedFaults(only)) {
    const start = performance.now();
    const result = await measure(entry);
    measured.push({ entry, result });
    wrong.push(...shortfalls(entry, result));
    const { count, of, level } = result.alarms;
    console.log(`${entry.package} ${entry.certificate}: ${count} of ${of} false alarms (level ${level.toPrecision(2)}), ${((performance.now() - start) / 1000).toFixed(1)} s`); // prettier-ignore
    for (const { fault, seen, of: n, note } of result.rows) console.log(`    ${seen} of ${n}  ${fault}${note === undefined ? "" : ` (${note})`}`);
  }
  for (const line of wrong) console.log(`SHORT: ${line}`);
  if (only === undefined) {
    const { format, resolveConfig } = await import("prettier");
    const target = fileURLToPath(new URL("../../docs/guides/faults.md", import.meta.url));
    writeFileSync(target, await format(page(measured), { ...(await resolveConfig(target)), parser: "markdown" }));
  }
  return wrong.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit((await runFaults(process.argv[2])) === 0 ? 0 : 1);
