// Groups of the items of a survey, as one HTML report.
//   node examples/survey data.csv
//   node examples/survey data.csv --items x1:x9 --groups 3 --missing 9,99 --weights w --out report.html
import { writeFileSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import console from "node:console";
import process from "node:process";
import { parseArgs } from "node:util";
import { certifyGroups, discoverGroups } from "@provably/causal-latent/hierarchy";
import { key } from "@provably/core-tensor/random";
import { splitTable, tableFromCsv } from "@provably/core-tensor/table";
import { progressBar } from "../tour/lib/progress.mjs";
import { reportOf } from "./report.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    items: { type: "string" },
    groups: { type: "string" },
    missing: { type: "string" },
    weights: { type: "string" },
    replicates: { type: "string" },
    out: { type: "string" },
    help: { type: "boolean" },
  },
});
const [file] = positionals;
if (file === undefined || values.help) {
  console.log("usage: node examples/survey data.csv [--items a,b,c or first:last] [--groups n] [--missing 9,99] [--weights column] [--replicates n] [--out report.html]"); // prettier-ignore
  process.exit(file === undefined ? 1 : 0);
}

/** Names separated by commas; `first:last` stands for all columns between. */
function columnsIn(text, names) {
  return text.split(",").flatMap((part) => {
    const ends = part.trim().split(":");
    if (ends.length === 1) return ends;
    const [from, to] = ends.map((name) => names.indexOf(name));
    if (from < 0 || to < from) throw new Error(`--items: ${part} is no range of columns`);
    return names.slice(from, to + 1);
  });
}

try {
  const table = tableFromCsv(readFileSync(file, "utf8"));
  const names = table.columns.map(({ name }) => name);
  const columns = {
    ...(values.items && { items: columnsIn(values.items, names) }),
    ...(values.missing && { missing: values.missing.split(",").map(Number) }),
    ...(values.weights && { weights: values.weights }),
  };
  let bar;
  const found = discoverGroups(table, {
    ...columns,
    ...(values.groups && { numGroups: Number(values.groups) }),
    ...(values.replicates && { numReplicates: Number(values.replicates) }),
    onProgress: ({ stage, iteration, total }) => {
      if (stage !== "replicates") return;
      bar ??= progressBar("resampled data sets", total);
      bar.step(iteration);
    },
  });
  bar?.finish();
  const certificates = found.groups.length === 0 ? undefined : heldOut(table, found, columns);
  const out = values.out ?? `${basename(file).replace(/\.[^.]*$/, "")}-groups.html`;
  writeFileSync(out, reportOf(basename(file), found, certificates));
  console.log(`${found.groups.length} groups, ${found.setAside.length} columns set aside; written to ${out}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} // prettier-ignore

/** Groups found on one half of the people, held against the other. */
function heldOut(table, { groups }, { weights, missing }) {
  const { train, test } = splitTable(table, key("halves"), { testShare: 0.5 });
  const names = groups.flatMap(({ items }) => items.map(({ name }) => name));
  const given = { ...(weights && { weights }), ...(missing && { missing }) };
  const half = discoverGroups(train, { ...given, items: names, numReplicates: 0 });
  return half.groups.length === 0 ? undefined : certifyGroups(half, test, given);
}
