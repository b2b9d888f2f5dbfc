// Runs the hostile calls in workers under a watch: a call that lasts longer than the limit is a hang, is reported, and the rest goes on without it.
import { Worker } from "node:worker_threads";
import { publicFunctions } from "./calls.mjs";

const MAX_TARGETS = 10_000;

/** `total` calls over all functions, shared among `shards` workers; each function has at most `msEach` milliseconds for its share. */
export async function hostileCalls({
  total,
  functions,
  shards = 2,
  seed = 1,
  msEach = 2000,
  limitMs = 20_000,
  only,
}) {
  const results = await Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      runShard(
        {
          shard,
          shards,
          seed,
          msEach,
          only,
          total: Math.ceil(total / shards),
          callsEach: Math.ceil(total / functions),
        },
        limitMs,
      ),
    ),
  );
  return {
    calls: results.reduce((n, r) => n + r.calls, 0),
    targets: results.reduce((n, r) => n + r.targets, 0),
    faults: results.flatMap((r) => r.faults),
    silent: results.flatMap((r) => r.silent),
  };
}

async function runShard(options, limitMs) {
  const counts = new SharedArrayBuffer(4 * MAX_TARGETS);
  const words = new SharedArrayBuffer(4 + 4096);
  const done = new Int32Array(counts);
  const calls = () => done.reduce((a, b) => a + b, 0);
  const skip = [];
  const faults = [];
  for (;;) {
    const worker = new Worker(new URL("./hostile-worker.mjs", import.meta.url), {
      workerData: { ...options, counts, words, skip },
      execArgv: [], // whatever runs this file, the calls are made by plain Node to the built packages
      resourceLimits: { maxOldGenerationSizeMb: 2048 },
    });
    let at;
    const outcome = await new Promise((resolve) => {
      let last = -1;
      let since = Date.now();
      const finish = (result) => {
        clearInterval(watch);
        resolve(result);
      };
      const watch = setInterval(() => {
        const now = calls();
        if (now !== last) [last, since] = [now, Date.now()];
        else if (at !== undefined && Date.now() - since > limitMs)
          finish({ fault: `did not return within ${limitMs / 1000} s` });
      }, 250);
      worker.on("message", ({ fault, enter, finished }) => {
        if (enter) at = enter;
        if (fault) faults.push(fault);
        if (finished) finish({ finished });
      });
      worker.on("error", (error) => finish({ fault: `crashes: ${error.message}`, error }));
    });
    await worker.terminate();
    if (outcome.finished) return { ...outcome.finished, calls: calls(), faults };
    if (at === undefined) throw outcome.error;
    faults.push({ entry: at.entry, name: at.name, what: outcome.fault, args: lastWords(words) });
    skip.push(at.i); // go on behind the culprit
  }
}

/** The arguments that a worker wrote down before its last call. */
function lastWords(words) {
  const length = Atomics.load(new Int32Array(words), 0);
  return Buffer.from(words, 4, length).toString();
}

/** Faults of the same kind together, with one example each. */
export function formatFaults(faults) {
  const kinds = new Map();
  for (const fault of faults)
    kinds.set(kindOf(fault), [...(kinds.get(kindOf(fault)) ?? []), fault]);
  return [...kinds]
    .sort((a, b) => b[1].length - a[1].length)
    .map(([kind, list]) => `  ${list.length}×  ${kind}\n      e.g. ${short(list[0].args)}`)
    .join("\n");
}

/** Both ends of a print: the spoilt place is often an option, which comes last. */
const short = (text) => (text.length <= 300 ? text : `${text.slice(0, 100)} … ${text.slice(-200)}`);

const kindOf = ({ entry, name, what }) => `${entry} ${name} ${what.replaceAll(/\d+/g, "#")}`;

/** The number of calls that gave neither a result nor a typed error. */
export async function runHostile(total, only) {
  const { functions } = await publicFunctions(only);
  const seed = Number(process.env.STRESS_SEED ?? 1);
  const { calls, targets, faults, silent } = await hostileCalls({
    total,
    functions: functions.length,
    only,
    seed,
  });
  if (faults.length > 0) console.log(formatFaults(faults));
  console.log(
    `${calls} calls of ${targets} functions (those that functions return included): ${faults.length} neither a result nor a typed error`,
  );
  if (silent.length > 0) console.log(`without an example to start from: ${silent.join(", ")}`);
  return faults.length;
}
