// Runs the hostile calls in a worker under a watch: a call that lasts longer than the limit is a hang, is reported, and the rest goes on without it.
import { Worker } from "node:worker_threads";
import { publicFunctions } from "./calls.mjs";

export async function hostileCalls({ callsEach, seed = 1, limitMs = 20_000, only }) {
  const functions = await publicFunctions();
  const skip = [];
  const faults = [];
  let total = 0;
  for (;;) {
    const position = new SharedArrayBuffer(8);
    const at = new Int32Array(position);
    const worker = new Worker(new URL("./hostile-worker.mjs", import.meta.url), {
      workerData: { position, callsEach, seed, skip, only },
      resourceLimits: { maxOldGenerationSizeMb: 4096 },
    });
    const outcome = await new Promise((resolve) => {
      let last = -1;
      let since = Date.now();
      const watch = setInterval(() => {
        if (at[1] !== last) [last, since] = [at[1], Date.now()];
        else if (at[1] > 0 && Date.now() - since > limitMs) finish({ hang: at[0] });
      }, 250);
      const finish = (result) => {
        clearInterval(watch);
        resolve(result);
      };
      worker.on("message", ({ fault, done }) => (fault ? faults.push(fault) : finish({ done })));
      worker.on("error", (error) => finish({ crash: at[0], error }));
    });
    await worker.terminate();
    total += at[1];
    if (outcome.done) return { ...outcome.done, total, faults };
    const i = outcome.hang ?? outcome.crash;
    const { entry, name } = functions[i];
    faults.push({ entry, name, what: outcome.error ? `crashes: ${outcome.error.message}` : `did not return within ${limitMs / 1000} s`, args: "" });
    // go on behind the culprit
    skip.push(...Array.from({ length: i + 1 }, (_, k) => k).filter((k) => !skip.includes(k)));
  }
}
