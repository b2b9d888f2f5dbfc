// npm run claims [-- last]: runs the tests that measure a theorem or a published figure and writes what they found, beside the benchmarks and what was not
// reproduced (packages/*/test/not-reproduced.json), to docs/guides/proven-and-measured.md. With `last` it takes the report of the last npm test instead.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { globSync } from "tinyglobby";

const root = fileURLToPath(new URL("..", import.meta.url));

function report() {
  if (process.argv[2] === "last") return `${root}.cache/vitest.json`;
  mkdirSync(`${root}.cache`, { recursive: true });
  const target = `${root}.cache/claims.json`;
  const files = globSync("packages/*/test/**/*.test.ts", { cwd: root }).filter((file) =>
    /meta\.claim = /.test(readFileSync(root + file, "utf8")),
  );
  const args = [
    "run",
    "--project",
    "unit",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${target}`,
    ...files,
  ];
  spawnSync(process.execPath, [`${root}node_modules/vitest/vitest.mjs`, ...args], {
    cwd: root,
    stdio: "inherit",
  });
  return target;
}

const { testResults, startTime } = JSON.parse(readFileSync(report(), "utf8"));
const line = (text) => String(text).replaceAll("\n", " ");

const claims = testResults
  .flatMap(({ name, assertionResults }) =>
    assertionResults.flatMap(({ meta, status, fullName, title }) =>
      meta?.claim
        ? [{ ...meta.claim, status, fullName, title, file: name.slice(root.length) }]
        : [],
    ),
  )
  .sort((a, b) => (a.file + a.fullName < b.file + b.fullName ? -1 : 1));
const order = [
  "score-diffusion",
  "robust-rl",
  "rlhf-vpo",
  "transformer-sparsity",
  "causal-latent",
  "core-tensor",
];

const sections = order.map((name) => {
  const own = claims
    .filter(({ file }) => file.startsWith(`packages/${name}/`))
    .map(({ says, source, measured, status, file, title }) => {
      const outcome = status === "passed" ? "Measured" : `Test ${status}`;
      const command = `npx vitest run ${file.replace(/^packages\//, "")} -t ${JSON.stringify(line(title))}`;
      return `1. ${line(says)}.\\\n   _${line(source)}_\\\n   **${outcome}:** ${line(measured)}.\\\n   \`${command}\``;
    });
  const missing = JSON.parse(
    readFileSync(`${root}packages/${name}/test/not-reproduced.json`, "utf8"),
  );
  return `## ${name}

${own.join("\n")}

Not reproduced:

${missing.map(({ what, source, why }) => `- **${what}** (${source}). ${why}`).join("\n")}
`;
});

const bars = readdirSync(`${root}bench/results`)
  .filter((file) => /^node\d+\.json$/.test(file))
  .map((file) => {
    const { node, results } = JSON.parse(readFileSync(`${root}bench/results/${file}`, "utf8"));
    const judged = results.filter(({ bar }) => bar !== undefined);
    return `- Node ${node}: ${judged.filter(({ met }) => met).length} of ${judged.length} bars met.`;
  });

const failed = claims.filter(({ status }) => status !== "passed").length;
const page = `# What is proven, what is measured

Theorems are proven in the papers; what this project can add is to measure whether the code does what they say. Every statement below is a test that runs with \`npm test\`, fails when the statement stops being true, and writes down what it found. After those of each package stands what was not reproduced, and why.

${claims.length} statements, ${failed === 0 ? "all of them confirmed" : `${failed} not confirmed`} on ${new Date(startTime).toISOString().slice(0, 10)} with Node ${process.version} by \`npm run claims\`, which makes this page. How often certificates see what is wrong with a result is on the page [Planted faults](faults.md).

${sections.join("\n")}
## Speed

Ratios to named libraries, side by side in one run, are on the page [Benchmarks](benchmarks.md), with what falls short and why.

${bars.join("\n")}
`;

const target = `${root}docs/guides/proven-and-measured.md`;
writeFileSync(target, await format(page, { ...(await resolveConfig(target)), parser: "markdown" }));
console.log(`${claims.length} claims in docs/guides/proven-and-measured.md`);
