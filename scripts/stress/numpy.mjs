// npm run stress -- numpy [count] [operation]: random calls of core-tensor, eager and compiled, held against NumPy on the same numbers.
//
// Needs python3 with NumPy (and SciPy for special functions); where there is none the part says so and counts as skipped. A finding is
// a result that differs by more than the rounding that its kind of computation allows, another shape or kind of number, or a refusal
// on one side only.
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CoreTensorError, toTypedArray } from "@provably/core-tensor";
import { compile } from "@provably/core-tensor/compile";
import { generator } from "./hostile.mjs";
import { draws, table } from "./numpy/calls.mjs";

const WINDOW = 200;

/** Starts NumPy and gives a function that evaluates calls in order, or the reason why there is none. */
export async function startNumpy() {
  const python = spawnSync("python3", ["-c", "import numpy"], { encoding: "utf8" });
  if (python.status !== 0) return { reason: "there is no python3 with NumPy" };
  const child = spawn("python3", [fileURLToPath(new URL("./numpy/peer.py", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  const { numpy } = await next();
  return {
    numpy,
    send: (call) => child.stdin.write(`${JSON.stringify(call)}\n`),
    next,
    end: () => child.stdin.end(),
  };
}

const bytes = (x) => Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString("base64");
const doubles = (text) => {
  const raw = Buffer.from(text, "base64");
  return new Float64Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
};

const kindOf = (dtype) => (dtype === "bool" ? "bool" : /int/.test(dtype) ? "integer" : "float");
const EPSILON = { float32: 2 ** -24, float64: 2 ** -53 };
const SMALLEST = { float32: 2 ** -149, float64: 2 ** -1074 };
const NORMAL = { float32: 2 ** -126, float64: 2 ** -1022 };

/** What is wrong with a result of ours, or undefined. */
export function difference(ours, theirs, bound) {
  if (theirs.refused !== undefined || ours.refused !== undefined) {
    if (theirs.refused !== undefined && ours.refused !== undefined) return undefined;
    return ours.refused === undefined
      ? `NumPy refuses: ${theirs.refused}`
      : `we refuse: ${ours.refused}`;
  }
  const { y } = ours;
  if (y.shape.join() !== theirs.shape.join()) return `shape [${y.shape}], NumPy [${theirs.shape}]`;
  if (kindOf(y.dtype) !== kindOf(theirs.dtype)) return `${y.dtype}, NumPy ${theirs.dtype}`;
  const got = toTypedArray(y);
  const want = doubles(theirs.data);
  const scale = theirs.scale === undefined ? undefined : doubles(theirs.scale);
  for (let i = 0; i < want.length; i++) {
    const truth = y.dtype === "float32" ? Math.fround(want[i]) : want[i];
    if (!near(got[i], truth, y.dtype, bound, scale?.[i], want[i])) return `element ${i} is ${text(got[i])}, NumPy ${text(truth)}`; // prettier-ignore
  }
  return undefined;
}

const text = (v) => (Object.is(v, -0) ? "-0" : String(v));

function near(
  got,
  truth,
  dtype,
  { ulps = 0, near: slack = 0, scaled, root, signless },
  scale,
  exact,
) {
  if (Number.isNaN(truth) || Number.isNaN(got)) return Number.isNaN(truth) && Number.isNaN(got);
  if (got === truth) return ulps !== 0 || signless || scaled !== undefined || truth !== 0 || kindOf(dtype) !== "float" || Object.is(got, truth); // prettier-ignore
  if (kindOf(dtype) !== "float") return false;
  const epsilon = EPSILON[dtype];
  if (scaled !== undefined) {
    if (!Number.isFinite(truth) || !Number.isFinite(got)) return false;
    const error = scaled * epsilon * (scale ?? Math.abs(truth)) + SMALLEST[dtype] * scaled;
    // the root of a number near zero has the root of its error
    return Math.abs(got - truth) <= (root ? Math.min(error / Math.max(Math.abs(truth), 1e-300), Math.sqrt(error)) + 8 * epsilon * Math.abs(truth) : error); // prettier-ignore
  }
  if (!Number.isFinite(truth) || !Number.isFinite(got)) {
    // at the edge of the range one unit decides
    const most = dtype === "float32" ? 3.4028234663852886e38 : Number.MAX_VALUE;
    return ulps > 0 && Math.abs(exact) >= most * (1 - 2 * ulps * epsilon) && Math.sign(got) === Math.sign(exact) && Math.abs(got) >= most * (1 - 4 * ulps * epsilon); // prettier-ignore
  }
  const unit = Math.abs(truth) < NORMAL[dtype] ? SMALLEST[dtype] : 2 * epsilon * Math.abs(truth);
  return Math.abs(got - truth) <= ulps * unit + slack;
}

/** Our results of a call, eager and compiled; typed refusals are results too. */
function evaluate({ call, arrays }, compiled) {
  const attempt = (f) => {
    try {
      return { y: f(...arrays) };
    } catch (error) {
      if (error instanceof CoreTensorError) return { refused: error.message };
      return { y: undefined, crash: `${error?.name}: ${error?.message}` };
    }
  };
  return [["eager", attempt(call)], ...(compiled ? [["compiled", attempt((...xs) => compile(call)(...xs))]] : [])]; // prettier-ignore
}

/** `count` calls from a seed: what was found, by operation. */
export async function compareWithNumpy(count, { only, seed = 1 } = {}) {
  const peer = await startNumpy();
  if (peer.reason !== undefined) return { skipped: peer.reason, findings: [], calls: 0 };
  const pick = generator(seed);
  const g = draws(pick);
  const entries = table.filter(({ op }) => only === undefined || op === only);
  const findings = [];
  const pending = [];
  let calls = 0;
  const settle = async () => {
    const { op, made, compiled } = pending.shift();
    const theirs = await peer.next();
    if (theirs.unknown !== undefined) return;
    for (const [how, ours] of evaluate(made, compiled)) {
      calls++;
      const wrong = ours.crash ?? difference(ours, theirs, made.bound);
      if (wrong === undefined) continue;
      const given = made.inputs.map(({ dtype, shape, data }) => `${dtype}[${shape}] ${Array.from(data.slice(0, 12), text)}`); // prettier-ignore
      findings.push({
        op,
        how,
        wrong,
        given: `${given.join(" | ")} ${JSON.stringify(made.attrs)}`,
      });
    }
  };
  for (let n = 0; n < count; n++) {
    const { op, make, eagerOnly = false } = entries[n % entries.length];
    const made = make(g);
    peer.send({ op, attrs: made.attrs, inputs: made.inputs.map((spec) => ({ ...spec, data: bytes(spec.data) })) }); // prettier-ignore
    pending.push({ op, made, compiled: !eagerOnly && pick(2) === 0 });
    if (pending.length >= WINDOW) await settle();
  }
  while (pending.length > 0) await settle();
  peer.end();
  return { findings, calls, numpy: peer.numpy };
}

export async function runNumpy(count = 30_000, only, seed = 1) {
  const { skipped, findings, calls, numpy } = await compareWithNumpy(Number(count), { only, seed: Number(seed) }); // prettier-ignore
  if (skipped !== undefined) {
    console.log(`SKIPPED: ${skipped}`);
    return 0;
  }
  const byKind = grouped(findings);
  for (const [kind, list] of byKind) {
    console.log(`${kind}: ${list.length} findings`);
    for (const { wrong, given } of list.slice(0, 3)) console.log(`    ${wrong}\n      ${given}`);
  }
  console.log(`${calls} results against NumPy ${numpy}: ${findings.length} findings`);
  return findings.length;
}

function grouped(findings) {
  const groups = new Map();
  for (const finding of findings) {
    const kind = `${finding.op}, ${finding.how}`;
    groups.set(kind, [...(groups.get(kind) ?? []), finding]);
  }
  return groups;
}
