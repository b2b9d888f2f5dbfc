// Calls public functions with spoilt arguments and reports what is neither a result nor a typed error. Shares its count with the watcher.
import { parentPort, workerData } from "node:worker_threads";
import {
  isFromCallback,
  namesWithNan,
  optionNames,
  publicFunctions,
  recordedCalls,
} from "./calls.mjs";
import { freezeDeep, generator, isTame, print, spoiltArguments, hasNan } from "./hostile.mjs";

const { counts, words, shard, shards, callsEach, msEach, total, seed, skip, only } = workerData;
const done = new Int32Array(counts);
const { functions } = await publicFunctions(only);
const { errors } = await publicFunctions();
const { calls, returned } = await recordedCalls(only);
/* global clearTimeout */
/** The one function that writes into an argument, as its name says; those that run for as long as the caller's condition holds, or for minutes unless told. */
const WRITES = new Set(["copyInto"]);
const ENDLESS = new Set(["whileLoop", "identifiabilityExperiment"]);
/** Parts of an uncertainty set: planners call them in their innermost loops, with rows that they have looked at. */
const INNERMOST = /\)\.(worstCase|bounds|misfit)\b/;
const mayBeNan = namesWithNan();
const options = optionNames();
const exported = new Set(functions.map(({ f }) => f));
const targets = [
  ...functions,
  ...[...returned].filter(([f]) => !exported.has(f) && calls.has(f)).map(([f, label]) => ({ entry: `@provably/${label.split(" ")[0]}`, name: label.split(" ")[1], f })),
].filter(({ name }, i) => i % shards === shard && !ENDLESS.has(name) && !INNERMOST.test(name)); // prettier-ignore

const isTyped = (error) => errors.some((type) => error instanceof type) || typeof error?.code === "string" && /^ERR_[A-Z]+$/.test(error.code) && error instanceof Error && error.constructor !== TypeError && error.constructor !== RangeError; // prettier-ignore
/** Errors of the caller's own making: they pass through unchanged. */
const ours = (error) =>
  isFromCallback(error) ||
  error?.message === "the caller's own" ||
  /has been revoked/.test(error?.message) ||
  error?.name === "AbortError";
const roots = [Object.prototype, Array.prototype, Function.prototype].map((proto) => [
  proto,
  Reflect.ownKeys(proto).length,
]);
const say = (error) => `${error?.name}: ${String(error?.message ?? error).slice(0, 160)}`;

/** Leaves the arguments of the present call where the watcher finds them if it never ends. */
function tell(text) {
  const { written } = new TextEncoder().encodeInto(text, scratch);
  new Uint8Array(words).set(scratch.subarray(0, written), 4);
  Atomics.store(new Int32Array(words), 0, written);
}
const scratch = new Uint8Array(words.byteLength - 4);

let current;
process.on("unhandledRejection", (error) => ours(error) || parentPort.postMessage({ fault: { ...current, what: `leaves a rejection unhandled: ${say(error)}`, args: "" } })); // prettier-ignore

async function call({ entry, name, f }, valid, pick) {
  const args = spoiltArguments(valid, pick, options.get(name));
  if (pick(4) === 0) freezeDeep(args);
  const before = print(args);
  tell(before);
  const fault = (what) =>
    parentPort.postMessage({
      fault: {
        entry,
        name,
        what,
        args: before.length > 4000 ? `${before.slice(0, 2000)}${before.slice(-2000)}` : before,
      },
    });
  const judge = (error, verb) => {
    if (!isTyped(error) && !ours(error)) fault(`${verb} ${say(error)}`);
  };
  const look = (value) => {
    if (!mayBeNan.has(name.split("(")[0]) && isTame(args) && hasNan(value))
      fault("gives NaN for finite input");
  };
  try {
    const result = f(...args);
    if (typeof result?.then === "function") {
      let timer;
      const late = new Promise((resolve) => (timer = setTimeout(resolve, 2000)));
      await Promise.race([result.then(look, (error) => judge(error, "rejects with")), late]);
      clearTimeout(timer);
    } else if (typeof result?.next === "function") {
      try {
        for (let n = 0; n < 3; n++) await result.next();
      } finally {
        await result.return?.();
      }
    } else look(result);
  } catch (error) {
    judge(error, "throws");
  }
  if (print(args) !== before && !WRITES.has(name)) fault("changed its argument");
  for (const [proto, size] of roots)
    if (Reflect.ownKeys(proto).length !== size || {}.polluted !== undefined) {
      delete Object.prototype.polluted;
      fault("polluted a prototype");
    }
}

async function batch(i, wanted, msLimit, salt) {
  const target = targets[i];
  current = { entry: target.entry, name: target.name };
  parentPort.postMessage({ enter: { i, ...current } });
  const valid = (calls.get(target.f) ?? []).map(({ args }) => args);
  const pick = generator(seed * 7919 + i * shards + shard + salt);
  const start = performance.now();
  let k = 0;
  while (k < wanted && (k === 0 || performance.now() - start < msLimit)) {
    Atomics.add(done, i, 1);
    await call(target, valid, pick);
    k++;
  }
  return performance.now() - start < msLimit;
}

// every function gets its share, as far as its time allows; what the slow ones leave goes to the quick ones
const quick = [];
for (let i = 0; i < targets.length; i++)
  if (!skip.includes(i) && (done[i] >= callsEach || (await batch(i, callsEach, msEach, 0))))
    quick.push(i);
for (let round = 1; round < 20 && quick.length > 0; round++) {
  const missing = total - done.reduce((a, b) => a + b, 0);
  if (missing <= 0) break;
  const each = Math.ceil(missing / quick.length);
  for (let k = quick.length - 1; k >= 0; k--)
    if (!(await batch(quick[k], each, 2 * msEach, round * 104729))) quick.splice(k, 1);
}
parentPort.postMessage({ finished: { targets: targets.length, silent: targets.filter(({ f }) => !calls.has(f)).map(({ entry, name }) => `${entry} ${name}`) } }); // prettier-ignore
