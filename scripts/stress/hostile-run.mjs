// Runs the hostile calls in workers under a watch: a call that lasts longer than the limit is a hang, is reported, and the rest goes on without it.
import { Worker } from "node:worker_threads";

const MAX_TARGETS = 10_000;

/** `total` calls over all functions, shared among `shards` workers; each function has at most `msEach` milliseconds for its share. */
export async function hostileCalls({ total, functions, shards = 2, seed = 1, msEach = 2000, limitMs = 20_000, only }) {
  const results = await Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      runShard({ shard, shards, seed, msEach, only, total: Math.ceil(total / shards), callsEach: Math.ceil(total / functions) }, limitMs),
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
  const done = new Int32Array(counts);
  const calls = () => done.reduce((a, b) => a + b, 0);
  const skip = [];
  const faults = [];
  for (;;) {
    const worker = new Worker(new URL("./hostile-worker.mjs", import.meta.url), {
      workerData: { ...options, counts, skip },
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
        else if (at !== undefined && Date.now() - since > limitMs) finish({ fault: `did not return within ${limitMs / 1000} s` });
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
    faults.push({ entry: at.entry, name: at.name, what: outcome.fault, args: "" });
    skip.push(at.i); // go on behind the culprit
  }
}
