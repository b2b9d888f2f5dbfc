// npm run stress -- abort [name]: every function that takes a signal, aborted at random moments of a long run. From the abort to the end it has 200 ms.
/* global AbortSignal, DOMException, clearTimeout */
import { globSync } from "tinyglobby";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { generator } from "./hostile.mjs";
import { runs } from "./abort/runs.mjs";

export const LIMIT_MS = 200;
/** Runs are cut off here when nobody aborted them before. */
const LONGEST_MS = 2000;

/** Processor time in ms: on a busy machine the clock goes on while this process waits. */
const processor = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/**
 * A signal that is aborted by the clock, as one whose state another thread sets: a function that never leaves its turn of the event loop sees it as soon as
 * it looks. Also aborted by a timer, for those that wait.
 */
function timedSignal(afterMs) {
  const controller = new AbortController();
  const { signal } = controller;
  const start = processor();
  const looks = [];
  const look = () => {
    const at = processor() - start;
    looks.push(at);
    if (at >= afterMs) controller.abort(new DOMException("enough", "AbortError"));
  };
  const { get } = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted");
  Object.defineProperty(signal, "aborted", { get: () => (look(), get.call(signal)) });
  Object.defineProperty(signal, "throwIfAborted", {
    value: () => (look(), AbortSignal.prototype.throwIfAborted.call(signal)),
  });
  const timer = setTimeout(
    () => controller.abort(new DOMException("enough", "AbortError")),
    afterMs,
  );
  return { signal, looks, elapsed: () => processor() - start, stop: () => clearTimeout(timer) };
}

/**
 * How long one run takes to end after an abort at `afterMs`, in ms of processor time, and the longest time between two looks at the signal (from the start and
 * to the end included): no abort can take longer than that. Undefined where the run ended before the abort.
 */
async function abortAt(run, afterMs) {
  const { signal, looks, elapsed, stop } = timedSignal(afterMs);
  let reason;
  try {
    await run(signal);
  } catch (error) {
    reason = error;
  }
  stop();
  const end = elapsed();
  if (reason !== undefined && reason.message !== "enough") throw reason;
  const gap = [...looks, end].reduce(
    ([most, last], at) => [Math.max(most, at - last), at],
    [0, 0],
  )[0];
  return { aborted: reason !== undefined, delay: Math.max(0, end - afterMs), gap, end };
}

/** The slowest of some aborts at random moments of a run, and the longest time between two looks at its signal. */
export async function abortOften(name, times, seed = 1) {
  const pick = generator(seed);
  // the first call makes what all calls share: models, data, compiled kernels
  const { end } = await abortAt(runs[name], LONGEST_MS);
  const result = { aborts: 0, slowest: 0, gap: 0, length: end };
  for (let i = 0; i < times; i++) {
    const { aborted, delay, gap } = await abortAt(
      runs[name],
      pick(Math.ceil(Math.min(LONGEST_MS, 0.7 * end))),
    );
    result.gap = Math.max(result.gap, gap);
    if (!aborted) continue;
    result.aborts++;
    result.slowest = Math.max(result.slowest, delay);
  }
  return result;
}

/** The functions of the public interface that take an option, by the report of the interface: in their own signature, or in that of their options. */
export function functionsTaking(option) {
  const names = new Set();
  for (const file of globSync("packages/*/test/api.txt", {
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    absolute: true,
  })) {
    const lines = readFileSync(file, "utf8").split("\n");
    const types = new Map(
      lines.map((line) => /^(\w+Options): (?:interface|type) (.*)$/.exec(line)?.slice(1) ?? []),
    );
    const takes = (text, seen) =>
      option.test(text) ||
      [...text.matchAll(/\b\w+Options\b/g)].some(
        ([type]) => types.has(type) && !seen.has(type) && takes(types.get(type), seen.add(type)),
      );
    for (const line of lines) {
      const [, name, rest] = /^(\w+): function (.*)$/.exec(line) ?? [];
      // what follows the parentheses is the result
      if (name !== undefined && takes(rest.replace(/\): [^)]*$/, ""), new Set())) names.add(name);
    }
  }
  return [...names];
}
export const abortable = () => functionsTaking(/signal\?: AbortSignal/);

/** Where more time passes between two looks, and why. */
const KNOWN = {
  "trainMatte, vectors": "its program is made in one go before the first step",
  "trainMatte, text": "its program is made in one go before the first step",
  pretrain: "its program is made in one go before the first step",
  pretrainContrastive: "its program is made in one go before the first step",
};

export async function runAbort(only = "") {
  let failures = 0;
  for (const name of Object.keys(runs).filter((run) => run.includes(only))) {
    const { aborts, slowest, gap, length } = await abortOften(name, 5);
    // random moments may miss the longest wait, so that counts too
    const late = Math.max(slowest, gap) > LIMIT_MS;
    console.log(`${late ? "LATE " : ""}${name}: ${aborts} aborts, the slowest after ${slowest.toFixed(0)} ms; looks every ${gap.toFixed(0)} ms at least (${(length / 1000).toFixed(1)} s)${KNOWN[name] === undefined ? "" : `; ${KNOWN[name]}`}`); // prettier-ignore
    if (late && KNOWN[name] === undefined) failures++;
  }
  return failures;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exit((await runAbort(process.argv[2])) === 0 ? 0 : 1);
