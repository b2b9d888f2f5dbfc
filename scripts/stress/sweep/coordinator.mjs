// A sweep in a process of its own, to be killed: `node coordinator.mjs <url> <queue> <folder> <json of cases, replicates>`; writes its table beside the store.
import { writeFileSync } from "node:fs";
import { key } from "@provably/core-tensor/random";
import { collect, directory, mean, queue, sweep } from "@provably/sweep";

const [url, name, folder, text] = process.argv.slice(2);
const { cases, replicates } = JSON.parse(text);
console.log("started");
const { table, failures, disagreements } = await sweep(
  new URL("./busy.task.mjs", import.meta.url),
  key(0),
  {
    cases,
    replicates,
    engine: queue({ connection: url, name }),
    store: directory(folder),
    reduce: { x: [mean(), collect()] },
  },
);
writeFileSync(
  `${folder}.json`,
  JSON.stringify({ table, failures: failures.length, disagreements: disagreements.length }),
);
