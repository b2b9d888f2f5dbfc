// Calls every public function with spoilt arguments and reports what is neither a result nor a typed error. Shares its position with the watcher.
import { parentPort, workerData } from "node:worker_threads";
import { publicFunctions, recordedCalls } from "./calls.mjs";
import { generator, spoiltArguments } from "./hostile.mjs";

const { position, callsEach, seed, skip, only } = workerData;
const at = new Int32Array(position);
const functions = await publicFunctions();
const calls = await recordedCalls();

/** What the caller passed in, to be found unchanged: a print of plain data and of typed arrays, short enough to take at every call. */
function print(x, depth = 0, seen = new Set()) {
  if (typeof x === "number") return Object.is(x, -0) ? "-0" : String(x);
  if (typeof x !== "object" || x === null || seen.has(x) || depth > 5) return typeof x;
  seen.add(x);
  if (ArrayBuffer.isView(x) && !(x instanceof DataView)) return `${x.constructor.name}:${x.length}:${Array.prototype.slice.call(x, 0, 50).join()}`;
  if (Array.isArray(x))
    return `[${x
      .slice(0, 50)
      .map((y) => print(y, depth + 1, seen))
      .join()}]`;
  return `{${Object.keys(x)
    .slice(0, 30)
    .map((k) => `${k}:${print(x[k], depth + 1, seen)}`)
    .join()}}`;
}

const isTyped = (error) => typeof error?.code === "string" && /^(ERR_)?[A-Z_]+$/.test(error.code);
const ours = (error) => error?.message === "the callback's own";

let total = 0;
for (const [i, { entry, name, f }] of functions.entries()) {
  if (skip.includes(i) || (only && !`${entry} ${name}`.includes(only))) continue;
  const valid = calls.get(f) ?? [];
  const pick = generator(seed * 7919 + i);
  for (let k = 0; k < callsEach; k++) {
    Atomics.store(at, 0, i);
    Atomics.add(at, 1, 1);
    const args = spoiltArguments(valid, pick);
    const before = print(args);
    const fault = (what) => parentPort.postMessage({ fault: { entry, name, what, args: before.slice(0, 300) } });
    try {
      const result = f(...args);
      if (typeof result?.then === "function")
        await Promise.race([
          result.then(undefined, (error) => { if (!isTyped(error) && !ours(error)) fault(`rejects with ${error?.name}: ${String(error?.message ?? error).slice(0, 160)}`); }),
          new Promise((resolve) => setTimeout(resolve, 2000).unref()),
        ]); // prettier-ignore
      else if (typeof result?.next === "function") {
        try {
          for (let n = 0; n < 3; n++) await result.next();
        } finally {
          await result.return?.();
        }
      }
    } catch (error) {
      if (!isTyped(error) && !ours(error)) fault(`throws ${error?.name}: ${String(error?.message ?? error).slice(0, 160)}`);
    }
    if (print(args) !== before) fault("changed its argument");
    if ({}.polluted !== undefined) {
      delete Object.prototype.polluted;
      fault("polluted the prototype");
    }
    total++;
  }
}
parentPort.postMessage({ done: { total, functions: functions.length, exampled: functions.filter(({ f }) => calls.has(f)).length, silent: functions.filter(({ f }) => !calls.has(f)).map(({ entry, name }) => `${entry} ${name}`) } }); // prettier-ignore
