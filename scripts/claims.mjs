// npm run claims, after npm test: writes docs/guides/proven-and-measured.md from what the tests measured and what the benchmarks found.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";

const root = fileURLToPath(new URL("..", import.meta.url));
const { testResults } = JSON.parse(readFileSync(`${root}.cache/vitest.json`, "utf8"));
const cell = (text) => String(text).replaceAll("|", "\\|").replaceAll("\n", " ");

const claims = testResults
  .flatMap(({ name, assertionResults }) =>
    assertionResults.flatMap(({ meta, status, fullName }) =>
      meta?.claim ? [{ ...meta.claim, status, fullName, file: name.slice(root.length) }] : [],
    ),
  )
  .sort((a, b) => (a.file + a.fullName < b.file + b.fullName ? -1 : 1));
const packages = [...new Set(claims.map(({ file }) => file.split("/")[1]))];

const sections = packages.map((name) => {
  const rows = claims
    .filter(({ file }) => file.startsWith(`packages/${name}/`))
    .map(
      ({ says, source, measured, status, file }) =>
        `| ${cell(says)} | ${cell(source)} | ${cell(measured)}${status === "passed" ? "" : ` (**test ${status}**)`} | \`npx vitest run ${file}\` |`,
    );
  return `## ${name}\n\n| statement | source | measured | check it |\n| --- | --- | --- | --- |\n${rows.join("\n")}\n`;
});

const bars = readdirSync(`${root}bench/results`)
  .filter((file) => /^node\d+\.json$/.test(file))
  .map((file) => {
    const { node, results } = JSON.parse(readFileSync(`${root}bench/results/${file}`, "utf8"));
    const judged = results.filter(({ bar }) => bar !== undefined);
    return `- Node ${node}: ${judged.filter(({ met }) => met).length} of ${judged.length} bars met.`;
  });

const page = `# What is proven, what is measured

Theorems are proven in the papers; what this project can add is to measure whether the code does what they say. Every line below is a test that runs with \`npm test\` and wrote down what it found; this page is made from its report by \`npm run claims\`.

${sections.join("\n")}
## Speed

Ratios to named libraries, side by side in one run, are on the page [Benchmarks](benchmarks.md), with what falls short and why.

${bars.join("\n")}

${readFileSync(`${root}docs/not-reproduced.md`, "utf8")}`;

const target = `${root}docs/guides/proven-and-measured.md`;
writeFileSync(target, await format(page, { ...(await resolveConfig(target)), parser: "markdown" }));
console.log(`${claims.length} claims of ${packages.length} packages in docs/guides/proven-and-measured.md`);
